"""Window functions of signal processing: weights that fall off towards both ends.

A periodic window of length n is the symmetric one of length n + 1 without its last value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.backend import backend_for
from wengert.core.base.errors import GraphError
from wengert.core.tensor.data import finish, target_device


def taper(name: str, window_length: int, periodic: bool, weights: Callable[[Any, int], Any], options: Any) -> Any:
    """The window whose weight at place i of m + 1 is `weights(i, m)`."""
    dtype, device, requires_grad = options
    dt = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    if not dt.is_floating_point:
        raise GraphError(f"{name} expects floating point dtypes, got: {dt}")
    if window_length < 0:
        raise GraphError(f"{name} requires non-negative window_length, got window_length={window_length}")
    where = target_device(device)
    if window_length <= 1:
        a = np.ones(window_length, np.float64)
    else:
        last = window_length if periodic else window_length - 1
        a = weights(np.arange(window_length, dtype=np.float64), last)
    return finish(backend_for(where).from_numpy(a.astype(dt.numpy), where.index), requires_grad)


def bartlett_window(window_length: int, periodic: bool = True, *, dtype: Any = None, layout: Any = None,
                    device: Any = None, pin_memory: bool = False, requires_grad: bool = False) -> Any:  # fmt: skip
    """Triangle: 1 - |2i / m - 1|."""
    options = (dtype, device, requires_grad)
    return taper("bartlett_window", window_length, periodic, lambda i, m: 1 - np.abs(2 * i / m - 1), options)


def hann_window(window_length: int, periodic: bool = True, *, dtype: Any = None, layout: Any = None,
                device: Any = None, pin_memory: bool = False, requires_grad: bool = False) -> Any:  # fmt: skip
    """(1 - cos(2 pi i / m)) / 2."""
    options = (dtype, device, requires_grad)
    return taper("hann_window", window_length, periodic, lambda i, m: 0.5 - 0.5 * np.cos(2 * np.pi * i / m), options)


def hamming_window(window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *,
                   dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
                   requires_grad: bool = False) -> Any:  # fmt: skip
    """alpha - beta cos(2 pi i / m)."""
    options = (dtype, device, requires_grad)
    return taper(
        "hamming_window", window_length, periodic, lambda i, m: alpha - beta * np.cos(2 * np.pi * i / m), options
    )


def blackman_window(window_length: int, periodic: bool = True, *, dtype: Any = None, layout: Any = None,
                    device: Any = None, pin_memory: bool = False, requires_grad: bool = False) -> Any:  # fmt: skip
    """0.42 - 0.5 cos(2 pi i / m) + 0.08 cos(4 pi i / m)."""

    def weights(i: Any, m: int) -> Any:
        return 0.42 - 0.5 * np.cos(2 * np.pi * i / m) + 0.08 * np.cos(4 * np.pi * i / m)

    return taper("blackman_window", window_length, periodic, weights, (dtype, device, requires_grad))


def kaiser_window(window_length: int, periodic: bool = True, beta: float = 12.0, *, dtype: Any = None,
                  layout: Any = None, device: Any = None, pin_memory: bool = False,
                  requires_grad: bool = False) -> Any:  # fmt: skip
    """I0(beta sqrt(1 - (2i / m - 1)^2)) / I0(beta) with the modified Bessel function I0."""

    def weights(i: Any, m: int) -> Any:
        return np.i0(beta * np.sqrt(np.maximum(1 - (2 * i / m - 1) ** 2, 0))) / np.i0(beta)

    return taper("kaiser_window", window_length, periodic, weights, (dtype, device, requires_grad))


FUNCTIONS = ("bartlett_window", "hann_window", "hamming_window", "blackman_window", "kaiser_window")
