"""Forward mode: dual numbers.  A dual tensor carries a tangent, and every operator carries it on.

>>> with dual_level():
...     y = f(make_dual(x, v))
...     unpack_dual(y).tangent            # J v, J the Jacobian of f at x

Tangents can be recorded (reverse over forward), and gradients taken inside a level have tangents
(forward over reverse).
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, NamedTuple

from wengert.autograd.grad_mode import _DecoratorContextManager
from wengert.core.base.errors import ArgumentError, GraphError, ValueRangeError
from wengert.core.tape import duals, transforms
from wengert.core.tape.core import TensorBase
from wengert.core.tape.levels import Level, close_level, open_level

__all__ = [
    "UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual",
]  # fmt: skip

_entered: ContextVar[tuple[Any, ...]] = ContextVar("wengert_dual_levels", default=())
transforms.connect()


def __getattr__(name: str) -> Any:
    """`_current_level`: the number of the open level, -1 outside of any."""
    if name == "_current_level":
        return len(_entered.get()) - 1
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` gives: the primal, and the tangent or None."""

    primal: Any
    tangent: Any


def enter_dual_level() -> int:
    """Open the level at which duals are made; returns its number, 0.

    Raises: GraphError inside another level.
    """
    if _entered.get():
        raise GraphError(
            "Nested forward mode AD is not supported at the moment: one dual_level() is open already. Nest "
            "torch.func.jvp instead."
        )
    level = Level()
    _entered.set((level,))
    open_level(level, False)
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """End the level; its tangents are gone.

    Raises: GraphError where none is open.
    """
    found = _entered.get()
    if level is None and not found or level == -1 and not found:
        raise GraphError("Dual level must be a positive number.")
    if level is not None and level != len(found) - 1:
        raise GraphError(
            "Trying to exit a forward AD level that was not the last one that was created. This is not supported."
        )
    close_level(found[-1])
    _entered.set(found[:-1])


class dual_level(_DecoratorContextManager):
    """The context in which duals live: `with dual_level():`."""

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *error: Any) -> None:
        exit_dual_level()


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """A dual tensor over the memory of `tensor` that moves along `tangent` (same shape, kept as it is).

    Raises: GraphError without an open level, or for a tensor that has a tangent already; ValueRangeError for
    integer dtypes; ShapeError.
    """
    found = _entered.get()
    if not found:
        raise GraphError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    if level is not None and level != len(found) - 1:
        raise GraphError(f"Invalid level given to _make_dual: {level}, while the level that is open is 0")
    for what, x in (("primal", tensor), ("tangent", tangent)):
        if not (x.is_floating_point() or x.is_complex()):
            raise ValueRangeError(f"Expected {what} to be floating point or complex, but got: {x.dtype}")
    return duals.make_dual(tensor, tangent, found[-1])


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """The primal and the tangent (None for what does not move, and outside any level) of a tensor."""
    found = _entered.get()
    if not found:
        return UnpackedDualTensor(tensor, None)
    if not isinstance(tensor, TensorBase):
        raise ArgumentError(f"_unpack_dual(): argument 'dual' (position 1) must be Tensor, not {type(tensor).__name__}")
    if level is not None and level != len(found) - 1:
        raise GraphError(f"Invalid level given to _fw_primal: {level}, while the level that is open is 0")
    return UnpackedDualTensor(*duals.unpacked(tensor, found[-1]))


class _set_fwd_grad_enabled(_DecoratorContextManager):
    """Whether operators carry tangents on: at once, and as a context until its end."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self.token = duals.ENABLED.set(mode)

    def __enter__(self) -> None:
        duals.ENABLED.set(self.mode)

    def __exit__(self, *error: Any) -> None:
        duals.ENABLED.reset(self.token)

    def clone(self) -> Any:
        """The same context again."""
        return type(self)(self.mode)


def _is_fwd_grad_enabled() -> bool:
    """Whether operators carry tangents on."""
    return duals.ENABLED.get()
