"""softmax and its logarithm along a dim that is not the last, and their gradients: text, calls, and the tests to pass.

The sums of a block of neighbouring columns grow side by side while the rows go by, so that memory is read in its order.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from wengert.core.kernels.host import Target
from wengert.core.kernels.mathematics import exp, log
from wengert.core.kernels.matrices import divided, fields
from wengert.core.kernels.text import Block, Function, module
from wengert.core.kernels.trials import Call

__all__ = ["CALLS"]

ARGUMENTS = (("array", "out"), ("array", "x"), ("array", "g"), ("whole", "outer"), ("whole", "n"), ("whole", "inner"))
"""Arrays (outer, n, inner), all contiguous; x is a result where g is its gradient."""

COLUMNS = 256
"""Columns of a piece."""


class Columns(Block):
    """`f_piece(table, index)`: a block of columns of one of the outer parts, with rooms for numbers of each column."""

    def __init__(self, target: Target, dtype: str, symbol: str) -> None:
        super().__init__(target, dtype, head=f"define internal void @{symbol}_piece(ptr %table, i64 %index)")
        self.rooms = [self.emit(f"alloca {dtype}, i64 {COLUMNS}, align 64") for _ in range(2)]
        t = self.t = fields(self, ARGUMENTS)
        across = divided(self, t["inner"], COLUMNS)
        first = self.long("mul", self.long("urem", "%index", across), COLUMNS)
        self.wide = self.least(self.long("sub", t["inner"], first), COLUMNS)
        rows = self.long("mul", self.long("udiv", "%index", across), t["n"])
        self.start = self.long("add", self.long("mul", rows, t["inner"]), first)
        self.full = self.emit(f"and i64 {self.wide}, {-self.lanes}")
        self.rest = self.first_lanes(self.long("sub", self.wide, self.full))

    def columns(self, one: Callable[[str, str | None], None]) -> None:
        """`one(column, mask)` for all vectors of the block."""
        self.loop("0", self.full, self.lanes, lambda i: one(i, None))
        self.when(self.long("icmp ult", self.full, self.wide), lambda: one(self.full, self.rest))

    def sweep(
        self, arrays: str, rooms: tuple[int, ...], step: Callable[..., Any], into: int | None = None, out: bool = False
    ) -> None:
        """Row by row: `step(values..., room values...)` goes to a room, to the result, or (both) to the two."""

        def row(k: str) -> None:
            line = self.long("add", self.start, self.long("mul", k, self.t["inner"]))

            def one(i: str, mask: str | None) -> None:
                place = self.long("add", line, i)
                given = [self.load(self.offset(self.t[name], place, self.dtype), mask) for name in arrays.split()]
                given += [self.load(self.offset(self.rooms[r], i, self.dtype), mask) for r in rooms]
                found = step(*given)
                grown, shown = found if into is not None and out else (found, found)
                if into is not None:
                    self.store(grown, self.offset(self.rooms[into], i, self.dtype), mask)
                if out:
                    self.store(shown, self.offset(self.t["out"], place, self.dtype), mask)

            self.columns(one)

        self.loop("0", self.t["n"], 1, row)

    def room(self, which: int, value: Callable[..., Any], *others: int) -> None:
        """A room filled with what is made of rooms."""

        def one(i: str, mask: str | None) -> None:
            given = [self.load(self.offset(self.rooms[r], i, self.dtype), mask) for r in others]
            self.store(value(*given), self.offset(self.rooms[which], i, self.dtype), mask)

        self.columns(one)

    def largest(self) -> None:
        """Room 0: the largest of each column, room 1: zero."""
        self.room(0, lambda: float("-inf"))
        self.room(1, lambda: 0.0)
        self.sweep("x", (0,), lambda x, m: self.intrinsic("maximum", x, m), into=0)


def softmax(b: Columns) -> None:
    """exp(x - largest) / sum."""
    b.largest()

    def step(x: str, m: str, s: str) -> tuple[str, str]:
        y = exp(b, b.sub(x, m))
        return b.add(s, y), y

    b.sweep("x", (0, 1), step, into=1, out=True)
    b.sweep("out", (1,), lambda y, s: b.div(y, s), out=True)


def log_softmax(b: Columns) -> None:
    """x - largest - log(sum)."""
    b.largest()
    b.sweep("x", (0, 1), lambda x, m, s: b.add(s, exp(b, b.sub(x, m))), into=1)
    b.room(1, lambda s: log(b, s), 1)
    b.sweep("x", (0, 1), lambda x, m, s: b.sub(b.sub(x, m), s), out=True)


def softmax_back(b: Columns) -> None:
    """out (g - sum(g out))."""
    b.room(0, lambda: 0.0)
    b.sweep("g x", (0,), lambda g, y, s: b.fma(g, y, s), into=0)
    b.sweep("g x", (0,), lambda g, y, s: b.mul(y, b.sub(g, s)), out=True)


def log_softmax_back(b: Columns) -> None:
    """g - exp(out) sum(g)."""
    b.room(0, lambda: 0.0)
    b.sweep("g", (0,), lambda g, s: b.add(s, g), into=0)
    b.sweep("g x", (0,), lambda g, y, s: b.sub(g, b.mul(exp(b, y), s)), out=True)


def text(write: Callable[[Columns], None]) -> Callable[[Target, str], tuple[str, str]]:
    """Writes the module of a kernel."""

    def written(target: Target, dtype: str) -> tuple[str, str]:
        symbol = f"{write.__name__}_across_{dtype}"
        b = Columns(target, dtype, symbol)
        write(b)
        b.do("ret void")
        f = Function(f"define void @{symbol}(ptr %table)")
        t = fields(f, ARGUMENTS)
        number = f.long("mul", t["outer"], divided(f, t["inner"], COLUMNS))
        f.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {number})")
        f.do("ret void")
        return module([b, f], "declare void @wengert_parallel(ptr, ptr, i64)"), symbol

    return written


def sizes(x: Any, dim: int) -> tuple[int, int, int]:
    """Outer parts, elements along the dim, columns."""
    return prod(x.shape[:dim]), x.shape[dim], prod(x.shape[dim + 1 :])


def forward(run: Any) -> Callable[..., Any]:
    """The function of a contiguous array along a dim from the front."""

    def call(x: Any, dim: int) -> Any:
        out = np.empty(x.shape, x.dtype)
        run(out, x, x, *sizes(x, dim))
        return out

    return call


def backward(run: Any) -> Callable[..., Any]:
    """The gradient from that of the result and the result."""

    def call(g: Any, x: Any, dim: int) -> Any:
        out, g = np.empty(x.shape, x.dtype), np.ascontiguousarray(g)
        run(out, x, g, *sizes(x, dim))
        return out

    return call


CASES = (((3, 5, 40), 1), ((7, 300), 0), ((2, 1, 16), 1), ((1, 257, 600), 1), ((2, 3, 4, 5, 7), 2))
"""Shape, dim."""


def results(x: Any, dim: int) -> tuple[Any, Any]:
    """softmax and its logarithm in double."""
    centred = x.astype(np.float64) - x.max(dim, keepdims=True)
    total = np.exp(centred).sum(dim, keepdims=True)
    return np.exp(centred) / total, centred - np.log(total)


def trial(logarithm: bool, back: bool) -> Callable[..., Any]:
    """Found and wanted: ordinary numbers, and for results also infinities and nan."""

    def tried(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
        shape, dim = case
        x = (rng.standard_normal(shape) * 4).astype(dtype)
        y = results(x, dim)[logarithm].astype(dtype)
        if back:
            g = rng.standard_normal(shape).astype(dtype)
            wide, out = g.astype(np.float64), y.astype(np.float64)
            total = (wide if logarithm else wide * out).sum(dim, keepdims=True)
            wanted = wide - np.exp(out) * total if logarithm else out * (wide - total)
            return call(g, y, dim), wanted.astype(dtype)
        special = np.where(rng.random(shape) < 0.02, rng.choice([np.inf, -np.inf, np.nan], shape), x).astype(dtype)
        others = results(special, dim)[logarithm].astype(dtype)
        return (call(x, dim), call(special, dim)), (y, others)

    return tried


CALLS: dict[str, Call] = {
    f"{write.__name__}_across": Call(
        text(write), ARGUMENTS, backward if back else forward, trial(logarithm, back), CASES, 30
    )
    for write, logarithm, back in (
        (softmax, False, False),
        (log_softmax, True, False),
        (softmax_back, False, True),
        (log_softmax_back, True, True),
    )
}
"""Name -> kernel."""
