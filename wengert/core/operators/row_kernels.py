"""Kernels behind records that work on rows: softmax, layer norm, cross entropy, sums.

Each wraps the body of a record, or its rule on arrays: large contiguous cases go to a kernel that is ready
(`core/kernels/rowcalls.py`), everything else to the body.
"""

from __future__ import annotations

from functools import update_wrapper
from math import prod
from typing import Any
from weakref import ref

import numpy

from wengert.core.arrays.large import LARGE as PLACES
from wengert.core.arrays.loops_rows import leave_softmax
from wengert.core.kernels import large as large_functions
from wengert.core.kernels import picking, products
from wengert.core.kernels.workshop import LARGE, OFTEN, SOME, Order, order
from wengert.core.operators.kernels import sized
from wengert.core.operators.record import GRADIENT, REGISTRY, RESULT

__all__ = ["install"]

_ndarray, _add = numpy.ndarray, numpy.add.reduce
_F32, _F64, _I64 = numpy.dtype(numpy.float32), numpy.dtype(numpy.float64), numpy.dtype(numpy.int64)
AHEAD_LEAST = 1 << 16
"""Scores from which the gradient of a cross entropy is computed with it."""

NARROW = 16
"""Rows shorter than this stay with NumPy."""

_orders: dict[Any, dict[str, Order]] = {_F32: {}, _F64: {}}
_calls: dict[str, int] = {}


def ready(name: str, x: Any) -> Any:
    """The kernel of this name for x's dtype, or None; it is ordered when there is work for it."""
    dtype = x.dtype
    if dtype is not _F32 and dtype is not _F64:
        return None
    known = _orders[dtype]
    placed = known.get(name)
    if placed is None:
        few = x.size < LARGE
        if few and not often(name):
            return None
        placed = known[name] = order(name.replace("_", " "), lambda factory: made(factory, name, dtype), few)
    return placed.function


def often(name: str) -> bool:
    """Whether smaller arrays have asked for this kernel as often as it takes; this is one more time."""
    calls = _calls[name] = _calls.get(name, 0) + 1
    return calls >= OFTEN


def made(factory: Any, name: str, dtype: Any) -> Any:
    """A kernel; from then on loops leave to it what it is quicker at."""
    kernel = factory.call(name, dtype)
    if "softmax" in name and dtype is _F32:
        leave_softmax(SOME)
    return kernel


def large(x: Any) -> bool:
    """Whether x is a plain array, large enough for kernels, whose elements follow each other."""
    return sized(x) and x.flags.c_contiguous


def last(dim: Any, x: Any) -> bool:
    """Whether dim is x's last one."""
    return x.ndim > 0 and (dim == -1 or dim == x.ndim - 1) and x.shape[-1] >= NARROW


# ---------------------------------------------------------------- softmax


def across(name: str, dim: Any, x: Any) -> Any:
    """The kernel for a dim that is not the last of a contiguous array, for x's shape, or None."""
    if dim.__class__ is not int or not -x.ndim <= dim < x.ndim or x.dtype not in (_F32, _F64):
        return None
    dim %= x.ndim
    kernel = large_functions.layer(f"{name}_across", x.dtype) if prod(x.shape[dim + 1 :]) >= NARROW else None
    return None if kernel is None else lambda *given: kernel(*given, dim)


def soft(name: str, body: Any) -> Any:
    """The body of softmax or its logarithm."""

    def faster(np: Any, input: Any, dim: int) -> Any:
        if input.size >= SOME and large(input):
            kernel = ready(name, input) if last(dim, input) else across(name, dim, input)
            if kernel is not None:
                return kernel(input)
        return body(np, input, dim)

    return faster


def soft_rule(name: str, op: Any) -> None:
    """The rule of softmax or its logarithm on arrays."""
    rule = op.rules[0]
    pick, function, dim = rule.pick, rule.function, op.position("dim")

    def faster(environment: list[Any]) -> Any:
        g = environment[GRADIENT]
        if g.__class__ is _ndarray and g.size >= SOME:
            out = environment[RESULT]
            if large(out) and g.dtype is out.dtype:
                along = environment[dim]
                kernel = ready(name, out) if last(along, out) else across(name, along, out)
                if kernel is not None:
                    return kernel(g, out)
        return function(*pick(environment))

    rule.function, rule.single, rule.pick = faster, False, lambda environment: (environment,)


# ---------------------------------------------------------------- layer norm


def layer_norm(body: Any) -> Any:
    """The body of layer norm."""

    def faster(np: Any, input: Any, normalized_shape: Any, weight: Any, bias: Any, eps: float) -> Any:
        if input.size >= SOME and large(input):
            n = row_size(input, normalized_shape)
            if n and suits(weight, normalized_shape, input) and suits(bias, normalized_shape, input):
                kernel = ready("layer_norm", input)
                if kernel is not None:
                    kept = input.shape[: input.ndim - len(normalized_shape)] + (1,) * len(normalized_shape)
                    return kernel(input, weight, bias, n, eps, kept)
        return body(np, input, normalized_shape, weight, bias, eps)

    return faster


def row_size(x: Any, shape: Any) -> int:
    """Elements of a row if x's last dims have this shape, a tuple, and make rows for kernels; else 0."""
    if shape.__class__ is not tuple or x.shape[max(x.ndim - len(shape), 0) :] != shape:
        return 0
    n = 1
    for size in shape:
        n *= size
    return n if n >= NARROW else 0


def suits(x: Any, shape: Any, input: Any) -> bool:
    """Whether a weight is absent, or has this shape and the input's dtype."""
    return x is None or (x.shape == shape and x.dtype is input.dtype)


def trailing(x: Any, axes: Any) -> int:
    """Elements of a row if `axes` are x's last dims, else 0."""
    first = x.ndim - len(axes)
    if not axes or tuple(axes) != tuple(range(first, x.ndim)):
        return 0
    n = 1
    for size in x.shape[first:]:
        n *= size
    return n if n >= NARROW else 0


def layer_norm_back(body: Any) -> Any:
    """The gradient of a normalisation of rows."""

    def faster(
        np: Any,
        grad: Any,
        grad_mean: Any,
        grad_inverse: Any,
        input: Any,
        mean: Any,
        inverse: Any,
        weight: Any,
        axes: Any,
    ) -> Any:
        if input.size >= SOME and large(input) and grad.dtype is input.dtype:
            n = trailing(input, axes)
            if n and (weight is None or weight.size == n):
                kernel = ready("layer_norm_back", input)
                if kernel is not None:
                    found, slopes, shifts = kernel(grad, input, mean, inverse, weight, grad_mean, grad_inverse, n)
                    large_functions.SUMS.put(grad, input, slopes, shifts)
                    return found
        return body(np, grad, grad_mean, grad_inverse, input, mean, inverse, weight, axes)

    return faster


def bias_rule(op: Any) -> None:
    """The rule of the bias of a normalisation: the sum may have been found with the gradient of the input."""
    rule, place = op.rules[2], op.position("bias")
    pick, function = rule.pick, rule.function

    def faster(environment: list[Any]) -> Any:
        g = environment[GRADIENT][0]
        if g.__class__ is _ndarray and g.size >= SOME:
            found = large_functions.SUMS.shifts(g)
            if found is not None and found.size == environment[place].size:
                return found.reshape(environment[place].shape)
        return function(*pick(environment))

    rule.function, rule.single, rule.pick = faster, False, lambda environment: (environment,)


def layer_norm_weight(body: Any) -> Any:
    """The gradient of the weight of a normalisation of rows."""

    def faster(np: Any, grad: Any, input: Any, mean: Any, inverse: Any, axes: Any) -> Any:
        if input.size >= SOME and large(input) and grad.dtype is input.dtype:
            count = len(axes)
            lead, rest = input.shape[:count], input.shape[count:]
            rows = tuple(axes) == tuple(range(count))  # sums that are asked for are gone, others want theirs
            given = large_functions.SUMS.slopes(grad, input) if rows else None
            if given is not None and given.size == numpy.prod(rest):
                return given.reshape((1,) * count + rest)
            if rows and mean.shape == lead + (1,) * len(rest):
                n = 1
                for size in rest:
                    n *= size
                kernel = ready("layer_norm_weight", input) if n >= NARROW else None
                if kernel is not None:
                    return kernel(grad, input, mean, inverse, n).reshape((1,) * count + rest)
        return body(np, grad, input, mean, inverse, axes)

    return faster


# ---------------------------------------------------------------- cross entropy


def plain_classes(input: Any, target: Any) -> bool:
    """Whether rows of scores and their classes suit the kernels; the classes are looked at by the caller."""
    return (
        large(input)
        and input.ndim == 2
        and input.shape[1] >= NARROW
        and target.__class__ is _ndarray
        and target.dtype is _I64
        and target.shape == input.shape[:1]
    )


class Ahead:
    """Gradients of cross entropies that were computed with the loss, until a rule asks for them.

    Each belongs to the array of levels of its loss, goes with it, and is handed out once: who asks again, or for
    another gradient of the loss, computes anew.
    """

    def __init__(self) -> None:
        self.kept: dict[int, tuple[Any, Any]] = {}

    def put(self, level: Any, slopes: Any) -> None:
        """Keep a gradient as long as there are the levels."""
        key, kept = id(level), self.kept
        kept[key] = ref(level, lambda _: kept.pop(key, None)), slopes

    def take(self, level: Any) -> Any:
        """The gradient for these levels, or None."""
        found = self.kept.pop(id(level), None)
        return found[1] if found is not None and found[0]() is level else None


AHEAD = Ahead()


def cross_entropy(body: Any) -> Any:
    """The body of the fused cross entropy."""

    def faster(
        np: Any, input: Any, target: Any, ignore_index: int, reduction: str, label_smoothing: float = 0.0,
        ahead: bool = False,
    ) -> Any:  # fmt: skip
        if input.size >= SOME and plain_classes(input, target):
            found = losses_of(input, target, ignore_index, reduction, label_smoothing, ahead)
            if found is not None:
                return found
        return body(np, input, target, ignore_index, reduction, label_smoothing, ahead)

    return faster


def losses_of(input: Any, target: Any, ignored: int, reduction: str, smoothing: float, ahead: bool) -> Any:
    """(loss, levels) by a kernel that is ready for classes that are there, or None."""
    slopes, count = None, 0
    if ahead and not smoothing and input.size >= AHEAD_LEAST:
        kernel = ready("cross_entropy_ahead", input)
        if kernel is None:
            return None
        count = counted(target, ignored, reduction)
        losses, level, (some, outside), slopes = kernel(input, target, ignored, 1 / count if count else float("nan"))
    else:
        smooth = (smoothing,) if smoothing else ()
        kernel = ready("cross_entropy_smooth" if smooth else "cross_entropy", input)
        if kernel is None:
            return None
        losses, level, (some, outside) = kernel(input, target, ignored, *smooth)
    if outside:
        return None
    if slopes is not None:
        AHEAD.put(level, slopes)
    else:
        count = counted(target, ignored, reduction) if some else 1 if reduction == "sum" else len(losses)
    return _add(losses) / input.dtype.type(count), level


def awaits_losses(size: int) -> bool:
    """Whether there is a kernel for so many scores of float32; they are fewer than `LARGE`."""
    placed = _orders[_F32].get("cross_entropy")
    if placed is None and often("cross_entropy"):
        return ready("cross_entropy", numpy.empty(size, _F32)) is not None
    return placed is not None and placed.function is not None


def counted(target: Any, ignored: int, reduction: str) -> int:
    """What the sum of the losses is divided by."""
    return int(numpy.count_nonzero(target != ignored)) if reduction == "mean" else 1


def cross_entropy_back(body: Any) -> Any:
    """The gradient of the fused cross entropy."""

    def faster(
        np: Any, grad: Any, given: Any, input: Any, level: Any, target: Any, ignore_index: int, reduction: str,
        label_smoothing: float = 0.0,
    ) -> Any:  # fmt: skip
        if input.size >= SOME and plain_classes(input, target):
            slopes = AHEAD.take(level) if AHEAD.kept else None
            if slopes is not None and not given.any():
                return slopes if grad == 1 else numpy.multiply(slopes, grad, out=slopes)
            smooth = (label_smoothing,) if label_smoothing else ()
            kernel = ready("cross_entropy_smooth_back" if smooth else "cross_entropy_back", input)
            if kernel is not None:
                count = counted(target, ignore_index, reduction)
                scale = numpy.divide(grad, input.dtype.type(count)).reshape(1)
                return kernel(input, level, target, scale, given, ignore_index, *smooth)
        return body(np, grad, given, input, level, target, ignore_index, reduction, label_smoothing)

    return faster


# ---------------------------------------------------------------- sums


def added(body: Any, mean: bool) -> Any:
    """The body of sum or mean."""

    def faster(np: Any, input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
        if input.size >= LARGE and dtype is None and large(input):
            found = summed(input, dim, keepdim)
            if found is not None:
                return numpy.true_divide(found, input.dtype.type(input.size // found.size)) if mean else found
        return body(np, input, dim, keepdim, dtype=dtype)

    return faster


MANY = 256
"""Sums of lines up to which NumPy adds them up without much rounding."""


def summed(x: Any, dim: Any, keepdim: bool) -> Any:
    """Sum over all dims, the last ones, these and others, or all but the last; None where no kernel is ready."""
    dims = dims_of(dim, x.ndim)
    if dims is None:
        return None
    if len(dims) == x.ndim:
        kernel = ready("total", x)
        return None if kernel is None else shaped(numpy.asarray(kernel(x)), x, dims, keepdim)
    if x.ndim - 1 not in dims:
        fits = len(dims) == x.ndim - 1 and x.shape[-1] >= NARROW
        kernel = ready("column_sum", x) if fits else None
        return None if kernel is None else shaped(kernel(x), x, dims, keepdim)
    tail = next(k for k in range(1, x.ndim + 1) if x.ndim - k - 1 not in dims)
    others, n = dims[:-tail], prod(x.shape[-tail:])
    if n < NARROW or prod([x.shape[d] for d in others]) > MANY:
        return None
    kernel = ready("row_sum", x)
    if kernel is None:
        return None
    found = kernel(x.reshape(*x.shape[:-tail], n))
    return shaped(numpy.add.reduce(found, tuple(others)) if others else found, x, dims, keepdim)


def dims_of(dim: Any, rank: int) -> list[int] | None:
    """The dims that a sum is over, in order; None where they are not plain ones."""
    given = dim if dim.__class__ is tuple else () if dim is None else (dim,)
    if any(d.__class__ is not int or not -rank <= d < rank for d in given):
        return None
    dims = sorted([d % rank for d in given]) if given else list(range(rank))
    return dims if len(set(dims)) == len(dims) else None


def shaped(found: Any, x: Any, dims: list[int], keepdim: bool) -> Any:
    """A sum with the dims that it is over, if they are kept."""
    return found.reshape([1 if d in dims else n for d, n in enumerate(x.shape)]) if keepdim else found


BODIES: dict[str, Any] = {
    "_softmax": lambda body: soft("softmax", body),
    "_log_softmax": lambda body: soft("log_softmax", body),
    "layer_norm_kernel": layer_norm,
    "normalised_back": layer_norm_back,
    "normalised_weight_back": layer_norm_weight,
    "cross_entropy_rows": cross_entropy,
    "cross_entropy_back": cross_entropy_back,
    "sum": lambda body: added(body, False),
    "mean": lambda body: added(body, True),
}
"""Record -> what wraps its body."""


def install() -> None:
    """Put kernels behind the records that work on rows."""
    for name, wrap in BODIES.items():
        op = REGISTRY[name]
        op.body = update_wrapper(wrap(op.body), op.body)
    PLACES.awaits_losses = awaits_losses
    large_functions.install()
    picking.install()
    products.install()
    bias_rule(REGISTRY["layer_norm_kernel"])
    bias_rule(REGISTRY["batch_norm_kernel"])
    soft_rule("softmax_back", REGISTRY["_softmax"])
    soft_rule("log_softmax_back", REGISTRY["_log_softmax"])
