"""First values of parameters, with torch's own random sequence; every function fills its tensor in place.

fan_in and fan_out of a weight (out, in, *kernel): in * prod(kernel) and out * prod(kernel).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

from wengert.core.base.errors import ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.modes import OFF, PLAIN, current, enter, leave
from wengert.core.tensor import creation, randomness


def unrecorded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Run with recording off."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        mode = current()
        token = enter(OFF if mode is PLAIN else mode.but(grad=False))
        try:
            return function(*args, **kwargs)
        finally:
            leave(token)

    return call


_ONE = (
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid",
)  # fmt: skip


def calculate_gain(nonlinearity: str, param: Any = None) -> float:
    """Factor by which a nonlinearity's inputs should be scaled: 1, 5/3 (tanh), sqrt 2 (relu), 3/4 (selu).

    leaky_relu: sqrt(2 / (1 + slope^2)), slope `param` (0.01).  Raises: ValueRangeError for other names.
    """
    if nonlinearity in _ONE:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "selu":
        return 3.0 / 4
    if nonlinearity != "leaky_relu":
        raise ValueRangeError(f"Unsupported nonlinearity {nonlinearity}")
    if param is None:
        slope = 0.01
    elif not isinstance(param, bool) and isinstance(param, (int, float)):
        slope = param
    else:
        raise ValueRangeError(f"negative_slope {param} not a valid number")
    return math.sqrt(2.0 / (1 + slope**2))


@unrecorded
def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Any:
    """Uniform in [a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@unrecorded
def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Any:
    """Normal."""
    return tensor.normal_(mean, std, generator=generator)


_FEW = 0.3  # share of accepted draws from which on drawing again is the way


def _normal_cdf(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


@unrecorded
def trunc_normal_(
    tensor: Any, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Any = None
) -> Any:
    """Normal, restricted to [a, b]: what falls outside is drawn again.

    Where too little falls inside, values come from a uniform proposal or from the inverse distribution function.
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may "
            "be incorrect.",
            stacklevel=2,
        )
    low, high = (a - mean) / std, (b - mean) / std
    share = _normal_cdf(high) - _normal_cdf(low)
    if share >= _FEW:
        return _redrawn(tensor, lambda t: t.normal_(mean, std, generator=generator), lambda t: (t < a) | (t > b))
    mode = min(max(0.0, low), high)
    if share >= _FEW * (high - low) * math.exp(-mode * mode / 2) / math.sqrt(2 * math.pi):

        def rejected(t: Any) -> Any:
            z = (t - mean) / std
            return creation.empty_like(t).uniform_(generator=generator) > m.exp((mode * mode - z * z) / 2)

        return _redrawn(tensor, lambda t: t.uniform_(a, b, generator=generator), rejected)
    tensor.uniform_(2 * _normal_cdf(low) - 1, 2 * _normal_cdf(high) - 1, generator=generator)
    tensor.erfinv_().mul_(std * math.sqrt(2.0)).add_(mean)
    return tensor.clamp_(min=a, max=b)


def _redrawn(tensor: Any, draw: Callable[[Any], Any], rejected: Callable[[Any], Any]) -> Any:
    """Draw, then draw anew where rejected until nothing is; each time for the whole tensor."""
    draw(tensor)
    wrong = rejected(tensor)
    while wrong.any():
        fresh = draw(creation.empty_like(tensor))
        again = wrong & rejected(fresh)
        tensor.copy_(m.where(wrong, fresh, tensor))
        wrong = again
    return tensor


@unrecorded
def constant_(tensor: Any, val: float) -> Any:
    """One value everywhere."""
    return tensor.fill_(val)


@unrecorded
def ones_(tensor: Any) -> Any:
    """1 everywhere."""
    return tensor.fill_(1.0)


@unrecorded
def zeros_(tensor: Any) -> Any:
    """0 everywhere."""
    return tensor.zero_()


@unrecorded
def eye_(tensor: Any) -> Any:
    """The identity matrix.  Raises: ValueRangeError unless 2-d."""
    if tensor.ndimension() != 2:
        raise ValueRangeError("Only tensors with 2 dimensions are supported")
    tensor.copy_(creation.eye(*tensor.shape, dtype=tensor.dtype))
    return tensor


@unrecorded
def dirac_(tensor: Any, groups: int = 1) -> Any:
    """The kernel of a convolution that passes its first channels on unchanged, in each group.

    Raises: ValueRangeError unless 3-d to 5-d, and unless groups divides dim 0.
    """
    dims = tensor.ndimension()
    if dims not in (3, 4, 5):
        raise ValueRangeError("Only tensors with 3, 4, or 5 dimensions are supported")
    sizes = tensor.size()
    if sizes[0] % groups != 0:
        raise ValueRangeError("dim 0 must be divisible by groups")
    out = sizes[0] // groups
    centre = tuple(n // 2 for n in sizes[2:])
    tensor.zero_()
    for g in range(groups):
        for d in range(min(out, sizes[1])):
            tensor[(g * out + d, d, *centre)] = 1
    return tensor


def _calculate_fan_in_and_fan_out(tensor: Any) -> tuple[int, int]:
    if tensor.dim() < 2:
        raise ValueRangeError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    shape = tensor.shape
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


@unrecorded
def xavier_uniform_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Uniform in ±gain sqrt(6 / (fan_in + fan_out)).

    Source: X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward networks (2010).
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    bound = math.sqrt(3.0) * (gain * math.sqrt(2.0 / float(fan_in + fan_out)))
    return tensor.uniform_(-bound, bound, generator=generator)


@unrecorded
def xavier_normal_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Normal with standard deviation gain sqrt(2 / (fan_in + fan_out))."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return tensor.normal_(0.0, gain * math.sqrt(2.0 / float(fan_in + fan_out)), generator=generator)


def _calculate_correct_fan(tensor: Any, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueRangeError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]


def _kaiming(tensor: Any, a: float, mode: str, nonlinearity: str) -> float | None:
    """The standard deviation; None for a tensor without elements."""
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=4)
        return None
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


@unrecorded
def kaiming_uniform_(
    tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Any:
    """Uniform in ±gain sqrt(3 / fan).

    Source: K. He et al., Delving deep into rectifiers (2015), section 2.2.
    """
    std = _kaiming(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3.0) * std
    return tensor.uniform_(-bound, bound, generator=generator)


@unrecorded
def kaiming_normal_(
    tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Any:
    """Normal with standard deviation gain / sqrt(fan)."""
    std = _kaiming(tensor, a, mode, nonlinearity)
    return tensor if std is None else tensor.normal_(0, std, generator=generator)


@unrecorded
def orthogonal_(tensor: Any, gain: float = 1, generator: Any = None) -> Any:
    """A matrix with orthonormal rows or columns, times gain; dims after the first count as one.

    Source: A. Saxe et al., Exact solutions to the nonlinear dynamics of learning in deep linear networks (2013).
    Raises: ValueRangeError for fewer than 2 dims.
    """
    if tensor.ndimension() < 2:
        raise ValueRangeError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.size(0)
    columns = tensor.numel() // rows
    flat = creation.empty((rows, columns), dtype=tensor.dtype, device=tensor.device)
    flat.normal_(0, 1, generator=generator)
    if rows < columns:
        flat.t_()
    q, r = m.linalg_qr(flat)
    q *= m.sign(m.diagonal(r))  # uniform over the orthogonal group: F. Mezzadri (2007)
    if rows < columns:
        q = q.t()
    tensor.view_as(q).copy_(q)
    return tensor.mul_(gain)


@unrecorded
def sparse_(tensor: Any, sparsity: float, std: float = 0.01, generator: Any = None) -> Any:
    """Normal matrix with a fraction `sparsity` of each column set to 0.

    Source: J. Martens, Deep learning via Hessian-free optimization (2010).
    Raises: ValueRangeError unless 2-d.
    """
    if tensor.ndimension() != 2:
        raise ValueRangeError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    count = math.ceil(sparsity * rows)
    tensor.normal_(0, std, generator=generator)
    for column in range(columns):
        tensor[randomness.randperm(rows)[:count], column] = 0
    return tensor


def _no_grad_fill_(tensor: Any, val: float) -> Any:
    return constant_(tensor, val)


def _no_grad_zero_(tensor: Any) -> Any:
    return zeros_(tensor)


_no_grad_uniform_, _no_grad_normal_, _no_grad_trunc_normal_ = uniform_, normal_, trunc_normal_


def _make_deprecate(meth: Callable[..., Any]) -> Callable[..., Any]:
    new = meth.__name__

    def deprecated_init(*args: Any, **kwargs: Any) -> Any:
        warnings.warn(
            f"`nn.init.{new[:-1]}` is now deprecated in favor of `nn.init.{new}`.", FutureWarning, stacklevel=2
        )
        return meth(*args, **kwargs)

    deprecated_init.__name__ = new[:-1]
    deprecated_init.__doc__ = f"Old name of `{new}`."
    return deprecated_init


uniform, normal, constant, eye, dirac = map(_make_deprecate, (uniform_, normal_, constant_, eye_, dirac_))
xavier_uniform, xavier_normal = map(_make_deprecate, (xavier_uniform_, xavier_normal_))
kaiming_uniform, kaiming_normal = map(_make_deprecate, (kaiming_uniform_, kaiming_normal_))
orthogonal, sparse = map(_make_deprecate, (orthogonal_, sparse_))
