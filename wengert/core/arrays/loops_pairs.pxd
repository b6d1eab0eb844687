# The C side of loops_pairs.py: names of what a loop computes.
cdef enum Pair:
    MAXIMUM, MINIMUM, MAXIMUM_LEFT, MAXIMUM_RIGHT, MINIMUM_LEFT, MINIMUM_RIGHT

cdef enum Test:
    EQUAL, UNEQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL
