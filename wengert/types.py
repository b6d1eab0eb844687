"""Names for annotations (`torch.types`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO, Any, TypeAlias

from wengert.core.arrays.device import device as _device_class
from wengert.core.arrays.device import layout as _layout_class
from wengert.core.arrays.dtype import dtype as _dtype_class
from wengert.core.arrays.shape import Size
from wengert.core.tensor.storage import TypedStorage, UntypedStorage
from wengert.core.tensor.tensor import Tensor

_TensorOrTensors: TypeAlias = Tensor | Sequence[Tensor]
_TensorOrTensorsOrGradEdge: TypeAlias = Any
_device, _dtype, _layout = _device_class, _dtype_class, _layout_class
_bool, _int, _float, _complex = bool, int, float, complex
_qscheme = None
_size: TypeAlias = Size | list[int] | tuple[int, ...]
_symsize = _size
_dispatchkey: TypeAlias = str


class SymInt:
    """A size that is not known yet, in torch's compiler; there are none here."""


class SymFloat:
    """A number that is not known yet, in torch's compiler; there are none here."""


class SymBool:
    """A truth value that is not known yet, in torch's compiler; there are none here."""


IntLikeType, FloatLikeType, BoolLikeType = int, float, bool
py_sym_types = (SymInt, SymFloat, SymBool)
PySymType: TypeAlias = SymInt | SymFloat | SymBool
Number: TypeAlias = int | float | bool
Device: TypeAlias = _device_class | str | int | None
FileLike: TypeAlias = str | os.PathLike[str] | IO[bytes]
Storage: TypeAlias = UntypedStorage | TypedStorage

__all__ = [
    "BoolLikeType", "Device", "FileLike", "FloatLikeType", "IntLikeType", "Number", "PySymType", "Size", "Storage",
    "SymBool", "SymFloat", "SymInt", "Tensor", "py_sym_types",
]  # fmt: skip
