"""`Variable`: the old name of a tensor that records."""

from __future__ import annotations

import warnings
from typing import Any

from wengert.core.tape.core import TensorBase
from wengert.core.tensor.tensor import Tensor

__all__ = ["Variable"]


class VariableMeta(type):
    """Every tensor is an instance of Variable."""

    def __instancecheck__(cls, other: Any) -> bool:
        return isinstance(other, TensorBase)


class Variable(metaclass=VariableMeta):
    """`Variable(data, requires_grad=False)` is a tensor over the memory of `data`."""

    def __new__(cls, data: Any = None, requires_grad: bool = False, volatile: bool = False) -> Any:
        if volatile:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.",
                UserWarning,
                stacklevel=2,
            )
        made = Tensor() if data is None else data.detach()
        return made.requires_grad_() if requires_grad else made
