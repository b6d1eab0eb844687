"""Parameters as one vector and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wengert.core.base.errors import ArgumentError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import TensorBase

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Any]) -> Any:
    """All elements of the parameters in one vector, in order."""
    return m.cat([p.view(-1) for p in parameters])


def vector_to_parameters(vec: Any, parameters: Iterable[Any]) -> None:
    """Give each parameter its stretch of a vector as data (sharing memory)."""
    if not isinstance(vec, TensorBase):
        raise ArgumentError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    start = 0
    for p in parameters:
        count = p.numel()
        p.data = vec[start : start + count].view_as(p).data  # type: ignore[index]
        start += count
