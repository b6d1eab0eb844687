# The C side of shortcuts.py.
cimport cython
from wengert.core.arrays.windows cimport reshaped
from wengert.core.tape.calls cimport Form, viewed
from wengert.core.tape.core cimport TensorBase

cdef object PLAIN, OFF
cdef Form _VIEW
cdef object _mode_get()
cpdef object shaped(tuple args)
cpdef object reshaped_view(TensorBase x, object size)
@cython.locals(n=cython.longlong, rest=cython.longlong, x=TensorBase)
cpdef object flattened(tuple args)
