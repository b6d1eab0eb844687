"""Functions of neural networks (`torch.nn.functional`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.tensor.methods import SPACES as _SPACES

_ACTIVATIONS = (
    "relu", "hardtanh", "relu6", "leaky_relu", "rrelu", "threshold", "silu", "mish", "elu", "celu", "selu",
    "hardsigmoid", "hardswish",
)  # fmt: skip


def _choosing(function: Callable[..., Any], writing: Callable[..., Any]) -> Callable[..., Any]:
    """An activation with the last argument `inplace` that modules pass on: True stores the result in the input."""
    places = function.op.positional  # type: ignore[attr-defined]

    def call(*args: Any, inplace: bool = False, **kwargs: Any) -> Any:
        if len(args) == places + 1:
            args, inplace = args[:places], args[places]
        return writing(*args, **kwargs) if inplace else function(*args, **kwargs)

    call.__name__ = call.__qualname__ = function.__name__
    call.__doc__ = function.__doc__
    call.op = function.op  # type: ignore[attr-defined]
    return call


globals().update(_SPACES["nn"])
globals().update(
    {
        name: _choosing(_SPACES["nn"][name], _SPACES["nn"].get(name + "_") or _SPACES[""][name + "_"])
        for name in _ACTIVATIONS
    }
)

__all__ = [*_SPACES["nn"]]  # noqa: PLE0604
