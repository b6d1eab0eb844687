# The C side of blocks.py: its operations as loops on contiguous arrays of one floating dtype and length.
cimport cython
cimport numpy as cnp
from libc.math cimport sqrt as root_of, sqrtf as root_of_float
from wengert.core.arrays.windows cimport reshaped
from wengert.core.tape.core cimport TensorBase, VersionCounter

ctypedef fused real:
    float
    double

cdef class ArrayForms:
    cdef public dict memory
    cdef public list buffers
    cdef public Py_ssize_t used
    cdef public Py_ssize_t length
    cpdef open(self, object like)
    cpdef object temporary(self, object like)
    cpdef object add_(self, object x, object y, object alpha=*)
    cpdef object mul_(self, object x, object c)
    cpdef object addcmul(self, object x, object a, object b, object value, object out=*)
    cpdef object lerp(self, object x, object y, object w, object out=*)

cpdef object flattened(object array)
@cython.locals(x=TensorBase, flat=list)
cpdef object flat_parts(TensorBase p, TensorBase g, list state)
@cython.locals(x=TensorBase, first=TensorBase, counter=VersionCounter, i=cython.Py_ssize_t, lasti=cython.int)
cpdef count_writes(list tensors)

cdef inline int kind_of(object out, object x):
    """The type number of two plain contiguous arrays of one floating dtype and length; else 0."""
    cdef int kind
    if not (cnp.PyArray_CheckExact(out) and cnp.PyArray_CheckExact(x)):
        return 0
    kind = cnp.PyArray_TYPE(out)
    if (kind != cnp.NPY_FLOAT and kind != cnp.NPY_DOUBLE) or cnp.PyArray_TYPE(x) != kind:
        return 0
    if cnp.PyArray_SIZE(out) != cnp.PyArray_SIZE(x):
        return 0
    if not cnp.PyArray_ISCARRAY(out) or not cnp.PyArray_ISCARRAY_RO(x):
        return 0
    return kind

cdef inline bint is_number(object x):
    return type(x) is float or type(x) is int

cdef inline void sum_loop(real *out, real *x, real *a, real *b, real c, real constant, Py_ssize_t n) noexcept:
    """out = x + (c a) b; without b, x + c a; without a, x + constant."""
    cdef Py_ssize_t i
    if a == NULL:
        for i in range(n):
            out[i] = x[i] + constant
    elif b == NULL:
        for i in range(n):
            out[i] = x[i] + c * a[i]
    else:
        for i in range(n):
            out[i] = x[i] + (c * a[i]) * b[i]

cdef inline bint summed(object out, object x, object a, object b, object c) except -1:
    """out = x + (c a) b; b may be None, then a may be a number and c 1."""
    cdef int kind = kind_of(out, x)
    cdef Py_ssize_t n
    cdef double factor, constant = 0
    cdef void *pa = NULL
    cdef void *pb = NULL
    if not kind or not is_number(c):
        return False
    n, factor = cnp.PyArray_SIZE(out), c
    if is_number(a):
        if factor != 1 or b is not None:
            return False
        constant = a
    else:
        if kind_of(out, a) != kind:
            return False
        pa = cnp.PyArray_DATA(a)
    if b is not None:
        if kind_of(out, b) != kind:
            return False
        pb = cnp.PyArray_DATA(b)
    if kind == cnp.NPY_FLOAT:
        sum_loop(<float *> cnp.PyArray_DATA(out), <float *> cnp.PyArray_DATA(x), <float *> pa, <float *> pb,
                 <float> factor, <float> constant, n)
    else:
        sum_loop(<double *> cnp.PyArray_DATA(out), <double *> cnp.PyArray_DATA(x), <double *> pa, <double *> pb,
                 factor, constant, n)
    return True

cdef inline void divide_loop(real *out, real *x, real *a, real *b, real c, Py_ssize_t n) noexcept:
    """out = x + (c a) / b."""
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = x[i] + (c * a[i]) / b[i]

cdef inline bint divided(object out, object x, object a, object b, object c) except -1:
    """out = x + (c a) / b."""
    cdef int kind = kind_of(out, x)
    cdef Py_ssize_t n
    cdef double factor
    if not kind or not is_number(c) or kind_of(out, a) != kind or kind_of(out, b) != kind:
        return False
    n, factor = cnp.PyArray_SIZE(out), c
    if kind == cnp.NPY_FLOAT:
        divide_loop(<float *> cnp.PyArray_DATA(out), <float *> cnp.PyArray_DATA(x), <float *> cnp.PyArray_DATA(a),
                    <float *> cnp.PyArray_DATA(b), <float> factor, n)
    else:
        divide_loop(<double *> cnp.PyArray_DATA(out), <double *> cnp.PyArray_DATA(x), <double *> cnp.PyArray_DATA(a),
                    <double *> cnp.PyArray_DATA(b), factor, n)
    return True

cdef inline void product_loop(real *out, real *x, real *y, real c, Py_ssize_t n) noexcept:
    """out = x y, or c x."""
    cdef Py_ssize_t i
    if y == NULL:
        for i in range(n):
            out[i] = x[i] * c
    else:
        for i in range(n):
            out[i] = x[i] * y[i]

cdef inline bint multiplied(object out, object x, object y) except -1:
    """out = x y; y may be a number."""
    cdef int kind = kind_of(out, x)
    cdef double factor = 1
    cdef void *py = NULL
    if not kind:
        return False
    if is_number(y):
        factor = y
    elif kind_of(out, y) == kind:
        py = cnp.PyArray_DATA(y)
    else:
        return False
    if kind == cnp.NPY_FLOAT:
        product_loop(<float *> cnp.PyArray_DATA(out), <float *> cnp.PyArray_DATA(x), <float *> py, <float> factor,
                     cnp.PyArray_SIZE(out))
    else:
        product_loop(<double *> cnp.PyArray_DATA(out), <double *> cnp.PyArray_DATA(x), <double *> py, factor,
                     cnp.PyArray_SIZE(out))
    return True

cdef inline void quotient_loop(real *out, real *x, real *y, real a, real b, Py_ssize_t n) noexcept:
    """out = x / y; without x, a / y; without y, x / b."""
    cdef Py_ssize_t i
    if x == NULL:
        for i in range(n):
            out[i] = a / y[i]
    elif y == NULL:
        for i in range(n):
            out[i] = x[i] / b
    else:
        for i in range(n):
            out[i] = x[i] / y[i]

cdef inline bint quotient(object out, object x, object y) except -1:
    """out = x / y; one of them may be a number."""
    cdef int kind
    cdef double a = 0, b = 0
    cdef void *px = NULL
    cdef void *py = NULL
    if is_number(x):
        kind, a = kind_of(out, y), x
    else:
        kind = kind_of(out, x)
        if kind:
            px = cnp.PyArray_DATA(x)
    if not kind:
        return False
    if is_number(y):
        b = y
    elif kind_of(out, y) == kind:
        py = cnp.PyArray_DATA(y)
    else:
        return False
    if kind == cnp.NPY_FLOAT:
        quotient_loop(<float *> cnp.PyArray_DATA(out), <float *> px, <float *> py, <float> a, <float> b,
                      cnp.PyArray_SIZE(out))
    else:
        quotient_loop(<double *> cnp.PyArray_DATA(out), <double *> px, <double *> py, a, b, cnp.PyArray_SIZE(out))
    return True

cdef inline void lerp_loop(real *out, real *x, real *y, real w, bint near, Py_ssize_t n) noexcept:
    """out = x + w (y - x), or y - w (y - x)."""
    cdef Py_ssize_t i
    if near:
        for i in range(n):
            out[i] = x[i] + (y[i] - x[i]) * w
    else:
        for i in range(n):
            out[i] = y[i] - (y[i] - x[i]) * w

cdef inline bint lerped(object out, object x, object y, object w) except -1:
    """out = x + w (y - x), from the nearer end."""
    cdef int kind = kind_of(out, x)
    cdef double weight
    cdef bint near
    if not kind or not is_number(w) or kind_of(out, y) != kind:
        return False
    weight = w
    near = weight < 0.5
    if not near:
        weight = 1 - weight
    if kind == cnp.NPY_FLOAT:
        lerp_loop(<float *> cnp.PyArray_DATA(out), <float *> cnp.PyArray_DATA(x), <float *> cnp.PyArray_DATA(y),
                  <float> weight, near, cnp.PyArray_SIZE(out))
    else:
        lerp_loop(<double *> cnp.PyArray_DATA(out), <double *> cnp.PyArray_DATA(x), <double *> cnp.PyArray_DATA(y),
                  weight, near, cnp.PyArray_SIZE(out))
    return True

cdef inline bint root(object out, object x) except -1:
    """out = sqrt(x)."""
    cdef int kind = kind_of(out, x)
    cdef Py_ssize_t i, n
    cdef float *f
    cdef float *g
    cdef double *d
    cdef double *e
    if not kind:
        return False
    n = cnp.PyArray_SIZE(out)
    if kind == cnp.NPY_FLOAT:
        f, g = <float *> cnp.PyArray_DATA(out), <float *> cnp.PyArray_DATA(x)
        for i in range(n):
            f[i] = root_of_float(g[i])
    else:
        d, e = <double *> cnp.PyArray_DATA(out), <double *> cnp.PyArray_DATA(x)
        for i in range(n):
            d[i] = root_of(e[i])
    return True
