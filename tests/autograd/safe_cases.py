"""Programs whose gradient is 0 * inf where nothing depends on it, with the derivatives that they have.

Each case: name, function of one float64 tensor (and the library), point, gradient of its sum, and the row sums of the
Hessian (None: not asked).  Points include the edge (0, -inf, ties) at which the plain rule gives NaN.
"""

from __future__ import annotations

from math import inf, log, sqrt

EDGE = [0.0, 4.0, -1.0]
INF = inf


def pick(t, x, value, other=0.0):
    """value where x > 0."""
    return t.where(x > 0, value, other)


def window(t, x):
    """A root whose edge entries are overwritten in place."""
    y = x.sqrt()
    y = y.clone()
    y[x <= 0] = 0.0
    return y


def filled(t, x):
    """A logarithm filled through a view."""
    y = x.log() * 1.0
    y[:1].fill_(0.0)
    return y[:2]


CASES = [
    ("where-sqrt", lambda t, x: pick(t, x, x.sqrt()), EDGE, [0, 0.25, 0], [0, -1 / 32, 0]),
    ("where-sqrt-else-x", lambda t, x: pick(t, x, x.sqrt(), x), EDGE, [1, 0.25, 1], [0, -1 / 32, 0]),
    ("where-sqrt-tensor-zero", lambda t, x: pick(t, x, x.sqrt(), t.zeros(())), EDGE, [0, 0.25, 0], [0, -1 / 32, 0]),
    ("where-log", lambda t, x: pick(t, x, x.log()), EDGE, [0, 0.25, 0], [0, -1 / 16, 0]),
    ("where-log1p", lambda t, x: t.where(x > -1, x.log1p(), 0), EDGE, [1, 0.2, 0], [-1, -0.04, 0]),
    ("where-log2", lambda t, x: pick(t, x, x.log2()), EDGE, [0, 0.25 / log(2), 0], None),
    ("where-log10", lambda t, x: pick(t, x, x.log10()), EDGE, [0, 0.25 / log(10), 0], None),
    ("where-reciprocal", lambda t, x: pick(t, x, 1 / x), EDGE, [0, -1 / 16, 0], [0, 1 / 32, 0]),
    ("where-x-over-x", lambda t, x: pick(t, x, x / x, 1.0), EDGE, [0, 0, 0], [0, 0, 0]),
    ("where-sin-over-x", lambda t, x: t.where(x != 0, x.sin() / x, 1.0), [0.0], [0], [0]),
    ("where-rsqrt", lambda t, x: pick(t, x, x.rsqrt()), EDGE, [0, -1 / 16, 0], [0, 3 / 128, 0]),
    ("where-pow-half", lambda t, x: pick(t, x, x**0.5), EDGE, [0, 0.25, 0], [0, -1 / 32, 0]),
    ("where-pow-three-halves", lambda t, x: pick(t, x, x**1.5), EDGE, [0, 3, 0], [0, 0.375, 0]),
    ("where-pow-minus-one", lambda t, x: pick(t, x, x**-1), EDGE, [0, -1 / 16, 0], [0, 1 / 32, 0]),
    ("where-pow-tensor", lambda t, x: pick(t, x, x ** t.full((3,), 0.5, dtype=x.dtype)), EDGE, [0, 0.25, 0], None),
    ("where-exponent", lambda t, x: t.where(x > 0, t.zeros(3, dtype=x.dtype) ** -x, 0.0)[2:], EDGE, [0, 0, 0], None),
    ("where-exp-overflow", lambda t, x: t.where(x < 5, x.exp(), x), [1000.0, 0.0], [1, 1], [0, 1]),
    ("where-sinh-overflow", lambda t, x: t.where(x < 5, x.cosh(), x), [1000.0, 0.0], [1, 0], [0, 1]),
    ("where-asin", lambda t, x: t.where(x.abs() < 1, x.asin(), 0.0), [1.0, -1.0, 0.0], [0, 0, 1], [0, 0, 0]),
    ("where-acos", lambda t, x: t.where(x.abs() < 1, x.acos(), 0.0), [1.0, -1.0, 0.0], [0, 0, -1], [0, 0, 0]),
    ("where-acosh", lambda t, x: t.where(x > 1, x.acosh(), 0.0), [1.0, 2.0], [0, 1 / sqrt(3)], None),
    ("where-atanh", lambda t, x: t.where(x.abs() < 1, x.atanh(), 0.0), [1.0, 0.0], [0, 1], [0, 0]),
    ("where-logit", lambda t, x: t.where((x > 0) & (x < 1), x.logit(), 0.0), [0.0, 1.0, 0.5], [0, 0, 4], [0, 0, 0]),
    ("where-atan2", lambda t, x: t.where(x != 0, t.atan2(x, x), 0.0), [0.0, 2.0], [0, 0], [0, 0]),
    ("where-entropy", lambda t, x: pick(t, x, -x * x.log()), [0.0, 1.0], [0, -1], [0, -1]),
    ("where-both", lambda t, x: t.where(x > 0, x.sqrt(), (-x).sqrt()), [4.0, -4.0], [0.25, -0.25], [-1 / 32, -1 / 32]),
    ("where-nested", lambda t, x: pick(t, x, pick(t, x, x.sqrt()).log()), EDGE, [0, 0.125, 0], [0, -1 / 32, 0]),
    ("where-after-scale", lambda t, x: pick(t, x, 3 * x.sqrt() - 1), EDGE, [0, 0.75, 0], [0, -3 / 32, 0]),
    ("where-squared", lambda t, x: pick(t, x, x**1.5) ** 2, EDGE, [0, 48, 0], [0, 24, 0]),
    ("where-scalar", lambda t, x: t.where(x.sum() > 0, x.sum().sqrt(), 0.0), [0.0, 0.0], [0, 0], [0, 0]),
    ("where-broadcast", lambda t, x: t.where(x[:, None] > 0, x[:, None].sqrt(), x), [0.0, 4.0], [1, 1.5], None),
    ("where-norm", lambda t, x: pick(t, x, 1 / x.abs().sqrt()), EDGE, [0, -1 / 16, 0], None),
    ("where-matmul", lambda t, x: pick(t, x, x.sqrt()) @ t.ones(3, 2).to(x), EDGE, [0, 0.5, 0], [0, -1 / 16, 0]),
    ("where-stack", lambda t, x: pick(t, x, t.stack([x.sqrt(), x.log()]).sum(0)), EDGE, [0, 0.5, 0], None),
    ("where-cumsum", lambda t, x: pick(t, x, x.sqrt()).cumsum(0), EDGE, [0, 0.5, 0], [0, -1 / 16, 0]),
    ("where-softmax", lambda t, x: t.where(x > -INF, t.softmax(x.log(), 0)[0], 0.0), [1.0], [0], None),
    ("masked-fill", lambda t, x: x.log().masked_fill(x <= 0, 0.0), EDGE, [0, 0.25, 0], [0, -1 / 16, 0]),
    ("masked-select", lambda t, x: x.sqrt()[x > 0], EDGE, [0, 0.25, 0], [0, -1 / 32, 0]),
    ("masked-scatter", lambda t, x: x.sqrt().masked_scatter(x <= 0, t.ones(3).to(x)), EDGE, [0, 0.25, 0], None),
    ("index", lambda t, x: x.sqrt()[t.tensor([1])], EDGE, [0, 0.25, 0], [0, -1 / 32, 0]),
    ("slice", lambda t, x: x.log()[1:2], EDGE, [0, 0.25, 0], [0, -1 / 16, 0]),
    ("gather", lambda t, x: x.sqrt().gather(0, t.tensor([1, 1])), EDGE, [0, 0.5, 0], [0, -1 / 16, 0]),
    ("in-place mask", window, EDGE, [0, 0.25, 0], [0, -1 / 32, 0]),
    ("in-place view", filled, EDGE, [0, 0.25, 0], None),
    ("times zero mask", lambda t, x: x.sqrt()[:2] * t.tensor([0.0, 1.0]), EDGE, [0, 0.25, 0], [0, -1 / 32, 0]),
    ("times boolean", lambda t, x: x[:2].sqrt() * (x[:2] > 0), EDGE, [0, 0.25, 0], [0, -1 / 32, 0]),
    ("clamp-log", lambda t, x: x.log()[:2].clamp(min=-5.0), EDGE, [0, 0.25, 0], [0, -1 / 16, 0]),
    ("clip-of-reciprocal", lambda t, x: (1 / x)[:2].clamp(max=10.0), EDGE, [0, -1 / 16, 0], None),
    ("relu-of-log", lambda t, x: x.log()[:2].relu(), EDGE, [0, 0.25, 0], [0, -1 / 16, 0]),
    ("maximum", lambda t, x: t.maximum(x.log()[:2], t.full((2,), -3.0, dtype=x.dtype)), EDGE, [0, 0.25, 0], None),
    ("max of logs", lambda t, x: x.log()[:2].max(), EDGE, [0, 0.25, 0], [0, -1 / 16, 0]),
    ("norm by hand", lambda t, x: (x * x).sum().sqrt(), [0.0, 0.0], [0, 0], None),
    ("norm by square", lambda t, x: x.square().sum() ** 0.5, [0.0, 0.0], [0, 0], None),
    ("norm of rows", lambda t, x: (x.reshape(2, 2) ** 2).sum(1).sqrt(), [0.0, 0.0, 3.0, 4.0], [0, 0, 0.6, 0.8], None),
    ("p-norm by hand", lambda t, x: (x.abs() ** 3).sum() ** (1 / 3), [0.0, 0.0], [0, 0], None),
    ("root of cube", lambda t, x: (x**3).sqrt(), [0.0, 4.0], [0, 3], None),
    ("distance", lambda t, x: ((x - x.detach()) ** 2).sum().sqrt(), [1.0, 2.0], [0, 0], None),
    ("root of variance", lambda t, x: x.var().sqrt(), [2.0, 2.0, 2.0], [0, 0, 0], None),
    ("std of equals", lambda t, x: x.std(), [2.0, 2.0, 2.0], [0, 0, 0], None),
    ("vector norm", lambda t, x: x.norm(), [0.0, 0.0], [0, 0], None),
    ("normalised", lambda t, x: x / (x * x).sum().sqrt().clamp(min=1e-3), [0.0, 0.0], [1000, 1000], None),
    ("logsumexp of -inf", lambda t, x: x.logsumexp(0).clamp(min=-9), [-INF, -INF], [0, 0], None),
    ("logsumexp part", lambda t, x: x.logsumexp(0), [-INF, 0.0], [0, 1], [0, 0]),
    ("prod with zeros", lambda t, x: x.prod(), [0.0, 2.0, 3.0], [6, 0, 0], [5, 3, 2]),
    ("zero to a power", lambda t, x: x**2.0, [0.0, 3.0], [0, 6], [2, 2]),
]  # fmt: skip
