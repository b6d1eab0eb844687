# The C side of drawings.py.
from wengert.core.tensor.wishes cimport Wish

cdef object BATCHES, MODE, PLAIN, OFF
cdef object drawn(tuple args, Wish *wish, int way)
cdef object written(tuple args, dict kwargs, int way)
