"""Text of products on AMX in a loop of steps: one weight, split once, meets 16 rows at a time.

Rows are split into tiles as they come.  Where they, or the weight, hold elements without exact parts (`amx.py`), the
product of these 16 rows is left to vectors; that depends on these rows alone, and on no threads.
"""

from __future__ import annotations

from functools import partial

from wengert.core.kernels.amx import packed
from wengert.core.kernels.amx_rounds import CONFIGURATION, begun, joined_mark, moved, tile, with_tiles
from wengert.core.kernels.amx_splitting import (
    HIGH,
    LARGEST,
    LINES,
    LOW,
    PANEL,
    SIDE,
    SMALLEST,
    STEPS,
    TILE,
    Source,
    packers,
)
from wengert.core.kernels.host import Target
from wengert.core.kernels.matrices import divided
from wengert.core.kernels.text import Function

__all__ = ["CONFIGURATION", "TiledWeight", "exact", "joined_marks", "tiled_functions", "with_tiles"]

SOURCE = Source("float", 3)

ACROSS = 4
"""Tiles of columns of the result that are computed together: as many sums as the processor has under way at once."""


MARKS = 4 * LINES // 8
"""Where the marks of the weight stand in the room of marks, after those of the rows."""


def tiled_functions(target: Target) -> list[object]:
    """The functions that `TiledWeight` calls."""
    bands = [band(across) for across in range(1, ACROSS + 1)]
    return [*packers(target, SOURCE), packed(SOURCE), *bands, moved(target), moved(target, True), rows_text()]


def band(across: int) -> Function:
    """`band(c, a, b, panel, blocks)`: C = A B, 64 columns in memory, for 16 rows of A and some tiles of columns of B.

    panel: bytes of a panel of B.
    """
    f = Function(f"define internal void @band_{across}(ptr %c, ptr %a, ptr %b, i64 %panel, i64 %blocks)")
    columns = [
        f.offset(f.offset("%b", f.long("mul", "%panel", j // 2)) if j > 1 else "%b", TILE * (j % 2))
        for j in range(across)
    ]
    for j in range(across):
        tile(f, "tilezero", f"i8 {j}")
    right, left = ACROSS, ACROSS + 1

    def block(k: str) -> None:
        start = f.long("mul", k, SOURCE.block)
        a = f.offset("%a", start)
        for p in range(SOURCE.parts):
            tile(f, "tileloadd64", f"i8 {left + p}", f"ptr {f.offset(a, 2 * TILE * p)}", f"i64 {LINES}")
        for q in range(SOURCE.parts):
            for j, column in enumerate(columns):
                at = f.offset(f.offset(column, start), 2 * TILE * q)
                tile(f, "tileloadd64", f"i8 {right}", f"ptr {at}", f"i64 {LINES}")
                for p in range(SOURCE.parts - q):
                    tile(f, "tdpbf16ps", f"i8 {j}", f"i8 {left + p}", f"i8 {right}")

    f.loop("0", "%blocks", 1, block)
    for j in range(across):
        tile(f, "tilestored64", f"i8 {j}", f"ptr {f.offset('%c', LINES * j)}", f"i64 {LINES * ACROSS}")
    f.do("ret void")
    return f


def joined_marks(f: Function, found: str) -> tuple[str, str]:
    """(bits of the largest |x|, of the smallest that is not 0) of what was noted, as i64."""
    high, low = [f.emit(f"zext i32 {joined_mark(f, found, k)} to i64") for k in range(2)]
    return high, f.long("add", low, 1)


def exact(f: Function, a: tuple[str, str], b: tuple[str, str], k: str) -> str:
    """Whether elements have exact parts and products of ordinary size; a, b: largest and smallest; k: inner dim.

    `amx_products.suits` asks the same of whole products.
    """
    f.declared |= {"declare i64 @llvm.umax.i64(i64, i64)", "declare i64 @llvm.ctlz.i64(i64, i1)"}
    least, most = f.least(a[1], b[1]), f.emit(f"call i64 @llvm.umax.i64(i64 {a[0]}, i64 {b[0]})")
    finite, normal = f.long("icmp ult", most, LARGEST), f.long("icmp uge", least, SMALLEST)
    nothing = f.long("icmp eq", f.least(a[0], b[0]), 0)
    low, high = [f.long("add", f.long("lshr", a[i], 23), f.long("lshr", b[i], 23)) for i in (1, 0)]
    digits = f.long("sub", 64, f.emit(f"call i64 @llvm.ctlz.i64(i64 {k}, i1 false)"))
    seen = f.emit(f"and i1 {f.long('icmp uge', low, LOW + 254)}, "
                  f"{f.long('icmp ult', f.long('add', high, digits), HIGH + 254)}")  # fmt: skip
    ordinary = f.emit(f"and i1 {normal}, {seen}")
    return f.emit(f"and i1 {finite}, {f.emit(f'or i1 {nothing}, {ordinary}')}")


ROWS = (
    "ptr %c, i64 %ldc, ptr %left, i64 %m, ptr %b, i64 %panel, i64 %n, i64 %k, i1 %more, ptr %tiles, ptr %edge, "
    "ptr %found"
)
"""Parameters of `tiled_rows`: m rows of k elements at `left`; tiles of the weight, bytes of its panels; rooms."""


def rows_text() -> Function:
    """`tiled_rows(...)`: C (+)= A B for at most 16 rows, if their elements have exact parts; whether they have."""
    f = Function(f"define internal i1 @tiled_rows({ROWS})")
    begun(f, "%found")
    f.do("call void @packed(ptr %tiles, i64 0, ptr %left, i64 %k, i1 false, i1 true, i64 %m, i64 %k, ptr %found)")
    weight = f.field("%found", MARKS, "i64"), f.field("%found", MARKS + 1, "i64")
    right = exact(f, joined_marks(f, "%found"), weight, "%k")
    blocks = divided(f, "%k", STEPS)

    def columns(column: str) -> None:
        c, n = f.offset("%c", column, "float"), f.least(f.long("sub", "%n", column), SIDE * ACROSS)
        b = f.offset("%b", f.long("mul", f.long("udiv", column, PANEL), "%panel"))

        for across in range(1, ACROSS + 1):
            given = f"ptr %edge, ptr %tiles, ptr {b}, i64 %panel, i64 {blocks}"
            f.when(f.long("icmp eq", n, SIDE * across), partial(f.do, f"call void @band_{across}({given})"))
        for start in range(0, SIDE * ACROSS, PANEL):
            some = f.least(f.emit(f"call i64 @llvm.usub.sat.i64(i64 {n}, i64 {start})"), PANEL)
            at, room = f.offset(c, start, "float"), f.offset("%edge", start, "float")
            rest = f"(ptr {at}, i64 %ldc, ptr {room}, i64 {SIDE * ACROSS}, i64 %m, i64 {some})"
            f.when(
                "%more", partial(f.do, f"call void @added{rest}"), partial(f.do, f"call void @moved{rest}")
            )  # fmt: skip

    f.declared.add("declare i64 @llvm.usub.sat.i64(i64, i64)")
    f.when(right, lambda: f.loop("0", "%n", SIDE * ACROSS, columns))
    f.do(f"ret i1 {right}")
    return f


class TiledWeight:
    """The weight of a loop of steps in tiles, and what the products of its rows need; n and k are multiples of 16."""

    def __init__(self, f: Function, n: str, k: str) -> None:
        self.f, self.n, self.k = f, n, k
        self.panel = f.long("mul", divided(f, k, STEPS), SOURCE.block)

    def sizes(self) -> list[str]:
        """Elements of the rooms: tiles of the weight, of 16 rows, a part of the result, marks."""
        f = self.f
        weight = f.long("mul", divided(f, self.n, PANEL), self.panel)
        return [f.long("lshr", weight, 2), f.long("lshr", self.panel, 2), str(SIDE * SIDE * ACROSS), str(5 * SIDE)]

    def take(self, rooms: list[str]) -> None:
        """The rooms."""
        self.weight, self.tiles, self.edge, self.found = rooms

    def split(self, weight: str, step: str, turned: bool) -> None:
        """Make the tiles; turned: the rows of the weight in memory are its columns."""
        f = self.f
        begun(f, self.found)
        given = f"ptr {weight}, i64 {step}, i1 {str(turned).lower()}, i1 false, i64 {self.n}, i64 {self.k}"
        f.do(f"call void @packed(ptr {self.weight}, i64 {self.panel}, {given}, ptr {self.found})")
        for k, value in enumerate(joined_marks(f, self.found)):
            f.put(self.found, MARKS + k, "i64", value)

    def rows(self, left: str, m: str, into: str, more: str) -> str:
        """into (+)= the weight times m rows, at most 16; whether that was possible."""
        return self.f.emit(
            f"call i1 @tiled_rows(ptr {into}, i64 {self.n}, ptr {left}, i64 {m}, ptr {self.weight}, "
            f"i64 {self.panel}, i64 {self.n}, i64 {self.k}, i1 {more}, ptr {self.tiles}, ptr {self.edge}, "
            f"ptr {self.found})"
        )
