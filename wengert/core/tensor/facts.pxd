# The C side of facts.py.
cimport cython
cimport numpy as cnp
from cpython.object cimport PyObject

cdef object PLAIN, OFF, MODE, CPU, DTYPE, SIZES, RECORDED
cdef long long CARE
cdef dict NUMBERS
cdef list DTYPES
