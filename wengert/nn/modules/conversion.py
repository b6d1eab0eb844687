"""Moving and converting a module: every parameter and buffer of a tree of modules through one function."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import ArgumentError
from wengert.core.tape.core import TensorBase
from wengert.core.tape.modes import current, enter, leave
from wengert.core.tensor import creation


class Convertible:
    """The part of Module that changes dtype, device and flags of all its tensors."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    children: Callable[..., Any]
    parameters: Callable[..., Any]

    def _apply(self, fn: Callable[[Any], Any], recurse: bool = True) -> Any:
        """Replace every tensor by fn of it; parameters stay the same objects and get new data."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        token = enter(current().but(grad=False))
        try:
            for param in self._parameters.values():
                if param is None:
                    continue
                gradient = param.grad
                made = fn(param)
                if made is not param:
                    param.data = made
                if gradient is not None:
                    moved = fn(gradient)
                    param.grad = moved.requires_grad_(gradient.requires_grad)
            for name, buf in self._buffers.items():
                if buf is not None:
                    self._buffers[name] = fn(buf)
        finally:
            leave(token)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Convert in place: `to(device)`, `to(dtype)`, `to(device, dtype)`, `to(tensor)`; returns the module.

        Only floating and complex tensors change dtype.  Raises: ArgumentError for integer dtypes.
        """
        device, dtype, non_blocking = _target(args, kwargs)
        if dtype is not None:
            if not (dtype.is_floating_point or dtype.is_complex):
                raise ArgumentError(
                    f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
                )
            if dtype.is_complex:
                warnings.warn(
                    "Complex modules are a new feature under active development whose design may change, and some "
                    "modules might not work as expected when using complex tensors as parameters or buffers.",
                    stacklevel=2,
                )

        def convert(t: Any) -> Any:
            wanted = dtype if t.is_floating_point() or t.is_complex() else None
            if device is not None and device.type == "meta" and wanted is not None:
                return t.to(device).to(wanted)
            return t.to(device=device, dtype=wanted, non_blocking=non_blocking)

        return self._apply(convert)

    def to_empty(self, *, device: Any, recurse: bool = True) -> Any:
        """Move to a device without copying the elements, which are then uninitialised."""
        return self._apply(lambda t: creation.empty_like(t, device=device), recurse=recurse)

    def cuda(self, device: Any = None) -> Any:
        """Move all tensors to a CUDA device."""
        return self._apply(lambda t: t.cuda(device))

    def cpu(self) -> Any:
        """Move all tensors to the CPU."""
        return self._apply(lambda t: t.cpu())

    def ipu(self, device: Any = None) -> Any:
        """Move all tensors to an IPU."""
        return _elsewhere(self, "ipu", device)

    def xpu(self, device: Any = None) -> Any:
        """Move all tensors to an XPU."""
        return _elsewhere(self, "xpu", device)

    def mtia(self, device: Any = None) -> Any:
        """Move all tensors to an MTIA."""
        return _elsewhere(self, "mtia", device)

    def type(self, dst_type: Any) -> Any:
        """Convert all tensors to a dtype."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self) -> Any:
        """Convert floating tensors to float32."""
        return _cast(self, "float")

    def double(self) -> Any:
        """Convert floating tensors to float64."""
        return _cast(self, "double")

    def half(self) -> Any:
        """Convert floating tensors to float16."""
        return _cast(self, "half")

    def bfloat16(self) -> Any:
        """Convert floating tensors to bfloat16."""
        return _cast(self, "bfloat16")

    def share_memory(self) -> Any:
        """`share_memory_()` of every tensor."""
        return self._apply(lambda t: t.share_memory_())

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Set `requires_grad` of every parameter; returns the module."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with 0."""
        if getattr(self, "_is_replica", False):
            warnings.warn(
                "Calling .zero_grad() from a module created with nn.DataParallel() has no effect.", stacklevel=2
            )
        for p in self.parameters():
            gradient = p.grad
            if gradient is None:
                continue
            if set_to_none:
                p.grad = None
            else:
                if gradient.grad_fn is not None:
                    gradient.detach_()
                else:
                    gradient.requires_grad_(False)
                gradient.zero_()


def _target(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, bool]:
    """Device, dtype and non_blocking of the arguments of `to`."""
    device, dtype = kwargs.pop("device", None), kwargs.pop("dtype", None)
    non_blocking = kwargs.pop("non_blocking", False)
    kwargs.pop("copy", None)
    kwargs.pop("memory_format", None)
    other = kwargs.pop("tensor", None) if "tensor" in kwargs else kwargs.pop("other", None)
    for i, given in enumerate(args):
        if isinstance(given, TensorBase):
            other = given
        elif isinstance(given, dtypes.dtype):
            dtype = given
        elif isinstance(given, bool):
            non_blocking = given
        elif given is not None and i == 0:
            device = given
        elif given is not None:
            raise ArgumentError(f"to() received an invalid combination of arguments: {given!r} at position {i + 1}")
    if kwargs:
        raise ArgumentError(f"to() received an invalid combination of arguments: unknown {sorted(kwargs)}")
    if other is not None:
        device, dtype = other.device, other.dtype
    return None if device is None else devices.as_device(device), dtype, non_blocking


def _elsewhere(module: Any, kind: str, index: Any) -> Any:
    place = kind if index is None else f"{kind}:{index}" if isinstance(index, int) else index
    return module._apply(lambda t: t.to(place))


def _cast(module: Any, method: str) -> Any:
    return module._apply(lambda t: getattr(t, method)() if t.is_floating_point() else t)
