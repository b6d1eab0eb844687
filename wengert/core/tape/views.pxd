# The C side of views.py.
cimport cython
cimport numpy as cnp
from cpython.object cimport PyObject
from wengert.core.tape.core cimport Node, TensorBase, VersionCounter

cdef class Extra:
    cdef public object grad
    cdef public object retains
    cdef public object marks

cdef class Link:
    cdef public object op
    cdef public object args
    cdef public object nr
    cdef public object shape
    cdef public object outputs

cdef class ViewInfo(Extra):
    cdef public object base
    cdef public ViewInfo above
    cdef public object links
    cdef public object creation
    cdef public object op
    cdef public object args
    cdef public object nr
    cdef public object shape
    cdef public object outputs

cdef inline bint same_root(object a, object b):
    """Whether two plain arrays have their memory from one array, at first sight."""
    cdef PyObject *own = cnp.PyArray_BASE(a)
    return own != NULL and (own == <PyObject *> b or own == cnp.PyArray_BASE(b))

cdef object weak_reference(object x)
cdef object _new_info()
cdef object _new_counter()

cpdef Extra extra_of(TensorBase x)
cpdef VersionCounter counter_of(TensorBase x)
cpdef object view_info(TensorBase x)
cpdef register_view(TensorBase out, TensorBase source, object op, object args, object mode, object nr, object many=*)
@cython.locals(out=TensorBase)
cpdef register_views(list outs, TensorBase source, object op, object args, object mode)
cpdef bint shares_memory(TensorBase out, TensorBase source) except -1
@cython.locals(above=ViewInfo, info=ViewInfo, vc=VersionCounter)
cpdef link_view(
    TensorBase out, TensorBase source, object op, object args, object nr, object outputs, object mode, object creation
)
