# The C side of views.py.
cimport cython
from wengert.core.tape.core cimport Node, TensorBase, VersionCounter

cdef class Extra:
    cdef public object view
    cdef public object grad
    cdef public object retains
    cdef public object marks

cdef class Link:
    cdef public object op
    cdef public object args
    cdef public object nr
    cdef public object shape
    cdef public object outputs

cdef class ViewInfo:
    cdef public object base
    cdef public object chain
    cdef public object creation

cpdef Extra extra_of(TensorBase x)
cpdef VersionCounter counter_of(TensorBase x)
cpdef object view_info(TensorBase x)
cpdef register_view(TensorBase out, TensorBase source, object op, object args, object mode, object nr, object many=*)
cpdef bint shares_memory(TensorBase out, TensorBase source) except -1
@cython.locals(above=ViewInfo, info=ViewInfo, vc=VersionCounter)
cpdef link_view(TensorBase out, TensorBase source, object link, object mode, object creation)
