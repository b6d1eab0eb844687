# The C side of function.py.
cimport cython
from wengert.core.tape.core cimport TensorBase, new_node
from wengert.core.tape.function_node cimport FunctionFields
from wengert.core.tape.outputs cimport recorded_call

cdef object PLAIN, OFF
cdef object _mode_get()
cdef object _enter(object mode)
cdef object _leave(object token)
@cython.locals(x=TensorBase, flags=cython.longlong, flag=cython.longlong, needs=list, tensors=list, node=FunctionFields)
cpdef object called(object cls, tuple args, dict kwargs)
