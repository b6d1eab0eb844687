"""Text of convolutions: an image is laid out with its padding, once for each phase of the stride, and read in place.

In such a layout the windows of all places are one line: what a position of the weight meets is the line some elements
further on.  A convolution is then a product of matrices whose right operand stands where a table says (`places`), and
no window is copied.  A line goes on through the padding at the ends of rows; what is computed there is left out when
rows are copied to the result.

The gradient of the weight is a product too: lines of the image, at the places of one table and the steps of another
(which leave out the ends of rows), times the gradient with its channels side by side.

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
    ("whole", "some"), ("array", "steps"),
)  # fmt: skip


RESIDENT = 1 << 16
"""Elements of the weight that stay in the cache beside the image."""


def convolution_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of a convolution."""
    tiles, symbol = Tiles(target, dtype, "b"), f"convolution_{dtype}"
    functions = [*tiles.functions(), lines(target, dtype), laid_out(dtype), forward_piece(tiles, symbol)]
    return module([*functions, caller(FORWARD, symbol)], "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


def weight_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of the gradient of the weight."""
    tiles, symbol = Tiles(target, dtype, "a"), f"convolution_weight_{dtype}"
    functions = [*tiles.functions(), *tiles.transpose(), lines(target, dtype), laid_out(dtype)]
    functions += [weight_piece(tiles, symbol), caller(WEIGHT, symbol)]
    return module(functions, "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


WIDE = 4
"""Vectors of a line up to which all lines are copied vector by vector."""


def lines(target: Target, dtype: str) -> Block:
    """`lines(to, to_step, from, from_step, apart, count, n, shift)`: to[r, i] = from[r, i * apart] + shift."""
    b = Block(target, dtype, head="define internal void @lines(ptr %to, i64 %to_step, ptr %from, i64 %from_step, "
              f"i64 %apart, i64 %count, i64 %n, {dtype} %shift)")  # fmt: skip
    wide, full = b.splat("%shift"), b.emit(f"and i64 %n, {-b.lanes}")
    rest = b.first_lanes(b.long("sub", "%n", full))
    some = b.emit(f"select i1 {b.long('icmp ugt', '%n', WIDE * b.lanes)}, i64 1, i64 %count")

    def block(r: str) -> None:
        end = b.least(b.long("add", r, some), "%count")

        def column(i: str, mask: str | None, near: bool) -> None:
            start = i if near else b.long("mul", i, "%apart")

            def row(k: str) -> None:
                given = b.offset("%from", b.long("add", b.long("mul", k, "%from_step"), start), dtype)
                value = b.load(given, mask) if near else b.spaced(given, "%apart", mask)
                to = b.offset("%to", b.long("add", b.long("mul", k, "%to_step"), i), dtype)
                b.store(b.add(value, wide), to, mask)

            b.loop(r, end, 1, row)

        def columns(near: bool) -> Callable[[], None]:
            def write() -> None:
                b.loop("0", full, b.lanes, lambda i: column(i, None, near))
                b.when(b.long("icmp ult", full, "%n"), lambda: column(full, rest, near))

            return write

        b.when(b.long("icmp eq", "%apart", 1), columns(True), columns(False))

    b.loop("0", "%count", some, block)
    b.do("ret void")
    return b


def lines_call(
    f: Function, dtype: str, to: str, to_step: Any, source: str, source_step: Any, apart: Any, count: Any, n: Any,
    shift: str = "-0.0",
) -> None:  # fmt: skip
    """Call `lines`; the shift that changes nothing is -0.0."""
    f.do(f"call void @lines(ptr {to}, i64 {to_step}, ptr {source}, i64 {source_step}, i64 {apart}, i64 {count}, "
         f"i64 {n}, {dtype} {shift})")  # fmt: skip


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

    def inside(size: str, before: str, step: str, high: str, first: Any = 0) -> tuple[str, str]:
        """The first step that lies in the image, and the one after the last."""
        begin, end = [f.long("sub", rounded_up(f, x, step), first) for x in (before, f.long("add", size, before))]
        return bounded(f, begin, high), bounded(f, end, high)

    def phase(channel: str, v: str, u: str) -> None:
        number = f.long("add", f.long("mul", f.long("add", f.long("mul", channel, t["down"]), v), t["across"]), u)
        above, ahead = f.long("sub", t["top"], v), f.long("sub", t["left"], u)
        row, bottom = inside(t["height"], above, t["down"], rows, "%first")
        begin, end = inside(t["width"], ahead, t["across"], t["hop"])

        def copy() -> None:
            place = f.long("add", f.long("mul", number, plane), f.long("add", f.long("mul", row, t["hop"]), begin))
            y = f.long("sub", f.long("mul", f.long("add", "%first", row), t["down"]), above)
            x = f.long("sub", f.long("mul", begin, t["across"]), ahead)
            at = f.long("add", f.long("mul", channel, t["x_channel"]), f.long("mul", y, t["x_row"]))
            given, step = f.offset(source, f.long("add", at, x), dtype), f.long("mul", t["down"], t["x_row"])
            lines_call(f, dtype, f.offset("%room", place, dtype), t["hop"], given, step, t["across"],
                       f.long("sub", bottom, row), f.long("sub", end, begin))  # fmt: skip

        f.when(f.emit(f"and i1 {f.long('icmp slt', row, bottom)}, {f.long('icmp slt', begin, end)}"), copy)

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


def forward_piece(tiles: Tiles, symbol: str, arguments: Any = FORWARD) -> Function:
    """`void f_piece(table, index)`: a band of rows of one image; with `groups`, images of several weights in turn."""
    f, dtype = Function(f"define internal void @{symbol}_piece(ptr %table, i64 %index)"), tiles.dtype
    t = fields(f, arguments)
    bands = divided(f, t["out_h"], t["band"])
    image, first = f.long("udiv", "%index", bands), f.long("mul", f.long("urem", "%index", bands), t["band"])
    if "groups" in t:
        rows = f.long("mul", f.long("urem", image, t["groups"]), t["m"])
        t["w"], t["bias"] = f.offset(t["w"], f.long("mul", rows, t["k"]), dtype), f.offset(t["bias"], rows, dtype)
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

        def panels() -> None:
            f.loop("0", t["m"], chunk, lambda o: f.loop("0", length, tiles.width, lambda start: panel(o, start)))

        if "groups" in t:
            given = f"(ptr {room}, ptr {t['w']}, ptr {planes}, ptr {t['places']}, i64 {length}, i64 {t['k']})"
            f.when(f.long("icmp eq", t["m"], 1), lambda: f.do(f"call void @alone{given}"), panels)
        else:
            panels()
        into = f.offset(t["out"], f.long("mul", image, t["out_image"]), dtype)

        def channel(o: str) -> None:
            copied_rows(f, dtype, t, f.offset(room, f.long("mul", o, length), dtype), into, first, rows, o)

        f.loop("0", t["m"], 1, channel)

    with_memory(f, dtype, t, sizes, body)
    f.do("ret void")
    return f


def copied_rows(
    f: Function, dtype: str, t: dict[str, str], given: str, into: str, first: str, rows: str, o: str
) -> None:
    """The rows of one channel from the room to the result, plus the bias."""
    shift = f.emit(f"load {dtype}, ptr {f.offset(t['bias'], o, dtype)}")
    place = f.long("add", f.long("mul", o, t["out_channel"]), f.long("mul", first, t["out_row"]))
    to = f.offset(into, place, dtype)

    def row(y: str) -> None:
        source, target = [
            f.offset(x, f.long("mul", y, step), dtype) for x, step in ((given, t["hop"]), (to, t["out_row"]))
        ]

        def single(i: str) -> None:
            value = f.emit(f"load {dtype}, ptr {f.offset(source, i, dtype)}")
            value = f.emit(f"fadd {dtype} {value}, {shift}")
            f.do(f"store {dtype} {value}, ptr {f.offset(target, f.long('mul', i, t['out_col']), dtype)}")

        f.loop("0", t["out_w"], 1, single)

    f.when(
        f.long("icmp eq", t["out_col"], 1),
        lambda: lines_call(f, dtype, to, t["out_row"], given, t["hop"], 1, rows, t["out_w"], shift),
        lambda: f.loop("0", rows, 1, row),
    )


def weight_piece(tiles: Tiles, symbol: str) -> Function:
    """`void f_piece(table, index)`: `some` bands, added up in the piece's room of sums (k, m)."""
    f, dtype = Function(f"define internal void @{symbol}_piece(ptr %table, i64 %index)"), tiles.dtype
    t = fields(f, WEIGHT)
    bands = divided(f, t["out_h"], t["band"])
    begin = f.long("mul", "%index", t["some"])
    end = f.least(f.long("add", begin, t["some"]), f.long("mul", bands, t["count"]))
    phases = f.long("mul", f.long("mul", t["down"], t["across"]), t["channels"])
    whole = f.long("mul", t["band"], t["out_w"])
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
                at = f.long("add", f.long("mul", o, whole), f.long("mul", f.long("mul", y, t["out_w"]), step))
                to, n = f.offset(turned, at, dtype), f.least(f.long("sub", t["m"], o), step)
                given = f.offset(source, f.long("mul", o, t["g_channel"]), dtype)
                transpose_call(f, to, step, given, t["g_channel"], n, t["out_w"])

            f.loop("0", t["m"], tiles.width, part)

        f.loop("0", rows, 1, row)

        def panel(o: str) -> None:
            n, k = f.least(f.long("sub", t["m"], o), tiles.width), f.long("mul", rows, t["out_w"])
            panel_call(f, tiles.name, c=f.offset(sums, o, dtype), ldc=t["m"], a=planes, acs=1,
                       b=f.offset(turned, f.long("mul", o, whole), dtype), ldb=step, places=t["places"], m=t["k"], n=n,
                       k=k, more=f.long("icmp ne", number, begin), steps=t["steps"])  # fmt: skip

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
