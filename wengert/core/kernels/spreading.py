"""Elementwise kernels of operands that broadcast: text, calls with NumPy arrays, and the test that they must pass.

Dims that all operands go through in one step are joined; what has at most three dims then is for a kernel.  Along the
last, an operand moves by one element or stands still; a thread takes some rows of the result, or a part of a long one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from wengert.core.kernels import native
from wengert.core.kernels.acceptance import Rejected, agree, difference
from wengert.core.kernels.elementwise import FILL, PIECE, Loop, call_core, core, masks_of, repeat
from wengert.core.kernels.host import Target
from wengert.core.kernels.text import Function, module

__all__ = ["accept", "spread_call", "spread_text"]

LEVELS = 3
"""Dims of a result that a kernel goes through."""


def spread_text(target: Target, loop: Loop) -> tuple[str, str]:
    """The module of a kernel, and the name of its builtin function.

    Its table: pointers of the result and of the operands; for each its steps in bytes, outermost first; the outer sizes
    joined, the middle size, the inner size.
    """
    count = 1 + len(loop.scalars)
    kinds = ["array"] * count + ["whole"] * (LEVELS * count + LEVELS)
    caller = Function(f"define void @{loop.name}(ptr %table)")
    _, chunks, blocks = cut(caller, sizes(caller, count))
    number = caller.long("mul", chunks, blocks)
    caller.do(f"call void @wengert_parallel(ptr @{loop.name}_piece, ptr %table, i64 {number})")
    caller.do("ret void")
    functions: list[Any] = [core(target, loop), piece(loop, count), caller, native.builtin_text(loop.name, kinds)]
    return module(functions, "declare void @wengert_parallel(ptr, ptr, i64)"), f"{loop.name}_entry"


def sizes(f: Function, count: int) -> list[str]:
    """Outer, middle and inner size from the table."""
    return [f.field("%table", (1 + LEVELS) * count + k, "i64") for k in range(LEVELS)]


def cut(f: Function, size: list[str]) -> tuple[str, str, str]:
    """Rows of a piece, parts of a row, and blocks of rows."""
    outer, middle, inner = size
    f.declared.add("declare i64 @llvm.umax.i64(i64, i64)")
    rows = f.emit(f"call i64 @llvm.umax.i64(i64 {f.long('udiv', PIECE, inner)}, i64 1)")
    chunks = f.long("udiv", f.long("add", inner, PIECE - 1), PIECE)
    every = f.long("mul", outer, middle)
    return rows, chunks, f.long("udiv", f.long("sub", f.long("add", every, rows), 1), rows)


def piece(loop: Loop, count: int) -> Function:
    """`void f_piece(table, index)`: some rows, or a part of one."""
    f = Function(f"define internal void @{loop.name}_piece(ptr %table, i64 %index)")
    pointers = [f.field("%table", k) for k in range(count)]
    steps = [[f.field("%table", count + LEVELS * k + d, "i64") for d in range(LEVELS)] for k in range(count)]
    rooms = [None, *[f.emit(f"alloca {loop.dtype}, i64 {FILL}, align 64") for _ in loop.scalars]]
    size = sizes(f, count)
    rows, chunks, _ = cut(f, size)
    first = f.long("mul", f.long("udiv", "%index", chunks), rows)
    end = f.least(f.long("add", first, rows), f.long("mul", size[0], size[1]))
    start = f.long("mul", f.long("urem", "%index", chunks), PIECE)
    n = f.least(f.long("sub", size[2], start), PIECE)

    def row(r: str) -> None:
        places = f.long("udiv", r, size[1]), f.long("urem", r, size[1]), start
        given = []
        for pointer, step, room in zip(pointers, steps, rooms, strict=True):
            pointer = moved(f, pointer, places, step)
            if room is not None:
                still = f.long("icmp eq", step[2], 0)
                f.when(still, partial(repeat, f, loop.dtype, room, pointer))
                pointer = f.emit(f"select i1 {still}, ptr {room}, ptr {pointer}")
            given.append(pointer)
        call_core(f, loop, given, [], n, masks_of(f, [step[2] for step in steps[1:]]))

    f.loop(first, end, 1, row)
    f.do("ret void")
    return f


def moved(f: Function, pointer: str, places: Sequence[str], distances: Sequence[str]) -> str:
    """Where the element at these places stands."""
    for place, distance in zip(places, distances, strict=True):
        pointer = f.offset(pointer, f.long("mul", place, distance))
    return pointer


# ---------------------------------------------------------------- calls


@lru_cache(maxsize=1024)
def plan(layouts: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...], size: int) -> Any:
    """(shape of the result, steps of result and operands, sizes) for the shapes and strides of operands.

    None for what no kernel is for: nothing, more dims, operands with gaps in their rows, or none that is row-major and
    has the result's shape.
    """
    shape = np.broadcast_shapes(*[shape for shape, _ in layouts])
    result = steps_of(shape, size)
    lines = [result, *[spread_steps(len(shape), own, strides) for own, strides in layouts]]
    if not any(own == shape and line == result for (own, _), line in zip(layouts, lines[1:], strict=True)):
        return None
    dims = joined(shape, lines)
    dims = [(1, [0] * len(lines))] * (LEVELS - len(dims)) + dims
    if len(dims) > LEVELS or not all(n for n, _ in dims) or not set(dims[-1][1]) <= {0, size}:
        return None
    steps = [step for k in range(len(lines)) for _, line in dims for step in (line[k],)]
    return shape, steps, [n for n, _ in dims]


def spread_steps(rank: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> list[int]:
    """Strides of an operand in all dims of a result; 0 where it repeats."""
    return [0] * (rank - len(shape)) + [0 if n == 1 else s for n, s in zip(shape, strides, strict=True)]


def joined(shape: tuple[int, ...], lines: list[list[int]]) -> list[tuple[int, list[int]]]:
    """(size, strides of each) of as few dims as all strides can be walked in; those of size 1 are none."""
    dims: list[tuple[int, list[int]]] = []
    for place, n in enumerate(shape):
        here = [line[place] for line in lines]
        if n == 1:
            continue
        if dims and all(before == now * n for before, now in zip(dims[-1][1], here, strict=True)):
            dims[-1] = dims[-1][0] * n, here
        else:
            dims.append((n, here))
    return dims


def steps_of(shape: tuple[int, ...], size: int) -> list[int]:
    """The strides of a row-major array, 0 for dims of 1."""
    found, step = [], size
    for n in reversed(shape):
        found.append(0 if n == 1 else step)
        step *= n
    return found[::-1]


def spread_call(run: Any, dtype: Any) -> Callable[..., Any]:
    """The kernel as a function of arrays and numbers; None for operands that it is not for."""

    def call(*operands: Any) -> Any:
        arrays = [x if x.__class__ is np.ndarray else np.asarray(x, dtype) for x in operands]
        found = plan(tuple([(x.shape, x.strides) for x in arrays]), dtype.itemsize)
        if found is None:
            return None
        shape, steps, inner = found
        out = np.empty(shape, dtype)
        run(out, *arrays, *steps, *inner)
        return out

    return call


# ---------------------------------------------------------------- trial

CASES = (
    ((5, 7), (7,)), ((5, 7), (5, 1)), ((3, 4, 5, 6), (4, 1, 1)), ((2, 9001), (2, 1)), ((3, 1, 20000), (3, 1, 1)),
    ((70, 130), ()), ((6, 5, 16), (5, 16)), ((6, 5, 16), (6, 1, 16)), ((2, 3, 40), (2, 1, 1)), ((4, 33), (4, 33)),
    ((600, 40), (40,)), ((1, 33), (33,)),
)  # fmt: skip
"""Shapes of two operands; others have the first's, and each place is taken by the smaller one in turn."""


def accept(name: str, call: Any, reference: Any, count: int, dtype: Any, domain: tuple[float, float]) -> None:
    """Compare a kernel with NumPy. Raises: Rejected."""
    rng = np.random.default_rng(count)
    for shape, small in CASES:
        for place in range(count):
            given = [rng.uniform(*domain, small if k == place else shape).astype(dtype) for k in range(count)]
            with np.errstate(all="ignore"):
                found, wanted = call(*given), np.asarray(reference(*given))
            wide = [np.broadcast_to(x, wanted.shape) for x in given]
            if found is None or not agree(found, wanted, wide):
                raise Rejected(f"{name} of {shape} and {small}: " + ("none" if found is None else difference(
                    name, found, wanted, wide)))  # fmt: skip
