# The C side of hot.py.
cimport cython
from wengert.core.tape.core cimport Node, Result, TensorBase, VersionCounter
from wengert.core.tape.core cimport attach, count_write, new_node, numbered, to_array, wrap
from wengert.core.tape.hot_nodes cimport (
    AddBackward0, AddmmBackward0, DivBackward0, ExpBackward0, MeanBackward0, MmBackward0, MulBackward0, NegBackward0,
    PowBackward0, ReluBackward0, SubBackward0, SumBackward0, TanhBackward0,
)

cdef long long CARE
cdef object _kind, MODE, PLAIN, OFF, GENERAL, _NONE2, _NONE3, _ONE, _ndarray
cdef object _new(object cls)
cdef object _mode_get()

cdef class Operators(TensorBase):
    pass

cpdef object versions2(TensorBase a, TensorBase b)
cpdef object fit2(object x, object y, object shape)
@cython.locals(out=TensorBase, node=MulBackward0, b=TensorBase, flags=cython.longlong)
cpdef object mul(TensorBase a, object other)
@cython.locals(out=TensorBase, flags=cython.longlong)
cpdef object mul_number(TensorBase a, object c)
cpdef number_node(Node node, TensorBase out, TensorBase a, object args, object saved, int depth=*)
@cython.locals(out=TensorBase, node=AddBackward0, b=TensorBase, flags=cython.longlong)
cpdef object add(TensorBase a, object other)
@cython.locals(out=TensorBase, flags=cython.longlong)
cpdef object add_number(TensorBase a, object c, bint subtract)
@cython.locals(out=TensorBase, node=SubBackward0, b=TensorBase, flags=cython.longlong)
cpdef object sub(TensorBase a, object other)
@cython.locals(out=TensorBase, node=DivBackward0, b=TensorBase, flags=cython.longlong)
cpdef object div(TensorBase a, object other)
@cython.locals(out=TensorBase, flags=cython.longlong)
cpdef object div_number(TensorBase a, object c)
@cython.locals(out=TensorBase, node=MmBackward0, b=TensorBase, flags=cython.longlong)
cpdef object mm(TensorBase a, object other)
@cython.locals(out=TensorBase, node=AddmmBackward0, a=TensorBase, w=TensorBase, b=TensorBase, flags=cython.longlong)
cpdef object linear_bias(object input, object weight, object bias)
cpdef object matmul(object a, object b)
@cython.locals(out=TensorBase, node=Node, flags=cython.longlong)
cpdef object unary(TensorBase a, object function, object large, object node_class)
cpdef object tanh(object a)
cpdef object exp(object a)
@cython.locals(out=TensorBase, node=ReluBackward0, a=TensorBase, flags=cython.longlong)
cpdef object relu(object input)
@cython.locals(out=TensorBase, node=NegBackward0, flags=cython.longlong)
cpdef object neg(TensorBase a)
@cython.locals(out=TensorBase, node=Node, flags=cython.longlong)
cpdef object total(TensorBase a, bint mean)
@cython.locals(vc=VersionCounter, flags=cython.longlong)
cpdef bint write2(TensorBase x, object other, int operation, int depth) except -1
cpdef bint needs_care(TensorBase x) except -1
