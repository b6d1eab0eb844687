# The C side of loops_reductions.py: names of what a loop computes.
cdef enum Reduction:
    TOTAL, MEAN, LARGEST, SMALLEST, PRODUCT, VARIANCE, DEVIATION, EUCLIDEAN, ABSOLUTE, LOG_SUM_EXP
