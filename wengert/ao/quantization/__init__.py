"""Quantization (`torch.ao.quantization`): layers that mark where it would begin and end work, the rest says no."""

from __future__ import annotations

from typing import Any, NoReturn

from wengert.core.base.errors import MissingError
from wengert.nn.modules.module import Module


class QuantStub(Module):
    """Where quantization would begin: its input."""

    def __init__(self, qconfig: Any = None) -> None:
        super().__init__()
        self.qconfig = qconfig

    def forward(self, x: Any) -> Any:
        """The input itself."""
        return x


class DeQuantStub(QuantStub):
    """Where quantization would end: its input."""


class QuantWrapper(Module):
    """A module between a QuantStub and a DeQuantStub."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.quant, self.module, self.dequant = QuantStub(), module, DeQuantStub()

    def forward(self, x: Any) -> Any:
        """What the module gives."""
        return self.dequant(self.module(self.quant(x)))


class ObserverBase(Module):
    """Base class of modules that watch ranges, for isinstance."""

    def __init__(self, dtype: Any = None, is_dynamic: bool = False) -> None:
        super().__init__()
        self.dtype, self.is_dynamic = dtype, is_dynamic


class FakeQuantizeBase(Module):
    """Base class of modules that round as quantization would, for isinstance."""


def refused(name: str) -> Any:
    """A function that is not available.

    Raises: MissingError when it is called.
    """

    def call(*args: Any, **kwargs: Any) -> NoReturn:
        raise MissingError(f"torch.ao.quantization.{name} is not available: Wengert computes in floating point only")

    call.__name__ = name
    return call


prepare, prepare_qat, convert = refused("prepare"), refused("prepare_qat"), refused("convert")
quantize, quantize_dynamic, quantize_qat = refused("quantize"), refused("quantize_dynamic"), refused("quantize_qat")
fuse_modules, fuse_modules_qat = refused("fuse_modules"), refused("fuse_modules_qat")
get_default_qconfig, get_default_qat_qconfig = refused("get_default_qconfig"), refused("get_default_qat_qconfig")

__all__ = [
    "DeQuantStub", "FakeQuantizeBase", "ObserverBase", "QuantStub", "QuantWrapper", "convert", "fuse_modules",
    "fuse_modules_qat", "get_default_qat_qconfig", "get_default_qconfig", "prepare", "prepare_qat", "quantize",
    "quantize_dynamic", "quantize_qat",
]  # fmt: skip
