"""How results lie in memory: row-major, as the first operand does, or with the channels last.

NumPy keeps the order of an operand's dims wherever it can, torch only where elements are computed one by one.  A record
named here has its body wrapped, so that `stride()`, and with it what `view` accepts, is torch's:

- rows: the result is row-major whatever the operands are (reductions, scans, softmax, gather, scatter, ...);
- follow: the result has the order of dims of the first operand (sort, flip, functions computed element by element that
  NumPy does not know);
- channels, images: the result has its channels last if the operands have (convolution, pooling, resampling, padding),
  and is row-major otherwise.

A result that lies as it should, which is almost always so, costs one look at its flags.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import numpy

from wengert.core.arrays.layout import empty_like
from wengert.core.operators.record import REGISTRY

__all__ = ["install"]

_ndarray = numpy.ndarray
Body = Callable[..., Any]


def rows(body: Body) -> Body:
    """The body with row-major results."""

    def laid(np: Any, *args: Any, **named: Any) -> Any:
        out = body(np, *args, **named)
        if out.__class__ is _ndarray:
            return out if out.flags.c_contiguous else out.copy()
        return tuple([row_major(x) for x in out]) if out.__class__ is tuple else out

    return laid


def row_major(x: Any) -> Any:
    """An array with its elements one after another, the last dim fastest; anything else as it is."""
    return x if x.__class__ is not _ndarray or x.flags.c_contiguous else x.copy()


def follow(body: Body) -> Body:
    """The body with results that have the order of dims of the first operand."""

    def laid(np: Any, *args: Any, **named: Any) -> Any:
        out, first = body(np, *args, **named), args[0]
        if first.__class__ is not _ndarray or first.ndim < 2 or first.flags.c_contiguous:
            return out
        return tuple([as_first(x, first) for x in out]) if out.__class__ is tuple else as_first(out, first)

    return laid


def as_first(x: Any, first: Any) -> Any:
    """x with its dims in the order that they have in `first`, if it is an array of the same shape."""
    if x.__class__ is not _ndarray or x.shape != first.shape:
        return x
    made = empty_like(first, x.dtype)
    if made.strides == x.strides:
        return x
    made[...] = x
    return made


def channels(body: Body) -> Body:
    """The body with the channels of the result last where those of the input, or of the weight, are."""

    def laid(np: Any, *args: Any, **named: Any) -> Any:
        out, first = body(np, *args, **named), args[0]
        if first.__class__ is list or first.__class__ is tuple:
            last = bool(first) and all(map(channels_last, first))
        else:
            last = channels_last(first) or len(args) > 1 and channels_last(args[1])
        place = channels_apart if last else row_major
        return tuple([place(x) for x in out]) if out.__class__ is tuple else place(out)

    return laid


def images(body: Body) -> Body:
    """The same for images only: results of more dims are row-major."""
    flat = channels(body)

    def laid(np: Any, *args: Any, **named: Any) -> Any:
        out = flat(np, *args, **named)
        if getattr(args[0], "ndim", 0) == 4:
            return out
        return tuple([row_major(x) for x in out]) if out.__class__ is tuple else row_major(out)

    return laid


def channels_last(x: Any) -> bool:
    """Whether an array of images or volumes has its channels last in memory; sizes of 1 leave it open: no."""
    if x.__class__ is not _ndarray or not 3 < x.ndim < 6 or x.flags.c_contiguous or min(x.shape[1:]) < 2:
        return False
    return numpy.moveaxis(x, 1, -1).flags.c_contiguous


def channels_apart(x: Any) -> Any:
    """An array of images or volumes with its channels last in memory; what has fewer dims as it is."""
    if x.__class__ is not _ndarray or not 3 < x.ndim < 6:
        return x
    return numpy.moveaxis(numpy.ascontiguousarray(numpy.moveaxis(x, 1, -1)), -1, 1)


ROWS = """
    sum mean nansum prod variance deviation variance_and_mean deviation_and_mean amax amin extremes extremum all any
    count_nonzero hash_tensor vector_norm cumsum cumprod logcumsumexp running_indices _softmax _log_softmax roll
    euclidean_distances pair_distances gather taken index_add index_copy scatter_number scatter_source scatter_added
    scatter_reduced masked_fill
    repeat tril triu renorm nll_loss leading_indices sum_to diagonal_copy reshape_copy index_select
    layer_norm_kernel rms_norm_kernel unpacked lu_parts median_index mode_index
"""
FOLLOW = """
    gelu flip sorting_indices conj_physical complex polar igamma igammac ldexp zeta polygamma_kernel erfinv addr
    addcmul addcdiv diagonal_scatter select_scatter slice_scatter index_write put_values
    chebyshev_polynomial_t chebyshev_polynomial_u chebyshev_polynomial_v chebyshev_polynomial_w hermite_polynomial_h
    hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p shifted_chebyshev_polynomial_t
    shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w
"""
CHANNELS = """
    convolution max_pool_indexed max_pool_values resample padded constant_pad_nd cat batch_norm_kernel group_norm_kernel
    channel_shuffle
"""
IMAGES = "avg_pool adaptive_avg_pool adaptive_max_pool max_unpool"


def install() -> None:
    """Lay out what the bodies of the records above compute."""
    for wrap, names in ((rows, ROWS), (follow, FOLLOW), (channels, CHANNELS), (images, IMAGES)):
        for name in names.split():
            op = REGISTRY[name]
            laid: Any = update_wrapper(wrap(op.body), op.body)
            laid.__wrapped__ = getattr(op.body, "__wrapped__", op.body)
            op.body = laid
