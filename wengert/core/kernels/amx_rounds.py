"""Text of rounds on AMX: tiles of both sides multiplied, and sweeps of them over the columns of a result.

A round adds to one panel of rows by one panel of columns.  A sweep takes the panels of columns in turn; while its
rounds are multiplied, the next panel is split into the strip that is not in use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from wengert.core.kernels.amx_splitting import JOB, LINES, PANEL, SIDE, TILE, UNITS, Source, beyond
from wengert.core.kernels.host import Target
from wengert.core.kernels.matrices import divided
from wengert.core.kernels.text import Block, Function

__all__ = ["DECLARED", "Rooms", "Sweep", "rooms_of", "round_functions", "swept", "told", "with_tiles"]

CONFIGURATION = (
    "@tiles = internal constant [64 x i8] ["
    + ", ".join(f"i8 {x}" for x in [1, *[0] * 15, *[LINES, 0] * 8, *[0] * 16, *[SIDE] * 8, *[0] * 8])
    + "], align 64\n"
)
"""Eight tiles of 16 rows of 64 bytes."""

DECLARED = "declare void @wengert_parallel(ptr, ptr, i64)\n" + CONFIGURATION
"""What a module of rounds begins with."""


def round_functions(target: Target, source: Source) -> list[Any]:
    """The functions of rounds; those that split into tiles, and `chores`, are not among them."""
    rounds: list[Any] = [round_text(source, down, across) for down in (1, 2) for across in (1, 2)]
    return [*rounds, moved(target), moved(target, True), placed()]


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


def moved(target: Target, adding: bool = False) -> Block:
    """`moved(to, to_step, from, step, rows, columns)`: a part of a matrix of at most 32 columns; `added`: a sum."""
    name = "added" if adding else "moved"
    f = Block(
        target, "float",
        head=f"define internal void @{name}(ptr %to, i64 %to_step, ptr %from, i64 %step, i64 %rows, i64 %columns)",
    )  # fmt: skip
    masks = [f.first_lanes("%columns"), f.first_lanes(beyond(f, "%columns", SIDE))]

    def row(i: str) -> None:
        to = f.offset("%to", f.long("mul", i, "%to_step"), "float")
        at = f.offset("%from", f.long("mul", i, "%step"), "float")
        for h, mask in enumerate(masks):
            into = f.offset(to, SIDE * h, "float")
            value = f.load(f.offset(at, SIDE * h, "float"), mask)
            f.store(f.add(f.load(into, mask), value) if adding else value, into, mask)

    f.loop("0", "%rows", 1, row)
    f.do("ret void")
    return f


def placed() -> Function:
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


# ---------------------------------------------------------------- marks

KIND = f"<{SIDE} x i32>"
"""A vector of bits."""


def begun(f: Function, found: str) -> None:
    """No element was met: the largest is 0, the smallest beyond all."""
    for k in range(4):
        value = "splat (i32 -1)" if k % 2 else "zeroinitializer"
        f.do(f"store {KIND} {value}, ptr {f.offset(found, LINES * k)}, align 64")


def joined_mark(f: Function, found: str, k: int) -> str:
    """The largest (k even), or the smallest less one, of all lanes of a mark."""
    name = "umin" if k % 2 else "umax"
    f.declared.add(f"declare i32 @llvm.vector.reduce.{name}.v{SIDE}i32({KIND})")
    value = f.emit(f"load {KIND}, ptr {f.offset(found, LINES * k)}, align 64")
    return f.emit(f"call i32 @llvm.vector.reduce.{name}.v{SIDE}i32({KIND} {value})")


def told(f: Function, found: str, marks: str, there: str = "true") -> None:
    """What the piece met joins what others met; a piece without memory says that it met what has no parts."""
    for k, name in enumerate(("umax", "umin") * 2):
        joined = joined_mark(f, found, k)
        if not k:
            joined = f.emit(f"select i1 {there}, i32 {joined}, i32 -1")
        f.emit(f"atomicrmw {name} ptr {f.offset(marks, 4 * k)}, i32 {joined} monotonic")


# ---------------------------------------------------------------- sweeps


class Rooms(NamedTuple):
    """What a piece holds: the table of a job, two strips for panels of B and their size in bytes, a place for edges,
    marks of A and of B."""

    job: str
    strips: str
    panel: str
    edge: str
    left: str
    right: str


def rooms_of(f: Function, strips: str, panel: str) -> Rooms:
    """Rooms on the stack, and the strips."""
    edge = f.emit(f"alloca float, i64 {PANEL * PANEL}, align 64")
    found = f.emit(f"alloca i8, i64 {4 * LINES}, align 64")
    job = f.emit(f"alloca i64, i64 {len(JOB)}, align 64")
    begun(f, found)
    right = f.offset(found, 2 * LINES)
    f.put(job, JOB.index("found"), "ptr", right)
    return Rooms(job, strips, panel, edge, found, right)


class Sweep(NamedTuple):
    """What a sweep goes over.

    first, end: columns of the result; rows, blocks of 32 steps; more: whether the result holds sums already; units: of
    a whole panel of columns, 0 if it cannot be split on the way; split(column, to): splits a panel; ahead(column): what
    the job is told of it; tiles(i): those of the rows from i on; into(i, column): place, and distance of rows, in the
    result; settled(into, distance, column, rows, columns): what is done with a part of the result that was added to.
    """

    first: str
    end: str
    rows: str
    blocks: str
    more: str
    units: str
    split: Callable[[str, str], None]
    ahead: Callable[[str], list[tuple[str, str, str]]]
    tiles: Callable[[str], str]
    into: Callable[[str, str], tuple[str, str]]
    settled: Callable[[str, str, str, str, str], None] | None = None


def swept(f: Function, rooms: Rooms, s: Sweep) -> None:
    """Rounds for all rows and columns."""
    f.declared.add("declare i64 @llvm.umax.i64(i64, i64)")
    # So many units in each block of each whole round are enough for a panel.
    rounds = f.emit(f"call i64 @llvm.umax.i64(i64 {f.long('lshr', s.rows, 5)}, i64 1)")
    some = divided(f, str(max(UNITS)), rounds)

    def panel(column: str) -> None:
        turn = f.long("and", f.long("udiv", f.long("sub", column, s.first), PANEL), 1)
        strip = f.offset(rooms.strips, f.long("mul", turn, rooms.panel))
        other = f.offset(rooms.strips, f.long("mul", f.long("xor", turn, 1), rooms.panel))
        n, following = f.least(f.long("sub", s.end, column), PANEL), f.long("add", column, PANEL)
        # What is whole is split on the way; the rest, if there are further columns, afterwards.
        fits = f.long("icmp ule", f.long("add", following, PANEL), s.end)
        units = f.emit(f"select i1 {fits}, i64 {s.units}, i64 0")
        for name, kind, value in (
            *s.ahead(following), ("to", "ptr", other), ("done", "i64", "0"), ("units", "i64", units),
            ("some", "i64", some),
        ):  # fmt: skip
            f.put(rooms.job, JOB.index(name), kind, value)

        def rows(i: str) -> None:
            into, apart = s.into(i, column)
            high = f.least(f.long("sub", s.rows, i), PANEL)
            sides = f"ptr {into}, i64 {apart}, ptr {s.tiles(i)}, ptr {strip}, ptr {rooms.edge}"
            sizes = f"i64 {high}, i64 {n}, i64 {s.blocks}, i1 {s.more}"
            f.do(f"call void @placed({sides}, {sizes}, ptr {rooms.job})")
            if s.settled:
                s.settled(into, apart, column, high, n)

        f.loop("0", s.rows, PANEL, rows)

        def finish() -> None:
            f.put(rooms.job, JOB.index("some"), "i64", units)
            f.do(f"call void @chores(ptr {rooms.job})")

        further = f.long("icmp ult", following, s.end)
        split = f.long("icmp ne", units, 0)
        f.when(split, finish, lambda: f.when(further, lambda: s.split(following, other)))

    s.split(s.first, rooms.strips)
    f.loop(s.first, s.end, PANEL, panel)


def with_tiles(f: Function, body: Callable[[], None]) -> None:
    """`body()` while the tiles are set up."""
    tile(f, "ldtilecfg", "ptr @tiles")
    body()
    tile(f, "tilerelease")
