"""ONNX files (`torch.onnx`): what programs ask, and what writing one would need."""

from __future__ import annotations

import enum
from typing import Any, NoReturn

from wengert.core.base.errors import MissingError
from wengert.core.base.submodules import on_demand

producer_name = "pytorch"


class TrainingMode(enum.Enum):
    """Which mode a module is exported in."""

    EVAL = 0
    PRESERVE = 1
    TRAINING = 2


class OperatorExportTypes(enum.Enum):
    """What becomes of operators that ONNX does not know."""

    ONNX = 0
    ONNX_ATEN = 1
    ONNX_ATEN_FALLBACK = 2
    ONNX_FALLTHROUGH = 3


class OnnxExporterError(MissingError):
    """Raised when a module cannot be written as an ONNX file."""


def is_in_onnx_export() -> bool:
    """False: programs run, they are not exported."""
    return False


def export(*args: Any, **kwargs: Any) -> NoReturn:
    """Writing ONNX files is not there.

    Raises: OnnxExporterError, which names what to do instead.
    """
    raise OnnxExporterError(
        "torch.onnx.export is not available: Wengert runs programs and does not write ONNX files. Save the weights "
        "with torch.save(model.state_dict(), path) and export them where torch and the package onnx are installed"
    )


def register_custom_op_symbolic(*args: Any, **kwargs: Any) -> None:
    """Accepted: nothing is exported, so nothing is translated."""


def unregister_custom_op_symbolic(*args: Any, **kwargs: Any) -> None:
    """Accepted: see `register_custom_op_symbolic`."""


__all__ = [
    "OnnxExporterError", "OperatorExportTypes", "TrainingMode", "export", "is_in_onnx_export",
    "register_custom_op_symbolic", "unregister_custom_op_symbolic",
]  # fmt: skip

__getattr__ = on_demand(__name__)
