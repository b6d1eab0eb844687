"""Nested inputs split over devices, and nested outputs joined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wengert.core.tape.core import TensorBase
from wengert.nn.parallel import comm


def is_namedtuple(obj: Any) -> bool:
    """Whether a value is of a named tuple's type."""
    return isinstance(obj, tuple) and hasattr(obj, "_fields") and hasattr(obj, "_asdict")


def scatter(inputs: Any, target_gpus: Any, dim: int = 0) -> Any:
    """For each device the inputs with their tensors split along `dim`; other values are handed to every device."""
    devices = list(target_gpus)

    def parts(value: Any) -> list[Any]:
        if isinstance(value, TensorBase):
            return list(comm.scatter(value, devices, dim=dim))
        if is_namedtuple(value):
            return [type(value)(*items) for items in zip(*map(parts, value), strict=False)]
        if isinstance(value, tuple) and value:
            return list(zip(*map(parts, value), strict=False))
        if isinstance(value, list) and value:
            return [list(items) for items in zip(*map(parts, value), strict=False)]
        if isinstance(value, dict) and value:
            return [type(value)(items) for items in zip(*map(parts, value.items()), strict=False)]
        return [value for _ in devices]

    return parts(inputs)


def scatter_kwargs(inputs: Any, kwargs: Any, target_gpus: Any, dim: int = 0) -> tuple[Any, Any]:
    """`scatter` of positional and of named inputs, filled up to one length."""
    positional = scatter(inputs, target_gpus, dim) if inputs else []
    named = scatter(kwargs, target_gpus, dim) if kwargs else []
    positional += [() for _ in range(len(named) - len(positional))]
    named += [{} for _ in range(len(positional) - len(named))]
    return tuple(positional), tuple(named)


def gather(outputs: Any, target_device: Any, dim: int = 0) -> Any:
    """The outputs of several devices as one, tensors joined along `dim` (numbers without dims become a vector)."""
    first = outputs[0]
    if isinstance(first, TensorBase):
        shaped = [x.reshape(1) for x in outputs] if first.ndim == 0 and dim == 0 else outputs
        return comm.gather(shaped, dim, target_device)
    if first is None:
        return None
    if isinstance(first, Mapping):
        return type(first)((key, gather([x[key] for x in outputs], target_device, dim)) for key in first)  # type: ignore[call-arg]
    joined = [gather(items, target_device, dim) for items in zip(*outputs, strict=True)]
    return type(first)._make(joined) if is_namedtuple(first) else type(first)(joined)


__all__ = ["gather", "scatter", "scatter_kwargs"]
