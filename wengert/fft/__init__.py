"""Discrete Fourier transforms (`torch.fft`): one, two and n dims, real and Hermitian forms, bin frequencies."""

from __future__ import annotations

from typing import Any

from wengert.core.arrays import dtype as _dtypes
from wengert.core.base.errors import DtypeError as _DtypeError
from wengert.core.tensor import creation as _creation
from wengert.core.tensor.methods import SPACES as _SPACES

globals().update(_SPACES["fft"])


def fftfreq(n: int, d: float = 1.0, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
            requires_grad: bool = False) -> Any:  # fmt: skip
    """Frequencies of the bins of `fft`: k / (n d), k = 0, 1, ..., (n - 1) // 2, then -(n // 2), ..., -1.

    n: points, d: time between two.  Raises: DtypeError for an integer dtype.
    """
    _check(dtype, "fftfreq")
    bins = _creation.arange(n, dtype=dtype or _dtypes.get_default_dtype(), device=device)
    bins[(n + 1) // 2 :] -= n
    return _made(bins * _rate(n, d), out, requires_grad)


def rfftfreq(n: int, d: float = 1.0, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False) -> Any:  # fmt: skip
    """Frequencies of the bins of `rfft`: k / (n d), k = 0, ..., n // 2.  Arguments as for `fftfreq`."""
    _check(dtype, "rfftfreq")
    bins = _creation.arange(n // 2 + 1, dtype=dtype or _dtypes.get_default_dtype(), device=device)
    return _made(bins * _rate(n, d), out, requires_grad)


def _check(dtype: Any, name: str) -> None:
    if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
        raise _DtypeError(f"{name} requires a floating point or complex dtype, not {dtype}")


def _rate(n: int, d: float) -> float:
    return 1.0 / (n * d) if n * d else float("inf")


def _made(values: Any, out: Any, requires_grad: bool) -> Any:
    if out is not None:
        return _creation.store_out(out, values)
    return values.requires_grad_() if requires_grad else values


__all__ = ["fftfreq", "rfftfreq", *_SPACES["fft"]]  # noqa: PLE0604
