# The C side of loops_elementwise.py: names of what a loop computes.
cdef enum Value:
    EXP2, EXPM1, LOG, LOG2, LOG10, LOG1P, SQRT, RSQRT, RECIPROCAL, SQUARE, CUBE, POWER, SIN, COS, TAN, ASIN,
    ACOS, ATAN, SINH, COSH, ASINH, ACOSH, ATANH, ABS, SIGN, NEGATE, FLOOR, CEIL, TRUNC, ROUND, SIGMOID, SILU,
    MISH, SOFTPLUS, LOGSIGMOID, ELU, GELU, BENT_GELU, CLIP, RAISE, LOWER, LEAKY, HARDSIGMOID, HARDSWISH, HARDSHRINK,
    SOFTSHRINK, THRESHOLD, FROM, RELU, ERF, ERFC

cpdef object written_over(object run, tuple args)
cdef bint is_target(object a)
