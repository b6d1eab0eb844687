"""`torch.sparse.FloatTensor(indices, values, size)`: the constructors of old programs."""

from __future__ import annotations

from typing import Any

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.tape.core import TensorBase
from wengert.core.tensor.sparse import is_sparse
from wengert.core.tensor.sparse_creation import sparse_coo_tensor
from wengert.core.tensor.sparse_methods import unlike


class SparseType(type):
    """Metaclass of the legacy sparse classes: they make and recognise tensors of coordinates of one dtype."""

    legacy_dtype: Any = None
    is_cuda, is_sparse = False, True
    layout = devices.sparse_coo

    def __call__(cls, *args: Any, device: Any = None, **kwargs: Any) -> Any:
        if not args and not kwargs:
            return unlike(cls.legacy_dtype.numpy, (0,))
        if args and isinstance(args[0], TensorBase):
            return sparse_coo_tensor(*args, **kwargs)
        size = args[0] if args and isinstance(args[0], (tuple, list)) else args
        return unlike(cls.legacy_dtype.numpy, kwargs.get("size", size))

    def __instancecheck__(cls, instance: Any) -> bool:
        return is_sparse(instance) and instance.layout is cls.layout and instance.dtype is cls.legacy_dtype

    def __repr__(cls) -> str:
        return f"<class 'torch.sparse.{cls.__name__}'>"


def sparse_types() -> dict[str, Any]:
    """FloatTensor, DoubleTensor, ... by name."""
    made = {}
    for name, kind in (
        ("FloatTensor", dtypes.float32), ("DoubleTensor", dtypes.float64), ("HalfTensor", dtypes.float16),
        ("BFloat16Tensor", dtypes.bfloat16), ("ByteTensor", dtypes.uint8), ("CharTensor", dtypes.int8),
        ("ShortTensor", dtypes.int16), ("IntTensor", dtypes.int32), ("LongTensor", dtypes.int64),
    ):  # fmt: skip
        space = {"legacy_dtype": kind, "dtype": kind, "__doc__": f"Constructor of sparse {kind} tensors, as of old."}
        made[name] = SparseType(name, (), space)
    return made


TYPES: dict[str, Any] = sparse_types()

__all__ = ["TYPES", "SparseType", "sparse_types"]
