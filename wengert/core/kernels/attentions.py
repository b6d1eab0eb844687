"""Text of attention, softmax(q k^T scale + mask) v, and its gradients, some rows of the scores at a time.

A piece of the result is a block of rows of one head; of the gradients, a head.  Scores live in a room of the piece,
so that memory is linear in the lengths.  Rows that see no later keys compute none of them (causal).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wengert.core.kernels.convolutions import cleared, with_memory
from wengert.core.kernels.host import Target
from wengert.core.kernels.mathematics import exp
from wengert.core.kernels.matrices import divided, fields
from wengert.core.kernels.passes import Pass
from wengert.core.kernels.text import Function, module
from wengert.core.kernels.tiles import Tiles, panel_call, transpose_call

__all__ = ["BACKWARD", "FORWARD", "attention_text", "gradients_text"]


def strides(*names: str) -> tuple[tuple[str, str], ...]:
    """Arguments that say where batches, heads and rows of operands stand."""
    return tuple([("whole", f"{name}_{part}") for name in names for part in ("batch", "head", "row")])


OPERANDS = (
    ("array", "q"), ("array", "k"), ("array", "v"), ("array", "mask"), ("array", "dropped"), ("array", "out"),
    ("array", "total"), ("array", "trouble"), ("whole", "count"), ("whole", "length"), ("whole", "keys"),
    ("whole", "inner"), ("whole", "width"), ("whole", "heads"), *strides("q", "k", "v", "out"),
    ("whole", "mask_head"), ("whole", "mask_row"), ("whole", "masked"), ("whole", "dropping"), ("whole", "causal"),
    ("whole", "rows"), ("whole", "step"),
)  # fmt: skip
"""q (count, length, inner), k (count, keys, inner), v (count, keys, width), out (count, length, width) with rows of
unit stride; count: heads of some batches, each with strides of its own; total and dropped contiguous; rows of a block;
step: distance of the rows of scores."""

FORWARD = (*OPERANDS, ("number", "scale"))
BACKWARD = (
    *OPERANDS, ("array", "g"), ("array", "g_total"), ("array", "dq"), ("array", "dk"), ("array", "dv"),
    ("array", "dmask"), ("whole", "wanted"), *strides("g", "dq", "dk", "dv"), ("number", "scale"),
)  # fmt: skip


class Attention:
    """The functions of one module."""

    def __init__(self, target: Target, dtype: str) -> None:
        self.target, self.dtype = target, dtype
        self.tiles = Tiles(target, dtype)
        self.functions: list[Any] = [*self.tiles.functions(), *self.tiles.transpose()]

    def sweep(self, name: str, rows: int, results: int, numbers: int, joins: Sequence[str], body: Any) -> None:
        """Add a pass."""
        self.functions.append(Pass(self.target, self.dtype, name, rows, results, numbers, joins, body, 2))

    def product(self, f: Function, n: str, **given: Any) -> None:
        """A product whose result has n columns, panel by panel; `b_along`: columns of B, n apart in memory or not."""

        def panel(column: str) -> None:
            here = f.least(f.long("sub", n, column), self.tiles.width)
            c, b = (f.offset(given[name], column, self.dtype) for name in ("c", "b"))
            panel_call(f, self.tiles.name, **{**given, "c": c, "b": b, "n": here})

        f.loop("0", n, self.tiles.width, panel)

    def run(self, f: Function, name: str, pointers: Sequence[str], numbers: Sequence[str], n: str, room: str) -> None:
        """Call a pass; what it joins is left in the room."""
        given = [*(f"ptr {p}" for p in pointers), *(f"{self.dtype} {s}" for s in numbers)]
        f.do(f"call void @{name}({', '.join([*given, f'ptr {room}', f'i64 {n}'])})")

    def load(self, f: Function, pointer: str, at: Any = 0) -> str:
        """A number from memory."""
        return f.emit(f"load {self.dtype}, ptr {f.offset(pointer, at, self.dtype)}")

    def save(self, f: Function, value: str, pointer: str, at: Any = 0) -> None:
        """A number into memory."""
        f.do(f"store {self.dtype} {value}, ptr {f.offset(pointer, at, self.dtype)}")

    def number(self, f: Function, value: str) -> str:
        """A number that came as a double."""
        return f.emit(f"fptrunc double {value} to float") if self.dtype == "float" else value

    def place(self, f: Function, pointer: str, *steps: tuple[Any, Any]) -> str:
        """The address so many steps of so many elements further."""
        at = "0"
        for index, stride in steps:
            at = f.long("add", at, f.long("mul", index, stride))
        return f.offset(pointer, at, self.dtype)


def head_of(a: Attention, f: Function, t: dict[str, str], name: str, head: str) -> str:
    """Where a head of an operand begins."""
    batch, own = f.long("udiv", head, t["heads"]), f.long("urem", head, t["heads"])
    return a.place(f, t[name], (batch, t[f"{name}_batch"]), (own, t[f"{name}_head"]))


def scaled_rows(
    a: Attention, f: Function, start: str, row: str, rows: str, factor: Callable[[str], str], n: str, room: str
) -> None:  # fmt: skip
    """Multiply rows of n elements by `factor(i)`."""

    def one(i: str) -> None:
        line = a.place(f, start, (i, row))
        a.run(f, "scaled", [line, line], [factor(i)], n, room)

    f.loop("0", rows, 1, one)


def seen_keys(f: Function, t: dict[str, str], row: str) -> str:
    """Keys that a row sees."""
    return f.emit(f"select i1 {f.long('icmp ne', t['causal'], 0)}, i64 {f.least(f.long('add', row, 1), t['keys'])}, "
                  f"i64 {t['keys']}")  # fmt: skip


def attention_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of the result and the logarithms of the sums."""
    a, symbol = Attention(target, dtype), f"attention_{dtype}"
    a.sweep("met", 1, 1, 1, ["max"], lambda b, x, s: ((y := [b.mul(x[0], s[0])]), y))
    a.sweep("masked", 2, 1, 1, ["max"], lambda b, x, s: ((y := [b.add(b.mul(x[0], s[0]), x[1])]), y))
    a.sweep("grown", 1, 1, 1, ["add"], lambda b, x, s: ((y := [exp(b, b.sub(x[0], s[0]))]), y))
    a.sweep("scaled", 1, 1, 1, [], lambda b, x, s: ([b.mul(x[0], s[0])], []))
    a.sweep("joined", 2, 1, 0, [], lambda b, x, s: ([b.mul(x[0], x[1])], []))
    a.functions += [row_text(a), forward_piece(a, symbol), caller(FORWARD, symbol, True)]
    return module(a.functions, "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


def row_text(a: Attention) -> Function:
    """`row(table, scores, head, row, seen, whole, scale)`: scores to exponentials; 1 / their sum is returned."""
    dtype, infinite = a.dtype, "0xFFF0000000000000"
    f = Function(
        f"define internal {dtype} @row(ptr %table, ptr %s, i64 %head, i64 %row, i64 %seen, i64 %whole, {dtype} %scale)"
    )
    t = fields(f, FORWARD)
    room = f.emit(f"alloca {dtype}, i64 4, align 64")
    mask = a.place(f, t["mask"], ("%head", t["mask_head"]), ("%row", t["mask_row"]))
    f.when(
        f.long("icmp ne", t["masked"], 0),
        lambda: a.run(f, "masked", ["%s", "%s", mask], ["%scale"], "%seen", room),
        lambda: a.run(f, "met", ["%s", "%s"], ["%scale"], "%seen", room),
    )
    top = a.load(f, room)
    dead = f.emit(f"fcmp oeq {dtype} {top}, {infinite}")
    base = f.emit(f"select i1 {dead}, {dtype} 0.0, {dtype} {top}")
    a.run(f, "grown", ["%s", "%s"], [base], "%seen", room)
    total = f.emit(f"select i1 {dead}, {dtype} 1.0, {dtype} {a.load(f, room)}")
    log = "logf" if dtype == "float" else "log"
    f.declared.add(f"declare {dtype} @{log}({dtype})")
    level = f.emit(f"fadd {dtype} {top}, {f.emit(f'call {dtype} @{log}({dtype} {total})')}")
    a.save(f, level, a.place(f, t["total"], ("%head", t["length"]), ("%row", "1")))
    cleared(f, dtype, f.offset("%s", "%seen", dtype), f.long("sub", "%whole", "%seen"))

    def drop() -> None:
        line = f.long("add", f.long("mul", "%head", t["length"]), "%row")
        a.run(f, "joined", ["%s", "%s", a.place(f, t["dropped"], (line, t["keys"]))], [], "%seen", room)

    f.when(f.long("icmp ne", t["dropping"], 0), drop)
    f.do(f"ret {dtype} {f.emit(f'fdiv {dtype} 1.0, {total}')}")
    return f


def forward_piece(a: Attention, symbol: str) -> Function:
    """`void f_piece(table, index)`: a block of rows of one head."""
    f, dtype = Function(f"define internal void @{symbol}_piece(ptr %table, i64 %index)"), a.dtype
    t = fields(f, FORWARD)
    room = f.emit(f"alloca {dtype}, i64 4, align 64")
    scale, blocks = a.number(f, t["scale"]), divided(f, t["length"], t["rows"])
    head, first = f.long("udiv", "%index", blocks), f.long("mul", f.long("urem", "%index", blocks), t["rows"])
    rows = f.least(f.long("sub", t["length"], first), t["rows"])
    whole = seen_keys(f, t, f.long("sub", f.long("add", first, rows), 1))
    k, v = head_of(a, f, t, "k", head), head_of(a, f, t, "v", head)
    q, out = [a.place(f, head_of(a, f, t, name, head), (first, t[f"{name}_row"])) for name in ("q", "out")]

    def body(turned: str, scores: str, inverse: str) -> None:
        transpose_call(f, turned, t["step"], k, t["k_row"], whole, t["inner"])
        a.product(f, whole, c=scores, ldc=t["step"], a=q, ars=t["q_row"], acs=1, b=turned, ldb=t["step"], m=rows,
                  k=t["inner"])  # fmt: skip

        def row(i: str) -> None:
            at = f.long("add", first, i)
            s, seen = a.place(f, scores, (i, t["step"])), seen_keys(f, t, at)
            given = f"ptr %table, ptr {s}, i64 {head}, i64 {at}, i64 {seen}, i64 {whole}, {dtype} {scale}"
            a.save(f, f.emit(f"call {dtype} @row({given})"), inverse, i)

        f.loop("0", rows, 1, row)
        a.product(f, t["width"], c=out, ldc=t["out_row"], a=scores, ars=t["step"], acs=1, b=v, ldb=t["v_row"], m=rows,
                  k=whole)  # fmt: skip
        scaled_rows(a, f, out, t["out_row"], rows, lambda i: a.load(f, inverse, i), t["width"], room)

    sizes = [f.long("mul", t["step"], t["inner"]), f.long("mul", t["step"], t["rows"]), t["rows"]]
    with_memory(f, dtype, t, sizes, body)
    f.do("ret void")
    return f


def gradients_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of the gradients of q, k, v and the mask."""
    a, symbol = Attention(target, dtype), f"attention_back_{dtype}"
    a.sweep("grown", 1, 1, 2, [], lambda b, x, s: ([exp(b, b.sub(b.mul(x[0], s[0]), s[1]))], []))
    a.sweep("masked", 2, 1, 2, [], lambda b, x, s: ([exp(b, b.sub(b.add(b.mul(x[0], s[0]), x[1]), s[1]))], []))
    a.sweep("dot", 2, 0, 0, ["add"], lambda b, x, s: ([], [b.mul(x[0], x[1])]))
    a.sweep("sloped", 2, 1, 1, [], lambda b, x, s: ([b.mul(x[0], b.sub(x[1], s[0]))], []))
    a.sweep("joined", 2, 1, 0, [], lambda b, x, s: ([b.mul(x[0], x[1])], []))
    a.sweep("scaled", 1, 1, 1, [], lambda b, x, s: ([b.mul(x[0], s[0])], []))
    a.functions += [back_rows(a), back_piece(a, symbol), caller(BACKWARD, symbol, False)]
    return module(a.functions, "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


def back_rows(a: Attention) -> Function:
    """`rows(table, p, dp, head, first, rows, whole, phase)`: passes over a block of rows of scores.

    Phase 0: scores to probabilities; 1: their gradients dp to those of the scores; between them the probabilities
    that were dropped are left out of p (phase 2) and of dp.
    """
    f, dtype = (
        Function(
            "define internal void @rows(ptr %table, ptr %p, ptr %dp, i64 %head, i64 %first, i64 %rows, i64 %whole, "
            "i64 %phase)"
        ),
        a.dtype,
    )
    t = fields(f, BACKWARD)
    room = f.emit(f"alloca {dtype}, i64 4, align 64")
    scale = a.number(f, t["scale"])
    starts = {name: head_of(a, f, t, name, "%head") for name in ("g", "out")}

    def probabilities(p: str, at: str, line: str, seen: str) -> None:
        level = a.load(f, t["total"], line)
        # A row without any key has level -inf, and no probabilities: with +inf its exponentials are 0.
        dead = f.emit(f"fcmp oeq {dtype} {level}, 0xFFF0000000000000")
        level = f.emit(f"select i1 {dead}, {dtype} 0x7FF0000000000000, {dtype} {level}")
        mask = a.place(f, t["mask"], ("%head", t["mask_head"]), (at, t["mask_row"]))
        f.when(
            f.long("icmp ne", t["masked"], 0),
            lambda: a.run(f, "masked", [p, p, mask], [scale, level], seen, room),
            lambda: a.run(f, "grown", [p, p], [scale, level], seen, room),
        )
        cleared(f, dtype, f.offset(p, seen, dtype), f.long("sub", "%whole", seen))

    def slopes(p: str, dp: str, at: str, line: str, seen: str) -> None:
        f.when(
            f.long("icmp ne", t["dropping"], 0),
            lambda: a.run(f, "joined", [dp, dp, a.place(f, t["dropped"], (line, t["keys"]))], [], seen, room),
        )
        given = [a.place(f, start, (at, t[f"{name}_row"])) for name, start in starts.items()]
        a.run(f, "dot", given, [], t["width"], room)
        own = f.emit(f"fsub {dtype} {a.load(f, room)}, {a.load(f, t['g_total'], line)}")
        a.run(f, "sloped", [dp, p, dp], [own], seen, room)
        cleared(f, dtype, f.offset(dp, seen, dtype), f.long("sub", "%whole", seen))
        f.when(f.long("icmp ne", t["wanted"], 0), lambda: copied(dp, line, seen))

    def copied(dp: str, line: str, seen: str) -> None:
        f.declared.add("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
        to, length = a.place(f, t["dmask"], (line, t["keys"])), f.long("mul", seen, 4 if dtype == "float" else 8)
        f.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {dp}, i64 {length}, i1 false)")

    def row(i: str) -> None:
        at = f.long("add", "%first", i)
        line, seen = f.long("add", f.long("mul", "%head", t["length"]), at), seen_keys(f, t, at)
        p, dp = (a.place(f, x, (i, t["step"])) for x in ("%p", "%dp"))
        kept = a.place(f, t["dropped"], (line, t["keys"]))
        f.when(f.long("icmp eq", "%phase", 0), lambda: probabilities(p, at, line, seen))
        f.when(f.long("icmp eq", "%phase", 1), lambda: slopes(p, dp, at, line, seen))
        f.when(f.long("icmp eq", "%phase", 2), lambda: a.run(f, "joined", [p, p, kept], [], seen, room))

    f.loop("0", "%rows", 1, row)
    f.do("ret void")
    return f


def back_piece(a: Attention, symbol: str) -> Function:
    """`void f_piece(table, index)`: all gradients of one head; those of k and v are zeros at the start."""
    f, dtype = Function(f"define internal void @{symbol}_piece(ptr %table, i64 %head)"), a.dtype
    t = fields(f, BACKWARD)
    room, scale = f.emit(f"alloca {dtype}, i64 4, align 64"), a.number(f, t["scale"])
    names = ("k", "v", "q", "g", "dq", "dk", "dv")
    k, v, q, all_g, all_dq, dk, dv = [head_of(a, f, t, name, "%head") for name in names]

    def block(first: str, turned: tuple[str, str], p: str, dp: str) -> None:
        rows = f.least(f.long("sub", t["length"], first), t["rows"])
        whole = seen_keys(f, t, f.long("sub", f.long("add", first, rows), 1))
        own, g = a.place(f, q, (first, t["q_row"])), a.place(f, all_g, (first, t["g_row"]))
        dq = a.place(f, all_dq, (first, t["dq_row"]))
        common: dict[str, Any] = {"acs": 1, "m": rows}
        score: dict[str, Any] = {"ldc": t["step"], "ldb": t["step"], **common}
        back = {"ars": 1, "acs": t["step"], "m": whole, "k": rows, "more": "true"}

        def phase(number: int) -> None:
            f.do(f"call void @rows(ptr %table, ptr {p}, ptr {dp}, i64 %head, i64 {first}, i64 {rows}, i64 {whole}, "
                 f"i64 {number})")  # fmt: skip

        a.product(f, whole, c=p, a=own, ars=t["q_row"], b=turned[0], k=t["inner"], **score)
        phase(0)
        a.product(f, whole, c=dp, a=g, ars=t["g_row"], b=turned[1], k=t["width"], **score)
        phase(1)
        f.when(f.long("icmp ne", t["dropping"], 0), lambda: phase(2))
        a.product(f, t["width"], c=dv, ldc=t["dv_row"], a=p, b=g, ldb=t["g_row"], **back)
        a.product(f, t["inner"], c=dk, ldc=t["dk_row"], a=dp, b=own, ldb=t["q_row"], **back)
        a.product(f, t["inner"], c=dq, ldc=t["dq_row"], a=dp, ars=t["step"], b=k, ldb=t["k_row"], k=whole, **common)
        scaled_rows(a, f, dq, t["dq_row"], rows, lambda i: scale, t["inner"], room)

    def body(turned_k: str, turned_v: str, p: str, dp: str) -> None:
        transpose_call(f, turned_k, t["step"], k, t["k_row"], t["keys"], t["inner"])
        transpose_call(f, turned_v, t["step"], v, t["v_row"], t["keys"], t["width"])
        f.loop("0", t["length"], t["rows"], lambda first: block(first, (turned_k, turned_v), p, dp))
        scaled_rows(a, f, dk, t["dk_row"], t["keys"], lambda i: scale, t["inner"], room)

    scores = f.long("mul", t["step"], t["rows"])
    sizes = [f.long("mul", t["step"], t["inner"]), f.long("mul", t["step"], t["width"]), scores, scores]
    with_memory(f, dtype, t, sizes, body)
    f.do("ret void")
    return f


def caller(arguments: Any, symbol: str, blocks: bool) -> Function:
    """`void f(table)`: all pieces."""
    f = Function(f"define void @{symbol}(ptr %table)")
    t = fields(f, arguments)
    number = f.long("mul", t["count"], divided(f, t["length"], t["rows"])) if blocks else t["count"]
    f.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {number})")
    f.do("ret void")
    return f
