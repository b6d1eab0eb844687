"""Text of recurrent cells (LSTM, GRU, plain): one step of one layer with all its products, forward and backward.

Forward, and for the gradients of input and states, a piece is a block of sequences; for the gradients of weights it is
a block of the gates' rows.  Forward, weights are transposed into one panel at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from wengert.core.kernels.attentions import Attention
from wengert.core.kernels.convolutions import with_memory
from wengert.core.kernels.host import Target
from wengert.core.kernels.mathematics import maximum, tanh
from wengert.core.kernels.matrices import divided, fields
from wengert.core.kernels.recurrences import (
    either,
    gru_slopes,
    gru_step,
    lstm_slopes,
    lstm_step,
    relu_slopes,
    repeated,
    tanh_slopes,
)
from wengert.core.kernels.text import Block, Function, module
from wengert.core.kernels.tiles import panel_call, transpose_call

__all__ = [
    "GRU", "GRU_BACK", "LSTM", "LSTM_BACK", "RNN", "RNN_BACK", "gru_back_text", "gru_text", "lstm_back_text",
    "lstm_text", "rnn_back_text", "rnn_text",
]  # fmt: skip

OPERANDS = (
    ("whole", "batch"), ("whole", "inputs"), ("whole", "size"), ("whole", "rows"), ("array", "x"), ("array", "w_ih"),
    ("array", "w_hh"), ("array", "h0"),
)  # fmt: skip
"""x (batch, inputs), weights (gates size, inputs) and (gates size, size), h0 (batch, size), all contiguous; rows:
sequences of a piece."""

STEP = (*OPERANDS, ("array", "trouble"), ("whole", "biased"), ("array", "bias"))
"""bias: what the gates begin with, where they are biased."""

LSTM = (*STEP, ("array", "c0"), ("array", "gates"), ("array", "h"), ("array", "c"))
GRU = (*STEP, ("array", "hidden_bias"), ("array", "gates"), ("array", "h"))
RNN = (*STEP, ("whole", "relu"), ("array", "h"))

SLOPES = (
    *OPERANDS, ("whole", "block"), ("whole", "wants_x"), ("whole", "wants_weights"), ("array", "dx"),
    ("array", "dw_ih"), ("array", "dw_hh"), ("array", "db"), ("array", "g"), ("array", "d"), ("array", "dh"),
)  # fmt: skip
"""block: rows of the gates in a piece; g: gradient of h; d: of the gates before their functions; the other results are
the gradients of x, of the weights, of the bias and of h0."""

LSTM_BACK = (*SLOPES, ("array", "gates"), ("array", "c"), ("array", "c0"), ("array", "dc"))
GRU_BACK = (*SLOPES, ("array", "gates"), ("array", "hidden"), ("array", "hidden_db"))
RNN_BACK = (*SLOPES, ("whole", "relu"), ("array", "h"))
"""dc: gradient of c, becomes that of c0; hidden, hidden_db: gradients of the gates' hidden parts and of their bias."""


class Cell:
    """One module while it is written: its operands, and the function of a piece of sequences."""

    def __init__(self, target: Target, dtype: str, name: str, arguments: Any, gates: int) -> None:
        self.a, self.arguments, self.symbol, self.gates = Attention(target, dtype), arguments, f"{name}_{dtype}", gates
        self.begin("piece")
        self.first = self.f.long("mul", "%index", self.t["rows"])
        self.m = self.f.least(self.f.long("sub", self.t["batch"], self.first), self.t["rows"])

    def begin(self, name: str) -> None:
        """A function of the table and the number of a piece."""
        self.f = Function(f"define internal void @{self.symbol}_{name}(ptr %table, i64 %index)")
        self.t = fields(self.f, self.arguments)
        self.joined = self.f.emit(f"alloca {self.a.dtype}, i64 4, align 64")
        self.size, self.inputs = self.t["size"], self.t["inputs"]
        self.wide = self.f.long("mul", self.size, self.gates)

    def line(self, name: str, row: str, gates: int = 1) -> list[str]:
        """The row of an operand with so many gates: where each gate stands."""
        return self.spread(self.a.place(self.f, self.t[name], (row, self.f.long("mul", self.size, gates))), gates)

    def spread(self, start: str, gates: int) -> list[str]:
        """Where gates that follow each other stand."""
        return [self.a.place(self.f, start, (self.size, k)) for k in range(gates)]

    def run(self, name: str, pointers: list[str]) -> None:
        """Call a pass over the elements of a row."""
        self.a.run(self.f, name, pointers, [], self.size, self.joined)

    def rows(self, name: str, length: str) -> str:
        """The rows of this piece in an operand."""
        return self.a.place(self.f, self.t[name], (self.first, length))

    def gated(self, room: str, weight: str, x: str, k: str, into: str, more: str) -> None:
        """into (+)= x @ weight.T for the sequences of this piece."""
        f, a = self.f, self.a

        def panel(column: str) -> None:
            here = f.least(f.long("sub", self.wide, column), a.tiles.width)
            transpose_call(f, room, a.tiles.width, a.place(f, self.t[weight], (column, k)), k, here, k)
            panel_call(f, a.tiles.name, c=f.offset(into, column, a.dtype), ldc=self.wide, a=self.rows(x, k), ars=k,
                       acs=1, b=room, ldb=a.tiles.width, m=self.m, n=here, k=k, more=more)  # fmt: skip

        f.loop("0", self.wide, a.tiles.width, panel)

    def handed(self, weight: str, d: str, n: str, into: str, more: str) -> None:
        """into (+)= d @ weight for the sequences of this piece."""
        f, a = self.f, self.a
        a.product(f, n, c=self.rows(into, n), ldc=n, a=self.rows(d, self.wide), ars=self.wide, acs=1,
                  b=self.t[weight], ldb=n, m=self.m, k=self.wide, more=more)  # fmt: skip

    def forward(self, pass_: Callable[[str, list[str]], None], into: str = "") -> tuple[str, str]:
        """The module of the step: gates are computed in `into`, or input and hidden parts in two rooms.

        pass_(sequence, its rows in the rooms).
        """
        f, a, t = self.f, self.a, self.t
        biased = f.long("icmp ne", t["biased"], 0)

        def body(room: str, *rooms: str) -> None:
            given, hidden = rooms or (self.rows(into, self.wide), "")
            f.when(biased, lambda: repeated(f, a, given, t["bias"], self.m, self.wide))
            self.gated(room, "w_ih", "x", self.inputs, given, biased)
            if hidden:
                f.when(biased, lambda: repeated(f, a, hidden, t["hidden_bias"], self.m, self.wide))
            self.gated(room, "w_hh", "h0", self.size, hidden or given, biased if hidden else "true")

            def row(i: str) -> None:
                pass_(f.long("add", self.first, i), [a.place(f, x, (i, self.wide)) for x in rooms])

            f.loop("0", self.m, 1, row)

        larger = f.emit(f"call i64 @llvm.umax.i64(i64 {self.inputs}, i64 {self.size})")
        f.declared.add("declare i64 @llvm.umax.i64(i64, i64)")
        rooms = [] if into else [f.long("mul", self.wide, t["rows"])] * 2
        with_memory(f, a.dtype, t, [f.long("mul", larger, a.tiles.width), *rooms], body)
        return self.module([("piece", "batch", "rows")])

    def backward(self, pass_: Callable[[str], None], hidden: str = "d", bias: str = "db") -> tuple[str, str]:
        """The module of the gradients: `pass_(sequence)` computes those of the gates, the last operand of dh aside."""
        f, a, t = self.f, self.a, self.t
        f.loop("0", self.m, 1, lambda i: pass_(f.long("add", self.first, i)))
        self.handed("w_hh", hidden, self.size, "dh", "false" if hidden == "d" else "true")
        wants = f.long("icmp ne", t["wants_x"], 0)
        f.when(wants, lambda: self.handed("w_ih", "d", self.inputs, "dx", "false"))
        f.do("ret void")
        a.functions.append(f)
        a.sweep("added", 2, 1, 0, [], lambda b, x, s: ([b.add(x[0], x[1])], []))
        self.begin("weights")
        self.weight_piece("d", "x", self.inputs, "dw_ih", "db")
        self.weight_piece(hidden, "h0", self.size, "dw_hh", bias if bias != "db" else "")
        return self.module([("piece", "batch", "rows"), ("weights", "gates", "block")])

    def weight_piece(self, d: str, x: str, n: str, into: str, bias: str) -> None:
        """into = d.T @ x for a block of the gates' rows, and sums of d over the sequences."""
        f, a, t = self.f, self.a, self.t
        first = f.long("mul", "%index", t["block"])
        m = f.least(f.long("sub", self.wide, first), t["block"])
        own = f.offset(t[d], first, a.dtype)
        a.product(f, n, c=a.place(f, t[into], (first, n)), ldc=n, a=own, ars=1, acs=self.wide, b=t[x], ldb=n, m=m,
                  k=t["batch"])  # fmt: skip
        if bias:
            sums = f.offset(t[bias], first, a.dtype)
            repeated(f, a, sums, own, "1", m)
            f.loop("1", t["batch"], 1, lambda i: a.run(
                f, "added", [sums, sums, a.place(f, own, (i, self.wide))], [], m, self.joined))  # fmt: skip

    def module(self, phases: list[tuple[str, str, str]]) -> tuple[str, str]:
        """The text, and the name of its function `f(table)`; phases: pieces, what they share out, its parts."""
        self.f.do("ret void")
        g = Function(f"define void @{self.symbol}(ptr %table)")
        t = fields(g, self.arguments)
        t["gates"] = g.long("mul", t["size"], self.gates)

        def run(name: str, whole: str, part: str) -> None:
            pieces = divided(g, t[whole], t[part])
            g.do(f"call void @wengert_parallel(ptr @{self.symbol}_{name}, ptr %table, i64 {pieces})")

        run(*phases[0])
        for phase in phases[1:]:
            g.when(g.long("icmp ne", t["wants_weights"], 0), partial(run, *phase))
        g.do("ret void")
        functions = [*self.a.functions, self.f, g]
        return module(functions, "declare void @wengert_parallel(ptr, ptr, i64)"), self.symbol


def once(body: Any, places: list[int]) -> Any:
    """A pass of a layer's step with only some of its results."""

    def chosen(b: Block, x: list[str], s: list[str]) -> tuple[list[Any], list[Any]]:
        found = body(b, x, s)[0]
        return [found[k] for k in places], []

    return chosen


def lstm_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of an LSTM's cell."""
    p = Cell(target, dtype, "lstm_cell", LSTM, 4)
    p.a.sweep("stepped", 5, 6, 0, [], once(lstm_step, [0, 1, 2, 3, 4, 6]))

    def row(i: str, rooms: list[str]) -> None:
        gates = p.line("gates", i, 4)
        p.run("stepped", [*gates, *p.line("c", i), *p.line("h", i), *gates, *p.line("c0", i)])

    return p.forward(row, "gates")


def lstm_back_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of the gradients of an LSTM's cell."""
    p = Cell(target, dtype, "lstm_cell_back", LSTM_BACK, 4)
    p.a.sweep("stepped", 8, 5, 0, [], lstm_slopes)

    def row(i: str) -> None:
        c, c0, dc, g = (p.line(name, i)[0] for name in ("c", "c0", "dc", "g"))
        p.run("stepped", [*p.line("d", i, 4), dc, *p.line("gates", i, 4), c, c0, dc, g])

    return p.backward(row)


def gru_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of a GRU's cell."""
    p = Cell(target, dtype, "gru_cell", GRU, 3)
    p.a.sweep("stepped", 7, 5, 0, [], once(gru_step, [0, 1, 2, 3, 4]))

    def row(i: str, rooms: list[str]) -> None:
        given, hidden = (p.spread(x, 3) for x in rooms)
        p.run("stepped", [*p.line("gates", i, 4), *p.line("h", i), *given, *hidden, *p.line("h0", i)])

    return p.forward(row)


def gru_back_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of the gradients of a GRU's cell."""
    p = Cell(target, dtype, "gru_cell_back", GRU_BACK, 3)
    p.a.sweep("stepped", 6, 7, 0, [], gru_slopes)

    def row(i: str) -> None:
        results = [*p.line("d", i, 3), *p.line("hidden", i, 3), *p.line("dh", i)]
        p.run("stepped", [*results, *p.line("gates", i, 4), *p.line("h0", i), *p.line("g", i)])

    return p.backward(row, "hidden", "hidden_db")


def rnn_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of a plain cell."""
    p = Cell(target, dtype, "rnn_cell", RNN, 1)
    p.a.sweep("saturated", 1, 1, 0, [], lambda b, x, s: ([tanh(b, x[0])], []))
    p.a.sweep("cut", 1, 1, 0, [], lambda b, x, s: ([maximum(b, x[0], 0.0)], []))
    return p.forward(lambda i, rooms: either(p, "cut", "saturated", p.line("h", i) * 2), "h")


def rnn_back_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of the gradients of a plain cell."""
    p = Cell(target, dtype, "rnn_cell_back", RNN_BACK, 1)
    p.a.sweep("saturated", 2, 1, 0, [], tanh_slopes)
    p.a.sweep("cut", 2, 1, 0, [], relu_slopes)

    def row(i: str) -> None:
        either(p, "cut", "saturated", [*p.line("d", i), *p.line("h", i), *p.line("g", i)])

    return p.backward(row)
