# The C side of function_node.py.
cimport cython
from wengert.core.tape.core cimport Node, TensorBase, fit_raw, to_array, wrap

cdef class FunctionFields(Node):
    cdef public object _metas
    cdef public object _fits
    cdef public object _places
    cdef public object needs_input_grad
    cdef public object to_save
    cdef public object dirty_tensors
    cdef public object non_differentiable
    @cython.locals(x=TensorBase, grads=list, given=list, i=cython.Py_ssize_t)
    cpdef object vjp(self, object g)
    cpdef object release(self)
