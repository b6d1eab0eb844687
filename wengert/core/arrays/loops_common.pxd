# What the modules of loops share: which arrays and numbers they take, and fresh memory.
cimport cython
cimport numpy as cnp
from libc cimport math
from wengert.core.arrays.small cimport room

ctypedef fused real:
    float
    double

# Up to how many elements a loop is no slower than NumPy's vectors: for a single function such as exp, for what takes
# NumPy several of them, for what needs no function, and for what only moves values.
cdef enum:
    FEW = 64
    SOME = 256
    MANY = 1024
    MOST = 4096
    WIDE = 32768  # loops that vectors.pxd has

cdef inline int small(object a, Py_ssize_t most):
    """The type number of a plain contiguous float32 or float64 array of at most `most` elements, else 0."""
    cdef int kind
    if not cnp.PyArray_CheckExact(a):
        return 0
    kind = cnp.PyArray_TYPE(a)
    if kind != cnp.NPY_FLOAT and kind != cnp.NPY_DOUBLE:
        return 0
    return kind if cnp.PyArray_SIZE(a) <= most and cnp.PyArray_ISCARRAY_RO(a) else 0

cdef inline bint flat(object a, int kind, Py_ssize_t most):
    """Whether a plain contiguous array has this type number and at most `most` elements."""
    return (
        cnp.PyArray_CheckExact(a)
        and cnp.PyArray_TYPE(a) == kind
        and cnp.PyArray_SIZE(a) <= most
        and cnp.PyArray_ISCARRAY_RO(a)
    )

cdef inline object like(object a):
    """Memory of a's shape and dtype, not filled."""
    return room(cnp.PyArray_NDIM(a), cnp.PyArray_DIMS(a), cnp.PyArray_TYPE(a))

cdef inline object fresh(object a, int kind):
    """Memory of a's shape and another dtype, not filled."""
    return room(cnp.PyArray_NDIM(a), cnp.PyArray_DIMS(a), kind)

cdef inline bint number(object c):
    """Whether c is a float or int that float32 takes without overflow."""
    cdef double value
    if type(c) is float:
        value = c
        return -3.0e38 < value < 3.0e38 or value != value or value - value != 0
    return type(c) is int and -4503599627370496 < c < 4503599627370496

cdef inline float *floats(object a):
    return <float *> cnp.PyArray_DATA(a)

cdef inline double *doubles(object a):
    return <double *> cnp.PyArray_DATA(a)

cdef inline void *data(object a):
    return cnp.PyArray_DATA(a)

cdef inline real fit(real like, double value) noexcept:
    """A value rounded to the other's dtype."""
    return <real> value

cdef inline real raised(real x, real c) noexcept:
    """max(x, c); nan wins."""
    return x if x > c or x != x else c

cdef inline real lowered(real x, real c) noexcept:
    """min(x, c); nan wins."""
    return x if x < c or x != x else c

cdef inline real root(real x) noexcept:
    """The square root."""
    return <real> math.sqrt(x)

cdef inline real power(real x, real e) noexcept:
    """x ** e, by the shorter ways that the body takes."""
    if e == 2:
        return x * x
    if e == 1:
        return x
    if e == 3:
        return x * x * x
    if e == 0.5:
        return root(x)
    if e == -1:
        return 1 / x
    if e == -0.5:
        return 1 / root(x)
    return <real> math.pow(x, e)

cdef inline real sigmoid(real x) noexcept:
    """1 / (1 + exp(-x))."""
    cdef real t = <real> math.exp(-x)
    return 1 / (t + 1)

cdef inline double normal(real x) noexcept:
    """The normal distribution function; float64 cancels in the tail as the body does."""
    if real is float:
        return 0.5 * math.erfc(x * -0.7071067811865476)
    else:
        return 0.5 * (1 + math.erf(x * 0.7071067811865476))

cdef inline double bend(real x) noexcept:
    """tanh(sqrt(2 / pi) (x + 0.044715 x^3))."""
    cdef double w = x
    return math.tanh(w * (0.7978845608028654 + w * w * (0.7978845608028654 * 0.044715)))

cdef inline real pairwise(real *a, Py_ssize_t n) noexcept:
    """The sum in NumPy's order."""
    cdef real r[8]
    cdef real s = -0.0
    cdef Py_ssize_t i
    if n < 8:
        for i in range(n):
            s += a[i]
        return s
    if n > 128:
        i = n // 2
        i -= i % 8
        return pairwise(a, i) + pairwise(a + i, n - i)
    for i in range(8):
        r[i] = a[i]
    for i in range(8, n - n % 8, 8):
        r[0] += a[i]
        r[1] += a[i + 1]
        r[2] += a[i + 2]
        r[3] += a[i + 3]
        r[4] += a[i + 4]
        r[5] += a[i + 5]
        r[6] += a[i + 6]
        r[7] += a[i + 7]
    s = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]))
    for i in range(n - n % 8, n):
        s += a[i]
    return s

cdef inline bint spans(object a, object dim, Py_ssize_t *s):
    """s = (places before a dim, its length, places behind it); false unless dim is an int that names one."""
    cdef int i
    cdef int n = cnp.PyArray_NDIM(a)
    cdef int axis
    s[0] = s[1] = s[2] = 1
    if type(dim) is not int or not -32 <= dim < 32:
        return False
    axis = dim
    if n == 0:
        return axis == 0 or axis == -1
    if axis < 0:
        axis += n
    if axis < 0 or axis >= n:
        return False
    for i in range(axis):
        s[0] *= cnp.PyArray_DIM(a, i)
    s[1] = cnp.PyArray_DIM(a, axis)
    for i in range(axis + 1, n):
        s[2] *= cnp.PyArray_DIM(a, i)
    return True

cdef inline real added(real *x, Py_ssize_t n, Py_ssize_t step) noexcept:
    """The sum of n elements, `step` apart, in NumPy's order."""
    cdef Py_ssize_t i
    cdef real s
    if step == 1:
        return pairwise(x, n)
    s = x[0]
    for i in range(1, n):
        s += x[i * step]
    return s

cdef inline bint reach(object a, object dim, Py_ssize_t *s, bint *gone):
    """`spans` for None and () (all dims) and tuples of dims side by side too; `gone` tells for each dim if it is in."""
    cdef int i
    cdef int n = cnp.PyArray_NDIM(a)
    cdef int axis
    cdef int state = 0
    for i in range(n):
        gone[i] = False
    if dim is None or (type(dim) is tuple and not dim):
        for i in range(n):
            gone[i] = True
    elif type(dim) is int:
        if not spans(a, dim, s):
            return False
        if n:
            axis = dim
            gone[axis + n if axis < 0 else axis] = True
        return True
    elif type(dim) is tuple:
        for one in <tuple> dim:
            if type(one) is not int or not -n <= one < n:
                return False
            axis = one
            if axis < 0:
                axis += n
            if gone[axis]:
                return False
            gone[axis] = True
    else:
        return False
    s[0] = s[1] = s[2] = 1
    for i in range(n):
        if gone[i]:
            if state > 1:
                return False
            state = 1
            s[1] *= cnp.PyArray_DIM(a, i)
        elif state == 0:
            s[0] *= cnp.PyArray_DIM(a, i)
        else:
            state = 2
            s[2] *= cnp.PyArray_DIM(a, i)
    return True

cdef inline object without(object a, bint *gone, bint keepdim, int kind):
    """Fresh memory of a's shape less the dims that went."""
    cdef cnp.npy_intp dims[64]
    cdef int i
    cdef int k = 0
    for i in range(cnp.PyArray_NDIM(a)):
        if not gone[i]:
            dims[k] = cnp.PyArray_DIM(a, i)
            k += 1
        elif keepdim:
            dims[k] = 1
            k += 1
    return cnp.PyArray_EMPTY(k, dims, kind, 0)

cdef inline bint ends(object a, object b):
    """Whether b has one element, or a's last dims."""
    cdef int i
    cdef int na = cnp.PyArray_NDIM(a)
    cdef int nb = cnp.PyArray_NDIM(b)
    if nb > na:
        return False
    if cnp.PyArray_SIZE(b) == 1:
        return True
    for i in range(1, nb + 1):
        if cnp.PyArray_DIM(a, na - i) != cnp.PyArray_DIM(b, nb - i):
            return False
    return True

cdef inline bint truths(object a, Py_ssize_t most):
    """Whether a is a plain contiguous array of booleans."""
    return flat(a, cnp.NPY_BOOL, most)

cdef inline cnp.npy_bool *bools(object a):
    return <cnp.npy_bool *> cnp.PyArray_DATA(a)

cdef inline cnp.npy_int64 *longs(object a):
    return <cnp.npy_int64 *> cnp.PyArray_DATA(a)
