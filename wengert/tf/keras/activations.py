"""`tf.keras.activations`: functions of a tensor, by name."""

from __future__ import annotations

from typing import Any

from wengert.tf import math, nn
from wengert.tf.conversion import convert_to_tensor, tensor_of
from wengert.tf.keras.registry import described, getter
from wengert.tf.tensor import alias


def linear(x: Any) -> Any:
    """x."""
    return x


def relu(x: Any, negative_slope: float = 0.0, max_value: Any = None, threshold: float = 0.0) -> Any:
    """max(x, 0), with a slope below, a ceiling and a threshold if given."""
    x = tensor_of(x)
    if threshold:
        below = negative_slope * (x - threshold)
        over = x if max_value is None else math.minimum(x, max_value)
        keep = (x._array >= threshold).astype(x._array.dtype)
        return over * convert_to_tensor(keep) + below * convert_to_tensor(1 - keep)
    if negative_slope:
        out = nn.leaky_relu(x, negative_slope)
    else:
        out = nn.relu(x)
    return out if max_value is None else math.minimum(out, float(max_value))


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """x where positive, else a part of it."""
    return nn.leaky_relu(x, negative_slope)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where positive, else alpha * (e^x - 1)."""
    x = tensor_of(x)
    return nn.elu(x) if alpha == 1.0 else nn.relu(x) + alpha * nn.elu(-nn.relu(-x))


def gelu(x: Any, approximate: bool = False) -> Any:
    """x times the normal distribution function of x."""
    return nn.gelu(x, approximate)


def silu(x: Any) -> Any:
    """x * sigmoid(x)."""
    return nn.silu(x)


def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x); the logits stay with the result, for losses on probabilities."""
    return with_logits(math.sigmoid(x), x)


def softmax(x: Any, axis: int = -1) -> Any:
    """e^x divided by its sum along `axis`; the logits stay with the result."""
    return with_logits(nn.softmax(x, axis), x)


def with_logits(out: Any, x: Any) -> Any:
    """Note on a tensor of probabilities which logits it came from."""
    out._keras_logits = x
    return out


def log_softmax(x: Any, axis: int = -1) -> Any:
    """Logarithm of the softmax."""
    return nn.log_softmax(x, axis)


def exponential(x: Any) -> Any:
    """e^x."""
    return math.exp(x)


def hard_sigmoid(x: Any) -> Any:
    """relu6(x + 3) / 6."""
    return nn.relu6(tensor_of(x) + 3.0) / 6.0


def hard_silu(x: Any) -> Any:
    """x * hard_sigmoid(x)."""
    return tensor_of(x) * hard_sigmoid(x)


def mish(x: Any) -> Any:
    """x * tanh(softplus(x))."""
    return tensor_of(x) * math.tanh(nn.softplus(x))


def identity(x: Any) -> Any:
    """x as a tensor of its own."""
    return alias(tensor_of(x))


tanh, selu, softplus, softsign, relu6 = math.tanh, nn.selu, nn.softplus, nn.softsign, nn.relu6
log_sigmoid, swish, hard_swish = nn.log_sigmoid, silu, hard_silu
NAMES = (
    "elu", "exponential", "gelu", "hard_sigmoid", "hard_silu", "hard_swish", "leaky_relu", "linear", "log_sigmoid",
    "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "swish",
    "tanh",
)  # fmt: skip
found = getter("activation function", lambda: {name: globals()[name] for name in NAMES}, make=False)


def get(identifier: Any) -> Any:
    """The function that a name stands for; None is `linear`. Raises ValueError for an unknown one."""
    return linear if identifier is None else found(identifier)


def serialize(activation: Any) -> Any:
    """An activation as configs hold it."""
    return described(activation, "keras.activations")


__all__ = [*NAMES, "get", "serialize"]
