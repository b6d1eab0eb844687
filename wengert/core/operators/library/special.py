"""Special functions around the exponential: error functions, the normal distribution, logit, entropy."""

from __future__ import annotations

from wengert.core.arrays import erf as errors
from wengert.core.operators.kinds import elementwise
from wengert.core.operators.library.overloads import overload, refuse
from wengert.core.operators.record import Array

_TWO_OVER_ROOT_PI = 1.1283791670955126
_HALF_ROOT_PI = 0.886226925452758
_ROOT_TAU = 2.5066282746310002
_DENSITY = 0.3989422804014327  # 1 / sqrt(2 pi)
_ROOT_TWO_OVER_PI = 0.7978845608028654
_SQRT_HALF = 0.7071067811865476


# ---------------------------------------------------------------- error functions


@elementwise(d=lambda m, input: m.exp(-input * input) * _TWO_OVER_ROOT_PI, promote="float", aliases=("special.erf",))
def erf(np, input: Array):
    """2 / sqrt(pi) times the integral of exp(-t^2) over t from 0 to input.

    Source: W. J. Cody, Math. Comp. 23 (1969), 631-637.
    """
    refuse("erf_vml_cpu", "c", input)
    return errors.erf(np, input)


@elementwise(d=lambda m, input: m.exp(-input * input) * -_TWO_OVER_ROOT_PI, promote="float", aliases=("special.erfc",))
def erfc(np, input: Array):
    """1 - erf(input), without cancellation for large input.

    Source: W. J. Cody, Math. Comp. 23 (1969), 631-637.
    """
    refuse("erfc_vml_cpu", "c", input)
    return errors.erfc(np, input)


@elementwise(
    d=lambda m, out: m.exp(out * out) * _HALF_ROOT_PI, promote="float", aliases=("special.erfinv",), domain=(-0.9, 0.9)
)
def erfinv(np, input: Array):
    """The x with erf(x) = input; +-inf at +-1, nan outside.

    Source: M. J. Wichura, Algorithm AS 241, Applied Statistics 37 (1988), 477-484.
    """
    refuse("erfinv_vml_cpu", "c", input)
    return errors.erfinv(np, input)


@elementwise(
    d=lambda input, out: (input * out) * 2 - _TWO_OVER_ROOT_PI,
    promote="float",
    space="special",
    method=False,
    inplace=False,
    backward_name="SpecialErfcxBackward0",
)
def erfcx(np, input: Array):
    """exp(input^2) erfc(input).

    Source: W. J. Cody, Math. Comp. 23 (1969), 631-637.
    """
    refuse("erfcx_cpu", "c", input)
    return errors.erfcx(np, input)


# ---------------------------------------------------------------- normal distribution


@elementwise(
    d=lambda m, input: m.exp(input * input * -0.5) * _DENSITY,
    promote="float",
    space="special",
    method=False,
    inplace=False,
    backward_name="MulBackward1",
)
def ndtr(np, input: Array):
    """The normal distribution function, erfc(-input / sqrt(2)) / 2: exact in the lower tail too."""
    refuse("erf_vml_cpu", "c", input)
    return errors.ndtr(np, input)


@elementwise(
    d=lambda m, out: m.exp(out * out * 0.5) * _ROOT_TAU,
    promote="float",
    space="special",
    method=False,
    inplace=False,
    domain=(0.05, 0.95),
    backward_name="SpecialNdtriBackward0",
)
def ndtri(np, input: Array):
    """The normal quantile: the x with ndtr(x) = input; -inf at 0, inf at 1, nan outside.

    Source: M. J. Wichura, Algorithm AS 241, Applied Statistics 37 (1988), 477-484.
    """
    refuse("ndtri_cpu", "c", input)
    return errors.ndtri(np, input)


@elementwise(
    d=lambda m, input: _ROOT_TWO_OVER_PI / m.erfcx(input * -_SQRT_HALF),
    promote="float",
    space="special",
    method=False,
    inplace=False,
    backward_name="SpecialLogNdtrBackward0",
)
def log_ndtr(np, input: Array):
    """log(ndtr(input)), finite where ndtr underflows."""
    refuse("log_ndtr_cpu", "c", input)
    return errors.log_ndtr(np, input)


# ---------------------------------------------------------------- logarithmic forms


@elementwise(
    d=lambda m, input: -1 - m.log(input),
    promote="float",
    space="special",
    method=False,
    inplace=False,
    domain=(0.1, 2.0),
    backward_name="SpecialEntrBackward0",
)
def entr(np, input: Array):
    """-input log(input); 0 at 0, -inf below."""
    refuse("entr_cpu", "c", input)
    value = np.where(input == 0, input.dtype.type(0), -input * np.log(input))
    return np.where(input < 0, input.dtype.type(-np.inf), value)


def _logit_gradient(m, g, input, eps):
    slope = g / (input * (1 - input))
    if eps is None or eps < 0:
        return m.where((input >= 0) & (input <= 1), slope, float("nan"))
    return m.where((input >= eps) & (input <= 1 - eps), slope, 0)


@elementwise(d=_logit_gradient, promote="float", aliases=("special.logit",), domain=(0.1, 0.9))
def logit(np, input: Array, eps=None):
    """log(input / (1 - input)); with eps, input is first clipped to [eps, 1 - eps].

    Edges: -inf at 0, inf at 1, nan outside [0, 1] without eps; the derivative is 0 where eps clips.
    """
    refuse("logit_cpu", "c", input)
    if eps is not None and eps >= 0:
        input = np.maximum(np.minimum(input, 1 - eps), eps)
    return np.log(input / (1 - input))


def _xlog1py_input(m, g, input, other):
    log1p = m.xlog1py(g, other)
    return m.where((input == 0) & (other <= -1), 0, log1p)


@elementwise(
    d=(_xlog1py_input, lambda g, input, other: g * input / (other + 1)),
    promote="float",
    space="special",
    method=False,
    inplace=False,
    domain=(0.1, 3.0),
    backward_name=overload("SpecialXlog1Py", 0, 2, 1),
    numbers="one",
)
def xlog1py(np, input: Array, other: Array):
    """input * log(1 + other), and 0 where input is 0, unless other is nan.  Either may be a number."""
    refuse("xlog1py_cpu", "c", input, other)
    value = np.multiply(input, np.log1p(other))
    dtype = next(x.dtype for x in (input, other) if hasattr(x, "dtype"))
    return np.where(np.equal(input, 0) & ~np.isnan(other), 0.0, value).astype(dtype, copy=False)
