"""Names of torch's own tools that programs use (`torch._utils`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from wengert import cuda
from wengert.core.arrays.device import as_device
from wengert.core.tape.core import RECORDED
from wengert.core.tensor.creation import empty
from wengert.nn.parameter import Parameter
from wengert.utils.data._utils.failure import ExceptionWrapper


def _flatten_dense_tensors(tensors: Any) -> Any:
    """All elements, one tensor after the other, as one vector."""
    return RECORDED.cat([x.reshape(-1) for x in tensors])


def _unflatten_dense_tensors(flat: Any, tensors: Any) -> tuple[Any, ...]:
    """Parts of a vector in the shapes of `tensors`."""
    outputs, start = [], 0
    for x in tensors:
        outputs.append(flat[start : start + x.numel()].view(x.shape))
        start += x.numel()
    return tuple(outputs)


def _reorder_tensors_as(tensors: Any, ordered_tensors: Any) -> tuple[Any, ...]:
    """The tensors in the order of types of `ordered_tensors`."""
    waiting: dict[str, list[Any]] = {}
    for x in tensors:
        waiting.setdefault(x.type(), []).append(x)
    return tuple(waiting[x.type()].pop(0) for x in ordered_tensors)


def _take_tensors(tensors: Any, size_limit: int) -> Iterator[list[Any]]:
    """Groups of tensors of one type of at most `size_limit` bytes (or one tensor)."""
    groups: dict[str, list[Any]] = {}
    for x in tensors:
        group = groups.setdefault(x.type(), [])
        if group and sum(y.nbytes for y in group) + x.nbytes > size_limit:
            yield group
            group = groups[x.type()] = []
        group.append(x)
    yield from (group for group in groups.values() if group)


def _get_device_index(device: Any, optional: bool = False, allow_cpu: bool = False) -> int:
    """Index of a GPU given as a number, a name or a device; -1 for the CPU where that is allowed."""
    if isinstance(device, int):
        return device
    if device is None and optional:
        return 0
    found = as_device(device)
    if found.type == "cpu" and not allow_cpu:
        raise ValueError(f"Expected a non cpu device, but got: {device}")
    return (-1 if found.type == "cpu" else 0) if found.index is None else found.index


def _import_dotted_name(name: str) -> Any:
    """What a dotted name stands for."""
    first, *rest = name.split(".")
    value = __import__(first)
    for part in rest:
        value = getattr(value, part)
    return value


def is_compiling() -> bool:
    """False: programs run eagerly."""
    return False


class _ClassPropertyDescriptor:
    def __init__(self, fget: Callable[[Any], Any]) -> None:
        self.fget = fget

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self.fget(type(instance) if owner is None else owner)


def classproperty(func: Callable[[Any], Any]) -> Any:
    """A property of a class."""
    return _ClassPropertyDescriptor(func)


def _rebuild_tensor(storage: Any, storage_offset: int, size: Any, stride: Any) -> Any:
    """A tensor that looks at a storage; from an untyped one, at bytes."""
    kind = storage.dtype if hasattr(storage, "dtype") else None
    made = empty(0, dtype=kind, device=storage.device)
    return made.set_(storage, storage_offset, tuple(size), tuple(stride))


def _rebuild_tensor_v2(
    storage: Any, storage_offset: int, size: Any, stride: Any, requires_grad: bool, backward_hooks: Any,
    metadata: Any = None,
) -> Any:  # fmt: skip
    """A leaf that looks at a storage, with its hooks."""
    made = _rebuild_tensor(storage, storage_offset, size, stride)
    made.requires_grad_(requires_grad)
    made._backward_hooks = backward_hooks
    return made


def _rebuild_parameter(data: Any, requires_grad: bool, backward_hooks: Any) -> Any:
    """A parameter of a tensor, with its hooks."""
    made = Parameter(data, requires_grad)
    made._backward_hooks = backward_hooks
    return made


def _rebuild_parameter_with_state(data: Any, requires_grad: bool, backward_hooks: Any, state: Any) -> Any:
    """A parameter of a tensor, with its hooks and attributes."""
    made = _rebuild_parameter(data, requires_grad, backward_hooks)
    made.__dict__.update(state)
    return made


def _get_available_device_type() -> str | None:
    """The kind of accelerator that is there; None where there is only the CPU."""
    return "cuda" if cuda.is_available() else None


def _get_device_module(device_type: str) -> Any:
    """The module of a kind of device, such as `torch.cuda`.

    Raises: RuntimeError where there is none.
    """
    try:
        return import_module(f"wengert.{device_type}")
    except ImportError as error:
        raise RuntimeError(
            f"Device '{device_type}' does not have a corresponding module registered as 'torch.{device_type}'."
        ) from error


__all__ = ["ExceptionWrapper", "classproperty", "is_compiling"]
