"""Rows of a table taken where an index says, and added up there: an embedding and its gradient.

Text of the kernels, their calls with NumPy arrays, and the tests that they must pass.  A piece of the gradient is a
block of columns, for which it goes through all rows in order: threads never meet, and sums have one order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.kernels.host import Target
from wengert.core.kernels.matrices import divided, fields
from wengert.core.kernels.passes import Pass
from wengert.core.kernels.rows import Row
from wengert.core.kernels.text import Function, module
from wengert.core.kernels.trials import Call

__all__ = ["ARGUMENTS", "CALLS", "rows_text"]

ARGUMENTS = (
    ("array", "out"), ("array", "index"), ("array", "rows"), ("whole", "count"), ("whole", "width"), ("whole", "step"),
    ("whole", "block"), ("whole", "size"),
)  # fmt: skip
"""out (size, width), index (count), rows (count, width) `step` elements apart; block: columns of a piece."""

TAKING = (
    ("array", "out"), ("array", "index"), ("array", "rows"), ("whole", "count"), ("whole", "length"), ("whole", "step"),
    ("whole", "some"),
)  # fmt: skip
"""out (count, length), rows of `length` bytes that are `step` bytes apart; some: rows of a piece."""

BLOCK = 64
"""Columns of a piece, at least."""

CLEARED = 1 << 18
"""Bytes that a piece clears."""

TAKEN = 1 << 15
"""Bytes that a piece takes, about."""


def rows_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module, and the name of its function `f(table)`."""
    symbol = f"add_rows_{dtype}"
    f = Row(dtype, f"{symbol}_piece", ["ptr %table", "i64 %piece"])
    t = fields(f, ARGUMENTS)
    first = f.long("mul", "%piece", t["block"])
    n = f.least(f.long("sub", t["width"], first), t["block"])

    def one(i: str) -> None:
        at = f.long("add", f.long("mul", f.field(t["index"], i, "i64"), t["width"]), first)
        into = f.offset(t["out"], at, dtype)
        given = f.offset(t["rows"], f.long("add", f.long("mul", i, t["step"]), first), dtype)
        f.run("added", [into, into, given], [], n)

    f.loop("0", t["count"], 1, one)
    f.do("ret void")
    added = Pass(target, dtype, "added", 2, 1, 0, [], lambda b, x, s: ([b.add(x[0], x[1])], []), 2)
    g = Function(f"define void @{symbol}(ptr %table)")
    u = fields(g, ARGUMENTS)
    bytes_ = g.long("mul", g.long("mul", u["size"], u["width"]), 4 if dtype == "float" else 8)
    number = g.long("udiv", g.long("add", bytes_, CLEARED - 1), CLEARED)
    g.do(f"call void @wengert_parallel(ptr @{symbol}_clear, ptr %table, i64 {number})")
    number = divided(g, u["width"], u["block"])
    g.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {number})")
    g.do("ret void")
    return module([added, clear(dtype, symbol), f, g], "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


def clear(dtype: str, symbol: str) -> Function:
    """`void f_clear(table, index)`: zeros in a part of `out`."""
    f = Function(f"define internal void @{symbol}_clear(ptr %table, i64 %index)")
    f.declared.add("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
    t = fields(f, ARGUMENTS)
    whole = f.long("mul", f.long("mul", t["size"], t["width"]), 4 if dtype == "float" else 8)
    start = f.long("mul", "%index", CLEARED)
    length = f.least(f.long("sub", whole, start), CLEARED)
    f.do(f"call void @llvm.memset.p0.i64(ptr {f.offset(t['out'], start)}, i8 0, i64 {length}, i1 false)")
    f.do("ret void")
    return f


def taking_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module of rows taken."""
    symbol = f"take_rows_{dtype}"
    f = Function(f"define internal void @{symbol}_piece(ptr %table, i64 %index)")
    f.declared.add("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
    t = fields(f, TAKING)
    begin = f.long("mul", "%index", t["some"])
    end = f.least(f.long("add", begin, t["some"]), t["count"])

    def one(i: str) -> None:
        source = f.offset(t["rows"], f.long("mul", f.field(t["index"], i, "i64"), t["step"]))
        into = f.offset(t["out"], f.long("mul", i, t["length"]))
        f.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {into}, ptr {source}, i64 {t['length']}, i1 false)")

    f.loop(begin, end, 1, one)
    f.do("ret void")
    g = Function(f"define void @{symbol}(ptr %table)")
    u = fields(g, TAKING)
    number = divided(g, u["count"], u["some"])
    g.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {number})")
    g.do("ret void")
    return module([f, g], "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


def add_rows(run: Any) -> Callable[..., Any]:
    """Zeros (size, k) with rows[i] added to row index[i]; every index is within the size."""

    def call(size: int, index: Any, rows: Any) -> Any:
        if rows.strides[1] != rows.itemsize:
            rows = np.ascontiguousarray(rows)
        count, width = rows.shape
        out = np.empty((size, width), rows.dtype)
        block = max(BLOCK, -(-width // 4 // BLOCK) * BLOCK)
        run(out, np.ascontiguousarray(index), rows, count, width, rows.strides[0] // rows.itemsize, block, size)
        return out

    return call


def take_rows(run: Any) -> Callable[..., Any]:
    """table[index] for a matrix whose rows are contiguous and indices that are all within it."""

    def call(table: Any, index: Any) -> Any:
        length = table.shape[1] * table.itemsize
        out = np.empty((*index.shape, table.shape[1]), table.dtype)
        index = np.ascontiguousarray(index)
        run(out, index, table, index.size, length, table.strides[0], max(1, TAKEN // length))
        return out

    return call


CASES = ((1, 1, 1), (5, 20, 7), (3, 50, 64), (40, 30, 300), (2, 100, 65))
"""Size, rows, columns."""


def try_add_rows(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted, for rows that follow each other and rows with gaps."""
    size, count, width = case
    found, wanted = [], []
    for rows in (rng.standard_normal((count, width)), rng.standard_normal((count, width + 3))[:, 2:-1]):
        index, rows = rng.integers(0, size, count), rows.astype(dtype)
        out = np.zeros((size, width))
        np.add.at(out, index, rows)
        found.append(call(size, index, rows))
        wanted.append(out.astype(dtype))
    return tuple(found), tuple(wanted)


def try_take_rows(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted, for a whole table and every other row of one."""
    size, count, width = case
    table, index = rng.standard_normal((2 * size, width)).astype(dtype), rng.integers(0, size, (1, count))
    return (call(table, index), call(table[::2], index)), (table[index], table[::2][index])


CALLS: dict[str, Call] = {
    "add_rows": Call(rows_text, ARGUMENTS, add_rows, try_add_rows, CASES, 30),
    "take_rows": Call(taking_text, TAKING, take_rows, try_take_rows, CASES, 1),
}
"""Name -> kernel."""
