"""Text of 3 x 3 convolutions by Winograd's method: tiles of 4 x 4 results from 36 products in place of 144.

A tile of 6 x 6 inputs, and the 3 x 3 weight, are taken to 6 x 6 numbers each; these are multiplied one by one and added
up over the channels, which makes 36 products of matrices; and the sums are taken back to 4 x 4 results.  The gradient
of the weight is the same with its roles exchanged: tiles of the input times tiles of the gradient, added up over all
tiles, and taken back to 3 x 3.

A piece takes some bands of tiles, each of one image; it lays them out, multiplies, and writes its part of the result.
"""

from __future__ import annotations

from typing import Any

from wengert.core.kernels.bands import GAP, SIDE, Shape, g_numbers, laid_out, rounded, tile_at, x_numbers
from wengert.core.kernels.convolutions import cleared, with_memory
from wengert.core.kernels.host import Target
from wengert.core.kernels.matrices import divided, fields
from wengert.core.kernels.text import Block, Function, module
from wengert.core.kernels.tiles import Tiles, panel_call, transpose_call
from wengert.core.kernels.transforms import (
    GRADIENT,
    INWARD,
    OUTWARD,
    POSITIONS,
    WEIGHT,
    WEIGHT_BACK,
    gathered,
    spread,
)

__all__ = ["FORWARD", "STEP", "WEIGHT_GRADIENT", "forward_text", "weight_text"]

DEPTH = 32
"""Channels that are added up at once; such sums are added in turn.  Shorter chains round less."""

STEP = 64
"""Columns of a transformed weight that stand together; a multiple of every panel's width."""

_IMAGE = (
    ("array", "x"), ("array", "trouble"), ("whole", "count"), ("whole", "channels"), ("whole", "m"),
    ("whole", "height"), ("whole", "width"), ("whole", "x_image"), ("whole", "x_channel"), ("whole", "x_row"),
    ("whole", "top"), ("whole", "left"), ("whole", "out_h"), ("whole", "out_w"), ("whole", "band"), ("whole", "some"),
)  # fmt: skip
"""Images x with rows of unit stride and their padding; m channels of the other side; rows of tiles in a band, bands
that are multiplied at once; trouble: 1 where memory ran out, 2 where a result is not finite."""

FORWARD = (
    *_IMAGE, ("array", "numbers"), ("array", "w"), ("whole", "w_m"), ("whole", "w_channel"), ("whole", "w_start"),
    ("whole", "w_hop"), ("array", "bias"), ("array", "out"), ("whole", "out_image"), ("whole", "out_channel"),
    ("whole", "out_row"),
)  # fmt: skip
"""w: the weight, of whose 9 neighbours `w_start` is the first and the next ones `w_hop` further; numbers: room for
what is made of it, 36 times (blocks, channels, columns of a block) and a gap."""
WEIGHT_GRADIENT = (
    *_IMAGE, ("array", "sums"), ("array", "g"), ("whole", "g_image"), ("whole", "g_channel"), ("whole", "g_row"),
    ("whole", "together"), ("whole", "many"), ("array", "out"),
)  # fmt: skip
"""sums: for each group of `many` bands (9, channels, m rounded up); channels that a piece takes together; out: the
gradient, (m, channels, 9)."""


# ---------------------------------------------------------------- forward


def forward_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of a convolution."""
    tiles, symbol = Tiles(target, dtype), f"winograd_{dtype}"
    functions = [*tiles.functions(), *tiles.transpose(), laid_out(dtype), spread(target, dtype, "spread", OUTWARD)]
    functions += [spread(target, dtype, "spread_w", WEIGHT), gathered(target, dtype, "gathered", INWARD, True)]
    functions += [weight_numbers(dtype, symbol), forward_piece(tiles, symbol), caller(FORWARD, symbol)]
    return module(functions, "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


def weight_numbers(dtype: str, symbol: str) -> Function:
    """`void f_numbers(table, index)`: the numbers of the weights of one channel."""
    f = Function(f"define internal void @{symbol}_numbers(ptr %table, i64 %index)")
    t = fields(f, FORWARD)
    room = f.emit(f"alloca [{9 * STEP} x {dtype}], align 64")
    cleared(f, dtype, room, str(9 * STEP))  # columns that there are not, too, are numbers
    wide = rounded(f, t["m"])
    step = f.least(wide, STEP)
    blocks = divided(f, wide, step)
    apart = f.long("add", f.long("mul", f.long("mul", blocks, t["channels"]), step), GAP)
    given = f.offset(t["w"], f.long("mul", "%index", t["w_channel"]), dtype)
    start = f.offset(room, f.long("mul", t["w_start"], STEP), dtype)
    column = f.long("mul", t["w_hop"], STEP)
    row = f.long("mul", column, 3)

    def block(number: str) -> None:
        first = f.long("mul", number, step)
        n = f.least(f.long("sub", t["m"], first), step)
        source = f.offset(given, f.long("mul", first, t["w_m"]), dtype)
        transpose_call(f, room, STEP, source, t["w_m"], n, 9)
        place = f.long("mul", f.long("add", f.long("mul", number, t["channels"]), "%index"), step)
        to = f.offset(t["numbers"], place, dtype)
        f.do(f"call void @spread_w(ptr {to}, i64 {apart}, ptr {start}, i64 {row}, i64 {column}, i64 {step})")

    f.loop("0", blocks, 1, block)
    f.do("ret void")
    return f


def forward_piece(tiles: Tiles, symbol: str) -> Function:
    """`void f_piece(table, index)`: `some` bands."""
    f, dtype = Function(f"define internal void @{symbol}_piece(ptr %table, i64 %index)"), tiles.dtype
    check = f.emit(f"alloca <{tiles.lanes} x {dtype}>, align 64")
    f.do(f"store <{tiles.lanes} x {dtype}> zeroinitializer, ptr {check}")
    t = fields(f, FORWARD)
    s = Shape(f, t, t["channels"])
    begin = f.long("mul", "%index", t["some"])
    end = f.least(f.long("add", begin, t["some"]), f.long("mul", s.bands, t["count"]))
    (v_apart, v_room), (m_apart, m_room) = s.numbers(s.deep), s.numbers(s.wide)
    plane = f.long("mul", f.long("mul", s.rows, s.hop), s.deep)
    sheet = f.long("mul", f.long("mul", s.plain_rows, s.plain_hop), s.wide)

    def body(planes: str, spreads: str, sums: str, sheets: str) -> None:
        def number(index: str) -> str:
            return f.long("mul", f.long("sub", index, begin), s.each)

        f.loop(begin, end, 1, lambda index: x_numbers(
            f, dtype, s, index, (planes, spreads), number(index), (0, t["channels"])
        ))  # fmt: skip
        products(f, tiles, s, (spreads, v_apart), (sums, m_apart), s.total(begin, end))
        f.loop(begin, end, 1, lambda index: results(f, dtype, s, index, (sums, m_apart, sheets), number(index), check))

    with_memory(f, dtype, t, [plane, v_room, m_room, sheet], body)
    checked(f, tiles, t, check)
    f.do("ret void")
    return f


def products(f: Function, tiles: Tiles, s: Shape, given: tuple[str, str], into: tuple[str, str], count: str) -> None:
    """The 36 products of the tiles' numbers with those of the weight (36, blocks, channels, step)."""
    t, dtype = s.t, tiles.dtype
    step = f.least(s.wide, STEP)
    block = f.long("mul", t["channels"], step)
    apart = f.long("add", f.long("mul", divided(f, s.wide, step), block), GAP)

    def part(p: str, o: str, c: str) -> None:
        place = f.long("add", f.long("mul", p, apart), f.long("mul", f.long("udiv", o, step), block))
        place = f.long("add", place, f.long("mul", c, step))
        b = f.offset(t["numbers"], f.long("add", place, f.long("urem", o, step)), dtype)
        panel_call(
            f, tiles.name, c=f.offset(into[0], f.long("add", f.long("mul", p, into[1]), o), dtype), ldc=s.wide,
            a=f.offset(given[0], f.long("add", f.long("mul", p, given[1]), c), dtype), ars=s.deep, acs=1, b=b,
            ldb=step, m=count, n=f.least(f.long("sub", s.wide, o), tiles.width),
            k=f.least(f.long("sub", t["channels"], c), DEPTH), more=f.long("icmp ne", c, 0),
        )  # fmt: skip

    f.loop("0", POSITIONS, 1, lambda p: f.loop("0", s.wide, tiles.width, lambda o: f.loop(
        "0", t["channels"], DEPTH, lambda c: part(p, o, c)
    )))  # fmt: skip


def results(
    f: Function, dtype: str, s: Shape, index: str, rooms: tuple[str, str, str], number: str, check: str
) -> None:
    """The results of one band, from the sums of its tiles."""
    t, (sums, apart, sheet) = s.t, rooms
    image, first, rows = s.unit(index)
    line = f.long("mul", s.plain_hop, s.wide)

    def tile(k: str, y: str, x: str) -> None:
        to = tile_at(f, dtype, sheet, y, x, line, s.wide)
        source = f.offset(sums, f.long("mul", f.long("add", number, k), s.wide), dtype)
        f.do(f"call void @gathered(ptr {to}, i64 {line}, i64 {s.wide}, ptr {source}, i64 {apart}, i64 {s.wide}, "
             f"ptr {t['bias']}, ptr {check})")  # fmt: skip

    s.tiles(rows, tile)
    above = f.long("mul", first, 4)
    into = f.offset(t["out"], f.long("mul", image, t["out_image"]), dtype)

    def row(o: str, y: str) -> None:
        place = f.long("add", f.long("mul", f.long("add", above, y), t["out_row"]), f.long("mul", o, t["out_channel"]))
        source = f.offset(sheet, f.long("add", f.long("mul", y, line), o), dtype)
        count = f.least(f.long("sub", t["m"], o), SIDE)
        transpose_call(f, f.offset(into, place, dtype), t["out_channel"], source, s.wide, t["out_w"], count)

    below = f.least(f.long("sub", t["out_h"], above), f.long("mul", rows, 4))
    f.loop("0", t["m"], SIDE, lambda o: f.loop("0", below, 1, lambda y: row(o, y)))


def checked(f: Function, tiles: Tiles, t: dict[str, str], check: str) -> None:
    """Set `trouble` if a lane of `check` is nan."""
    kind = f"<{tiles.lanes} x {tiles.dtype}>"
    value = f.emit(f"load {kind}, ptr {check}")
    nan = f.emit(f"fcmp uno {kind} {value}, zeroinitializer")
    bits = f.emit(f"bitcast <{tiles.lanes} x i1> {nan} to i{tiles.lanes}")
    f.when(f.emit(f"icmp ne i{tiles.lanes} {bits}, 0"), lambda: f.put(t["trouble"], 0, "i64", "2"))


# ---------------------------------------------------------------- gradient of the weight


def weight_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of the gradient of the weight."""
    tiles, symbol = Tiles(target, dtype), f"winograd_weight_{dtype}"
    functions = [*tiles.functions(), *tiles.transpose(), laid_out(dtype), spread(target, dtype, "spread", OUTWARD)]
    functions += [spread(target, dtype, "spread_g", GRADIENT), gathered(target, dtype, "back", WEIGHT_BACK, False)]
    functions += [weight_piece(tiles, symbol), total_line(target, dtype), total(dtype, symbol)]
    functions += [caller(WEIGHT_GRADIENT, symbol)]
    return module(functions, "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


def weight_piece(tiles: Tiles, symbol: str) -> Function:
    """`void f_piece(table, index)`: `many` bands for the channels that are taken together."""
    f, dtype = Function(f"define internal void @{symbol}_piece(ptr %table, i64 %index)"), tiles.dtype
    t = fields(f, WEIGHT_GRADIENT)
    s = Shape(f, t, f.least(t["channels"], t["together"]))
    parts = divided(f, t["channels"], t["together"])
    group, first = f.long("udiv", "%index", parts), f.long("mul", f.long("urem", "%index", parts), t["together"])
    channels = f.least(f.long("sub", t["channels"], first), t["together"])
    begin = f.long("mul", group, t["many"])
    stop = f.least(f.long("add", begin, t["many"]), f.long("mul", s.bands, t["count"]))
    (v_apart, v_room), (g_apart, g_room) = s.numbers(s.deep), s.numbers(s.wide)
    room = s.sums
    plane = f.long("mul", f.long("mul", s.rows, s.hop), s.deep)
    sheet = f.long("mul", f.long("mul", s.plain_rows, s.plain_hop), s.wide)

    def body(planes: str, sheets: str, xs: str, gs: str, sums: str) -> None:
        def some(start: str) -> None:
            end = f.least(f.long("add", start, t["some"]), stop)

            def one(index: str) -> None:
                number = f.long("mul", f.long("sub", index, start), s.each)
                x_numbers(f, dtype, s, index, (planes, xs), number, (first, channels))
                g_numbers(f, dtype, s, index, (sheets, gs), number)

            f.loop(start, end, 1, one)
            added(f, tiles, s, (xs, v_apart), (gs, g_apart), (sums, channels, s.total(start, end),
                  f.long("icmp ne", start, begin)))  # fmt: skip

        f.loop(begin, stop, t["some"], some)
        taken_back(f, dtype, s, sums, group, first, channels)

    with_memory(f, dtype, t, [plane, sheet, v_room, g_room, f.long("mul", room, POSITIONS)], body)
    f.do("ret void")
    return f


def added(f: Function, tiles: Tiles, s: Shape, xs: tuple[str, str], gs: tuple[str, str], rest: Any) -> None:
    """Add the 36 products of the tiles' numbers to the sums."""
    dtype, (sums, channels, count, more) = tiles.dtype, rest
    room = s.sums

    def part(p: str, o: str) -> None:
        panel_call(
            f, tiles.name, c=f.offset(sums, f.long("add", f.long("mul", p, room), o), dtype), ldc=s.wide,
            a=f.offset(xs[0], f.long("mul", p, xs[1]), dtype), ars=1, acs=s.deep,
            b=f.offset(gs[0], f.long("add", f.long("mul", p, gs[1]), o), dtype), ldb=s.wide, m=channels,
            n=f.least(f.long("sub", s.wide, o), tiles.width), k=count, more=more,
        )  # fmt: skip

    f.loop("0", POSITIONS, 1, lambda p: f.loop("0", s.wide, tiles.width, lambda o: part(p, o)))


def taken_back(f: Function, dtype: str, s: Shape, sums: str, group: str, first: str, channels: str) -> None:
    """The piece's part of the gradient: for each channel 36 sums to 9."""
    t = s.t
    apart, plane = s.sums, f.long("mul", t["channels"], s.wide)
    row = f.long("mul", plane, 3)
    begin = f.long("mul", group, f.long("mul", plane, 9))
    into = f.offset(t["sums"], f.long("add", begin, f.long("mul", first, s.wide)), dtype)

    def one(c: str) -> None:
        place = f.long("mul", c, s.wide)
        f.do(f"call void @back(ptr {f.offset(into, place, dtype)}, i64 {row}, i64 {plane}, "
             f"ptr {f.offset(sums, place, dtype)}, i64 {apart}, i64 {s.wide}, ptr null, ptr null)")  # fmt: skip

    f.loop("0", channels, 1, one)


def total_line(target: Target, dtype: str) -> Block:
    """`total_line(to, from, n, more)`: copied, or added."""
    b = Block(target, dtype, head="define internal void @total_line(ptr %to, ptr %from, i64 %n, i1 %more)")

    def step(i: str, added: bool) -> None:
        to, value = b.offset("%to", i, dtype), b.load(b.offset("%from", i, dtype))
        b.store(b.add(b.load(to), value) if added else value, to)

    b.when("%more", lambda: b.loop("0", "%n", b.lanes, lambda i: step(i, True)),
           lambda: b.loop("0", "%n", b.lanes, lambda i: step(i, False)))  # fmt: skip
    b.do("ret void")
    return b


def total(dtype: str, symbol: str) -> Function:
    """`void f_total(table, index)`: the gradient for 16 channels, from the sums of all groups."""
    f = Function(f"define internal void @{symbol}_total(ptr %table, i64 %index)")
    t = fields(f, WEIGHT_GRADIENT)
    s = Shape(f, t, t["channels"])
    first = f.long("mul", "%index", 16)
    count = f.least(f.long("sub", t["channels"], first), 16)
    groups = divided(f, f.long("mul", s.bands, t["count"]), t["many"])

    def body(room: str) -> None:
        def line(c: str, k: str, group: str) -> None:
            to = f.offset(room, f.long("mul", f.long("add", f.long("mul", c, 9), k), s.wide), dtype)
            row = f.long("mul", f.long("add", f.long("mul", group, 9), k), t["channels"])
            place = f.long("mul", f.long("add", row, f.long("add", first, c)), s.wide)
            more = f.long("icmp ne", group, 0)
            f.do(f"call void @total_line(ptr {to}, ptr {f.offset(t['sums'], place, dtype)}, i64 {s.wide}, i1 {more})")

        f.loop("0", count, 1, lambda c: f.loop("0", 9, 1, lambda k: f.loop(
            "0", groups, 1, lambda group: line(c, k, group)
        )))  # fmt: skip
        to = f.offset(t["out"], f.long("mul", first, 9), dtype)
        transpose_call(f, to, f.long("mul", t["channels"], 9), room, s.wide, f.long("mul", count, 9), t["m"])

    with_memory(f, dtype, t, [f.long("mul", f.long("mul", count, 9), s.wide)], body)
    f.do("ret void")
    return f


def caller(arguments: Any, symbol: str) -> Function:
    """`void f(table)`: all pieces of both passes."""
    f = Function(f"define void @{symbol}(ptr %table)")
    t = fields(f, arguments)
    s = Shape(f, t, t["channels"])
    number = f.long("mul", s.bands, t["count"])
    if "many" in t:
        number = f.long("mul", divided(f, number, t["many"]), divided(f, t["channels"], t["together"]))
        passes = [("piece", number), ("total", divided(f, t["channels"], 16))]
    else:
        passes = [("numbers", t["channels"]), ("piece", divided(f, number, t["some"]))]
    for name, number in passes:
        f.do(f"call void @wengert_parallel(ptr @{symbol}_{name}, ptr %table, i64 {number})")
    f.do("ret void")
    return f
