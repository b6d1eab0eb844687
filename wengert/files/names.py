"""Torch's names for what stands in its files, and ours: both directions of one table."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.shape import Size
from wengert.core.tensor.generators import Generator
from wengert.core.tensor.storage import LEGACY, TypedStorage, UntypedStorage
from wengert.core.tensor.tensor import Tensor
from wengert.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

PACKAGE = __name__.partition(".")[0]


class Builder:
    """A function of torch that rebuilds something, by its name in files."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self, *args: Any) -> Any:
        """Never called: only its name is written."""
        raise TypeError(f"{self.module}.{self.name} is a name in a file")


TENSOR = Builder("torch._utils", "_rebuild_tensor_v2")
TENSOR_OF_NEW_DTYPE = Builder("torch._utils", "_rebuild_tensor_v3")
META = Builder("torch._utils", "_rebuild_meta_tensor_no_storage")
PARAMETER = Builder("torch._utils", "_rebuild_parameter")
PARAMETER_WITH_STATE = Builder("torch._utils", "_rebuild_parameter_with_state")
SPARSE = Builder("torch._utils", "_rebuild_sparse_tensor")
OF_TYPE = Builder("torch._tensor", "_rebuild_from_type_v2")
LAYOUT = Builder("torch.serialization", "_get_layout")

CLASSES: dict[Any, tuple[str, str]] = {
    Tensor: ("torch", "Tensor"),
    Size: ("torch", "Size"),
    devices.device: ("torch", "device"),
    dtypes.dtype: ("torch", "dtype"),
    Generator: ("torch._C", "Generator"),
    UntypedStorage: ("torch.storage", "UntypedStorage"),
    TypedStorage: ("torch.storage", "TypedStorage"),
    **{kind: ("torch.nn.parameter", kind.__name__)
       for kind in (Parameter, Buffer, UninitializedParameter, UninitializedBuffer)},
    **{kind: ("torch", name) for name, kind in LEGACY.items()},
}  # fmt: skip
"""Our class -> module and name of its counterpart."""

DTYPES: dict[tuple[str, str], Any] = {("torch", name): dtype for name, dtype in dtypes.ALL.items()}
OURS: dict[tuple[str, str], Any] = {there: here for here, there in CLASSES.items()} | DTYPES
"""Module and name in a file -> our counterpart."""

ELEMENTS: dict[type, Any] = {kind: kind.__dict__["dtype"] for kind in LEGACY.values()} | {UntypedStorage: dtypes.uint8}
"""Storage class -> dtype of its elements."""
STORAGES = {dtype: kind for kind, dtype in ELEMENTS.items() if kind is not UntypedStorage}
"""Dtype -> storage class; dtypes without one are saved over untyped storages."""


def spelled(obj: Any) -> tuple[str, str] | None:
    """Module and name under which torch's files know a global of ours; None for what is not ours."""
    if isinstance(obj, Builder):
        return obj.module, obj.name
    if isinstance(obj, dtypes.dtype):
        return "torch", obj.name
    try:
        found = CLASSES.get(obj)
    except TypeError:  # not hashable
        return None
    if found is not None:
        return found
    module = getattr(obj, "__module__", None) or ""
    if module.startswith(PACKAGE + ".") and not module.startswith(PACKAGE + ".core."):
        return "torch" + module[len(PACKAGE) :], obj.__qualname__
    return None


def full_name(obj: Any) -> str:
    """`module.name` of a global as it stands in a file."""
    module, name = spelled(obj) or (obj.__module__, obj.__qualname__)
    return f"{module}.{name}"


def counterpart(module: str, name: str) -> Any:
    """What a global of torch is here.

    Raises: AttributeError where there is none.
    """
    found = OURS.get((module, name))
    if found is not None:
        return found
    try:
        value: Any = import_module(PACKAGE + module[len("torch") :])
        for part in name.split("."):
            value = getattr(value, part)
        return value
    except (ModuleNotFoundError, AttributeError):
        raise AttributeError(f"the file names {module}.{name}, which has no counterpart in {PACKAGE}") from None


def layout_of(text: str) -> Any:
    """The layout with the name `torch.strided` and the like."""
    found = devices.LAYOUTS.get(text.removeprefix("torch."))
    if found is None:
        raise AttributeError(f"unknown layout {text!r}")
    return found
