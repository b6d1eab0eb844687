"""Text of elementwise kernels: one pass over any number of operands and results.

A kernel `f` of n operands and k results becomes

==========  ==============================================================================================
f_core      contiguous memory: whole vectors, then one vector under a mask
f_piece     a part of the elements, for the thread pool
f_loop      the form of a NumPy ufunc's inner loop, `void (char **args, intp *n, intp *steps, void *data)`:
            splits large contiguous work over threads, and brings strided operands together in small blocks
f_flat      takes a table of pointers to contiguous memory, the length, and scalars
==========  ==============================================================================================

Operands marked as scalars are one number for the whole call and are read once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from wengert.core.kernels.expressions import Expression, emit
from wengert.core.kernels.host import Target
from wengert.core.kernels.text import Block, Function, Lines, module

__all__ = ["Loop", "flat_text", "loop_text"]

PIECE = 8192
"""Elements of one piece of a parallel call, at least."""

AHEAD, LINE = 1024, 64
"""Bytes before its use that memory is asked for, and bytes that come at a time."""

FILL = 16
"""Elements of a room that holds one number again and again; no vector has more."""

STRIDED = 256
"""Elements of a block of strided operands."""


class Loop(NamedTuple):
    """An elementwise kernel: the name it is found under, its results, which operands are scalars."""

    name: str
    dtype: str
    results: tuple[Expression, ...]
    scalars: tuple[bool, ...]
    unroll: int = 2


def loop_text(target: Target, loops: Sequence[Loop]) -> str:
    """The module of several kernels."""
    functions: list[Any] = []
    for loop in loops:
        functions += [core(target, loop), piece(loop), entry(target, loop), direct(loop)]
    return module(functions, "declare void @wengert_parallel(ptr, ptr, i64)")


def flat_text(target: Target, loop: Loop) -> str:
    """The module of one kernel in its flat form."""
    functions: list[Any] = [core(target, loop), piece(loop), flat(loop)]
    return module(functions, "declare void @wengert_parallel(ptr, ptr, i64)")


def names(loop: Loop) -> tuple[list[str], list[str], list[str]]:
    """Parameters of the core: results, arrays, scalars."""
    outs = [f"%o{k}" for k in range(len(loop.results))]
    arrays = [f"%x{k}" for k, single in enumerate(loop.scalars) if not single]
    numbers = [f"%s{k}" for k, single in enumerate(loop.scalars) if single]
    return outs, arrays, numbers


def core(target: Target, loop: Loop) -> Block:
    """`void f_core(results, arrays, masks, scalars, n)` on contiguous memory.

    An array's mask is -1, or 0 if it is a room of `FILL` elements that stand for all.
    """
    outs, arrays, numbers = names(loop)
    masks = [f"i64 %m{p[2:]}" for p in arrays]
    pointers = [f"ptr {p}" for p in outs + arrays]
    parameters = ", ".join([*pointers, *masks, *(f"{loop.dtype} {p}" for p in numbers), "i64 %n"])
    b = Block(target, loop.dtype, head=f"define internal void @{loop.name}_core({parameters})")
    wide = {p: b.splat(p) for p in numbers}

    def step(index: str, mask: str | None) -> None:
        operands = []
        for k, single in enumerate(loop.scalars):
            if single:
                operands.append(wide[f"%s{k}"])
            else:
                place = b.long("and", index, f"%m{k}")
                operands.append(b.load(b.offset(f"%x{k}", place, loop.dtype), mask))
        values = [emit(b, result, operands) for result in loop.results]
        for p, value in zip(outs, values, strict=True):
            b.store(value, b.offset(p, index, loop.dtype), mask)

    def several(index: str) -> None:
        for further in range(0, loop.unroll * b.lanes * b.size, LINE):
            ahead = b.long("add", index, (AHEAD + further) // b.size)
            for p in outs:
                b.prefetch(p, ahead, writing=True)
            for p in arrays:
                b.prefetch(p, b.long("and", ahead, f"%m{p[2:]}"))
        step(index, None)
        for u in range(1, loop.unroll):
            step(b.long("add", index, u * b.lanes), None)

    def masked(index: str) -> None:
        step(index, b.first_lanes(b.emit(f"sub i64 %n, {index}")))

    body = b.emit(f"and i64 %n, {-b.lanes * loop.unroll}")
    b.loop("0", body, b.lanes * loop.unroll, several)
    full = b.emit(f"and i64 %n, {-b.lanes}")
    if loop.unroll > 1:
        b.loop(body, full, b.lanes, lambda index: step(index, None))
    b.when(b.emit(f"icmp ult i64 {full}, %n"), lambda: masked(full))
    b.do("ret void")
    return b


def piece(loop: Loop) -> Function:
    """`void f_piece(table, index)`: the table holds the pointers, their steps, the scalars and n."""
    outs, arrays, numbers = names(loop)
    f = Function(f"define internal void @{loop.name}_piece(ptr %table, i64 %index)")
    count = len(outs + arrays)
    given = [f.field("%table", k) for k in range(count)]
    steps = [f.field("%table", count + k, "i64") for k in range(count)]
    singles = [f.field("%table", 2 * count + k, loop.dtype) for k in range(len(numbers))]
    n = f.field("%table", 2 * count + len(numbers), "i64")
    start = f.long("mul", "%index", PIECE)
    here = f.least(f.long("sub", n, start), PIECE)
    moved = [f.offset(p, f.long("mul", start, step)) for p, step in zip(given, steps, strict=True)]
    call_core(f, loop, moved, singles, here, masks_of(f, steps[len(outs) :]))
    f.do("ret void")
    return f


def masks_of(f: Lines, steps: Sequence[str]) -> list[str]:
    """The masks of arrays with these steps: 0 for an element that stands for all."""
    return [f.emit(f"sext i1 {f.long('icmp ne', step, 0)} to i64") for step in steps]


def call_core(
    f: Lines, loop: Loop, pointers: Sequence[str], numbers: Sequence[str], n: str, masks: Sequence[str] = ()
) -> None:
    """Call the core; masks: of the arrays, none if all are contiguous."""
    arrays = len(pointers) - len(loop.results)
    places = [f"i64 {x}" for x in (masks or ["-1"] * arrays)]
    given = [*(f"ptr {p}" for p in pointers), *places, *(f"{loop.dtype} {s}" for s in numbers), f"i64 {n}"]
    f.do(f"call void @{loop.name}_core({', '.join(given)})")


class Operands(NamedTuple):
    """What the entry has found in NumPy's tables: by operand number, results after the inputs."""

    order: list[int]
    pointers: dict[int, str]
    steps: dict[int, str]
    numbers: list[str]
    n: str


def entry(target: Target, loop: Loop) -> Function:
    """`void f_loop(args, n, steps, data)`, the inner loop of a ufunc; its results stand last in args."""
    size = 4 if loop.dtype == "float" else 8
    count = len(loop.scalars)
    f = Function(f"define void @{loop.name}_loop(ptr %args, ptr %sizes, ptr %steps, ptr %data)")
    outs = range(count, count + len(loop.results))
    order = [*outs, *(k for k, single in enumerate(loop.scalars) if not single)]
    pointers = {k: f.field("%args", k) for k in range(outs.stop)}
    steps = {k: f.field("%steps", k, "i64") for k in order}
    table = f.emit(f"alloca i64, i64 {3 * len(pointers) + 1}, align 16")
    rooms = {k: f.emit(f"alloca {loop.dtype}, i64 {STRIDED}, align 64") for k in order}
    n = f.field("%sizes", 0, "i64")
    work, done = f.name(), f.name()
    f.do(f"br i1 {f.long('icmp eq', n, 0)}, label %{done}, label %{work}")
    f.label(work)
    flags = saved_flags(f, target)
    numbers = [f.emit(f"load {loop.dtype}, ptr {pointers[k]}") for k, single in enumerate(loop.scalars) if single]
    operands = Operands(order, pointers, steps, numbers, n)
    tight = "true"
    for k in order:
        fits = f.long("icmp eq", steps[k], size)
        if k < count:
            fits = f.emit(f"or i1 {fits}, {f.long('icmp eq', steps[k], 0)}")
        tight = f.emit(f"and i1 {tight}, {fits}")
    f.when(tight, lambda: whole(f, loop, operands, rooms, table), lambda: blocks(f, loop, operands, rooms))
    restored_flags(f, target, flags)
    f.do(f"br label %{done}")
    f.label(done)
    f.do("ret void")
    return f


def saved_flags(f: Function, target: Target) -> str:
    """The state of the floating unit: what a kernel computes on the way must not look like an error to NumPy."""
    if not target.triple.startswith("x86_64"):
        f.declared |= {"declare i64 @llvm.aarch64.get.fpsr()", "declare void @llvm.aarch64.set.fpsr(i64)"}
        return f.emit("call i64 @llvm.aarch64.get.fpsr()")
    f.declared.add("declare void @llvm.x86.sse.stmxcsr(ptr)")
    room = f.emit("alloca i32")
    f.do(f"call void @llvm.x86.sse.stmxcsr(ptr {room})")
    return room


def restored_flags(f: Function, target: Target, flags: str) -> None:
    """Put back the state of the floating unit."""
    if not target.triple.startswith("x86_64"):
        f.do(f"call void @llvm.aarch64.set.fpsr(i64 {flags})")
        return
    f.declared.add("declare void @llvm.x86.sse.ldmxcsr(ptr)")
    f.do(f"call void @llvm.x86.sse.ldmxcsr(ptr {flags})")


def whole(f: Function, loop: Loop, operands: Operands, rooms: dict[int, str], table: str) -> None:
    """Operands that are contiguous, or one value everywhere: in pieces if there are enough elements."""
    order, n, count = operands.order, operands.n, len(loop.scalars)
    given = []
    for k in order:
        if k >= count:
            given.append(operands.pointers[k])
            continue
        same = f.long("icmp eq", operands.steps[k], 0)
        f.when(same, partial(repeat, f, loop.dtype, rooms[k], operands.pointers[k]))
        given.append(f.emit(f"select i1 {same}, ptr {rooms[k]}, ptr {operands.pointers[k]}"))

    def parallel() -> None:
        for at, p in enumerate(given):
            f.put(table, at, "ptr", p)
        for at, k in enumerate(order, len(given)):
            f.put(table, at, "i64", operands.steps[k])
        for at, s in enumerate(operands.numbers, 2 * len(given)):
            f.put(table, at, loop.dtype, s)
        f.put(table, 2 * len(given) + len(operands.numbers), "i64", n)
        every(f, loop, n, table)

    def alone() -> None:
        call_core(f, loop, given, operands.numbers, n, masks_of(f, [operands.steps[k] for k in order if k < count]))

    f.when(f.long("icmp ugt", n, PIECE), parallel, alone)


def blocks(f: Function, loop: Loop, operands: Operands, rooms: dict[int, str]) -> None:
    """Strided operands: copied to small contiguous rooms, computed, copied back."""
    count, order, steps = len(loop.scalars), operands.order, operands.steps
    strided = {k: f.long("icmp ne", steps[k], 4 if loop.dtype == "float" else 8) for k in order}

    def block(start: str) -> None:
        here = f.least(f.long("sub", operands.n, start), STRIDED)
        at = {k: f.offset(operands.pointers[k], f.long("mul", start, steps[k])) for k in order}
        for k in order:
            if k < count:
                f.when(strided[k], partial(gather, f, loop.dtype, rooms[k], at[k], steps[k], here))
        used = [f.emit(f"select i1 {strided[k]}, ptr {rooms[k]}, ptr {at[k]}") for k in order]
        call_core(f, loop, used, operands.numbers, here)
        for k in order:
            if k >= count:
                f.when(strided[k], partial(scatter, f, loop.dtype, at[k], steps[k], rooms[k], here))

    f.loop("0", operands.n, STRIDED, block)


def direct(loop: Loop) -> Function:
    """`void f_direct(table)`: all pieces; the table is theirs."""
    f = Function(f"define void @{loop.name}_direct(ptr %table)")
    singles = sum(loop.scalars)
    every(f, loop, f.field("%table", 2 * (len(loop.results) + len(loop.scalars) - singles) + singles, "i64"), "%table")
    f.do("ret void")
    return f


def every(f: Lines, loop: Loop, n: str, table: str) -> None:
    """All pieces of n elements."""
    pieces = f.long("udiv", f.long("add", n, PIECE - 1), PIECE)
    f.do(f"call void @wengert_parallel(ptr @{loop.name}_piece, ptr {table}, i64 {pieces})")


def flat(loop: Loop) -> Function:
    """`void f_flat(table)` for contiguous operands: pointers of results and arrays, n, and the scalars as doubles."""
    outs, arrays, numbers = names(loop)
    f = Function(f"define void @{loop.name}_flat(ptr %table)")
    count = len(outs + arrays)
    inner = f.emit(f"alloca i64, i64 {2 * count + len(numbers) + 1}, align 16")
    pointers = [f.field("%table", k) for k in range(count)]
    n = f.field("%table", count, "i64")
    singles = [f.field("%table", count + 1 + k, "double") for k in range(len(numbers))]
    if loop.dtype == "float":
        singles = [f.emit(f"fptrunc double {s} to float") for s in singles]
    for k, p in enumerate(pointers):
        f.put(inner, k, "ptr", p)
        f.put(inner, count + k, "i64", "4" if loop.dtype == "float" else "8")
    for k, s in enumerate(singles):
        f.put(inner, 2 * count + k, loop.dtype, s)
    f.put(inner, 2 * count + len(singles), "i64", n)
    every(f, loop, n, inner)
    f.do("ret void")
    return f


def repeat(f: Function, dtype: str, room: str, source: str) -> None:
    """room[i] = the one value of source."""
    kind = f"<{FILL} x {dtype}>"
    value = f.emit(f"load {dtype}, ptr {source}, align 1")
    first = f.emit(f"insertelement {kind} poison, {dtype} {value}, i64 0")
    wide = f.emit(f"shufflevector {kind} {first}, {kind} poison, <{FILL} x i32> zeroinitializer")
    f.do(f"store {kind} {wide}, ptr {room}, align 16")


def gather(f: Function, dtype: str, room: str, source: str, step: str, n: str) -> None:
    """room[i] = source[i * step bytes]."""

    def one(i: str) -> None:
        value = f.emit(f"load {dtype}, ptr {f.offset(source, f.long('mul', i, step))}, align 1")
        f.do(f"store {dtype} {value}, ptr {f.offset(room, i, dtype)}")

    f.loop("0", n, 1, one)


def scatter(f: Function, dtype: str, target: str, step: str, room: str, n: str) -> None:
    """target[i * step bytes] = room[i]."""

    def one(i: str) -> None:
        value = f.emit(f"load {dtype}, ptr {f.offset(room, i, dtype)}")
        f.do(f"store {dtype} {value}, ptr {f.offset(target, f.long('mul', i, step))}, align 1")

    f.loop("0", n, 1, one)
