"""Windows that fall off towards both ends (`torch.signal.windows`): M weights, weight i a function of i and M.

`sym` makes the window symmetric, for filters; sym=False makes it periodic, for spectra: the symmetric window of M + 1
weights without the last.  In the formulas m is M - 1 for a symmetric window and M for a periodic one.

Every function takes `dtype` (float32 or float64; default: the default dtype), `layout`, `device`, `requires_grad`.
Edges: M = 0 gives no weights, M = 1 one weight of 1.
Raises: ValueRangeError for a negative M, for other dtypes, other layouts, or a shape parameter out of range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.backend import backend_for
from wengert.core.base.errors import ArgumentError, ValueRangeError
from wengert.core.tensor.data import finish, target_device

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]


def _checked(name: str, M: Any, dtype: Any, layout: Any) -> Any:
    """The element type of a window; raises for a length, type or layout that no window has."""
    if M < 0:
        raise ValueRangeError(f"{name} requires non-negative window length, got M={M}")
    if layout is not None and layout is not devices.LAYOUTS["strided"]:
        raise ValueRangeError(f"{name} is implemented for strided tensors only, got: {layout}")
    kind = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    if kind.name not in ("float32", "float64"):
        raise ValueRangeError(f"{name} expects float32 or float64 dtypes, got: {kind}")
    if not isinstance(M, (int, np.integer)) or isinstance(M, bool):
        raise ArgumentError(f"{name}(): the window length M must be an int, not {type(M).__name__}")
    return kind


def _window(M: int, weights: Callable[[Any], Any], kind: Any, device: Any, requires_grad: bool) -> Any:
    """The tensor of the weights at 0 ... M - 1, computed in float64."""
    a = weights(np.arange(M, dtype=np.float64)) if M > 1 else np.ones(M)
    where = target_device(device)
    return finish(backend_for(where).from_numpy(a.astype(kind.numpy), where.index), requires_grad)


def exponential(M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, dtype: Any = None,
                layout: Any = None, device: Any = None, requires_grad: bool = False) -> Any:  # fmt: skip
    """exp(-|i - center| / tau); the center is m / 2, and may be chosen for periodic windows."""
    kind = _checked("exponential", M, dtype, layout)
    if tau <= 0:
        raise ValueRangeError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueRangeError(f"Center must be None for symmetric windows, got: {center}")
    middle = (M - sym) / 2 if center is None else center
    return _window(M, lambda i: np.exp(-np.abs(i - middle) / tau), kind, device, requires_grad)


def cosine(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
           requires_grad: bool = False) -> Any:  # fmt: skip
    """sin(pi (i + 1/2) / (m + 1))."""
    kind = _checked("cosine", M, dtype, layout)
    return _window(M, lambda i: np.sin(np.pi * (i + 0.5) / (M + 1 - sym)), kind, device, requires_grad)


def gaussian(M: int, *, std: float = 1.0, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False) -> Any:  # fmt: skip
    """exp(-((i - m / 2) / std)^2 / 2)."""
    kind = _checked("gaussian", M, dtype, layout)
    if std <= 0:
        raise ValueRangeError(f"Standard deviation must be positive, got: {std} instead.")
    middle = (M - sym) / 2
    return _window(M, lambda i: np.exp(-0.5 * ((i - middle) / std) ** 2), kind, device, requires_grad)


def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
           requires_grad: bool = False) -> Any:  # fmt: skip
    """I0(beta sqrt(1 - (2i / m - 1)^2)) / I0(beta) with the modified Bessel function I0."""
    kind = _checked("kaiser", M, dtype, layout)
    if beta < 0:
        raise ValueRangeError(f"beta must be non-negative, got: {beta} instead.")

    def weights(i: Any) -> Any:
        return np.i0(beta * np.sqrt(np.maximum(1 - (2 * i / (M - sym) - 1) ** 2, 0))) / np.i0(beta)

    return _window(M, weights, kind, device, requires_grad)


def general_cosine(M: int, *, a: Iterable[float], sym: bool = True, dtype: Any = None, layout: Any = None,
                   device: Any = None, requires_grad: bool = False) -> Any:  # fmt: skip
    """Sum over k of (-1)^k a_k cos(2 pi k i / m)."""
    kind = _checked("general_cosine", M, dtype, layout)
    if not isinstance(a, Iterable):
        raise ArgumentError(f"Coefficients must be a list/tuple, got: {type(a).__name__}")
    terms = [float(x) for x in a]
    if not terms:
        raise ValueRangeError("Coefficients cannot be empty: a window needs one at least")

    def weights(i: Any) -> Any:
        angle = 2 * np.pi * i / (M - sym)
        return sum((-x if k % 2 else x) * np.cos(k * angle) for k, x in enumerate(terms))

    return _window(M, weights, kind, device, requires_grad)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, dtype: Any = None, layout: Any = None,
                    device: Any = None, requires_grad: bool = False) -> Any:  # fmt: skip
    """alpha - (1 - alpha) cos(2 pi i / m)."""
    return general_cosine(
        M, a=[alpha, 1.0 - alpha], sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
    )


def hamming(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
            requires_grad: bool = False) -> Any:  # fmt: skip
    """0.54 - 0.46 cos(2 pi i / m)."""
    return general_hamming(M, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def hann(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
         requires_grad: bool = False) -> Any:  # fmt: skip
    """(1 - cos(2 pi i / m)) / 2."""
    return general_hamming(
        M, alpha=0.5, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
    )


def blackman(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False) -> Any:  # fmt: skip
    """0.42 - 0.5 cos(2 pi i / m) + 0.08 cos(4 pi i / m)."""
    _checked("blackman", M, dtype, layout)
    return general_cosine(
        M, a=[0.42, 0.5, 0.08], sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
    )


def nuttall(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
            requires_grad: bool = False) -> Any:  # fmt: skip
    """The window of four cosine terms with the smallest side lobes.

    Source: A. Nuttall, "Some windows with very good sidelobe behavior", IEEE Transactions on Acoustics, Speech, and
    Signal Processing 29 (1981), 84-91.
    """
    terms = [0.3635819, 0.4891775, 0.1365995, 0.0106411]
    return general_cosine(M, a=terms, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def bartlett(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False) -> Any:  # fmt: skip
    """The triangle 1 - |2i / m - 1|."""
    kind = _checked("bartlett", M, dtype, layout)
    return _window(M, lambda i: 1 - np.abs(2 * i / (M - sym) - 1), kind, device, requires_grad)
