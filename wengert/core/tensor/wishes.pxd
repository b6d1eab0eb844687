# What a call that makes a tensor asks for, as compiled modules read it from the arguments.
cimport cython
cimport numpy as cnp
from cpython.object cimport PyObject

from wengert.core.tape.core cimport TensorBase

cdef extern from "Python.h":
    long long whole "PyLong_AsLongLongAndOverflow"(object, int *) except? -1

cdef enum:
    DIMS = 32
    MOST = 65536
    EMPTY = 2
    FULL = 3
    ARANGE = 4
    LINSPACE = 5
    EYE = 6
    TENSOR = 7
    AS_TENSOR = 8
    FROM_NUMPY = 9
    RAND = 10
    RANDN = 11
    RANDINT = 12
    ZEROS_LIKE = 13
    EMPTY_LIKE = 15
    FULL_LIKE = 16
    NEW_ZEROS = 17
    NEW_EMPTY = 19
    NEW_TENSOR = 20
    NEW_FULL = 21
    RAND_LIKE = 22
    UNIFORM = 24
    NORMAL = 25
    BERNOULLI = 26
    RANDOM = 27
    ZERO = 28
    COPY = 29
    BERNOULLI_OF = 30
    RANDPERM = 31
    NORMAL_OF = 32
    SCALAR = 33

cdef struct Wish:
    # What a new tensor shall be: NumPy's number of its dtype (-1: not said), its dims and elements, whether it is to
    # record, whose random numbers (NULL: the default generator's).
    int kind
    bint recorded
    int count
    cnp.npy_intp size
    cnp.npy_intp dims[32]
    PyObject *source

cdef inline bint length(object n, cnp.npy_intp *out, cnp.npy_intp *size) except -1:
    """A dim, `size` being the elements of those before it; False for what is no small whole number."""
    cdef int over = 0
    cdef long long value
    if type(n) is not int:
        return False
    value = whole(n, &over)
    if over or value < 0 or value > MOST or size[0] * value > MOST:
        return False
    out[0] = value
    size[0] *= value
    return True

cdef inline bint number(object given, double *out) except -1:
    """A Python float, or an int that a double holds."""
    cdef int over = 0
    cdef long long value
    if type(given) is float:
        out[0] = given
        return True
    if type(given) is not int:
        return False
    value = whole(given, &over)
    if over or value < -9007199254740992 or value > 9007199254740992:
        return False
    out[0] = <double> value
    return True

cdef inline bint is_float(int kind) noexcept:
    return kind == cnp.NPY_FLOAT or kind == cnp.NPY_DOUBLE

cdef inline bint is_known(int kind) noexcept:
    """Whether NumPy itself has the dtype, and tensors have it; 23 is float16, which Cython does not name."""
    return kind <= cnp.NPY_DOUBLE or kind == 23 or kind == cnp.NPY_CFLOAT or kind == cnp.NPY_CDOUBLE

cdef object SIZE, PLAIN, OFF, MODE, DEVICES, CPU, DTYPE
cdef long long CARE
cdef dict NUMBERS, NAMES

cdef bint is_plain() except? -1
cdef bint here() except? -1
cdef int default_number() except? -1
cdef bint asked(dict kwargs, Wish *wish, bint anywhere, bint random) except? -1
cdef bint sizes(tuple args, Py_ssize_t start, Wish *wish) except? -1
cdef bint after(TensorBase x, Wish *wish) except? -1
cdef bint dtype_of(TensorBase x, Wish *wish) except? -1
cdef object finished(object a, Wish *wish)
cdef object memory(Wish *wish)
