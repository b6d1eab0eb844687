"""Activations of `torch.nn.functional`: the operators with torch's `inplace=` and implicit dims."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays import sampling
from wengert.core.arrays.device import contiguous_format
from wengert.core.base.errors import ShapeError
from wengert.core.operators.record import REGISTRY
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import wrap
from wengert.core.tape.levels import BATCHED
from wengert.core.tape.refusals import tensors_only
from wengert.core.tensor import creation, randomness
from wengert.core.tensor.methods import inplace_call

__all__ = [
    "celu", "celu_", "elu", "elu_", "gelu", "glu", "gumbel_softmax", "hardshrink", "hardsigmoid", "hardswish",
    "hardtanh", "hardtanh_", "leaky_relu", "leaky_relu_", "log_softmax", "logsigmoid", "mish", "prelu", "relu",
    "relu6", "relu_", "rrelu", "rrelu_", "selu", "selu_", "sigmoid", "silu", "softmax", "softmin", "softplus",
    "softshrink", "softsign", "tanh", "tanhshrink", "threshold", "threshold_",
]  # fmt: skip


def _written(name: str) -> Callable[..., Any]:
    """The in-place form of an operator."""
    return inplace_call(REGISTRY[name])


celu_, elu_, leaky_relu_, relu_, selu_, threshold_, hardtanh_ = map(
    _written, ("celu", "elu", "leaky_relu", "relu", "selu", "threshold", "hardtanh")
)
_hardsigmoid_, _hardswish_, _silu_, _mish_, _relu6_, _noise_ = map(
    _written, ("hardsigmoid", "hardswish", "silu", "mish", "relu6", "rrelu_noise")
)
_fixed_ = _written("rrelu")
sigmoid, tanh, softsign, tanhshrink = m.sigmoid, m.tanh, m.softsign, m.tanhshrink
gelu, logsigmoid, hardshrink, softplus, softshrink, prelu = (
    m.gelu, m.logsigmoid, m.hardshrink, m.softplus, m.softshrink, m.prelu
)  # fmt: skip


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """input where it is above threshold, else value."""
    return threshold_(input, threshold, value) if inplace else m.threshold(input, threshold, value)


def relu(input: Any, inplace: bool = False) -> Any:
    """max(input, 0)."""
    return relu_(input) if inplace else m.relu(input)


def relu6(input: Any, inplace: bool = False) -> Any:
    """min(max(input, 0), 6)."""
    return _relu6_(input) if inplace else m.relu6(input)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """input clipped to [min_val, max_val]."""
    return hardtanh_(input, min_val, max_val) if inplace else m.hardtanh(input, min_val, max_val)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """input where positive, alpha (exp(input) - 1) elsewhere."""
    return elu_(input, alpha) if inplace else m.elu(input, alpha)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """input where positive, alpha (exp(input / alpha) - 1) elsewhere."""
    return celu_(input, alpha) if inplace else m.celu(input, alpha)


def selu(input: Any, inplace: bool = False) -> Any:
    """elu with the two constants that keep mean 0 and variance 1."""
    return selu_(input) if inplace else m.selu(input)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """input where positive, negative_slope * input elsewhere."""
    return leaky_relu_(input, negative_slope) if inplace else m.leaky_relu(input, negative_slope)


def silu(input: Any, inplace: bool = False) -> Any:
    """input * sigmoid(input)."""
    return _silu_(input) if inplace else m.silu(input)


def mish(input: Any, inplace: bool = False) -> Any:
    """input * tanh(softplus(input))."""
    return _mish_(input) if inplace else m.mish(input)


def hardswish(input: Any, inplace: bool = False) -> Any:
    """input * hardsigmoid(input)."""
    return _hardswish_(input) if inplace else m.hardswish(input)


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """min(max(input + 3, 0), 6) / 6."""
    return _hardsigmoid_(input) if inplace else m.hardsigmoid(input)


def glu(input: Any, dim: int = -1) -> Any:
    """a * sigmoid(b) for the halves a, b of input along dim."""
    return m.glu(input, dim)


def _slopes(input: Any, lower: float, upper: float) -> Any:
    """1 where input is positive, a slope drawn from [lower, upper) elsewhere."""
    a = input._array
    if input._flags & BATCHED:
        below = m.reshape(m.le(input.detach(), 0), (-1,))
        drawn = randomness.rand(a.size, dtype=dtypes.float64) * (upper - lower) + lower
        drawn = m.take(drawn, m.clamp(m.cumsum(below, 0) - 1, 0))  # as many as there are places, in their order
        return m.reshape(m.where(below, drawn.to(input.dtype), 1.0), a.shape)
    below = a <= 0
    noise = np.ones(a.shape, a.dtype)
    count = int(below.sum())
    noise[below] = sampling.uniform((count,), np.float64, lower, upper).astype(a.dtype)
    return wrap(noise)


def rrelu(
    input: Any, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Any:
    """leaky_relu whose slopes are drawn from [lower, upper) in training, and their mean otherwise.

    Raises: ShapeError for bounds that are not finite or in the wrong order.
    """
    for name, bound in (("lower", lower), ("upper", upper)):
        if not math.isfinite(bound):
            raise ShapeError(f"rrelu: {name} bound must be finite, got {bound}")
    if lower > upper:
        raise ShapeError(f"Lower bound should be less than or equal to the upper bound, not {lower} above {upper}")
    if not training:
        return _fixed_(input, lower, upper) if inplace else m.rrelu(input, lower, upper)
    tensors_only("rrelu", input=input)
    noise = _slopes(input, lower, upper)
    return _noise_(input, noise) if inplace else m.rrelu_noise(input, noise)


def rrelu_(input: Any, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Any:
    """In-place `rrelu`."""
    return rrelu(input, lower, upper, training, inplace=True)


# ---------------------------------------------------------------- over a dim


def _get_softmax_dim(name: str, ndim: int, stacklevel: int) -> int:
    """The dim of old programs that name none: 0 for 0, 1 and 3 dims, else 1."""
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel + 1,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """exp(input) / sum(exp(input), dim)."""
    return m.softmax(input, _get_softmax_dim("softmax", input.dim(), _stacklevel) if dim is None else dim, dtype)


def softmin(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """softmax(-input, dim)."""
    return m.softmin(input, _get_softmax_dim("softmin", input.dim(), _stacklevel) if dim is None else dim, dtype)


def log_softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """input - log(sum(exp(input), dim))."""
    return m.log_softmax(
        input, _get_softmax_dim("log_softmax", input.dim(), _stacklevel) if dim is None else dim, dtype
    )


def gumbel_softmax(logits: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Any:
    """softmax((logits + Gumbel noise) / tau, dim); with `hard` one-hot, with the gradient of the soft sample.

    Source: E. Jang et al., Categorical reparameterization with Gumbel-softmax (2016).
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = -creation.empty_like(logits, memory_format=contiguous_format).exponential_().log()
    soft = m.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    one = creation.zeros_like(logits).scatter_(dim, index, 1.0)
    return one - soft.detach() + soft
