"""Batches: one tensor that stands for many, and operators on all of them at once.

Inside `vmap` a tensor's array is a BatchedArray.  It answers for shape, dtype and strides as one
entry would, and has no elements to give; behind it is the tensor that holds the whole batch, its
dim 0 counting the entries.  An operator runs its record's batching rule on those tensors, so
whatever lies further out (tape, tangents, another batch) sees ordinary calls.

What is recorded inside a batch level is recorded on the batched tensors themselves.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from wengert.core.arrays.backend import DEVICE_OF, Backend, backend_of, use_backend
from wengert.core.base.errors import GraphError, ShapeError
from wengert.core.operators import derived
from wengert.core.operators.kinds import Elementwise
from wengert.core.operators.record import Op
from wengert.core.tape import (
    batchfolds,
    batchindices,
    batchlayers,
    batchmatrices,
    batchplaces,
    batchproducts,
    batchrules,
    core,
)
from wengert.core.tape.core import F32, F64, NR_SHIFT, RECORDED, ManyNode, TensorBase, attach, wrap
from wengert.core.tape.dispatch import dressed, fill, first_tensor, node_class_of, save
from wengert.core.tape.flatcalls import flat_call
from wengert.core.tape.inplace import check_storable, recorded_write, refresh_saved_result
from wengert.core.tape.levels import BATCHED, DUAL, Level, copy_of, duals_of, keep_marks, outside, set_duals
from wengert.core.tape.modes import PLAIN, current
from wengert.core.tape.views import (
    check_inplace,
    counter_of,
    mark_views_stale,
    rebase,
    register_view,
    set_view,
    written,
)

RULED = (batchfolds, batchindices, batchlayers, batchmatrices, batchplaces, batchproducts)
"""Modules that state rules when they are imported."""

# ---------------------------------------------------------------- arrays


class Order:
    """Memory flags of a BatchedArray, those of one entry."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array

    writeable = owndata = True

    @property
    def c_contiguous(self) -> bool:
        """Whether an entry's elements lie in row-major order."""
        return dense(self.array, reversed(range(self.array.ndim)))

    @property
    def f_contiguous(self) -> bool:
        """Whether an entry's elements lie in column-major order."""
        return dense(self.array, range(self.array.ndim))

    @property
    def forc(self) -> bool:
        """Either."""
        return self.c_contiguous or self.f_contiguous


def dense(array: Any, dims: Any) -> bool:
    """Whether strides grow without gaps along `dims`."""
    step = array.itemsize
    for i in dims:
        if array.shape[i] != 1 and array.strides[i] != step:
            return not array.size
        step *= array.shape[i]
    return True


class Memory:
    """The memory that a batch lies in, to be told from other memory."""

    __slots__ = ("mem",)

    def __init__(self, array: Any) -> None:
        while isinstance(array, np.ndarray) and array.base is not None:
            array = array.base
        self.mem = array if isinstance(array, np.ndarray) or not hasattr(array, "data") else array.data.mem

    @property
    def ptr(self) -> int:
        """No address: the memory is that of all entries."""
        raise no_data(".data_ptr()")


class BatchedArray:
    """What the tensor that stands for many has in place of an array.

    value: the tensor that holds the batch; dim: 0, or None where all entries are the same and `value` is the entry.
    """

    __slots__ = ("value", "dim", "level", "shape", "dtype")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: Any, dim: int | None, level: Level) -> None:
        inner = value._array
        self.value, self.dim, self.level = value, dim, level
        self.dtype = inner.dtype
        self.shape = inner.shape if dim is None else inner.shape[1:]

    strides = property(lambda self: self.value._array.strides[self.dim is not None :])
    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: prod(self.shape))
    itemsize = property(lambda self: self.dtype.itemsize)
    nbytes = property(lambda self: self.size * self.dtype.itemsize)
    flags = property(Order)
    entry = property(lambda self: self.value._array)

    @property
    def data(self) -> Memory:
        """Whose memory the batch lies in."""
        return Memory(self.value._array)

    def copy(self) -> BatchedArray:
        """The same batch in memory of its own."""
        return BatchedArray(RECORDED.clone(self.value), self.dim, self.level)

    def view(self) -> BatchedArray:
        """The same batch."""
        return BatchedArray(self.value, self.dim, self.level)

    def any(self) -> bool:
        """Whether any element of any entry is not 0, or might move: which of two right ways an operator takes."""
        inner = self.value._array
        return bool(self.value._flags & ~(BATCHED | 2)) or bool(inner.any())

    def all(self) -> bool:
        """Whether no element of any entry is 0."""
        return bool(self.value._array.all())

    def transpose(self, *order: Any) -> BatchedArray:
        """The same batch, the dims of an entry in another order."""
        dims = tuple(order[0]) if len(order) == 1 and isinstance(order[0], (tuple, list)) else order
        if self.dim is not None:
            dims = (0, *[d % self.ndim + 1 for d in dims])
        return BatchedArray(RECORDED.permute(self.value, dims), self.dim, self.level)

    def reshape(self, *shape: Any) -> Any:
        """All elements of all entries in one row, for checks of status codes."""
        if shape != (-1,):
            raise no_data(".reshape()")
        return self.value._array.reshape(-1)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in _BLANK:
            return _BLANK[function](self.shape, kwargs.get("dtype") or self.dtype)
        raise no_data(".numpy()")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise no_data(".numpy()")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("astype", "item") and not self.shape:
            raise no_item()
        raise no_data(f".{name}()")

    def __repr__(self) -> str:
        return f"BatchedArray({self.shape}, {self.dtype})"


_BLANK: dict[Any, Any] = {
    np.zeros_like: np.zeros, np.ones_like: np.ones, np.empty_like: np.empty,
}  # fmt: skip


class BatchBackend(Backend):
    """Batches have no elements to copy out."""

    name = "batch"
    array_class = BatchedArray

    def device_of(self, array: Any) -> Any:
        inner = array.value._array
        return DEVICE_OF[inner.__class__](inner)

    def to_numpy(self, array: Any) -> Any:
        if array.dim is None:
            inner = array.value._array
            return backend_of(inner).to_numpy(inner)
        raise no_data(".numpy() or .tolist()")

    def item(self, array: Any) -> Any:
        if array.dim is None:
            inner = array.value._array
            return backend_of(inner).item(inner)
        raise no_item()


use_backend(BatchBackend())


def user_line() -> str:
    """Where the user's program stands."""
    frame = core.user_frame(core._getframe(2))
    return "\nThis happened at:\n  " + core.where_text(frame.f_code, frame.f_lasti)


def no_item() -> GraphError:
    """A single number is asked of many; told apart by whether a truth value is wanted."""
    frame: Any = core._getframe(2)
    truth = False
    while frame is not None and frame.f_code.co_filename.startswith(core._root):
        truth = truth or frame.f_code.co_name == "to_bool"
        frame = frame.f_back
    if truth:
        return GraphError(
            "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't "
            "support that yet: the entries of the batch may differ in it. Compute both branches and choose with "
            "torch.where(condition, a, b)." + user_line()
        )
    return GraphError(
        "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a "
        "Tensor, please try to rewrite what you're doing with other operations: keep the number a 0-d tensor."
        + user_line()
    )


def no_data(what: str) -> GraphError:
    """Elements are asked of a tensor that stands for many."""
    return GraphError(
        f"Cannot access data pointer of Tensor that doesn't have storage: {what} inside vmap has no single array to "
        "read. Return the tensor from the mapped function and read it outside." + user_line()
    )


# ---------------------------------------------------------------- in and out


def stands_for(value: Any, dim: int | None, level: Level) -> Any:
    """The tensor that stands for all entries of `value`."""
    out = wrap(BatchedArray(value, dim, level))
    out._flags = BATCHED
    return out


def entered(x: Any, dim: int | None, level: Level) -> Any:
    """x as an input of a batch level: dim `dim` counts the entries."""
    if dim is None:
        return x
    return stands_for(derived.to_front(RECORDED, x, dim) if dim else x, 0, level)


def lifted(x: Any, level: Level) -> Any:
    """x as a tensor of the level: the same for all entries where it is not batched there; no history there then."""
    if at(x, level):
        return x
    out = stands_for(outside(x, level), None, level)
    inner = {k: t for k, t in duals_of(x).items() if level < k}
    if inner:
        set_duals(out, inner)
    return out


def at(x: Any, level: Level) -> bool:
    """Whether x is a tensor of this batch level."""
    return bool(x._flags & BATCHED) and x._array.level is level


def left(x: Any, level: Level) -> tuple[Any, int | None]:
    """What a tensor of the level stands for, and its batch dim; others stand for themselves."""
    if at(x, level):
        return x._array.value, x._array.dim
    return x, None


def whole(x: Any, level: Level) -> Any:
    """All entries of x along a new dim 0, also where they are the same."""
    value, dim = left(x, level)
    return value if dim == 0 else RECORDED.expand(value, (level.size, *value._array.shape))


def level_of(values: list[Any]) -> Any:
    """The innermost batch level that a tensor among `values` belongs to."""
    found = None
    for x in values:
        if isinstance(x, TensorBase) and x._flags & BATCHED and (found is None or found < x._array.level):
            found = x._array.level
    return found


# ---------------------------------------------------------------- operators


def compute(op: Op, args: tuple[Any, ...], level: Level, target: Any = None) -> Any:
    """Run an operator one level further out: (value, batch dim) of each result, in the form that the operator has.

    target: a tensor about to be overwritten; what is recorded saves a copy of it.
    """
    inner: list[Any] = []
    batched: list[bool] = []
    for x in args[op.many] if op.many >= 0 else [args[i] for i in op.arrays]:
        own = False
        if isinstance(x, TensorBase):
            array = x._array
            if x._flags & BATCHED and array.level is level:
                own = x is target
                x, batch = array.value, array.dim is not None
            else:
                own, batch = x is target, False
            if own and current().grad:
                x = RECORDED.clone(x)
            if not batch and x._flags & DUAL:
                x = outside(x, level)
            own = batch
        inner.append(x)
        batched.append(own)
    full = derived.replaced(op, args, inner)
    if True not in batched:
        return pairs(flat_call(op, full), None)
    found = batchrules.batch(op, full, inner, batched, level.size)
    return (found.value, None) if found.__class__ is batchrules.Same else pairs(found, 0)


def pairs(found: Any, dim: int | None) -> Any:
    """Results with their batch dim."""
    return [(x, dim) for x in found] if isinstance(found, (tuple, list)) else (found, dim)


def apply(op: Op, args: tuple[Any, ...], level: Level) -> Any:
    """An operator on tensors of which some belong to `level`, recorded there if a gradient is wanted there."""
    found = compute(op, args, level)
    many = found.__class__ is list
    if many:
        outs = tuple([stands_for(x, dim, level) for x, dim in found])
    else:
        outs = (stands_for(found[0], found[1], level),)
    kind, mode = op.kind, current()
    recording = mode.grad and level.recording and kind.differentiable and any_wanted(op, args, level)
    if recording or kind.view:
        values = [lifted(x, level) if isinstance(x, TensorBase) else x for x in op.values(args)]
        local = tuple(derived.replaced(op, args, values))
        if recording:
            recorded(op, local, outs, mode, many)
        if kind.view:
            for nr, x in enumerate(outs):
                register_view(x, first_tensor(op, local), op, local, mode, nr, many)
    return outs if many else outs[0]


def any_wanted(op: Op, args: tuple[Any, ...], level: Level) -> bool:
    """Whether a tensor of the level among the arguments has a history there."""
    for x in args[op.many] if op.many >= 0 else [args[i] for i in op.arrays]:
        if isinstance(x, TensorBase) and x._flags & BATCHED and x._flags & 1 and x._array.level is level:
            return True
    return False


def recorded(op: Op, args: tuple[Any, ...], outs: tuple[Any, ...], mode: Any, many: bool) -> None:
    """Make the node of an operator on batched tensors."""
    movable = [x._array.dtype.kind in "fcV" for x in outs]
    if not any(movable):
        return
    node = core.new_node(node_class_of(op, many, args))
    if isinstance(node, ManyNode):
        node.metas = tuple(
            [(x._array.shape, x._array.dtype) if d else None for x, d in zip(outs, movable, strict=True)]
        )
    if many or op.many >= 0 or not edges(node, op, args, outs[0]._array):
        fill(node, op, args, None if many else outs[0])
    attach(node, wrap(None), 5)
    if many:
        node._outputs = len(outs)
    for nr, (x, d) in enumerate(zip(outs, movable, strict=True)):
        if d:
            x._node = node
            x._flags |= 1 | nr << NR_SHIFT
    save(node, op, args, outs if many else outs[0])
    keep_marks(node, outs)
    if mode is not PLAIN:
        dressed(node, mode)


def edges(node: Any, op: Op, args: tuple[Any, ...], result: Any) -> bool:
    """What `fill` does where all tensors are float32, or all float64; False: they are not."""
    dtype, shape = result.dtype, result.shape
    if dtype is not F32 and dtype is not F64:
        return False
    inputs: list[Any] = []
    fit: list[Any] = []
    kept = list(args)
    view, elementwise = op.kind.view, isinstance(op.kind, Elementwise)
    plain = True
    for i in op.arrays:
        x = args[i]
        if not isinstance(x, TensorBase):
            inputs.append(None)
            fit.append(_UNFITTED)
            continue
        a = x._array
        if a.dtype is not dtype:
            return False
        kept[i] = None
        nr = x._flags >> NR_SHIFT
        same = view or (elementwise and a.shape == shape)
        plain = plain and same and not nr
        inputs.append(x._node if x._flags & 1 else None)
        fit.append((nr, None, None) if same else (nr, a.shape, dtype))
    node._inputs, node._fit = tuple(inputs), None if plain else tuple(fit)
    first = args[op.arrays[0]]
    node.args, node.shape = tuple(kept), first._array.shape if isinstance(first, TensorBase) else None
    return True


_UNFITTED = (0, None, None)


# ---------------------------------------------------------------- in place


def apply_inplace(op: Op, args: tuple[Any, ...], level: Level, depth: int) -> Any:
    """The in-place form: the batch that the first tensor stands for is written."""
    x = first_tensor(op, args)
    mode = current()
    local = derived.replaced(op, args, [lifted(y, level) if isinstance(y, TensorBase) else y for y in op.values(args)])
    wanted = any(isinstance(y, TensorBase) and y._flags & 1 for y in op.values(tuple(local)))
    if wanted and mode.grad and level.recording and not x._flags & BATCHED:
        take_in(x, level)
    if mode.grad and at(x, level):
        check_inplace(x, mode, wanted)
    value, dim = compute(op, args, level, x)
    check_storable(op, x._array, stands_for(value, dim, level)._array)
    target, own = left(x, level)
    if own is None and dim is not None:
        raise lone_target(op, target._array.shape, level.size)
    node = None
    if wanted and mode.grad and level.recording and at(x, level) and x._array.dtype.kind in "fcV":
        node = recorded_write(op, tuple(local), x, mode, depth)
    if value._array.shape != target._array.shape:
        value = RECORDED.expand(value, target._array.shape)
    if value._array.dtype != target._array.dtype:
        value = RECORDED.to_dtype(value, target._array.dtype)
    target.copy_(value)
    if at(x, level):
        written(x, depth)
        finish_write(op, x, node, mode)
    return x


def take_in(x: Any, level: Level) -> None:
    """Make a tensor that was made inside the level one of its tensors, so that it can have a history there."""
    value = copy_of(x)
    x._array = BatchedArray(value, None, level)
    x._node, x._vc, x._extra, x._flags = None, None, None, BATCHED


def finish_write(op: Op, x: Any, node: Any, mode: Any) -> None:
    """Make an in-place operation the history of what it wrote."""
    if node is None:
        mark_views_stale(counter_of(x))
        return
    if op.saves:
        refresh_saved_result(node, op, x)
        keep_marks(node, (x,))
    if mode is not PLAIN:
        dressed(node, mode)
    rebase(x, node)


_WORDS = {
    "scatter_source": "aten::scatter_",
    "put_values": "aten::put_",
    "masked_write": "aten::masked_scatter_",
    **dict.fromkeys(("mul", "sub", "div", "copy", "masked_fill", "logical_and", "logical_or", "logical_xor"), None),
    "fill": "fill_",
    "index_write": "index_put_",
    "index_add": "index_add_",
    "index_fill_number": "index_fill_",
    "index_fill_tensor": "index_fill_",
}
"""How torch calls in-place operators in this message: None for arithmetic, others with "aten::" if not named here."""


def lone_target(op: Op, shape: Any, size: int) -> ShapeError:
    """A tensor that is one for all entries cannot hold a result per entry."""
    cure = (
        f"{op.name}_() would have to store one result per entry in one place. Use the out-of-place operator, or make "
        "`self` from a tensor that is mapped over (zeros_like)." + user_line()
    )
    if op.name in ("add", "atan2"):
        shape = list(shape)
        return ShapeError(
            f"output with shape {shape} doesn't match the broadcast shape {[size, *shape]}: `self` is the same for all "
            f"entries of a vmap and what is added is not; {cure}"
        )
    name = _WORDS.get(op.name, f"aten::{op.name}_") or "inplace arithmetic"
    return ShapeError(
        f"vmap: {name}(self, *extra_args) is not possible because there exists a Tensor `other` in extra_args that has "
        "more elements than `self`. This happened due to `other` being vmapped over but `self` not being vmapped over "
        f"in a vmap: {cure}"
    )


def detached(x: Any) -> Any:
    """x without history, at its own level and further out."""
    array = x._array
    out = stands_for(array.value.detach(), array.dim, array.level)
    out._vc = counter_of(x)
    return out


def made_like(x: Any, made: Any) -> Any:
    """A tensor made after the example of a batched one: one for each entry, to be written apart."""
    array = x._array
    if at(made, array.level):
        return made
    inner = made
    if array.dim is not None:
        inner = RECORDED.clone(RECORDED.expand(made, (array.level.size, *made._array.shape)))
    if array.value._flags & BATCHED:
        inner = made_like(array.value, inner)
    out = stands_for(inner, array.dim, array.level)
    return out.requires_grad_() if made._flags & 1 else out


def cut(x: Any) -> Any:
    """x without its history at its own level; what lies further out stays."""
    if not x._flags & 1:
        return x
    out = copy_of(x)
    out._node, out._flags = None, out._flags & ~1 & ((1 << NR_SHIFT) - 1)
    set_view(out, None)
    return out


__all__ = ["BatchedArray", "apply", "apply_inplace", "at", "cut", "detached", "entered", "left", "lifted", "whole"]
