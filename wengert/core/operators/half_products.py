"""Linear layers in half precision by products that read and write 16 bits: no array of float32 but the sums."""

from __future__ import annotations

from typing import Any

import numpy

from wengert.core.arrays.large import LARGE
from wengert.core.operators.record import FIRST, GRADIENT, REGISTRY

__all__ = ["HalfLinear", "install"]

_F32 = numpy.dtype(numpy.float32)


class HalfLinear:
    """input @ weight.T + bias: `body(arguments)` and `rule(index, environment)` give an array, or None."""

    __slots__ = ()

    def body(self, raw: list[Any]) -> Any:
        """The result; None for what is too small, or not right."""
        input, weight, bias = raw if len(raw) == 3 else (*raw, None)
        if input.ndim != 2 or weight.ndim != 2 or input.dtype is not weight.dtype:
            return None
        if bias is not None and (bias.shape != weight.shape[:1] or bias.dtype is not weight.dtype):
            return None
        return LARGE.half_product(input, weight.T, bias)

    def rule(self, index: int, environment: list[Any]) -> Any:
        """The gradient of one of the tensors; that of the bias is summed in float32."""
        g = environment[GRADIENT]
        if index == 2:
            return LARGE.convert(LARGE.rows_sum(LARGE.convert(g, _F32)), g.dtype)
        if index == 1:
            return LARGE.half_product(g.T, environment[FIRST])
        return LARGE.half_product(g, environment[FIRST + 1])


def install() -> None:
    """Put products of half precision behind linear layers."""
    for name in ("linear_bias", "linear_plain"):
        REGISTRY[name].narrow = HalfLinear()
