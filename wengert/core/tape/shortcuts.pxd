# The C side of shortcuts.py.
cimport cython
from wengert.core.arrays.windows cimport narrowed, reshaped
from wengert.core.tape.calls cimport viewed
from wengert.core.tape.forms cimport Form
from wengert.core.tape.core cimport TensorBase
from wengert.core.tape.dispatch cimport many_results

cdef long long CARE
cdef object PLAIN, OFF
cdef Form _VIEW
cdef object _mode_get()
cpdef object shaped(tuple args)
cpdef object reshaped_view(TensorBase x, object size)
@cython.locals(n=cython.longlong, count=cython.longlong, start=cython.longlong, width=cython.longlong, results=list)
cpdef object pieces(TensorBase x, object size, object dim)
@cython.locals(x=TensorBase)
cpdef object chunked(tuple args)
cpdef object split(tuple args)
@cython.locals(n=cython.longlong, rest=cython.longlong, x=TensorBase)
cpdef object flattened(tuple args)
