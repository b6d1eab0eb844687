"""Text of pooling: the largest element of every window and its place, sums of windows, and elements put back.

Windows are tables: an output takes one element for each pair of an entry of `rows` and one of `columns`, whose sum
says where it stands in its plane or volume.  So one text serves any kernel, stride, padding and dilation, in any
number of dims; lanes run over outputs, wherever a row ends.  A piece is some planes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.kernels.host import Target
from wengert.core.kernels.matrices import divided, fields
from wengert.core.kernels.text import Block, Function, module

__all__ = ["LARGEST", "PUT", "SUMS", "largest_text", "put_text", "sums_text", "values_text"]

WINDOWS = (
    ("array", "x"), ("array", "out"), ("array", "rows"), ("array", "columns"), ("whole", "count"), ("whole", "volume"),
    ("whole", "places"), ("whole", "tall"), ("whole", "wide"), ("whole", "some"),
)  # fmt: skip
"""x (count, volume), out (count, places); rows (tall, places) and columns (wide, places) of int32, with a vector more
behind them; planes of a piece (some)."""

LARGEST = (*WINDOWS, ("array", "index"))
SUMS = (*WINDOWS, ("array", "shares"))
PUT = (
    ("array", "g"), ("array", "out"), ("array", "index"), ("array", "trouble"), ("whole", "count"), ("whole", "volume"),
    ("whole", "places"), ("whole", "some"),
)  # fmt: skip
"""g and index (count, places), out (count, volume); trouble: set where an index is outside."""


def largest_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of the largest elements with their indices."""
    return largest_module(target, dtype, True)


def values_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of the largest elements alone."""
    return largest_module(target, dtype, False)


def sums_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of sums of windows, each divided by its share; a sum of table entries below 0 is no element."""
    symbol = f"window_sums_{dtype}"
    b = Windows(target, dtype, symbol, SUMS)

    def vector(plane: str, start: str) -> list[str]:
        def more(places: str, values: list[str]) -> list[str]:
            inside = b.emit(f"icmp sge {b.vector('i32')} {places}, zeroinitializer")
            return [b.add(values[0], b.gather(plane, places, inside))]

        total = b.over(start, [(b.kind, "zeroinitializer")], more)[0]
        return [b.div(total, b.load(b.offset(b.t["shares"], start, dtype)))]

    b.planes(vector, ["out"])
    return finished(b, symbol, SUMS)


def put_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module that adds elements up at their places."""
    symbol = f"put_back_{dtype}"
    f = Function(f"define internal void @{symbol}_piece(ptr %table, i64 %piece)")
    f.declared.add("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
    t = fields(f, PUT)
    first = f.long("mul", "%piece", t["some"])
    end = f.least(f.long("add", first, t["some"]), t["count"])
    last = f.long("sub", t["volume"], 1)

    def plane(number: str) -> None:
        into = f.offset(t["out"], f.long("mul", number, t["volume"]), dtype)
        length = f.long("mul", t["volume"], 4 if dtype == "float" else 8)
        f.do(f"call void @llvm.memset.p0.i64(ptr {into}, i8 0, i64 {length}, i1 false)")
        begin = f.long("mul", number, t["places"])
        given, index = f.offset(t["g"], begin, dtype), f.offset(t["index"], begin, "i64")

        def one(i: str) -> None:
            place = f.field(index, i, "i64")
            f.when(f.long("icmp ugt", place, last), lambda: f.put(t["trouble"], 0, "i64", "1"))
            at = f.offset(into, f.least(place, last), dtype)
            value = f.emit(f"load {dtype}, ptr {f.offset(given, i, dtype)}")
            value = f.emit(f"fadd {dtype} {f.emit(f'load {dtype}, ptr {at}')}, {value}")
            f.do(f"store {dtype} {value}, ptr {at}")

        f.loop("0", t["places"], 1, one)

    f.loop(first, end, 1, plane)
    f.do("ret void")
    return finished(f, symbol, PUT)


def largest_module(target: Target, dtype: str, indexed: bool) -> tuple[str, str]:
    """Both modules of largest elements: the first of equals, the last nan."""
    symbol = f"largest_{'indexed' if indexed else 'alone'}_{dtype}"
    b = Windows(target, dtype, symbol, LARGEST)
    whole = b.vector("i32")

    def vector(plane: str, start: str) -> list[str]:
        def more(places: str, values: list[str]) -> list[str]:
            value = b.gather(plane, places)
            better = b.logic("or", b.compare("ogt", value, values[0]), b.compare("uno", value, value))
            best = b.select(better, value, values[0])
            if not indexed:
                return [best]
            at = b.emit(f"select {b.mask_kind} {better}, {whole} {places}, {whole} {values[1]}")
            return [best, at]

        first = b.places("0", "0", start)
        begun = [(b.kind, b.gather(plane, first)), (whole, first)]
        return b.over(start, begun[: 1 + indexed], more)

    b.planes(vector, ["out", "index"][: 1 + indexed])
    return finished(b, symbol, LARGEST)


class Windows(Block):
    """A piece of windows: `planes` goes through vectors of outputs, `over` through the elements of their windows."""

    def __init__(self, target: Target, dtype: str, symbol: str, arguments: Any) -> None:
        head = f"define internal void @{symbol}_piece(ptr %table, i64 %piece)"
        super().__init__(target, dtype, head=head)
        self.t = fields(self, arguments)

    def planes(self, vector: Callable[[str, str], list[str]], results: list[str]) -> None:
        """`vector(plane, first output)` gives what is stored in each of the results."""
        t = self.t
        first = self.long("mul", "%piece", t["some"])
        end = self.least(self.long("add", first, t["some"]), t["count"])
        full = self.emit(f"and i64 {t['places']}, {-self.lanes}")
        rest = self.long("sub", t["places"], full)
        mask = self.first_lanes(rest)

        def plane(number: str) -> None:
            source = self.offset(t["x"], self.long("mul", number, t["volume"]), self.dtype)
            begin = self.long("mul", number, t["places"])

            def one(start: str, mask: str | None) -> None:
                at = self.long("add", begin, start)
                for name, value in zip(results, vector(source, start), strict=True):
                    if name == "index":
                        self.store_index(value, self.offset(t[name], at, "i64"), mask)
                    else:
                        self.store(value, self.offset(t[name], at, self.dtype), mask)

            self.loop("0", full, self.lanes, lambda start: one(start, None))
            self.when(self.long("icmp ne", rest, 0), lambda: one(full, mask))

        self.loop(first, end, 1, plane)
        self.do("ret void")

    def over(self, start: str, begun: list[tuple[str, str]], more: Callable[[str, list[str]], list[str]]) -> list[str]:
        """What `more(places, values)` makes of values from one element of the windows to the next."""

        def row(i: str, values: list[str]) -> list[str]:
            kinds = [kind for kind, _ in begun]
            return self.repeated(
                self.t["wide"], list(zip(kinds, values, strict=True)),
                lambda j, values: more(self.places(i, j, start), values),
            )  # fmt: skip

        return self.repeated(self.t["tall"], begun, row)

    def places(self, i: str, j: str, start: str) -> str:
        """Where a vector of outputs finds the elements (i, j) of its windows."""
        kind = self.vector("i32")

        def entries(table: str, line: str) -> str:
            at = self.offset(self.t[table], self.long("add", self.long("mul", line, self.t["places"]), start), "i32")
            return self.emit(f"load {kind}, ptr {at}, align 4")

        return self.emit(f"add {kind} {entries('rows', i)}, {entries('columns', j)}")

    def store_index(self, value: str, at: str, mask: str | None) -> None:
        """Places as int64."""
        wide, name = self.vector("i64"), f"@llvm.masked.store.v{self.lanes}i64.p0"
        value = self.emit(f"zext {self.vector('i32')} {value} to {wide}")
        if mask is None:
            self.do(f"store {wide} {value}, ptr {at}, align 8")
            return
        self.declared.add(f"declare void {name}({wide}, ptr, i32, {self.mask_kind})")
        self.do(f"call void {name}({wide} {value}, ptr {at}, i32 8, {self.mask_kind} {mask})")


def finished(piece: Any, symbol: str, arguments: Any) -> tuple[str, str]:
    """The module of a piece, and of the function `f(table)` that runs all pieces."""
    f = Function(f"define void @{symbol}(ptr %table)")
    t = fields(f, arguments)
    number = divided(f, t["count"], t["some"])
    f.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {number})")
    f.do("ret void")
    return module([piece, f], "declare void @wengert_parallel(ptr, ptr, i64)"), symbol
