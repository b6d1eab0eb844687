"""Batching rules of reading and writing at indices (see batchrules.py)."""

from __future__ import annotations

from typing import Any

from wengert.core.operators import derived
from wengert.core.operators.record import Op
from wengert.core.tape.batchplaces import refuse_mask
from wengert.core.tape.batchrules import called, counting, full, rank, reshaped, rule, wrapped
from wengert.core.tape.core import RECORDED as m


@rule("index", "index_clear")
def indexed(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Index tensors; where they are batched themselves, a count of the entries is one more."""
    x, *tensors = values
    where, own = tuple(args[1]), [t for t in tensors if t is not None]
    masks = any(t._array.dtype.kind == "b" for t in own)
    apart = any(b - a != 1 for a, b in zip(where, where[1:], strict=False))
    if any(b and t is not None and t._array.dtype.kind == "b" for t, b in zip(tensors, batched[1:], strict=True)):
        raise refuse_mask()
    if masks and (any(batched[1:]) or len(own) > 1):
        return NotImplemented
    if not any(batched[1:]):
        found = called(op, (args[0], tuple(k + 1 for k in where), *args[2:]), values)
        lead = max(t._array.ndim for t in own)
        return derived.to_front(m, found, lead) if apart and op.name == "index" else found
    aligned, top = spread_indices(tensors, batched[1:], size)
    if len(aligned) == len(tensors):
        return NotImplemented
    x = full(x, batched[0], size)
    slots = (counting(x, size, top + 1), *aligned, *(None,) * (len(tensors) - len(aligned) - 1))
    found = called(op, (x, (0, *[k + 1 for k in where]), *slots), [x, *slots])
    if op.name == "index_clear" or apart or not where[0]:
        return found
    n = found._array.ndim
    own_dims, before = range(1, top + 1), range(top + 1, top + 1 + where[0])
    return m.permute(found, (0, *before, *own_dims, *range(top + 1 + where[0], n)))


def spread_indices(tensors: list[Any], batched: list[bool], size: int) -> tuple[list[Any], int]:
    """Index tensors with the entries in dim 0, aligned; and the dims of an entry's index."""
    own = [(t, b) for t, b in zip(tensors, batched, strict=True) if t is not None]
    top = max(rank(t, b) for t, b in own)
    aligned = []
    for t, b in own:
        shape = t._array.shape[1:] if b else t._array.shape
        aligned.append(reshaped(t, (size if b else 1, *(1,) * (top - len(shape)), *shape)))
    return aligned, top


@rule("index_write")
def written(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Values stored at index tensors of every entry."""
    x, given, *tensors = values
    where, own = tuple(args[2]), [t for t in tensors if t is not None]
    if any(t._array.dtype.kind == "b" for t in own) or any(b - a != 1 for a, b in zip(where, where[1:], strict=False)):
        return NotImplemented
    aligned, top = spread_indices(tensors, batched[2:], size)
    if len(aligned) == len(tensors) or where[0] and batched[1]:
        return NotImplemented
    if where[0]:
        if any(batched[2:]):
            return NotImplemented
        return called(op, (x, given, tuple(k + 1 for k in where), *args[3:]), [full(x, batched[0], size), *values[1:]])
    x = full(x, batched[0], size)
    if batched[1]:
        inner = top + x._array.ndim - 1 - len(own)
        shape = given._array.shape[1:]
        given = reshaped(given, (size, *(1,) * (inner - len(shape)), *shape))
    slots = (counting(x, size, top + 1), *aligned, *(None,) * (len(tensors) - len(aligned) - 1))
    changed = (x, given, (0, *[k + 1 for k in where]), args[3], *slots)
    return called(op, changed, [x, given, *slots])


@rule("index_backward")
def index_scattered(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """A gradient added at the index tensors of every entry."""
    g, *tensors = values
    shape, where = tuple(args[1]), tuple(args[2])
    own = [t for t in tensors if t is not None]
    if (
        any(t._array.dtype.kind == "b" for t in own)
        or where[0]
        or any(b - a != 1 for a, b in zip(where, where[1:], strict=False))
    ):
        return NotImplemented
    aligned, top = spread_indices(tensors, batched[1:], size)
    if len(aligned) == len(tensors):
        return NotImplemented
    g = full(g, batched[0], size)
    slots = (counting(g, size, top + 1), *aligned, *(None,) * (len(tensors) - len(aligned) - 1))
    return called(op, (g, (size, *shape), (0, *[k + 1 for k in where]), *slots), [g, *slots])


@rule("gather", "gather_backward", "scatter_source", "scatter_added", "scatter_number", "scatter_hits")
def along_index(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """One index for each element along a dim: all tensors of an entry have its dims."""
    n = max(rank(x, b) for x, b in zip(values, batched, strict=True))
    if not n or any(rank(x, b) != n for x, b in zip(values, batched, strict=True)):
        return NotImplemented
    changed = list(derived.replaced(op, args, [full(x, b, size) for x, b in zip(values, batched, strict=True)]))
    for name in ("size", "input_sizes"):
        if name in op.params:
            changed[op.params.index(name)] = (size, *changed[op.params.index(name)])
    i = op.params.index("dim")
    changed[i] = wrapped(changed[i], n)
    return derived.invoke(op, m, changed)


@rule("index_select")
def selected(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Rows at an index vector."""
    x, index = values
    n = rank(x, batched[0])
    if not n or batched[1] and index._array.ndim != 2:
        return NotImplemented
    dim = args[1] % n
    if not batched[1]:
        return m.index_select(x, dim + 1, index)
    if not batched[0]:
        found = m.index_select(x, dim, reshaped(index, (-1,)))
        shape = x._array.shape
        found = reshaped(found, (*shape[:dim], size, index._array.shape[1], *shape[dim + 1 :]))
        return derived.to_front(m, found, dim) if dim else found
    shape = [size, *x._array.shape[1:]]
    shape[dim + 1] = index._array.shape[1]
    spread = reshaped(index, tuple(shape[k] if k in (0, dim + 1) else 1 for k in range(n + 1)))
    return m.gather(x, dim + 1, m.expand(spread, tuple(shape)))
