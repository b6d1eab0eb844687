"""Text of convolutions on AMX: products whose right side is read from the image where a table says.

An image is laid out as in `convolutions.py`, one line for each channel and phase of the stride; what a position of the
weight meets is a line some elements further on.  32 places of all these lines are a panel of B, split into tiles
straight from the lines.  The weight is split once, before all pieces.
"""

from __future__ import annotations

from typing import Any

from wengert.core.kernels.amx_rounds import (
    DECLARED,
    Rooms,
    Sweep,
    rooms_of,
    round_functions,
    swept,
    told,
    with_tiles,
)
from wengert.core.kernels.amx_splitting import (
    DEPTH,
    JOB,
    PANEL,
    SIDE,
    STEPS,
    TILE,
    UNITS,
    Source,
    chores,
    packer,
    packer_name,
)
from wengert.core.kernels.convolutions import (
    FORWARD,
    copied_rows,
    laid_out,
    lines,
    plane_size,
    with_memory,
)
from wengert.core.kernels.host import Target
from wengert.core.kernels.matrices import divided, fields
from wengert.core.kernels.text import Function, module

__all__ = ["ARGUMENTS", "SOURCE", "split_convolution_text"]

ARGUMENTS = (*FORWARD, ("array", "tiles"), ("array", "marks"))
"""tiles: room for the tiles of the weight, aligned as tiles are; marks: as for products."""

ROWS = 320
"""Channels of the result that are computed together: so many tiles of the weight stay in the second cache."""

SOURCE = Source("float", 3)


def split_convolution_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module, and the name of its function `f(table)`."""
    symbol, source = "amx_convolution", SOURCE
    functions: list[Any] = [packer(target, source, True, False, part) for part in (False, True)]
    functions += [packer(target, source, False, False, part, True) for part in (False, True)]
    functions += [*round_functions(target, source), chores(target, source, True)]
    functions += [panel_text(source, True), panel_text(source, False)]
    functions += [lines(target, "float"), laid_out("float"), splitter(source, symbol), piece(source, symbol)]
    return module([*functions, caller(symbol)], DECLARED), symbol


def panel_text(source: Source, left: bool) -> Function:
    """`left_tiles(to, from, step, count, steps, found)`: the tiles of a panel of `count` rows of the weight.

    Else `strip(to, from, places, count, steps, found)`: those of `count` places of all lines.
    """
    name, kind = ("left_tiles", "i64") if left else ("strip", "ptr")
    f = Function(f"define internal void @{name}(ptr %to, ptr %from, {kind} %step, i64 %count, i64 %steps, ptr %found)")
    packed = packer_name(left, False, False)

    def one(k: str, h: str) -> None:
        at, place = f.long("mul", k, STEPS), f.long("mul", h, SIDE)
        steps = f.least(f.long("sub", "%steps", at), STEPS)
        count = f.least(f.long("sub", "%count", place), SIDE)
        first = f.long("add", f.long("mul", place, "%step"), at) if left else place
        step = "%step" if left else f.offset("%step", at, "i64")
        to = f.offset("%to", f.long("add", f.long("mul", k, source.block), f.long("mul", h, TILE)))
        start = f.offset("%from", first, source.kind)
        given = f"(ptr {to}, ptr {start}, {kind} {step}, i64 {count}, i64 {steps}, ptr %found)"
        full = f.long("icmp eq", f.long("add", steps, count), STEPS + SIDE)
        f.when(
            full, lambda: f.do(f"call void @{packed}{given}"), lambda: f.do(f"call void @{packed}_part{given}")
        )  # fmt: skip

    # What stands side by side in memory is read one after the other.
    halves, blocks = divided(f, "%count", SIDE), divided(f, "%steps", STEPS)
    if left:
        f.loop("0", halves, 1, lambda h: f.loop("0", blocks, 1, lambda k: one(k, h)))
    else:
        f.loop("0", blocks, 1, lambda k: f.loop("0", halves, 1, lambda h: one(k, h)))
    f.do("ret void")
    return f


def panel_tiles(f: Function, source: Source, t: dict[str, str], depth: str, row: str) -> str:
    """Where the tiles of the weight for a row of the result, a multiple of 32, and a part of the inner dim begin."""
    across = divided(f, t["m"], PANEL)
    number = f.long("add", f.long("mul", f.long("udiv", depth, DEPTH), across), f.long("udiv", row, PANEL))
    return f.offset(t["tiles"], f.long("mul", number, source.panel))


def splitter(source: Source, symbol: str) -> Function:
    """`void f_split(table, index)`: the tiles of 32 rows of the weight."""
    f = Function(f"define internal void @{symbol}_split(ptr %table, i64 %index)")
    t, rooms = fields(f, ARGUMENTS), rooms_of(f, "", str(source.panel))
    row = f.long("mul", "%index", PANEL)
    count = f.least(f.long("sub", t["m"], row), PANEL)

    def deep(k: str) -> None:
        start = f.offset(t["w"], f.long("add", f.long("mul", row, t["k"]), k), source.kind)
        steps = f.least(f.long("sub", t["k"], k), DEPTH)
        to = panel_tiles(f, source, t, k, row)
        f.do(f"call void @left_tiles(ptr {to}, ptr {start}, i64 {t['k']}, i64 {count}, i64 {steps}, ptr {rooms.left})")

    f.loop("0", t["k"], DEPTH, deep)
    told(f, rooms.left, t["marks"])
    f.do("ret void")
    return f


def piece(source: Source, symbol: str) -> Function:
    """`void f_piece(table, index)`: a band of rows of one image."""
    f, dtype = Function(f"define internal void @{symbol}_piece(ptr %table, i64 %index)"), "float"
    t, rooms = fields(f, ARGUMENTS), rooms_of(f, "", str(source.panel))
    bands = divided(f, t["out_h"], t["band"])
    image, first = f.long("udiv", "%index", bands), f.long("mul", f.long("urem", "%index", bands), t["band"])
    rows = f.least(f.long("sub", t["out_h"], first), t["band"])
    length = f.long("mul", rows, t["hop"])
    phases = f.long("mul", f.long("mul", t["down"], t["across"]), t["channels"])
    sizes = [f.long("mul", plane_size(f, t), phases), f.long("mul", t["m"], length), str(2 * source.panel // 4)]

    def body(planes: str, room: str, strips: str) -> None:
        f.do(f"call void @laid_out(ptr %table, ptr {planes}, i64 {image}, i64 {first})")

        def computed() -> None:
            f.loop("0", t["k"], DEPTH, lambda k: f.loop("0", t["m"], ROWS, lambda o: block(k, o)))

        def block(k: str, o: str) -> None:
            forward_block(f, source, t, rooms._replace(strips=strips), planes, room, length, k, o)

        with_tiles(f, computed)
        into = f.offset(t["out"], f.long("mul", image, t["out_image"]), dtype)

        def channel(o: str) -> None:
            copied_rows(f, dtype, t, f.offset(room, f.long("mul", o, length), dtype), into, first, rows, o)

        f.loop("0", t["m"], 1, channel)

    with_memory(f, dtype, t, sizes, body)
    told(f, rooms.left, t["marks"])
    f.do("ret void")
    return f


def forward_block(
    f: Function, source: Source, t: dict[str, str], rooms: Rooms, planes: str, room: str, length: str, k: str, o: str
) -> None:  # fmt: skip
    """Some channels of the result, a part of the inner dim, all places."""
    steps, high = f.least(f.long("sub", t["k"], k), DEPTH), f.least(f.long("sub", t["m"], o), ROWS)
    table, blocks = f.offset(t["places"], k, "i64"), divided(f, steps, STEPS)
    even = f.long("icmp eq", f.long("and", steps, STEPS - 1), 0)
    f.put(rooms.job, JOB.index("step"), "ptr", table)

    def split(start: str, to: str) -> None:
        n = f.least(f.long("sub", length, start), PANEL)
        given = f"ptr {f.offset(planes, start, 'float')}, ptr {table}, i64 {n}, i64 {steps}, ptr {rooms.right}"
        f.do(f"call void @strip(ptr {to}, {given})")

    def into(i: str, start: str) -> tuple[str, str]:
        return f.offset(room, f.long("add", f.long("mul", f.long("add", o, i), length), start), "float"), length

    swept(f, rooms, Sweep(
        "0", length, high, blocks, f.long("icmp ne", k, 0),
        f.emit(f"select i1 {even}, i64 {f.long('mul', blocks, UNITS[0])}, i64 0"), split,
        lambda start: [("from", "ptr", f.offset(planes, start, "float"))],
        lambda i: panel_tiles(f, source, t, k, f.long("add", o, i)), into,
    ))  # fmt: skip


def caller(symbol: str) -> Function:
    """`void f(table)`: the tiles of the weight, then all bands."""
    f = Function(f"define void @{symbol}(ptr %table)")
    t = fields(f, ARGUMENTS)
    f.do(f"call void @wengert_parallel(ptr @{symbol}_split, ptr %table, i64 {divided(f, t['m'], PANEL)})")
    number = f.long("mul", divided(f, t["out_h"], t["band"]), t["count"])
    f.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {number})")
    f.do("ret void")
    return f
