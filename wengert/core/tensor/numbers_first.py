"""torch's deprecated overloads, in which a factor stands before the tensor that it multiplies.

`x.add_(0.1, y)` for `x.add_(y, alpha=0.1)`, `x.addcdiv_(-0.1, y, z)` for `x.addcdiv_(y, z, value=-0.1)`,
`torch.addmm(0.5, x, 2, y, z)` for `torch.addmm(x, y, z, beta=0.5, alpha=2)`: programs of torch's first years.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from wengert.core.operators.record import Op
from wengert.core.tape.core import TensorBase

ONE_FACTOR = {"add": "alpha", "sub": "alpha", "addcmul": "value", "addcdiv": "value"}
"""Operators with one factor, and its name."""
TWO_FACTORS = {"addmm", "addmv", "addr", "addbmm", "baddbmm"}
"""Operators with `beta` before the first tensor and perhaps `alpha` behind it."""
NUMBERS = (bool, int, float, complex)
_warned: list[str] = []


def takes_numbers_first(op: Op) -> bool:
    """Whether torch has such an overload of an operator."""
    return op.name in ONE_FACTOR or op.name in TWO_FACTORS


def with_numbers_first(call: Callable[..., Any], op: Op, name: str) -> Callable[..., Any]:
    """A function that takes its deprecated overload too."""
    translate = one_factor if op.name in ONE_FACTOR else two_factors

    def relayed(*args: Any, **kwargs: Any) -> Any:
        if len(args) > 2 and (isinstance(args[1], NUMBERS) or isinstance(args[0], NUMBERS)):
            found = translate(op, args)
            if found is not None:
                warn(name)
                args, kwargs = found[0], {**found[1], **kwargs}
        return call(*args, **kwargs)

    relayed.__name__ = relayed.__qualname__ = call.__name__
    relayed.__doc__ = call.__doc__
    relayed.op = op  # type: ignore[attr-defined]
    return relayed


def one_factor(op: Op, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """(x, factor, tensors...) as (x, tensors...) and the factor by its name."""
    first, factor, *tensors = args
    if not isinstance(first, TensorBase) or not all(isinstance(x, TensorBase) for x in tensors):
        return None
    return (first, *tensors), {ONE_FACTOR[op.name]: factor}


def two_factors(op: Op, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """beta and alpha by their names; a method's tensor stands first, a function's behind beta."""
    tensors = tuple([x for x in args if isinstance(x, TensorBase)])
    factors = [x for x in args if isinstance(x, NUMBERS)]
    if len(tensors) != 3 or len(tensors) + len(factors) != len(args) or not 1 <= len(factors) <= 2:
        return None
    return tensors, dict(zip(("beta", "alpha"), factors, strict=False))


def warn(name: str) -> None:
    """Say once that the overload is deprecated."""
    if not _warned:
        _warned.append(name)
        warnings.warn(
            f"This overload of {name} is deprecated: give the number by its name (alpha, beta or value), behind the "
            "tensors",
            UserWarning,
            stacklevel=3,
        )


__all__ = ["takes_numbers_first", "with_numbers_first"]
