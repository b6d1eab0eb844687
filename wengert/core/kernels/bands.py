"""Text of bands of tiles: images laid out with their channels side by side, and the numbers of their 4 x 4 tiles.

In such a layout a vector holds one place of as many channels.  A band is some rows of tiles of one image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wengert.core.kernels.convolutions import bounded, cleared
from wengert.core.kernels.matrices import divided
from wengert.core.kernels.text import Function
from wengert.core.kernels.tiles import transpose_call
from wengert.core.kernels.transforms import POSITIONS

__all__ = ["GAP", "SIDE", "Shape", "g_numbers", "laid_out", "rounded", "tile_at", "x_numbers"]

GAP = 16
"""Elements between the first, the second, ... numbers of all tiles, lest they meet in the same lines of a cache."""

SIDE = 16
"""Channels that are transposed together: as many lines of an image are read or written at once."""


def laid_out(dtype: str) -> Function:
    """`laid_out(to, step, rows, hop, from, channels, channel, row, height, width, first, left)`.

    The rows from `first` (which may be negative) on, padded with zeros to (rows, hop, step), channels side by side.
    """
    f = Function("define internal void @laid_out(ptr %to, i64 %step, i64 %rows, i64 %hop, ptr %from, i64 %channels, "
                 "i64 %channel, i64 %row, i64 %height, i64 %width, i64 %first, i64 %left)")  # fmt: skip
    line = f.long("mul", "%hop", "%step")
    cleared(f, dtype, "%to", f.long("mul", "%rows", line))
    n = f.least("%width", f.long("sub", "%hop", "%left"))
    begin = bounded(f, f.long("sub", 0, "%first"), "%rows")
    end = bounded(f, f.long("sub", "%height", "%first"), "%rows")

    start = f.offset("%to", f.long("mul", "%left", "%step"), dtype)

    def copy(c: str, q: str) -> None:
        at = f.offset(start, f.long("add", f.long("mul", q, line), c), dtype)
        place = f.long("add", f.long("mul", f.long("add", "%first", q), "%row"), f.long("mul", c, "%channel"))
        count = f.least(f.long("sub", "%channels", c), SIDE)
        transpose_call(f, at, "%step", f.offset("%from", place, dtype), "%channel", count, n)

    f.when(f.long("icmp slt", begin, end), lambda: f.loop("0", "%channels", SIDE, lambda c: f.loop(
        begin, end, 1, lambda q: copy(c, q)
    )))  # fmt: skip
    f.do("ret void")
    return f


class Shape:
    """Sizes of a piece: tiles of a band, rows and columns of what is laid out, channels rounded up, bands."""

    def __init__(self, f: Function, t: dict[str, str], channels: str) -> None:
        self.f, self.t = f, t
        self.deep, self.wide = rounded(f, channels), rounded(f, t["m"])
        self.across = f.long("lshr", f.long("add", t["out_w"], 3), 2)
        self.down = f.long("lshr", f.long("add", t["out_h"], 3), 2)
        self.bands = divided(f, self.down, t["band"])
        self.each = f.long("mul", t["band"], self.across)
        self.most = f.long("mul", self.each, t["some"])  # tiles that are multiplied at once
        self.hop, self.plain_hop = f.long("add", f.long("mul", self.across, 4), 2), f.long("mul", self.across, 4)
        self.plain_rows = f.long("mul", t["band"], 4)
        self.rows = f.long("add", self.plain_rows, 2)
        self.sums = f.long("add", f.long("mul", self.deep, self.wide), GAP)  # of products of two such sides

    def numbers(self, channels: str) -> tuple[str, str]:
        """How far the numbers of a tile lie apart, and the room of all."""
        apart = self.f.long("add", self.f.long("mul", self.most, channels), GAP)
        return apart, self.f.long("mul", apart, POSITIONS)

    def unit(self, index: str) -> tuple[str, str, str]:
        """Image, first row of tiles and rows of tiles of a band."""
        f = self.f
        image = f.long("udiv", index, self.bands)
        first = f.long("mul", f.long("urem", index, self.bands), self.t["band"])
        return image, first, f.least(f.long("sub", self.down, first), self.t["band"])

    def tiles(self, rows: str, body: Callable[[str, str, str], None]) -> None:
        """`body(number, row, column)` for the tiles of a band."""
        f = self.f
        f.loop("0", rows, 1, lambda y: f.loop("0", self.across, 1, lambda x: body(
            f.long("add", f.long("mul", y, self.across), x), y, x
        )))  # fmt: skip

    def total(self, begin: str, end: str) -> str:
        """Tiles of the bands [begin, end)."""
        f = self.f
        last = f.long("sub", end, 1)
        full = f.long("mul", f.long("sub", last, begin), self.each)
        return f.long("add", full, f.long("mul", self.unit(last)[2], self.across))


def rounded(f: Function, n: str) -> str:
    """Channels rounded up to a multiple of 16, at least a vector of any target."""
    return f.long("and", f.long("add", n, 15), -16)


def tile_at(f: Function, dtype: str, base: str, y: str, x: str, line: str, step: str) -> str:
    """Where the tile in row y and column x begins, 4 places from its neighbours."""
    place = f.long("add", f.long("mul", y, line), f.long("mul", x, step))
    return f.offset(base, f.long("mul", place, 4), dtype)


def laid_call(
    f: Function, t: dict[str, str], name: str, to: str, given: str, shape: Sequence[str], size: Sequence[str],
    corner: Sequence[Any],
) -> None:  # fmt: skip
    """Call `laid_out`: shape (step, rows, hop) of the room, size (channels, height, width), corner (first, left)."""
    channels, height, width = size
    f.do(f"call void @laid_out(ptr {to}, {', '.join(f'i64 {n}' for n in shape)}, ptr {given}, i64 {channels}, "
         f"i64 {t[name + '_channel']}, i64 {t[name + '_row']}, i64 {height}, i64 {width}, i64 {corner[0]}, "
         f"i64 {corner[1]})")  # fmt: skip


def x_numbers(f: Function, dtype: str, s: Shape, index: str, rooms: tuple[str, str], number: str, c: Any) -> None:
    """The numbers of a band's tiles, from tile `number` on; c: the first channel and how many."""
    t, (planes, spreads) = s.t, rooms
    image, first, rows = s.unit(index)
    at = f.long("add", f.long("mul", image, t["x_image"]), f.long("mul", c[0], t["x_channel"]))
    top = f.long("sub", f.long("mul", first, 4), t["top"])
    laid_call(f, t, "x", planes, f.offset(t["x"], at, dtype), (s.deep, s.rows, s.hop),
              (c[1], t["height"], t["width"]), (top, t["left"]))  # fmt: skip
    line = f.long("mul", s.hop, s.deep)
    apart, _ = s.numbers(s.deep)

    def tile(k: str, y: str, x: str) -> None:
        to = f.offset(spreads, f.long("mul", f.long("add", number, k), s.deep), dtype)
        source = tile_at(f, dtype, planes, y, x, line, s.deep)
        f.do(f"call void @spread(ptr {to}, i64 {apart}, ptr {source}, i64 {line}, i64 {s.deep}, i64 {s.deep})")

    s.tiles(rows, tile)


def g_numbers(f: Function, dtype: str, s: Shape, index: str, rooms: tuple[str, str], number: str) -> None:
    """The numbers of a band's tiles of the gradient, from tile `number` on."""
    t, (sheet, spreads) = s.t, rooms
    image, first, rows = s.unit(index)
    given = f.offset(t["g"], f.long("mul", image, t["g_image"]), dtype)
    laid_call(f, t, "g", sheet, given, (s.wide, s.plain_rows, s.plain_hop), (t["m"], t["out_h"], t["out_w"]),
              (f.long("mul", first, 4), 0))  # fmt: skip
    line = f.long("mul", s.plain_hop, s.wide)
    apart, _ = s.numbers(s.wide)

    def tile(k: str, y: str, x: str) -> None:
        to = f.offset(spreads, f.long("mul", f.long("add", number, k), s.wide), dtype)
        source = tile_at(f, dtype, sheet, y, x, line, s.wide)
        f.do(f"call void @spread_g(ptr {to}, i64 {apart}, ptr {source}, i64 {line}, i64 {s.wide}, i64 {s.wide})")

    s.tiles(rows, tile)
