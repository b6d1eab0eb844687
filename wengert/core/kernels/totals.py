"""Sums of an expression over all elements: losses that are reduced are one pass, and their values are never written.

Lines of `LINE` elements are added up in vectors; the sums of lines are NumPy's to add.  What is added to what does not
depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.kernels import native
from wengert.core.kernels.acceptance import Rejected, excess
from wengert.core.kernels.expressions import Expression, argument, emit
from wengert.core.kernels.host import Target
from wengert.core.kernels.matrices import divided
from wengert.core.kernels.passes import Pass
from wengert.core.kernels.rows import Row
from wengert.core.kernels.text import Function, module

__all__ = ["slope_call", "total_call", "total_text"]

LINE = 2048
"""Elements of a line."""

SOME = 8
"""Lines of a piece."""

LENGTHS = (1, 5, 16, 33, 2047, 2048, 2049, 20000)
"""What is tried."""


def total_text(target: Target, dtype: str, value: Expression, arrays: int, numbers: int) -> tuple[str, str]:
    """The module, and the name of its function `f(table)`; table: sums, arrays, n, numbers as doubles."""
    symbol = f"totals_{dtype}"

    def body(b: Any, x: list[str], s: list[str]) -> tuple[list[Any], list[Any]]:
        return [], [emit(b, value, [*x, *s])]

    summed = Pass(target, dtype, "summed", arrays, 0, numbers, ["add"], body, 2)
    f = Row(dtype, f"{symbol}_piece", ["ptr %table", "i64 %index"])
    given = [f.field("%table", 1 + k) for k in range(arrays)]
    sums, n = f.field("%table", 0), f.field("%table", 1 + arrays, "i64")
    singles = [f.field("%table", 2 + arrays + k, "double") for k in range(numbers)]
    if dtype == "float":
        singles = [f.emit(f"fptrunc double {x} to float") for x in singles]
    begin = f.long("mul", "%index", SOME)
    end = f.least(f.long("add", begin, SOME), divided(f, n, LINE))

    def line(k: str) -> None:
        start = f.long("mul", k, LINE)
        here = f.least(f.long("sub", n, start), LINE)
        (found,) = f.run("summed", [f.offset(x, start, dtype) for x in given], singles, here, 1)
        f.save(found, f.offset(sums, k, dtype))

    f.loop(begin, end, 1, line)
    f.do("ret void")
    g = Function(f"define void @{symbol}(ptr %table)")
    count = divided(g, g.field("%table", 1 + arrays, "i64"), LINE * SOME)
    g.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {count})")
    g.do("ret void")
    return module([summed, f, g], "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


def operands(dtype: Any, n: int, arrays: int, domain: tuple[float, float]) -> list[Any]:
    """Arrays for a trial."""
    rng = np.random.default_rng(n)
    return [rng.uniform(*domain, n).astype(dtype) for _ in range(arrays)]


def total_call(
    factory: Any, name: str, formula: Callable[..., Any], arrays: int, numbers: tuple[float, ...], dtype: str,
    domain: tuple[float, float] = (-4.0, 4.0),
) -> Callable[..., Any]:  # fmt: skip
    """A function of contiguous arrays of one shape and numbers: the sum of formula(m, *arrays, *numbers).

    Raises: Rejected, or the error of the tracing.
    """
    kind = np.dtype(np.float32 if dtype == "float" else np.float64)
    value = formula(factory.arrays, *[argument(i, kind) for i in range(arrays + len(numbers))])
    text, symbol = total_text(factory.target, dtype, value, arrays, len(numbers))
    kinds = ["array"] * (1 + arrays) + ["whole"] + ["number"] * len(numbers)
    whole = text + module([native.builtin_text(symbol, kinds)], attributes="")
    run = native.builtin(symbol, factory.machine.build(whole, [f"{symbol}_entry"])[0])

    def call(*given: Any) -> Any:
        n = given[0].size
        sums = np.empty(-(-n // LINE), kind)
        run(sums, *given[:arrays], n, *given[arrays:])
        return np.add.reduce(sums)

    for n in LENGTHS:
        xs = operands(kind, n, arrays, domain)
        found, wanted = np.asarray(call(*xs, *numbers)), formula(np, *[x.astype(np.float64) for x in xs], *numbers)
        room = np.asarray(np.abs(wanted).sum()).astype(kind)
        if (excess(found, np.asarray(wanted.sum()).astype(kind), (room, np.full((), 8 * n**0.5, kind))) > 1).any():
            raise Rejected(f"the sum of {name} over {n} elements gives {found}, NumPy {wanted.sum()}")
    return call


def slope_call(
    factory: Any, name: str, formula: Callable[..., Any], arrays: int, numbers: tuple[float, ...], dtype: str,
    domain: tuple[float, float] = (-4.0, 4.0),
) -> Callable[..., Any]:  # fmt: skip
    """A function of contiguous arrays of one shape, a factor and numbers: factor * formula(m, *arrays, *numbers)."""
    kind = np.dtype(np.float32 if dtype == "float" else np.float64)
    given = [argument(i, kind) for i in range(arrays)]
    single = [factory.scalar(arrays + i, kind) for i in range(1 + len(numbers))]
    value = single[0] * formula(factory.arrays, *given, *single[1:])
    run = factory.flat(name, [value], [False] * arrays + [True] * len(single), dtype)

    def call(*xs: Any) -> Any:
        out = np.empty(xs[0].shape, kind)
        run(out, *xs[:arrays], out.size, *xs[arrays:])
        return out

    for n in LENGTHS:
        xs = operands(kind, n, arrays, domain)
        wanted = formula(np, *[x.astype(np.float64) for x in xs], *numbers) * 0.75
        factory.same(name, call(*xs, 0.75, *numbers), np.asarray(np.broadcast_to(wanted, (n,))).astype(kind))
    return call
