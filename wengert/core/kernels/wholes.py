"""Functions of integers and booleans on vectors, and conversions between dtypes, as LLVM text.

They give what NumPy gives, bit by bit: sums and products wrap around, a shift by more than the bits there are leaves
0 or the sign, and quotients by 0 are 0.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Wholes", "converted"]

_SIMPLE = {"add": "add", "sub": "sub", "mul": "mul", "and": "and", "or": "or", "xor": "xor"}
EXACT = 1 << 53
"""Up to here floats of 64 bits hold every whole number."""
_ORDER = {"lt": "lt", "le": "le", "gt": "gt", "ge": "ge"}


class Wholes:
    """Arithmetic in an integer dtype, or on masks, that writes its lines into a sheet."""

    def __init__(self, sheet: Any, dtype: Any) -> None:
        self.sheet, self.signed = sheet, dtype.kind == "i"
        self.bits = 1 if dtype.kind == "b" else 8 * dtype.itemsize
        self.element = f"i{self.bits}"
        self.kind = sheet.vector(self.element)

    def value(self, x: Any) -> str:
        """A value, or the constant that a number stands for."""
        if isinstance(x, str):
            return x
        text = ("true" if x else "false") if self.bits == 1 else str(int(x))
        return text if self.sheet.lanes == 1 else f"splat ({self.element} {text})"

    def binary(self, name: str, a: Any, b: Any) -> str:
        """An instruction on two values."""
        return self.sheet.emit(f"{name} {self.kind} {self.value(a)}, {self.value(b)}")

    def select(self, mask: str, a: Any, b: Any) -> str:
        """a where the mask holds, else b."""
        mask_kind = self.sheet.vector("i1")
        return self.sheet.emit(
            f"select {mask_kind} {mask}, {self.kind} {self.value(a)}, {self.kind} {self.value(b)}"
        )  # fmt: skip

    def intrinsic(self, name: str, a: Any, b: Any, last: str = "") -> str:
        """Call an LLVM intrinsic on two values, or on one and a flag."""
        suffix = self.element if self.sheet.lanes == 1 else f"v{self.sheet.lanes}{self.element}"
        other = last or self.kind
        self.sheet.declared.add(f"declare {self.kind} @llvm.{name}.{suffix}({self.kind}, {other})")
        given = b if last else self.value(b)
        return self.sheet.emit(f"call {self.kind} @llvm.{name}.{suffix}({self.kind} {self.value(a)}, {other} {given})")

    def function(self, name: str, given: list[Any]) -> str:
        """A function of values by its name."""
        if name in _SIMPLE:
            return self.binary(_SIMPLE[name], *given)
        if name in ("eq", "ne"):
            return self.binary(f"icmp {name}", *given)
        if name in _ORDER:
            return self.binary(f"icmp {'s' if self.signed else 'u'}{_ORDER[name]}", *given)
        if name == "where":
            return self.select(*given)
        found: str = getattr(self, {"not": "opposite", "abs": "size"}.get(name, name))(*given)
        return found

    def opposite(self, a: str) -> str:
        """Every bit turned over."""
        return self.binary("xor", a, True if self.bits == 1 else -1)

    def negative(self, a: str) -> str:
        """-a."""
        return self.binary("sub", 0, a)

    def size(self, a: str) -> str:
        """|a|; the smallest number stays."""
        return self.intrinsic("abs", a, "false", "i1") if self.signed else self.value(a)

    def square(self, a: str) -> str:
        """a a."""
        return self.binary("mul", a, a)

    def sign(self, a: str) -> str:
        """-1, 0 or 1."""
        if not self.signed:
            return self.intrinsic("umin", a, 1)
        return self.intrinsic("smax", self.intrinsic("smin", a, 1), -1)

    def maximum(self, a: Any, b: Any) -> str:
        """The larger."""
        return self.intrinsic("smax" if self.signed else "umax", a, b)

    def minimum(self, a: Any, b: Any) -> str:
        """The smaller."""
        return self.intrinsic("smin" if self.signed else "umin", a, b)

    def shl(self, a: Any, b: Any) -> str:
        """a 2^b; 0 where b is negative or no fewer than the bits."""
        inside = self.binary("icmp ult", b, self.bits)
        return self.select(inside, self.binary("shl", a, self.select(inside, b, 0)), 0)

    def shr(self, a: Any, b: Any) -> str:
        """a / 2^b rounded down; where b is negative or no fewer than the bits, as for one that is too large."""
        if self.signed:
            return self.binary("ashr", a, self.intrinsic("umin", b, self.bits - 1))
        inside = self.binary("icmp ult", b, self.bits)
        return self.select(inside, self.binary("lshr", a, self.select(inside, b, 0)), 0)

    # Quotients

    def towards_zero(self, a: Any, b: Any) -> tuple[str, str]:
        """a / b without its fraction, and what is left of a; 0 and a for b = 0."""
        none = self.binary("icmp eq", b, 0)
        safe = self.select(none, 1, b)
        if self.bits < 32:
            q = self.by_floats(a, safe, "float")
        else:
            # The smallest number over -1 is no number, and would stop the process.
            turned = self.binary("icmp eq", b, -1)
            divisor = self.select(turned, 1, safe)
            q = self.by_floats(a, divisor, "double") if self.bits == 32 else self.long_quotient(a, divisor)
            q = self.select(turned, self.negative(q), q)
        return self.select(none, 0, q), self.binary("sub", a, self.binary("mul", q, safe))

    def by_floats(self, a: Any, b: Any, kind: str) -> str:
        """a / b without its fraction by a division of floats, whose rounding does not reach the next whole number."""
        sheet, letter = self.sheet, "s" if self.signed else "u"
        floats, longer = sheet.vector(kind), sheet.vector("i64" if self.bits == 64 else "i32")
        x, y = (sheet.emit(f"{letter}itofp {self.kind} {self.value(v)} to {floats}") for v in (a, b))
        q = sheet.emit(f"fptosi {floats} {sheet.emit(f'fdiv {floats} {x}, {y}')} to {longer}")
        return q if self.bits >= 32 else str(sheet.emit(f"trunc {longer} {q} to {self.kind}"))

    def long_quotient(self, a: Any, b: Any) -> str:
        """a / b without its fraction of 64 bits: by floats where those of all lanes have all digits."""
        sheet = self.sheet
        if sheet.lanes == 1 or not (sheet.target.scale or sheet.target.name == "neon"):
            return self.binary("sdiv", a, b)
        far = [self.binary("icmp uge", self.binary("add", v, EXACT), 2 * EXACT) for v in (a, b)]
        mask = sheet.emit(f"or {sheet.vector('i1')} {far[0]}, {far[1]}")
        joined = sheet.emit(f"bitcast {sheet.vector('i1')} {mask} to i{sheet.lanes}")
        some = sheet.emit(f"icmp ne i{sheet.lanes} {joined}, 0")
        tag = sheet.name()
        sheet.do(f"br i1 {some}, label %{tag}far, label %{tag}near")
        sheet.label(f"{tag}far")
        slow = self.binary("sdiv", a, b)
        sheet.do(f"br label %{tag}x")
        sheet.label(f"{tag}near")
        fast = self.by_floats(a, b, "double")
        sheet.do(f"br label %{tag}x")
        sheet.label(f"{tag}x")
        return str(sheet.emit(f"phi {self.kind} [{slow}, %{tag}far], [{fast}, %{tag}near]"))

    def fmod(self, a: Any, b: Any) -> str:
        """What a / b without its fraction leaves of a; 0 for b = 0."""
        rest = self.towards_zero(a, b)[1]
        return self.select(self.binary("icmp eq", b, 0), 0, rest)

    def crossed(self, a: Any, b: Any, rest: str) -> str:
        """Where rounding towards 0 is not rounding down: something is left, and the signs differ."""
        apart = self.binary("icmp slt", self.binary("xor", a, b), 0)
        return self.sheet.emit(f"and {self.sheet.vector('i1')} {apart}, {self.binary('icmp ne', rest, 0)}")

    def floor_divide(self, a: Any, b: Any) -> str:
        """a / b rounded down; 0 for b = 0."""
        q, rest = self.towards_zero(a, b)
        if not self.signed:
            return q
        q = self.select(self.crossed(a, b, rest), self.binary("sub", q, 1), q)
        return self.select(self.binary("icmp eq", b, 0), 0, q)

    def remainder(self, a: Any, b: Any) -> str:
        """What a / b rounded down leaves of a, with the sign of b; 0 for b = 0."""
        rest = self.fmod(a, b)
        return self.select(self.crossed(a, b, rest), self.binary("add", rest, b), rest) if self.signed else rest


# ---------------------------------------------------------------- conversions


def converted(sheet: Any, a: str, source: Any, target: Any) -> str:
    """A value of one dtype as another, as C converts it."""
    old, new = sheet.block(source), sheet.block(target)
    if target.kind == "b":
        return old.compare("une", a, 0.0) if source.kind == "f" else old.binary("icmp ne", a, 0)
    if source.kind == "b":
        return new.select(a, 1, 0)
    if source.kind == "f" and target.kind == "f":
        return sheet.emit(f"{'fpext' if target.itemsize > source.itemsize else 'fptrunc'} {old.kind} {a} to {new.kind}")
    if target.kind == "f":
        return sheet.emit(f"{'s' if source.kind == 'i' else 'u'}itofp {old.kind} {a} to {new.kind}")
    if source.kind != "f":
        word = "trunc" if new.bits < old.bits else ("sext" if old.signed else "zext")
        return a if new.bits == old.bits else sheet.emit(f"{word} {old.kind} {a} to {new.kind}")
    # Short integers are what is left of an int32, for numbers beyond them too.
    wide = sheet.vector("i64" if new.bits == 64 else "i32")
    found = sheet.emit(f"fptosi {old.kind} {a} to {wide}")
    return found if new.bits >= 32 else sheet.emit(f"trunc {wide} {found} to {new.kind}")
