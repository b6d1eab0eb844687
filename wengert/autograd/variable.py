"""`Variable`: the old name of a tensor that records."""

from __future__ import annotations

import warnings
from typing import Any

from wengert.autograd.engine import ImperativeEngine
from wengert.core.base.errors import ArgumentError, GraphError
from wengert.core.tape.core import TensorBase
from wengert.core.tensor.tensor import Tensor

__all__ = ["Variable"]


class VariableMeta(type):
    """Every tensor is an instance of Variable."""

    def __instancecheck__(cls, other: Any) -> bool:
        return isinstance(other, TensorBase)


class Variable(metaclass=VariableMeta):
    """`Variable(data, requires_grad=False)` is a tensor over the memory of `data`."""

    _execution_engine = ImperativeEngine()

    def __new__(cls, data: Any = None, requires_grad: bool = False, volatile: bool = False) -> Any:
        if volatile:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.",
                UserWarning,
                stacklevel=2,
            )
        if data is not None and not isinstance(data, TensorBase):
            raise ArgumentError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        made: Any = Tensor() if data is None else data.detach()  # type: ignore[attr-defined]
        if requires_grad and not (made.is_floating_point() or made.is_complex()):
            raise GraphError(
                f"Only Tensors of floating point and complex dtype can require gradients; these data are {made.dtype}"
            )
        if requires_grad:
            made.requires_grad_()
        return made
