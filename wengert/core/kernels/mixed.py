"""Text of elementwise kernels whose operands and result are integers, booleans, or of several dtypes.

A kernel `f` of n operands becomes

==========  ==============================================================================================
f_single    one element at a time, wherever the elements stand
f_core      operands whose elements are neighbours, or one element for all: whole vectors, then single elements
f_piece     a part of the elements, for the thread pool
f_loop      the form of a NumPy ufunc's inner loop
f_row       one row of a result, by one of the first two
f_spread    operands that broadcast, or stand in another order: some rows for each piece
==========  ==============================================================================================

Every operand has a distance in bytes between its elements.  It is 0 for one element that stands for all: that is
repeated over one vector in the caller's memory, and read again and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from wengert.core.kernels.elementwise import PIECE as CHUNK
from wengert.core.kernels.elementwise import restored_flags, saved_flags
from wengert.core.kernels.expressions import Expression, instruction
from wengert.core.kernels.host import Target
from wengert.core.kernels.native import builtin_text
from wengert.core.kernels.spreading import LEVELS, cut, moved, sizes
from wengert.core.kernels.text import Block, Function, Lines, module
from wengert.core.kernels.wholes import Wholes, converted

__all__ = ["Mix", "mixed_text"]

PIECE = 1 << 16
"""Bytes of the widest operand or result in one piece of a parallel call."""

DEAR = frozenset({"floor_divide", "remainder", "fmod"})
"""Functions that take so long that a piece holds fewer elements."""

REGISTERS = 4
"""Vector registers that one value may fill."""


class Mix(NamedTuple):
    """A kernel: the name it is found under, NumPy's dtypes of its operands, its result."""

    name: str
    dtypes: tuple[Any, ...]
    result: Expression

    @property
    def sizes(self) -> list[int]:
        """Bytes of an element of each operand, and of the result."""
        return [dtype.itemsize for dtype in (*self.dtypes, self.result.dtype)]

    @property
    def piece(self) -> int:
        """Elements of a piece."""
        return PIECE // max(self.sizes) // (4 if DEAR & functions(self.result) else 1)

    def lanes(self, target: Target) -> int:
        """Elements that are computed at once."""
        sizes, register = self.sizes, target.bits // 8
        if DEAR & functions(self.result):
            return register // (8 if max(sizes) > 2 else 4)
        return min(register // min(sizes), REGISTERS * register // max(sizes))


def functions(result: Expression) -> frozenset[str]:
    """The names of all functions in an expression."""
    inner = [functions(x) for x in result.operands if isinstance(x, Expression)]
    return frozenset({result.name}).union(*inner)


def mixed_text(target: Target, mix: Mix) -> str:
    """The module of a kernel in its ufunc form."""
    kinds = ["array"] * (1 + len(mix.dtypes)) + ["whole"] * (LEVELS * (2 + len(mix.dtypes)))
    parts: list[Any] = [
        single(target, mix), core(target, mix), piece(mix), entry(target, mix), row(target, mix), rows(mix),
        spread(target, mix), builtin_text(f"{mix.name}_spread", kinds),
    ]  # fmt: skip
    return module(parts, "declare void @wengert_parallel(ptr, ptr, i64)")


# ---------------------------------------------------------------- one step


class Floats(Block):
    """Arithmetic on floats that writes its lines into a sheet."""

    def __init__(self, sheet: Sheet, dtype: str) -> None:
        super().__init__(sheet.target, dtype, sheet.lanes)
        self.name = sheet.name  # type: ignore[method-assign]
        self.lines, self.declared = sheet.lines, sheet.declared


class Sheet(Lines):
    """The lines of a function that computes `lanes` elements at once in any dtypes."""

    def __init__(self, target: Target, lanes: int, head: str) -> None:
        super().__init__(head)
        self.target, self.lanes = target, lanes
        self.floats = {name: Floats(self, dtype) for name, dtype in (("float32", "float"), ("float64", "double"))}

    def vector(self, element: str) -> str:
        """The vector type of an element type."""
        return element if self.lanes == 1 else f"<{self.lanes} x {element}>"

    def block(self, dtype: Any) -> Any:
        """Who computes in a dtype."""
        return self.floats[dtype.name] if dtype.kind == "f" else Wholes(self, dtype)

    def load(self, dtype: Any, pointer: str) -> str:
        """Elements from memory; booleans become a mask."""
        kind = self.vector(stored(dtype))
        found = self.emit(f"load {kind}, ptr {pointer}, align 1")
        if dtype.kind != "b":
            return found
        return self.emit(f"icmp ne {kind} {found}, {'0' if self.lanes == 1 else 'zeroinitializer'}")

    def store(self, dtype: Any, value: str, pointer: str) -> None:
        """Elements into memory."""
        kind = self.vector(stored(dtype))
        if dtype.kind == "b":
            value = self.emit(f"zext {self.vector('i1')} {value} to {kind}")
        self.do(f"store {kind} {value}, ptr {pointer}, align 1")

    def compute(self, result: Expression, operands: Sequence[str]) -> str:
        """Write an expression; equal parts are computed once."""
        done: dict[Any, Any] = {}

        def value(x: Any) -> Any:
            if not isinstance(x, Expression):
                return x
            if x.name == "argument":
                return operands[x.operands[0]]
            if id(x) not in done:
                given = [value(y) for y in x.operands]
                key = (x.name, x.dtype, *[(y.__class__, y) for y in given])
                if key not in done:
                    done[key] = self.step(x, given)
                done[id(x)] = done[key]
            return done[id(x)]

        return str(value(result))

    def step(self, x: Expression, given: list[Any]) -> str:
        """One function of values."""
        values = x.operands[1:] if x.name == "where" else x.operands
        dtype = next((y.dtype for y in values if isinstance(y, Expression)), x.dtype)
        if x.name == "cast":
            return converted(self, given[0], dtype, x.dtype)
        block = self.block(dtype)
        return instruction(block, x.name, given) if dtype.kind == "f" else block.function(x.name, given)


def stored(dtype: Any) -> str:
    """LLVM's type of an element in memory."""
    return {"float32": "float", "float64": "double"}.get(dtype.name) or f"i{8 * dtype.itemsize}"


def given(mix: Mix) -> tuple[str, list[str]]:
    """The parameters of `f_single` and `f_core`, and the names of the operands' pointers and distances."""
    count = len(mix.dtypes)
    parts = ["ptr %out", *[f"ptr %x{k}, i64 %s{k}" for k in range(count)]]
    return ", ".join(parts), [f"ptr %x{k}, i64 %s{k}" for k in range(count)]


def single(target: Target, mix: Mix) -> Sheet:
    """`void f_single(out, distance, operands..., begin, end)`."""
    parameters, _ = given(mix)
    f = Sheet(target, 1, f"define internal void @{mix.name}_single({parameters}, i64 %step, i64 %begin, i64 %end)")

    def one(i: str) -> None:
        values = [f.load(dtype, f.offset(f"%x{k}", f.long("mul", i, f"%s{k}"))) for k, dtype in enumerate(mix.dtypes)]
        f.store(mix.result.dtype, f.compute(mix.result, values), f.offset("%out", f.long("mul", i, "%step")))

    f.loop("%begin", "%end", 1, one)
    f.do("ret void")
    return f


def core(target: Target, mix: Mix) -> Sheet:
    """`void f_core(out, operands..., n)`: an operand's distance is that of neighbours, or 0 for a repeated element."""
    parameters, same = given(mix)
    f = Sheet(target, mix.lanes(target), f"define internal void @{mix.name}_core({parameters}, i64 %n)")
    size = mix.result.dtype.itemsize

    def several(i: str) -> None:
        values = [f.load(dtype, f.offset(f"%x{k}", f.long("mul", i, f"%s{k}"))) for k, dtype in enumerate(mix.dtypes)]
        f.store(mix.result.dtype, f.compute(mix.result, values), f.offset("%out", f.long("mul", i, size)))

    full = f.long("and", "%n", -f.lanes)
    f.loop("0", full, f.lanes, several)
    f.do(f"call void @{mix.name}_single(ptr %out, {', '.join(same)}, i64 {size}, i64 {full}, i64 %n)")
    f.do("ret void")
    return f


# ---------------------------------------------------------------- whole calls


def piece(mix: Mix) -> Function:
    """`void f_piece(table, index)`: the table holds the pointers of result and operands, their distances, and n."""
    f = Function(f"define internal void @{mix.name}_piece(ptr %table, i64 %index)")
    count = 1 + len(mix.dtypes)
    pointers = [f.field("%table", k) for k in range(count)]
    steps = [f.field("%table", count + k, "i64") for k in range(count)]
    start = f.long("mul", "%index", mix.piece)
    n = f.least(f.long("sub", f.field("%table", 2 * count, "i64"), start), mix.piece)
    shifted = [f.offset(p, f.long("mul", start, step)) for p, step in zip(pointers, steps, strict=True)]
    operands = [f"ptr {p}, i64 {step}" for p, step in zip(shifted[1:], steps[1:], strict=True)]
    f.do(f"call void @{mix.name}_core(ptr {shifted[0]}, {', '.join(operands)}, i64 {n})")
    f.do("ret void")
    return f


def entry(target: Target, mix: Mix) -> Function:
    """`void f_loop(args, n, steps, data)`, the inner loop of a ufunc; its result stands last in args."""
    f = Function(f"define void @{mix.name}_loop(ptr %args, ptr %sizes, ptr %steps, ptr %data)")
    count = len(mix.dtypes)
    pointers = [f.field("%args", k) for k in range(count + 1)]
    steps = [f.field("%steps", k, "i64") for k in range(count + 1)]
    lanes = mix.lanes(target)
    rooms = rooms_of(f, mix, lanes)
    table = f.emit(f"alloca i64, i64 {2 * count + 3}, align 16")
    n = f.field("%sizes", 0, "i64")
    flags = saved_flags(f, target) if floating(mix) else ""
    near = f.emit(f"and i1 {adjacent(f, steps, mix.sizes)}, {f.long('icmp uge', n, lanes)}")
    f.when(
        near,
        partial(neighbours, f, mix, lanes, pointers, steps, rooms, table, n),
        partial(anywhere, f, mix, pointers, steps, n),
    )
    if flags:
        restored_flags(f, target, flags)
    f.do("ret void")
    return f


def floating(mix: Mix) -> bool:
    """Whether anything is computed in floats."""

    def any_float(x: Any) -> bool:
        return isinstance(x, Expression) and (x.dtype.kind == "f" or any(map(any_float, x.operands)))

    return any_float(mix.result)


def adjacent(f: Function, steps: list[str], sizes: list[int]) -> str:
    """Whether every element stands next to the one before, or one operand's stands for all; the result's are last."""
    near = f.long("icmp eq", steps[-1], sizes[-1])
    for step, size in zip(steps[:-1], sizes[:-1], strict=True):
        fits = f.emit(f"or i1 {f.long('icmp eq', step, size)}, {f.long('icmp eq', step, 0)}")
        near = f.emit(f"and i1 {near}, {fits}")
    return near


def anywhere(f: Function, mix: Mix, pointers: list[str], steps: list[str], n: str) -> None:
    """Elements that stand anywhere, one by one."""
    operands = [f"ptr {p}, i64 {step}" for p, step in zip(pointers[:-1], steps[:-1], strict=True)]
    every = ", ".join([f"ptr {pointers[-1]}", *operands, f"i64 {steps[-1]}", "i64 0", f"i64 {n}"])
    f.do(f"call void @{mix.name}_single({every})")


def neighbours(
    f: Function, mix: Mix, lanes: int, pointers: list[str], steps: list[str], rooms: list[str], table: str, n: str
) -> None:
    """Elements in turn, or one repeated: in pieces if there are enough."""
    ready = readied(f, mix, lanes, pointers, steps, rooms)

    def parallel() -> None:
        count = 1 + len(ready)
        for at, p in enumerate([pointers[-1], *ready]):
            f.put(table, at, "ptr", p)
        for at, step in enumerate([steps[-1], *steps[:-1]], count):
            f.put(table, at, "i64", step)
        f.put(table, 2 * count, "i64", n)
        pieces = f.long("udiv", f.long("add", n, mix.piece - 1), mix.piece)
        f.do(f"call void @wengert_parallel(ptr @{mix.name}_piece, ptr {table}, i64 {pieces})")

    f.when(f.long("icmp ugt", n, mix.piece), parallel, partial(straight, f, mix, pointers[-1], ready, steps, n))


def straight(f: Function, mix: Mix, out: str, ready: list[str], steps: list[str], n: str) -> None:
    """Call the core."""
    operands = [f"ptr {p}, i64 {step}" for p, step in zip(ready, steps, strict=False)]
    f.do(f"call void @{mix.name}_core(ptr {out}, {', '.join(operands)}, i64 {n})")


def readied(
    f: Function, mix: Mix, lanes: int, pointers: list[str], steps: list[str], rooms: list[str]
) -> list[str]:  # fmt: skip
    """Where the core finds its operands: an element that stands for all has been repeated."""
    ready = []
    for k, dtype in enumerate(mix.dtypes):
        still = f.long("icmp eq", steps[k], 0)
        f.when(still, partial(repeated, f, stored(dtype), lanes, pointers[k], rooms[k]))
        ready.append(f.emit(f"select i1 {still}, ptr {rooms[k]}, ptr {pointers[k]}"))
    return ready


def repeated(f: Function, kind: str, lanes: int, source: str, room: str) -> None:
    """The element at `source` in every lane of a vector at `room`."""
    value, wide = f.emit(f"load {kind}, ptr {source}, align 1"), f"<{lanes} x {kind}>"
    first = f.emit(f"insertelement {wide} poison, {kind} {value}, i64 0")
    every = f.emit(f"shufflevector {wide} {first}, {wide} poison, <{lanes} x i32> zeroinitializer")
    f.do(f"store {wide} {every}, ptr {room}, align 1")


def rooms_of(f: Function, mix: Mix, lanes: int) -> list[str]:
    """Memory for a repeated element of each operand."""
    return [f.emit(f"alloca i8, i64 {lanes * dtype.itemsize}, align 64") for dtype in mix.dtypes]


# ---------------------------------------------------------------- operands that broadcast


def row(target: Target, mix: Mix) -> Function:
    """`void f_row(out, operands..., distance, n)`."""
    parameters, _ = given(mix)
    f = Function(f"define internal void @{mix.name}_row({parameters}, i64 %step, i64 %n)")
    count, lanes = len(mix.dtypes), mix.lanes(target)
    pointers = [*[f"%x{k}" for k in range(count)], "%out"]
    steps = [*[f"%s{k}" for k in range(count)], "%step"]
    rooms = rooms_of(f, mix, lanes)
    near = f.emit(f"and i1 {adjacent(f, steps, mix.sizes)}, {f.long('icmp uge', '%n', lanes)}")

    def together() -> None:
        straight(f, mix, "%out", readied(f, mix, lanes, pointers, steps, rooms), steps, "%n")

    f.when(near, together, partial(anywhere, f, mix, pointers, steps, "%n"))
    f.do("ret void")
    return f


def rows(mix: Mix) -> Function:
    """`void f_rows(table, index)`: some rows, or a part of one.

    The table: pointers of result and operands; for each its distances, outermost first; outer, middle and inner size.
    """
    f = Function(f"define internal void @{mix.name}_rows(ptr %table, i64 %index)")
    count = 1 + len(mix.dtypes)
    pointers = [f.field("%table", k) for k in range(count)]
    steps = [[f.field("%table", count + LEVELS * k + d, "i64") for d in range(LEVELS)] for k in range(count)]
    size = sizes(f, count)
    many, chunks, _ = cut(f, size)
    first = f.long("mul", f.long("udiv", "%index", chunks), many)
    end = f.least(f.long("add", first, many), f.long("mul", size[0], size[1]))
    start = f.long("mul", f.long("urem", "%index", chunks), CHUNK)
    n = f.least(f.long("sub", size[2], start), CHUNK)

    def one(r: str) -> None:
        places = f.long("udiv", r, size[1]), f.long("urem", r, size[1]), start
        given = [moved(f, pointer, places, step) for pointer, step in zip(pointers, steps, strict=True)]
        operands = [f"ptr {p}, i64 {step[-1]}" for p, step in zip(given[1:], steps[1:], strict=True)]
        f.do(f"call void @{mix.name}_row(ptr {given[0]}, {', '.join(operands)}, i64 {steps[0][-1]}, i64 {n})")

    f.loop(first, end, 1, one)
    f.do("ret void")
    return f


def spread(target: Target, mix: Mix) -> Function:
    """`void f_spread(table)`: all rows."""
    f = Function(f"define void @{mix.name}_spread(ptr %table)")
    _, chunks, blocks = cut(f, sizes(f, 1 + len(mix.dtypes)))
    flags = saved_flags(f, target) if floating(mix) else ""
    f.do(f"call void @wengert_parallel(ptr @{mix.name}_rows, ptr %table, i64 {f.long('mul', chunks, blocks)})")
    if flags:
        restored_flags(f, target, flags)
    f.do("ret void")
    return f
