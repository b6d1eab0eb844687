"""Text of products of matrices, one or many of a kind: C = A B with A and B in any layout of rows and columns.

The work is cut into pieces of some rows by one panel of columns; a piece goes through the inner dim in parts that fit
the cache.  A part of B whose rows would lie far apart, or whose columns are its rows in memory, is first copied
together.  What a piece computes does not depend on the number of threads.
"""

from __future__ import annotations

from typing import Any

from wengert.core.kernels.host import Target
from wengert.core.kernels.text import Function, module
from wengert.core.kernels.tiles import Tiles, panel_call, transpose_call

__all__ = ["ARGUMENTS", "DEPTH", "product_text"]

DEPTH = 512
"""Steps of the inner dim that are done at once."""

ARGUMENTS = (
    ("array", "c"), ("array", "a"), ("array", "b"), ("whole", "count"), ("whole", "m"), ("whole", "n"), ("whole", "k"),
    ("whole", "c_next"), ("whole", "a_next"), ("whole", "b_next"), ("whole", "ldc"), ("whole", "ars"), ("whole", "acs"),
    ("whole", "brs"), ("whole", "bcs"), ("whole", "pack"), ("whole", "rows"),
)  # fmt: skip
"""What the kernel is given: `count` products, `*_next` from one to the next, strides in elements; pack: copy B
together; rows: of one piece."""


def product_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module, and the name of its function `f(table)`."""
    tiles = Tiles(target, dtype)
    symbol = f"product_{dtype}"
    functions = [*tiles.functions(), *tiles.transpose(), copied(tiles), piece(tiles, symbol), caller(tiles, symbol)]
    return module(functions, "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


def fields(f: Function, arguments: Any = ARGUMENTS) -> dict[str, str]:
    """The entries of the table by name."""
    return {
        name: f.field("%table", i, {"array": "ptr", "number": "double"}.get(kind, "i64"))
        for i, (kind, name) in enumerate(arguments)
    }


def divided(f: Function, a: Any, b: Any) -> str:
    """a / b, rounded up."""
    return f.long("udiv", f.long("add", a, f.long("sub", b, 1)), b)


def copied(tiles: Tiles) -> Function:
    """`copied(to, from, stride, rows, columns)`: a part of a matrix with rows of a panel's width."""
    f = Function("define internal void @copied(ptr %to, ptr %from, i64 %stride, i64 %rows, i64 %columns)")
    f.declared.add("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
    size = 4 if tiles.dtype == "float" else 8
    length = f.long("mul", "%columns", size)

    def row(r: str) -> None:
        to = f.offset("%to", f.long("mul", r, tiles.width), tiles.dtype)
        source = f.offset("%from", f.long("mul", r, "%stride"), tiles.dtype)
        f.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {source}, i64 {length}, i1 false)")

    f.loop("0", "%rows", 1, row)
    f.do("ret void")
    return f


def piece(tiles: Tiles, symbol: str) -> Function:
    """`void f_piece(table, index)`."""
    f, dtype = Function(f"define internal void @{symbol}_piece(ptr %table, i64 %index)"), tiles.dtype
    room = f.emit(f"alloca {dtype}, i64 {DEPTH * tiles.width}, align 64")
    t = fields(f)
    down, across = divided(f, t["m"], t["rows"]), divided(f, t["n"], tiles.width)
    each = f.long("mul", down, across)
    which, rest = f.long("udiv", "%index", each), f.long("urem", "%index", each)
    column = f.long("mul", f.long("udiv", rest, down), tiles.width)
    row = f.long("mul", f.long("urem", rest, down), t["rows"])
    m, n = f.least(f.long("sub", t["m"], row), t["rows"]), f.least(f.long("sub", t["n"], column), tiles.width)

    def at(name: str, *steps: tuple[str, str]) -> str:
        place = f.long("mul", which, t[f"{name}_next"])
        for index, stride in steps:
            place = f.long("add", place, f.long("mul", index, stride))
        return f.offset(t[name], place, dtype)

    c, a, b = at("c", (row, t["ldc"]), (column, "1")), at("a", (row, t["ars"])), at("b", (column, t["bcs"]))

    def part(start: str) -> None:
        k = f.least(f.long("sub", t["k"], start), DEPTH)
        left = f.offset(a, f.long("mul", start, t["acs"]), dtype)
        right = f.offset(b, f.long("mul", start, t["brs"]), dtype)
        straight = f.long("icmp eq", t["bcs"], 1)

        def together() -> None:
            f.when(
                straight,
                lambda: f.do(f"call void @copied(ptr {room}, ptr {right}, i64 {t['brs']}, i64 {k}, i64 {n})"),
                lambda: transpose_call(f, room, tiles.width, right, t["bcs"], n, k),
            )

        packed = f.long("icmp ne", t["pack"], 0)
        f.when(packed, together)
        used = f.emit(f"select i1 {packed}, ptr {room}, ptr {right}")
        apart = f.emit(f"select i1 {packed}, i64 {tiles.width}, i64 {t['brs']}")
        panel_call(f, tiles.name, c=c, ldc=t["ldc"], a=left, ars=t["ars"], acs=t["acs"], b=used, ldb=apart, m=m, n=n,
                   k=k, more=f.long("icmp ne", start, 0))  # fmt: skip

    f.loop("0", t["k"], DEPTH, part)
    f.do("ret void")
    return f


def caller(tiles: Tiles, symbol: str) -> Function:
    """`void f(table)`: all pieces."""
    f = Function(f"define void @{symbol}(ptr %table)")
    t = fields(f)
    number = f.long("mul", f.long("mul", divided(f, t["m"], t["rows"]), divided(f, t["n"], tiles.width)), t["count"])
    f.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {number})")
    f.do("ret void")
    return f
