"""Writing LLVM's assembly language: functions of scalars, and blocks of vector arithmetic.

A value is the text that stands for it, such as `%v7`; Python numbers become constants where they are used.
Arithmetic keeps IEEE rules: `add` and `mul` round as NumPy's do; one rounding for both is `fma`, asked for by name.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable
from typing import Any

from wengert.core.kernels.host import Target

__all__ = ["Block", "Function", "constant", "module"]

Value = Any
"""Text of a value, or a Python number."""


def constant(value: float, dtype: str) -> str:
    """A floating constant; LLVM spells floats by the bits of the double of the same value."""
    if dtype == "float" and math.isfinite(value):
        value = struct.unpack("f", struct.pack("f", value))[0]
    return f"0x{struct.unpack('Q', struct.pack('d', value))[0]:016X}"


ATTRIBUTES = 'attributes #0 = { nounwind "prefer-vector-width"="512" }'


def module(functions: Iterable[Block | Function], extra: str = "", attributes: str = ATTRIBUTES) -> str:
    """A module of functions, with the declarations that they need."""
    functions = list(functions)
    declared = sorted(set().union(*(f.declared for f in functions)))
    return "\n".join([extra, *(f.text() for f in functions), *declared, attributes, ""])


class Lines:
    """Lines of one function and the names given so far."""

    def __init__(self, head: str = "") -> None:
        self.lines: list[str] = [head + " #0 {", "entry:"] if head else []
        self.count = 0
        self.declared: set[str] = set()

    def name(self) -> str:
        """A fresh name of a value or label, without its mark."""
        self.count += 1
        return f"v{self.count}"

    def emit(self, text: str) -> str:
        """An instruction with a result; its name."""
        name = "%" + self.name()
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """An instruction without a result."""
        self.lines.append("  " + text)

    def label(self, name: str) -> None:
        """Begin a block of instructions."""
        self.lines.append(name + ":")

    def text(self) -> str:
        """The function as text."""
        return "\n".join([*self.lines, "}", ""])

    # Integers and memory

    def offset(self, pointer: str, index: Value, unit: str = "i8") -> str:
        """The address `index` units after `pointer`."""
        if index == 0:
            return pointer
        return self.emit(f"getelementptr inbounds {unit}, ptr {pointer}, i64 {index}")

    def field(self, pointer: str, index: Value, kind: str = "ptr") -> str:
        """Entry `index` of a table of 8-byte entries."""
        at = self.offset(pointer, index, "i64")
        return self.emit(f"load {kind}, ptr {at}, align 8")

    def put(self, pointer: str, index: int, kind: str, value: str) -> None:
        """Set entry `index` of a table of 8-byte entries."""
        self.do(f"store {kind} {value}, ptr {self.offset(pointer, index, 'i64')}, align 8")

    def long(self, name: str, a: Value, b: Value) -> str:
        """An instruction on two i64 ("add", "mul", "icmp ult", ...)."""
        return self.emit(f"{name} i64 {a}, {b}")

    def least(self, a: str, b: Value) -> str:
        """The smaller of two unsigned integers."""
        self.declared.add("declare i64 @llvm.umin.i64(i64, i64)")
        return self.emit(f"call i64 @llvm.umin.i64(i64 {a}, i64 {b})")

    def loop(self, start: Value, end: Value, step: Value, body: Callable[[str], None]) -> None:
        """`body(index)` for every step-th index in [start, end)."""
        tag = self.name()
        self.do(f"br label %{tag}p")
        self.label(f"{tag}p")
        self.do(f"br label %{tag}h")
        self.label(f"{tag}h")
        self.do(f"%{tag}i = phi i64 [{start}, %{tag}p], [%{tag}n, %{tag}e]")
        inside = self.emit(f"icmp ult i64 %{tag}i, {end}")
        self.do(f"br i1 {inside}, label %{tag}b, label %{tag}x")
        self.label(f"{tag}b")
        body(f"%{tag}i")
        self.do(f"br label %{tag}e")
        self.label(f"{tag}e")
        self.do(f"%{tag}n = add i64 %{tag}i, {step}")
        self.do(f"br label %{tag}h")
        self.label(f"{tag}x")

    def repeated(
        self, count: Value, begun: list[tuple[str, str]], body: Callable[[str, list[str]], list[str]]
    ) -> list[str]:
        """`body(index, values)` for every index below count, which is not 0, makes the next values; the last ones.

        begun: type and first value of each.
        """
        tag = self.name()
        self.do(f"br label %{tag}p")
        self.label(f"{tag}p")
        self.do(f"br label %{tag}h")
        self.label(f"{tag}h")
        self.do(f"%{tag}i = phi i64 [0, %{tag}p], [%{tag}n, %{tag}e]")
        place = len(self.lines)
        values = [f"%{tag}c{k}" for k in range(len(begun))]
        found = body(f"%{tag}i", values)
        self.do(f"br label %{tag}e")
        self.label(f"{tag}e")
        self.do(f"%{tag}n = add i64 %{tag}i, 1")
        self.do(f"br i1 {self.long('icmp ult', f'%{tag}n', count)}, label %{tag}h, label %{tag}x")
        self.label(f"{tag}x")
        self.lines[place:place] = [
            f"  {name} = phi {kind} [{start}, %{tag}p], [{after}, %{tag}e]"
            for name, (kind, start), after in zip(values, begun, found, strict=True)
        ]
        return found

    def when(self, condition: str, body: Callable[[], None], otherwise: Callable[[], None] | None = None) -> None:
        """Run `body` if the condition holds, else `otherwise`."""
        tag = self.name()
        self.do(f"br i1 {condition}, label %{tag}t, label %{tag}{'f' if otherwise else 'x'}")
        self.label(f"{tag}t")
        body()
        self.do(f"br label %{tag}x")
        if otherwise is not None:
            self.label(f"{tag}f")
            otherwise()
            self.do(f"br label %{tag}x")
        self.label(f"{tag}x")


class Function(Lines):
    """A function written out: `Function("define void @f(ptr %x)")`."""


class Block(Lines):
    """Arithmetic on vectors of `lanes` elements of one floating dtype ("float" or "double"); lanes 1: scalars."""

    def __init__(self, target: Target, dtype: str, lanes: int | None = None, head: str = "") -> None:
        super().__init__(head)
        self.target, self.dtype = target, dtype
        self.lanes = target.lanes(dtype) if lanes is None else lanes
        self.size = 4 if dtype == "float" else 8
        self.scalar_int = "i32" if dtype == "float" else "i64"
        self.kind = self.vector(dtype)
        self.integer = self.vector(self.scalar_int)
        self.mask_kind = self.vector("i1")
        self.suffix = f"f{self.size * 8}" if self.lanes == 1 else f"v{self.lanes}f{self.size * 8}"

    def vector(self, element: str) -> str:
        """The vector type of an element type."""
        return element if self.lanes == 1 else f"<{self.lanes} x {element}>"

    def value(self, x: Value) -> str:
        """A value, or the constant that a number stands for."""
        if isinstance(x, str):
            return x
        text = constant(x, self.dtype)
        return text if self.lanes == 1 else f"splat ({self.dtype} {text})"

    def whole(self, x: int) -> str:
        """An integer constant."""
        return str(x) if self.lanes == 1 else f"splat ({self.scalar_int} {x})"

    def intrinsic(self, name: str, *operands: Value) -> str:
        """Call an LLVM intrinsic on vectors."""
        full = f"@llvm.{name}.{self.suffix}"
        self.declared.add(f"declare {self.kind} {full}({', '.join([self.kind] * len(operands))})")
        given = ", ".join(f"{self.kind} {self.value(x)}" for x in operands)
        return self.emit(f"call {'contract ' * (name == 'fmuladd')}{self.kind} {full}({given})")

    def binary(self, name: str, a: Value, b: Value) -> str:
        """An arithmetic instruction."""
        return self.emit(f"{name} {self.kind} {self.value(a)}, {self.value(b)}")

    def add(self, a: Value, b: Value) -> str:
        """a + b."""
        return self.binary("fadd", a, b)

    def sub(self, a: Value, b: Value) -> str:
        """a - b."""
        return self.binary("fsub", a, b)

    def mul(self, a: Value, b: Value) -> str:
        """a * b."""
        return self.binary("fmul", a, b)

    def div(self, a: Value, b: Value) -> str:
        """a / b."""
        return self.binary("fdiv", a, b)

    def neg(self, a: Value) -> str:
        """-a."""
        return self.emit(f"fneg {self.kind} {self.value(a)}")

    def fma(self, a: Value, b: Value, c: Value) -> str:
        """a * b + c, with one rounding where the machine can."""
        return self.intrinsic("fma" if self.target.fused else "fmuladd", a, b, c)

    def compare(self, word: str, a: Value, b: Value) -> str:
        """A mask: `word` is LLVM's ("olt", "une", ...)."""
        return self.emit(f"fcmp {word} {self.kind} {self.value(a)}, {self.value(b)}")

    def select(self, mask: str, a: Value, b: Value) -> str:
        """a where the mask holds, else b."""
        return self.emit(f"select {self.mask_kind} {mask}, {self.kind} {self.value(a)}, {self.kind} {self.value(b)}")

    def logic(self, name: str, a: str, b: str) -> str:
        """Masks joined by "and", "or", "xor"."""
        return self.emit(f"{name} {self.mask_kind} {a}, {b}")

    def opposite(self, mask: str) -> str:
        """Where the mask does not hold."""
        return self.logic("xor", mask, "true" if self.lanes == 1 else "splat (i1 true)")

    def at_least(self, a: Value, low: float) -> str:
        """a, raised to a number; nan stays."""
        return self.select(self.compare("olt", a, low), low, a)

    def at_most(self, a: Value, high: float) -> str:
        """a, lowered to a number; nan stays."""
        return self.select(self.compare("ogt", a, high), high, a)

    def copysign(self, a: Value, b: Value) -> str:
        """|a| with the sign of b."""
        return self.intrinsic("copysign", a, b)

    def bits(self, a: str) -> str:
        """The bits as integers."""
        return self.emit(f"bitcast {self.kind} {a} to {self.integer}")

    def floats(self, a: str) -> str:
        """Integers as the floats of these bits."""
        return self.emit(f"bitcast {self.integer} {a} to {self.kind}")

    def of_whole(self, a: str) -> str:
        """Integers as the floats of their value."""
        return self.emit(f"sitofp {self.integer} {a} to {self.kind}")

    def holds(self, a: str, bit: int) -> str:
        """A mask: where integers have a bit."""
        return self.emit(f"icmp ne {self.integer} {self.whole_binary('and', a, bit)}, {self.whole(0)}")

    def whole_binary(self, name: str, a: str, b: int | str) -> str:
        """An instruction on integers ("add", "shl", "and", ...)."""
        return self.emit(f"{name} {self.integer} {a}, {b if isinstance(b, str) else self.whole(b)}")

    def polynomial(self, x: str, coefficients: Iterable[float]) -> str:
        """Horner's scheme, the highest power first."""
        first, *rest = coefficients
        result: Value = first
        for c in rest:
            result = self.fma(result, x, c)
        return str(result)

    # Memory

    def splat(self, scalar: str) -> str:
        """A scalar in every lane."""
        if self.lanes == 1:
            return scalar
        first = self.emit(f"insertelement {self.kind} poison, {self.dtype} {scalar}, i32 0")
        return self.emit(f"shufflevector {self.kind} {first}, {self.kind} poison, {self.vector('i32')} zeroinitializer")

    def load(self, pointer: str, mask: str | None = None) -> str:
        """A vector from memory; lanes outside the mask are 0 and not read."""
        if mask is None:
            return self.emit(f"load {self.kind}, ptr {pointer}, align {self.size}")
        self.declared.add(
            f"declare {self.kind} @llvm.masked.load.{self.suffix}.p0(ptr, i32, {self.mask_kind}, {self.kind})"
        )
        return self.emit(
            f"call {self.kind} @llvm.masked.load.{self.suffix}.p0(ptr {pointer}, i32 {self.size}, "
            f"{self.mask_kind} {mask}, {self.kind} zeroinitializer)"
        )

    def gather(self, pointer: str, places: str, mask: str | None = None) -> str:
        """The elements `places` (int32) after a pointer; lanes outside the mask are 0 and not read."""
        pointers, name = self.vector("ptr"), f"@llvm.masked.gather.{self.suffix}.v{self.lanes}p0"
        self.declared.add(f"declare {self.kind} {name}({pointers}, i32, {self.mask_kind}, {self.kind})")
        at = self.emit(f"getelementptr {self.dtype}, ptr {pointer}, {self.vector('i32')} {places}")
        return self.emit(
            f"call {self.kind} {name}({pointers} {at}, i32 {self.size}, {self.mask_kind} {mask or 'splat (i1 true)'}, "
            f"{self.kind} zeroinitializer)"
        )

    def spaced(self, pointer: str, step: str, mask: str | None = None) -> str:
        """Elements `step` (an i64) apart."""
        kind = self.vector("i32")
        small = self.emit(f"insertelement {kind} poison, i32 {self.emit(f'trunc i64 {step} to i32')}, i32 0")
        wide = self.emit(f"shufflevector {kind} {small}, {kind} poison, {kind} zeroinitializer")
        numbers = ", ".join(f"i32 {i}" for i in range(self.lanes))
        return self.gather(pointer, self.emit(f"mul {kind} {wide}, <{numbers}>"), mask)

    def store(self, value: Value, pointer: str, mask: str | None = None) -> None:
        """A vector into memory; lanes outside the mask are not written."""
        value = self.value(value)
        if mask is None:
            self.do(f"store {self.kind} {value}, ptr {pointer}, align {self.size}")
            return
        self.declared.add(f"declare void @llvm.masked.store.{self.suffix}.p0({self.kind}, ptr, i32, {self.mask_kind})")
        self.do(
            f"call void @llvm.masked.store.{self.suffix}.p0({self.kind} {value}, ptr {pointer}, i32 {self.size}, "
            f"{self.mask_kind} {mask})"
        )

    def prefetch(self, pointer: str, index: str, writing: bool = False) -> None:
        """Ask for the line of an element that will be needed; it need not exist."""
        self.declared.add("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        at = self.emit(f"getelementptr {self.dtype}, ptr {pointer}, i64 {index}")
        self.do(f"call void @llvm.prefetch.p0(ptr {at}, i32 {int(writing)}, i32 3, i32 1)")

    def first_lanes(self, count: str) -> str:
        """A mask of the first `count` lanes (an i64)."""
        kind = f"<{self.lanes} x i32>"
        small = self.emit(f"trunc i64 {count} to i32")
        first = self.emit(f"insertelement {kind} poison, i32 {small}, i32 0")
        wide = self.emit(f"shufflevector {kind} {first}, {kind} poison, {kind} zeroinitializer")
        numbers = ", ".join(f"i32 {i}" for i in range(self.lanes))
        return self.emit(f"icmp ult {kind} <{numbers}>, {wide}")

    def reduce(self, name: str, a: str) -> str:
        """The lanes joined to a scalar: "add", or "max", which may lose a nan."""
        if self.lanes == 1:
            return a
        if name == "add":
            full = f"@llvm.vector.reduce.fadd.{self.suffix}"
            self.declared.add(f"declare {self.dtype} {full}({self.dtype}, {self.kind})")
            return self.emit(f"call reassoc {self.dtype} {full}({self.dtype} -0.0, {self.kind} {a})")
        half = self.lanes // 2
        while half:
            places = ", ".join(f"i32 {(i + half) % self.lanes}" for i in range(self.lanes))
            other = f"shufflevector {self.kind} {a}, {self.kind} poison, <{self.lanes} x i32> <{places}>"
            a = self.larger(a, self.emit(other))
            half //= 2
        return self.emit(f"extractelement {self.kind} {a}, i32 0")

    def larger(self, a: Value, b: Value) -> str:
        """The larger of two; of a nan and a number either."""
        return self.select(self.compare("ogt", a, b), a, b)
