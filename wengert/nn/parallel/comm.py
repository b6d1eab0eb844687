"""Tensors on several devices: split over them, copied to them, joined from them."""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import ValueRangeError
from wengert.core.tape.core import RECORDED as m


def broadcast(tensor: Any, devices: Any = None, *, out: Any = None) -> tuple[Any, ...]:
    """A copy of the tensor on each device."""
    if out is not None:
        return tuple(o.copy_(tensor) for o in out)
    return tuple(tensor.to(device) for device in devices)


def scatter(
    tensor: Any, devices: Any = None, chunk_sizes: Any = None, dim: int = 0, streams: Any = None, *, out: Any = None
) -> tuple[Any, ...]:
    """Parts of the tensor along `dim`, one on each device."""
    if out is not None:
        parts = m.split(tensor, [o.shape[dim] for o in out], dim)
        return tuple(o.copy_(part) for o, part in zip(out, parts, strict=True))
    devices = list(devices)
    parts = m.chunk(tensor, len(devices), dim) if chunk_sizes is None else m.split(tensor, list(chunk_sizes), dim)
    return tuple(part.to(device) for part, device in zip(parts, devices, strict=False))


def gather(tensors: Any, dim: int = 0, destination: Any = None, *, out: Any = None) -> Any:
    """The tensors joined along `dim`, on one device."""
    tensors = list(tensors)
    where = tensors[0].device if destination is None else destination
    joined = m.cat([tensor.to(where) for tensor in tensors], dim)
    return joined if out is None else out.copy_(joined)


def reduce_add(inputs: Any, destination: Any = None) -> Any:
    """The sum of the tensors, on one device."""
    inputs = list(inputs)
    if any(x.shape != inputs[0].shape for x in inputs):
        raise ValueRangeError(f"reduce_add needs tensors of one shape, got {[tuple(x.shape) for x in inputs]}")
    where = inputs[0].device if destination is None else destination
    total = inputs[0].to(where)
    for x in inputs[1:]:
        total = total + x.to(where)
    return total


__all__ = ["broadcast", "gather", "reduce_add", "scatter"]
