"""Text of products of matrices on AMX: C = A B, where every float32 is the sum of bfloat16 numbers.

An instruction of AMX multiplies two tiles of bfloat16 and adds to a tile of float32.  A float32 has 24 digits, which
are those of three bfloat16: x = x0 + x1 + x2, each part the rest rounded to 8 digits.  Of the nine products of parts
the six largest are summed (i + j < 3); what is left out is below 2^-23 |a b|.  A tile's own sum over 32 steps of the
inner dim is added to C at once, so that fewer roundings meet the sum than in a chain of multiplications and additions.
A bias is added last, for the same reason.

Two parts, and one, give the lower precisions that `set_float32_matmul_precision` allows; bfloat16 is one part, and
float16 two.

AMX takes denormal numbers for zeros, and an infinity has no parts.  So the largest element and the smallest that is
not 0 are noted on the way; where they do not suit, the product is computed again without AMX (`amx_products.py`).

The work is cut into pieces as in `matrices.py`.  A piece goes through the inner dim `DEPTH` steps at a time: it splits
its rows of A into tiles, then one panel of B after the other, each while the one before meets all these rows.

Source: G. Henry, P. T. P. Tang, A. Heinecke, Leveraging the bfloat16 Artificial Intelligence Datatype For
Higher-Precision Computations, ARITH 2019.
"""

from __future__ import annotations

from typing import Any

from wengert.core.kernels.amx_rounds import DECLARED, Sweep, rooms_of, round_functions, swept, told, with_tiles
from wengert.core.kernels.amx_splitting import (
    DEPTH,
    JOB,
    LINES,
    PANEL,
    SIDE,
    STEPS,
    TILE,
    UNITS,
    Source,
    chores,
    packer_name,
    packers,
)
from wengert.core.kernels.host import Target
from wengert.core.kernels.matrices import divided, fields
from wengert.core.kernels.text import Function, module

__all__ = ["ARGUMENTS", "split_text"]

ARGUMENTS = (
    ("array", "c"), ("array", "a"), ("array", "b"), ("whole", "count"), ("whole", "m"), ("whole", "n"), ("whole", "k"),
    ("whole", "c_next"), ("whole", "a_next"), ("whole", "b_next"), ("whole", "ldc"), ("whole", "a_step"),
    ("whole", "a_turned"), ("whole", "b_step"), ("whole", "b_turned"), ("whole", "rows"), ("whole", "panels"),
    ("array", "bias"), ("whole", "biased"), ("array", "marks"),
)  # fmt: skip
"""What the kernel is given: `count` products, `*_next` from one to the next; *_step: distance of rows in memory,
which are the columns where *_turned; rows and panels of columns of one piece; bias: a row that is added to every row
(biased); marks: bits of the largest |a|, of the smallest that is not 0 less one, and both for b."""


def split_text(target: Target, source: Source) -> tuple[str, str]:
    """The module, and the name of its function `f(table)`."""
    symbol = source.symbol
    functions: list[Any] = [*packers(target, source)]
    functions += [*round_functions(target, source), chores(target, source), packed(source), piece(source, symbol)]
    return module([*functions, caller(symbol)], DECLARED), symbol


def packed(source: Source) -> Function:
    """`packed(to, panel, from, step, turned, left, count, steps, found)`: the tiles of `count` rows or columns.

    panel: bytes from one panel to the next.

    Neighbours in memory are read one after the other, which the processor foresees.
    """
    f = Function(
        "define internal void @packed(ptr %to, i64 %panel, ptr %from, i64 %step, i1 %turned, i1 %left, i64 %count, "
        "i64 %steps, ptr %found)"
    )
    f.declared.add("declare i64 @llvm.umin.i64(i64, i64)")
    # Where a step further, and a row or column further, stand: one of them is the next element.
    along = f.emit("xor i1 %turned, %left")
    inner = f.emit(f"select i1 {along}, i64 1, i64 %step")
    outer = f.emit(f"select i1 {along}, i64 %step, i64 1")

    def one(k: str, h: str) -> None:
        at = f.long("mul", k, STEPS)
        steps = f.least(f.long("sub", "%steps", at), STEPS)
        count = f.least(f.long("sub", "%count", f.long("mul", h, SIDE)), SIDE)
        place = f.long("add", f.long("mul", at, inner), f.long("mul", f.long("mul", h, SIDE), outer))
        start = f.offset("%from", place, source.kind)
        to = f.offset("%to", f.long("mul", f.long("lshr", h, 1), "%panel"))
        to = f.offset(to, f.long("add", f.long("mul", k, source.block), f.long("mul", f.long("and", h, 1), TILE)))
        full = f.long("icmp eq", f.long("add", steps, count), STEPS + SIDE)
        given = f"(ptr {to}, ptr {start}, i64 %step, i64 {count}, i64 {steps}, ptr %found)"

        def call(left: bool, turned: bool) -> None:
            names = [packer_name(left, turned, part) for part in (False, True)]
            f.when(
                full, lambda: f.do(f"call void @{names[0]}{given}"), lambda: f.do(f"call void @{names[1]}{given}")
            )  # fmt: skip

        def side(left: bool) -> None:
            f.when("%turned", lambda: call(left, True), lambda: call(left, False))

        f.when("%left", lambda: side(True), lambda: side(False))

    halves, blocks = divided(f, "%count", SIDE), divided(f, "%steps", STEPS)
    f.when(
        along,
        lambda: f.loop("0", halves, 1, lambda h: f.loop("0", blocks, 1, lambda k: one(k, h))),
        lambda: f.loop("0", blocks, 1, lambda k: f.loop("0", halves, 1, lambda h: one(k, h))),
    )
    f.do("ret void")
    return f


# ---------------------------------------------------------------- pieces


def piece(source: Source, symbol: str) -> Function:
    """`void f_piece(table, index)`."""
    f = Function(f"define internal void @{symbol}_piece(ptr %table, i64 %index)")
    t = fields(f, ARGUMENTS)
    across, down = divided(f, t["n"], f.long("mul", t["panels"], PANEL)), divided(f, t["m"], t["rows"])
    each = f.long("mul", down, across)
    which, rest = f.long("udiv", "%index", each), f.long("urem", "%index", each)
    wide = f.long("mul", t["panels"], PANEL)
    first = f.long("mul", f.long("urem", rest, across), wide)
    row = f.long("mul", f.long("udiv", rest, across), t["rows"])
    m, end = f.least(f.long("sub", t["m"], row), t["rows"]), f.least(f.long("add", first, wide), t["n"])
    c = f.offset(t["c"], f.long("add", f.long("mul", which, t["c_next"]), f.long("mul", row, t["ldc"])), "float")
    a, b = [f.offset(t[x], f.long("mul", which, t[f"{x}_next"]), source.kind) for x in "ab"]
    left, right = [f.emit(f"icmp ne i64 {t[f'{x}_turned']}, 0") for x in "ab"]
    panel = f.long("mul", f.least(divided(f, t["k"], STEPS), DEPTH // STEPS), source.block)
    memory, strips = tiles_of(f, panel, t["rows"])
    tiles, rooms = f.offset(strips, f.long("mul", panel, 2)), rooms_of(f, strips, panel)
    f.put(rooms.job, JOB.index("step"), "i64", t["b_step"])
    f.put(rooms.job, JOB.index("turned"), "i64", t["b_turned"])
    there = f.emit(f"icmp ne ptr {memory}, null")

    def deep(k: str) -> None:
        steps = f.least(f.long("sub", t["k"], k), DEPTH)
        blocks, last = divided(f, steps, STEPS), f.long("icmp uge", f.long("add", k, DEPTH), t["k"])
        shifts = f.emit(f"and i1 {last}, {f.long('icmp ne', t['biased'], 0)}")
        start = at(f, a, source, left, t["a_step"], row, k, True)
        given = f"i64 {t['a_step']}, i1 {left}, i1 true, i64 {m}, i64 {steps}, ptr {rooms.left}"
        f.do(f"call void @packed(ptr {tiles}, i64 {panel}, ptr {start}, {given})")
        each = f.emit(f"select i1 {right}, i64 {UNITS[1]}, i64 {UNITS[0]}")
        even = f.long("icmp eq", f.long("and", steps, STEPS - 1), 0)

        def split(column: str, to: str) -> None:
            n = f.least(f.long("sub", end, column), PANEL)
            start = at(f, b, source, right, t["b_step"], column, k, False)
            given = f"i64 {t['b_step']}, i1 {right}, i1 false, i64 {n}, i64 {steps}, ptr {rooms.right}"
            f.do(f"call void @packed(ptr {to}, i64 {panel}, ptr {start}, {given})")

        swept(f, rooms, Sweep(
            first, end, m, blocks, f.long("icmp ne", k, 0),
            f.emit(f"select i1 {even}, i64 {f.long('mul', blocks, each)}, i64 0"), split,
            lambda column: [("from", "ptr", at(f, b, source, right, t["b_step"], column, k, False))],
            lambda i: f.offset(tiles, f.long("mul", f.long("udiv", i, PANEL), panel)),
            lambda i, column: (f.offset(c, f.long("add", f.long("mul", i, t["ldc"]), column), "float"), t["ldc"]),
            lambda *part: f.when(shifts, lambda: biased(f, t["bias"], *part)),
        ))  # fmt: skip

    f.when(there, lambda: with_tiles(f, lambda: f.loop("0", t["k"], DEPTH, deep)))
    f.do(f"call void @free(ptr {memory})")
    told(f, rooms.left, t["marks"], there)
    f.do("ret void")
    return f


def at(f: Function, start: str, source: Source, turned: str, step: str, outer: str, k: str, left: bool) -> str:
    """Where a row of A, or a column of B, and a step stand."""
    near, far = (k, outer) if left else (outer, k)
    small, large = (
        f.emit(f"select i1 {turned}, i64 {far}, i64 {near}"),
        f.emit(f"select i1 {turned}, i64 {near}, i64 {far}"),
    )
    return f.offset(start, f.long("add", f.long("mul", large, step), small), source.kind)


def tiles_of(f: Function, panel: str, rows: str) -> tuple[str, str]:
    """(memory for the tiles of two panels of B and of a piece's rows of A, where they begin)."""
    f.declared |= {"declare ptr @malloc(i64)", "declare void @free(ptr)"}
    size = f.long("mul", f.long("add", divided(f, rows, PANEL), 2), panel)
    memory = f.emit(f"call ptr @malloc(i64 {f.long('add', size, LINES)})")
    number = f.long("and", f.long("add", f.emit(f"ptrtoint ptr {memory} to i64"), LINES - 1), -LINES)
    return memory, f.emit(f"inttoptr i64 {number} to ptr")


def biased(f: Function, bias: str, into: str, apart: str, column: str, m: str, n: str) -> None:
    """The bias in a part of C, last: added before, it would take digits from all that is summed."""
    start = f.offset(bias, column, "float")
    f.do(f"call void @added(ptr {into}, i64 {apart}, ptr {start}, i64 0, i64 {m}, i64 {n})")


def caller(symbol: str) -> Function:
    """`void f(table)`: all pieces."""
    f = Function(f"define void @{symbol}(ptr %table)")
    t = fields(f, ARGUMENTS)
    across = divided(f, t["n"], f.long("mul", t["panels"], PANEL))
    number = f.long("mul", f.long("mul", divided(f, t["m"], t["rows"]), across), t["count"])
    f.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {number})")
    f.do("ret void")
    return f
