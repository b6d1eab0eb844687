"""Sums, products, extremes and the like over some or all dims, running sums, and places of extremes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.tape.core import RECORDED
from wengert.core.tensor.tensor import Tensor as Twin
from wengert.tf import dtypes, math
from wengert.tf.calling import KINDS, checked, documented, invalid, refuse_dtype, run
from wengert.tf.conversion import cast, tensor_of
from wengert.tf.recording import TensorBase
from wengert.tf.tensor import dress, from_array

INT64 = np.dtype(np.int64)
ADD: Any = np.add
MULTIPLY: Any = np.multiply


def axes_of(op: str, axis: Any, rank: int) -> tuple[int, ...]:
    """The dims to be reduced, counted from the front; all of them for None.

    Raises InvalidArgumentError for one that does not exist or comes twice.
    """
    if axis is None:
        return tuple(range(rank))
    given = np.asarray(axis._array if isinstance(axis, TensorBase) else axis).reshape(-1).tolist()
    found = []
    for d in given:
        d = int(d)
        if not -rank <= d < rank:
            raise invalid(op, f"Invalid reduction dimension ({d} for input with {rank} dimension(s)")
        if d % rank in found:
            raise invalid(op, f"Invalid reduction arguments: Axes contains duplicate dimension: {d % rank}")
        found.append(d % rank)
    return tuple(found)


def total(x: Any, axes: Any, keep: bool) -> Any:
    """Sum in x's own dtype."""
    if x._array.dtype.kind in "iu":
        return from_array(np.asarray(ADD.reduce(x._array, axes, dtype=x._array.dtype, keepdims=keep)))
    if len(axes) == x._array.ndim and not keep:
        return Twin.sum(x) if axes else RECORDED.alias(x)  # type: ignore[attr-defined]
    return RECORDED.sum(x, axes, keep) if axes else RECORDED.alias(x)


def average(x: Any, axes: Any, keep: bool) -> Any:
    """Mean in x's own dtype: integers are divided without rest."""
    if x._array.dtype.kind in "iu":
        count = int(np.prod([x._array.shape[d] for d in axes], dtype=np.int64))
        summed = ADD.reduce(x._array, axes, dtype=x._array.dtype, keepdims=keep)
        if not count:
            raise invalid("Mean", "Integer division by zero")
        return from_array(
            np.asarray(np.trunc(summed / count) if x._array.dtype.kind == "i" else summed // count).astype(
                x._array.dtype
            )
        )
    if len(axes) == x._array.ndim and not keep:
        return Twin.mean(x) if axes else RECORDED.alias(x)  # type: ignore[attr-defined]
    return RECORDED.mean(x, axes, keep) if axes else RECORDED.alias(x)


def largest(x: Any, axes: Any, keep: bool) -> Any:
    """Maximum; equal ones share the gradient. The lowest value where there is nothing."""
    return extreme(x, axes, keep, RECORDED.amax, "min")


def smallest(x: Any, axes: Any, keep: bool) -> Any:
    """Minimum; equal ones share the gradient. The highest value where there is nothing."""
    return extreme(x, axes, keep, RECORDED.amin, "max")


def extreme(x: Any, axes: Any, keep: bool, operator: Any, empty: str) -> Any:
    """A maximum or minimum, which over no elements is the end of the range."""
    if not axes:
        return RECORDED.alias(x)
    if all(x._array.shape[d] for d in axes):
        return operator(x, axes, keep)
    dtype = dtypes.OF[x._array.dtype]
    value = (-np.inf if empty == "min" else np.inf) if dtype.is_floating else getattr(dtype, empty)
    shape = [1 if d in axes else n for d, n in enumerate(x._array.shape) if keep or d not in axes]
    return from_array(np.full(shape, value, x._array.dtype))


def product(x: Any, axes: Any, keep: bool) -> Any:
    """Product in x's own dtype."""
    if x._array.dtype.kind in "iu":
        return from_array(np.asarray(MULTIPLY.reduce(x._array, axes, dtype=x._array.dtype, keepdims=keep)))
    for n, d in enumerate(sorted(axes, reverse=True)):
        x = RECORDED.prod(x, d, keep)
        del n
    return x if axes else RECORDED.alias(x)


def euclidean(x: Any, axes: Any, keep: bool) -> Any:
    """Square root of the sum of squares."""
    squares = total(RECORDED.mul(x, RECORDED.conj(x)) if x._array.dtype.kind == "c" else RECORDED.square(x), axes, keep)
    if squares._array.dtype.kind in "iu":
        return from_array(np.asarray(np.sqrt(squares._array)).astype(squares._array.dtype))
    return RECORDED.sqrt(squares)


def reduction(op: str, how: Callable[..., Any], kinds: str, doc: str, public: str) -> Callable[..., Any]:
    """The operation `op`, which folds the dims `axis`."""
    allowed = KINDS[kinds]

    def call(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
        x = tensor_of(input_tensor)
        a = x._array
        if a.dtype.kind not in allowed:
            raise refuse_dtype(op, x, kinds)
        axes = tuple(range(a.ndim)) if axis is None else axes_of(op, axis, a.ndim)
        try:
            out = how(x, axes, bool(keepdims))
        except (ValueError, RuntimeError) as error:
            raise invalid(op, str(error)) from None
        return dress(out, x)

    return documented(call, public, doc)


def folded_truth(ufunc: Any) -> Any:
    """A fold of truth values."""
    return lambda x, axes, keep: from_array(np.asarray(ufunc.reduce(x._array, axes, keepdims=keep)))


REDUCTIONS: Any = {
    "reduce_sum": ("Sum", total, "number", "Sum over the dims `axis`, in the dtype of the input."),
    "reduce_mean": ("Mean", average, "number", "Mean over the dims `axis`; of integers without the rest."),
    "reduce_max": ("Max", largest, "real", "Maximum over the dims `axis`; equal ones share the gradient."),
    "reduce_min": ("Min", smallest, "real", "Minimum over the dims `axis`; equal ones share the gradient."),
    "reduce_prod": ("Prod", product, "number", "Product over the dims `axis`."),
    "reduce_euclidean_norm": ("EuclideanNorm", euclidean, "number", "Root of the sum of squares over the dims `axis`."),
    "reduce_all": ("All", folded_truth(np.logical_and),
                   "b", "Whether all are true over the dims `axis`."),
    "reduce_any": ("Any", folded_truth(np.logical_or),
                   "b", "Whether one is true over the dims `axis`."),
}  # fmt: skip
"""Public name -> TensorFlow's operation, how it is computed, the dtypes it takes, what it is."""

reduce_sum, reduce_mean, reduce_max, reduce_min, reduce_prod, reduce_euclidean_norm, reduce_all, reduce_any = [
    reduction(op, how, kinds, doc, name) for name, (op, how, kinds, doc) in REDUCTIONS.items()
]


def reduce_logsumexp(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """log(sum(exp(x))) over the dims `axis`, without overflow."""
    x = checked("Exp", input_tensor, "fc")
    axes = axes_of("Max", axis, x._array.ndim)
    if not axes:
        return dress(RECORDED.alias(x), x)
    return run("Logsumexp", RECORDED.logsumexp, (x,), axes, bool(keepdims))


def reduce_variance(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Mean squared distance from the mean over the dims `axis`. Raises TypeError for integers."""
    x = tensor_of(input_tensor)
    if x._array.dtype.kind in "iub":
        raise TypeError(f"Input must be either real or complex. Received integer type {x.dtype}.")
    means = reduce_mean(x, axis, True)
    d = math.subtract(x, means)
    if d._array.dtype.kind == "c":
        return reduce_mean(math.real(math.multiply(math.conj(d), d)), axis, keepdims)
    return reduce_mean(math.square(d), axis, keepdims)


def reduce_std(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Square root of the variance over the dims `axis`. Raises TypeError for integers."""
    return math.sqrt(reduce_variance(input_tensor, axis, keepdims))


def count_nonzero(
    input: Any, axis: Any = None, keepdims: bool | None = None, dtype: Any = dtypes.int64, name: str | None = None
) -> Any:
    """How many elements are not zero over the dims `axis`."""
    return reduce_sum(cast(from_array(tensor_of(input)._array != 0), dtype), axis, bool(keepdims))


def zero_fraction(value: Any, name: str | None = None) -> Any:
    """Share of the elements that are zero, as float32."""
    a = tensor_of(value)._array
    return from_array(np.asarray(np.float32(1 - np.count_nonzero(a) / a.size) if a.size else np.float32(np.nan)))


def argmax(input: Any, axis: Any = None, output_type: Any = dtypes.int64, name: str | None = None) -> Any:
    """Where the largest value stands along `axis` (0 by default), the first of equal ones."""
    return place("ArgMax", np.argmax, input, axis, output_type)


def argmin(input: Any, axis: Any = None, output_type: Any = dtypes.int64, name: str | None = None) -> Any:
    """Where the smallest value stands along `axis` (0 by default), the first of equal ones."""
    return place("ArgMin", np.argmin, input, axis, output_type)


def place(op: str, function: Any, input: Any, axis: Any, output_type: Any) -> Any:
    """The place of an extreme. Raises InvalidArgumentError for a dim that does not exist or is empty."""
    a = tensor_of(input)._array
    axis = 0 if axis is None else int(axis)
    if not -a.ndim <= axis < max(a.ndim, 1):
        raise invalid(op, f"Expected dimension in the range [{-a.ndim}, {a.ndim}), but got {axis}")
    if a.ndim and not a.shape[axis]:
        raise invalid(op, f"Reduction axis {axis} is empty in shape [{','.join(map(str, a.shape))}]")
    return from_array(np.asarray(function(a, axis if a.ndim else None)).astype(dtypes.as_dtype(output_type).array))


def cumsum(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None) -> Any:
    """Running sum along `axis`; exclusive: without the element itself; reverse: from the end."""
    return running("Cumsum", lambda x, d: RECORDED.cumsum(x, d, dtype=twin_of(x)), 0, x, axis, exclusive, reverse)


def cumprod(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None) -> Any:
    """Running product along `axis`; exclusive: without the element itself; reverse: from the end."""
    return running("Cumprod", lambda x, d: RECORDED.cumprod(x, d, dtype=twin_of(x)), 1, x, axis, exclusive, reverse)


def cumulative_logsumexp(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Any:
    """Running logarithm of the sum of exponentials along `axis`."""
    return running("CumulativeLogsumexp", RECORDED.logcumsumexp, -np.inf, x, axis, exclusive, reverse)


def twin_of(x: Any) -> Any:
    """The torch dialect's name of x's dtype."""
    return dtypes.OF[x._array.dtype].twin


def running(op: str, function: Any, start: Any, x: Any, axis: Any, exclusive: bool, reverse: bool) -> Any:
    """A running fold along one dim."""
    x = checked(op, x, "number")
    rank = x._array.ndim
    d = int(axis._array if isinstance(axis, TensorBase) else axis)
    if not -rank <= d < max(rank, 1):
        raise invalid(op, f"ScanOp: Expected scan axis in the range [{-rank}, {rank}), but got {d}")
    d = d % rank if rank else 0

    def folded(x: Any) -> Any:
        x = RECORDED.flip(x, (d,)) if reverse else x
        if exclusive and x._array.shape[d]:
            lead = list(x._array.shape)
            lead[d] = 1
            first = from_array(np.full(lead, start, x._array.dtype))
            x = RECORDED.cat([first, RECORDED.narrow(x, d, 0, x._array.shape[d] - 1)], d)
        out = function(x, d)
        return RECORDED.flip(out, (d,)) if reverse else out

    return run(op, folded, (x,))


def norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: Any = None, name: str | None = None) -> Any:
    """Norm of vectors (one `axis`), matrices (two) or all elements. Raises ValueError for an unknown `ord`.

    `ord`: 'euclidean', 'fro', np.inf or a positive number; for matrices 1, 2, np.inf, 'fro' and 'euclidean'. The
    Euclidean norm has a gradient of NaN where it is zero.
    """
    x = checked("Norm", tensor, "fc")
    matrix = isinstance(axis, (list, tuple)) and len(axis) == 2
    axis = axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis
    allowed = ("euclidean", "fro", 1, 2, np.inf) if matrix else ("euclidean", 1, 2, np.inf)
    if ord not in allowed and (matrix or isinstance(ord, str) or not ord > 0):
        raise ValueError(
            f"'ord' must be a supported {'matrix' if matrix else 'vector'} norm in {list(allowed)}, got {ord}"
        )
    keep = bool(keepdims)
    if ord in ("euclidean", "fro") or (ord == 2 and not matrix):
        squares = math.multiply(x, math.conj(x)) if x._array.dtype.kind == "c" else math.multiply(x, x)
        return math.sqrt(reduce_sum(squares, axis, keep))
    size = math.abs(x)
    if not matrix:
        if ord == np.inf:
            return reduce_max(size, axis, keep)
        if ord == 1:
            return reduce_sum(size, axis, keep)
        return math.pow(reduce_sum(math.pow(size, float(ord)), axis, keep), 1.0 / float(ord))
    if ord == 2:
        return run("Svd", RECORDED.linalg_matrix_norm, (x,), 2, tuple(axis), keep)
    inner, outer = (axis[0], axis[1]) if ord == 1 else (axis[1], axis[0])
    out = reduce_max(reduce_sum(size, inner, True), outer, True)
    return out if keep else dress(RECORDED.squeeze(out, tuple(axis)), out)


def lbeta(x: Any, name: str | None = None) -> Any:
    """log of the beta function along the last dim: sum(lgamma(x)) - lgamma(sum(x))."""
    x = tensor_of(x)
    return reduce_sum(math.lgamma(x), -1) - math.lgamma(reduce_sum(x, -1))


def is_non_decreasing(x: Any, name: str | None = None) -> Any:
    """Whether no element is smaller than the one before."""
    a = tensor_of(x)._array.reshape(-1)
    return from_array(np.asarray((a[1:] >= a[:-1]).all()))


def is_strictly_increasing(x: Any, name: str | None = None) -> Any:
    """Whether every element is larger than the one before."""
    a = tensor_of(x)._array.reshape(-1)
    return from_array(np.asarray((a[1:] > a[:-1]).all()))
