"""Activations of neural networks, each fused into one node."""

from __future__ import annotations

from wengert.core.arrays import activation as arrays
from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import DtypeError, MissingError, ShapeError, ValueRangeError
from wengert.core.operators.kinds import composite, elementwise, plain
from wengert.core.operators.library.overloads import refuse
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

# Klambauer et al., Self-normalizing neural networks (2017), equation 14.
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def _require_real(name, array):
    if array.dtype.kind == "b":
        raise DtypeError(f"{name[0]} inputs not supported for {name[1]}")
    if array.dtype.kind == "c":
        raise MissingError(f"clamp is not supported for complex types, which {name[1]} needs")


# ---------------------------------------------------------------- rectifiers


@elementwise(d=lambda m, g, out: m.where(out <= 0, 0, g), aliases=("nn.relu",))
def relu(np, input: Array):
    """max(input, 0); nan stays.  The derivative at 0 is 0."""
    _require_real(("Boolean", "relu"), input)
    return np.maximum(input, 0)


def _inside(m, g, input, low, high):
    return m.where((input <= low) | (input >= high), 0, g)


@elementwise(
    d=lambda m, g, input, min_val, max_val: _inside(m, g, input, min_val, max_val),
    space="nn",
    method=False,
    inplace=True,
)
def hardtanh(np, input: Array, min_val=-1.0, max_val=1.0):
    """input clipped to [min_val, max_val]; the derivative at the ends is 0.

    Raises: ValueRangeError if min_val > max_val.
    """
    if min_val > max_val:
        raise ValueRangeError(f"min_val cannot be greater than max_val, got {min_val} and {max_val}")
    _require_real(("Bool", "hardtanh"), input)
    if input.dtype.kind in "iu":
        min_val, max_val = int(min_val), int(max_val)
    if input.dtype.kind == "u" and (min_val < 0 or max_val < 0):
        raise DtypeError(f"cannot do hardtanh on an unsigned type with negative limits, got {min_val} and {max_val}")
    return np.minimum(np.maximum(input, min_val), max_val)


@elementwise(
    d=lambda m, g, input: _inside(m, g, input, 0, 6),
    space="nn",
    method=False,
    inplace=True,
    backward_name="HardtanhBackward0",
)
def relu6(np, input: Array):
    """min(max(input, 0), 6)."""
    _require_real(("Bool", "hardtanh"), input)
    return np.minimum(np.maximum(input, 0), 6)


def _leaky(np, input, slope):
    refuse("leaky_relu_cpu", "biuc", input)
    return np.where(input > 0, input, input * slope)


@elementwise(
    d=lambda m, g, input, negative_slope: m.where(input > 0, g, g * negative_slope),
    space="nn",
    method=False,
    inplace=True,
    written=lambda args: "leaky_relu_written" if args[1] >= 0 else None,
)
def leaky_relu(np, input: Array, negative_slope=0.01):
    """input where positive, negative_slope * input elsewhere; the derivative at 0 is the slope."""
    return _leaky(np, input, negative_slope)


@elementwise(
    d=lambda m, g, out, negative_slope: m.where(out > 0, g, g * negative_slope),
    space=None,
    method=False,
    backward_name="LeakyReluBackward1",
)
def leaky_relu_written(np, input: Array, negative_slope=0.01):
    """leaky_relu as its in-place form is recorded: the result tells the slope, where that is not negative."""
    return _leaky(np, input, negative_slope)


@elementwise(
    d=lambda m, g, input, lower, upper: m.where(input > 0, g, g * ((lower + upper) / 2)),
    method=False,
    inplace=True,
    aliases=("nn.rrelu",),
    backward_name="RreluWithNoiseBackward0",
    written=lambda args: "rrelu_written" if args[1] + args[2] >= 0 else None,
)
def rrelu(np, input: Array, lower=1.0 / 8, upper=1.0 / 3, training=False):
    """leaky_relu with slope (lower + upper) / 2; random slopes of training are not available.

    Source: B. Xu et al., Empirical evaluation of rectified activations (2015).
    """
    if training:
        raise MissingError("rrelu with training=True is not available: its slopes are random; training=False is")
    return _leaky(np, input, (lower + upper) / 2)


@elementwise(
    d=lambda m, g, out, lower, upper: m.where(out > 0, g, g * ((lower + upper) / 2)),
    space=None,
    method=False,
    backward_name="RreluWithNoiseBackward1",
)
def rrelu_written(np, input: Array, lower=1.0 / 8, upper=1.0 / 3, training=False):
    """rrelu without training as its in-place form is recorded: by its result."""
    return _leaky(np, input, (lower + upper) / 2)


def _prelu_samples(s):
    return [call(s.distinct(2, 3), s.array(1, 3)), call(s.distinct(3), s.array(1)), call(s.array(), s.array())]


@elementwise(
    d=(
        lambda m, g, input, weight: m.where(input > 0, g, g * weight),
        lambda m, g, input: m.where(input > 0, 0, g * input),
    ),
    space=None,
    method=False,
    inplace=False,
    backward_name="PreluKernelBackward0",
    samples=_prelu_samples,
)
def prelu_kernel(np, input: Array, weight: Array):
    """input where positive, weight * input elsewhere; shapes broadcast."""
    refuse("prelu_cpu", "biuc", input)
    return np.where(input > 0, input, input * weight)


@composite(
    aliases=("nn.prelu",),
    samples=lambda s: [
        call(s.distinct(2, 3, 2), s.array(3)),
        call(s.distinct(4), s.array(1)),
        call(s.array(), s.array()),
    ],
)
def prelu(m, input: Array, weight: Array):
    """input where positive, weight * input elsewhere; one weight, or one per channel (dim 1).

    Raises: DtypeError if dtypes differ, ShapeError if weights and channels do not match.
    Source: K. He et al., Delving deep into rectifiers (2015), equation 1.
    """
    if input.dtype != weight.dtype:
        a, b = (dtypes.scalar_name(x.dtype) for x in (input, weight))
        raise DtypeError(f"prelu: Type promoting not supported. Got {a} and {b}")
    if weight.ndim > 1:
        raise ShapeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    count = weight.shape[0] if weight.ndim else 1
    if count != 1:
        if input.ndim == 0:
            raise ShapeError("Not allow zero-dim input tensor. prelu takes one weight for it")
        channels = input.shape[1] if input.ndim > 1 else 1
        if channels != count:
            raise ShapeError(
                "Mismatch of parameter numbers and input channel size. "
                f"Found parameter numbers = {count} and channel size = {channels}."
            )
    if input.ndim != weight.ndim or count != 1:
        channel = input.ndim > 1
        size = tuple(count if channel and i == 1 else 1 for i in range(input.ndim))
        weight = m.reshape(weight, size)
    return m.prelu_kernel(input, weight)


@elementwise(
    d=lambda m, g, input, threshold: m.where(input <= threshold, 0, g),
    method=False,
    inplace=True,
    aliases=("nn.threshold",),
    samples=lambda s: [call(s.distinct(*shape), 0.1, 20.0) for shape in ((3, 4), (), (0, 3))],
)
def threshold(np, input: Array, threshold, value):
    """input where it is above threshold (or nan), else value."""
    if input.dtype.kind in "bc":
        refuse("threshold_cpu", "biuc", input)
    return np.where(input <= threshold, np.asarray(value).astype(input.dtype), input)


# ---------------------------------------------------------------- sigmoids and smooth rectifiers


@elementwise(d=lambda out: out * (1 - out), promote="float", aliases=("nn.sigmoid", "special.expit"))
def sigmoid(np, input: Array):
    """1 / (1 + exp(-input))."""
    result = np.exp(-input)
    result += 1
    return 1 / result


def _silu_slope(m, input):
    s = m.sigmoid(input)
    return s * (1 + input * (1 - s))


@elementwise(d=_silu_slope, space="nn", method=False, inplace=True)
def silu(np, input: Array):
    """input * sigmoid(input).

    Source: S. Elfwing et al., Sigmoid-weighted linear units (2017), equation 4.
    """
    refuse("silu_cpu", "biu", input)
    result = np.exp(-input)
    result += 1
    return input / result


def _mish_gradient(m, g, input):
    t = m.tanh(m.softplus(input))
    return g * (t + input * m.sigmoid(input) * (1 - t * t))


@elementwise(d=_mish_gradient, space="nn", method=False, inplace=True)
def mish(np, input: Array):
    """input * tanh(log(1 + exp(input))).

    Source: D. Misra, Mish: a self regularized non-monotonic activation function (2019), equation 1.
    """
    refuse("mish_cpu", "biuc", input)
    return input * np.tanh(np.log1p(np.exp(input)))


def _softplus_gradient(m, g, input, beta, threshold):
    scaled = input * beta
    return m.where(scaled > threshold, g, g * m.sigmoid(scaled))


@elementwise(d=_softplus_gradient, space="nn", method=False, inplace=False)
def softplus(np, input: Array, beta=1.0, threshold=20.0):
    """log(1 + exp(beta * input)) / beta, and input itself where beta * input > threshold."""
    refuse("softplus_cpu", "biuc", input)
    scaled = input * beta
    return np.where(scaled > threshold, input, np.log1p(np.exp(scaled)) / beta)


@elementwise(
    d=lambda m, g, input: g * m.sigmoid(-input),
    space="nn",
    method=False,
    inplace=False,
    backward_name="LogSigmoidBackward0",
)
def logsigmoid(np, input: Array):
    """log(sigmoid(input)), without overflow."""
    refuse("log_sigmoid_cpu", "biuc", input)
    return np.minimum(input, 0) - np.log1p(np.exp(-np.abs(input)))


# ---------------------------------------------------------------- exponential units


def _elu_gradient(m, g, input, alpha, scale, input_scale):
    # The exponent is cut so that nothing overflows where it is not used; its own derivative at 0 is 0, as torch has it.
    growth = m.exp(m.where(input < 0, input, 0) * input_scale)
    return m.where(input <= 0, g * (growth * (alpha * scale * input_scale)), g * scale)


def _elu(np, input, alpha, scale=1.0, input_scale=1.0):
    refuse("elu_cpu", "biuc", input)
    below = np.expm1(input * input_scale) * (alpha * scale)
    return np.where(input <= 0, below, input if scale == 1 else input * scale)


def _elu_gradient_of_result(m, g, out, alpha, scale, input_scale):
    # Where the input was not positive, out + alpha * scale is alpha * scale times the exponential.
    return m.where(out <= 0, g * ((out + alpha * scale) * input_scale), g * scale)


@elementwise(
    d=lambda m, g, input, alpha: _elu_gradient(m, g, input, alpha, 1.0, 1.0),
    space="nn",
    method=False,
    inplace=True,
    written=lambda args: "elu_written" if args[1] >= 0 else None,
)
def elu(np, input: Array, alpha=1.0):
    """input where positive, alpha * (exp(input) - 1) elsewhere.

    Source: D.-A. Clevert et al., Exponential linear units (2015), equation 15.
    """
    return _elu(np, input, alpha)


@elementwise(
    d=lambda m, g, out, alpha: _elu_gradient_of_result(m, g, out, alpha, 1.0, 1.0),
    space=None,
    method=False,
    backward_name="EluBackward1",
)
def elu_written(np, input: Array, alpha=1.0):
    """elu as its in-place form is recorded: the result tells the slope, where alpha is not negative."""
    return _elu(np, input, alpha)


@elementwise(
    d=lambda m, g, input, alpha: _elu_gradient(m, g, input, alpha, 1.0, 1 / alpha),
    method=False,
    inplace=True,
    aliases=("nn.celu",),
    written=lambda args: "celu_written" if args[1] > 0 else None,
)
def celu(np, input: Array, alpha=1.0):
    """input where positive, alpha * (exp(input / alpha) - 1) elsewhere: elu with derivative 1 at 0.

    Source: J. T. Barron, Continuously differentiable exponential linear units (2017), equation 2.
    """
    if alpha == 0:
        raise ShapeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _elu(np, input, alpha, 1.0, 1 / alpha)


@elementwise(
    d=lambda m, g, out, alpha: _elu_gradient_of_result(m, g, out, alpha, 1.0, 1 / alpha),
    space=None,
    method=False,
    backward_name="CeluBackward1",
)
def celu_written(np, input: Array, alpha=1.0):
    """celu as its in-place form is recorded: the result tells the slope, where alpha is positive."""
    return _elu(np, input, alpha, 1.0, 1 / alpha)


@elementwise(
    d=lambda m, g, input: _elu_gradient(m, g, input, _SELU_ALPHA, _SELU_SCALE, 1.0),
    method=False,
    inplace=True,
    aliases=("nn.selu",),
    backward_name="EluBackward0",
    written=lambda args: "selu_written",
)
def selu(np, input: Array):
    """scale * elu(input, alpha) with the two constants that keep mean 0 and variance 1.

    Source: G. Klambauer et al., Self-normalizing neural networks (2017), equation 2.
    """
    return _elu(np, input, _SELU_ALPHA, _SELU_SCALE)


@elementwise(
    d=lambda m, g, out: _elu_gradient_of_result(m, g, out, _SELU_ALPHA, _SELU_SCALE, 1.0),
    space=None,
    method=False,
    backward_name="EluBackward1",
)
def selu_written(np, input: Array):
    """selu as its in-place form is recorded: the result tells the slope."""
    return _elu(np, input, _SELU_ALPHA, _SELU_SCALE)


@plain(space=None, method=False, samples=lambda s: [call(s.array(3, 4), s.array(3, 4), False)])
def gelu_back(np, grad: Array, input: Array, bent):
    """grad times the derivative of gelu, of its tanh approximation if `bent`: first order only, block by block."""
    return arrays.gelu_gradient(np, grad, input, bent)


def _gelu_gradient(m, g, input, approximate):
    if not m.recorded:
        return m.gelu_back(g, input, approximate == "tanh")
    square = input * input
    if approximate == "none":
        return g * (0.5 * (1 + m.erf(input * arrays.SQRT_HALF)) + input * (m.exp(square * -0.5) * arrays.PEAK))
    t = m.tanh(input * (arrays.TANH_SCALE * (1 + arrays.TANH_CUBE * square)))
    slope = arrays.TANH_SCALE * (1 + 3 * arrays.TANH_CUBE * square)
    return g * (0.5 * (1 + t) + 0.5 * input * (1 - t * t) * slope)


@elementwise(d=_gelu_gradient, space="nn", method=False, inplace=True)
def gelu(np, input: Array, *, approximate="none"):
    """input * Phi(input), Phi the normal distribution function, or its tanh approximation (approximate="tanh").

    Raises: DtypeError for integers, ShapeError for another word.
    Source: D. Hendrycks and K. Gimpel, Gaussian error linear units (2016), section 2.
    """
    if approximate not in ("none", "tanh"):
        raise ShapeError(f"approximate argument must be either none or tanh. It is {approximate!r}")
    refuse("GeluKernelImpl", "biuc", input)
    return arrays.gelu(np, input, approximate == "tanh")


# ---------------------------------------------------------------- piecewise linear forms


@elementwise(
    d=lambda m, g, input: m.where((input > -3) & (input < 3), g / 6, 0), space="nn", method=False, inplace=True
)
def hardsigmoid(np, input: Array):
    """min(max(input + 3, 0), 6) / 6."""
    refuse("hardsigmoid_cpu", "biuc", input)
    return np.minimum(np.maximum(input + 3, 0), 6) / 6


@elementwise(
    d=lambda m, g, input: m.where(input <= -3, 0, m.where(input < 3, g * (input / 3 + 0.5), g)),
    space="nn",
    method=False,
    inplace=True,
    domain=(-2.9, 2.9),
)
def hardswish(np, input: Array):
    """input * hardsigmoid(input).

    Source: A. Howard et al., Searching for MobileNetV3 (2019), section 5.2.
    """
    refuse("hardswish_cpu", "biuc", input)
    return input * np.minimum(np.maximum(input + 3, 0), 6) / 6


@elementwise(
    d=lambda m, g, input, lambd: m.where((input >= -lambd) & (input <= lambd), 0, g),
    inplace=False,
    aliases=("nn.hardshrink",),
    domain=(0.6, 2.0),
)
def hardshrink(np, input: Array, lambd=0.5):
    """0 in [-lambd, lambd], input elsewhere."""
    refuse("hardshrink_cpu", "biuc", input)
    return np.where((input >= -lambd) & (input <= lambd), input.dtype.type(0), input)


@elementwise(
    d=lambda m, g, input, lambd: m.where((input >= -lambd) & (input <= lambd), 0, g),
    space="nn",
    method=False,
    inplace=False,
)
def softshrink(np, input: Array, lambd=0.5):
    """input moved towards 0 by lambd, 0 in [-lambd, lambd].  Raises: ShapeError for a negative lambd."""
    refuse("softshrink_check", "biuc", input)
    if not lambd >= 0:
        name, top = dtypes.scalar_name(dtypes.of(input.dtype)), f"{np.finfo(input.dtype).max:.6g}"
        raise ShapeError(f"lambda must be in range [0, {top}] for input dtype {name}, but found {lambd}")
    return input - np.minimum(np.maximum(input, -lambd), lambd)


@composite(space="nn", method=False, samples=lambda s: [call(s.array(3, 4)), call(s.array())])
def tanhshrink(m, input: Array):
    """input - tanh(input).  Raises: DtypeError for booleans."""
    if dtypes.scalar_name(input.dtype) == "Bool":
        raise DtypeError("Subtraction, the `-` operator, with a bool tensor is not supported: give numbers")
    return input - m.tanh(input)


@composite(space="nn", method=False, samples=lambda s: [call(s.distinct(3, 4)), call(s.distinct())])
def softsign(m, input: Array):
    """input / (1 + |input|)."""
    return input / (m.abs(input) + 1)
