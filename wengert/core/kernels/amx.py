"""Text of products of matrices on AMX: C = A B, where every float32 is the sum of bfloat16 numbers.

An instruction of AMX multiplies two tiles of bfloat16 and adds to a tile of float32.  A float32 has 24 digits, which
are those of three bfloat16: x = x0 + x1 + x2, each part the rest rounded to 8 digits.  Of the nine products of parts
the six largest are summed (i + j < 3); what is left out is below 2^-23 |a b|.  A tile's own sum over 32 steps of the
inner dim is added to C at once, so that fewer roundings meet the sum than in a chain of multiplications and additions.
Two parts, and one, give the lower precisions that `set_float32_matmul_precision` allows; bfloat16 is one part, and
float16 two.

AMX takes denormal numbers for zeros, and an infinity has no parts.  So the largest element and the smallest that is
not 0 are noted on the way; where they do not suit, the product is computed again without AMX (`amx_products.py`).

The work is cut into pieces as in `matrices.py`.  A piece goes through the inner dim `DEPTH` steps at a time: it splits
its rows of A into tiles, then some panels of B, each of which meets all these rows while it is in the nearest cache.

Source: G. Henry, P. T. P. Tang, A. Heinecke, Leveraging the bfloat16 Artificial Intelligence Datatype For
Higher-Precision Computations, ARITH 2019.
"""

from __future__ import annotations

from typing import Any

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
    beyond,
    chores,
    packer,
    packer_name,
)
from wengert.core.kernels.host import Target
from wengert.core.kernels.matrices import divided, fields
from wengert.core.kernels.text import Block, Function, module

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
    functions: list[Any] = [
        packer(target, source, left, turned, part)
        for left in (True, False) for turned in (False, True) for part in (False, True)
    ]  # fmt: skip
    functions += [round_text(source, down, across) for down in (1, 2) for across in (1, 2)]
    functions += [
        chores(target, source),
        moved(target),
        placed(source),
        packed(source),
        piece(source, symbol),
        caller(symbol),
    ]
    return module(functions, "declare void @wengert_parallel(ptr, ptr, i64)\n" + CONFIGURATION), symbol


CONFIGURATION = (
    "@tiles = internal constant [64 x i8] ["
    + ", ".join(f"i8 {x}" for x in [1, *[0] * 15, *[LINES, 0] * 8, *[0] * 16, *[SIDE] * 8, *[0] * 8])
    + "], align 64\n"
)
"""Eight tiles of 16 rows of 64 bytes."""


# ---------------------------------------------------------------- tiles


def tile(f: Function, name: str, *given: str) -> None:
    """An instruction of AMX; tiles are numbers."""
    kinds = ", ".join("i8 immarg" if x.startswith("i8") else x.split()[0] for x in given)
    f.declared.add(f"declare void @llvm.x86.{name}({kinds})")
    f.do(f"call void @llvm.x86.{name}({', '.join(given)})")


def round_text(source: Source, down: int, across: int) -> Function:
    """`round(c, size, a, b, blocks, more, job)`: C (+)= A B for one panel of each; size: bytes of a row of C.

    down, across: tiles of the result, one or two; whole rounds do chores on the way.
    """
    f = Function(
        f"define internal void @round_{down}_{across}(ptr %c, i64 %size, ptr %a, ptr %b, i64 %blocks, i1 %more, "
        "ptr %job)"
    )
    below = f.long("mul", "%size", SIDE)
    results = []
    for i in range(down):
        row = f.offset("%c", below) if i else "%c"
        results += [(f"i8 {2 * i + j}", f.offset(row, LINES * j)) for j in range(across)]

    def begun() -> None:
        for number, at in results:
            tile(f, "tileloadd64", number, f"ptr {at}", "i64 %size")

    def fresh() -> None:
        for number, _ in results:
            tile(f, "tilezero", number)

    f.when("%more", begun, fresh)

    def block(k: str) -> None:
        start = f.long("mul", k, source.block)
        a, b = f.offset("%a", start), f.offset("%b", start)
        held = [-1, -1]
        for pair in turns(source.pairs):
            for side, (pointer, count) in enumerate(((a, down), (b, across))):
                if held[side] != pair[side]:
                    held[side] = pair[side]
                    for i in range(count):
                        at = f.offset(pointer, TILE * (2 * pair[side] + i))
                        tile(f, "tileloadd64", f"i8 {4 + 2 * side + i}", f"ptr {at}", f"i64 {LINES}")
            for i in range(down):
                for j in range(across):
                    tile(f, "tdpbf16ps", f"i8 {2 * i + j}", f"i8 {4 + i}", f"i8 {6 + j}")
        if down == across == 2:
            f.do("call void @chores(ptr %job)")

    f.loop("0", "%blocks", 1, block)
    for number, at in results:
        tile(f, "tilestored64", number, f"ptr {at}", "i64 %size")
    f.do("ret void")
    return f


def turns(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The pairs in an order in which few parts are read twice: parts of A one after the other, of B to and fro."""
    found: list[tuple[int, int]] = []
    for i in sorted({i for i, _ in pairs}):
        others = sorted(j for k, j in pairs if k == i)
        if not found or found[-1][1] != others[0]:
            others.reverse()
        found += [(i, j) for j in others]
    return found


def moved(target: Target) -> Block:
    """`moved(to, to_step, from, step, rows, columns)`: a part of a matrix of at most 32 columns."""
    f = Block(
        target, "float",
        head="define internal void @moved(ptr %to, i64 %to_step, ptr %from, i64 %step, i64 %rows, i64 %columns)",
    )  # fmt: skip
    masks = [f.first_lanes("%columns"), f.first_lanes(beyond(f, "%columns", SIDE))]

    def row(i: str) -> None:
        to = f.offset("%to", f.long("mul", i, "%to_step"), "float")
        at = f.offset("%from", f.long("mul", i, "%step"), "float")
        for h, mask in enumerate(masks):
            f.store(f.load(f.offset(at, SIDE * h, "float"), mask), f.offset(to, SIDE * h, "float"), mask)

    f.loop("0", "%rows", 1, row)
    f.do("ret void")
    return f


def placed(source: Source) -> Function:
    """`placed(c, ldc, a, b, room, m, n, blocks, more, job)`: a round for a panel of m rows and n columns.

    Tiles that reach beyond the result are computed in the room, 32 by 32.
    """
    f = Function(
        "define internal void @placed(ptr %c, i64 %ldc, ptr %a, ptr %b, ptr %room, i64 %m, i64 %n, i64 %blocks, "
        "i1 %more, ptr %job)"
    )
    tall, wide = f.long("icmp ugt", "%m", SIDE), f.long("icmp ugt", "%n", SIDE)

    def rounds(c: str, size: str) -> None:
        def chosen(down: int) -> None:
            given = f"(ptr {c}, i64 {size}, ptr %a, ptr %b, i64 %blocks, i1 %more, ptr %job)"
            f.when(
                wide,
                lambda: f.do(f"call void @round_{down}_2{given}"),
                lambda: f.do(f"call void @round_{down}_1{given}"),
            )

        f.when(tall, lambda: chosen(2), lambda: chosen(1))

    def aside() -> None:
        given = "ptr %room, i64 32, ptr %c, i64 %ldc, i64 %m, i64 %n"
        f.when("%more", lambda: f.do(f"call void @moved({given})"))
        rounds("%room", str(4 * PANEL))
        f.do("call void @moved(ptr %c, i64 %ldc, ptr %room, i64 32, i64 %m, i64 %n)")

    whole = f.emit(f"and i1 {f.long('icmp eq', f.long('and', '%m', SIDE - 1), 0)}, "
                   f"{f.long('icmp eq', f.long('and', '%n', SIDE - 1), 0)}")  # fmt: skip
    f.when(whole, lambda: rounds("%c", f.long("mul", "%ldc", 4)), aside)
    f.do("ret void")
    return f


def packed(source: Source) -> Function:
    """`packed(to, from, step, turned, left, count, steps, found)`: the tiles of `count` rows or columns.

    Neighbours in memory are read one after the other, which the processor foresees.
    """
    f = Function(
        "define internal void @packed(ptr %to, ptr %from, i64 %step, i1 %turned, i1 %left, i64 %count, i64 %steps, "
        "ptr %found)"
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
        to = f.offset("%to", f.long("mul", f.long("lshr", h, 1), source.panel))
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
    room = f.emit(f"alloca float, i64 {PANEL * PANEL}, align 64")
    found = f.emit(f"alloca i8, i64 {4 * LINES}, align 64")
    job = f.emit(f"alloca i64, i64 {len(JOB)}, align 64")
    t = fields(f, ARGUMENTS)
    across, down = divided(f, t["n"], f.long("mul", t["panels"], PANEL)), divided(f, t["m"], t["rows"])
    each = f.long("mul", down, across)
    which, rest = f.long("udiv", "%index", each), f.long("urem", "%index", each)
    wide = f.long("mul", t["panels"], PANEL)
    first, row = (
        f.long("mul", f.long("urem", rest, across), wide),
        f.long("mul", f.long("udiv", rest, across), t["rows"]),
    )
    m, end = f.least(f.long("sub", t["m"], row), t["rows"]), f.least(f.long("add", first, wide), t["n"])
    c = f.offset(t["c"], f.long("add", f.long("mul", which, t["c_next"]), f.long("mul", row, t["ldc"])), "float")
    a, b = [f.offset(t[x], f.long("mul", which, t[f"{x}_next"]), source.kind) for x in "ab"]
    left, right = [f.emit(f"icmp ne i64 {t[f'{x}_turned']}, 0") for x in "ab"]
    memory, strips = tiles_of(f, source, t["rows"])
    tiles = f.offset(strips, 2 * source.panel)
    f.put(job, JOB.index("step"), "i64", t["b_step"])
    f.put(job, JOB.index("turned"), "i64", t["b_turned"])
    f.put(job, JOB.index("found"), "ptr", f.offset(found, 2 * LINES))
    # So many units in each block of each whole round are enough for a panel.
    rounds = f.emit(f"call i64 @llvm.umax.i64(i64 {f.long('lshr', m, 5)}, i64 1)")
    f.declared.add("declare i64 @llvm.umax.i64(i64, i64)")
    some = divided(f, str(max(UNITS)), rounds)
    there = f.emit(f"icmp ne ptr {memory}, null")

    def split(k: str, steps: str, column: str, to: str) -> None:
        n = f.least(f.long("sub", end, column), PANEL)
        start = at(f, b, source, right, t["b_step"], column, k, False)
        f.do(f"call void @packed(ptr {to}, ptr {start}, i64 {t['b_step']}, i1 {right}, i1 false, i64 {n}, i64 {steps}, "
             f"ptr {f.offset(found, 2 * LINES)})")  # fmt: skip

    def panel(k: str, steps: str, more: str, column: str) -> None:
        turn = f.long("and", f.long("udiv", f.long("sub", column, first), PANEL), 1)
        strip = f.offset(strips, f.long("mul", turn, source.panel))
        other = f.offset(strips, f.long("mul", f.long("xor", turn, 1), source.panel))
        n, following = f.least(f.long("sub", end, column), PANEL), f.long("add", column, PANEL)
        blocks = divided(f, steps, STEPS)
        start = at(f, b, source, right, t["b_step"], following, k, False)
        for name, value in (("from", start), ("to", other)):
            f.put(job, JOB.index(name), "ptr", value)
        # What is whole is split on the way; the rest, if there are further columns, afterwards.
        fits = f.long("icmp ule", f.long("add", following, PANEL), end)
        fits = f.emit(f"and i1 {fits}, {f.long('icmp eq', f.long('and', steps, STEPS - 1), 0)}")
        each = f.emit(f"select i1 {right}, i64 {UNITS[1]}, i64 {UNITS[0]}")
        units = f.emit(f"select i1 {fits}, i64 {f.long('mul', blocks, each)}, i64 0")
        for name, value in (("done", "0"), ("units", units), ("some", some)):
            f.put(job, JOB.index(name), "i64", value)

        def rows(i: str) -> None:
            into = f.offset(c, f.long("add", f.long("mul", i, t["ldc"]), column), "float")
            lines = f.offset(tiles, f.long("mul", f.long("udiv", i, PANEL), source.panel))
            high = f.least(f.long("sub", m, i), PANEL)
            f.do(f"call void @placed(ptr {into}, i64 {t['ldc']}, ptr {lines}, ptr {strip}, ptr {room}, i64 {high}, "
                 f"i64 {n}, i64 {blocks}, i1 {more}, ptr {job})")  # fmt: skip

        f.loop("0", m, PANEL, rows)

        def finish() -> None:
            f.put(job, JOB.index("some"), "i64", units)
            f.do(f"call void @chores(ptr {job})")

        further = f.long("icmp ult", following, end)
        f.when(fits, finish, lambda: f.when(further, lambda: split(k, steps, following, other)))

    def deep(k: str) -> None:
        steps = f.least(f.long("sub", t["k"], k), DEPTH)
        more = f.emit(f"or i1 {f.long('icmp ne', k, 0)}, {f.long('icmp ne', t['biased'], 0)}")
        start = at(f, a, source, left, t["a_step"], row, k, True)
        given = f"i64 {t['a_step']}, i1 {left}, i1 true, i64 {m}, i64 {steps}, ptr {found}"
        f.do(f"call void @packed(ptr {tiles}, ptr {start}, {given})")
        split(k, steps, first, strips)
        f.loop(first, end, PANEL, lambda column: panel(k, steps, more, column))

    def computed() -> None:
        f.when(f.long("icmp ne", t["biased"], 0), lambda: biased(f, t, c, first, end, m))
        tile(f, "ldtilecfg", "ptr @tiles")
        f.loop("0", t["k"], DEPTH, deep)
        tile(f, "tilerelease")

    begun(f, found)
    f.when(there, computed)
    f.do(f"call void @free(ptr {memory})")
    told(f, found, there, t["marks"])
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


def tiles_of(f: Function, source: Source, rows: str) -> tuple[str, str]:
    """(memory for the tiles of two panels of B and of a piece's rows of A, where they begin)."""
    f.declared |= {"declare ptr @malloc(i64)", "declare void @free(ptr)"}
    size = f.long("mul", f.long("add", divided(f, rows, PANEL), 2), source.panel)
    memory = f.emit(f"call ptr @malloc(i64 {f.long('add', size, LINES)})")
    number = f.long("and", f.long("add", f.emit(f"ptrtoint ptr {memory} to i64"), LINES - 1), -LINES)
    return memory, f.emit(f"inttoptr i64 {number} to ptr")


def biased(f: Function, t: dict[str, str], c: str, first: str, end: str, m: str) -> None:
    """The bias in all rows of C."""

    def panel(column: str) -> None:
        into, bias = f.offset(c, column, "float"), f.offset(t["bias"], column, "float")
        n = f.least(f.long("sub", end, column), PANEL)
        f.do(f"call void @moved(ptr {into}, i64 {t['ldc']}, ptr {bias}, i64 0, i64 {m}, i64 {n})")

    f.loop(first, end, PANEL, panel)


KIND = f"<{SIDE} x i32>"
"""A vector of bits."""


def begun(f: Function, found: str) -> None:
    """No element was met: the largest is 0, the smallest beyond all."""
    for k in range(4):
        value = "splat (i32 -1)" if k % 2 else "zeroinitializer"
        f.do(f"store {KIND} {value}, ptr {f.offset(found, LINES * k)}, align 64")


def told(f: Function, found: str, there: str, marks: str) -> None:
    """What the piece met joins what others met; a piece without memory says that it met what has no parts."""
    for k, name in enumerate(("umax", "umin") * 2):
        f.declared.add(f"declare i32 @llvm.vector.reduce.{name}.v{SIDE}i32({KIND})")
        value = f.emit(f"load {KIND}, ptr {f.offset(found, LINES * k)}, align 64")
        joined = f.emit(f"call i32 @llvm.vector.reduce.{name}.v{SIDE}i32({KIND} {value})")
        if not k:
            joined = f.emit(f"select i1 {there}, i32 {joined}, i32 -1")
        f.emit(f"atomicrmw {name} ptr {f.offset(marks, 4 * k)}, i32 {joined} monotonic")


def caller(symbol: str) -> Function:
    """`void f(table)`: all pieces."""
    f = Function(f"define void @{symbol}(ptr %table)")
    t = fields(f, ARGUMENTS)
    across = divided(f, t["n"], f.long("mul", t["panels"], PANEL))
    number = f.long("mul", f.long("mul", divided(f, t["m"], t["rows"]), across), t["count"])
    f.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {number})")
    f.do("ret void")
    return f
