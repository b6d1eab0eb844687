# The C side of forms.py.
cimport cython

cdef class Form:
    cdef public object op
    cdef public object body
    cdef public object quick
    cdef public object where
    cdef public Py_ssize_t positional
    cdef public tuple names
    cdef public bint view
    cdef public bint elementwise
    cdef public bint mixed
    cdef public bint numbers
    cdef public bint differentiable
    cdef public tuple keeps
    cdef public object node_class
    cdef public tuple usual
    cpdef object compute(self, tuple args)
    @cython.locals(k=cython.Py_ssize_t, i=cython.Py_ssize_t)
    cpdef object by_body(self, tuple args)
    @cython.locals(count=cython.Py_ssize_t)
    cpdef object seen(self, object a, tuple args)

cdef object VARIABLE, IGNORING
@cython.locals(gaps=cython.bint, found=list)
cpdef object together(tuple args)
@cython.locals(count=cython.Py_ssize_t)
cpdef tuple led(object first, tuple args)
cdef object _hush()
cdef object _restore(object token)
