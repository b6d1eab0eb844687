"""Dtypes of NumPy and of this library that are the same."""

from __future__ import annotations

from typing import Any

import numpy as np

import wengert as torch

numpy_to_torch_dtype_dict: dict[Any, Any] = {
    np.bool_: torch.bool, np.uint8: torch.uint8, np.uint16: torch.uint16, np.uint32: torch.uint32,
    np.uint64: torch.uint64, np.int8: torch.int8, np.int16: torch.int16, np.int32: torch.int32, np.int64: torch.int64,
    np.float16: torch.float16, np.float32: torch.float32, np.float64: torch.float64, np.complex64: torch.complex64,
    np.complex128: torch.complex128,
}  # fmt: skip
torch_to_numpy_dtype_dict = {value: key for key, value in numpy_to_torch_dtype_dict.items()}
torch_to_numpy_dtype_dict.update({torch.bfloat16: np.float32, torch.complex32: np.complex64})


def numpy_to_torch_dtype(np_dtype: Any) -> Any:
    """The dtype of this library for one of NumPy, given as a class or an object."""
    try:
        return numpy_to_torch_dtype_dict[np_dtype]
    except KeyError:
        return numpy_to_torch_dtype_dict[np_dtype.type]


def has_corresponding_torch_dtype(np_dtype: Any) -> bool:
    """Whether there is a dtype of this library for one of NumPy."""
    try:
        numpy_to_torch_dtype(np_dtype)
    except KeyError:
        return False
    return True


__all__ = [
    "has_corresponding_torch_dtype", "numpy_to_torch_dtype", "numpy_to_torch_dtype_dict", "torch_to_numpy_dtype_dict",
]  # fmt: skip
