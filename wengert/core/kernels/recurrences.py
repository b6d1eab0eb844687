"""Text of recurrent layers (LSTM, GRU, plain): all steps of a layer for some sequences, forward and backward.

A piece is a block of sequences, which it follows through all steps on its own: threads never wait for each other
between steps.  Rows are the entries of all sequences ordered by time; step t holds the rows from `starts[t]` on, for
the first `counts[t]` sequences.  The recurrent weight is copied into panels once per piece, or split into tiles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.kernels.amx_splitting import SIDE
from wengert.core.kernels.amx_steps import CONFIGURATION, TiledWeight, tiled_functions, with_tiles
from wengert.core.kernels.attentions import Attention
from wengert.core.kernels.convolutions import with_memory
from wengert.core.kernels.host import Target
from wengert.core.kernels.mathematics import exp, maximum, tanh
from wengert.core.kernels.matrices import divided, fields
from wengert.core.kernels.text import Block, Function, module
from wengert.core.kernels.tiles import panel_call, transpose_call

__all__ = [
    "GRU", "GRU_BACK", "LSTM", "LSTM_BACK", "RNN", "RNN_BACK", "gru_back_text", "gru_text", "lstm_back_text",
    "lstm_text", "rnn_back_text", "rnn_text",
]  # fmt: skip

STEPS = (
    ("array", "starts"), ("array", "counts"), ("array", "trouble"), ("whole", "steps"), ("whole", "batch"),
    ("whole", "size"), ("whole", "rows"), ("whole", "tiled"), ("array", "weight"),
)  # fmt: skip
"""Steps in the order of computation; rows: sequences of a piece; tiled: products on AMX, 16 sequences at a time;
weight (gates size, size)."""

LSTM = (*STEPS, ("array", "gates"), ("array", "cells"), ("array", "out"), ("array", "h"), ("array", "c"))
"""gates (rows, 4 size): what comes from the inputs, and becomes i f g o; h and c become the last states."""

LSTM_BACK = (
    *STEPS, ("array", "gates"), ("array", "cells"), ("array", "before"), ("array", "g"), ("array", "dh"),
    ("array", "dc"), ("array", "d"),
)  # fmt: skip
"""before: the cells that steps started from; g: gradient of the outputs; d (rows, 4 size): of the gates before their
functions; dh and dc become the gradients of the first states."""

GRU = (*STEPS, ("array", "given"), ("array", "bias"), ("array", "gates"), ("array", "out"), ("array", "h"))
"""given (rows, 3 size): what comes from the inputs; bias: of the hidden parts; gates (rows, 4 size) become r z n and
the hidden part of n; h becomes the last state."""

GRU_BACK = (
    *STEPS, ("array", "gates"), ("array", "before"), ("array", "g"), ("array", "dh"), ("array", "d"),
    ("array", "hidden"),
)  # fmt: skip
"""before: the states that steps started from; d and hidden (rows, 3 size): gradients of the gates' input and hidden
parts; dh becomes the gradient of the first state."""

RNN = (*STEPS, ("whole", "relu"), ("array", "out"), ("array", "h"))
"""out (rows, size): what comes from the inputs, and becomes the outputs; h becomes the last state."""

RNN_BACK = (*STEPS, ("whole", "relu"), ("array", "out"), ("array", "g"), ("array", "dh"), ("array", "d"))
"""d (rows, size): gradient of what the function was given; dh becomes the gradient of the first state."""


def sigmoid(b: Block, x: str) -> str:
    """1 / (1 + exp(-x))."""
    return b.div(1.0, b.add(exp(b, b.neg(x)), 1.0))


def joined(b: Block, came: list[str]) -> str:
    """The sum of the gradients that came for a state."""
    return came[0] if len(came) == 1 else b.add(*came)


def lstm_step(b: Block, x: list[str], s: list[str]) -> tuple[list[Any], list[Any]]:
    """i f g o, the cell twice, the output twice, from the gates and the cell before."""
    i, f, o = (sigmoid(b, x[k]) for k in (0, 1, 3))
    n = tanh(b, x[2])
    cell = b.fma(f, x[4], b.mul(i, n))
    out = b.mul(o, tanh(b, cell))
    return [i, f, n, o, cell, cell, out, out], []


def lstm_slopes(b: Block, x: list[str], s: list[str]) -> tuple[list[Any], list[Any]]:
    """Gradients of i f g o before their functions, and of the cell before; from gates, cells and what came."""
    i, f, n, o, cell, before, dc, *came = x
    saturated, h = tanh(b, cell), joined(b, came)
    c = b.fma(b.mul(h, o), b.sub(1.0, b.mul(saturated, saturated)), dc)
    return [
        b.mul(b.mul(c, n), b.mul(i, b.sub(1.0, i))),
        b.mul(b.mul(c, before), b.mul(f, b.sub(1.0, f))),
        b.mul(b.mul(c, i), b.sub(1.0, b.mul(n, n))),
        b.mul(b.mul(h, saturated), b.mul(o, b.sub(1.0, o))),
        b.mul(c, f),
    ], []


def gru_step(b: Block, x: list[str], s: list[str]) -> tuple[list[Any], list[Any]]:
    """r z n, the hidden part of n, the output twice, from the gates' input and hidden parts and the state before."""
    r, z = (sigmoid(b, b.add(x[k], x[3 + k])) for k in (0, 1))
    n = tanh(b, b.fma(r, x[5], x[2]))
    out = b.fma(z, b.sub(x[6], n), n)
    return [r, z, n, x[5], out, out], []


def gru_slopes(b: Block, x: list[str], s: list[str]) -> tuple[list[Any], list[Any]]:
    """Gradients of the three gates' input parts, of their hidden parts, and of the state before but for these."""
    r, z, n, q, before, *came = x
    h = joined(b, came)
    new = b.mul(b.mul(h, b.sub(1.0, z)), b.sub(1.0, b.mul(n, n)))
    reset = b.mul(b.mul(new, q), b.mul(r, b.sub(1.0, r)))
    update = b.mul(b.mul(h, b.sub(before, n)), b.mul(z, b.sub(1.0, z)))
    return [reset, update, new, reset, update, b.mul(new, r), b.mul(h, z)], []


def tanh_slopes(b: Block, x: list[str], s: list[str]) -> tuple[list[Any], list[Any]]:
    """Gradient of what tanh was given, from its result and what came."""
    return [b.mul(joined(b, x[1:]), b.sub(1.0, b.mul(x[0], x[0])))], []


def relu_slopes(b: Block, x: list[str], s: list[str]) -> tuple[list[Any], list[Any]]:
    """Gradient of what was cut at 0, from the result and what came."""
    return [b.select(b.compare("ogt", x[0], 0.0), joined(b, x[1:]), 0.0)], []


class Steps:
    """One module while it is written: the function of a piece, its sequences, and the loop over its steps."""

    def __init__(self, target: Target, dtype: str, name: str, arguments: Any, gates: int) -> None:
        self.a, self.arguments, self.symbol, self.gates = Attention(target, dtype), arguments, f"{name}_{dtype}", gates
        self.f = f = Function(f"define internal void @{self.symbol}_piece(ptr %table, i64 %index)")
        self.t = t = fields(f, arguments)
        self.joined = f.emit(f"alloca {dtype}, i64 4, align 64")
        self.first = f.long("mul", "%index", t["rows"])
        self.last = f.least(f.long("add", self.first, t["rows"]), t["batch"])
        self.size, self.wide = t["size"], f.long("mul", t["size"], gates)
        self.amx = target.amx and dtype == "float"
        if self.amx:
            self.a.functions += tiled_functions(target)

    def loop(self, body: Callable[[str, str], None], last_first: bool = False) -> None:
        """`body(sequences, first row)` for every step that has sequences of this piece."""
        f, t = self.f, self.t

        def step(index: str) -> None:
            at = f.long("sub", f.long("sub", t["steps"], 1), index) if last_first else index
            end = f.least(f.field(t["counts"], at, "i64"), self.last)
            row = f.long("add", f.field(t["starts"], at, "i64"), self.first)
            some = f.long("icmp ugt", end, self.first)
            f.when(some, lambda: body(f.long("sub", end, self.first), row))

        f.loop("0", t["steps"], 1, step)

    def with_weight(self, turned: bool, rooms: list[str], body: Callable[..., None]) -> None:
        """`body(weight, rooms...)` with memory; turned: what is multiplied is the transpose of the weight."""
        f = self.f
        weight = Weight(self, turned)

        def work(*given: str) -> None:
            weight.prepare(list(given[len(rooms) :]))
            if self.amx:
                with_tiles(f, lambda: body(weight, *given[: len(rooms)]))
            else:
                body(weight, *given[: len(rooms)])

        with_memory(f, self.a.dtype, self.t, [*rooms, *weight.sizes()], work)

    def turned(self, room: str) -> None:
        """Copy the transpose of the weight into panels."""
        f, a = self.f, self.a

        def panel(column: str) -> None:
            to = f.offset(room, f.long("mul", column, self.size), a.dtype)
            source = a.place(f, self.t["weight"], (column, self.size))
            here = f.least(f.long("sub", self.wide, column), a.tiles.width)
            transpose_call(f, to, a.tiles.width, source, self.size, here, self.size)

        f.loop("0", self.wide, a.tiles.width, panel)

    def copied(self, room: str) -> None:
        """Copy the weight into panels."""
        f, a = self.f, self.a
        f.declared.add("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")

        def panel(column: str) -> None:
            here = f.least(f.long("sub", self.size, column), a.tiles.width)
            bytes_ = f.long("mul", here, 4 if a.dtype == "float" else 8)
            to = f.offset(room, f.long("mul", column, self.wide), a.dtype)

            def one(k: str) -> None:
                source = a.place(f, self.t["weight"], (k, self.size), (column, 1))
                line = a.place(f, to, (k, a.tiles.width))
                f.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {line}, ptr {source}, i64 {bytes_}, i1 false)")

            f.loop("0", self.wide, 1, one)

        f.loop("0", self.size, a.tiles.width, panel)

    def line(self, name: str, row: str, gates: int = 1) -> list[str]:
        """The row of an operand with so many gates: where each gate stands."""
        start = self.a.place(self.f, self.t[name], (row, self.f.long("mul", self.size, gates)))
        return [self.a.place(self.f, start, (self.size, k)) for k in range(gates)]

    def run(self, name: str, pointers: list[str]) -> None:
        """Call a pass over the elements of a row."""
        self.a.run(self.f, name, pointers, [], self.size, self.joined)

    def forward(self, pass_: Callable[[str, str, str], None], into: str = "") -> tuple[str, str]:
        """The module of the steps: the product is added to `into`, or to the bias in a room, then `pass_` runs.

        pass_(row among all, sequence, its row in the room).
        """
        f, t, a = self.f, self.t, self.a

        def body(weight: Weight, *rooms: str) -> None:
            def step(m: str, first: str) -> None:
                h = a.place(f, t["h"], (self.first, self.size))
                to = rooms[0] if rooms else a.place(f, t[into], (first, self.wide))
                if rooms:
                    repeated(f, a, to, t["bias"], m, self.wide)
                weight.product(h, to, m)

                def row(i: str) -> None:
                    own = a.place(f, rooms[0], (i, self.wide)) if rooms else ""
                    pass_(f.long("add", first, i), f.long("add", self.first, i), own)

                f.loop("0", m, 1, row)

            self.loop(step)

        rooms = [] if into else [f.long("mul", self.wide, t["rows"])]
        self.with_weight(True, rooms, body)
        return self.module()

    def backward(self, pass_: Callable[[str, str], None], d: str, more: str = "false") -> tuple[str, str]:
        """The module of the steps back: `pass_(row among all, sequence)`, then dh (+)= the gradient `d` @ weight."""
        f, t, a = self.f, self.t, self.a

        def body(weight: Weight) -> None:
            def step(m: str, first: str) -> None:
                f.loop("0", m, 1, lambda i: pass_(f.long("add", first, i), f.long("add", self.first, i)))
                dh = a.place(f, t["dh"], (self.first, self.size))
                weight.product(a.place(f, t[d], (first, self.wide)), dh, m, more)

            self.loop(step, last_first=True)

        self.with_weight(False, [], body)
        return self.module()

    def module(self) -> tuple[str, str]:
        """The text, and the name of its function `f(table)`, which computes all pieces."""
        self.f.do("ret void")
        g = Function(f"define void @{self.symbol}(ptr %table)")
        t = fields(g, self.arguments)
        pieces = divided(g, t["batch"], t["rows"])
        g.do(f"call void @wengert_parallel(ptr @{self.symbol}_piece, ptr %table, i64 {pieces})")
        g.do("ret void")
        declared = "declare void @wengert_parallel(ptr, ptr, i64)\n" + (CONFIGURATION if self.amx else "")
        return module([*self.a.functions, self.f, g], declared), self.symbol


class Weight:
    """What a piece multiplies by, k rows and n columns: in panels, or in tiles and, where needed, in panels."""

    def __init__(self, steps: Steps, turned: bool) -> None:
        self.steps, self.f, self.turned = steps, steps.f, turned
        self.n, self.k = (steps.wide, steps.size) if turned else (steps.size, steps.wide)
        self.tiled = TiledWeight(steps.f, self.n, self.k) if steps.amx else None

    def fill(self) -> None:
        """Make the panels."""
        (self.steps.turned if self.turned else self.steps.copied)(self.room)

    def sizes(self) -> list[str]:
        """Elements of the rooms."""
        f, width = self.f, self.steps.a.tiles.width
        panels = f.long("mul", f.long("mul", divided(f, self.n, width), width), self.k)
        return [panels, *(self.tiled.sizes() if self.tiled else [])]

    def prepare(self, rooms: list[str]) -> None:
        """Split the weight, or copy it into panels."""
        f, t, self.room = self.f, self.steps.t, rooms[0]
        self.filled = f.emit("alloca i64, align 64")
        f.put(self.filled, 0, "i64", "0")
        if self.tiled:
            tiled, self.in_tiles = self.tiled, f.long("icmp ne", t["tiled"], 0)
            tiled.take(rooms[1:])
            f.when(self.in_tiles, lambda: tiled.split(t["weight"], self.steps.size, self.turned))
        else:
            self.fill()

    def product(self, left: str, into: str, m: str, more: str = "true") -> None:
        """into += (or =, for more "false") m rows of k elements times the weight."""
        if self.tiled is None:
            self.panels(left, into, m, more)
            return
        f, tiled, dtype = self.f, self.tiled, self.steps.a.dtype

        def some(i: str) -> None:
            rows = f.least(f.long("sub", m, i), SIDE)
            a = f.offset(left, f.long("mul", i, self.k), dtype)
            c = f.offset(into, f.long("mul", i, self.n), dtype)
            f.when(tiled.rows(a, rows, c, more), lambda: None, lambda: self.ready_panels(a, c, rows, more))

        f.when(self.in_tiles, lambda: f.loop("0", m, SIDE, some), lambda: self.ready_panels(left, into, m, more))

    def ready_panels(self, left: str, into: str, m: str, more: str) -> None:
        """`panels`, which are made before the first product."""
        f = self.f

        def make() -> None:
            self.fill()
            f.put(self.filled, 0, "i64", "1")

        f.when(f.long("icmp eq", f.field(self.filled, 0, "i64"), 0), make)
        self.panels(left, into, m, more)

    def panels(self, left: str, into: str, m: str, more: str) -> None:
        """The product by vectors."""
        f, a, n, k = self.f, self.steps.a, self.n, self.k

        def panel(column: str) -> None:
            here = f.least(f.long("sub", n, column), a.tiles.width)
            b = f.offset(self.room, f.long("mul", column, k), a.dtype)
            panel_call(f, a.tiles.name, c=f.offset(into, column, a.dtype), ldc=n, a=left, ars=k, acs=1, b=b,
                       ldb=a.tiles.width, m=m, n=here, k=k, more=more)  # fmt: skip

        f.loop("0", n, a.tiles.width, panel)


def repeated(f: Function, a: Attention, to: str, row: str, m: str, n: str) -> None:
    """Copy a row of n elements m times, one copy after the other."""
    f.declared.add("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
    bytes_ = f.long("mul", n, 4 if a.dtype == "float" else 8)

    def one(i: str) -> None:
        f.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {a.place(f, to, (i, n))}, ptr {row}, i64 {bytes_}, i1 false)")

    f.loop("0", m, 1, one)


def lstm_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of an LSTM's steps."""
    p = Steps(target, dtype, "lstm", LSTM, 4)
    p.a.sweep("stepped", 5, 8, 0, [], lstm_step)

    def row(line: str, i: str, own: str) -> None:
        gates, c = p.line("gates", line, 4), p.line("c", i)
        results = [*gates, *p.line("cells", line), *c, *p.line("out", line), *p.line("h", i)]
        p.run("stepped", [*results, *gates, *c])

    return p.forward(row, "gates")


def lstm_back_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of an LSTM's steps back."""
    p = Steps(target, dtype, "lstm_back", LSTM_BACK, 4)
    p.a.sweep("stepped", 9, 5, 0, [], lstm_slopes)

    def row(line: str, i: str) -> None:
        gates, d = p.line("gates", line, 4), p.line("d", line, 4)
        cell, before, g = (p.line(name, line)[0] for name in ("cells", "before", "g"))
        dh, dc = (p.line(name, i)[0] for name in ("dh", "dc"))
        p.run("stepped", [*d, dc, *gates, cell, before, dc, g, dh])

    return p.backward(row, "d")


def gru_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of a GRU's steps."""
    p = Steps(target, dtype, "gru", GRU, 3)
    p.a.sweep("stepped", 7, 6, 0, [], gru_step)

    def row(line: str, i: str, own: str) -> None:
        hidden = [p.a.place(p.f, own, (p.size, k)) for k in range(3)]
        out, h = p.line("out", line), p.line("h", i)
        p.run("stepped", [*p.line("gates", line, 4), *out, *h, *p.line("given", line, 3), *hidden, *h])

    return p.forward(row)


def gru_back_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of a GRU's steps back."""
    p = Steps(target, dtype, "gru_back", GRU_BACK, 3)
    p.a.sweep("stepped", 7, 7, 0, [], gru_slopes)

    def row(line: str, i: str) -> None:
        results = [*p.line("d", line, 3), *p.line("hidden", line, 3)]
        dh = p.line("dh", i)
        p.run("stepped", [*results, *dh, *p.line("gates", line, 4), *p.line("before", line), *p.line("g", line), *dh])

    return p.backward(row, "hidden", "true")


def rnn_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of a plain network's steps."""
    p = Steps(target, dtype, "rnn", RNN, 1)
    p.a.sweep("saturated", 1, 2, 0, [], lambda b, x, s: ([tanh(b, x[0])] * 2, []))
    p.a.sweep("cut", 1, 2, 0, [], lambda b, x, s: ([maximum(b, x[0], 0.0)] * 2, []))

    def row(line: str, i: str, own: str) -> None:
        out = p.line("out", line)
        either(p, "cut", "saturated", [*out, *p.line("h", i), *out])

    return p.forward(row, "out")


def rnn_back_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of a plain network's steps back."""
    p = Steps(target, dtype, "rnn_back", RNN_BACK, 1)
    p.a.sweep("saturated", 3, 1, 0, [], tanh_slopes)
    p.a.sweep("cut", 3, 1, 0, [], relu_slopes)

    def row(line: str, i: str) -> None:
        either(p, "cut", "saturated", [*p.line("d", line), *p.line("out", line), *p.line("g", line), *p.line("dh", i)])

    return p.backward(row, "d")


def either(p: Any, relu: str, other: str, pointers: list[str]) -> None:
    """Call one pass for relu, the other for tanh."""
    p.f.when(p.f.long("icmp ne", p.t["relu"], 0), lambda: p.run(relu, pointers), lambda: p.run(other, pointers))
