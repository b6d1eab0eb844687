"""Text of products of matrices, one or many of a kind: C = A B with A and B in any layout of rows and columns.

The work is cut into pieces of some rows by one panel of columns; a piece goes through the inner dim in parts that fit
the cache.  A part of B whose rows would lie far apart, or whose columns are its rows in memory, is first copied
together.  What a piece computes does not depend on the number of threads.
"""

from __future__ import annotations

from typing import Any

from wengert.core.kernels.host import Target
from wengert.core.kernels.text import Block, Function, Lines, module
from wengert.core.kernels.tiles import Tiles, panel_call, transpose_call

__all__ = ["ARGUMENTS", "DEPTH", "product_text"]

DEPTH = 512
"""Steps of the inner dim that are done at once."""

LINE = DEPTH + 16
"""Distance of the rows of A where they are copied; a power of two would make them share a few lines of the cache."""

FEW = 12
"""Rows of A up to which copying it does not pay."""

ARGUMENTS = (
    ("array", "c"), ("array", "a"), ("array", "b"), ("whole", "count"), ("whole", "m"), ("whole", "n"), ("whole", "k"),
    ("whole", "c_next"), ("whole", "a_next"), ("whole", "b_next"), ("whole", "ldc"), ("whole", "ars"), ("whole", "acs"),
    ("whole", "brs"), ("whole", "bcs"), ("whole", "pack"), ("whole", "rows"),
    ("whole", "panels"), ("array", "bias"), ("whole", "biased"),
)  # fmt: skip
"""What the kernel is given: `count` products, `*_next` from one to the next, strides in elements; pack: copy B
together; rows and panels of columns of one piece; bias: a row that is
added to every row of C (biased)."""


def product_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module, and the name of its function `f(table)`."""
    tiles = Tiles(target, dtype)
    symbol = f"product_{dtype}"
    functions = [
        *tiles.functions(),
        *tiles.transpose(),
        copied(tiles),
        strip(tiles),
        piece(tiles, symbol),
        caller(tiles, symbol),
    ]
    return module(functions, "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


def fields(f: Lines, arguments: Any = ARGUMENTS) -> dict[str, str]:
    """The entries of the table by name."""
    return {
        name: f.field("%table", i, {"array": "ptr", "number": "double"}.get(kind, "i64"))
        for i, (kind, name) in enumerate(arguments)
    }


def divided(f: Lines, a: Any, b: Any) -> str:
    """a / b, rounded up."""
    return f.long("udiv", f.long("add", a, f.long("sub", b, 1)), b)


def copied(tiles: Tiles) -> Block:
    """`copied(to, from, stride, rows, columns)`: a part of a matrix with rows of a panel's width."""
    f = Block(
        tiles.target, tiles.dtype,
        head="define internal void @copied(ptr %to, ptr %from, i64 %stride, i64 %rows, i64 %columns)",
    )  # fmt: skip
    f.declared.add("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
    length = f.long("mul", "%columns", f.size)

    def ends(r: str) -> tuple[str, str]:
        to = f.offset("%to", f.long("mul", r, tiles.width), tiles.dtype)
        return to, f.offset("%from", f.long("mul", r, "%stride"), tiles.dtype)

    def whole(r: str) -> None:
        to, source = ends(r)
        values = [f.load(f.offset(source, j * f.lanes, tiles.dtype)) for j in range(tiles.vectors)]
        for j, value in enumerate(values):
            f.store(value, f.offset(to, j * f.lanes, tiles.dtype))

    def part(r: str) -> None:
        to, source = ends(r)
        f.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {source}, i64 {length}, i1 false)")

    full = f.long("icmp eq", "%columns", tiles.width)
    f.when(full, lambda: f.loop("0", "%rows", 1, whole), lambda: f.loop("0", "%rows", 1, part))
    f.do("ret void")
    return f


def strip(tiles: Tiles) -> Function:
    """`strip(table, c, a, ars, acs, b, m, n, k, more)`: one panel; B is copied together if the table says so."""
    f, dtype = (
        Function(
            "define internal void @strip(ptr %table, ptr %c, ptr %a, i64 %ars, i64 %acs, ptr %b, i64 %m, i64 %n, "
            "i64 %k, i1 %more)"
        ),
        tiles.dtype,
    )
    room = f.emit(f"alloca {dtype}, i64 {DEPTH * tiles.width}, align 64")
    t = fields(f)

    def together() -> None:
        f.when(
            f.long("icmp eq", t["bcs"], 1),
            lambda: f.do(f"call void @copied(ptr {room}, ptr %b, i64 {t['brs']}, i64 %k, i64 %n)"),
            lambda: transpose_call(f, room, tiles.width, "%b", t["bcs"], "%n", "%k"),
        )

    packed = f.long("icmp ne", t["pack"], 0)
    f.when(packed, together)
    used = f.emit(f"select i1 {packed}, ptr {room}, ptr %b")
    apart = f.emit(f"select i1 {packed}, i64 {tiles.width}, i64 {t['brs']}")
    panel_call(f, tiles.name, c="%c", ldc=t["ldc"], a="%a", ars="%ars", acs="%acs", b=used, ldb=apart, m="%m", n="%n",
               k="%k", more="%more")  # fmt: skip
    f.do("ret void")
    return f


def piece(tiles: Tiles, symbol: str) -> Function:
    """`void f_piece(table, index)`."""
    f, dtype = Function(f"define internal void @{symbol}_piece(ptr %table, i64 %index)"), tiles.dtype
    t = fields(f)
    wide = f.long("mul", t["panels"], tiles.width)
    across = divided(f, t["n"], wide)
    each = f.long("mul", divided(f, t["m"], t["rows"]), across)
    which, rest = f.long("udiv", "%index", each), f.long("urem", "%index", each)
    first, row = (
        f.long("mul", f.long("urem", rest, across), wide),
        f.long("mul", f.long("udiv", rest, across), t["rows"]),
    )
    m, end = f.least(f.long("sub", t["m"], row), t["rows"]), f.least(f.long("add", first, wide), t["n"])

    def at(name: str, *steps: tuple[str, str]) -> str:
        place = f.long("mul", which, t[f"{name}_next"])
        for index, stride in steps:
            place = f.long("add", place, f.long("mul", index, stride))
        return f.offset(t[name], place, dtype)

    c, a, b = at("c", (row, t["ldc"])), at("a", (row, t["ars"])), at("b")
    lines, turned = lines_of(f, dtype, t)
    ars = f.emit(f"select i1 {turned}, i64 {LINE}, i64 {t['ars']}")
    acs = f.emit(f"select i1 {turned}, i64 1, i64 {t['acs']}")

    length = f.long("sub", end, first)
    bias = f.offset(t["bias"], first, dtype)

    def one(i: str) -> None:
        to = f.offset(c, f.long("add", f.long("mul", i, t["ldc"]), first), dtype)
        f.do(f"call void @copied(ptr {to}, ptr {bias}, i64 0, i64 1, i64 {length})")

    f.when(f.long("icmp ne", t["biased"], 0), lambda: f.loop("0", m, 1, one))

    def part(start: str) -> None:
        k = f.least(f.long("sub", t["k"], start), DEPTH)
        left = f.offset(a, f.long("mul", start, t["acs"]), dtype)
        f.when(turned, lambda: transpose_call(f, lines, LINE, left, t["acs"], k, m))
        left, more = f.emit(f"select i1 {turned}, ptr {lines}, ptr {left}"), f.long("icmp ne", start, 0)
        below = f.offset(b, f.long("mul", start, t["brs"]), dtype)
        begun = f.emit(f"or i1 {more}, {f.long('icmp ne', t['biased'], 0)}")

        def panel(column: str) -> None:
            n = f.least(f.long("sub", end, column), tiles.width)
            right, into = f.offset(below, f.long("mul", column, t["bcs"]), dtype), f.offset(c, column, dtype)
            f.do(f"call void @strip(ptr %table, ptr {into}, ptr {left}, i64 {ars}, i64 {acs}, ptr {right}, i64 {m}, "
                 f"i64 {n}, i64 {k}, i1 {begun})")  # fmt: skip

        f.loop(first, end, tiles.width, panel)

    f.loop("0", t["k"], DEPTH, part)
    f.do(f"call void @free(ptr {lines})")
    f.do("ret void")
    return f


def lines_of(f: Function, dtype: str, t: dict[str, str]) -> tuple[str, str]:
    """Memory in which the rows of A stand one after the other, and whether it is to be used.

    It is for an A whose columns are its rows in memory: every step would meet another page. If there is no memory, A
    is read where it is.
    """
    f.declared |= {"declare ptr @malloc(i64)", "declare void @free(ptr)"}
    down = f.emit(f"and i1 {f.long('icmp eq', t['ars'], 1)}, {f.long('icmp ugt', t['acs'], 1)}")
    wanted = f.emit(f"and i1 {down}, {f.long('icmp ugt', t['m'], FEW)}")
    size = f.long("mul", t["rows"], LINE * (4 if dtype == "float" else 8))
    lines = f.emit(f"call ptr @malloc(i64 {f.emit(f'select i1 {wanted}, i64 {size}, i64 64')})")
    return lines, f.emit(f"and i1 {wanted}, {f.emit(f'icmp ne ptr {lines}, null')}")


def caller(tiles: Tiles, symbol: str) -> Function:
    """`void f(table)`: all pieces."""
    f = Function(f"define void @{symbol}(ptr %table)")
    t = fields(f)
    across = divided(f, t["n"], f.long("mul", t["panels"], tiles.width))
    number = f.long("mul", f.long("mul", divided(f, t["m"], t["rows"]), across), t["count"])
    f.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {number})")
    f.do("ret void")
    return f
