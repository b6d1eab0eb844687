"""`safe_zeros`: gradients of masked, clipped and normed programs without 0 * inf."""

from __future__ import annotations

from typing import Any

from wengert.autograd.grad_mode import _DecoratorContextManager
from wengert.autograd.safe_forward import kept_still
from wengert.autograd.safe_sweep import safe_sweep
from wengert.core.tape.backward import SWEEPER
from wengert.core.tape.duals import AMEND

__all__ = ["safe_zeros"]


class safe_zeros(_DecoratorContextManager):
    """A block in which gradients that are zero by structure stay zero: 0 * inf = 0 there.

    Zero by structure is an entry that nothing depends on: one that `where`, `clamp`, `max`, an index or a mask left
    out, or that is multiplied with a constant 0.  torch multiplies its zero with the slope of what was left out,
    and where that is infinite the gradient is NaN: `where(x > 0, sqrt(x), 0)` at 0.  Inside this block it is 0,
    in first and higher orders, in batches and in forward mode.  So is the gradient of a root of sums of squares
    at 0 (`(x * x).sum().sqrt()`, a deviation of equal values, p-norms), and that of a sum of exponentials to its
    entries of -inf.  A slope that is infinite, and does matter, stays infinite: `sqrt(x)` at 0.

    The block must be open where gradients are computed (`backward`, `grad`, and each of the sweeps of a higher
    order); where values are computed is no matter.  Outside, everything is torch's to the bit.

    Cost: a look for NaN at what each nonlinear rule gives, and what the graph saved is kept until the sweep
    ends; where a NaN came up, about one sweep more.

    >>> x = torch.tensor([0.0, 4.0], requires_grad=True)
    >>> with torch.autograd.safe_zeros():
    ...     torch.where(x > 0, x.sqrt(), x).sum().backward()
    >>> x.grad
    tensor([1.0000, 0.2500])
    """

    def __enter__(self) -> None:
        self.tokens = SWEEPER.set(safe_sweep), AMEND.set(kept_still)

    def __exit__(self, *error: Any) -> None:
        sweeper, amend = self.tokens
        SWEEPER.reset(sweeper)
        AMEND.reset(amend)
