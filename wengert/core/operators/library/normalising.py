"""Activations over a dim: softmax, its logarithm, softmin and gated linear units."""

from __future__ import annotations

from wengert.core.arrays import softmax as arrays
from wengert.core.arrays.shape import wrap_dim
from wengert.core.base.errors import ShapeError
from wengert.core.operators.kinds import composite, opaque, plain
from wengert.core.operators.library.overloads import refuse
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


def _samples(s):
    return [
        call(s.array(3, 4), dim=1),
        call(s.array(3, 4), dim=0),
        call(s.array(2, 3, 4), dim=-2),
        call(s.array(), dim=0),
        call(s.array(0, 3), dim=1),
        call(s.array(3, 0), dim=1),
    ]


def _centred(input, dim):
    """input minus its maximum over dim, as an array of at least one dim."""
    if input.ndim == 0:
        input = input.reshape(1)
    return input - input.max(axis=dim, keepdims=True)


@plain(space=None, method=False, samples=lambda s: [call(s.array(3, 4), s.array(3, 4), 1)])
def softmax_back(np, grad: Array, output: Array, dim: int):
    """output * (grad - sum(grad * output, dim)): first order only."""
    dim = wrap_dim(dim, output.ndim)
    if arrays.by_rows(output, dim) and grad.dtype == output.dtype:
        return arrays.softmax_gradient(np, grad, output)
    product = grad * output
    product -= output * product.sum(axis=dim if output.ndim else None, keepdims=True)
    return product


@plain(space=None, method=False, samples=lambda s: [call(s.array(3, 4), s.array(3, 4), 1)])
def log_softmax_back(np, grad: Array, output: Array, dim: int):
    """grad - exp(output) * sum(grad, dim): first order only."""
    dim = wrap_dim(dim, output.ndim)
    if arrays.by_rows(output, dim) and grad.dtype == output.dtype:
        return arrays.log_softmax_gradient(np, grad, output)
    return grad - np.exp(output) * grad.sum(axis=dim if output.ndim else None, keepdims=True)


def _log_softmax_gradient(m, g, out, dim):
    return m.log_softmax_back(g, out, dim) if not m.recorded else g - m.exp(out) * m.sum(g, dim, True)


def _softmax_gradient(m, g, out, dim):
    if not m.recorded:
        return m.softmax_back(g, out, dim)
    product = g * out
    return product - out * m.sum(product, dim, True)


@opaque(
    vjp=_softmax_gradient, name="_softmax", space=None, method=False, backward_name="SoftmaxBackward0", samples=_samples
)
def softmax_kernel(np, input: Array, dim: int):
    """exp(input) / sum(exp(input), dim), the maximum taken off first."""
    dim = wrap_dim(dim, input.ndim)
    refuse("softmax_lastdim_kernel_impl", "biuc", input)
    if input.size == 0:
        return input.copy()
    if arrays.by_rows(input, dim):
        return arrays.softmax(np, input)
    result = _centred(input, dim)
    np.exp(result, out=result)
    result /= result.sum(axis=dim, keepdims=True)
    return result.reshape(input.shape)


@opaque(
    vjp=_log_softmax_gradient,
    name="_log_softmax",
    space=None,
    method=False,
    backward_name="LogSoftmaxBackward0",
    samples=_samples,
)
def log_softmax_kernel(np, input: Array, dim: int):
    """input - log(sum(exp(input), dim)), the maximum taken off first."""
    dim = wrap_dim(dim, input.ndim)
    refuse("log_softmax_lastdim_kernel_impl", "biuc", input)
    if input.size == 0:
        return input.copy()
    if arrays.by_rows(input, dim):
        return arrays.log_softmax(np, input)
    result = _centred(input, dim)
    result -= np.log(np.exp(result).sum(axis=dim, keepdims=True))
    return result.reshape(input.shape)


def _converted(m, input, dtype):
    return input if dtype is None or input.dtype == dtype else m.to_dtype(input, dtype.numpy)


@composite(aliases=("nn.softmax", "special.softmax"), samples=_samples)
def softmax(m, input: Array, dim: int, dtype=None):
    """exp(input) / sum(exp(input), dim); input is converted to dtype first.

    Edges: nan where the maximum over dim is infinite or nan.  Raises: DimError; MissingError for integers.
    """
    return m._softmax(_converted(m, input, dtype), dim)


@composite(aliases=("nn.log_softmax", "special.log_softmax"), samples=_samples)
def log_softmax(m, input: Array, dim: int, dtype=None):
    """input - log(sum(exp(input), dim)); input is converted to dtype first.

    Edges: nan where the maximum over dim is infinite or nan.  Raises: DimError; MissingError for integers.
    """
    return m._log_softmax(_converted(m, input, dtype), dim)


@composite(space="nn", method=False, samples=_samples)
def softmin(m, input: Array, dim: int, dtype=None):
    """softmax(-input, dim)."""
    return m.softmax(-input, dim, dtype)


def _halves(shape, dim):
    if not shape:
        raise ShapeError("glu does not support scalars because halving size must be even")
    dim = wrap_dim(dim, len(shape))
    size = shape[dim]
    if size % 2:
        raise ShapeError(f"Halving dimension must be even, but dimension {dim} is size {size}")
    return dim, size // 2, size


def _glu_gradient(m, g, input, dim):
    dim, half, size = _halves(tuple(input.shape), dim)
    a, s = m.slice(input, dim, 0, half), m.sigmoid(m.slice(input, dim, half, size))
    first = g * s
    return m.cat([first, first * a * (1 - s)], dim)


@opaque(
    vjp=_glu_gradient,
    space="nn",
    method=False,
    samples=lambda s: [call(s.array(3, 4)), call(s.array(2, 3), dim=0), call(s.array(2, 0))],
)
def glu(np, input: Array, dim: int = -1):
    """a * sigmoid(b), where a and b are the halves of input along dim.

    Raises: ShapeError for an odd size or no dims.
    Source: Y. N. Dauphin et al., Language modeling with gated convolutional networks (2016), equation 1.
    """
    dim, half, _ = _halves(input.shape, dim)
    refuse("glu_cpu", "biuc", input)
    lead = (slice(None),) * dim
    return input[lead + (slice(half),)] / (1 + np.exp(-input[lead + (slice(half, None),)]))
