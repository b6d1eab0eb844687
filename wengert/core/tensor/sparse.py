"""Sparse tensors among operators: who answers for a call with one.

A sparse tensor is a tensor whose array is a `SparseArray`.  This module comes in with the first of them, and fills the
table `SPARSE`, which the general path asks from then on: `apply` and `inplace` for records, `composite` for operators
written in others, `methods` for functions that are no operators.

A record is answered in one of two ways.  `RULES` hold compositions: values are taken out, computed with by operators
of dense tensors, and put in again.  `FORWARD` holds functions of arrays; such a call is recorded as a dense one is, and
its gradient follows the record's own rule, with the same layouts as torch's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays.backend import DEVICE_OF
from wengert.core.arrays.sparse import SparseArray
from wengert.core.base.errors import MissingError, WengertError
from wengert.core.operators.library import sparse as records  # noqa: F401 (fills the registry)
from wengert.core.operators.raw import NUMPY, SPARSE, RawNamespace, use_namespace
from wengert.core.operators.record import REGISTRY, Op
from wengert.core.tape import core, plans
from wengert.core.tape.backward import TASK
from wengert.core.tape.core import RECORDED, OpNode, TensorBase, attach, recorded_value, wrap
from wengert.core.tape.dispatch import apply, dressed, fill, first_tensor, save
from wengert.core.tape.inspection import saved_attributes
from wengert.core.tape.modes import OFF, PLAIN, current, enter, leave
from wengert.core.tape.views import check_inplace, written
from wengert.core.tensor.metadata import check_mode

RULES: dict[str, Callable[..., Any]] = {}
"""Operator's name -> composition of other operators on its full arguments."""
FORWARD: dict[str, Callable[..., Any]] = {}
"""Operator's name -> function of its full arguments, arrays for tensors, with an array for result."""
COMPOSITES: dict[str, Callable[..., Any]] = {}
"""Composite's name -> what stands for it where a sparse tensor is among its arguments."""
INPLACE: dict[str, Callable[..., Any]] = {}
"""Operator's name -> what its in-place form does instead of storing what the operator gives."""
METHODS: dict[str, Callable[..., Any]] = {}
"""Name of a function that is no operator -> what it does for a sparse tensor."""
OVERLOADS = {
    "mean": "mean.dim", "extremum": "max", "nonzero_rows": "nonzero", "split_equal": "as_strided",
    "squeeze": "as_strided", "diagonal": "as_strided", "fill_": "fill_.Scalar", "eq": "eq.Tensor", "gt": "gt.Scalar",
    "index": "index.Tensor", "where": "where.self", "chosen": "where.self", "slice": "as_strided",
    "fill": "fill_.Scalar", "scatter": "scatter.src", "scatter_source": "scatter.src", "sorting_indices": "sort.stable",
    "leading_indices": "topk", "unique_parts": "_unique2", "variance": "var.correction",
    "deviation": "std.correction", "vector_norm": "linalg_vector_norm", "svd_parts": "_linalg_svd",
    "inverse_parts": "linalg_inv_ex", "view_shape": "view", "linalg_det": "_linalg_det",
}  # fmt: skip
"""Operators that torch names by an overload when it has none for sparse tensors."""
BACKENDS = {"sparse_coo": "SparseCPU", "strided": "CPU"}


def is_sparse(x: Any) -> bool:
    """Whether a value is a sparse tensor."""
    return isinstance(x, TensorBase) and x._array.__class__ is SparseArray


def among(values: Any) -> bool:
    """Whether a sparse tensor is among values, or in lists among them."""
    for x in values:
        if isinstance(x, TensorBase):
            if x._array.__class__ is SparseArray:
                return True
        elif x.__class__ in (list, tuple) and among(x):
            return True
    return False


def missing(name: str, *tensors: Any) -> MissingError:
    """The error of an operator that there is not for the layouts given."""
    layouts = [x._array.layout.name for x in tensors if is_sparse(x)] or ["sparse_coo"]
    backend = BACKENDS.get(layouts[0], "SparseCsrCPU")
    return MissingError(
        f"Could not run 'aten::{OVERLOADS.get(name, name)}' with arguments from the '{backend}' backend. This could be "
        "because the operator doesn't exist for this backend: make the tensor dense with to_dense(), or compute with "
        "its values()."
    )


# ---------------------------------------------------------------- records


def answer(op: Op, args: tuple[Any, ...]) -> Any:
    """The result of a record with a sparse tensor among its arguments; None where it is not for this module."""
    if op.name in KNOWING or not among(args):
        return None
    rule, forward = RULES.get(op.name), FORWARD.get(op.name)
    if rule is not None and (op.name not in UNMADE or TASK.get() is None):
        return rule(*args)
    if forward is not None:
        return recorded(op, args, forward)
    if TASK.get() is None:
        raise missing(op.name, *[x for x in args if is_sparse(x)])
    return apply(op, tuple([dense_of(x) for x in args]))


UNMADE = frozenset(("expand",))
"""Rules that only raise: in a sweep, where a gradient is sparse and its rule knows dense ones, it is made dense."""


def dense_of(x: Any) -> Any:
    """A sparse tensor as a dense one, in lists too; others as they are."""
    if x.__class__ in (list, tuple) and among(x):
        return type(x)([dense_of(part) for part in x])
    if not is_sparse(x):
        return x
    pattern = x._array.pattern
    return RECORDED.sparse_dense(RECORDED.sparse_values(x, pattern), pattern, None)


KNOWING: set[str] = set()
"""Records whose bodies take sparse arrays."""


def recorded(op: Op, args: tuple[Any, ...], forward: Callable[..., Any]) -> Any:
    """Compute on arrays and record the call as that of a dense operator."""
    mode = current()
    token = enter(OFF)
    try:
        result = forward(*[x._array if isinstance(x, TensorBase) else x for x in args])
    finally:
        leave(token)
    out = wrap(core.to_array(result))
    wanted = any(isinstance(x, TensorBase) and x._flags & 1 for x in op.values(args))
    if wanted and mode.grad and op.kind.differentiable and out._array.dtype.kind in "fcV":
        node = core.new_node(node_class(op, args))
        fill(node, op, args, out)
        attach(node, out, 5)
        save(node, op, args, out)
        if mode is not PLAIN:
            dressed(node, mode)
    elif mode.inference:
        out._flags |= 4
    return out


class SparseNode(OpNode):
    """A node whose rule runs on tensors also where nothing is recorded: sparse arrays are no operands of raw rules."""

    __slots__ = ()

    def vjp(self, g: Any) -> Any:
        """The rule on tensors, its results as arrays."""
        grads = self.gradients(RECORDED, wrap(core.to_array(g)), recorded_value)
        return [x._array if isinstance(x, TensorBase) else x for x in grads]


_classes: dict[str, Any] = {}


def node_class(op: Op, args: tuple[Any, ...]) -> Any:
    """The node class of a record where it is called with sparse tensors, under torch's name."""
    name = op.backward_name
    name = name(args) if callable(name) else name
    if name not in _classes:
        space = {"__slots__": (), "op": op, "__doc__": f"Recorded {op.name} of sparse tensors."}
        _classes[name] = type(name, (SparseNode,), {**space, **saved_attributes(op, name)})
    found = _classes[name]
    if found.op is not op:
        found = type(name, (SparseNode,), {"__slots__": (), "op": op, "__doc__": f"Recorded {op.name}."})
    return found


class SparseNamespace(RawNamespace):
    """Operators in a sweep that a sparse gradient runs through: records on tensors, recording nothing."""

    def __getattr__(self, name: str) -> Any:
        if name in KNOWING:
            return getattr(NUMPY, name)
        operator = getattr(RECORDED, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            given = [wrap(x) if isinstance(x, (np.ndarray, SparseArray)) else x for x in args]
            return as_arrays(operator(*given, **kwargs))

        setattr(self, name, call)
        return call


def as_arrays(result: Any) -> Any:
    """Tensors as their arrays."""
    if isinstance(result, TensorBase):
        return result._array
    return tuple(as_arrays(x) for x in result) if isinstance(result, (tuple, list)) else result


# ---------------------------------------------------------------- writing


def answer_inplace(op: Op, args: tuple[Any, ...], depth: int) -> Any:
    """The in-place form of a record with a sparse tensor among its arguments; None where there is none."""
    if op.name in KNOWING or not among(args):
        return None
    x = first_tensor(op, args)
    check_mode(x, current())
    rule = INPLACE.get(op.name)
    if rule is not None:
        return rule(*args)
    out = answer(op, args) if op.name in RULES or op.name in FORWARD else None
    if out is None:
        raise missing(op.name + "_", *[y for y in args if is_sparse(y)])
    return stored(x, out)


def stored(x: Any, out: Any) -> Any:
    """Let x hold another tensor's elements and history."""
    mode = current()
    if mode.grad:
        check_inplace(x, mode, out._flags & 1)
    array = out._array
    if x._array.__class__ is SparseArray:
        if array.__class__ is not SparseArray:
            raise missing("copy_", x)
        x._array.become(array)
    elif array.__class__ is SparseArray:
        raise missing("copy_", out)
    else:
        np.copyto(x._array, array, casting="unsafe")
    written(x, 5)
    if mode.grad and out._flags & 1:
        x._node = out._node
        x._flags |= 1
    return x


# ---------------------------------------------------------------- composites and everything else


def answer_composite(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of a composite with a sparse tensor among its arguments; None where there is none."""
    if not among(args) and not among(kwargs.values()):
        return None
    rule = COMPOSITES.get(op.name)
    if rule is not None and TASK.get() is not None and rule.__name__ == "refuse":
        return op.body(RECORDED, *[dense_of(x) for x in args], **{k: dense_of(x) for k, x in kwargs.items()})
    if rule is not None:
        return rule(*args, **kwargs)
    try:
        return op.body(RECORDED, *args, **kwargs)
    except AttributeError as error:
        if "SparseArray" in str(error):
            raise missing(op.name, *[x for x in args if is_sparse(x)]) from None
        raise


def guarded(owner: Any, name: str, special: Callable[..., Any]) -> None:
    """Let a method ask first whether its tensor is sparse."""
    function = vars(owner)[name]

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self, TensorBase) and self._array.__class__ is SparseArray:
            return special(self, *args, **kwargs)
        return function(self, *args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = function.__doc__
    setattr(owner, name, call)


def begin() -> None:
    """Make sparse tensors known to the operators."""
    DEVICE_OF[SparseArray] = lambda array: devices.cpu
    use_namespace(SparseArray, SparseNamespace(np))
    for name, op in list(REGISTRY.items()):
        if name.startswith("spars"):
            KNOWING.add(name)
            if op.call is None:
                plans.install(op)
    SPARSE.update(apply=answer, inplace=answer_inplace, composite=answer_composite, methods=METHODS, kind=is_sparse)


__all__ = [
    "COMPOSITES", "FORWARD", "INPLACE", "METHODS", "RULES", "WengertError", "among", "begin", "guarded", "is_sparse",
    "missing", "recorded", "stored",
]  # fmt: skip
