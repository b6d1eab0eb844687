"""Half precision to float32 and back: text of the kernels, their calls with NumPy arrays, and the tests they must pass.

Results are those of NumPy and ml_dtypes bit by bit, but for the bits within nan.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from wengert.core.arrays.dtype import bfloat16
from wengert.core.kernels.host import Target
from wengert.core.kernels.matrices import divided, fields
from wengert.core.kernels.text import Function, module
from wengert.core.kernels.trials import Call

__all__ = ["ARGUMENTS", "CALLS", "conversion_text"]

ARGUMENTS = (("array", "out"), ("array", "x"), ("whole", "n"))
"""Both contiguous."""

PIECE = 16384
"""Elements of a piece."""

Step = Callable[["Converter", str], str]


class Converter(Function):
    """A loop over vectors of `lanes` elements of 16 and 32 bits."""

    def __init__(self, head: str, lanes: int) -> None:
        super().__init__(head)
        self.lanes = lanes

    def kind(self, element: str) -> str:
        """The vector type of an element type."""
        return element if self.lanes == 1 else f"<{self.lanes} x {element}>"

    def number(self, value: int, element: str = "i32") -> str:
        """An integer constant."""
        return str(value) if self.lanes == 1 else f"splat ({element} {value})"

    def whole(self, name: str, a: str, value: int | str) -> str:
        """An instruction on integers of 32 bits."""
        given = value if isinstance(value, str) else self.number(value)
        return self.emit(f"{name} {self.kind('i32')} {a}, {given}")

    def cast(self, name: str, a: str, source: str, target: str) -> str:
        """A conversion between element types."""
        return self.emit(f"{name} {self.kind(source)} {a} to {self.kind(target)}")


def to_bfloat16(f: Converter, x: str) -> str:
    """The upper half of the bits, rounded to even; nan becomes the quiet one of its sign."""
    bits = f.cast("bitcast", x, "float", "i32")
    odd = f.whole("and", f.whole("lshr", bits, 16), 1)
    rounded = f.whole("lshr", f.whole("add", f.whole("add", bits, 0x7FFF), odd), 16)
    nothing = f.whole("or", f.whole("and", f.whole("lshr", bits, 16), 0x8000), 0x7FC0)
    lost = f.emit(f"fcmp uno {f.kind('float')} {x}, {x}")
    chosen = f.emit(f"select {f.kind('i1')} {lost}, {f.kind('i32')} {nothing}, {f.kind('i32')} {rounded}")
    return f.cast("trunc", chosen, "i32", "i16")


def of_bfloat16(f: Converter, x: str) -> str:
    """The bits as the upper half of a float's."""
    return f.cast("bitcast", f.whole("shl", f.cast("zext", x, "i16", "i32"), 16), "i32", "float")


def to_float16(f: Converter, x: str) -> str:
    """By the machine's instruction, which rounds to even."""
    return f.cast("bitcast", f.cast("fptrunc", x, "float", "half"), "half", "i16")


def of_float16(f: Converter, x: str) -> str:
    """By the machine's instruction."""
    return f.cast("fpext", f.cast("bitcast", x, "i16", "half"), "half", "float")


KINDS: dict[str, tuple[Step, str, str]] = {
    "to_bfloat16": (to_bfloat16, "float", "i16"),
    "of_bfloat16": (of_bfloat16, "i16", "float"),
    "to_float16": (to_float16, "float", "i16"),
    "of_float16": (of_float16, "i16", "float"),
}
"""Name -> step, element type of what is given, of the result."""


def loop(target: Target, name: str, lanes: int) -> Converter:
    """`name_lanes(out, x, begin, end)`: as many whole vectors as there are; where the rest begins."""
    step, source, result = KINDS[name]
    f = Converter(f"define internal i64 @{name}_{lanes}(ptr %out, ptr %x, i64 %begin, i64 %end)", lanes)
    rest = f.long("urem", f.long("sub", "%end", "%begin"), lanes)
    last = f.long("sub", "%end", rest)

    def one(i: str) -> None:
        at = f.offset("%x", i, source)
        size = 4 if source == "float" else 2
        value = step(f, f.emit(f"load {f.kind(source)}, ptr {at}, align {size}"))
        f.do(f"store {f.kind(result)} {value}, ptr {f.offset('%out', i, result)}, align {6 - size}")

    f.loop("%begin", last, lanes, one)
    f.do(f"ret i64 {last}")
    return f


def conversion_text(name: str, target: Target, dtype: str) -> tuple[str, str]:
    """The module, and the name of its function `f(table)`."""
    lanes, symbol = target.lanes(dtype), f"{name}_{dtype}"
    f = Function(f"define internal void @{symbol}_piece(ptr %table, i64 %index)")
    t = fields(f, ARGUMENTS)
    begin = f.long("mul", "%index", PIECE)
    end = f.least(f.long("add", begin, PIECE), t["n"])
    given = f"ptr {t['out']}, ptr {t['x']}, i64"
    rest = f.emit(f"call i64 @{name}_{lanes}({given} {begin}, i64 {end})")
    f.emit(f"call i64 @{name}_1({given} {rest}, i64 {end})")
    f.do("ret void")
    g = Function(f"define void @{symbol}(ptr %table)")
    u = fields(g, ARGUMENTS)
    g.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {divided(g, u['n'], PIECE)})")
    g.do("ret void")
    loops = [loop(target, name, lanes), loop(target, name, 1)]
    return module([*loops, f, g], "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


HALVES = {"bfloat16": bfloat16.numpy, "float16": np.dtype(np.float16)}


def wrapper(name: str) -> Callable[[Any], Callable[..., Any]]:
    """The kernel as a function of a contiguous array."""
    way, _, half = name.partition("_")
    dtype = HALVES[half] if way == "to" else np.dtype(np.float32)

    def wrap(run: Any) -> Callable[..., Any]:
        def call(x: Any) -> Any:
            out = np.empty(x.shape, dtype)
            run(out, x, x.size)
            return out

        return call

    return wrap


def every_sort(rng: Any, n: int, word: Any) -> Any:
    """n random patterns of bits."""
    return rng.integers(0, np.iinfo(word).max, n, dtype=word, endpoint=True)


def try_conversion(name: str, call: Any, rng: Any, case: int, dtype: Any) -> tuple[Any, Any]:
    """The bits found and wanted, as numbers; all nan count as one."""
    way, _, half = name.partition("_")
    if way == "to":
        near = rng.standard_normal(case).astype(np.float32)
        x = np.concatenate([every_sort(rng, case, np.uint32).view(np.float32), near, near * np.float32(1e-6)])
    else:
        x = every_sort(rng, case, np.uint16).view(HALVES[half])
    found, wanted = call(x), x.astype(HALVES[half] if way == "to" else np.float32)
    word = np.uint16 if way == "to" else np.uint32
    bits = []
    for a in (found, wanted):
        number = a.view(word).astype(np.float64)
        number[np.isnan(a.astype(np.float32))] = -1
        bits.append(number)
    return bits[0], bits[1]


CASES = (1, 3, 16, 21, 1000, 70001)
"""Elements."""

CALLS: dict[str, Call] = {
    name: Call(partial(conversion_text, name), ARGUMENTS, wrapper(name), partial(try_conversion, name), CASES, 1)
    for name in KINDS
}
"""Name -> kernel."""
