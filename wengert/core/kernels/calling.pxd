# Calls of machine code on contiguous arrays without NumPy's way of calling, which costs as much as 1000 exponentials.
cimport numpy as cnp
from wengert.core.arrays.small cimport room

ctypedef void (*Kernel)(void *) noexcept nogil

# Operands of a kernel, floats among them, elements of the room that holds one float again and again (elementwise.FILL),
# and elements from which other threads of Python may run meanwhile.
cdef enum:
    OPERANDS = 10
    FLOATS = 3
    FILL = 16
    ALONE = 32768

cdef inline object run_direct(size_t address, tuple arrays, tuple floats):
    """What the kernel at an address gives for arrays of one dtype and shape and numbers; None if they are not such."""
    cdef void *table[2 * OPERANDS + 1]
    cdef double room_of_numbers[FLOATS * FILL]
    cdef int given = len(arrays), more = len(floats), kind, k, i
    cdef Py_ssize_t n, step
    cdef object first = arrays[0], x, out
    if given + more >= OPERANDS or more > FLOATS or not cnp.PyArray_CheckExact(first):
        return None
    kind = cnp.PyArray_TYPE(first)
    if kind != cnp.NPY_FLOAT and kind != cnp.NPY_DOUBLE:
        return None
    for x in arrays:
        if not cnp.PyArray_CheckExact(x) or cnp.PyArray_TYPE(x) != kind or not cnp.PyArray_ISCARRAY_RO(x):
            return None
        if not cnp.PyArray_SAMESHAPE(first, x):
            return None
    n = cnp.PyArray_SIZE(first)
    step = 4 if kind == cnp.NPY_FLOAT else 8
    out = room(cnp.PyArray_NDIM(first), cnp.PyArray_DIMS(first), kind)
    table[0] = cnp.PyArray_DATA(out)
    k = 1
    for x in arrays:
        table[k] = cnp.PyArray_DATA(x)
        k += 1
    for x in floats:
        if kind == cnp.NPY_FLOAT:
            for i in range(FILL):
                (<float *> &room_of_numbers[(k - 1 - given) * FILL])[i] = x
        else:
            for i in range(FILL):
                room_of_numbers[(k - 1 - given) * FILL + i] = x
        table[k] = &room_of_numbers[(k - 1 - given) * FILL]
        k += 1
    for i in range(k):
        table[k + i] = <void *> (step if i <= given else 0)
    table[2 * k] = <void *> n
    if n < ALONE:
        (<Kernel> <void *> address)(table)
    else:
        with nogil:
            (<Kernel> <void *> address)(table)
    return out
