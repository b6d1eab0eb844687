"""Rows added up where an index says: the gradient of an embedding.

Text of the kernel, its call with NumPy arrays, and the test that it must pass.  A piece is a block of columns, for
which it goes through all rows in order: threads never meet, and sums have one order.
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
    ("whole", "block"),
)  # fmt: skip
"""out (any, width) of zeros, index (count), rows (count, width) `step` elements apart; block: columns of a piece."""

BLOCK = 64
"""Columns of a piece, at least."""


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
    number = divided(g, u["width"], u["block"])
    g.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {number})")
    g.do("ret void")
    return module([added, f, g], "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


def add_rows(run: Any) -> Callable[..., Any]:
    """Zeros (size, k) with rows[i] added to row index[i]; every index is within the size."""

    def call(size: int, index: Any, rows: Any) -> Any:
        if rows.strides[1] != rows.itemsize:
            rows = np.ascontiguousarray(rows)
        count, width = rows.shape
        out = np.zeros((size, width), rows.dtype)
        block = max(BLOCK, -(-width // 4 // BLOCK) * BLOCK)
        run(out, np.ascontiguousarray(index), rows, count, width, rows.strides[0] // rows.itemsize, block)
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


CALLS: dict[str, Call] = {"add_rows": Call(rows_text, ARGUMENTS, add_rows, try_add_rows, CASES, 30)}
"""Name -> kernel."""
