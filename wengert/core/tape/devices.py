"""Operands on several devices: which may meet, and torch's errors for those that may not."""

from __future__ import annotations

from typing import Any

import wengert.core.operators.devices  # noqa: F401  (announces the devices)
from wengert.core.arrays.backend import DEVICE_OF
from wengert.core.base.errors import DeviceError
from wengert.core.operators.kinds import Elementwise
from wengert.core.operators.raw import FOREIGN
from wengert.core.operators.record import Op
from wengert.core.tape.core import RECORDED, TensorBase

FREE = frozenset(("to_device",))
STORES = frozenset(("copy", "fill"))
"""Operators that take values from any device into the first tensor's."""
TAKES_INDICES = frozenset(("index", "index_write"))
"""Operators whose index tensors may be on the CPU."""


def together(op: Op, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments of a call on one device: numbers on the CPU (tensors without dims) follow the others.

    Raises: DeviceError where tensors with dims are on several devices.
    """
    values = args[op.many] if op.many >= 0 else [args[i] for i in op.arrays]
    tensors = [x for x in values if isinstance(x, TensorBase)]
    classes = {x._array.__class__ for x in tensors}
    if not classes & FOREIGN or op.name in FREE:
        return args
    found = list(dict.fromkeys([DEVICE_OF[x._array.__class__](x._array) for x in tensors]))
    if len(found) == 1:
        return args
    first = DEVICE_OF[tensors[0]._array.__class__](tensors[0]._array)
    if op.name in STORES:
        target = first
    else:
        target = next(device for device in found if device.type != "cpu")
        check(op, tensors, found, target)
    full = list(args)
    for i in op.arrays:
        x = args[i]
        if isinstance(x, TensorBase):
            own = DEVICE_OF[x._array.__class__](x._array)
            if own is not target:
                full[i] = RECORDED.to_device(x, target, own)
    return tuple(full)


def check(op: Op, tensors: list[Any], found: list[Any], target: Any) -> None:
    """Refuse tensors that may not be brought to `target`."""
    meta = any(device.type == "meta" for device in found)
    first = found[0]
    for k, x in enumerate(tensors):
        own = DEVICE_OF[x._array.__class__](x._array)
        if own is target or (own.type == "cpu" and not x._array.ndim and op.many < 0):
            continue
        if own.type == "cpu" and op.name in TAKES_INDICES and k and x._array.dtype.kind in "iub":
            continue
        if not meta:
            names = " and ".join(str(device) for device in found[:2])
            raise DeviceError(
                f"Expected all tensors to be on the same device, but found at least two devices, {names}! "
                f"(when checking the arguments of {op.name}())"
            )
        if isinstance(op.kind, Elementwise) or op.many >= 0:
            other = next(device for device in found if device is not first)
            raise DeviceError(
                f"Tensor on device {other} is not on the expected device {first}! (when checking the arguments of "
                f"{op.name}())"
            )
