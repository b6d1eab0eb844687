"""The standard's extension `fft`.  Everything is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.array_api.types import expected, tensor
from wengert.core.base.errors import DtypeError
from wengert.core.tensor.methods import SPACES
from wengert.fft import fftfreq as _fftfreq
from wengert.fft import rfftfreq as _rfftfreq

_own = SPACES["fft"]


def _single(name: str, levels: str, text: str) -> Any:
    forward = _own[name]

    def function(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
        return forward(expected(x, levels, name), n, axis, norm)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = text
    return function


def _several(name: str, levels: str, text: str) -> Any:
    forward = _own[name]

    def function(
        x: Any, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
    ) -> Any:
        return forward(expected(x, levels, name), s, axes, norm)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = text
    return function


fft = _single("fft", "23", "Discrete Fourier transform along an axis.")
ifft = _single("ifft", "23", "Inverse of `fft`.")
fftn = _several("fftn", "23", "Discrete Fourier transform along several axes.")
ifftn = _several("ifftn", "23", "Inverse of `fftn`.")
rfft = _single("rfft", "2", "Transform of real elements: the half that the other half repeats.")
irfft = _single("irfft", "23", "Inverse of `rfft`; real.")
rfftn = _several("rfftn", "2", "`rfft` along the last of several axes, `fft` along the others.")
irfftn = _several("irfftn", "23", "Inverse of `rfftn`; real.")
hfft = _single("hfft", "23", "Transform of a sequence whose other half is its conjugate; real.")
ihfft = _single("ihfft", "2", "Inverse of `hfft`.")


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Any:
    """Frequencies of the n elements of `fft` at a distance d between samples."""
    return _fftfreq(n, d, dtype=_floating(dtype, "fftfreq"), device=device)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Any:
    """Frequencies of the n // 2 + 1 elements of `rfft` at a distance d between samples."""
    return _rfftfreq(n, d, dtype=_floating(dtype, "rfftfreq"), device=device)


def _floating(dtype: Any, name: str) -> Any:
    if dtype is not None and not dtype.is_floating_point:
        raise DtypeError(f"{name}(): expected a real floating dtype, not {dtype}")
    return dtype


def fftshift(x: Any, /, *, axes: int | Sequence[int] | None = None) -> Any:
    """The zero frequency moved to the middle of these axes, all for None."""
    return _own["fftshift"](tensor(x, "fftshift"), axes)


def ifftshift(x: Any, /, *, axes: int | Sequence[int] | None = None) -> Any:
    """Inverse of `fftshift`."""
    return _own["ifftshift"](tensor(x, "ifftshift"), axes)


__all__ = [
    "fft", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifftn", "ifftshift", "ihfft", "irfft", "irfftn", "rfft",
    "rfftfreq", "rfftn",
]  # fmt: skip
