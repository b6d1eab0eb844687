"""The line search of L-BFGS: a step that satisfies the strong Wolfe conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

CURVATURE, DECREASE = 0.9, 1e-4
"""c2 and c1 of Nocedal and Wright (2006), eq. 3.7: their values for quasi-Newton methods."""


class Point:
    """A trial on the line: step t, loss f, gradient g, slope g . d."""

    __slots__ = ("t", "f", "g", "slope")

    def __init__(self, t: Any, f: float, g: Any, slope: Any) -> None:
        self.t, self.f, self.g, self.slope = t, f, g, slope


def _cubic_interpolate(
    x1: Any, f1: Any, g1: Any, x2: Any, f2: Any, g2: Any, bounds: tuple[Any, Any] | None = None
) -> Any:
    """Minimiser of the cubic with values f1, f2 and slopes g1, g2 at x1, x2, kept within bounds (default: x1, x2).

    The middle of the bounds where the cubic has no minimum.
    Source: Nocedal and Wright (2006), eq. 3.59.
    """
    low, high = bounds if bounds is not None else ((x1, x2) if x1 <= x2 else (x2, x1))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1**2 - g1 * g2
    if not square >= 0:
        return (low + high) / 2.0
    d2 = square**0.5
    if x1 <= x2:
        position = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        position = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(position, low), high)


def between(a: Point, b: Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """Where the cubic through two trials is least."""
    return _cubic_interpolate(a.t, a.f, a.slope, b.t, b.f, b.slope, bounds)


class Search:
    """One search along d from x: counts evaluations, knows the start and the conditions."""

    def __init__(self, evaluate: Callable[..., Any], x: Any, d: Any, start: Point, c1: float, c2: float) -> None:
        self.evaluate, self.x, self.d, self.start = evaluate, x, d, start
        self.c1, self.c2 = c1, c2
        self.evaluations = 0

    def trial(self, t: Any) -> Point:
        """Loss and gradient after step t."""
        f, g = self.evaluate(self.x, t, self.d)
        self.evaluations += 1
        return Point(t, f, g.clone(), g.dot(self.d))

    def too_high(self, p: Point) -> bool:
        """Whether the decrease is not sufficient."""
        return bool(p.f > self.start.f + self.c1 * p.t * self.start.slope)

    def flat(self, p: Point) -> bool:
        """Whether the slope has become small enough."""
        return bool(abs(p.slope) <= -self.c2 * self.start.slope)

    def bracket(self, t: Any, limit: int) -> tuple[list[Point], int, bool]:
        """Trials of growing steps until a minimum lies between two: those (or the one that will do), how many, done?"""
        previous, now = self.start, self.trial(t)
        for count in range(limit):
            if self.too_high(now) or (count > 1 and now.f >= previous.f):
                return [previous, now], count, False
            if self.flat(now):
                return [now], count, True
            if now.slope >= 0:
                return [previous, now], count, False
            bounds = (now.t + 0.01 * (now.t - previous.t), now.t * 10)
            previous, now = now, self.trial(between(previous, now, bounds))
        return [self.start, now], limit, False

    def zoom(self, ends: list[Point], count: int, limit: int, tolerance: float) -> Point:
        """Narrow a bracket until a trial satisfies both conditions; the best trial."""
        length = self.d.abs().max()
        low, high = order(ends)
        stuck = False
        while count < limit and not abs(ends[1].t - ends[0].t) * length < tolerance:
            t, stuck = self.within(ends, stuck)
            now = self.trial(t)
            count += 1
            if self.too_high(now) or now.f >= ends[low].f:
                ends[high] = now
                low, high = order(ends)
                continue
            done = self.flat(now)
            if not done and now.slope * (ends[high].t - ends[low].t) >= 0:
                ends[high] = ends[low]
            ends[low] = now
            if done:
                break
        return ends[low]

    @staticmethod
    def within(ends: list[Point], stuck: bool) -> tuple[Any, bool]:
        """The next step, kept off the ends if two in a row come close to one; and whether this one does."""
        t = between(ends[0], ends[1])
        least, most = min(ends[0].t, ends[1].t), max(ends[0].t, ends[1].t)
        margin = 0.1 * (most - least)
        if min(most - t, t - least) >= margin:
            return t, False
        if not (stuck or t >= most or t <= least):
            return t, True
        return (most - margin if abs(t - most) < abs(t - least) else least + margin), False


def order(ends: list[Point]) -> tuple[int, int]:
    """Which end has the lower loss, and which the higher."""
    return (0, 1) if ends[0].f <= ends[-1].f else (1, 0)


def _strong_wolfe(
    obj_func: Callable[..., Any],
    x: Any,
    t: Any,
    d: Any,
    f: float,
    g: Any,
    gtd: Any,
    c1: float = DECREASE,
    c2: float = CURVATURE,
    tolerance_change: float = 1e-9,
    max_ls: int = 25,
) -> tuple[float, Any, Any, int]:
    """A step along d that satisfies the strong Wolfe conditions: loss and gradient there, the step, evaluations.

    obj_func(x, t, d): loss and flat gradient at x + t d.  f, g, gtd: loss, gradient and slope at x.
    Source: Nocedal and Wright (2006), algorithms 3.5 and 3.6.
    """
    search = Search(obj_func, x, d, Point(0, f, g.clone(), gtd), c1, c2)
    ends, count, done = search.bracket(t, max_ls)
    if done:
        best = ends[0]
    elif count >= max_ls:
        best = ends[order(ends)[0]]
    else:
        best = search.zoom(ends, count, max_ls, tolerance_change)
    return best.f, best.g, best.t, search.evaluations
