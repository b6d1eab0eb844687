# The C side of dispatch.py.
cimport cython
from wengert.core.tape.core cimport ManyNode, Node, OpNode, Result, TensorBase
from wengert.core.tape.core cimport attach, new_node, to_array, wrap
from wengert.core.tape.views cimport register_view, register_views

cdef object PLAIN, _NO_FIT
cpdef object tensors_of(object op, object args)
@cython.locals(flags=cython.longlong, x=TensorBase)
cpdef long long flags_of(object op, tuple args) except -1
@cython.locals(flags=cython.longlong, out=TensorBase)
cpdef object apply(object op, tuple args, long long claimed=*)
@cython.locals(node=OpNode)
cpdef object record(object op, tuple args, TensorBase out, object mode, int depth=*)
@cython.locals(inputs=list, fit=list, kept=list, plain=bint, x=TensorBase, flags=cython.longlong, nr=cython.longlong)
cpdef fill(OpNode node, object op, tuple args, TensorBase out)
@cython.locals(x=TensorBase, saved=list, versions=list, dirty=bint)
cpdef save(Node node, object op, tuple args, object out, object original=*)
@cython.locals(outs=list, differentiable=list, x=TensorBase, node=ManyNode, nr=cython.Py_ssize_t)
cpdef object many_results(object op, tuple args, object results, object half, object recording, object mode)
