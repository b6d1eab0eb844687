"""Orthogonal polynomials on arrays of points and degrees, by their three-term recurrences.

Recurrences: NIST Digital Library of Mathematical Functions (DLMF), table 18.9.1; Chebyshev's of the third and fourth
kind: J. C. Mason and D. C. Handscomb, Chebyshev Polynomials (2003), section 1.2.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Family:
    """One family: p_0 = 1, `first` is p_1(x), `following(k, x, q, p)` is p_k from q = p_(k-1) and p = p_(k-2).

    `angular(np, n, t)` is p_n(cos t) inside (-1, 1), `ends(n, sign)` is p_n(+-1) with sign = (+-1)^n, `hermite` says
    that high degrees are refused.
    """

    __slots__ = ("angular", "ends", "first", "following", "hermite")

    def __init__(
        self,
        first: Callable[..., Any],
        following: Callable[..., Any],
        angular: Callable[..., Any] | None = None,
        ends: Callable[..., Any] | None = None,
        hermite: bool = False,
    ) -> None:
        self.first, self.following, self.angular, self.ends, self.hermite = first, following, angular, ends, hermite


def _doubled(k: int, x: Any, q: Any, p: Any) -> Any:
    return 2.0 * x * q - p


chebyshev_t = Family(
    first=lambda x: x,
    following=_doubled,
    angular=lambda np, n, t: np.cos(n * t),
    ends=lambda np, x, n, sign: sign,
)
chebyshev_u = Family(
    first=lambda x: 2.0 * x,
    following=_doubled,
    angular=lambda np, n, t: np.sin((n + 1.0) * t) / np.sin(t),
    ends=lambda np, x, n, sign: sign * (n + 1.0),
)
chebyshev_v = Family(
    first=lambda x: 2.0 * x - 1.0,
    following=_doubled,
    angular=lambda np, n, t: np.cos((n + 0.5) * t) / np.cos(0.5 * t),
    ends=lambda np, x, n, sign: np.where(x > 0, 1.0, sign * (2.0 * n + 1.0)),
)
chebyshev_w = Family(
    first=lambda x: 2.0 * x + 1.0,
    following=_doubled,
    angular=lambda np, n, t: np.sin((n + 0.5) * t) / np.sin(0.5 * t),
    ends=lambda np, x, n, sign: np.where(x > 0, 2.0 * n + 1.0, sign),
)
hermite_h = Family(first=lambda x: 2.0 * x, following=lambda k, x, q, p: 2.0 * x * q - 2.0 * (k - 1) * p, hermite=True)
hermite_he = Family(first=lambda x: x, following=lambda k, x, q, p: x * q - (k - 1) * p, hermite=True)
laguerre = Family(first=lambda x: 1.0 - x, following=lambda k, x, q, p: ((2 * k - 1 - x) * q - (k - 1) * p) / k)
legendre = Family(
    first=lambda x: x,
    following=lambda k, x, q, p: ((2 * k - 1) * x * q - (k - 1) * p) / k,
    ends=lambda np, x, n, sign: sign,
)

# From here on the angle is both quicker and more accurate than the recurrence.
_ANGULAR_FROM = 7
# torch's bounds, near which the values overflow.
_HERMITE_LIMIT, _HERMITE_LIMIT_SINGLE = 512, 128


def evaluate(np: Any, family: Family, x: Any, n: Any) -> Any:
    """p_n(x) element by element with broadcasting; 0 for negative degrees."""
    dtype = np.result_type(x, n)
    x, n = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(n))
    n = n.astype(np.int64)
    result = np.zeros(x.shape)
    pending = n >= 0
    if family.hermite:
        limit = _HERMITE_LIMIT_SINGLE if dtype.itemsize == 4 else _HERMITE_LIMIT
        result = np.where(n > limit, np.nan, result)
        pending = pending & (n <= limit)
    if family.ends is not None:
        ends = pending & (np.abs(x) == 1.0)
        sign = np.where((x > 0) | (n % 2 == 0), 1.0, -1.0)
        result = np.where(ends, family.ends(np, x, n, sign), result)
        pending = pending & ~ends
    if family.angular is not None:
        angular = pending & (n >= _ANGULAR_FROM) & (np.abs(x) < 1.0)
        result = np.where(angular, family.angular(np, n, np.arccos(x)), result)
        pending = pending & ~angular
    return _recurrence(np, family, x, np.where(pending, n, -1), result).astype(dtype, copy=False)


def _recurrence(np: Any, family: Family, x: Any, n: Any, result: Any) -> Any:
    """p_n(x) where n >= 0, `result` elsewhere.  It ends early when all that is left has become nan."""
    before, current = np.ones_like(x), family.first(x)
    result = np.where(n == 0, before, np.where(n == 1, current, result))
    highest = int(n.max()) if n.size else 0
    for k in range(2, highest + 1):
        before, current = current, family.following(k, x, current, before)
        result = np.where(n == k, current, result)
        left = n > k
        if k % 16 == 0 and bool((np.isnan(current) | ~left).all()):
            return np.where(left, current, result)
    return result
