# The C side of loops_rows.py: names of what a loop computes.
cdef enum Row:
    SOFTMAX, LOG_SOFTMAX, SOFTMAX_BACK, LOG_SOFTMAX_BACK, SUMS, SUMS_FROM, PRODUCTS

# Up to how many elements a softmax is a loop as long as there is no kernel.
cdef enum:
    SOFT = 384
