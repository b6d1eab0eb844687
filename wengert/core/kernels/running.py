"""Running sums of float32, kept in double: text of the kernel, its call with NumPy arrays, and the test it must pass.

Along the last dim a vector of numbers becomes its running sums by additions at the distances 1, 2, 4, ..., and what
came before it is added to all.  Along another dim many sums run side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.kernels.host import Target
from wengert.core.kernels.matrices import divided, fields
from wengert.core.kernels.text import Function, module
from wengert.core.kernels.trials import Call

__all__ = ["ARGUMENTS", "CALLS", "running_text"]

ARGUMENTS = (
    ("array", "out"), ("array", "x"), ("whole", "outer"), ("whole", "n"), ("whole", "inner"), ("whole", "last"),
)  # fmt: skip
"""Both (outer, n, inner) and contiguous; last: sums run from the last element to the first."""

BLOCK = 512
"""Sums that run side by side in a piece."""


class Runner(Function):
    """A loop over `lanes` numbers at a time."""

    def __init__(self, head: str, lanes: int) -> None:
        super().__init__(head)
        self.lanes = lanes

    def kind(self, element: str) -> str:
        """The vector type of an element type."""
        return element if self.lanes == 1 else f"<{self.lanes} x {element}>"

    def load(self, at: str) -> str:
        """Numbers from memory, in double."""
        x = self.emit(f"load {self.kind('float')}, ptr {at}, align 4")
        return self.emit(f"fpext {self.kind('float')} {x} to {self.kind('double')}")

    def store(self, value: str, at: str) -> None:
        """Numbers into memory, rounded."""
        x = self.emit(f"fptrunc {self.kind('double')} {value} to {self.kind('float')}")
        self.do(f"store {self.kind('float')} {x}, ptr {at}, align 4")

    def shuffled(self, a: str, order: list[int]) -> str:
        """Lanes of a, and from `lanes` on zeros, in another order."""
        places = ", ".join(f"i32 {k}" for k in order)
        kind = self.kind("double")
        return self.emit(f"shufflevector {kind} {a}, {kind} zeroinitializer, <{self.lanes} x i32> <{places}>")


def along(name: str, lanes: int, last: bool) -> Runner:
    """`double name(out, x, before, begin, end)`: sums of the whole vectors of a row; what they have come to."""
    f = Runner(f"define internal double @{name}(ptr %out, ptr %x, double %before, i64 %begin, i64 %end, i64 %n)", lanes)
    kind, turned = f.kind("double"), list(range(lanes))[::-1]
    f.do("br label %head")
    f.label("head")
    f.do("%i = phi i64 [%begin, %entry], [%next, %body]")
    f.do("%sum = phi double [%before, %entry], [%after, %body]")
    f.do("%next = add i64 %i, " + str(lanes))
    f.do(f"br i1 {f.long('icmp ule', '%next', '%end')}, label %body, label %done")
    f.label("body")
    place = f.long("sub", "%n", "%next") if last else "%i"
    x = f.load(f.offset("%x", place, "float"))
    if last and lanes > 1:
        x = f.shuffled(x, turned)
    distance = 1
    while distance < lanes:
        moved = f.shuffled(x, [k - distance if k >= distance else lanes for k in range(lanes)])
        x, distance = f.emit(f"fadd {kind} {x}, {moved}"), distance * 2
    before = "%sum"
    if lanes > 1:
        first = f.emit(f"insertelement {kind} poison, double %sum, i32 0")
        before = f.emit(f"shufflevector {kind} {first}, {kind} poison, {f.kind('i32')} zeroinitializer")
    x = f.emit(f"fadd {kind} {x}, {before}")
    f.do(f"%after = extractelement {kind} {x}, i32 {lanes - 1}" if lanes > 1 else f"%after = fadd double {x}, -0.0")
    f.store(f.shuffled(x, turned) if last and lanes > 1 else x, f.offset("%out", place, "float"))
    f.do("br label %head")
    f.label("done")
    f.do("ret double %sum")
    return f


def beside(name: str, lanes: int) -> Runner:
    """`name(out, x, sums, begin, end)`: the next number of each of the sums from begin on, in whole vectors."""
    f = Runner(f"define internal i64 @{name}(ptr %out, ptr %x, ptr %sums, i64 %begin, i64 %end)", lanes)
    end = f.long("sub", "%end", f.long("urem", f.long("sub", "%end", "%begin"), lanes))

    def one(i: str) -> None:
        kind, room = f.kind("double"), f.offset("%sums", i, "double")
        before = f.emit(f"load {kind}, ptr {room}, align 8")
        after = f.emit(f"fadd {kind} {before}, {f.load(f.offset('%x', i, 'float'))}")
        f.do(f"store {kind} {after}, ptr {room}, align 8")
        f.store(after, f.offset("%out", i, "float"))

    f.loop("%begin", end, lanes, one)
    f.do(f"ret i64 {end}")
    return f


def running_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module, and the name of its function `f(table)`."""
    symbol, lanes = f"running_{dtype}", target.lanes("double")
    functions: list[Any] = [beside("beside", lanes), beside("beside_1", 1)]
    functions += [along(f"along{last}_{n}", n, last == "_back") for last in ("", "_back") for n in (lanes, 1)]
    f = Function(f"define internal void @{symbol}_piece(ptr %table, i64 %index)")
    f.declared.add("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
    sums = f.emit(f"alloca double, i64 {BLOCK}, align 64")
    t = fields(f, ARGUMENTS)
    backwards = f.long("icmp ne", t["last"], 0)
    single = f.long("icmp eq", t["inner"], 1)
    f.when(single, lambda: rows(f, t, lanes, backwards), lambda: columns(f, t, lanes, sums, backwards))
    f.do("ret void")
    g = Function(f"define void @{symbol}(ptr %table)")
    u = fields(g, ARGUMENTS)
    number = g.long("mul", u["outer"], divided(g, u["inner"], BLOCK))
    g.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {number})")
    g.do("ret void")
    return module([*functions, f, g], "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


def rows(f: Function, t: dict[str, str], lanes: int, backwards: str) -> None:
    """One row, whose elements are neighbours."""
    start, n = f.long("mul", "%index", t["n"]), t["n"]
    out, x = f.offset(t["out"], start, "float"), f.offset(t["x"], start, "float")
    whole = f.long("sub", n, f.long("urem", n, lanes))

    def run(last: str) -> None:
        given = f"ptr {out}, ptr {x}, double"
        before = f.emit(f"call double @along{last}_{lanes}({given} 0.0, i64 0, i64 {n}, i64 {n})")
        f.emit(f"call double @along{last}_1({given} {before}, i64 {whole}, i64 {n}, i64 {n})")

    f.when(backwards, lambda: run("_back"), lambda: run(""))


def columns(f: Function, t: dict[str, str], lanes: int, sums: str, backwards: str) -> None:
    """A block of neighbouring columns."""
    across = divided(f, t["inner"], BLOCK)
    first = f.long("mul", f.long("urem", "%index", across), BLOCK)
    end = f.least(f.long("sub", t["inner"], first), BLOCK)
    f.do(f"call void @llvm.memset.p0.i64(ptr {sums}, i8 0, i64 {BLOCK * 8}, i1 false)")
    top = f.long("mul", f.long("udiv", "%index", across), t["n"])

    def row(i: str) -> None:
        back = f.long("sub", f.long("sub", t["n"], 1), i)
        line = f.long("add", top, f.emit(f"select i1 {backwards}, i64 {back}, i64 {i}"))
        start = f.long("add", f.long("mul", line, t["inner"]), first)
        given = f"ptr {f.offset(t['out'], start, 'float')}, ptr {f.offset(t['x'], start, 'float')}, ptr {sums}, i64"
        done = f.emit(f"call i64 @beside({given} 0, i64 {end})")
        f.emit(f"call i64 @beside_1({given} {done}, i64 {end})")

    f.loop("0", t["n"], 1, row)


def running(run: Any) -> Callable[..., Any]:
    """Running sums of a contiguous array along a dim, from its last element where `last` says so."""

    def call(x: Any, dim: int, last: bool = False) -> Any:
        out, shape = np.empty(x.shape, x.dtype), x.shape
        outer = int(np.prod(shape[:dim], dtype=np.int64))
        inner = int(np.prod(shape[dim + 1 :], dtype=np.int64))
        run(out, x, outer, shape[dim], inner, int(last))
        return out

    return call


CASES = tuple(
    (shape, dim, last)
    for shape, dim in (
        ((1,), 0),
        ((7,), 0),
        ((3, 40), 1),
        ((5, 67), 0),
        ((2, 9, 600), 1),
        ((4, 5, 33), 2),
        ((6, 5, 3), 0),
    )
    for last in (False, True)
)
"""Shape, dim, from the last."""


def try_running(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted, for ordinary numbers and with infinities and nan."""
    shape, dim, last = case
    plain = rng.standard_normal(shape).astype(np.float32)
    special = np.where(rng.random(shape) < 0.05, rng.choice([np.inf, -np.inf, np.nan], shape), plain).astype(np.float32)
    found, wanted = [], []
    for x in (plain, special):
        given = np.flip(x, dim) if last else x
        sums = np.cumsum(given, dim, dtype=np.float64).astype(np.float32)
        wanted.append(np.flip(sums, dim) if last else sums)
        found.append(call(x, dim, last))
    return tuple(found), tuple(wanted)


CALLS: dict[str, Call] = {"running": Call(running_text, ARGUMENTS, running, try_running, CASES, 1)}
"""Name -> kernel."""
