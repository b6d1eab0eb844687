"""Batching rules of layers and of writes at indices (see batchrules.py)."""

from __future__ import annotations

from math import prod
from typing import Any

from wengert.core.operators import derived
from wengert.core.operators.record import Op
from wengert.core.tape.batchrules import called, counting, elementwise, full, rank, rule, trailing, wrapped
from wengert.core.tape.core import RECORDED as m

for _name in (
    "avg_pool", "adaptive_avg_pool", "pixel_shuffle", "pixel_unshuffle", "one_hot", "resample", "resample_back",
    "spherical_bessel_j0", "airy_ai", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "as_int32", "frexp",
):  # fmt: skip
    rule(_name)(trailing)
for _name in (
    "chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w",
    "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w", "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l",
    "legendre_polynomial_p", "whole_quotient",
):  # fmt: skip
    rule(_name)(elementwise)
del _name


@rule("max_pool_values", "max_pool_indexed", "padded")
def folded(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Entries as more of what their first dim counts: it is no matter to the operator."""
    x = values[0]
    if x._array.ndim < 3:
        return NotImplemented
    first = x._array.shape[1]
    found = called(op, args, [m.reshape(x, (size * first, *x._array.shape[2:]))])
    if isinstance(found, (tuple, list)):
        return tuple([m.reshape(y, (size, first, *y._array.shape[1:])) for y in found])
    return m.reshape(found, (size, first, *found._array.shape[1:]))


@rule("picked", "given_back")
def picked(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Elements at the indices of extrema, and back."""
    n = max(rank(x, b) for x, b in zip(values, batched, strict=True))
    if not n:
        return NotImplemented
    changed = list(derived.replaced(op, args, [full(x, b, size) for x, b in zip(values, batched, strict=True)]))
    i = op.params.index("dim")
    if "size" in op.params:
        shape = tuple(changed[op.params.index("size")])
        if not shape:
            return NotImplemented
        changed[op.params.index("size")] = (size, *shape)
        n = len(shape)
    changed[i] = wrapped(changed[i], n)
    return derived.invoke(op, m, changed)


@rule("nll_scatter")
def nll_scatter(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """The transpose of nll_loss: minus the shares of g at the target classes."""
    g, target, weight = values
    shape, ignore, reduction = tuple(args[3]), args[4], args[5]
    if len(batched) > 2 and batched[2]:
        return NotImplemented
    g, target = full(g, batched[0], size), full(target, batched[1], size)
    if len(shape) == 1:
        target = m.reshape(target, (size,))
    dim = 1 if len(shape) == 1 else 2
    kept = m.ne(target, ignore)
    places = m.where(kept, target, m.zero_like(target))
    shares = m.to_dtype(kept, g._array.dtype)
    if weight is not None:
        shares = m.mul(shares, m.reshape(m.index_select(weight, 0, m.reshape(places, (-1,))), places._array.shape))
    if reduction == "mean":
        dims = tuple(range(1, shares._array.ndim))
        shares = m.div(shares, m.sum(shares, dims, True) if dims else shares)
    g = m.reshape(g, (size, *g._array.shape[1:], *(1,) * (target._array.ndim - g._array.ndim)))
    moved = m.where(kept, m.neg(m.mul(shares, g)), 0.0)
    zeros = m.zero_like(m.expand(m.reshape(moved, (-1,)).sum(), (size, *shape)))
    return m.scatter_added(zeros, dim, m.unsqueeze(places, dim), m.to_dtype(m.unsqueeze(moved, dim), g._array.dtype))


@rule("convolution_weight")
def convolution_weight(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """The gradient of each entry's kernel: one convolution with as many groups as entries."""
    g, x = [full(v, b, size) for v, b in zip(values, batched, strict=True)]

    def flat(v: Any) -> Any:
        n, channels = v._array.shape[1:3]
        return m.reshape(m.transpose(v, 0, 1), (n, size * channels, *v._array.shape[3:]))

    changed = list(derived.replaced(op, args, [flat(g), flat(x)]))
    groups = op.params.index("groups")
    changed[groups] = args[groups] * size
    found = derived.invoke(op, m, changed)
    return m.reshape(found, (size, g._array.shape[2], *found._array.shape[1:]))


@rule("layer_norm_kernel", "rms_norm_kernel")
def normalised(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Over the last dims, with one weight for all entries."""
    if any(batched[1:]):
        return NotImplemented
    return called(op, args, values)


@rule("index_add", "index_copy", "index_fill_number", "index_fill_tensor")
def written_slices(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Slices at an index that is the same for all entries."""
    x, index, *rest = values
    n = rank(x, batched[0])
    if not n or batched[1] or op.name == "index_fill_tensor" and batched[2]:
        return NotImplemented
    if rest and op.name != "index_fill_tensor":
        if rank(rest[0], batched[2]) != n:
            return NotImplemented
        rest = [full(rest[0], batched[2], size)]
    changed = list(derived.replaced(op, args, [full(x, batched[0], size), index, *rest]))
    changed[op.params.index("dim")] = wrapped(changed[op.params.index("dim")], n)
    return derived.invoke(op, m, changed)


@rule("select_scatter", "slice_scatter", "diagonal_scatter", "diagonal_copy")
def written_views(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """A copy with a view of it replaced: dims move up by one."""
    n = rank(values[0], batched[0])
    changed = list(derived.replaced(op, args, [full(x, b, size) for x, b in zip(values, batched, strict=True)]))
    for name in ("dim", "dim1", "dim2"):
        if name in op.params:
            changed[op.params.index(name)] = wrapped(changed[op.params.index(name)], n)
    return derived.invoke(op, m, changed)


@rule("take")
def taken(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Elements of each entry laid flat."""
    x, index = values
    if not batched[0]:
        return called(op, args, values)
    flat = m.reshape(x, (size, -1))
    shape = index._array.shape[1:] if batched[1] else index._array.shape
    places = m.reshape(full(index, batched[1], size), (size, prod(shape)))
    n = flat._array.shape[1]
    places = m.where(m.lt(places, 0), m.add(places, n), places)
    return m.reshape(m.gather(flat, 1, places), (size, *shape))


@rule("embedding_backward")
def embedding_rows(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """A table per entry, all in one: indices of entry b count from b * rows."""
    g, indices = values
    rows, padding, scaled = args[1], args[3], args[4]
    if isinstance(rows, (tuple, list)) or scaled or not (padding is None or padding < 0):
        return NotImplemented
    g, indices = full(g, batched[0], size), full(indices, batched[1], size)
    offsets = m.mul(counting(indices, size, indices._array.ndim), rows)
    found = called(op, [g, rows * size, *args[2:]], [g, m.add(indices, offsets)])
    return m.reshape(found, (size, rows, *found._array.shape[1:]))
