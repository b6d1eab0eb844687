"""Elementwise kernels of half precision: elements are read and stored in 16 bits and computed in float32.

Text, the call with NumPy arrays, and the test.  Small blocks are converted in the nearest cache, so no array of
float32 is ever made; each result is rounded once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.kernels import native
from wengert.core.kernels.acceptance import Rejected
from wengert.core.kernels.conversions import HALVES, loop
from wengert.core.kernels.elementwise import Loop, call_core, core
from wengert.core.kernels.host import Target
from wengert.core.kernels.text import Function, module

__all__ = ["accept", "narrow_call", "narrow_text"]

PIECE = 16384
"""Elements of a piece."""

BLOCK = 1024
"""Elements that are converted at once."""


def narrow_text(target: Target, kernel: Loop, half: str) -> tuple[str, str]:
    """The module of a kernel, and the name of its builtin function.

    Its table: pointers of the result and of the arrays, the length, and the numbers.
    """
    arrays = sum(not single for single in kernel.scalars)
    kinds = ["array"] * (1 + arrays) + ["whole"] + ["number"] * (len(kernel.scalars) - arrays)
    caller = Function(f"define void @{kernel.name}(ptr %table)")
    n = caller.field("%table", 1 + arrays, "i64")
    pieces = caller.long("udiv", caller.long("add", n, PIECE - 1), PIECE)
    caller.do(f"call void @wengert_parallel(ptr @{kernel.name}_piece, ptr %table, i64 {pieces})")
    caller.do("ret void")
    lanes = target.lanes("float")
    conversions = [loop(target, f"{way}_{half}", k) for way in ("of", "to") for k in (lanes, 1)]
    functions: list[Any] = [
        *conversions, core(target, kernel), piece(kernel, half, lanes, arrays), caller,
        native.builtin_text(kernel.name, kinds),
    ]  # fmt: skip
    return module(functions, "declare void @wengert_parallel(ptr, ptr, i64)"), f"{kernel.name}_entry"


def piece(kernel: Loop, half: str, lanes: int, arrays: int) -> Function:
    """`void f_piece(table, index)`: some blocks."""
    f = Function(f"define internal void @{kernel.name}_piece(ptr %table, i64 %index)")
    pointers = [f.field("%table", k) for k in range(1 + arrays)]
    rooms = [f.emit(f"alloca float, i64 {BLOCK}, align 64") for _ in pointers]
    n = f.field("%table", 1 + arrays, "i64")
    numbers = [f.field("%table", 2 + arrays + k, "double") for k in range(len(kernel.scalars) - arrays)]
    numbers = [f.emit(f"fptrunc double {x} to float") for x in numbers]
    begin = f.long("mul", "%index", PIECE)
    end = f.least(f.long("add", begin, PIECE), n)

    def block(start: str) -> None:
        here = f.least(f.long("sub", end, start), BLOCK)
        for pointer, room in zip(pointers[1:], rooms[1:], strict=True):
            converted(f, f"of_{half}", lanes, room, f.offset(pointer, start, "i16"), here)
        call_core(f, kernel, rooms, numbers, here)
        converted(f, f"to_{half}", lanes, f.offset(pointers[0], start, "i16"), rooms[0], here)

    f.loop(begin, end, BLOCK, block)
    f.do("ret void")
    return f


def converted(f: Function, name: str, lanes: int, into: str, source: str, n: str) -> None:
    """n elements from one precision to the other."""
    rest = f.emit(f"call i64 @{name}_{lanes}(ptr {into}, ptr {source}, i64 0, i64 {n})")
    f.emit(f"call i64 @{name}_1(ptr {into}, ptr {source}, i64 {rest}, i64 {n})")


def narrow_call(run: Any, scalars: tuple[bool, ...]) -> Callable[..., Any]:
    """The kernel as a function of contiguous arrays of one shape, and of numbers where `scalars` says so."""

    def call(*operands: Any) -> Any:
        arrays = [x for x, single in zip(operands, scalars, strict=True) if not single]
        first = arrays[0]
        out = np.empty(first.shape, first.dtype)
        run(out, *arrays, first.size, *[float(x) for x, single in zip(operands, scalars, strict=True) if single])
        return out

    return call


SIZES = (1, 5, 16, 1000, BLOCK + 1, 2 * PIECE + 37)


def accept(
    name: str, call: Any, reference: Any, given: tuple[Any, ...], half: str, domain: tuple[float, float]
) -> None:
    """Compare a kernel with NumPy's way, float32 rounded once; given: a number, or None for an array.

    Raises: Rejected.
    """
    dtype, rng = HALVES[half], np.random.default_rng(len(given))
    unit = 2.0**-7 if half == "bfloat16" else 2.0**-10
    for n in SIZES:
        for low, high in (domain, (-40.0, 40.0)):
            operands = [rng.uniform(low, high, n).astype(np.float32).astype(dtype) if x is None else x for x in given]
            wide = [x.astype(np.float32) if x.__class__ is np.ndarray else x for x in operands]
            with np.errstate(all="ignore"):
                found = call(*operands).astype(np.float32)
                wanted = np.asarray(reference(*wide)).astype(dtype).astype(np.float32)
                near = np.abs(found - wanted) <= unit * np.abs(wanted) + np.float32(2e-6 * max(1.0, high))
            if not (near | (found == wanted) | (np.isnan(found) & np.isnan(wanted))).all():
                place = int(np.argmin(near | (found == wanted)))
                raise Rejected(f"{name} gives {found.flat[place]} in {half}, NumPy {wanted.flat[place]}")
