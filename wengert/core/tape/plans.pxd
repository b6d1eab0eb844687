# The C side of plans.py.
cimport cython
from wengert.core.tape.calls cimport apply_one, apply_some, apply_two, apply_view
from wengert.core.tape.forms cimport Form
from wengert.core.tape.severals cimport apply_many

cdef class Plan:
    cdef public object op
    cdef public Form form
    cdef public int way
    cdef public Py_ssize_t count
    cdef public Py_ssize_t positional
    cdef public Py_ssize_t required
    cdef public Py_ssize_t spread
    cdef public tuple ints
    cdef public tuple tail
    cdef public object call

cdef object PLAIN, OFF
cdef object _mode_get()
cdef int GENERAL_WAY, VIEW_WAY, ONE_WAY, TWO_WAY, SOME_WAY, MANY_WAY
@cython.locals(given=cython.Py_ssize_t, place=cython.Py_ssize_t, way=cython.int)
cdef object planned(Plan plan, tuple args, dict kwargs)
