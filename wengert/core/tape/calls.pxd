# The C side of calls.py.
cimport cython
from wengert.core.tape.core cimport Node, OpNode, Result, TensorBase, VersionCounter
from wengert.core.tape.core cimport attach, new_node, numbered, to_array, wrap
from wengert.core.tape.forms cimport Form, led
from wengert.core.tape.severals cimport several
from wengert.core.tape.views cimport link_view, shares_memory

cdef long long CARE
cdef object PLAIN, OFF
cdef object _mode_get()
@cython.locals(x=TensorBase, out=TensorBase, node=OpNode, flags=cython.longlong)
cpdef object apply_one(Form form, tuple args)
@cython.locals(x=TensorBase, flags=cython.longlong)
cpdef object apply_view(Form form, tuple args)
@cython.locals(out=TensorBase, node=OpNode)
cpdef object viewed(Form form, TensorBase x, object r, tuple args, object mode, int depth)
@cython.locals(x=TensorBase, out=TensorBase, y=TensorBase, node=OpNode, flags=cython.longlong)
cpdef object apply_two(Form form, tuple args)
@cython.locals(x=TensorBase, out=TensorBase, node=OpNode, flags=cython.longlong)
cpdef object apply_number(Form form, tuple args)
cpdef keep_one(Node node, Form form, TensorBase x, TensorBase out)
cpdef keep_two(Node node, Form form, TensorBase x, TensorBase y, TensorBase out)
cpdef keep_first(Node node, Form form, TensorBase x, TensorBase out)
@cython.locals(x=TensorBase, out=TensorBase, flags=cython.longlong, i=cython.Py_ssize_t, first=cython.Py_ssize_t)
cpdef object apply_some(Form form, tuple args)
@cython.locals(
    x=TensorBase, node=OpNode, i=cython.Py_ssize_t, same=cython.bint, plain=cython.bint, nr=cython.longlong
)
cpdef record_some(Form form, tuple args, TensorBase out)
@cython.locals(
    x=TensorBase, wanted=cython.bint, dirty=cython.bint, k=cython.Py_ssize_t, position=cython.Py_ssize_t,
    inputs=tuple, version=cython.longlong
)
cpdef keep_some(Node node, Form form, tuple args, TensorBase out)
