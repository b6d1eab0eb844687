"""The arithmetic in which update rules are written, on tensors; blocks.py has the same on flat NumPy arrays.

A rule is one function `rule(m, p, g, *state, *coefficients)` for one parameter; `m` is the
namespace it computes in.  A name with a trailing underscore writes its first argument (a
parameter or state), the others return a temporary.  `x` and `y` are of the namespace; `c`,
`alpha`, `value` are numbers, or 0-d tensors where the step is recorded.

=================  =====================================================================
TENSORS            any device, dtype and layout; recorded if recording is on
RECORDED_STEP      the same, keeping copies of state that backward will need
blocks.ArrayForms  float32/float64 on the CPU, into memory kept between steps
=================  =====================================================================

Note [One order of rounding]: every operation of ArrayForms rounds where the tensor operation of the
same name rounds: `addcmul` is x + (value * a) * b, `addcdiv` is x + (value * a) / b, `lerp` is
x + w (y - x) below w = 1/2 and y - (y - x)(1 - w) from there.
"""

from __future__ import annotations

from typing import Any

from wengert.core.tape.core import RECORDED, TensorBase

__all__ = ["RECORDED_STEP", "TENSORS"]


class TensorForms:
    """The arithmetic on tensors, by their public methods."""

    def kept(self, x: Any) -> Any:
        """x as an operand that may be saved."""
        return x

    def constant(self, x: Any) -> Any:
        """x, through which no derivative goes."""
        return x

    def mul_(self, x: Any, c: Any) -> Any:
        """x = c x."""
        return x.mul_(c)

    def add_(self, x: Any, y: Any, alpha: Any = 1) -> Any:
        """x = x + alpha y."""
        return x.add_(y * alpha) if isinstance(alpha, TensorBase) else x.add_(y, alpha=alpha)

    def lerp_(self, x: Any, y: Any, w: Any) -> Any:
        """x = x + w (y - x)."""
        return x.lerp_(y, w)

    def addcmul_(self, x: Any, a: Any, b: Any, value: Any = 1) -> Any:
        """x = x + value a b."""
        if isinstance(value, TensorBase):
            return x.addcmul_(a * value, self.kept(b))
        return x.addcmul_(self.kept(a), self.kept(b), value=value)

    def addcdiv_(self, x: Any, a: Any, b: Any, value: Any = 1) -> Any:
        """x = x + value a / b."""
        if isinstance(value, TensorBase):
            return x.addcdiv_(self.kept(a) * value, self.kept(b))
        return x.addcdiv_(self.kept(a), self.kept(b), value=value)

    def maximum_(self, x: Any, y: Any) -> Any:
        """x = max(x, y)."""
        return x.copy_(RECORDED.maximum(self.kept(x), self.kept(y)))

    def copy_(self, x: Any, y: Any) -> Any:
        """x = y."""
        return x.copy_(y)

    def mul(self, x: Any, c: Any) -> Any:
        """c x, or x y."""
        return self.kept(x) * c

    def div(self, x: Any, y: Any) -> Any:
        """x / y; either may be a number."""
        return x / y

    def add(self, x: Any, y: Any, alpha: Any = 1) -> Any:
        """x + alpha y."""
        if isinstance(alpha, TensorBase):
            return x + self.kept(y) * alpha
        return x + y if alpha == 1 else x.add(y, alpha=alpha)

    def addcmul(self, x: Any, a: Any, b: Any, value: Any) -> Any:
        """x + value a b."""
        return x.addcmul(self.kept(a), self.kept(b), value=value)

    def lerp(self, x: Any, y: Any, w: Any) -> Any:
        """x + w (y - x)."""
        return x.lerp(y, w)

    def sqrt(self, x: Any) -> Any:
        """Square root."""
        return self.kept(x).sqrt()

    def abs(self, x: Any) -> Any:
        """Absolute value."""
        return x.abs()

    def sign(self, x: Any) -> Any:
        """-1, 0 or 1."""
        return x.sign()

    def clamp(self, x: Any, low: float, high: float) -> Any:
        """x within [low, high]."""
        return x.clamp(low, high)

    def choice(self, s: Any, positive: float, negative: float) -> Any:
        """Per element of a sign s: `positive`, `negative`, or 1 where it is 0."""
        return s.masked_fill(s.gt(0), positive).masked_fill(s.lt(0), negative).masked_fill(s.eq(0), 1)

    def unless_negative(self, x: Any, s: Any) -> Any:
        """x, 0 where s < 0."""
        return x.masked_fill(s.lt(0), 0)


class RecordedForms(TensorForms):
    """The arithmetic of a differentiable step: the next one overwrites state that this one's backward needs."""

    def kept(self, x: Any) -> Any:
        """x as an operand that may be saved: a copy, with its history."""
        return x.clone()

    def constant(self, x: Any) -> Any:
        """x without its history."""
        return x.detach()


TENSORS, RECORDED_STEP = TensorForms(), RecordedForms()
