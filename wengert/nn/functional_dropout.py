"""Dropout in its forms, with torch's own masks for the same seed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from wengert.core.arrays import sampling
from wengert.core.arrays.backend import backend_of
from wengert.core.arrays.layout import in_order
from wengert.core.base.errors import ShapeError, ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import wrap
from wengert.core.tape.refusals import tensors_only
from wengert.core.tensor.randomness import drawn

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]

_ALPHA = 1.7580993408473766  # selu's scale * alpha: minus its value at -infinity


def _check(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueRangeError(f"dropout probability has to be between 0 and 1, but got {p}")


def _noise_shape(input: Any, feature: bool) -> tuple[int, ...]:
    shape = input._array.shape
    if not feature:
        return shape
    if len(shape) < 2:
        raise ShapeError(f"Feature dropout requires at least 2 dimensions in the input: it has {len(shape)}")
    return (*shape[:2], *[1] * (len(shape) - 2))


def _placed(noise: Any, input: Any) -> Any:
    a = input._array
    return wrap(noise if a.__class__ is np.ndarray else backend_of(a).from_numpy(noise))


def _mask(shape: tuple[int, ...], p: float, a: Any, sample: Any) -> Any:
    """Noise of a shape, in the order of dims of the input where it has the input's shape."""
    if shape != a.shape or a.__class__ is not np.ndarray:
        return sample(shape, p, a.dtype)
    return in_order(lambda size: sample(size, p, a.dtype), a)


def _chances(shape: tuple[int, ...], p: float, kind: Any) -> Any:
    return sampling.bernoulli(p, shape, kind)


def _dropped(input: Any, p: float, training: bool, inplace: bool, feature: bool) -> Any:
    """input times a mask of 0 and 1 / (1 - p); one number for each channel if `feature`."""
    if p == 0 or not training or not input._array.size:
        return input
    shape = _noise_shape(input, feature)
    noise = drawn(lambda size: _placed(_mask(size, p, input._array, sampling.dropout_mask), input), shape)
    return input.mul_(noise) if inplace else m.mul(input, noise)


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Elements become 0 with probability p, the others are divided by 1 - p.

    Source: N. Srivastava et al., Dropout (2014).
    """
    _check(p)
    try:
        return _dropped(input, p, training, inplace, False)
    except AttributeError:
        tensors_only("dropout", input=input)
        raise


def feature_dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Whole channels of (N, C, *) become 0 with probability p, the others are divided by 1 - p."""
    _check(p)
    return _dropped(input, p, training, inplace, True)


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Whole channels of (N, C, L) or (C, L) become 0 with probability p."""
    _check(p)
    dims = input.dim()
    if dims not in (2, 3):
        raise ShapeError(
            f"dropout1d: Expected 2D or 3D input, but received a {dims}D input. It drops channels of inputs with one "
            "spatial dim, with or without a batch dim."
        )
    if dims == 3:
        return _dropped(input, p, training, inplace, True)
    out = _dropped(input.unsqueeze_(0) if inplace else input.unsqueeze(0), p, training, inplace, True)
    return out.squeeze_(0) if inplace else out.squeeze(0)


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Whole channels of (N, C, H, W) become 0 with probability p."""
    _check(p)
    dims = input.dim()
    if dims not in (3, 4):
        _warn_of_dims("dropout2d", dims, "3D or 4D")
    elif dims == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired "
            "- input is interpreted as shape (N, C, L); dropout1d says that without a warning.",
            stacklevel=2,
        )
    return _dropped(input, p, training, inplace, True)


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Whole channels of (N, C, D, H, W) or (C, D, H, W) become 0 with probability p."""
    _check(p)
    dims = input.dim()
    if dims not in (4, 5):
        _warn_of_dims("dropout3d", dims, "4D or 5D")
    if dims == 5:
        return _dropped(input, p, training, inplace, True)
    out = _dropped(input.unsqueeze_(0) if inplace else input.unsqueeze(0), p, training, inplace, True)
    return out.squeeze_(0) if inplace else out.squeeze(0)


def _warn_of_dims(name: str, dims: int, wanted: str) -> None:
    warnings.warn(
        f"{name}: Received a {dims}-D input to {name}, which is deprecated and will result in an error in a future "
        f"release. It drops channels of {wanted} inputs; use dropout for others.",
        stacklevel=3,
    )


def _alpha(input: Any, p: float, training: bool, inplace: bool, feature: bool) -> Any:
    """Dropout to selu's lower limit, rescaled so that mean and variance stay.

    Source: G. Klambauer et al., Self-normalizing neural networks (2017), section "new dropout technique".
    """
    if p == 0 or not training or not input._array.size:
        return input
    if p == 1:
        zero = wrap(np.zeros((), input._array.dtype))
        return input.mul_(zero) if inplace else m.mul(input, zero)
    dtype = input._array.dtype
    kept = _mask(_noise_shape(input, feature), 1.0 - p, input._array, _chances)
    a = 1.0 / ((_ALPHA * _ALPHA * p + 1) * (1 - p)) ** 0.5
    offset = _placed(((kept - 1) * dtype.type(_ALPHA * a) + dtype.type(_ALPHA * a * p)).astype(dtype), input)
    noise = _placed((kept * dtype.type(a)).astype(dtype), input)
    return input.mul_(noise).add_(offset) if inplace else m.add(m.mul(input, noise), offset)


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """Dropout for networks of selu: dropped elements get its lower limit, mean and variance stay."""
    _check(p)
    return _alpha(input, p, training, inplace, False)


def feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """`alpha_dropout` of whole channels."""
    _check(p)
    return _alpha(input, p, training, inplace, True)
