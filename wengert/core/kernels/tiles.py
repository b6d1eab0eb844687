"""Text of products of matrices: tiles of the result kept in registers, transposes, and panels made of tiles.

A tile is some rows by some vectors of the result.  For every step along the inner dim it loads its vectors of B and
meets them with one number of A per row.  Rows of A, or of B, may stand anywhere: then a table holds their offsets, and
the same tile computes a convolution, whose "matrix" of windows is an image read at shifted places.

===================  ==================================================================================
panel(...)           C (+)= A B for all rows of A and at most `Tiles.width` columns
transpose(...)       target[c * step + r] = source[r * stride + c]
===================  ==================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from wengert.core.kernels.host import Target
from wengert.core.kernels.text import Block, Function

__all__ = ["Tiles", "panel_call", "transpose_call"]

PARAMETERS = (
    "ptr %c, i64 %ldc, ptr %a, i64 %ars, i64 %acs, ptr %b, i64 %ldb, ptr %places, i64 %m, i64 %n, i64 %k, i1 %more, "
    "ptr %steps"
)
"""C with rows `ldc` apart; A with strides; B with rows `ldb` apart; `places`: the table, if there is one; C has m rows,
n columns; k: inner dim; more: add to C instead of setting it; steps: with a table for A, where its columns
stand.  All in elements."""

MIDDLE, NARROW = 4, 2
"""Rows of the smaller tiles."""

TALL = 12
"""Rows of a tile of one vector, which would otherwise wait for its own sums."""


class Tiles:
    """The functions `tile_*`, `panel` and `transpose` of one module.

    table: "" (rows of both by strides), "a" or "b" (whose rows stand where a table says).
    """

    def __init__(self, target: Target, dtype: str, table: str = "", name: str = "panel") -> None:
        self.target, self.dtype, self.table, self.name = target, dtype, table, name
        self.lanes = target.lanes(dtype)
        self.rows, self.vectors = 6, 4 if target.registers >= 32 else 2
        self.width = self.vectors * self.lanes

    def functions(self) -> list[Any]:
        """All functions of the panel."""
        tiles = [
            self.tile(rows, vectors, masked)
            for rows in (self.rows, MIDDLE, NARROW)
            for vectors, masked in [(self.vectors, False), *[(v, True) for v in range(1, self.vectors + 1)]]
        ]
        return [*tiles, self.tile(TALL, 1, True), self.panel()]

    def tile_name(self, rows: int, vectors: int, masked: bool) -> str:
        """The name of a tile's function."""
        return f"{self.name}_{rows}_{vectors}{'m' if masked else ''}"

    def tile(self, rows: int, vectors: int, masked: bool) -> Block:
        """At most `rows` rows by `vectors` vectors, the last of which may reach beyond the columns."""
        b = Block(self.target, self.dtype, head=f"define internal void @{self.tile_name(rows, vectors, masked)}"
                  f"({PARAMETERS})")  # fmt: skip
        last = b.long("sub", "%m", 1)
        starts = ["%a"]
        for i in range(1, rows):
            row = b.least(str(i), last)  # a row that there is not computes the last one again, and is not stored
            at = b.field("%places", row, "i64") if self.table == "a" else b.long("mul", row, "%ars")
            starts.append(b.offset("%a", at, self.dtype))
        if self.table == "a":
            starts[0] = b.offset("%a", b.field("%places", 0, "i64"), self.dtype)
        mask = b.first_lanes(b.long("sub", "%n", (vectors - 1) * self.lanes)) if masked else None
        sums = self.inner(b, starts, vectors, mask)
        self.stored(b, sums, mask)
        b.do("ret void")
        return b

    def inner(self, b: Block, starts: list[str], vectors: int, mask: str | None) -> list[list[str]]:
        """The loop along the inner dim; the sums."""
        b.do("br label %head")
        b.label("head")
        sums = [[f"%s{i}_{j}" for j in range(vectors)] for i in range(len(starts))]
        place = len(b.lines)
        b.do("%step = phi i64 [0, %entry], [%next, %body]")
        b.do("%along = phi i64 [0, %entry], [%further, %body]")
        b.do("%row = phi ptr [%b, %entry], [%below, %body]")
        b.do(f"br i1 {b.long('icmp ult', '%step', '%k')}, label %body, label %end")
        b.label("body")
        line = "%row"
        if self.table == "b":
            line = b.offset("%b", b.field("%places", "%step", "i64"), self.dtype)
        along = b.field("%steps", "%step", "i64") if self.table == "a" else "%along"
        right = [
            b.load(b.offset(line, j * self.lanes, self.dtype), mask if j == vectors - 1 else None)
            for j in range(vectors)
        ]
        phis = []
        for i, start in enumerate(starts):
            left = b.splat(b.emit(f"load {self.dtype}, ptr {b.offset(start, along, self.dtype)}"))
            for j in range(vectors):
                after = b.fma(left, right[j], sums[i][j])
                phis.append(f"  {sums[i][j]} = phi {b.kind} [zeroinitializer, %entry], [{after}, %body]")
        b.do("%next = add i64 %step, 1")
        b.do("%further = add i64 %along, %acs")
        b.do(f"%below = getelementptr inbounds {self.dtype}, ptr %row, i64 %ldb")
        b.do("br label %head")
        b.label("end")
        b.lines[place:place] = phis
        return sums

    def stored(self, b: Block, sums: list[list[str]], mask: str | None) -> None:
        """Store the rows that there are."""
        lines = [b.offset("%c", b.long("mul", i, "%ldc") if i else 0, self.dtype) for i in range(len(sums))]

        def row(i: int, added: bool) -> None:
            for j, value in enumerate(sums[i]):
                at = b.offset(lines[i], j * self.lanes, self.dtype)
                part = mask if j == len(sums[i]) - 1 else None
                b.store(b.add(value, b.load(at, part)) if added else value, at, part)

        def rows(added: bool) -> Callable[[], None]:
            def write() -> None:
                for i in range(len(sums)):
                    if i:
                        b.when(b.long("icmp ugt", "%m", i), partial(row, i, added))
                    else:
                        row(i, added)

            return write

        b.when("%more", rows(True), rows(False))

    def panel(self) -> Function:
        """All rows, at most `width` columns."""
        f = Function(f"define internal void @{self.name}({PARAMETERS})")

        def tile(rows: int, vectors: int, masked: bool, given: str) -> Callable[[], None]:
            return lambda: f.do(f"call void @{self.tile_name(rows, vectors, masked)}({given})")

        def chosen(rows: int, given: str) -> Callable[[], None]:
            body = tile(rows, 1, True, given)
            for vectors in range(2, self.vectors + 1):
                body = either(vectors, tile(rows, vectors, True, given), body)
            whole = tile(rows, self.vectors, False, given)
            return lambda: f.when(f.long("icmp eq", "%n", self.width), whole, body)

        def either(vectors: int, more: Callable[[], None], fewer: Callable[[], None]) -> Callable[[], None]:
            return lambda: f.when(f.long("icmp ugt", "%n", (vectors - 1) * self.lanes), more, fewer)

        def rows(index: str, most: int) -> None:
            m = f.least(f.long("sub", "%m", index), most)
            c = f.offset("%c", f.long("mul", index, "%ldc"), self.dtype)
            a = "%a" if self.table == "a" else f.offset("%a", f.long("mul", index, "%ars"), self.dtype)
            places = f.offset("%places", index, "i64") if self.table == "a" else "%places"
            given = (
                f"ptr {c}, i64 %ldc, ptr {a}, i64 %ars, i64 %acs, ptr %b, i64 %ldb, ptr {places}, i64 {m}, i64 %n, "
                "i64 %k, i1 %more, ptr %steps"
            )
            body = chosen(NARROW, given)
            for few, count in ((NARROW, MIDDLE), (MIDDLE, self.rows)):
                body = taller(m, few, chosen(count, given), body)
            if most == TALL:
                body = taller(m, self.rows, tile(TALL, 1, True, given), body)
            body()

        def taller(m: str, few: int, more: Callable[[], None], fewer: Callable[[], None]) -> Callable[[], None]:
            return lambda: f.when(f.long("icmp ugt", m, few), more, fewer)

        def loop(most: int) -> Callable[[], None]:
            return lambda: f.loop("0", "%m", most, lambda index: rows(index, most))

        f.when(f.long("icmp ule", "%n", self.lanes), loop(TALL), loop(self.rows))
        f.do("ret void")
        return f

    def transpose(self) -> list[Any]:
        """The function `transpose` with its two tiles."""
        whole, part = self.turned(False), self.turned(True)
        f = Function(
            "define internal void @transpose(ptr %to, i64 %step, ptr %from, i64 %stride, i64 %rows, i64 %columns)"
        )
        lanes = self.lanes

        def tile(r: str, c: str) -> None:
            m, n = f.long("sub", "%rows", r), f.long("sub", "%columns", c)
            to = f.offset("%to", f.long("add", f.long("mul", c, "%step"), r), self.dtype)
            source = f.offset("%from", f.long("add", f.long("mul", r, "%stride"), c), self.dtype)
            given = f"(ptr {to}, i64 %step, ptr {source}, i64 %stride, i64 {m}, i64 {n})"
            full = f.long("icmp uge", f.least(m, n), lanes)
            f.when(
                full, lambda: f.do(f"call void @turned{given}"), lambda: f.do(f"call void @turned_part{given}")
            )  # fmt: skip

        f.loop("0", "%rows", lanes, lambda r: f.loop("0", "%columns", lanes, lambda c: tile(r, c)))
        f.do("ret void")
        return [whole, part, f]

    def turned(self, part: bool) -> Block:
        """One square of a transpose, as many rows as a vector has lanes; a part of one if there are fewer."""
        b = Block(self.target, self.dtype, head=f"define internal void @turned{'_part' if part else ''}"
                  "(ptr %to, i64 %step, ptr %from, i64 %stride, i64 %rows, i64 %columns)")  # fmt: skip
        last, wide = b.long("sub", "%rows", 1), b.first_lanes("%columns") if part else None
        rows = []
        for i in range(self.lanes):
            row = b.least(str(i), last) if part and i else str(i)
            rows.append(b.load(b.offset("%from", b.long("mul", row, "%stride"), self.dtype), wide))
        high = b.first_lanes("%rows") if part else None
        for i, column in enumerate(exchanged(b, rows)):
            at = b.offset("%to", b.long("mul", i, "%step"), self.dtype)
            if part and i:
                b.when(b.long("icmp ugt", "%columns", i), partial(b.store, column, at, high))
            else:
                b.store(column, at, high)
        b.do("ret void")
        return b


def exchanged(b: Block, rows: list[str]) -> list[str]:
    """The columns of a square of vectors: halves change places at distances 1, 2, 4, ..."""
    lanes, distance = len(rows), 1
    while distance < lanes:
        found = list(rows)
        for i in range(lanes):
            if i & distance:
                continue
            low = ", ".join(f"i32 {k if not k & distance else lanes + k - distance}" for k in range(lanes))
            high = ", ".join(f"i32 {k + distance if not k & distance else lanes + k}" for k in range(lanes))
            for at, order in ((i, low), (i + distance, high)):
                found[at] = b.emit(
                    f"shufflevector {b.kind} {rows[i]}, {b.kind} {rows[i + distance]}, <{lanes} x i32> <{order}>"
                )
        rows, distance = found, distance * 2
    return rows


def panel_call(f: Any, name: str, **given: Any) -> None:
    """Call a panel; what is not given is 0."""
    kinds = [part.split(" %") for part in PARAMETERS.split(", ")]
    values = [given.get(name, "null" if kind == "ptr" else "false" if kind == "i1" else 0) for kind, name in kinds]
    f.do(f"call void @{name}({', '.join(f'{kind} {x}' for (kind, _), x in zip(kinds, values, strict=True))})")


def transpose_call(f: Any, to: str, step: Any, source: str, stride: Any, rows: Any, columns: Any) -> None:
    """Call `transpose`."""
    f.do(f"call void @transpose(ptr {to}, i64 {step}, ptr {source}, i64 {stride}, i64 {rows}, i64 {columns})")
