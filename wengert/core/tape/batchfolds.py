"""Batching rules of operators that count something already: entries become more of that (see batchrules.py)."""

from __future__ import annotations

from typing import Any

from wengert.core.operators import derived
from wengert.core.operators.record import Op
from wengert.core.tape.batchrules import called, full, rank, reshaped, rule, trailing, wrapped
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import TensorBase
from wengert.core.tape.flatcalls import flat_call

for _name in (
    "adaptive_avg_pool_back", "avg_pool_back", "adaptive_max_pool", "grid_slope", "view_dtype", "quantile_scale",
):  # fmt: skip
    rule(_name)(trailing)
del _name


def spread_all(values: list[Any], batched: list[bool], size: int) -> list[Any]:
    """All tensors with the batch in dim 0."""
    return [full(x, b, size) if isinstance(x, TensorBase) else x for x, b in zip(values, batched, strict=True)]


def results(found: Any, change: Any) -> Any:
    """`change` of one result or of each."""
    return tuple([change(y) for y in found]) if isinstance(found, (tuple, list)) else change(found)


@rule("spatial_gather", "spatial_scatter", "max_unpool", "grid_index", "gelu_back")
def side_by_side(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Dims in front of all tensors alike are no matter to the operator."""
    return called(op, args, spread_all(values, batched, size))


# ---------------------------------------------------------------- samples


def merged(x: Any) -> Any:
    """Entries as more of what their first dim counts."""
    shape = x._array.shape
    return reshaped(x, (shape[0] * shape[1], *shape[2:]))


@rule("channel_shuffle", "look_up", "lay_down", "sample_grid", "affine_grid_generator",
      "affine_grid_back")  # fmt: skip
def samples(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Independent samples along the first dim of every tensor."""
    parts = spread_all(values, batched, size)
    count = parts[0]._array.shape[1]
    changed = list(derived.replaced(op, args, [merged(x) for x in parts]))
    if op.name.startswith("affine_grid"):
        shape = tuple(args[op.params.index("size")])
        changed[op.params.index("size")] = (size * shape[0], *shape[1:])
    return results(flat_call(op, changed), lambda y: reshaped(y, (size, count, *y._array.shape[1:])))


@rule("fractional_max_pool")
def fractional(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Samples, of which the entry may be one without a dim that counts it."""
    x, random = spread_all(values, batched, size)
    if x._array.ndim - 1 == len(tuple(args[2])) + 2:
        return samples(op, args, [x, random], [True, True], size)
    return called(op, args, [x, reshaped(random, (size, *random._array.shape[2:]))])


@rule("im2col", "col2im")
def columns(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Samples, of which the entry may be one."""
    single = values[0]._array.ndim == (4 if op.name == "im2col" else 3)
    return called(op, args, values) if single else samples(op, args, values, batched, size)


@rule("conv_tbc")
def over_time(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Samples along the second dim, one kernel for all."""
    if any(batched[1:]):
        return NotImplemented
    x = m.movedim(values[0], 0, 1)
    steps, _, count, channels = x._array.shape
    found = called(op, args, [m.reshape(x, (steps, size * count, channels)), *values[1:]])
    return m.movedim(reshaped(found, (found._array.shape[0], size, count, found._array.shape[2])), 1, 0)


@rule("ctc_kernel")
def alignments(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Samples along the first dim, in log_probs and alive after the time."""
    parts = []
    for name, x in zip(op.params, spread_all(values, batched, size), strict=False):
        if name in ("log_probs", "alive"):
            x = m.movedim(x, 0, 1)
            shape = x._array.shape
            parts.append(m.reshape(x, (shape[0], shape[1] * shape[2], *shape[3:])))
        else:
            parts.append(merged(x))
    count = values[0]._array.shape[2 if batched[0] else 1]

    def back(y: Any) -> Any:
        shape = y._array.shape
        if shape[0] == size * count:
            return reshaped(y, (size, count, *shape[1:]))
        return m.movedim(reshaped(y, (shape[0], size, count, *shape[2:])), 1, 0)

    return results(called(op, args, parts), back)


@rule("recurrent_layer", "recurrent_cell")
def recurrent(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Sequences of all entries side by side: row n of entry b is row n * size + b; one set of weights."""
    states = 3 if args[1] == "lstm" else 2
    if any(batched[states:]):
        return NotImplemented
    parts = []
    for x, b in zip(values[:states], batched, strict=False):
        x = m.movedim(full(x, b, size), 0, -2)
        shape = x._array.shape
        parts.append(m.reshape(x, (*shape[:-3], shape[-3] * size, shape[-1])))
    changed = list(derived.replaced(op, args, [*parts, *values[states:]]))
    if op.name == "recurrent_layer" and changed[2] is not None:
        changed[2] = tuple([n * size for n in changed[2]])

    def back(y: Any) -> Any:
        shape = y._array.shape
        return m.movedim(reshaped(y, (*shape[:-2], shape[-2] // size, size, shape[-1])), -2, 0)

    return results(flat_call(op, changed), back)


# ---------------------------------------------------------------- normalisation


@rule("batch_norm_kernel")
def batch_norm(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """The channels of all entries side by side."""
    x, *channelled = spread_all(values, batched, size)
    x = m.movedim(x, 0, 1)
    n, _, channels = x._array.shape[:3]
    x = m.reshape(x, (n, size * channels, *x._array.shape[3:]))
    flat = [None if w is None else m.reshape(w, (size * channels,)) for w in channelled]
    found = called(op, args, [x, *flat])
    y = reshaped(found[0], (n, size, channels, *found[0]._array.shape[2:]))
    rest = [reshaped(z, (size, -1) if z._array.shape else (1, 1)) if z._array.size else z for z in found[1:]]
    return m.movedim(y, 1, 0), *[full_statistic(z, size, channels) for z in rest]


def full_statistic(z: Any, size: int, channels: int) -> Any:
    """A statistic of (size * channels) elements by entries; an empty one is empty for all."""
    if not z._array.size:
        return m.expand(reshaped(z, (1, *z._array.shape)), (size, *z._array.shape))
    return reshaped(z, (size, channels))


@rule("group_norm_kernel")
def group_norm(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Samples of all entries; a weight of its own for each entry is applied afterwards."""
    x, weight, bias = values
    x = full(x, batched[0], size)
    n = x._array.shape[1]
    own = batched[1] or batched[2]
    found = called(op, args, [merged(x), *((None, None) if own else (weight, bias))])
    y, *rest = [reshaped(z, (size, n, *z._array.shape[1:])) for z in found]
    if own:
        behind = (1,) * (x._array.ndim - 3)
        y = scaled(y, weight, bias, batched, lambda w, b: (size if b else 1, 1, -1, *behind))
    return (y, *rest)


def scaled(y: Any, weight: Any, bias: Any, batched: list[bool], shape: Any) -> Any:
    """y * weight + bias, each in the shape that `shape` tells."""
    if weight is not None:
        y = m.mul(y, reshaped(weight, shape(weight, batched[1])))
    if bias is not None:
        y = m.add(y, reshaped(bias, shape(bias, batched[2])))
    return y


@rule("layer_norm_kernel", "rms_norm_kernel")
def normalised(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Over the last dims; a weight of its own for each entry is applied afterwards."""
    if not any(batched[1:]):
        return called(op, args, values)
    x = full(values[0], batched[0], size)
    y, *rest = called(op, args, [x, *(None,) * (len(values) - 1)])
    own = len(tuple(args[1]))
    lead = x._array.ndim - 1 - own
    weight, bias = values[1], values[2] if len(values) > 2 else None

    def shape(w: Any, b: bool) -> Any:
        return (size, *(1,) * lead, *w._array.shape[1:]) if b else (1, *(1,) * lead, *w._array.shape)

    return (scaled(y, weight, bias, [*batched, False], shape), *rest)


@rule("attention", "attention_back")
def attention(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Leading dims broadcast: those of an entry are aligned behind the batch."""
    if op.name == "attention_back" and not all(batched):
        return NotImplemented
    top = max(rank(x, b) for x, b in zip(values, batched, strict=True))
    parts = []
    for x, b in zip(values, batched, strict=True):
        shape = x._array.shape
        if op.name == "attention" and b:
            x = reshaped(x, (size, *(1,) * (top - len(shape) + 1), *shape[1:]))
        parts.append(x)
    if True in batched[:3] or op.name == "attention_back":
        return called(op, args, parts)
    parts[0] = full(parts[0], False, size)
    return called(op, args, parts)


# ---------------------------------------------------------------- losses over rows


@rule("multi_margin_loss", "multilabel_margin_loss")
def row_losses(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """The losses of all rows, then reduced over each entry's own."""
    i = op.params.index("reduction")
    if len(batched) > 2 and batched[2]:
        return NotImplemented
    n = rank(values[0], batched[0])
    x, target = spread_all(values[:2], batched[:2], size)
    if n == 0:
        x, target, n = reshaped(x, (size, 1)), reshaped(target, (size, 1)), 1
    parts = [x, target] if n == 1 else [merged(x), merged(target)]
    if n == 1 and op.name == "multi_margin_loss":
        parts[1] = reshaped(target, (size,))
    losses = called(op, [*args[:i], "none", *args[i + 1 :]], [*parts, *values[2:]])
    if n == 1:
        return losses
    losses = reshaped(losses, (size, -1))
    reduction = args[i]
    return losses if reduction == "none" else m.mean(losses, 1) if reduction == "mean" else m.sum(losses, 1)


@rule("multilabel_margin_slope")
def row_slopes(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Slopes of all rows."""
    parts = spread_all(values, batched, size)
    n, shape = rank(values[0], batched[0]), parts[0]._array.shape
    if n == 1:
        return called(op, args, parts)
    if n == 0:
        return reshaped(called(op, args, [reshaped(x, (size, 1)) for x in parts]), shape)
    return reshaped(called(op, args, [merged(x) for x in parts]), shape)


# ---------------------------------------------------------------- along dims of several tensors


@rule("softmax_back", "log_softmax_back", "recurrence", "linalg_cross", "scatter_reduced", "index_reduced",
      "scatter_combined", "scatter_shares", "scatter_zero_parts")  # fmt: skip
def along_all(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Tensors of as many dims and a `dim`, which moves up by one."""
    tensors = [(x, b) for x, b in zip(values, batched, strict=True) if isinstance(x, TensorBase)]
    n = max(rank(x, b) for x, b in tensors)
    if not n:
        return NotImplemented
    parts = []
    for x, b in tensors:
        if rank(x, b) != n:
            if op.name != "linalg_cross":
                return NotImplemented
            x = reshaped(x, (size if b else 1, *(1,) * (n - rank(x, b)), *x._array.shape[b:]))
            b = True
        parts.append(full(x, b, size))
    changed = list(derived.replaced(op, args, parts))
    i = op.params.index("dim")
    changed[i] = wrapped(changed[i], n)
    return flat_call(op, changed)


@rule("prod", "argmax", "argmin", "extremes", "roll")
def flattened(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Without a dim over all elements of an entry: over one dim of them laid out in a row."""
    name = "dims" if op.name == "roll" else "dim"
    i = op.params.index(name)
    x = values[0]
    n = x._array.ndim - 1
    changed = list(args)
    if args[i] is None or args[i] == ():
        changed[0], changed[i] = reshaped(x, (size, -1)), (1,) if op.name == "roll" else 1
        if op.name == "roll":
            shift = args[1]
            changed[1] = (shift,) if isinstance(shift, int) else shift
            return reshaped(flat_call(op, changed), x._array.shape)
        keep = op.params.index("keepdim")
        wanted = (size, *(1,) * n) if args[keep] else (size,)
        changed[keep] = False
        return results(flat_call(op, changed), lambda y: reshaped(y, wanted))
    if not n:
        return NotImplemented
    changed[0] = x
    given = args[i]
    changed[i] = wrapped(given, n) if isinstance(given, int) else tuple([wrapped(d, n) for d in given])
    return flat_call(op, changed)


@rule("whole_median")
def median(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """The median of each row of an entry's elements."""
    x = reshaped(values[0], (size, -1))
    return (m.nanmedian(x, 1) if args[1] else m.median(x, 1))[0]


@rule("tie_weights")
def ties(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Over one dim, or over all dims of an entry."""
    x, out = spread_all(values, batched, size)
    i, k = op.params.index("dim"), op.params.index("keepdim")
    dim, n = args[i], x._array.ndim - 1
    changed = list(args)
    if not n:
        changed[0], changed[1], changed[i] = reshaped(x, (size, 1)), out, 1
        changed[k] = False
        return reshaped(flat_call(op, changed), (size,))
    dims = tuple(range(n)) if dim is None or dim == () else (dim,) if isinstance(dim, int) else tuple(dim)
    changed[0], changed[1] = x, out
    changed[i] = tuple([wrapped(d, n) for d in dims])
    if dim is None:
        changed[k] = args[k]
    return flat_call(op, changed)


@rule("split_with_sizes")
def split(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Pieces along a dim, which moves up by one."""
    n = values[0]._array.ndim - 1
    return flat_call(op, [values[0], args[1], wrapped(args[2], n)]) if n else NotImplemented


@rule("trace_backward", "zeros_of", "blank_matrices")
def sized_results(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Results of a given size for each entry."""
    shape = tuple(args[1])
    if op.name == "zeros_of":
        return flat_call(op, [values[0], (size, *shape)])
    if op.name == "blank_matrices":
        return full(flat_call(op, [m.select(values[0], 0, 0), shape]), False, size)
    ones = m.trace_backward(m.one_like(m.select(values[0], 0, 0)), shape)
    return m.mul(m.reshape(values[0], (size, 1, 1)), ones)


@rule("fill_diagonal")
def diagonal_filled(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """The same places of every entry."""
    blank = m.zero_like(m.select(values[0], 0, 0)).detach()
    places = m.ne(flat_call(op, [blank, 1, *args[2:]]), 0)
    return m.masked_fill(values[0], places, args[1])
