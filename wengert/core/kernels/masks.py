"""Elements by a mask, and triangles: text of the kernels.

Where the true elements of a mask go is known once those of every piece have been counted: pieces then fill their parts
of the result side by side.  A loop stores at every element and goes on by one where the mask is true, which costs the
same for any mask, where a branch would be guessed wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.kernels.host import Target
from wengert.core.kernels.matrices import divided, fields
from wengert.core.kernels.places import DECLARED, Walk, caller, stretches
from wengert.core.kernels.text import module

__all__ = [
    "COUNTING", "CUTTING", "FINDING", "PICKING", "counts_text", "picked_text", "places_text", "spaced_text",
    "triangle_text",
]  # fmt: skip

COUNTING = (("array", "counts"), ("array", "mask"), ("whole", "n"), ("whole", "some"))
"""some: elements of a piece."""

FINDING = (
    ("array", "out"), ("array", "mask"), ("array", "starts"), ("array", "leads"), ("whole", "n"), ("whole", "columns"),
    ("whole", "dims"), ("whole", "some"),
)  # fmt: skip
"""out (count, dims); starts: where each piece begins in it, and the end; leads: (rows, dims - 1), first positions."""

PICKING = (
    ("array", "out"), ("array", "x"), ("array", "mask"), ("array", "starts"), ("whole", "n"), ("whole", "some"),
)  # fmt: skip

CUTTING = (
    ("array", "out"), ("array", "x"), ("whole", "count"), ("whole", "rows"), ("whole", "columns"),
    ("whole", "diagonal"), ("whole", "lower"), ("whole", "some"),
)  # fmt: skip
"""`count` rows in all, `rows` of a matrix; diagonal: as of tril or triu."""

LANES = 16
"""Elements of a mask that are counted at once."""


def piece_of(f: Walk, arguments: Any) -> tuple[dict[str, str], str, str]:
    """The table's entries, and the elements of a piece."""
    t = fields(f, arguments)
    begin = f.long("mul", "%piece", t["some"])
    return t, begin, f.least(f.long("add", begin, t["some"]), t["n"])


def whole(name: str, arguments: Any, f: Walk) -> tuple[str, str]:
    """A module of pieces of `some` of n elements."""
    return module([f, caller(name, arguments, lambda g, u: divided(g, u["n"], u["some"]))], DECLARED), name


def counts_text(target: Target, dtype: str) -> tuple[str, str]:
    """counts[piece] = true elements of the piece."""
    symbol = f"counts_{dtype}"
    f = Walk(f"define internal void @{symbol}_piece(ptr %table, i64 %piece)")
    t, begin, end = piece_of(f, COUNTING)
    mask, n = f.offset(t["mask"], begin), f.long("sub", end, begin)
    kind, wide = f"<{LANES} x i8>", f"<{LANES} x i32>"

    def many(i: str, found: list[str]) -> list[str]:
        x = f.emit(f"load {kind}, ptr {f.offset(mask, i)}, align 1")
        true = f.emit(f"icmp ne {kind} {x}, zeroinitializer")
        return [f.emit(f"add {wide} {found[0]}, {f.emit(f'zext <{LANES} x i1> {true} to {wide}')}")]

    def one(i: str, found: list[str]) -> list[str]:
        return [f.long("add", found[0], is_true(f, mask, i))]

    full = f.long("and", n, -LANES)
    (found,) = f.carried("0", full, LANES, [(wide, "zeroinitializer")], many)
    f.declared.add(f"declare i32 @llvm.vector.reduce.add.v{LANES}i32({wide})")
    joined = f.emit(f"call i32 @llvm.vector.reduce.add.v{LANES}i32({wide} {found})")
    (found,) = f.carried(full, n, 1, [("i64", f.emit(f"zext i32 {joined} to i64"))], one)
    f.keep(found, t["counts"], "%piece", "i64")
    f.do("ret void")
    return whole(symbol, COUNTING, f)


def is_true(f: Walk, mask: str, i: str) -> str:
    """1 where the mask is true, else 0."""
    true = f.emit(f"icmp ne i8 {f.fetch(mask, i, 'i8')}, 0")
    return f.emit(f"zext i1 {true} to i64")


def until(f: Walk, start: str, end: str, k: str, last: str, body: Callable[[str, str], str]) -> str:
    """`body(i, k)` gives the next k, for i in [start, end) as long as k is below `last`; the last k."""
    tag = f.name()
    for label in ("p", "h"):
        f.do(f"br label %{tag}{label}")
        f.label(f"{tag}{label}")
    f.do(f"%{tag}i = phi i64 [{start}, %{tag}p], [%{tag}n, %{tag}b]")
    place = len(f.lines)
    inside = f.emit(f"and i1 {f.long('icmp ult', f'%{tag}i', end)}, {f.long('icmp ult', f'%{tag}k', last)}")
    f.do(f"br i1 {inside}, label %{tag}b, label %{tag}x")
    f.label(f"{tag}b")
    after = body(f"%{tag}i", f"%{tag}k")
    f.do(f"%{tag}n = add i64 %{tag}i, 1")
    f.do(f"br label %{tag}h")
    f.label(f"{tag}x")
    f.lines.insert(place, f"  %{tag}k = phi i64 [{k}, %{tag}p], [{after}, %{tag}b]")
    return f"%{tag}k"


def places_text(target: Target, dtype: str) -> tuple[str, str]:
    """The positions of the true elements, a row each."""
    symbol = f"places_{dtype}"
    f = Walk(f"define internal void @{symbol}_piece(ptr %table, i64 %piece)")
    t, begin, end = piece_of(f, FINDING)
    room = f.emit("alloca i64, align 8")
    f.keep(f.field(t["starts"], "%piece", "i64"), room, "0", "i64")
    last = f.field(t["starts"], f.long("add", "%piece", 1), "i64")
    dims = t["dims"]
    leading = f.long("sub", dims, 1)
    out = f.offset(t["out"], leading, "i64")

    def row(line: str, first: str, stop: str) -> None:
        start, before = f.fetch(room, "0", "i64"), f.long("mul", line, t["columns"])

        def found(i: str, k: str) -> str:
            f.keep(f.long("sub", i, before), out, f.long("mul", k, dims), "i64")
            return f.long("add", k, is_true(f, t["mask"], i))

        k = until(f, first, stop, start, last, found)
        f.keep(k, room, "0", "i64")

        def lead(d: str) -> None:
            value = f.fetch(t["leads"], f.long("add", f.long("mul", line, leading), d), "i64")
            f.loop(start, k, 1, lambda j: f.keep(value, t["out"], f.long("add", f.long("mul", j, dims), d), "i64"))

        f.loop("0", leading, 1, lead)

    stretches(f, begin, end, t["columns"], row)
    f.do("ret void")
    return whole(symbol, FINDING, f)


def picked_text(target: Target, dtype: str) -> tuple[str, str]:
    """out = x[mask]."""
    symbol, kind = f"picked_{dtype}", "i32" if dtype == "float" else "i64"
    f = Walk(f"define internal void @{symbol}_piece(ptr %table, i64 %piece)")
    t, begin, end = piece_of(f, PICKING)
    first = f.field(t["starts"], "%piece", "i64")
    last = f.field(t["starts"], f.long("add", "%piece", 1), "i64")

    def one(i: str, k: str) -> str:
        f.keep(f.fetch(t["x"], i, kind), t["out"], k, kind)
        return f.long("add", k, is_true(f, t["mask"], i))

    until(f, begin, end, first, last, one)
    f.do("ret void")
    return whole(symbol, PICKING, f)


def spaced_text(target: Target, dtype: str) -> tuple[str, str]:
    """out = zeros, with out[mask] = x; x has one element or more."""
    symbol, kind = f"spaced_{dtype}", "i32" if dtype == "float" else "i64"
    f = Walk(f"define internal void @{symbol}_piece(ptr %table, i64 %piece)")
    t, begin, end = piece_of(f, PICKING)
    first = f.field(t["starts"], "%piece", "i64")
    least = f.long("sub", f.field(t["starts"], divided(f, t["n"], t["some"]), "i64"), 1)

    def one(i: str, found: list[str]) -> list[str]:
        value = f.fetch(t["x"], f.least(found[0], least), kind)  # after the last true element there is none to read
        true = f.emit(f"icmp ne i8 {f.fetch(t['mask'], i, 'i8')}, 0")
        # Bits, because a choice would become a branch.
        f.keep(f.emit(f"and {kind} {value}, {f.emit(f'sext i1 {true} to {kind}')}"), t["out"], i, kind)
        return [f.long("add", found[0], f.emit(f"zext i1 {true} to i64"))]

    f.carried(begin, end, 1, [("i64", first)], one)
    f.do("ret void")
    return whole(symbol, PICKING, f)


def triangle_text(target: Target, dtype: str) -> tuple[str, str]:
    """The lower or upper triangle of matrices."""
    symbol, size = f"triangle_{dtype}", 4 if dtype == "float" else 8
    f = Walk(f"define internal void @{symbol}_piece(ptr %table, i64 %piece)")
    f.declared |= {"declare i64 @llvm.smax.i64(i64, i64)", "declare i64 @llvm.smin.i64(i64, i64)"}
    t = fields(f, CUTTING)
    begin = f.long("mul", "%piece", t["some"])
    lower = f.long("icmp ne", t["lower"], 0)

    def row(r: str) -> None:
        # The first elements, up to the diagonal: with it for the lower triangle.
        before = f.long("add", f.long("add", f.long("urem", r, t["rows"]), t["diagonal"]), t["lower"])
        before = f.emit(f"call i64 @llvm.smax.i64(i64 {before}, i64 0)")
        before = f.emit(f"call i64 @llvm.smin.i64(i64 {before}, i64 {t['columns']})")
        start, near = f.long("mul", f.long("mul", r, t["columns"]), size), f.long("mul", before, size)
        rest = f.long("mul", f.long("sub", t["columns"], before), size)
        out, x = f.offset(t["out"], start), f.offset(t["x"], start)

        def first() -> None:
            f.copy(out, x, near)
            f.clear(f.offset(out, near), rest)

        def second() -> None:
            f.clear(out, near)
            f.copy(f.offset(out, near), f.offset(x, near), rest)

        f.when(lower, first, second)

    f.loop(begin, f.least(f.long("add", begin, t["some"]), t["count"]), 1, row)
    f.do("ret void")
    number = caller(symbol, CUTTING, lambda g, u: divided(g, u["count"], u["some"]))
    return module([f, number], DECLARED), symbol
