# The C side of inplace.py.
cimport cython
from wengert.core.arrays.loops_elementwise cimport written_over
from wengert.core.arrays.small cimport in_one_piece, transfer
from wengert.core.tape.core cimport TensorBase, VersionCounter
from wengert.core.tape.core cimport count_write

cdef object PLAIN, OFF, F32, F64, I64, _ndarray
@cython.locals(values=list, used=cython.Py_ssize_t, i=cython.Py_ssize_t)
cpdef object completed(tuple params, dict defaults, tuple args, dict kwargs)
@cython.locals(x=TensorBase, t=TensorBase, raw=list, real=bint, flags=cython.longlong, i=cython.Py_ssize_t)
cpdef object plain_arrays(object op, tuple places, tuple args)
@cython.locals(x=TensorBase, vc=VersionCounter, raw=list)
cpdef bint written_plainly(object op, tuple places, tuple args) except -1
@cython.locals(size=cython.Py_ssize_t)
cpdef bint computed_over(object op, list raw, tuple args) except -1
