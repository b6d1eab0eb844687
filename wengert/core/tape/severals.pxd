# The C side of severals.py.
cimport cython
from wengert.core.tape.core cimport ManyNode, OpNode, TensorBase, attach, new_node, to_array, wrap
from wengert.core.tape.dispatch cimport save
from wengert.core.tape.forms cimport Form, led
from wengert.core.tape.views cimport register_views

cdef long long CARE
cdef object PLAIN, OFF
cdef object _mode_get()
@cython.locals(x=TensorBase, out=TensorBase, node=OpNode, flags=cython.longlong, arrays=list)
cpdef object apply_many(Form form, tuple args)
@cython.locals(outs=list)
cpdef object several(Form form, tuple args, object results, long long flags, object mode)
@cython.locals(
    x=TensorBase, out=TensorBase, holder=TensorBase, node=ManyNode, i=cython.Py_ssize_t, nr=cython.Py_ssize_t,
    inputs=list, fit=list, kept=list, metas=list,
)
cpdef record_outputs(Form form, tuple args, tuple outs)
