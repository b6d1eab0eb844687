"""Batching rules of layers and of writes at indices (see batchrules.py)."""

from __future__ import annotations

from math import prod
from typing import Any

from wengert.core.base.errors import GraphError
from wengert.core.operators import derived
from wengert.core.operators.record import Op
from wengert.core.tape.batchrules import called, elementwise, full, rank, reshaped, rule, trailing, wrapped
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.flatcalls import flat_call

for _name in (
    "pixel_shuffle", "pixel_unshuffle", "resample", "resample_back",
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


@rule("one_hot")
def counted(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """The number of classes must not depend on the entry."""
    if args[1] <= 0:
        raise GraphError(
            "When vmap-ing torch.nn.functional.one_hot, please provide an explicit positive num_classes argument: got "
            f"{args[1]}, and entries may differ in their largest element."
        )
    return trailing(op, args, values, batched, size)


@rule("max_pool_values", "max_pool_indexed", "padded", "avg_pool", "adaptive_avg_pool")
def folded(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Entries as more of what their first dim counts: it is no matter to the operator."""
    x = values[0]
    if x._array.ndim < 3:
        return NotImplemented
    first = x._array.shape[1]
    found = called(op, args, [reshaped(x, (size * first, *x._array.shape[2:]))])
    if isinstance(found, (tuple, list)):
        return tuple([reshaped(y, (size, first, *y._array.shape[1:])) for y in found])
    return reshaped(found, (size, first, *found._array.shape[1:]))


@rule("fake_quantized")
def quantised(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """One grid for all elements of all entries."""
    return called(op, args, values)


@rule("fake_quantized_by_tensors", "fake_quantized_channels")
def quantised_by_tensors(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """A grid for each entry, or for each channel of each: entries and channels become the channels of one tensor."""
    x, scale, zero = [full(v, b, size) for v, b in zip(values, batched, strict=True)]
    low, high = args[-2:]
    if op.name == "fake_quantized_by_tensors":
        scale, zero = reshaped(scale, (size,)), reshaped(zero, (size,))
        return m.fake_quantized_channels(x, scale, zero, 0, low, high)
    axis = args[3] + 1
    x = m.transpose(x, 1, axis)
    shape = x._array.shape
    flat = m.reshape(x, (size * shape[1], *shape[2:]))
    scale, zero = m.reshape(scale, (-1,)), m.reshape(zero, (-1,))
    found = m.fake_quantized_channels(flat, scale, zero, 0, low, high)
    return tuple([m.transpose(m.reshape(y, shape), 1, axis) for y in found])


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


@rule("convolution_weight")
def convolution_weight(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """The gradient of each entry's kernel: one convolution with as many groups as entries."""
    g, x = [full(v, b, size) for v, b in zip(values, batched, strict=True)]

    def flat(v: Any) -> Any:
        n, channels = v._array.shape[1:3]
        return reshaped(m.transpose(v, 0, 1), (n, size * channels, *v._array.shape[3:]))

    changed = list(derived.replaced(op, args, [flat(g), flat(x)]))
    groups = op.params.index("groups")
    changed[groups] = args[groups] * size
    found = derived.invoke(op, m, changed)
    return reshaped(found, (size, g._array.shape[2], *found._array.shape[1:]))


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
    flat = reshaped(x, (size, -1))
    shape = index._array.shape[1:] if batched[1] else index._array.shape
    places = reshaped(full(index, batched[1], size), (size, prod(shape)))
    n = flat._array.shape[1]
    places = m.where(m.lt(places, 0), m.add(places, n), places)
    return reshaped(m.gather(flat, 1, places), (size, *shape))


@rule("convolution")
def convolved(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """One kernel for all entries: their inputs are one larger batch; an input and a kernel each: groups."""
    x, weight, bias = values
    if batched[2] and not batched[1]:
        found = convolved(op, args, [x, weight, None], [batched[0], False, False], size) if batched[0] else None
        if found is None:
            found = full(called(op, args, [x, weight, None]), False, size)
        return m.add(found, reshaped(bias, (size, 1, -1, *(1,) * (found._array.ndim - 3))))
    if not batched[1]:
        n = x._array.shape[1]
        found = called(op, args, [reshaped(x, (size * n, *x._array.shape[2:])), weight, bias])
        return reshaped(found, (size, n, *found._array.shape[1:]))
    x = full(x, batched[0], size)
    n, channels = x._array.shape[1:3]
    flat = m.reshape(m.transpose(x, 0, 1), (n, size * channels, *x._array.shape[3:]))
    kernels = reshaped(weight, (size * weight._array.shape[1], *weight._array.shape[2:]))
    offset = None if bias is None else m.reshape(full(bias, batched[2], size), (-1,))
    changed = list(derived.replaced(op, args, [flat, kernels, offset]))
    changed[op.params.index("groups")] = args[op.params.index("groups")] * size
    found = derived.invoke(op, m, changed)
    found = reshaped(found, (n, size, found._array.shape[1] // size, *found._array.shape[2:]))
    return m.transpose(found, 0, 1)


@rule("strided_window")
def window(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """The same window of the memory of every entry."""
    x = values[0]
    step = x._array.strides[0] // x._array.dtype.itemsize
    return m.as_strided(x, (size, *args[1]), (step, *args[2]), args[3])


@rule("unpadded")
def unpadded(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """The transpose of padding the last dims."""
    return flat_call(op, [values[0], (size, *args[1]), *args[2:]])
