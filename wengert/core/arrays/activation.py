"""Activations that need many passes, block by block in the processor's cache, and choices without branches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.arrays.erf import erf

BLOCK = 1 << 15
"""Elements that are worked on at once."""

SQRT_HALF = 0.7071067811865476
PEAK = 0.3989422804014327  # density of the normal distribution at 0: 1 / sqrt(2 pi)
TANH_SCALE = 0.7978845608028654  # sqrt(2 / pi)
TANH_CUBE = 0.044715  # Hendrycks and Gimpel (2016), equation 2

# artanh(erf(x)) / x in x^2, fitted by weighted least squares to a relative error of 1e-7 in erf on [0, 4]; beyond, the
# polynomial grows and the tangent is 1 to float32.  Highest power first.
ARTANH_OF_ERF = (
    1.418278969822495e-7, -5.668014182447223e-6, 8.763425284996629e-5, -6.197757320478559e-4, -1.9184206030331552e-4,
    1.0276906192302704e-1, 1.128379225730896,
)  # fmt: skip
# The normal distribution function is 1 / (1 + exp(x q(x^2))): the same with x / sqrt(2), doubled and negated.
_LOGIT = tuple([-2 * c * SQRT_HALF * 0.5**k for k, c in zip(range(6, -1, -1), ARTANH_OF_ERF, strict=True)])


def by_blocks(np: Any, function: Callable[..., None], x: Any, *others: Any) -> Any:
    """A new array of x's shape and dtype that `function(np, into, x, *others)` has filled, block by block."""
    out = np.empty(x.shape, dtype=x.dtype)
    if x.size <= BLOCK and x.ndim:
        function(np, out, x, *others)
        return out
    into, parts = out.reshape(-1), [a.reshape(-1) for a in (x, *others)]
    for start in range(0, x.size, BLOCK):
        some = slice(start, start + BLOCK)
        function(np, into[some], *[a[some] for a in parts])
    return out


def _logit(np: Any, x: Any, square: Any) -> Any:
    """exp(x q(x^2)) + 1 in float32, the inverse of the normal distribution function."""
    found = square * _LOGIT[0]
    for c in _LOGIT[1:-1]:
        found += c
        found *= square
    found += _LOGIT[-1]
    found *= x
    np.exp(found, out=found)
    found += 1
    return found


def _gelu(np: Any, out: Any, x: Any) -> None:
    if x.dtype == np.float32:
        np.divide(x, _logit(np, x, x * x), out=out)
        return
    found = erf(np, x * SQRT_HALF)
    found += 1
    found *= 0.5
    np.multiply(found, x, out=out)


def _gelu_slope(np: Any, out: Any, x: Any, g: Any) -> None:
    square = x * x
    if x.dtype == np.float32:
        share = _logit(np, x, square)
        np.divide(1, share, out=share)
    else:
        share = erf(np, x * SQRT_HALF)
        share += 1
        share *= 0.5
    square *= -0.5
    np.exp(square, out=square)
    square *= PEAK
    square *= x
    share += square
    np.multiply(share, g, out=out)


def _bent(np: Any, x: Any, square: Any) -> Any:
    """tanh(sqrt(2 / pi) (x + 0.044715 x^3))."""
    found = square * (TANH_SCALE * TANH_CUBE)
    found += TANH_SCALE
    found *= x
    return np.tanh(found, out=found)


def _gelu_tanh(np: Any, out: Any, x: Any) -> None:
    found = _bent(np, x, x * x)
    found += 1
    found *= 0.5
    np.multiply(found, x, out=out)


def _gelu_tanh_slope(np: Any, out: Any, x: Any, g: Any) -> None:
    square = x * x
    t = _bent(np, x, square)
    square *= 1.5 * TANH_SCALE * TANH_CUBE
    square += 0.5 * TANH_SCALE
    square *= x
    # 0.5 (1 + t) + (1 - t)(1 + t) rest = (1 + t)(0.5 + (1 - t) rest)
    rest = 1 - t
    square *= rest
    square += 0.5
    t += 1
    square *= t
    np.multiply(square, g, out=out)


def gelu(np: Any, x: Any, bent: bool) -> Any:
    """x Phi(x), Phi the normal distribution function, or its tanh approximation (`bent`)."""
    return by_blocks(np, _gelu_tanh if bent else _gelu, x)


def gelu_gradient(np: Any, g: Any, x: Any, bent: bool) -> Any:
    """g times the derivative of `gelu`."""
    return by_blocks(np, _gelu_tanh_slope if bent else _gelu_slope, x, g)


# ---------------------------------------------------------------- choices

WORDS = {("f", 4): "int32", ("f", 8): "int64"}
"""Integers of the width of a floating dtype."""

FEW = 1024
"""Up to this size the plain choice is faster."""


def chosen(np: Any, condition: Any, a: Any, b: Any) -> Any:
    """np.where(condition, a, b) for arrays; large floating ones bit by bit: a mask is hard to foresee for a branch."""
    word = WORDS.get((a.dtype.kind, a.dtype.itemsize))
    if word is None or condition.size < FEW or b.dtype != a.dtype or np.__name__ != "numpy":
        return np.where(condition, a, b)
    if not a.ndim and not a.view(word):
        a, b, condition = b, a, np.logical_not(condition)
    keep = np.negative(condition.view("int8"), dtype=word)
    x, y = a.view(word), b.view(word)
    if not y.ndim and not y:
        return _met(np, np.bitwise_and, keep, x).view(a.dtype)
    found = _met(np, np.bitwise_and, keep, np.bitwise_xor(x, y))
    return _met(np, np.bitwise_xor, found, y).view(a.dtype)


def _met(np: Any, operator: Any, x: Any, y: Any) -> Any:
    """operator(x, y), in x's memory where the result has its shape."""
    if y.ndim == 0 or y.shape == x.shape:
        return operator(x, y, out=x)
    return operator(x, y)
