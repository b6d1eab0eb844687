"""Attention's implementations and its programmable form (`torch.nn.attention`)."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager

from wengert.nn.attention import flex_attention


class SDPBackend(enum.IntEnum):
    """Implementations that torch chooses among in `scaled_dot_product_attention`; here one serves for all."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4

    __str__ = enum.Enum.__str__


@contextmanager
def sdpa_kernel(backends: SDPBackend | list[SDPBackend], set_priority: bool = False) -> Iterator[None]:
    """A block that allows some implementations; values do not depend on it.

    Raises: AssertionError for backends that are neither a SDPBackend nor a list of them.
    """
    if not isinstance(backends, (list, SDPBackend)):
        raise AssertionError("Backend must be an instance of SDPBackend or a list of SDPBackend instances")
    yield


__all__ = ["SDPBackend", "flex_attention", "sdpa_kernel"]
