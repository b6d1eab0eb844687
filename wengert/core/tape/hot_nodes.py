"""Nodes of the hottest operators: each is its record's rule again, laid out flat for raw arrays.

Tests prove them equal to the records; recorded sweeps run the records' own rules.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.tape.core import Node, OpNode, check_version, freed_error

_dot, _sum = np.dot, np.add.reduce
_NONE2 = (None, None)


SMALL = 4096
"""Below this size a gradient is written out, above it is broadcast without memory."""


def filled(shape: Any, value: Any) -> Any:
    """`value` (0-d) at every place of `shape`."""
    size = 1
    for n in shape:
        size *= n
    if size > SMALL:
        return np.broadcast_to(value, shape)
    out = np.empty(shape, value.dtype)
    out.fill(value)
    return out


class MulBackward0(Node):
    """a * b."""

    __slots__ = ()
    args = _NONE2

    def vjp(self, g: Any) -> Any:
        saved = self.saved
        if saved is None:
            raise freed_error(self)
        a, b = saved
        ga = gb = None
        if b is not None:
            if b._vc is not None:
                check_version(self, 1)
            ga = g * b._array
        if a is not None:
            if a._vc is not None:
                check_version(self, 0)
            gb = g * a._array
        return ga, gb


class AddBackward0(Node):
    """a + b."""

    __slots__ = ()
    args = (None, None, 1)

    def vjp(self, g: Any) -> Any:
        return g, g


class SubBackward0(Node):
    """a - b."""

    __slots__ = ()
    args = (None, None, 1)

    def vjp(self, g: Any) -> Any:
        return g, -g if self.inputs[1] is not None else None


class DivBackward0(Node):
    """a / b."""

    __slots__ = ()
    args = (None, None, None)

    def vjp(self, g: Any) -> Any:
        saved = self.saved
        if saved is None:
            raise freed_error(self)
        a, b = saved
        if b._vc is not None:
            check_version(self, 1)
        y = b._array
        ga = g / y
        if a is None:
            return ga, None
        if a._vc is not None:
            check_version(self, 0)
        return ga, -ga * (a._array / y)


class MulNumber(OpNode):
    """a * number."""

    __slots__ = ()

    def vjp(self, g: Any) -> Any:
        return (g * self.args[1],)


class AddNumber(OpNode):
    """a + number, a - number."""

    __slots__ = ()

    def vjp(self, g: Any) -> Any:
        return (g,)


class DivNumber(OpNode):
    """a / number."""

    __slots__ = ()

    def vjp(self, g: Any) -> Any:
        return (g / self.args[1],)


class NegBackward0(Node):
    """-a."""

    __slots__ = ()
    args = (None,)

    def vjp(self, g: Any) -> Any:
        return (-g,)


class MmBackward0(Node):
    """Product of two matrices."""

    __slots__ = ()
    args = _NONE2

    def vjp(self, g: Any) -> Any:
        saved = self.saved
        if saved is None:
            raise freed_error(self)
        a, b = saved
        ga = gb = None
        if b is not None:
            if b._vc is not None:
                check_version(self, 1)
            ga = _dot(g, b._array.T)
        if a is not None:
            if a._vc is not None:
                check_version(self, 0)
            gb = _dot(a._array.T, g)
        return ga, gb


class LinearBias(Node):
    """Product of a matrix with a transposed one, plus a vector."""

    __slots__ = ()
    args = (None, None, None)

    def vjp(self, g: Any) -> Any:
        saved = self.saved
        if saved is None:
            raise freed_error(self)
        a, w = saved
        inputs = self.inputs
        ga = gw = None
        if inputs[0] is not None:
            if w._vc is not None:
                check_version(self, 1)
            ga = _dot(g, w._array)
        if inputs[1] is not None:
            if a._vc is not None:
                check_version(self, 0)
            gw = _dot(g.T, a._array)
        return ga, gw, None if inputs[2] is None else _sum(g, 0)


LinearBias.__name__ = LinearBias.__qualname__ = "AddmmBackward0"


class TanhBackward0(Node):
    """tanh a."""

    __slots__ = ()
    args = (None,)

    def vjp(self, g: Any) -> Any:
        saved = self.saved
        if saved is None:
            raise freed_error(self)
        kept = saved[0]
        if kept._vc is not None and kept._vc.n != kept.version:
            check_version(self, 0)
        out = kept._array
        return (g * (1.0 - out * out),)


class ExpBackward0(Node):
    """e^a."""

    __slots__ = ()
    args = (None,)

    def vjp(self, g: Any) -> Any:
        saved = self.saved
        if saved is None:
            raise freed_error(self)
        kept = saved[0]
        if kept._vc is not None and kept._vc.n != kept.version:
            check_version(self, 0)
        return (g * kept._array,)


class ReluBackward0(Node):
    """max(a, 0)."""

    __slots__ = ()
    args = (None,)

    def vjp(self, g: Any) -> Any:
        saved = self.saved
        if saved is None:
            raise freed_error(self)
        kept = saved[0]
        if kept._vc is not None and kept._vc.n != kept.version:
            check_version(self, 0)
        # where, not a product: the gradient of a masked inf or nan is 0
        return (np.where(kept._array <= 0, g.dtype.type(0), g),)


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


class SubNumber(AddNumber):
    """a - number."""

    __slots__ = ()


class PowBackward0(OpNode):
    """a ** number; `at` is where the record keeps the base among `width` saved values (set by install)."""

    __slots__ = ()
    at = 0
    width = 1

    def vjp(self, g: Any) -> Any:
        saved = self.saved
        if saved is None:
            raise freed_error(self)
        a = saved[1]
        if a._vc is not None:
            check_version(self, 1)
        n = self.args[1]
        x = a._array
        if n == 2:
            return (g * (x + x),)
        return (g * (n * x ** (n - 1)) if n else g * 0.0,)


HOT = {
    "mul": (MulBackward0, MulNumber),
    "add": (AddBackward0, AddNumber),
    "sub": (SubBackward0, SubNumber),
    "div": (DivBackward0, DivNumber),
    "neg": (NegBackward0,),
    "mm": (MmBackward0,),
    "tanh": (TanhBackward0,),
    "exp": (ExpBackward0,),
    "relu": (ReluBackward0,),
    "sum": (SumBackward0,),
    "mean": (MeanBackward0,),
    "pow": (PowBackward0,),
    "linear_bias": (LinearBias,),
    "t": (TBackward0,),
}
"""Operator name -> its typed nodes; dispatch gives each node class its record."""

for _classes in HOT.values():
    for _class in _classes[1:]:
        _class.__name__ = _class.__qualname__ = _classes[0].__name__
del _classes, _class
