"""Text of convolutions in groups, and of the gradient of a weight with few channels.

Every group of every image is an image of its own; images take the weights of the groups in turn.  A group with one
channel of results is one line of sums at a time, in as many vectors as hide the time that an addition takes.

The gradient of the weight multiplies lines of the gradient with lines of the image, at the places of the table, and
adds up along them: lanes are positions, whatever the number of channels.  A tile keeps the sums of some channels by
some entries of the table, and goes through several images before they are put away.
"""

from __future__ import annotations

from collections.abc import Callable

from wengert.core.kernels.convolutions import (
    FORWARD,
    IMAGE,
    cleared,
    forward_piece,
    laid_out,
    lines,
    lines_call,
    plane_size,
    with_memory,
)
from wengert.core.kernels.host import Target
from wengert.core.kernels.matrices import divided, fields
from wengert.core.kernels.text import Block, Function, module
from wengert.core.kernels.tiles import Tiles

__all__ = ["GROUPED", "WEIGHT", "grouped_text", "weight_text"]

GROUPED = (*FORWARD, ("whole", "groups"))
WEIGHT = (
    *IMAGE, ("array", "sums"), ("array", "g"), ("whole", "g_image"), ("whole", "g_channel"), ("whole", "g_row"),
    ("whole", "groups"), ("whole", "parts"), ("whole", "together"),
)  # fmt: skip
"""Images (count, channels) of all groups; sums (parts, groups, m, k); together: bands that are laid out at once."""

VECTORS = 8
"""Sums of a line that are under way at once."""


def grouped_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of a convolution in groups."""
    tiles, symbol = Tiles(target, dtype, "b"), f"grouped_{dtype}"
    functions = [*tiles.functions(), alone(target, dtype), lines(target, dtype), laid_out(dtype)]
    functions += [forward_piece(tiles, symbol, GROUPED), caller(symbol)]
    return module(functions, "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


def caller(symbol: str) -> Function:
    """`void f(table)`: all bands of all images."""
    f = Function(f"define void @{symbol}(ptr %table)")
    t = fields(f, GROUPED)
    number = f.long("mul", divided(f, t["out_h"], t["band"]), t["count"])
    f.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {number})")
    f.do("ret void")
    return f


def alone(target: Target, dtype: str) -> Block:
    """`alone(c, a, b, places, n, k)`: c[i] = sum over k of a[k] * b[places[k] + i] for i below n."""
    b = Block(target, dtype, head="define internal void @alone(ptr %c, ptr %a, ptr %b, ptr %places, i64 %n, i64 %k)")
    wide = VECTORS * b.lanes

    def some(start: str, count: int, mask: str | None) -> None:
        here = b.offset("%b", start, dtype)

        def step(i: str, sums: list[str]) -> list[str]:
            factor = b.splat(b.emit(f"load {dtype}, ptr {b.offset('%a', i, dtype)}"))
            row = b.offset(here, b.field("%places", i, "i64"), dtype)
            return [b.fma(factor, b.load(b.offset(row, j * b.lanes, dtype), mask), x) for j, x in enumerate(sums)]

        for j, x in enumerate(b.repeated("%k", [(b.kind, "zeroinitializer")] * count, step)):
            b.store(x, b.offset("%c", b.long("add", start, j * b.lanes), dtype), mask)

    def long() -> None:
        last = b.long("sub", "%n", wide)  # the last vectors overlap those before them
        b.loop("0", "%n", wide, lambda start: some(b.least(start, last), VECTORS, None))

    def short() -> None:
        b.loop("0", "%n", b.lanes, lambda start: some(start, 1, b.first_lanes(b.long("sub", "%n", start))))

    b.when(b.long("icmp uge", "%n", wide), long, short)
    b.do("ret void")
    return b


# ---------------------------------------------------------------- the gradient of a weight


def shapes(target: Target) -> dict[int, int]:
    """Channels -> entries of the table of a tile."""
    return {4: 5, 2: 9, 1: 9} if target.registers >= 32 else {2: 5, 1: 9}


def weight_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of the gradient of the weight."""
    symbol = f"grouped_weight_{dtype}"
    tiles = [tile(target, dtype, rows, taps) for rows, taps in shapes(target).items()]
    copies: list[Block | Function] = [lines(target, dtype), laid_out(dtype), joined(target, dtype)]
    f = Function(f"define void @{symbol}(ptr %table)")
    t = fields(f, WEIGHT)
    f.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {f.long('mul', t['groups'], t['parts'])})")
    f.do("ret void")
    functions = [*tiles, *copies, WeightPiece(target, dtype, symbol), f]
    return module(functions, "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


TILE = (
    "ptr %sums, ptr %lines, ptr %planes, ptr %places, i64 %m, i64 %n, i64 %k, i64 %length, i64 %line_step, "
    "i64 %plane_step, i64 %count"
)
"""sums: vectors (any, k); lines (count, any, length), `line_step` apart; planes, `plane_step` apart; m channels and n
entries of the table are left."""


def tile(target: Target, dtype: str, rows: int, taps: int) -> Block:
    """Sums of `rows` channels by `taps` entries; what there is not is the last one again."""
    b = Block(target, dtype, head=f"define internal void @tile_{rows}({TILE})")
    down, across = [
        [b.least(str(i), b.long("sub", left, 1)) if i else "0" for i in range(count)]
        for count, left in ((rows, "%m"), (taps, "%n"))
    ]
    given = [b.offset("%lines", b.long("mul", i, "%length"), dtype) for i in down]
    taken = [b.offset("%planes", b.field("%places", j, "i64"), dtype) for j in across]
    rooms = [
        b.offset("%sums", b.long("mul", b.long("add", b.long("mul", i, "%k"), j), b.lanes), dtype)
        for i in down
        for j in across
    ]
    steps = b.long("udiv", "%length", b.lanes)

    def image(number: str, sums: list[str]) -> list[str]:
        line_at, plane_at = b.long("mul", number, "%line_step"), b.long("mul", number, "%plane_step")

        def step(index: str, sums: list[str]) -> list[str]:
            along = b.long("mul", index, b.lanes)
            a, c = b.long("add", line_at, along), b.long("add", plane_at, along)
            left = [b.load(b.offset(x, a, dtype)) for x in given]
            found: list[str] = [""] * len(sums)
            for j, x in enumerate(taken):
                right = b.load(b.offset(x, c, dtype))
                for i in range(rows):
                    found[i * taps + j] = b.fma(left[i], right, sums[i * taps + j])
            return found

        return b.repeated(steps, [(b.kind, x) for x in sums], step)

    for room, x in zip(rooms, b.repeated("%count", [(b.kind, b.load(room)) for room in rooms], image), strict=True):
        b.store(x, room)
    b.do("ret void")
    return b


def joined(target: Target, dtype: str) -> Block:
    """`joined(to, sums, n)`: the lanes of each of n vectors added up."""
    b = Block(target, dtype, head="define internal void @joined(ptr %to, ptr %sums, i64 %n)")

    def one(i: str) -> None:
        total = b.reduce("add", b.load(b.offset("%sums", b.long("mul", i, b.lanes), dtype)))
        b.do(f"store {dtype} {total}, ptr {b.offset('%to', i, dtype)}")

    b.loop("0", "%n", 1, one)
    b.do("ret void")
    return b


class WeightPiece(Function):
    """`void f_piece(table, index)`: a part of the bands of all images, of one group."""

    def __init__(self, target: Target, dtype: str, symbol: str) -> None:
        super().__init__(f"define internal void @{symbol}_piece(ptr %table, i64 %index)")
        self.target, self.dtype, self.lanes = target, dtype, target.lanes(dtype)
        t = self.t = fields(self, WEIGHT)
        self.group, part = self.long("urem", "%index", t["groups"]), self.long("udiv", "%index", t["groups"])
        self.bands = divided(self, t["out_h"], t["band"])
        units = self.long("mul", self.bands, self.long("udiv", t["count"], t["groups"]))
        ends = [self.long("mul", x, units) for x in (part, self.long("add", part, 1))]
        self.begin, self.end = [self.long("udiv", x, t["parts"]) for x in ends]
        phases = self.long("mul", self.long("mul", t["down"], t["across"]), t["channels"])
        self.plane_step = self.long("mul", plane_size(self, t), phases)
        whole = divided(self, self.long("mul", t["band"], t["hop"]), self.lanes)
        self.length = self.long("mul", whole, self.lanes)
        self.line_step, results = self.long("mul", self.length, t["m"]), self.long("mul", t["m"], t["k"])
        sizes = [self.long("mul", x, t["together"]) for x in (self.plane_step, self.line_step)]
        vectors = self.long("mul", results, self.lanes)
        to = self.offset(t["sums"], self.long("mul", "%index", results), dtype)

        def body(planes: str, given: str, sums: str) -> None:
            cleared(self, dtype, sums, vectors)
            self.loop(
                self.begin, self.end, t["together"], lambda number: self.batch(number, planes, given, sums)
            )  # fmt: skip
            self.do(f"call void @joined(ptr {to}, ptr {sums}, i64 {results})")

        with_memory(self, dtype, t, [*sizes, vectors], body)
        self.do("ret void")

    def laid(self, number: str, planes: str, given: str) -> None:
        """One band of image and gradient."""
        t, dtype = self.t, self.dtype
        image = self.long("add", self.long("mul", self.long("udiv", number, self.bands), t["groups"]), self.group)
        first = self.long("mul", self.long("urem", number, self.bands), t["band"])
        self.do(f"call void @laid_out(ptr %table, ptr {planes}, i64 {image}, i64 {first})")
        cleared(self, dtype, given, self.line_step)
        rows = self.least(self.long("sub", t["out_h"], first), t["band"])
        source = self.offset(t["g"], self.long("mul", image, t["g_image"]), dtype)

        def channel(o: str) -> None:
            at = self.long("add", self.long("mul", o, t["g_channel"]), self.long("mul", first, t["g_row"]))
            into = self.offset(given, self.long("mul", o, self.length), dtype)
            lines_call(self, dtype, into, t["hop"], self.offset(source, at, dtype), t["g_row"], 1, rows, t["out_w"])

        self.loop("0", t["m"], 1, channel)

    def batch(self, number: str, planes: str, given: str, sums: str) -> None:
        """Bands that are laid out together, added to the sums."""
        t, dtype = self.t, self.dtype
        count = self.least(self.long("sub", self.end, number), t["together"])

        def one(i: str) -> None:
            at = self.offset(planes, self.long("mul", i, self.plane_step), dtype)
            into = self.offset(given, self.long("mul", i, self.line_step), dtype)
            self.laid(self.long("add", number, i), at, into)

        self.loop("0", count, 1, one)

        def channels(o: str, rows: int, taps: int) -> None:
            m, left = self.long("sub", t["m"], o), self.offset(given, self.long("mul", o, self.length), dtype)

            def entries(j: str) -> None:
                place = self.long("add", self.long("mul", o, t["k"]), j)
                at, places = (
                    self.offset(sums, self.long("mul", place, self.lanes), dtype),
                    self.offset(t["places"], j, "i64"),
                )
                self.do(f"call void @tile_{rows}(ptr {at}, ptr {left}, ptr {planes}, ptr {places}, i64 {m}, "
                        f"i64 {self.long('sub', t['k'], j)}, i64 {t['k']}, i64 {self.length}, i64 {self.line_step}, "
                        f"i64 {self.plane_step}, i64 {count})")  # fmt: skip

            self.loop("0", t["k"], taps, entries)

        chosen(self, self.target, t["m"], channels)


def chosen(f: Function, target: Target, m: str, channels: Callable[[str, int, int], None]) -> None:
    """`channels(first, rows, entries)` with the tiles that cover m channels."""
    kinds = sorted(shapes(target).items())

    def fitting(o: str, left: str, which: int) -> None:
        rows, taps = kinds[which]
        if which + 1 == len(kinds):
            channels(o, rows, taps)
        else:
            fits = f.long("icmp ule", left, rows)
            f.when(fits, lambda: channels(o, rows, taps), lambda: fitting(o, left, which + 1))

    f.loop("0", m, kinds[-1][0], lambda o: fitting(o, f.long("sub", m, o), 0))
