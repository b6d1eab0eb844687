"""Products of matrices by OpenBLAS with the kernels that suit the CPU, and how many threads any OpenBLAS may use.

OpenBLAS chooses its kernels by the CPU's maker and model; on AMD's CPUs with AVX-512 it takes those for AVX2, which are
half as fast.  There the package scipy-openblas32 is opened a second time, told to use the kernels named SkylakeX.
Everywhere else NumPy's own product is as good, and is used.
"""

from __future__ import annotations

import ctypes
import os
from importlib import import_module, util
from typing import Any

import numpy as np

from wengert.core.base.settings import settings
from wengert.core.kernels import threads
from wengert.core.kernels.host import processor_flags, vendor

__all__ = ["gemm", "limit_threads", "open_library", "wins"]

_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
_ROWS, _PLAIN, _TRANSPOSED = 101, 111, 112  # CblasRowMajor, CblasNoTrans, CblasTrans
_CORE = "OPENBLAS_CORETYPE"


def wins() -> bool:
    """Whether an OpenBLAS of our own is faster than NumPy's here."""
    if not settings.kernels or vendor() != "AuthenticAMD" or "avx512f" not in processor_flags():
        return False
    return util.find_spec("scipy_openblas32") is not None


def open_library() -> Any:
    """scipy-openblas32 with the kernels named SkylakeX. Raises: ImportError, OSError."""
    package = import_module("scipy_openblas32")
    path = os.path.join(package.get_lib_dir(), package.get_library(fullname=True))
    before = os.environ.get(_CORE)
    os.environ[_CORE] = "SkylakeX"  # read once, while the library is loaded
    try:
        return ctypes.CDLL(path)
    finally:
        if before is None:
            del os.environ[_CORE]
        else:
            os.environ[_CORE] = before


class Product:
    """`a @ b` of two matrices of one dtype by `library`."""

    def __init__(self, library: Any) -> None:
        whole, pointer = ctypes.c_int, ctypes.c_void_p
        self.functions = {}
        for dtype, name, real in ((_F32, "sgemm", ctypes.c_float), (_F64, "dgemm", ctypes.c_double)):
            function = getattr(library, f"scipy_cblas_{name}")
            function.argtypes = [whole] * 6 + [real, pointer, whole, pointer, whole, real, pointer, whole]
            function.restype = None
            self.functions[dtype] = function
        self.library = library

    def __call__(self, a: Any, b: Any) -> Any:
        """a @ b for matrices with rows or columns that follow each other; others are copied."""
        left, right = layout(a), layout(b)
        if left is None:
            a = np.ascontiguousarray(a)
            left = layout(a)
        if right is None:
            b = np.ascontiguousarray(b)
            right = layout(b)
        (m, k), n = a.shape, b.shape[1]
        out = np.empty((m, n), a.dtype)
        self.functions[a.dtype](
            _ROWS, left[0], right[0], m, n, k, 1.0, a.ctypes.data, left[1], b.ctypes.data, right[1],
            0.0, out.ctypes.data, n,
        )  # fmt: skip
        return out


def layout(a: Any) -> Any:
    """(transposed or not, distance of rows) as BLAS wants them; None for a matrix with gaps within rows and columns."""
    size = a.itemsize
    (rows, columns), (down, along) = a.shape, a.strides
    if along == size and down >= columns * size and down % size == 0:
        return _PLAIN, down // size
    if down == size and along >= rows * size and along % size == 0:
        return _TRANSPOSED, along // size
    return None


_state: dict[str, Any] = {"product": None}
SMALL = 64**3
"""Multiplications below which NumPy's shorter call wins."""


def gemm(a: Any, b: Any) -> Any:
    """a @ b of two matrices."""
    product = _state["product"]
    if product is None:
        product = _state["product"] = chosen()
    if product is False or a.dtype is not b.dtype or a.dtype not in product.functions:
        return np.dot(a, b)
    if a.shape[1] != b.shape[0] or a.shape[0] * b.size < SMALL:
        return np.dot(a, b)
    return product(a, b)


def chosen() -> Any:
    """A product that has been compared with NumPy's; False where NumPy's is used."""
    try:
        if not wins():
            return False
        product = Product(open_library())
        for dtype in (_F32, _F64):
            rng = np.random.default_rng(0)
            a, b = rng.standard_normal((37, 53)).astype(dtype), rng.standard_normal((53, 29)).astype(dtype)
            for x, y in ((a, b), (a[:, ::2], b[::2]), (b.T, a.T)):
                if not np.allclose(product(x, y), np.dot(x, y), rtol=1e-4, atol=1e-5):
                    return False
        limited(product.library, "scipy_openblas_set_num_threads", threads.count())
        return product
    except (ImportError, OSError, AttributeError):
        return False


# ---------------------------------------------------------------- threads


def limited(library: Any, name: str, n: int) -> None:
    """Tell an OpenBLAS how many threads it may use."""
    function = getattr(library, name)
    function.argtypes, function.restype = [ctypes.c_int], None
    function(n)


def limit_threads(n: int) -> None:
    """Let NumPy's OpenBLAS, and ours, use at most n threads; other libraries are left alone."""
    folder = os.path.join(os.path.dirname(os.path.dirname(np.__file__)), "numpy.libs")
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if name.startswith("libscipy_openblas64_"):
            try:
                limited(ctypes.CDLL(os.path.join(folder, name)), "scipy_openblas_set_num_threads64_", n)
            except (OSError, AttributeError):
                continue
    product = _state["product"]
    if product:
        limited(product.library, "scipy_openblas_set_num_threads", n)
