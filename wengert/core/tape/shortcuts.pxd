# The C side of shortcuts.py.
cimport cython
from wengert.core.arrays.windows cimport narrowed, reshaped, selected
from wengert.core.tape.calls cimport viewed
from wengert.core.tape.forms cimport Form
from wengert.core.tape.core cimport ManyNode, TensorBase, attach, new_node, wrap
from wengert.core.tape.views cimport link_view

cdef long long CARE
cdef object PLAIN, OFF
cdef Form _VIEW
cdef object _mode_get()
cpdef object shaped(tuple args)
cpdef object reshaped_view(TensorBase x, object size)
@cython.locals(outs=list, out=TensorBase, node=ManyNode, i=cython.Py_ssize_t, count=cython.Py_ssize_t, nr=cython.longlong)
cpdef object results_of(object op, TensorBase x, tuple args, list arrays, object mode)
cpdef object plain_mode(TensorBase x, object dim)
@cython.locals(results=list, start=cython.longlong)
cpdef object sized(TensorBase x, object sizes, object dim)
@cython.locals(x=TensorBase, results=list, i=cython.Py_ssize_t)
cpdef object unbound(tuple args)
@cython.locals(n=cython.longlong, start=cython.longlong, width=cython.longlong, results=list)
cpdef object pieces(TensorBase x, object size, object dim)
@cython.locals(x=TensorBase)
cpdef object chunked(tuple args)
cpdef object split(tuple args)
@cython.locals(n=cython.longlong, rest=cython.longlong, x=TensorBase)
cpdef object flattened(tuple args)
