# The C side of outputs.py.
cimport cython
from wengert.core.tape.core cimport Result, TensorBase, attach, wrap
from wengert.core.tape.function_node cimport FunctionFields

cdef object PLAIN, OFF
@cython.locals(x=TensorBase, made=TensorBase, edges=list, fits=list, plain=bint)
cpdef object recorded_call(FunctionFields node, tuple args, list tensors, object out, object mode)
cpdef bint is_among(object x, list tensors) except -1
@cython.locals(x=TensorBase, saved=list, versions=list, dirty=bint, version=cython.longlong, i=cython.Py_ssize_t)
cpdef keep_saved(FunctionFields node, object mode)
