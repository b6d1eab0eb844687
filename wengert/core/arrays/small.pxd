# How small.py compiles: its functions as C functions that other modules call directly.
cimport cython
cimport numpy as cnp
from cpython.object cimport PyObject

cdef enum:
    ADD = 0
    SUBTRACT = 1
    MULTIPLY = 2
    DIVIDE = 3
    LOOP = 32769
    WORK = 1048576

cdef object room(int nd, cnp.npy_intp *dims, int kind)
cdef object like(object a)
cdef void put_away(PyObject *array) noexcept
cpdef object add(object a, object b)
cpdef object subtract(object a, object b)
cpdef object multiply(object a, object b)
cpdef object divide(object a, object b)
cpdef object square(object a)
cpdef object cube(object a)
cpdef object negative(object a)
cpdef object relu(object a)
cpdef object tanh_slope(object g, object out)
cpdef object relu_slope(object g, object out)
cpdef object total(object a)
cpdef object rows_sum(object a)
cpdef object dot(object a, object b)
cpdef object dot_right(object g, object b)
cpdef object dot_left(object a, object g)
cpdef object dot_bias(object a, object w, object b)
cpdef object filled(object shape, object value)
cpdef object write(int op, object a, object b)
cpdef bint transfer(object target, object result) except -1
cpdef bint in_one_piece(object a) except -1

cdef inline int same_floats(object a, object b):
    """The type number of two plain arrays of one native dtype out of float32, float64; else 0."""
    cdef int kind
    if not (cnp.PyArray_CheckExact(a) and cnp.PyArray_CheckExact(b)):
        return 0
    kind = cnp.PyArray_TYPE(a)
    if (kind == cnp.NPY_FLOAT or kind == cnp.NPY_DOUBLE) and cnp.PyArray_TYPE(b) == kind:
        return kind if cnp.PyArray_ISNOTSWAPPED(a) and cnp.PyArray_ISNOTSWAPPED(b) else 0
    return 0

cdef inline int floating(object a):
    """The type number of a plain array of native float32 or float64; else 0."""
    cdef int kind
    if not cnp.PyArray_CheckExact(a):
        return 0
    kind = cnp.PyArray_TYPE(a)
    return kind if (kind == cnp.NPY_FLOAT or kind == cnp.NPY_DOUBLE) and cnp.PyArray_ISNOTSWAPPED(a) else 0

cdef inline bint is_large(object a):
    """Whether a plain array is for the functions of large ones."""
    return cnp.PyArray_CheckExact(a) and cnp.PyArray_SIZE(a) >= 4096

cdef inline bint same_shape(object a, object b):
    """Whether two arrays have one shape."""
    return cnp.PyArray_SAMESHAPE(a, b)

cdef inline int dims_of(object a):
    """How many dims an array has."""
    return cnp.PyArray_NDIM(a)

cdef inline Py_ssize_t length_of(object a, int dim):
    """The length of a dim."""
    return cnp.PyArray_DIM(a, dim)
