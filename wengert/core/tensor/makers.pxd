# The C side of makers.py.
from wengert.core.tensor.wishes cimport Wish

cdef long long CARE
