"""Copies that give elements another order: text of the kernel, its call with NumPy arrays, and the test it must pass.

Where the last dim of an array is not the one whose elements are neighbours in memory, a plain loop meets another line
of the cache with every element it reads, or with every one it writes.  The kernel reads and writes squares that are
turned in registers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.kernels.host import Target
from wengert.core.kernels.matrices import divided, fields
from wengert.core.kernels.squares import squares
from wengert.core.kernels.text import Function, module
from wengert.core.kernels.tiles import Tiles, transpose_call
from wengert.core.kernels.trials import Call

__all__ = ["ARGUMENTS", "CALLS", "arranged_text"]

ARGUMENTS = (
    ("array", "out"), ("array", "x"), ("array", "to"), ("array", "from"), ("whole", "count"), ("whole", "rows"),
    ("whole", "columns"), ("whole", "stride"), ("whole", "step"),
)  # fmt: skip
"""`count` matrices, that number k at from[k] of x and to[k] of out: out[c step + r] = x[r stride + c]."""

BLOCK = 64
"""Columns of a piece."""


def arranged_text(target: Target, dtype: str) -> tuple[str, str]:
    """The module, and the name of its function `f(table)`."""
    symbol, tiles = f"arranged_{dtype}", Tiles(target, dtype)
    f = Function(f"define internal void @{symbol}_piece(ptr %table, i64 %index)")
    t = fields(f, ARGUMENTS)
    across = divided(f, t["columns"], BLOCK)
    which, first = f.long("udiv", "%index", across), f.long("mul", f.long("urem", "%index", across), BLOCK)
    columns = f.least(f.long("sub", t["columns"], first), BLOCK)
    to = f.long("add", f.field(t["to"], which, "i64"), f.long("mul", first, t["step"]))
    source = f.long("add", f.field(t["from"], which, "i64"), first)
    out, x = f.offset(t["out"], to, dtype), f.offset(t["x"], source, dtype)
    transpose_call(f, out, t["step"], x, t["stride"], t["rows"], columns)
    f.do("ret void")
    g = Function(f"define void @{symbol}(ptr %table)")
    u = fields(g, ARGUMENTS)
    number = g.long("mul", u["count"], divided(g, u["columns"], BLOCK))
    g.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {number})")
    g.do("ret void")
    return module([*tiles.transpose(), f, g], "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


def arranged(run: Any) -> Callable[..., Any]:
    """A row-major copy of an array, given what `squares` found."""

    def call(x: Any, given: tuple[Any, ...]) -> Any:
        out = np.empty(x.shape, x.dtype)
        run(out, x, *given)
        return out

    return call


CASES = (
    # shape, order of dims
    ((5, 6), (1, 0)), ((33, 70), (1, 0)), ((130, 64), (1, 0)), ((3, 17, 40), (0, 2, 1)), ((2, 20, 3, 9), (0, 2, 3, 1)),
    ((2, 7, 6, 5), (3, 1, 0, 2)), ((4, 9, 31), (2, 0, 1)), ((1, 16, 16), (2, 1, 0)),
)  # fmt: skip


def try_arranged(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted: of a whole array, and of a part with gaps on all sides."""
    shape, order = case
    wide = rng.standard_normal([n + 2 for n in shape]).astype(dtype)
    part = wide[tuple([slice(1, -1)] * len(shape))].transpose(order)
    cases = [rng.standard_normal(shape).astype(dtype).transpose(order), part]
    return tuple([call(x, squares(x)) for x in cases]), tuple([x.copy(order="C") for x in cases])


CALLS: dict[str, Call] = {"arranged": Call(arranged_text, ARGUMENTS, arranged, try_arranged, CASES, 1)}
"""Name -> kernel."""
