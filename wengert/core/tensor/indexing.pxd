# The C side of indexing.py.
cimport cython
from wengert.core.tape.calls cimport viewed
from wengert.core.tape.core cimport OpNode, TensorBase, attach, new_node, wrap
from wengert.core.tape.forms cimport Form

cdef Form SELECT, SLICE, UNSQUEEZE, GATHERED
cdef tuple _PADDING, _LOOSE, _UNWRITTEN, _FIRST
cdef long long CARE
cdef object PLAIN, OFF
cpdef object select_array(object a, object dim, object index)
cpdef object cut_array(object a, object dim, object start, object stop, object step)
cpdef object widened_array(object a, object dim)
cpdef bint plain(TensorBase x) except -1
@cython.locals(
    out=TensorBase, shape=tuple, used=cython.Py_ssize_t, ndim=cython.Py_ssize_t, dots=cython.Py_ssize_t,
    dim=cython.Py_ssize_t, place=cython.Py_ssize_t,
)
cpdef object basic(TensorBase x, tuple key)
@cython.locals(out=TensorBase, node=OpNode)
cpdef object gathered(TensorBase x, TensorBase key)
cpdef object getitem(TensorBase x, object key)
