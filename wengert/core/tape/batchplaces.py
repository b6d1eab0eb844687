"""Batching rules of tables, flat positions, masks and sorted sequences (see batchrules.py)."""

from __future__ import annotations

from math import prod
from typing import Any

from wengert.core.base.errors import GraphError
from wengert.core.operators import derived
from wengert.core.operators.record import Op
from wengert.core.tape import core
from wengert.core.tape.batchfolds import merged, spread_all
from wengert.core.tape.batchrules import called, counting, full, rank, reshaped, rule
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.flatcalls import flat_call

# ---------------------------------------------------------------- tables


def own_rows(indices: Any, rows: int, size: int) -> Any:
    """Indices into the tables of all entries laid one under the other."""
    return m.add(indices, m.mul(counting(indices, size, indices._array.ndim), rows))


@rule("embedding_rows", "embedding_transposed")
def looked_up(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Rows of one table at all indices, or of a table for each entry."""
    weight, indices = values
    if not batched[0]:
        return NotImplemented if args[-1] else called(op, args, values)
    padding = args[op.params.index("padding_idx")]
    if args[-1] or op.name == "embedding_transposed" or not (padding is None or padding < 0):
        return NotImplemented
    indices = full(indices, batched[1], size)
    return called(op, args, [merged(weight), own_rows(indices, weight._array.shape[1], size)])


@rule("embedding_backward")
def embedding_rows(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """A table per entry, all in one: indices of entry b count from b * rows; the padding row gets nothing."""
    g, indices = values
    shape, padding, scaled = args[1], args[3], args[4]
    rows = shape if isinstance(shape, int) else shape[0]
    if scaled:
        return NotImplemented
    g, indices = full(g, batched[0], size), full(indices, batched[1], size)
    if not (padding is None or padding < 0):
        g = m.masked_fill(g, m.unsqueeze(m.eq(indices, padding), -1), 0)
    changed = list(derived.replaced(op, args, [g, own_rows(indices, rows, size)]))
    changed[1] = rows * size if isinstance(shape, int) else (rows * size, *shape[1:])
    changed[3] = -1
    found = flat_call(op, changed)
    return reshaped(found, (size, rows, *found._array.shape[1:]))


# ---------------------------------------------------------------- flat positions


def from_start(index: Any, count: int) -> Any:
    """Positions counted from the end as positions from the start."""
    return m.where(m.lt(index, 0), m.add(index, count), index)


@rule("take_backward")
def put_back(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Flat positions of entry b count from b * elements."""
    g, index = spread_all(values, batched, size)
    shape = tuple(args[1])
    count = prod(shape)
    places = own_rows(from_start(index, count), count, size)
    found = flat_call(op, [reshaped(g, (-1,)), (size * count,), m.reshape(places, (-1,))])
    return reshaped(found, (size, *shape))


@rule("put_values", "put_zero")
def put(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """The same for values that are written."""
    x, index, *source = spread_all(values, batched, size)
    shape = x._array.shape
    count = prod(shape[1:])
    places = m.reshape(own_rows(from_start(index, count), count, size), (-1,))
    changed = derived.replaced(op, args, [reshaped(x, (-1,)), places, *[reshaped(y, (-1,)) for y in source]])
    return reshaped(flat_call(op, changed), shape)


@rule("taken", "taken_backward")
def slices(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """One index for all entries: the dim moves up by one."""
    if batched[1]:
        return NotImplemented
    changed = list(derived.replaced(op, args, values))
    n = rank(values[0], batched[0])
    if op.name == "taken_backward":
        shape = tuple(args[1])
        n, changed[1] = len(shape), (size, *shape)
    if not n:
        return NotImplemented
    i = op.params.index("dim")
    changed[i] = args[i] % n + 1
    return flat_call(op, changed)


@rule("index_select_backward")
def put_slices(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """The transpose of index_select; an index for each entry is spread over the slices."""
    g, index = values
    shape, n = tuple(args[1]), len(args[1])
    if not n:
        return NotImplemented
    dim = args[2] % n + 1
    if not batched[1]:
        return flat_call(op, [g, (size, *shape), dim, index])
    g = full(g, batched[0], size)
    if index._array.ndim != 2:
        return NotImplemented
    places = m.reshape(index, tuple([g._array.shape[k] if k in (0, dim) else 1 for k in range(n + 1)]))
    return m.gather_backward(g, (size, *shape), dim, m.expand(places, g._array.shape))


# ---------------------------------------------------------------- sorted sequences


@rule("places")
def searched(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Values in one sequence, or in a sequence for each entry."""
    sequence, given, sorter = values
    single = rank(sequence, batched[0]) == 1
    if given is None:
        if not single:
            return NotImplemented
        number = args[op.params.index("number")]
        parts = [full(sequence, batched[0], size), m.filled_like(m.narrow(sequence, -1, 0, 1), number), sorter]
        if not batched[0] or sequence._array.shape[-1] == 0:
            return NotImplemented
        changed = list(derived.replaced(op, args, parts))
        changed[op.params.index("number")] = None
        return reshaped(flat_call(op, changed), (size,))
    if not batched[0] and not batched[2] and single:
        return called(op, args, values)
    parts = spread_all(values, batched, size)
    shape = parts[1]._array.shape
    if single:
        parts[1] = reshaped(parts[1], (size, -1))
    found = called(op, args, parts)
    return reshaped(found, shape) if single else found


@rule("quantile_places")
def quantiles(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """The same quantiles of all rows."""
    return NotImplemented if batched[1] else called(op, args, values)


@rule("member")
def membership(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Elements compared with all test elements."""
    if not batched[1]:
        return called(op, args, values)
    x, tests = spread_all(values, batched, size)
    n = x._array.ndim
    near = m.eq(m.unsqueeze(x, -1), m.reshape(tests, (size, *(1,) * (n - 1), -1)))
    found = m.any(near, -1)
    return m.logical_not(found) if args[op.params.index("invert")] else found


# ---------------------------------------------------------------- masks


@rule("masked_select")
def selected(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """As many elements from every entry: one mask for all.

    Raises: GraphError for a mask of its own for each entry.
    """
    x, mask = values
    if batched[1]:
        raise GraphError(
            "vmap: Attempted to vmap over `mask` in torch.masked_select(self, mask) We cannot support this because for "
            "each batch this would return a differently shaped Tensor: entries would differ in how many elements they "
            "keep. Keep them all, and use torch.where(mask, x, 0)." + place()
        )
    n, lead = x._array.ndim - 1, mask._array.ndim
    if lead > n:
        x = reshaped(x, (size, *(1,) * (lead - n), *x._array.shape[1:]))
    return m.reshape(called(op, args, [x, mask]), (size, -1))


@rule("masked_select_backward")
def unselected(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """The transpose of masked_select with one mask for all."""
    g, mask = values
    if batched[1]:
        return NotImplemented
    shape = tuple(args[1])
    lead = max(mask._array.ndim - len(shape), 0)
    found = flat_call(op, [m.reshape(g, (-1,)), (size, *(1,) * lead, *shape), mask])
    return reshaped(found, (size, *shape))


def place() -> str:
    """The user's line."""
    frame = core.user_frame(core._getframe(2))
    return "\nThis happened at:\n  " + core.where_text(frame.f_code, frame.f_lasti)


_DYNAMIC = {
    "nonzero_rows": "nonzero",
    "nonzero_columns": "where",
    "argwhere": "argwhere",
    "unique_parts": "_unique2",
    "spread_index": "repeat_interleave",
}
"""Records whose results' shape depends on values, with torch's names of them."""


@rule(*_DYNAMIC)
def dynamic(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Results whose shape depends on the values.

    Raises: GraphError.
    """
    raise GraphError(
        "vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over "
        f"aten::{_DYNAMIC[op.name]}. The results of the entries would differ in shape: use a form whose shape does not "
        "depend on values, such as torch.where(condition, a, b) or a product with a mask." + place()
    )


def refuse_mask() -> GraphError:
    """A mask of its own for each entry as an index."""
    return GraphError(
        "vmap: We do not support batching operators that can support dynamic shape. Attempting to batch over indexing "
        "with a boolean mask. Entries would differ in how many elements they keep: use torch.where(mask, x, 0)."
        + place()
    )
