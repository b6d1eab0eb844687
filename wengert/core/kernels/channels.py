"""Text of the normalisation of channels over batch and space, and of its gradients.

A piece is a channel: it is read once from memory and stays in the cache for the passes that follow.  Sums over images
are added up in double precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.core.kernels.host import Target
from wengert.core.kernels.matrices import fields
from wengert.core.kernels.passes import Pass
from wengert.core.kernels.rows import Row
from wengert.core.kernels.text import Function, module

__all__ = ["BACKWARD", "FORWARD", "channels_text", "gradients_text"]

SIZES = (("whole", "images"), ("whole", "channels"), ("whole", "volume"))


def operands(sizes: tuple[tuple[str, str], ...]) -> tuple[tuple[tuple[str, str], ...], ...]:
    """What the normalisation of pieces of these sizes takes, and what its gradients take."""
    forward = tuple([("array", name) for name in ("out", "mean", "inverse", "x", "weight", "bias")])
    names = ("dx", "slopes", "shifts", "g", "x", "mean", "inverse", "weight", "g_mean", "g_inverse")
    return (*forward, *sizes, ("number", "eps")), (*[("array", name) for name in names], *sizes)


FORWARD, BACKWARD = operands(SIZES)


class Normal(Row):
    """The function of one piece: passes over it, and arithmetic between them."""

    def __init__(self, target: Target, dtype: str, symbol: str, arguments: Any) -> None:
        super().__init__(dtype, f"{symbol}_piece", ["ptr %table", "i64 %index"])
        self.target, self.symbol, self.arguments = target, symbol, arguments
        self.passes: list[Any] = []
        self.t = fields(self, arguments)

    def own(self, name: str) -> str:
        """The place of this piece's number."""
        return self.offset(self.t[name], "%index", self.dtype)

    def one_of(self, count: str) -> str:
        """1 / count."""
        return self.arithmetic("fdiv", "1.0", self.emit(f"uitofp i64 {count} to {self.dtype}"))

    def sweep(self, name: str, rows: int, results: int, numbers: int, joins: list[str], body: Any) -> None:
        """Add a pass."""
        self.passes.append(Pass(self.target, self.dtype, name, rows, results, numbers, joins, body, 2))

    def finished(self, *counts: str) -> tuple[str, str]:
        """The module; counts: the names of the sizes whose product is the number of pieces."""
        self.do("ret void")
        f = Function(f"define void @{self.symbol}(ptr %table)")
        t = fields(f, self.arguments)
        number = t[counts[0]]
        for name in counts[1:]:
            number = f.long("mul", number, t[name])
        f.do(f"call void @wengert_parallel(ptr @{self.symbol}_piece, ptr %table, i64 {number})")
        f.do("ret void")
        return module([*self.passes, self, f], "declare void @wengert_parallel(ptr, ptr, i64)"), self.symbol


class Channel(Normal):
    """The function of one channel of all images."""

    def __init__(self, target: Target, dtype: str, symbol: str, arguments: Any) -> None:
        super().__init__(target, dtype, symbol, arguments)
        self.share = self.one_of(self.long("mul", self.t["images"], self.t["volume"]))

    def images(
        self, name: str, body: Any, outs: Sequence[str], rows: Sequence[str], numbers: Sequence[str], joins: int = 0
    ) -> list[str]:
        """Add a pass and run it over all images; its sums."""
        self.sweep(name, len(rows), len(outs), len(numbers), ["add"] * joins, body)
        sums = self.emit("alloca double, i64 4, align 16")
        for k in range(joins):
            self.do(f"store double 0.0, ptr {self.offset(sums, k, 'double')}")

        def image(i: str) -> None:
            line = self.long("add", self.long("mul", i, self.t["channels"]), "%index")
            place = self.long("mul", line, self.t["volume"])
            pointers = [self.offset(self.t[x], place, self.dtype) for x in (*outs, *rows)]
            for k, found in enumerate(self.run(name, pointers, numbers, self.t["volume"], joins)):
                at = self.offset(sums, k, "double")
                wide = self.emit(f"fpext float {found} to double") if self.dtype == "float" else found
                added = self.emit(f"fadd double {self.emit(f'load double, ptr {at}')}, {wide}")
                self.do(f"store double {added}, ptr {at}")

        self.loop("0", self.t["images"], 1, image)
        found = [self.emit(f"load double, ptr {self.offset(sums, k, 'double')}") for k in range(joins)]
        return [self.emit(f"fptrunc double {x} to float") for x in found] if self.dtype == "float" else found


def channels_text(target: Target, dtype: str) -> tuple[str, str]:
    """(x - mean) / sqrt(variance + eps) w + b; also the mean and 1 / sqrt(variance + eps)."""
    f = Channel(target, dtype, f"channels_{dtype}", FORWARD)
    (total,) = f.images("total", lambda b, x, s: ([], [x[0]]), [], ["x"], [], 1)
    mean = f.arithmetic("fmul", total, f.share)
    (squares,) = f.images("squares", _squares, [], ["x"], [mean], 1)
    eps = f.emit(f"fptrunc double {f.t['eps']} to float") if dtype == "float" else f.t["eps"]
    variance = f.arithmetic("fadd", f.arithmetic("fmul", squares, f.share), eps)
    inverse = f.arithmetic("fdiv", "1.0", f.sqrt(variance))
    factor = f.arithmetic("fmul", inverse, f.load(f.own("weight")))
    f.images("normal", _normal, ["out"], ["x"], [mean, factor, f.load(f.own("bias"))])
    f.save(mean, f.own("mean"))
    f.save(inverse, f.own("inverse"))
    return f.finished("channels")


def _squares(b: Any, x: list[str], s: list[str]) -> tuple[list[Any], list[Any]]:
    d = b.sub(x[0], s[0])
    return [], [b.mul(d, d)]


def _normal(b: Any, x: list[str], s: list[str]) -> tuple[list[Any], list[Any]]:
    return [b.fma(b.sub(x[0], s[0]), s[1], s[2])], []


def _sums(b: Any, x: list[str], s: list[str]) -> tuple[list[Any], list[Any]]:
    return [], [x[0], b.mul(x[0], b.sub(x[1], s[0]))]


def gradients_text(target: Target, dtype: str) -> tuple[str, str]:
    """g w a + (x - mean) s + t with a = inverse; also the sums of g times the normalised x, and of g.

    s = -(sum(g w (x - mean)) + g_inverse) a^3 / count, t = (g_mean - sum(g w) a) / count.
    """
    f = Channel(target, dtype, f"channels_back_{dtype}", BACKWARD)
    mean, a, w = (f.load(f.own(name)) for name in ("mean", "inverse", "weight"))
    first, second = f.images("sums", _sums, [], ["g", "x"], [mean], 2)
    f.save(f.arithmetic("fmul", second, a), f.own("slopes"))
    f.save(first, f.own("shifts"))
    bend = f.arithmetic("fadd", f.arithmetic("fmul", second, w), f.load(f.own("g_inverse")))
    for factor in (a, a, a, f.share):
        bend = f.arithmetic("fmul", bend, factor)
    bend = f.emit(f"fneg {dtype} {bend}")
    scale = f.arithmetic("fmul", a, w)
    shift = f.arithmetic("fsub", f.load(f.own("g_mean")), f.arithmetic("fmul", first, scale))
    shift = f.arithmetic("fmul", shift, f.share)
    f.images("moved", _moved, ["dx"], ["g", "x"], [mean, scale, bend, shift])
    return f.finished("channels")


def _moved(b: Any, x: list[str], s: list[str]) -> tuple[list[Any], list[Any]]:
    return [b.fma(x[0], s[1], b.fma(b.sub(x[1], s[0]), s[2], s[3]))], []
