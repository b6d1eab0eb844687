"""Text of long short-term memory: all steps of a layer for some sequences, forward and backward.

A piece is a block of sequences, which it follows through all steps on its own: threads never wait for each other
between steps.  Rows are the entries of all sequences ordered by time; step t holds the rows from `starts[t]` on, for
the first `counts[t]` sequences.  The recurrent weight is copied into panels once per piece.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.kernels.attentions import Attention
from wengert.core.kernels.convolutions import with_memory
from wengert.core.kernels.host import Target
from wengert.core.kernels.mathematics import exp, tanh
from wengert.core.kernels.matrices import divided, fields
from wengert.core.kernels.text import Block, Function, module
from wengert.core.kernels.tiles import panel_call, transpose_call

__all__ = ["BACKWARD", "FORWARD", "gradients_text", "lstm_text"]

STEPS = (
    ("array", "starts"), ("array", "counts"), ("array", "trouble"), ("whole", "steps"), ("whole", "batch"),
    ("whole", "size"), ("whole", "rows"), ("array", "weight"),
)  # fmt: skip
"""Steps in the order of computation; rows: sequences of a piece; weight (4 size, size)."""

FORWARD = (*STEPS, ("array", "gates"), ("array", "cells"), ("array", "out"), ("array", "h"), ("array", "c"))
"""gates (rows, 4 size): what comes from the inputs, and becomes i f g o; h and c become the last states."""

BACKWARD = (
    *STEPS, ("array", "gates"), ("array", "cells"), ("array", "before"), ("array", "g"), ("array", "dh"),
    ("array", "dc"), ("array", "d"),
)  # fmt: skip
"""before: the cells that steps started from; g: gradient of the outputs; d (rows, 4 size): of the gates before their
functions; dh and dc become the gradients of the first states."""


def sigmoid(b: Block, x: str) -> str:
    """1 / (1 + exp(-x))."""
    return b.div(1.0, b.add(exp(b, b.neg(x)), 1.0))


def stepped(b: Block, x: list[str], s: list[str]) -> tuple[list[Any], list[Any]]:
    """i f g o, the cell twice, the output twice, from both parts of the gates and the cell before."""
    i, f, o = (sigmoid(b, b.add(x[k], x[k + 4])) for k in (0, 1, 3))
    n = tanh(b, b.add(x[2], x[6]))
    cell = b.fma(f, x[8], b.mul(i, n))
    out = b.mul(o, tanh(b, cell))
    return [i, f, n, o, cell, cell, out, out], []


def stepped_back(b: Block, x: list[str], s: list[str]) -> tuple[list[Any], list[Any]]:
    """Gradients of i f g o before their functions, and of the cell before; from gates, cells and what came."""
    i, f, n, o, cell, before, g, dh, dc = x
    saturated, h = tanh(b, cell), b.add(g, dh)
    c = b.fma(b.mul(h, o), b.sub(1.0, b.mul(saturated, saturated)), dc)
    return [
        b.mul(b.mul(c, n), b.mul(i, b.sub(1.0, i))),
        b.mul(b.mul(c, before), b.mul(f, b.sub(1.0, f))),
        b.mul(b.mul(c, i), b.sub(1.0, b.mul(n, n))),
        b.mul(b.mul(h, saturated), b.mul(o, b.sub(1.0, o))),
        b.mul(c, f),
    ], []


class Steps:
    """One piece while it is written: its sequences, and the loop over its steps."""

    def __init__(self, a: Attention, symbol: str, arguments: Any) -> None:
        self.a = a
        self.f = f = Function(f"define internal void @{symbol}_piece(ptr %table, i64 %index)")
        self.t = t = fields(f, arguments)
        self.joined = f.emit(f"alloca {a.dtype}, i64 4, align 64")
        self.first = f.long("mul", "%index", t["rows"])
        self.last = f.least(f.long("add", self.first, t["rows"]), t["batch"])
        self.wide = f.long("mul", t["size"], 4)

    def loop(self, body: Callable[[str, str, str], None], last_first: bool = False) -> None:
        """`body(step, sequences, first row)` for every step that has sequences of this piece."""
        f, t = self.f, self.t

        def step(index: str) -> None:
            at = f.long("sub", f.long("sub", t["steps"], 1), index) if last_first else index
            end = f.least(f.field(t["counts"], at, "i64"), self.last)
            row = f.long("add", f.field(t["starts"], at, "i64"), self.first)
            some = f.long("icmp ugt", end, self.first)
            f.when(some, lambda: body(at, f.long("sub", end, self.first), row))

        f.loop("0", t["steps"], 1, step)

    def panels(self, room: str, left: str, ars: str, into: str, m: str, n: str, k: str) -> None:
        """into = left times the matrix whose panels stand in the room."""
        f, a = self.f, self.a

        def panel(column: str) -> None:
            here = f.least(f.long("sub", n, column), a.tiles.width)
            b = f.offset(room, f.long("mul", column, k), a.dtype)
            panel_call(f, a.tiles.name, c=f.offset(into, column, a.dtype), ldc=n, a=left, ars=ars, acs=1, b=b,
                       ldb=a.tiles.width, m=m, n=here, k=k)  # fmt: skip

        f.loop("0", n, a.tiles.width, panel)

    def quarters(self, row: str) -> list[str]:
        """The four gates of a row."""
        return [self.a.place(self.f, row, (self.t["size"], k)) for k in range(4)]

    def room_of(self, n: str, k: str) -> str:
        """Elements of a matrix with k rows and n columns in panels."""
        f, width = self.f, self.a.tiles.width
        return f.long("mul", f.long("mul", divided(f, n, width), width), k)


def lstm_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of the forward steps."""
    a, symbol = Attention(target, dtype), f"lstm_{dtype}"
    a.sweep("stepped", 9, 8, 0, [], stepped)
    p = Steps(a, symbol, FORWARD)
    f, t, size = p.f, p.t, p.t["size"]

    def body(weight: str, product: str) -> None:
        def turned(column: str) -> None:
            to, source = f.offset(weight, f.long("mul", column, size), dtype), a.place(f, t["weight"], (column, size))
            here = f.least(f.long("sub", p.wide, column), a.tiles.width)
            transpose_call(f, to, a.tiles.width, source, size, here, size)

        f.loop("0", p.wide, a.tiles.width, turned)

        def step(at: str, m: str, first: str) -> None:
            h, c = (a.place(f, t[name], (p.first, size)) for name in "hc")
            p.panels(weight, h, size, product, m, p.wide, size)

            def row(i: str) -> None:
                line = f.long("add", first, i)
                gates = p.quarters(a.place(f, t["gates"], (line, p.wide)))
                more = p.quarters(a.place(f, product, (i, p.wide)))
                cell, out = (a.place(f, t[name], (line, size)) for name in ("cells", "out"))
                own = [a.place(f, x, (i, size)) for x in (c, h)]
                a.run(f, "stepped", [*gates, cell, own[0], out, own[1], *gates, *more, own[0]], [], size, p.joined)

            f.loop("0", m, 1, row)

        p.loop(step)

    with_memory(f, dtype, t, [p.room_of(p.wide, size), f.long("mul", p.wide, t["rows"])], body)
    f.do("ret void")
    a.functions += [f, caller(FORWARD, symbol)]
    return module(a.functions, "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


def gradients_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of the steps back."""
    a, symbol = Attention(target, dtype), f"lstm_back_{dtype}"
    a.sweep("stepped", 9, 5, 0, [], stepped_back)
    p = Steps(a, symbol, BACKWARD)
    f, t, size = p.f, p.t, p.t["size"]

    def body(weight: str) -> None:
        def copied(column: str) -> None:
            here = f.least(f.long("sub", size, column), a.tiles.width)
            bytes_ = f.long("mul", here, 4 if dtype == "float" else 8)
            f.declared.add("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
            to = f.offset(weight, f.long("mul", column, p.wide), dtype)

            def one(k: str) -> None:
                line, source = a.place(f, to, (k, a.tiles.width)), a.place(f, t["weight"], (k, size), (column, 1))
                f.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {line}, ptr {source}, i64 {bytes_}, i1 false)")

            f.loop("0", p.wide, 1, one)

        f.loop("0", size, a.tiles.width, copied)

        def step(at: str, m: str, first: str) -> None:
            dh, dc = (a.place(f, t[name], (p.first, size)) for name in ("dh", "dc"))

            def row(i: str) -> None:
                line = f.long("add", first, i)
                gates, d = (p.quarters(a.place(f, t[name], (line, p.wide))) for name in ("gates", "d"))
                given = [a.place(f, t[name], (line, size)) for name in ("cells", "before", "g")]
                own = [a.place(f, x, (i, size)) for x in (dh, dc)]
                a.run(f, "stepped", [*d, own[1], *gates, *given, *own], [], size, p.joined)

            f.loop("0", m, 1, row)
            p.panels(weight, a.place(f, t["d"], (first, p.wide)), p.wide, dh, m, size, p.wide)

        p.loop(step, last_first=True)

    with_memory(f, dtype, t, [p.room_of(size, p.wide)], body)
    f.do("ret void")
    a.functions += [f, caller(BACKWARD, symbol)]
    return module(a.functions, "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


def caller(arguments: Any, symbol: str) -> Function:
    """`void f(table)`: all pieces."""
    f = Function(f"define void @{symbol}(ptr %table)")
    t = fields(f, arguments)
    f.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {divided(f, t['batch'], t['rows'])})")
    f.do("ret void")
    return f
