# The C side of hot_nodes.py.
cimport cython
from wengert.core.tape.core cimport Node, OpNode, Result, TensorBase

cdef class MulBackward0(Node):
    cdef public object args
    @cython.locals(a=TensorBase, b=TensorBase, saved=tuple)
    cpdef object vjp(self, object g)

cdef class AddBackward0(Node):
    cdef public object args
    cpdef object vjp(self, object g)

cdef class SubBackward0(Node):
    cdef public object args
    @cython.locals(inputs=tuple)
    cpdef object vjp(self, object g)

cdef class DivBackward0(Node):
    cdef public object args
    @cython.locals(a=TensorBase, b=TensorBase, saved=tuple)
    cpdef object vjp(self, object g)

cdef class NegBackward0(Node):
    cpdef object vjp(self, object g)

cdef class MmBackward0(Node):
    @cython.locals(a=TensorBase, b=TensorBase, saved=tuple)
    cpdef object vjp(self, object g)

cdef class AddmmBackward0(Node):
    @cython.locals(a=TensorBase, w=TensorBase, saved=tuple, inputs=tuple)
    cpdef object vjp(self, object g)

cdef class TanhBackward0(Node):
    cpdef object vjp(self, object g)

cdef class ExpBackward0(Node):
    cpdef object vjp(self, object g)

cdef class ReluBackward0(Node):
    cpdef object vjp(self, object g)

cdef class SumBackward0(OpNode):
    cpdef object vjp(self, object g)

cdef class MeanBackward0(OpNode):
    cpdef object vjp(self, object g)

cdef class TBackward0(Node):
    cpdef object vjp(self, object g)

cdef class PowBackward0(OpNode):
    cpdef object vjp(self, object g)
