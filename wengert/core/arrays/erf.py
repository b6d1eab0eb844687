"""The error function and its kin on arrays: erf, erfc, erfcx, their inverse, and the normal distribution's forms.

Sources: W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969), 631-637, with
the coefficients of his routine CALERF; M. J. Wichura, Algorithm AS 241: the percentage points of the normal
distribution, Applied Statistics 37 (1988), 477-484, routine PPND16.
"""

from __future__ import annotations

from typing import Any

from wengert.core.arrays.approximation import double, ratio, regions

SQRT_HALF = 0.7071067811865476
_ROOT_PI_INVERSE = 0.5641895835477563

# Cody (1969): erf(x) / x in x^2 for |x| <= 0.46875.
_SMALL = 0.46875
_A = (
    1.85777706184603153e-1,
    3.16112374387056560e0,
    1.13864154151050156e2,
    3.77485237685302021e2,
    3.20937758913846947e3,
)
_B = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
# exp(x^2) erfc(x) for 0.46875 < x <= 4.
_C = (
    2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1, 2.98635138197400131e2,
    8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3,
)  # fmt: skip
_D = (
    1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
    3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
)  # fmt: skip
# x^2 (1 / sqrt(pi) - x exp(x^2) erfc(x)) in 1 / x^2 for x > 4.
_P = (
    1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
    1.60837851487422766e-2, 6.58749161529837803e-4,
)  # fmt: skip
_Q = (
    1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
    2.33520497626869185e-3,
)  # fmt: skip

# float32: erf(x) / x in x^2 for |x| <= 3.95, where erf is 1 to float32; fitted by weighted least squares to a relative
# error of 2e-8, after rounding 7 units in the last place.  No power has a negative coefficient, so nothing cancels.
_SINGLE_END = 3.95
_SINGLE = (
    2.025933314306174e-6, 2.846843433146792e-4, 3.8080122697148667e-3, 5.287497878217044e-2, 1.9154684105151662e-1,
    1.1283791437640869,
)  # fmt: skip
_SINGLE_BELOW = (
    3.783188801051719e-5, 1.1706896519842493e-3, 1.5054788267700923e-2, 1.1455818219969231e-1, 5.030866441649186e-1,
    1.0,
)  # fmt: skip

# Wichura (1988): x / q in 0.180625 - q^2 for |q| <= 0.425, where q = p - 1/2.
_CENTRE = (
    2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
    1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0,
)  # fmt: skip
_CENTRE_BELOW = (
    5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
    5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0,
)  # fmt: skip
# In r - 1.6, where r = sqrt(-log(tail)) <= 5.
_MIDDLE = (
    7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0,
    3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0,
)  # fmt: skip
_MIDDLE_BELOW = (
    1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
    6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1.0,
)  # fmt: skip
# In r - 5 beyond.
_TAIL = (
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
    2.96560571828504891230e-1, 1.78482653991729133580e0, 5.46378491116411436990e0, 6.65790464350110377720e0,
)  # fmt: skip
_TAIL_BELOW = (
    2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
    1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0,
)  # fmt: skip


def _centre(x: Any) -> Any:
    """erf for |x| <= 0.46875."""
    return x * ratio(x * x, _A, _B)


def _scaled_middle(y: Any) -> Any:
    return ratio(y, _C, _D)


def _scaled_tail(y: Any) -> Any:
    inverse = 1.0 / (y * y)
    return (_ROOT_PI_INVERSE - inverse * ratio(inverse, _P, _Q)) / y


def _square_exponential(np: Any, y: Any, sign: float) -> Any:
    """exp(sign y^2), y split into a part whose square is exact and a rest (Cody's routine)."""
    head = np.trunc(y * 16.0) / 16.0
    return np.exp(sign * head * head) * np.exp(sign * (y - head) * (y + head))


def _complement(np: Any, y: Any) -> Any:
    """erfc for y > 0.46875; 0 from 27 on, where it underflows."""
    y = np.minimum(y, 30.0)
    scaled = regions(np, y, (y <= 4.0, _scaled_middle), otherwise=_scaled_tail)
    return scaled * _square_exponential(np, y, -1.0)


def _erf(np: Any, x: Any) -> Any:
    def outer(part: Any) -> Any:
        # What is taken from 1 needs fewer digits than erfc: one formula serves up to 6, where the result is 1.
        y = np.minimum(np.abs(part), 6.0)
        return np.copysign(1.0 - np.exp(-y * y) * _scaled_middle(y), part)

    return regions(np, x, (np.abs(x) <= _SMALL, _centre), otherwise=outer)


def _erf_single(np: Any, x: Any) -> Any:
    """erf in float32 arithmetic: several times faster than float64, and activations are float32."""
    y = np.minimum(np.maximum(x, -_SINGLE_END), _SINGLE_END)
    y = y * ratio(y * y, _SINGLE, _SINGLE_BELOW)
    return np.minimum(np.maximum(y, -1), 1)


def _erfc(np: Any, x: Any) -> Any:
    def outer(part: Any) -> Any:
        tail = _complement(np, np.abs(part))
        return np.where(part < 0, 2.0 - tail, tail)

    return regions(np, x, (np.abs(x) <= _SMALL, lambda part: 1.0 - _centre(part)), otherwise=outer)


def _erfcx(np: Any, x: Any) -> Any:
    def negative(part: Any) -> Any:
        y = -part
        growth = np.where(y < 26.7, _square_exponential(np, np.minimum(y, 26.7), 1.0), np.inf)
        return 2.0 * growth - regions(np, y, (y <= 4.0, _scaled_middle), otherwise=_scaled_tail)

    return regions(
        np,
        x,
        (np.abs(x) <= _SMALL, lambda part: np.exp(part * part) * (1.0 - _centre(part))),
        (x < 0, negative),
        (x <= 4.0, _scaled_middle),
        otherwise=_scaled_tail,
    )


def _quantile(np: Any, q: Any, tail: Any) -> Any:
    """The normal quantile at 1/2 + q; `tail` is 1/2 - |q| without rounding.  +-inf at tail 0, nan below."""

    def centre(part: Any, _: Any) -> Any:
        return part * ratio(0.180625 - part * part, _CENTRE, _CENTRE_BELOW)

    def outer(part: Any, outside: Any) -> Any:
        r = np.sqrt(-np.log(outside))
        x = regions(
            np,
            r,
            (r <= 5.0, lambda y: ratio(y - 1.6, _MIDDLE, _MIDDLE_BELOW)),
            otherwise=lambda y: ratio(y - 5.0, _TAIL, _TAIL_BELOW),
        )
        return np.copysign(np.where(outside == 0, np.inf, x), part)

    return regions(np, q, (np.abs(q) <= 0.425, centre), otherwise=outer, extra=(tail,))


def _erfinv(np: Any, y: Any) -> Any:
    return _quantile(np, 0.5 * y, 0.5 * (1.0 - np.abs(y))) * SQRT_HALF


def _ndtri(np: Any, p: Any) -> Any:
    return _quantile(np, p - 0.5, np.minimum(p, 1.0 - p))


def _ndtr(np: Any, x: Any) -> Any:
    return 0.5 * _erfc(np, -SQRT_HALF * x)


def _log_ndtr(np: Any, x: Any) -> Any:
    return regions(
        np,
        x,
        (x < -1.0, lambda part: np.log(0.5 * _erfcx(np, -SQRT_HALF * part)) - 0.5 * part * part),
        otherwise=lambda part: np.log1p(-0.5 * _erfc(np, SQRT_HALF * part)),
    )


def erf(np: Any, x: Any) -> Any:
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    if getattr(x, "dtype", None) == np.float32:
        return _erf_single(np, x)
    return double(np, _erf, x)


def erfc(np: Any, x: Any) -> Any:
    """1 - erf(x) without cancellation."""
    return double(np, _erfc, x)


def erfcx(np: Any, x: Any) -> Any:
    """exp(x^2) erfc(x)."""
    return double(np, _erfcx, x)


def erfinv(np: Any, y: Any) -> Any:
    """The x with erf(x) = y; +-inf at +-1, nan outside [-1, 1]."""
    return double(np, _erfinv, y)


def ndtr(np: Any, x: Any) -> Any:
    """The normal distribution function."""
    return double(np, _ndtr, x)


def ndtri(np: Any, p: Any) -> Any:
    """The normal quantile; -inf at 0, inf at 1, nan outside."""
    return double(np, _ndtri, p)


def log_ndtr(np: Any, x: Any) -> Any:
    """The logarithm of the normal distribution function."""
    return double(np, _log_ndtr, x)
