"""Padding as layers: with a constant, zeros, reflected, replicated or circular."""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import ValueRangeError
from wengert.nn import functional_padding as F
from wengert.nn.modules.module import Module


class _Pad(Module):
    """What the layers share: pad `(before, after)` of each of the last `_dims` dims, the last one first."""

    _dims = 1
    _mode = "constant"
    __constants__ = ["padding"]

    def __init__(self, padding: Any) -> None:
        super().__init__()
        count = 2 * self._dims
        self.padding = tuple(padding) if hasattr(padding, "__iter__") else (padding,) * count

    def forward(self, input: Any) -> Any:
        """Apply it."""
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        """The padding."""
        return f"{self.padding}"


class _CircularPadNd(_Pad):
    _mode = "circular"

    def _check_input_dim(self, input: Any) -> None:
        low, high = self._dims + 1, self._dims + 2
        if input.dim() not in (low, high):
            raise ValueRangeError(f"expected {low}D or {high}D input (got {input.dim()}D input)")

    def forward(self, input: Any) -> Any:
        """Apply it."""
        self._check_input_dim(input)
        return F.pad(input, self.padding, "circular")


class _ConstantPadNd(_Pad):
    __constants__ = ["padding", "value"]

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Any) -> Any:
        """Apply it."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """The padding and the value."""
        return f"padding={self.padding}, value={self.value}"


class _ReflectionPadNd(_Pad):
    _mode = "reflect"


class _ReplicationPadNd(_Pad):
    _mode = "replicate"


def _zeros(base: Any, dims: int) -> type:
    """The layer that pads with zeros."""

    def construct(self: Any, padding: Any) -> None:
        base.__init__(self, padding, 0.0)

    def text(self: Any) -> str:
        return f"{self.padding}"

    space = {"__init__": construct, "extra_repr": text, "__module__": __name__}
    return type(f"ZeroPad{dims}d", (base,), {**space, "__doc__": f"Pads the last {dims} dims with zeros."})


def _layer(base: type, kind: str, dims: int, what: str) -> type:
    space = {"_dims": dims, "__module__": __name__, "__doc__": f"Pads the last {dims} dims {what}."}
    return type(f"{kind}Pad{dims}d", (base,), space)


CircularPad1d, CircularPad2d, CircularPad3d = (
    _layer(_CircularPadNd, "Circular", n, "with the elements of the other end") for n in (1, 2, 3)
)
ConstantPad1d, ConstantPad2d, ConstantPad3d = (_layer(_ConstantPadNd, "Constant", n, "with `value`") for n in (1, 2, 3))
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = (
    _layer(_ReflectionPadNd, "Reflection", n, "with their elements mirrored at the edge, without it") for n in (1, 2, 3)
)
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = (
    _layer(_ReplicationPadNd, "Replication", n, "with the element at the edge") for n in (1, 2, 3)
)
ZeroPad1d, ZeroPad2d, ZeroPad3d = (
    _zeros(base, n) for n, base in enumerate((ConstantPad1d, ConstantPad2d, ConstantPad3d), 1)
)

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d",
    "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d",
    "ReplicationPad3d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
]  # fmt: skip
