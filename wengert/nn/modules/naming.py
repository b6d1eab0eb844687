"""The layer in an error's message: which one it was, how it is configured and what it was given."""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import ArgumentError, WengertError
from wengert.core.tape.core import TensorBase

_TOLD = "\nIn "
_OURS = __name__.rpartition(".")[0]
_FUNCTIONS = (
    "adaptive_avg_pool1d", "adaptive_max_pool1d", "alpha_dropout", "avg_pool1d", "avg_pool2d", "avg_pool3d", "celu",
    "channel_shuffle", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "cross_entropy_loss", "dropout", "elu", "embedding", "feature_alpha_dropout", "gelu", "hardshrink", "hardsigmoid",
    "hardswish", "hardtanh", "hinge_embedding_loss", "layer_norm", "leaky_relu", "linear", "log_sigmoid", "max_pool1d",
    "max_pool2d", "max_pool3d", "mish", "multi_margin_loss", "pixel_shuffle", "pixel_unshuffle", "poisson_nll_loss",
    "prelu", "relu", "rms_norm", "rrelu", "selu", "sigmoid", "silu", "soft_margin_loss", "softplus", "softshrink",
    "tanh", "threshold",
)  # fmt: skip
_BEHIND = {name.replace("_", ""): name for name in _FUNCTIONS} | {
    "fold": "col2im", "kldivloss": "kl_div", "nllloss": "nll_loss_nd", "relu6": "hardtanh", "unfold": "im2col"
}  # fmt: skip
"""Layer, in small letters -> the function that torch names where its argument is no tensor."""


def name_layer(error: Exception, module: Any, args: tuple[Any, ...]) -> None:
    """Say in the message of an error which layer raised it; the innermost one, if layers stand inside layers.

    Raises: ArgumentError in its place where a layer of ours was given something that is no tensor.
    """
    told = error.args
    if len(told) != 1 or not isinstance(told[0], str) or _TOLD in told[0]:
        return
    # Layers made of layers would take pages.
    layer = type(module).__name__ if module._modules else repr(module)
    given = ", ".join(described(x) for x in args)
    where = f"{_TOLD}{layer}, called with {given or 'nothing'}"
    function = _BEHIND.get(type(module).__name__.lower())
    if function is not None and type(module).__module__.startswith(_OURS):
        for k, x in enumerate(args):
            if not isinstance(x, TensorBase):
                raise ArgumentError(no_tensor(function, k, x) + where) from None
    if isinstance(error, WengertError):
        error.args = (told[0] + where,)


def no_tensor(function: str, place: int, x: Any) -> str:
    """torch's words for an argument that is no tensor, of the function behind a layer."""
    name, number = ("target", 2) if place else ("indices", 2) if function == "embedding" else ("input", 1)
    return f"{function}(): argument '{name}' (position {number}) must be Tensor, not {full_name(x)}"


def full_name(x: Any) -> str:
    """The class of an object, with its module where it is not built in."""
    kind = type(x)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def described(x: Any) -> str:
    """An argument in a few words: dtype and shape of tensors."""
    if isinstance(x, TensorBase):
        return f"{x.dtype} {list(x.shape)}"  # type: ignore[attr-defined]
    if isinstance(x, (tuple, list)):
        return f"({', '.join(described(part) for part in x)})" if len(x) < 10 else full_name(x)
    return repr(x) if isinstance(x, (int, float, str, type(None))) else full_name(x)


__all__ = ["name_layer"]
