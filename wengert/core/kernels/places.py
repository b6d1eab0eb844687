"""Elements taken from, and put or added at, the places that an index names along one dim: text of the kernels.

An array is (outer, size, inner), its index and what is moved (outer, n, inner); or the index is a vector of n places,
the same for all of outer and inner.  Whoever takes goes by rows of the result; whoever writes goes by lines of outer
and blocks of inner, so that no two threads meet and sums have one order.  Places are compared with the size first: if
one lies outside, a flag is raised, and the result is not for use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.kernels.host import Target
from wengert.core.kernels.matrices import divided, fields
from wengert.core.kernels.passes import Pass
from wengert.core.kernels.text import Function, module

__all__ = [
    "TAKING", "WRITING", "Walk", "adding_text", "caller", "gather_text", "lines_text", "stretches", "writing_text",
]  # fmt: skip

TAKING = (
    ("array", "out"), ("array", "x"), ("array", "index"), ("array", "flag"), ("whole", "outer"), ("whole", "size"),
    ("whole", "n"), ("whole", "inner"), ("whole", "some"), ("whole", "shared"),
)  # fmt: skip
"""some: rows (of outer and n) of a piece; shared: whether the index is a vector."""

WRITING = (
    ("array", "out"), ("array", "start"), ("array", "index"), ("array", "given"), ("array", "flag"),
    ("whole", "outer"), ("whole", "size"), ("whole", "n"), ("whole", "inner"), ("whole", "lines"), ("whole", "block"),
    ("whole", "begun"), ("whole", "shared"),
)  # fmt: skip
"""out begins as start, or (not begun) as zeros; lines and block: of outer (or of out) and inner, for a piece."""

FAR = 4
"""Elements that a loop moves at once."""


class Walk(Function):
    """A function with loops that carry values, and moves of single elements."""

    def carried(
        self, start: Any, end: Any, step: Any, begun: list[tuple[str, str]],
        body: Callable[[str, list[str]], list[str]],
    ) -> list[str]:  # fmt: skip
        """`body(index, values)` makes the next values, for every step-th index in [start, end); the last ones."""
        tag = self.name()
        self.do(f"br label %{tag}p")
        self.label(f"{tag}p")
        self.do(f"br label %{tag}h")
        self.label(f"{tag}h")
        self.do(f"%{tag}i = phi i64 [{start}, %{tag}p], [%{tag}n, %{tag}e]")
        place, values = len(self.lines), [f"%{tag}c{k}" for k in range(len(begun))]
        inside = self.long("icmp ult", f"%{tag}i", end)
        self.do(f"br i1 {inside}, label %{tag}b, label %{tag}x")
        self.label(f"{tag}b")
        after = body(f"%{tag}i", values)
        self.do(f"br label %{tag}e")
        self.label(f"{tag}e")
        self.do(f"%{tag}n = add i64 %{tag}i, {step}")
        self.do(f"br label %{tag}h")
        self.label(f"{tag}x")
        self.lines[place:place] = [
            f"  {name} = phi {kind} [{first}, %{tag}p], [{then}, %{tag}e]"
            for name, (kind, first), then in zip(values, begun, after, strict=True)
        ]
        return values

    def each(self, n: str, body: Callable[[str], None]) -> None:
        """`body(index)` for every index below n, several in a round."""
        many = self.long("and", n, -FAR)

        def several(i: str) -> None:
            for k in range(FAR):
                body(self.long("add", i, k) if k else i)

        self.loop("0", many, FAR, several)
        self.loop(many, n, 1, body)

    def fetch(self, pointer: str, index: str, kind: str) -> str:
        """Element `index` after a pointer."""
        return self.emit(f"load {kind}, ptr {self.offset(pointer, index, kind)}")

    def keep(self, value: str, pointer: str, index: str, kind: str) -> None:
        """Set element `index` after a pointer."""
        self.do(f"store {kind} {value}, ptr {self.offset(pointer, index, kind)}")

    def most(self, a: str, b: Any) -> str:
        """The larger of two unsigned integers."""
        self.declared.add("declare i64 @llvm.umax.i64(i64, i64)")
        return self.emit(f"call i64 @llvm.umax.i64(i64 {a}, i64 {b})")

    def copy(self, to: str, source: str, length: str) -> None:
        """Copy bytes."""
        self.declared.add("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
        self.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {source}, i64 {length}, i1 false)")

    def clear(self, to: str, length: str) -> None:
        """Zero bytes."""
        self.declared.add("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        self.do(f"call void @llvm.memset.p0.i64(ptr {to}, i8 0, i64 {length}, i1 false)")


def stretches(f: Walk, begin: str, end: str, n: str, body: Callable[[str, str, str], None]) -> None:
    """`body(line, first, last)` for the parts of lines of n elements that [begin, end) of all elements is made of."""

    def one(line: str) -> None:
        start = f.long("mul", line, n)
        body(line, f.most(begin, start), f.least(end, f.long("add", start, n)))

    f.loop(f.long("udiv", begin, n), divided(f, end, n), 1, one)


def outside(target: Target) -> Walk:
    """`i1 outside(index, n, size)`: whether one of n places is none of an array of this size."""
    f = Walk("define internal i1 @outside(ptr %index, i64 %n, i64 %size)")
    lanes = target.lanes("double")
    kind, last = f"<{lanes} x i64>", f.long("sub", "%size", 1)
    first = f.emit(f"insertelement {kind} poison, i64 {last}, i32 0")
    wide = f.emit(f"shufflevector {kind} {first}, {kind} poison, <{lanes} x i32> zeroinitializer")

    def signs(kind: str, last: str) -> Callable[[str, list[str]], list[str]]:
        def one(i: str, found: list[str]) -> list[str]:
            x = f.emit(f"load {kind}, ptr {f.offset('%index', i, 'i64')}, align 8")
            # A sign wherever x < 0 or x > last.
            either = f.emit(f"or {kind} {x}, {f.emit(f'sub {kind} {last}, {x}')}")
            return [f.emit(f"or {kind} {found[0]}, {either}")]

        return one

    whole = f.long("and", "%n", -lanes)
    (found,) = f.carried("0", whole, lanes, [(kind, "zeroinitializer")], signs(kind, wide))
    f.declared.add(f"declare i64 @llvm.vector.reduce.or.v{lanes}i64({kind})")
    joined = f.emit(f"call i64 @llvm.vector.reduce.or.v{lanes}i64({kind} {found})")
    (found,) = f.carried(whole, "%n", 1, [("i64", joined)], signs("i64", last))
    f.do(f"ret i1 {f.long('icmp slt', found, 0)}")
    return f


def checked(f: Walk, index: str, n: str, t: dict[str, str], body: Callable[[], None]) -> None:
    """`body()` if n places are within the size, else the flag."""
    found = f.emit(f"call i1 @outside(ptr {index}, i64 {n}, i64 {t['size']})")
    f.when(found, lambda: f.do(f"store atomic i64 1, ptr {t['flag']} monotonic, align 8"), body)


def caller(symbol: str, arguments: Any, count: Callable[[Function, dict[str, str]], str]) -> Function:
    """`symbol(table)`: `symbol_piece` for as many pieces as `count` says."""
    f = Function(f"define void @{symbol}(ptr %table)")
    number = count(f, fields(f, arguments))
    f.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {number})")
    f.do("ret void")
    return f


DECLARED = "declare void @wengert_parallel(ptr, ptr, i64)"


# ---------------------------------------------------------------- taking


def pull(kind: str, name: str, spread: bool) -> Walk:
    """`name(out, x, index, n, inner)`: out[k] = x[index[k]], or (spread) x[index[k] inner + k]."""
    f = Walk(f"define internal void @{name}(ptr %out, ptr %x, ptr %index, i64 %n, i64 %inner)")

    def one(k: str) -> None:
        place = f.fetch("%index", k, "i64")
        if spread:
            place = f.long("add", f.long("mul", place, "%inner"), k)
        f.keep(f.fetch("%x", place, kind), "%out", k, kind)

    f.each("%n", one)
    f.do("ret void")
    return f


def taking_text(target: Target, dtype: str, name: str, body: Callable[..., None]) -> tuple[str, str]:
    """A module whose pieces are rows of the result; `body(f, t, kind, begin, end)` takes those from begin to end."""
    kind, symbol = "i32" if dtype == "float" else "i64", f"{name}_{dtype}"
    f = Walk(f"define internal void @{symbol}_piece(ptr %table, i64 %piece)")
    t = fields(f, TAKING)
    begin = f.long("mul", "%piece", t["some"])
    end = f.least(f.long("add", begin, t["some"]), f.long("mul", t["outer"], t["n"]))
    body(f, t, kind, begin, end)
    f.do("ret void")
    g = caller(symbol, TAKING, lambda g, u: divided(g, g.long("mul", u["outer"], u["n"]), u["some"]))
    return module([outside(target), pull(kind, "pull", False), pull(kind, "spread", True), f, g], DECLARED), symbol


def gather_text(target: Target, dtype: str) -> tuple[str, str]:
    """out[o, j, i] = x[o, index[o, j, i], i]."""

    def body(f: Walk, t: dict[str, str], kind: str, begin: str, end: str) -> None:
        inner = t["inner"]
        single = f.long("icmp eq", inner, 1)
        step = f.long("mul", t["size"], inner)

        def part(line: str, first: str, last: str) -> None:
            x = f.offset(t["x"], f.long("mul", line, step), kind)

            def row(name: str, at: str, n: str) -> None:
                given = f"ptr {f.offset(t['out'], at, kind)}, ptr {x}, ptr {f.offset(t['index'], at, 'i64')}"
                f.do(f"call void @{name}({given}, i64 {n}, i64 {inner})")

            f.when(
                single,
                lambda: row("pull", first, f.long("sub", last, first)),
                lambda: f.loop(first, last, 1, lambda j: row("spread", f.long("mul", j, inner), inner)),
            )

        start = f.offset(t["index"], f.long("mul", begin, inner), "i64")
        count = f.long("mul", f.long("sub", end, begin), inner)
        checked(f, start, count, t, lambda: stretches(f, begin, end, t["n"], part))

    return taking_text(target, dtype, "gather", body)


def lines_text(target: Target, dtype: str) -> tuple[str, str]:
    """out[o, j] = x[o, index[j]], where these are lines of inner elements; all places are within the size."""

    def body(f: Walk, t: dict[str, str], kind: str, begin: str, end: str) -> None:
        inner = t["inner"]
        single = f.long("icmp eq", inner, 1)
        step, length = f.long("mul", t["size"], inner), f.long("mul", inner, 4 if kind == "i32" else 8)

        def part(line: str, first: str, last: str) -> None:
            x = f.offset(t["x"], f.long("mul", line, step), kind)
            before = f.long("mul", line, t["n"])

            def elements() -> None:
                index = f.offset(t["index"], f.long("sub", first, before), "i64")
                n = f.long("sub", last, first)
                f.do(f"call void @pull(ptr {f.offset(t['out'], first, kind)}, ptr {x}, ptr {index}, i64 {n}, i64 1)")

            def row(j: str) -> None:
                place = f.field(t["index"], f.long("sub", j, before), "i64")
                source = f.offset(x, f.long("mul", place, inner), kind)
                f.copy(f.offset(t["out"], f.long("mul", j, inner), kind), source, length)

            f.when(single, elements, lambda: f.loop(first, last, 1, row))

        stretches(f, begin, end, t["n"], part)

    return taking_text(target, dtype, "lines", body)


# ---------------------------------------------------------------- writing

ACTIONS = ("add", "count", "put", "fill")
"""Floating numbers added, whole numbers added, elements put, one element put everywhere."""


def push(kind: str, action: str, spread: bool) -> Walk:
    """`name(out, index, given, n, inner)`: the action on out[index[k]] or (spread) out[index[k] inner + k]."""
    name = "strew" if spread else "push"
    f = Walk(f"define internal void @{name}(ptr %out, ptr %index, ptr %given, i64 %n, i64 %inner)")
    value = f.fetch("%given", "0", kind) if action == "fill" else ""

    def one(k: str) -> None:
        place = f.fetch("%index", k, "i64")
        if spread:
            place = f.long("add", f.long("mul", place, "%inner"), k)
        new = value or f.fetch("%given", k, kind)
        if action in ("add", "count"):
            word = "fadd" if action == "add" else "add"
            new = f.emit(f"{word} {kind} {f.fetch('%out', place, kind)}, {new}")
        f.keep(new, "%out", place, kind)

    f.each("%n", one)
    f.do("ret void")
    return f


def started(f: Walk, t: dict[str, str], kind: str, at: str, n: str) -> None:
    """What n elements from `at` on hold before anything is written."""
    to, length = f.offset(t["out"], at, kind), f.long("mul", n, 4 if kind in ("float", "i32") else 8)
    copied = f.long("icmp ne", t["begun"], 0)
    f.when(copied, lambda: f.copy(to, f.offset(t["start"], at, kind), length), lambda: f.clear(to, length))


def begun(f: Walk, t: dict[str, str], kind: str, at: str, width: str) -> None:
    """What `width` columns from element `at` of a line of outer hold before anything is written."""
    inner = t["inner"]

    def rows() -> None:
        f.loop("0", t["size"], 1, lambda s: started(f, t, kind, f.long("add", at, f.long("mul", s, inner)), width))

    whole = f.long("icmp eq", width, inner)
    f.when(whole, lambda: started(f, t, kind, at, f.long("mul", t["size"], inner)), rows)


def adding_text(target: Target, dtype: str) -> tuple[str, str]:
    """out[o, index[j]] += given[o, j], where these are lines of inner elements; all places are within the size.

    A piece is some lines of out, which stay in the cache.  It reads all of the index and takes what is its own.
    """
    symbol = f"add_lines_{dtype}"
    f = Walk(f"define internal void @{symbol}_piece(ptr %table, i64 %piece)")
    t = fields(f, WRITING)
    room = f.emit(f"alloca {dtype}, i64 4, align 64")
    inner, across = t["inner"], divided(f, t["size"], t["lines"])
    o, first = f.long("udiv", "%piece", across), f.long("mul", f.long("urem", "%piece", across), t["lines"])
    count = f.least(f.long("sub", t["size"], first), t["lines"])
    at = f.long("mul", f.long("add", f.long("mul", o, t["size"]), first), inner)
    started(f, t, dtype, at, f.long("mul", count, inner))
    out = f.offset(t["out"], at, dtype)
    given = f.offset(t["given"], f.long("mul", f.long("mul", o, t["n"]), inner), dtype)

    def one(j: str) -> None:
        place = f.long("sub", f.field(t["index"], j, "i64"), first)

        def line() -> None:
            into = f.offset(out, f.long("mul", place, inner), dtype)
            source = f.offset(given, f.long("mul", j, inner), dtype)
            f.do(f"call void @added(ptr {into}, ptr {into}, ptr {source}, ptr {room}, i64 {inner})")

        f.when(f.long("icmp ult", place, count), line)

    f.loop("0", t["n"], 1, one)
    f.do("ret void")
    g = caller(symbol, WRITING, lambda g, u: g.long("mul", u["outer"], divided(g, u["size"], u["lines"])))
    added = Pass(target, dtype, "added", 2, 1, 0, [], lambda b, x, s: ([b.add(x[0], x[1])], []), 2)
    return module([added, f, g], DECLARED), symbol


def writing_text(target: Target, dtype: str, action: str) -> tuple[str, str]:
    """out[o, index[o, j, i], i] = or += given[o, j, i]; a vector as index only where inner is 1."""
    kind = dtype if action == "add" else "i32" if dtype == "float" else "i64"
    symbol = f"{action}_{dtype}"
    f = Walk(f"define internal void @{symbol}_piece(ptr %table, i64 %piece)")
    t = fields(f, WRITING)
    inner, n = t["inner"], t["n"]
    across = divided(f, inner, t["block"])
    first = f.long("mul", f.long("urem", "%piece", across), t["block"])
    width = f.least(f.long("sub", inner, first), t["block"])
    top = f.long("mul", f.long("udiv", "%piece", across), t["lines"])
    single, shared = f.long("icmp eq", inner, 1), f.long("icmp ne", t["shared"], 0)

    def line(o: str) -> None:
        at = f.long("add", f.long("mul", o, f.long("mul", t["size"], inner)), first)
        begun(f, t, kind, at, width)
        out, before = f.offset(t["out"], at, kind), f.long("mul", o, n)

        def run(name: str, index: str, place: str, count: str) -> None:
            given = t["given"] if action == "fill" else f.offset(t["given"], place, kind)
            rest = f"ptr {given}, i64 {count}, i64 {inner}"
            checked(f, index, count, t, lambda: f.do(f"call void @{name}(ptr {out}, ptr {index}, {rest})"))

        def elements() -> None:
            begin = f.emit(f"select i1 {shared}, i64 0, i64 {before}")
            run("push", f.offset(t["index"], begin, "i64"), before, n)

        def row(j: str) -> None:
            place = f.long("add", f.long("mul", f.long("add", before, j), inner), first)
            run("strew", f.offset(t["index"], place, "i64"), place, width)

        f.when(single, elements, lambda: f.loop("0", n, 1, row))

    f.loop(top, f.least(f.long("add", top, t["lines"]), t["outer"]), 1, line)
    f.do("ret void")

    def number(g: Function, u: dict[str, str]) -> str:
        return g.long("mul", divided(g, u["outer"], u["lines"]), divided(g, u["inner"], u["block"]))

    functions = [outside(target), push(kind, action, False), push(kind, action, True)]
    return module([*functions, f, caller(symbol, WRITING, number)], DECLARED), symbol
