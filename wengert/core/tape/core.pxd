# The C side of core.py: which attributes are fields, which functions are called directly.
cimport cython

cdef class VersionCounter:
    cdef public long long n
    cdef public object views
    cdef public object code
    cdef public int lasti

cdef class TensorBase:
    cdef public object _array
    cdef public long long _flags
    cdef public Node _node
    cdef public VersionCounter _vc
    cdef public object _extra
    cdef dict __dict__
    cdef object __weakref__

cdef class Node:
    cdef public long long _seq
    cdef public tuple _inputs
    cdef public tuple _fit
    cdef public object _saved
    cdef public object _versions
    cdef public object _extra
    cdef public object _code
    cdef public int _lasti
    cdef public int _outputs
    cdef object __weakref__
    cpdef object vjp(self, object g)
    cpdef object vjp_recorded(self, object g)
    cpdef object release(self)

cdef class OpNode(Node):
    cdef public object args
    cdef public object shape

cdef class ManyNode(OpNode):
    cdef public object metas
    cpdef object vjp(self, object g)
    cpdef object vjp_recorded(self, object g)

cdef class Result:
    cdef public object _array
    cdef public VersionCounter _vc
    cdef public long long version
    cdef public object nr
    cdef public object kind

cdef class MarkedResult(Result):
    cdef public object flags
    cdef public object extra

cdef class Packed:
    cdef public object packed
    cdef public object unpack
    cdef public object nr
    cdef public object own
    cdef public object node

cdef class AccumulateGrad(Node):
    cdef public object grad
    cdef public object ref
    cdef public object array
    cdef public object kind
    cdef public object post
    cdef public object strided
    cpdef object vjp(self, object g)
    cpdef object vjp_recorded(self, object g)
    cpdef object release(self)

cdef object _kind, PLAIN, OFF
cdef set _outside
cdef object _new(object cls)
cdef object _mode_get()

@cython.locals(out=TensorBase)
cpdef TensorBase wrap(object array)
cpdef numbered(Node node, tuple tensors)
cpdef attach(Node node, TensorBase out, int depth)
cpdef note_line(Node node, object frame)
@cython.locals(vc=VersionCounter)
cpdef count_write(TensorBase x, int depth)
cpdef object to_array(object value)
cpdef object new_node(object cls)
cpdef check_version(Node node, Py_ssize_t k)
cpdef freed_error(Node node)
cpdef object raw_value(Node node, Py_ssize_t k)
@cython.locals(vc=VersionCounter)
cpdef add_into(TensorBase have, object g)
cpdef object fit_raw(object g, object shape, object dtype)
cpdef object joined(object a, object b)
@cython.locals(
    node=Node, target=Node, ahead=Node, seq=cython.longlong, first=cython.longlong, inputs=tuple, fit=tuple, pending=dict,
    nodes=dict, heap=list, i=cython.Py_ssize_t, nr=cython.Py_ssize_t,
)
cpdef sweep(list roots, object retain, object create, object plan=*)
@cython.locals(seq=cython.longlong, part=object)
cpdef deliver(dict pending, dict nodes, list heap, Node target, Py_ssize_t nr, object gi, object create)
