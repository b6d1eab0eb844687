# cython: annotation_typing=False
"""Nodes of the hottest operators: each is its record's rule again, laid out flat for raw arrays.

Tests prove them equal to the records; recorded sweeps run the records' own rules.
An operator between a tensor and a number has the same node with one input; the number is in `args`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays.powers import power_slope
from wengert.core.base import uncompiled as cython
from wengert.core.tape.core import Node, OpNode, check_version, freed_error

if cython.compiled:
    from cython.cimports.wengert.core.arrays.small import (
        add,
        divide,
        dot,
        dot_left,
        dot_right,
        filled,
        multiply,
        negative,
        relu_slope,
        rows_sum,
        tanh_slope,
    )
else:
    from wengert.core.arrays.small import (
        add,
        divide,
        dot,
        dot_left,
        dot_right,
        filled,
        multiply,
        negative,
        relu_slope,
        rows_sum,
        tanh_slope,
    )

_NONE2 = (None, None)


class MulBackward0(Node):
    """a * b."""

    __slots__ = ("args",)

    def vjp(self, g: Any) -> Any:
        saved = self._saved
        if saved is None:
            raise freed_error(self)
        a, b = saved
        ga = gb = None
        if b is not None:
            if b._vc is not None:
                check_version(self, 1)
            ga = multiply(g, b._array)
        if a is not None:
            if a._vc is not None:
                check_version(self, 0)
            gb = multiply(g, a._array)
        elif b is None:
            ga = multiply(g, self.args[1])
        return ga, gb


class AddBackward0(Node):
    """a + b."""

    __slots__ = ("args",)

    def vjp(self, g: Any) -> Any:
        return g, g


class SubBackward0(Node):
    """a - b."""

    __slots__ = ("args",)

    def vjp(self, g: Any) -> Any:
        inputs = self._inputs
        return g, negative(g) if len(inputs) == 2 and inputs[1] is not None else None


class DivBackward0(Node):
    """a / b."""

    __slots__ = ("args",)

    def vjp(self, g: Any) -> Any:
        saved = self._saved
        if saved is None:
            raise freed_error(self)
        a, b = saved
        if b is None:
            return divide(g, self.args[1]), None
        if b._vc is not None:
            check_version(self, 1)
        y = b._array
        ga = divide(g, y)
        if a is None:
            return ga, None
        if a._vc is not None:
            check_version(self, 0)
        return ga, negative(multiply(ga, divide(a._array, y)))


class NegBackward0(Node):
    """-a."""

    __slots__ = ()
    args = (None,)

    def vjp(self, g: Any) -> Any:
        return (negative(g),)


class MmBackward0(Node):
    """Product of two matrices."""

    __slots__ = ()
    args = _NONE2

    def vjp(self, g: Any) -> Any:
        saved = self._saved
        if saved is None:
            raise freed_error(self)
        a, b = saved
        ga = gb = None
        if b is not None:
            if b._vc is not None:
                check_version(self, 1)
            ga = dot_right(g, b._array)
        if a is not None:
            if a._vc is not None:
                check_version(self, 0)
            gb = dot_left(a._array, g)
        return ga, gb


class AddmmBackward0(Node):
    """Product of a matrix with a transposed one, plus a vector: `linear_bias`."""

    __slots__ = ()
    args = (None, None, None)

    def vjp(self, g: Any) -> Any:
        saved = self._saved
        if saved is None:
            raise freed_error(self)
        a, w = saved
        inputs = self._inputs
        ga = gw = None
        if inputs[0] is not None:
            if w._vc is not None:
                check_version(self, 1)
            ga = dot(g, w._array)
        if inputs[1] is not None:
            if a._vc is not None:
                check_version(self, 0)
            gw = dot_left(g, a._array)
        return ga, gw, None if inputs[2] is None else rows_sum(g)


class TanhBackward0(Node):
    """tanh a."""

    __slots__ = ()
    args = (None,)

    def vjp(self, g: Any) -> Any:
        saved = self._saved
        if saved is None:
            raise freed_error(self)
        kept = saved[0]
        if kept._vc is not None and kept._vc.n != kept.version:
            check_version(self, 0)
        return (tanh_slope(g, kept._array),)


class ExpBackward0(Node):
    """e^a."""

    __slots__ = ()
    args = (None,)

    def vjp(self, g: Any) -> Any:
        saved = self._saved
        if saved is None:
            raise freed_error(self)
        kept = saved[0]
        if kept._vc is not None and kept._vc.n != kept.version:
            check_version(self, 0)
        return (multiply(g, kept._array),)


class ReluBackward0(Node):
    """max(a, 0)."""

    __slots__ = ()
    args = (None,)

    def vjp(self, g: Any) -> Any:
        saved = self._saved
        if saved is None:
            raise freed_error(self)
        kept = saved[0]
        if kept._vc is not None and kept._vc.n != kept.version:
            check_version(self, 0)
        return (relu_slope(g, kept._array),)


class SumBackward0(OpNode):
    """Sum of all elements."""

    __slots__ = ()

    def vjp(self, g: Any) -> Any:
        return (filled(self.shape, g),)


class MeanBackward0(OpNode):
    """Mean of all elements."""

    __slots__ = ()

    def vjp(self, g: Any) -> Any:
        size = 1
        for n in self.shape:
            size *= n
        return (filled(self.shape, g / size),)


class TBackward0(Node):
    """Transpose of a matrix."""

    __slots__ = ()
    args = (None,)

    def vjp(self, g: Any) -> Any:
        return (g.T,)


class PowBackward0(OpNode):
    """a ** number."""

    __slots__ = ()

    def vjp(self, g: Any) -> Any:
        saved = self._saved
        if saved is None:
            raise freed_error(self)
        a = saved[1]
        if a._vc is not None:
            check_version(self, 1)
        n = self.args[1]
        x = a._array
        if n == 2:
            return (multiply(g, add(x, x)),)
        return (power_slope(np, g, x, n),)


HOT = {
    "mul": MulBackward0,
    "add": AddBackward0,
    "sub": SubBackward0,
    "div": DivBackward0,
    "neg": NegBackward0,
    "mm": MmBackward0,
    "tanh": TanhBackward0,
    "exp": ExpBackward0,
    "relu": ReluBackward0,
    "sum": SumBackward0,
    "mean": MeanBackward0,
    "pow": PowBackward0,
    "linear_bias": AddmmBackward0,
    "t": TBackward0,
}
"""Operator name -> its typed node."""
