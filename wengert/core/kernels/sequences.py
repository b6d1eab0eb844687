"""Numbers at equal steps: text of the kernels, their calls, and the tests that they must pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.kernels.host import Target
from wengert.core.kernels.matrices import divided
from wengert.core.kernels.places import DECLARED, Walk, caller
from wengert.core.kernels.text import module
from wengert.core.kernels.trials import Call

__all__ = ["CALLS", "numbers_text", "wholes_text"]

WHOLES = (("array", "out"), ("whole", "n"), ("whole", "start"), ("whole", "step"), ("whole", "some"))
NUMBERS = (("array", "out"), ("whole", "n"), ("number", "start"), ("number", "step"), ("whole", "some"))
"""some: elements of a piece."""

SOME = 1 << 14


def spread(f: Walk, value: str, element: str, lanes: int) -> str:
    """A value in every lane."""
    if lanes == 1:
        return value
    kind = f"<{lanes} x {element}>"
    first = f.emit(f"insertelement {kind} poison, {element} {value}, i32 0")
    return f.emit(f"shufflevector {kind} {first}, {kind} poison, <{lanes} x i32> zeroinitializer")


def counted(f: Walk, begin: str, lanes: int) -> str:
    """begin, begin + 1, ..., a lane each."""
    if lanes == 1:
        return begin
    numbers = ", ".join(f"i64 {k}" for k in range(lanes))
    return f.emit(f"add <{lanes} x i64> {spread(f, begin, 'i64', lanes)}, <{numbers}>")


def steps_text(target: Target, dtype: str, symbol: str, arguments: Any, body: Callable[..., None]) -> tuple[str, str]:
    """A module whose pieces are filled by `body(f, t, lanes, begin, end)`: whole vectors, then single elements."""
    f = Walk(f"define internal void @{symbol}_piece(ptr %table, i64 %piece)")
    kinds = {"array": "ptr", "number": "double", "whole": "i64"}
    t = {name: f.field("%table", i, kinds[kind]) for i, (kind, name) in enumerate(arguments)}
    begin = f.long("mul", "%piece", t["some"])
    end = f.least(f.long("add", begin, t["some"]), t["n"])
    lanes = target.lanes("double")
    full = f.long("sub", end, f.long("urem", f.long("sub", end, begin), lanes))
    body(f, t, lanes, begin, full)
    body(f, t, 1, full, end)
    f.do("ret void")
    return module([f, caller(symbol, arguments, lambda g, u: divided(g, u["n"], u["some"]))], DECLARED), symbol


def vector(element: str, lanes: int) -> str:
    """The type of a vector, or of an element."""
    return element if lanes == 1 else f"<{lanes} x {element}>"


def wholes_text(target: Target, dtype: str) -> tuple[str, str]:
    """start + i step in int64."""

    def body(f: Walk, t: dict[str, str], lanes: int, begin: str, end: str) -> None:
        kind = vector("i64", lanes)
        places = counted(f, begin, lanes)
        first = f.emit(f"mul {kind} {places}, {spread(f, t['step'], 'i64', lanes)}")
        first = f.emit(f"add {kind} {first}, {spread(f, t['start'], 'i64', lanes)}")
        gap = spread(f, f.long("mul", t["step"], lanes), "i64", lanes)

        def one(i: str, values: list[str]) -> list[str]:
            f.do(f"store {kind} {values[0]}, ptr {f.offset(t['out'], i, 'i64')}, align 8")
            return [f.emit(f"add {kind} {values[0]}, {gap}")]

        f.carried(begin, end, lanes, [(kind, first)], one)

    return steps_text(target, dtype, f"wholes_{dtype}", WHOLES, body)


def numbers_text(target: Target, dtype: str) -> tuple[str, str]:
    """start + i step in double, rounded once more for float."""

    def body(f: Walk, t: dict[str, str], lanes: int, begin: str, end: str) -> None:
        kind = vector("double", lanes)
        first = f.emit(f"uitofp {vector('i64', lanes)} {counted(f, begin, lanes)} to {kind}")
        step, start = spread(f, t["step"], "double", lanes), spread(f, t["start"], "double", lanes)
        width = spread(f, f"{float(lanes)}", "double", lanes)

        def one(i: str, places: list[str]) -> list[str]:
            value = f.emit(f"fadd {kind} {start}, {f.emit(f'fmul {kind} {places[0]}, {step}')}")
            if dtype == "float":
                value = f.emit(f"fptrunc {kind} {value} to {vector('float', lanes)}")
            align = 4 if dtype == "float" else 8
            f.do(f"store {vector(dtype, lanes)} {value}, ptr {f.offset(t['out'], i, dtype)}, align {align}")
            return [f.emit(f"fadd {kind} {places[0]}, {width}")]

        f.carried(begin, end, lanes, [(kind, first)], one)

    return steps_text(target, dtype, f"numbers_{dtype}", NUMBERS, body)


def steps(run: Any) -> Callable[..., Any]:
    """n numbers from start on, `step` apart, of a dtype."""

    def call(start: Any, step: Any, n: int, dtype: Any) -> Any:
        out = np.empty(n, dtype)
        run(out, n, start, step, SOME)
        return out

    return call


LENGTHS = (1, 5, 8, 17, 1000, SOME + 3, 3 * SOME)


def try_wholes(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted, both ways; compared as numbers, whose last digits are those of whole ones below 2^24."""
    found, wanted = [], []
    for start, step in ((1 << 62, 1), (7, 3), (-5, -2), (0, 1)):
        steps = start + np.arange(case) * step
        found.append((call(start, step, case, np.dtype(np.int64)) - start).astype(np.float64))
        wanted.append((steps - start).astype(np.float64))
    return tuple(found), tuple(wanted)


def try_numbers(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted, both ways: the same bits."""
    found, wanted = [], []
    for start, step in ((1e30, 1e20), (0.1, 0.37), (-5.5, -1e-3), (0.0, 1.0)):
        found.append(call(start, step, case, dtype))
        wanted.append((start + np.arange(case, dtype=np.float64) * step).astype(dtype))
    same = np.array([float((a != b).sum()) for a, b in zip(found, wanted, strict=True)])
    return (same, *found), (np.zeros(len(same)), *wanted)


CALLS: dict[str, Call] = {
    "whole_steps": Call(wholes_text, WHOLES, steps, try_wholes, LENGTHS, 1),
    "steps": Call(numbers_text, NUMBERS, steps, try_numbers, LENGTHS, 1),
}
"""Name -> kernel."""
