"""Tensors without data: the device "meta" has them; torch's own class for them is only a name."""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import MissingError
from wengert.core.tensor.tensor import Tensor


class FakeTensor(Tensor):
    """torch's tensors without data, for isinstance; no tensor is one."""


class FakeTensorMode:
    """torch's block in which tensors have no data.

    Raises: MissingError when it is made: use the device "meta".
    """

    def __init__(self, **options: Any) -> None:
        raise MissingError('FakeTensorMode is not available: make tensors on the device "meta", which have no data')


def is_fake(x: object) -> bool:
    """False."""
    return False


__all__ = ["FakeTensor", "FakeTensorMode", "is_fake"]
