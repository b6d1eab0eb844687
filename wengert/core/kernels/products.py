"""Products of matrices: on AMX, by kernels of vectors, or by BLAS; they take their places in `arrays/large.py`."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays.dtype import bfloat16
from wengert.core.arrays.large import LARGE as PLACES
from wengert.core.kernels.amx_products import PRECISIONS, pays, possible
from wengert.core.kernels.blas import gemm
from wengert.core.kernels.large import alike, layer

__all__ = ["dot", "dot_bias", "half_product", "install", "matmul"]

_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
_F16, _BF16 = np.dtype(np.float16), bfloat16.numpy
_ARRAY = np.ndarray

LEAST_PRODUCT = 1 << 20
"""Multiplications from which a kernel is faster than the shortest call of BLAS."""


def turned(a: Any, b: Any) -> bool:
    """Whether b is a's transpose, for which BLAS computes half of the result."""
    return bool(a.strides == b.strides[::-1] and a.shape == b.shape[::-1] and a.ctypes.data == b.ctypes.data)


def matrix(x: Any) -> Any:
    """A matrix as the only one of many."""
    return x[None]


def multiplied(a: Any, b: Any, bias: Any = None, lead: tuple[int, ...] = ()) -> Any:
    """a @ b (+ bias) of (count, m, k) and (count, k, n) by a kernel, or None."""
    if a.dtype is _F32 and possible():
        name, parts = PRECISIONS[PLACES.precision]
        if pays(a.shape[1], b.shape[2], a.shape[2], parts):
            kernel = layer(name, _F32)
            found = None if kernel is None else kernel(a, b, bias, lead)
            if found is not None:
                return found
    kernel = layer("product", a.dtype)
    return None if kernel is None else kernel(a, b, bias, lead)


def dot(a: Any, b: Any) -> Any:
    """a @ b of two matrices: by a kernel if one is ready, else by BLAS."""
    plain = a.__class__ is np.ndarray and b.__class__ is np.ndarray
    if plain and a.ndim == 2 and b.ndim == 2 and a.dtype is b.dtype and b.shape[1] > 1:
        m, k = a.shape
        fits = m > 1 and m * b.size >= LEAST_PRODUCT and b.shape[0] == k and not turned(a, b)
        found = multiplied(matrix(a), matrix(b)) if fits and (a.dtype is _F32 or a.dtype is _F64) else None
        if found is not None:
            return found
    return gemm(a, b)


def dot_bias(a: Any, b: Any, bias: Any) -> Any:
    """a @ b + bias of two matrices and a row, or None where no kernel is for them."""
    if a.dtype is not _F32 and a.dtype in _HALF and bias.dtype is a.dtype and bias.shape == b.shape[1:]:
        return half_product(a, b, bias)
    if a.ndim != 2 or b.ndim != 2 or not alike((a, b, bias)) or a.shape[1] != b.shape[0] or bias.shape != b.shape[1:]:
        return None
    if a.shape[0] < 2 or b.shape[1] < 2 or a.shape[0] * b.size < LEAST_PRODUCT:
        return None
    return multiplied(matrix(a), matrix(b), bias)


def matmul(a: Any, b: Any) -> Any:
    """a @ b of arrays with the same leading dims, or None where no kernel is for them."""
    if a.ndim < 2 or b.ndim != a.ndim or a.shape[:-2] != b.shape[:-2] or not alike((a, b)):
        return None
    (m, k), n = a.shape[-2:], b.shape[-1]
    if m < 2 or n < 2 or b.shape[-2] != k or a.size * n < LEAST_PRODUCT:
        return None
    left, right = [x if x.ndim == 3 else x.reshape(-1, *x.shape[-2:]) for x in (a, b)]
    return multiplied(left, right, None, a.shape[:-2])


_HALF = {_BF16: ("bfloat16_product", 1), _F16: ("float16_product", 2)}
"""dtype -> kernel of products on AMX, and its parts."""


def half_product(a: Any, b: Any, bias: Any = None) -> Any:
    """a @ b (+ bias) in half precision, rounded once, of arrays with the same leading dims, by a kernel, or None."""
    if a.__class__ is not _ARRAY or b.__class__ is not _ARRAY or a.dtype is not b.dtype or a.dtype not in _HALF:
        return None
    if not possible() or a.ndim < 2 or b.ndim != a.ndim or a.shape[:-2] != b.shape[:-2] or a.shape[-1] != b.shape[-2]:
        return None
    name, parts = _HALF[a.dtype]
    if not a.size or not b.size or not pays(a.shape[-2], b.shape[-1], a.shape[-1], parts):
        return None
    kernel = layer(name, _F32)
    if kernel is None:
        return None
    left, right = [x.reshape(-1, *x.shape[-2:]) for x in (a, b)]
    found = kernel(left, right, None if bias is None else bias.astype(np.float32), a.shape[:-2])
    return None if found is None else PLACES.convert(found, a.dtype)


def install() -> None:
    """Take the places of NumPy's functions."""
    PLACES.dot, PLACES.dot_bias, PLACES.matmul, PLACES.half_product = dot, dot_bias, matmul, half_product
