# The C side of draws.py: words taken from NumPy's engine without a call of Python.
cimport cython
cimport numpy as cnp
from libc.math cimport cos, cosf, log, log1p, logf, sin, sinf, sqrt, sqrtf
from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef extern from "numpy/random/bitgen.h":
    ctypedef struct bitgen_t:
        void *state
        uint32_t (*next_uint32)(void *) noexcept

cdef enum:
    BLOCK = 16
    HALF = 8
    MOST = 4095

cdef extern from *:
    """
    #define WENGERT_TURN 6.283185307179586
    #define WENGERT_SPLIT 134217729.0
    """
    const double TURN "WENGERT_TURN"
    const double SPLIT "WENGERT_SPLIT" # see sampling.py

cdef class Source:
    cdef public object lock
    cdef public object made
    cdef public object raw
    cdef public object state
    cdef public object cached_normal
    cdef public object cached_float
    cdef public bint _fresh
    cdef bitgen_t *bits

cdef inline uint64_t pair(bitgen_t *bits) noexcept:
    """Two words, the first one high."""
    cdef uint64_t high = bits.next_uint32(bits.state)
    return high << 32 | bits.next_uint32(bits.state)

cdef inline double fraction(bitgen_t *bits) noexcept:
    """A double on [0, 1)."""
    return <double> <int64_t> (pair(bits) & 0x1FFFFFFFFFFFFF) * 1.1102230246251565e-16

cdef inline float single(bitgen_t *bits) noexcept:
    """A single on [0, 1)."""
    return <float> <int> (bits.next_uint32(bits.state) & 0xFFFFFF) * <float> 5.9604644775390625e-08

cdef inline double joined(double value, double scale, double offset) noexcept:
    """value * scale + offset as `sampling.fused` has it for doubles."""
    cdef double product, split, high, low, scale_high, scale_low, wrong, total, back
    if scale == 1.0 and offset == 0.0:
        return value
    if abs(scale) > 1e280 or abs(offset) > 1e280:
        return value * scale + offset
    product = value * scale
    split = value * SPLIT
    high = split - (split - value)
    low = value - high
    scale_high = scale * SPLIT - (scale * SPLIT - scale)
    scale_low = scale - scale_high
    wrong = ((high * scale_high - product) + high * scale_low + low * scale_high) + low * scale_low
    total = product + offset
    back = total - product
    return total + (wrong + ((product - (total - back)) + (offset - back)))

cdef inline void turned(float *values) noexcept:
    """A block of fractions becomes normals: the first half gives radii, the second angles."""
    cdef int i
    cdef float radius, angle
    for i in range(HALF):
        radius = sqrtf(logf(<float> 1.0 - values[i]) * <float> -2.0)
        angle = values[i + HALF] * <float> TURN
        values[i], values[i + HALF] = cosf(angle) * radius, sinf(angle) * radius

cdef inline void turned_doubles(double *values) noexcept:
    """The same for doubles."""
    cdef int i
    cdef double radius, angle
    for i in range(HALF):
        radius = sqrt(log(1.0 - values[i]) * -2.0)
        angle = values[i + HALF] * TURN
        values[i], values[i + HALF] = cos(angle) * radius, sin(angle) * radius

cdef bitgen_t *opened(Source source) except? NULL
cdef int closed(Source source) except? -1
cdef object room_for(object shape, object kind)
cdef int fill_uniforms(Source source, object a, double first, double last, double span) except? -1
cdef int fill_normals(Source source, object a, double mean, double std) except? -1
cdef int fill_few_normals(Source source, object a, double mean, double std) except? -1
cdef int fill_integers(Source source, object a, uint64_t count, int64_t base, bint wide) except? -1
cdef int fill_thresholds(Source source, object a, double p, double factor) except? -1
cdef int fill_places(Source source, object a) except? -1
