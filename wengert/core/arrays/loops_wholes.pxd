# The C side of loops_wholes.py.
cdef object counted(object a, object dim, bint keepdim)
cdef object whole_extremum(object a, bint largest)
cdef object whole_test(int op, object a, object b)
