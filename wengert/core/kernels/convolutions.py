"""Text of convolutions: an image is laid out with its padding, once for each phase of the stride, and read in place.

In such a layout the windows of all places are one line: what a position of the weight meets is the line some elements
further on.  A convolution is then a product of matrices whose right operand stands where a table says (`places`), and
no window is copied.  A line goes on through the padding at the ends of rows; what is computed there is left out when
rows are copied to the result.

The gradient of the weight is a product too: lines of the image, at the places of the table, times the gradient with
its channels side by side, zero at the ends of rows.

A piece is a band of rows of one image, or, for the weight, some bands whose sums stand in a room of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.kernels.host import Target
from wengert.core.kernels.matrices import divided, fields
from wengert.core.kernels.text import Block, Function, module
from wengert.core.kernels.tiles import Tiles, panel_call, transpose_call

__all__ = ["FORWARD", "WEIGHT", "convolution_text", "weight_text"]

IMAGE = (
    ("array", "x"), ("array", "places"), ("array", "trouble"), ("whole", "count"), ("whole", "channels"),
    ("whole", "height"), ("whole", "width"), ("whole", "x_image"), ("whole", "x_channel"), ("whole", "x_row"),
    ("whole", "top"), ("whole", "left"), ("whole", "down"), ("whole", "across"), ("whole", "reach"), ("whole", "hop"),
    ("whole", "slack"), ("whole", "out_h"), ("whole", "out_w"), ("whole", "band"), ("whole", "m"), ("whole", "k"),
)  # fmt: skip
"""The images x with rows of unit stride, their padding (top, left) and strides (down, across), how many rows a window
reaches down in a phase (reach), the length of its rows (hop) and the room behind it (slack); rows of a band; m channels
of the other side; k entries of `places`; trouble: set where memory ran out."""

FORWARD = (
    *IMAGE, ("array", "out"), ("array", "w"), ("array", "bias"), ("whole", "out_image"), ("whole", "out_channel"),
    ("whole", "out_row"), ("whole", "out_col"),
)  # fmt: skip
WEIGHT = (
    *IMAGE, ("array", "sums"), ("array", "g"), ("whole", "g_image"), ("whole", "g_channel"), ("whole", "g_row"),
    ("whole", "some"),
)  # fmt: skip


RESIDENT = 1 << 16
"""Elements of the weight that stay in the cache beside the image."""


def convolution_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of a convolution."""
    tiles, symbol = Tiles(target, dtype, "b"), f"convolution_{dtype}"
    functions = [*tiles.functions(), line(target, dtype), laid_out(dtype), forward_piece(tiles, symbol)]
    return module([*functions, caller(FORWARD, symbol)], "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


def weight_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of the gradient of the weight."""
    tiles, symbol = Tiles(target, dtype, "a"), f"convolution_weight_{dtype}"
    functions = [*tiles.functions(), *tiles.transpose(), line(target, dtype), laid_out(dtype)]
    functions += [weight_piece(tiles, symbol), caller(WEIGHT, symbol)]
    return module(functions, "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


def line(target: Target, dtype: str) -> Block:
    """`line(to, from, n, shift)`: to[i] = from[i] + shift."""
    b = Block(target, dtype, head=f"define internal void @line(ptr %to, ptr %from, i64 %n, {dtype} %shift)")
    wide = b.splat("%shift")

    def step(index: str, mask: str | None) -> None:
        value = b.load(b.offset("%from", index, dtype), mask)
        b.store(b.add(value, wide), b.offset("%to", index, dtype), mask)

    full = b.emit(f"and i64 %n, {-b.lanes}")
    b.loop("0", full, b.lanes, lambda index: step(index, None))
    b.when(b.emit(f"icmp ult i64 {full}, %n"), lambda: step(full, b.first_lanes(b.emit(f"sub i64 %n, {full}"))))
    b.do("ret void")
    return b


def cleared(f: Function, dtype: str, at: str, count: str) -> None:
    """Zeros."""
    f.declared.add("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
    length = f.long("mul", count, 4 if dtype == "float" else 8)
    f.do(f"call void @llvm.memset.p0.i64(ptr {at}, i8 0, i64 {length}, i1 false)")


def bounded(f: Function, x: str, high: str) -> str:
    """A signed number within [0, high]."""
    f.declared |= {"declare i64 @llvm.smax.i64(i64, i64)", "declare i64 @llvm.smin.i64(i64, i64)"}
    x = f.emit(f"call i64 @llvm.smax.i64(i64 {x}, i64 0)")
    return f.emit(f"call i64 @llvm.smin.i64(i64 {x}, i64 {high})")


def rounded_up(f: Function, x: str, step: str) -> str:
    """x / step rounded up, for any sign of x (not far below zero: 2^20 steps are added first)."""
    far = f.long("mul", step, 1 << 20)
    return f.long("sub", divided(f, f.long("add", x, far), step), 1 << 20)


def plane_size(f: Function, t: dict[str, str]) -> str:
    """Elements of one phase of one channel."""
    return f.long("add", f.long("mul", f.long("add", t["band"], t["reach"]), t["hop"]), t["slack"])


def laid_out(dtype: str) -> Function:
    """`laid_out(table, room, image, first row)`: the phases of an image's channels for one band, padded."""
    f = Function("define internal void @laid_out(ptr %table, ptr %room, i64 %image, i64 %first)")
    t = fields(f, IMAGE)
    plane, phases = plane_size(f, t), f.long("mul", t["down"], t["across"])
    cleared(f, dtype, "%room", f.long("mul", f.long("mul", plane, phases), t["channels"]))
    rows = f.long("add", t["band"], t["reach"])
    source = f.offset(t["x"], f.long("mul", "%image", t["x_image"]), dtype)
    straight = f.long("icmp eq", t["across"], 1)

    def row(channel: str, v: str, u: str, at: str, q: str) -> None:
        y = f.long("sub", f.long("add", f.long("mul", f.long("add", "%first", q), t["down"]), v), t["top"])
        ahead = f.long("sub", t["left"], u)
        begin = bounded(f, rounded_up(f, ahead, t["across"]), t["hop"])
        end = bounded(f, rounded_up(f, f.long("add", t["width"], ahead), t["across"]), t["hop"])
        inside = f.emit(f"and i1 {f.long('icmp ult', y, t['height'])}, {f.long('icmp slt', begin, end)}")

        def copy() -> None:
            to = f.offset(at, f.long("add", f.long("mul", q, t["hop"]), begin), dtype)
            x = f.long("sub", f.long("mul", begin, t["across"]), ahead)
            place = f.long("add", f.long("mul", channel, t["x_channel"]), f.long("mul", y, t["x_row"]))
            given, n = f.offset(source, f.long("add", place, x), dtype), f.long("sub", end, begin)

            def single(i: str) -> None:
                value = f.emit(f"load {dtype}, ptr {f.offset(given, f.long('mul', i, t['across']), dtype)}")
                f.do(f"store {dtype} {value}, ptr {f.offset(to, i, dtype)}")

            f.when(
                straight,
                lambda: f.do(f"call void @line(ptr {to}, ptr {given}, i64 {n}, {dtype} -0.0)"),
                lambda: f.loop("0", n, 1, single),
            )

        f.when(inside, copy)

    def phase(channel: str, v: str, u: str) -> None:
        number = f.long("add", f.long("mul", f.long("add", f.long("mul", channel, t["down"]), v), t["across"]), u)
        at = f.offset("%room", f.long("mul", number, plane), dtype)
        f.loop("0", rows, 1, lambda q: row(channel, v, u, at, q))

    f.loop("0", t["channels"], 1, lambda channel: f.loop(
        "0", t["down"], 1, lambda v: f.loop("0", t["across"], 1, lambda u: phase(channel, v, u))
    ))  # fmt: skip
    f.do("ret void")
    return f


def with_memory(f: Function, dtype: str, t: dict[str, str], sizes: list[str], body: Callable[..., None]) -> None:
    """`body(rooms...)` with memory for so many elements each; `trouble` is set if there is none."""
    f.declared |= {"declare ptr @malloc(i64)", "declare void @free(ptr)"}
    total = "64"
    for size in sizes:
        total = f.long("add", total, f.long("add", size, 64))
    block = f.emit(f"call ptr @malloc(i64 {f.long('mul', total, 4 if dtype == 'float' else 8)})")

    def work() -> None:
        address = f.emit(f"ptrtoint ptr {block} to i64")
        gap = f.long("and", f.long("sub", 0, address), 63)
        at, rooms = f.offset(block, gap), []
        for size in sizes:
            rooms.append(at)
            at = f.offset(at, f.long("and", f.long("add", size, 15), -16), dtype)
        body(*rooms)
        f.do(f"call void @free(ptr {block})")

    f.when(f.emit(f"icmp eq ptr {block}, null"), lambda: f.put(t["trouble"], 0, "i64", "1"), work)


def forward_piece(tiles: Tiles, symbol: str) -> Function:
    """`void f_piece(table, index)`: a band of rows of one image."""
    f, dtype = Function(f"define internal void @{symbol}_piece(ptr %table, i64 %index)"), tiles.dtype
    t = fields(f, FORWARD)
    bands = divided(f, t["out_h"], t["band"])
    image, first = f.long("udiv", "%index", bands), f.long("mul", f.long("urem", "%index", bands), t["band"])
    rows = f.least(f.long("sub", t["out_h"], first), t["band"])
    length = f.long("mul", rows, t["hop"])
    phases = f.long("mul", f.long("mul", t["down"], t["across"]), t["channels"])
    sizes = [f.long("mul", plane_size(f, t), phases), f.long("mul", t["m"], length)]

    def body(planes: str, room: str) -> None:
        f.do(f"call void @laid_out(ptr %table, ptr {planes}, i64 {image}, i64 {first})")

        def panel(o: str, start: str) -> None:
            n, m = f.least(f.long("sub", length, start), tiles.width), f.least(f.long("sub", t["m"], o), chunk)
            c = f.offset(room, f.long("add", f.long("mul", o, length), start), dtype)
            panel_call(f, tiles.name, c=c, ldc=length, a=f.offset(t["w"], f.long("mul", o, t["k"]), dtype), ars=t["k"],
                       acs=1, b=f.offset(planes, start, dtype), places=t["places"], m=m, n=n, k=t["k"])  # fmt: skip

        # As many rows of the weight as stay in the cache while all places are gone through.
        chunk = f.long("mul", f.long("add", f.long("udiv", RESIDENT // tiles.rows, t["k"]), 1), tiles.rows)
        f.loop("0", t["m"], chunk, lambda o: f.loop("0", length, tiles.width, lambda start: panel(o, start)))
        into = f.offset(t["out"], f.long("mul", image, t["out_image"]), dtype)

        def channel(o: str) -> None:
            f.loop("0", rows, 1, lambda y: copied_row(f, dtype, t, room, into, first, length, o, y))

        f.loop("0", t["m"], 1, channel)

    with_memory(f, dtype, t, sizes, body)
    f.do("ret void")
    return f


def copied_row(
    f: Function, dtype: str, t: dict[str, str], room: str, into: str, first: str, length: str, o: str, y: str
) -> None:
    """One row of one channel from the room to the result, plus the bias."""
    shift = f.emit(f"load {dtype}, ptr {f.offset(t['bias'], o, dtype)}")
    given = f.offset(room, f.long("add", f.long("mul", o, length), f.long("mul", y, t["hop"])), dtype)
    place = f.long("add", f.long("mul", o, t["out_channel"]), f.long("mul", f.long("add", first, y), t["out_row"]))
    to = f.offset(into, place, dtype)

    def single(i: str) -> None:
        value = f.emit(f"load {dtype}, ptr {f.offset(given, i, dtype)}")
        value = f.emit(f"fadd {dtype} {value}, {shift}")
        f.do(f"store {dtype} {value}, ptr {f.offset(to, f.long('mul', i, t['out_col']), dtype)}")

    f.when(
        f.long("icmp eq", t["out_col"], 1),
        lambda: f.do(f"call void @line(ptr {to}, ptr {given}, i64 {t['out_w']}, {dtype} {shift})"),
        lambda: f.loop("0", t["out_w"], 1, single),
    )


def weight_piece(tiles: Tiles, symbol: str) -> Function:
    """`void f_piece(table, index)`: `some` bands, added up in the piece's room of sums (k, m)."""
    f, dtype = Function(f"define internal void @{symbol}_piece(ptr %table, i64 %index)"), tiles.dtype
    t = fields(f, WEIGHT)
    bands = divided(f, t["out_h"], t["band"])
    begin = f.long("mul", "%index", t["some"])
    end = f.least(f.long("add", begin, t["some"]), f.long("mul", bands, t["count"]))
    phases = f.long("mul", f.long("mul", t["down"], t["across"]), t["channels"])
    whole = f.long("mul", t["band"], t["hop"])
    step = f.least(t["m"], tiles.width)  # the gradient's panels stand one after the other
    channels = f.long("mul", divided(f, t["m"], tiles.width), tiles.width)
    sizes = [f.long("mul", plane_size(f, t), phases), f.long("mul", channels, whole)]
    sums = f.offset(t["sums"], f.long("mul", "%index", f.long("mul", t["k"], t["m"])), dtype)

    def one(number: str, planes: str, turned: str) -> None:
        image, first = f.long("udiv", number, bands), f.long("mul", f.long("urem", number, bands), t["band"])
        rows = f.least(f.long("sub", t["out_h"], first), t["band"])
        f.do(f"call void @laid_out(ptr %table, ptr {planes}, i64 {image}, i64 {first})")
        given = f.offset(t["g"], f.long("mul", image, t["g_image"]), dtype)

        def row(y: str) -> None:
            source = f.offset(given, f.long("mul", f.long("add", first, y), t["g_row"]), dtype)

            def part(o: str) -> None:
                at = f.long("add", f.long("mul", o, whole), f.long("mul", f.long("mul", y, t["hop"]), step))
                to, n = f.offset(turned, at, dtype), f.least(f.long("sub", t["m"], o), step)
                given = f.offset(source, f.long("mul", o, t["g_channel"]), dtype)
                transpose_call(f, to, step, given, t["g_channel"], n, t["out_w"])
                rest = f.offset(to, f.long("mul", t["out_w"], step), dtype)
                cleared(f, dtype, rest, f.long("mul", f.long("sub", t["hop"], t["out_w"]), step))

            f.loop("0", t["m"], tiles.width, part)

        f.loop("0", rows, 1, row)

        def panel(o: str) -> None:
            n = f.least(f.long("sub", t["m"], o), tiles.width)
            panel_call(f, tiles.name, c=f.offset(sums, o, dtype), ldc=t["m"], a=planes, acs=1,
                       b=f.offset(turned, f.long("mul", o, whole), dtype), ldb=step, places=t["places"], m=t["k"], n=n,
                       k=f.long("mul", rows, t["hop"]), more=f.long("icmp ne", number, begin))  # fmt: skip

        f.loop("0", t["m"], tiles.width, panel)

    with_memory(
        f, dtype, t, sizes, lambda planes, turned: f.loop(begin, end, 1, lambda number: one(number, planes, turned))
    )
    f.do("ret void")
    return f


def caller(arguments: Any, symbol: str) -> Function:
    """`void f(table)`: all pieces."""
    f = Function(f"define void @{symbol}(ptr %table)")
    t = fields(f, arguments)
    number = f.long("mul", divided(f, t["out_h"], t["band"]), t["count"])
    if "some" in t:
        number = divided(f, number, t["some"])
    f.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {number})")
    f.do("ret void")
    return f
