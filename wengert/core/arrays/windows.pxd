# The C side of windows.py.
cimport cython
cimport numpy as cnp
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF

cdef extern from "numpy/arrayobject.h":
    object PyArray_NewFromDescr(
        PyTypeObject *subtype, cnp.PyArray_Descr *descr, int count, cnp.npy_intp *shape, cnp.npy_intp *steps, void *data,
        int flags, PyObject *like
    )
    void PyArray_UpdateFlags(cnp.ndarray array, int flags)

cdef enum:
    MOST = 60

cdef inline object looked(object a, int count, cnp.npy_intp *shape, cnp.npy_intp *steps, cnp.npy_intp offset):
    """An array of other dims over the memory of `a`, whose owner it keeps alive."""
    cdef cnp.PyArray_Descr *descr = cnp.PyArray_DESCR(a)
    Py_INCREF(<object> descr)
    cdef cnp.ndarray made = PyArray_NewFromDescr(
        <PyTypeObject *> cnp.ndarray, descr, count, shape, steps, <char *> cnp.PyArray_DATA(a) + offset,
        cnp.PyArray_FLAGS(a) & cnp.NPY_ARRAY_WRITEABLE, NULL
    )
    cnp.set_array_base(made, a)
    PyArray_UpdateFlags(made, cnp.NPY_ARRAY_UPDATE_ALL)
    return made

cdef inline object shaped_as(object a, tuple size):
    """A contiguous array under another shape; None where the lengths do not fit."""
    cdef cnp.npy_intp shape[64]
    cdef cnp.npy_intp length, known = 1, total = cnp.PyArray_SIZE(a)
    cdef Py_ssize_t i, unknown = -1, count = len(size)
    cdef cnp.PyArray_Dims dims
    if count > MOST or total == 0:
        return None
    for i in range(count):
        value = size[i]
        if type(value) is not int:
            return None
        length = value
        if length == -1 and unknown < 0:
            unknown = i
            continue
        if length < 1 or length > total // known:
            return None
        shape[i] = length
        known *= length
    if unknown >= 0:
        if total % known:
            return None
        shape[unknown] = total // known
    elif known != total:
        return None
    dims.ptr, dims.len = shape, <int> count
    return cnp.PyArray_Newshape(a, &dims, cnp.NPY_CORDER)

cpdef object reshaped(object a, object size)
cpdef object expanded(tuple args)
cpdef object selected(tuple args)
cpdef object narrowed(tuple args)
cpdef object inserted(tuple args)
cdef cnp.npy_intp within(object index, cnp.npy_intp n)
