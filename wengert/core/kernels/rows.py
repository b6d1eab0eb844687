"""Text of kernels that work row by row: softmax, its logarithm, layer norm, cross entropy, sums.

Every kernel is a function `piece(table, index)` for the thread pool with a caller `f(table)`: the table holds pointers
to contiguous arrays, then sizes, then numbers as doubles.  A piece is a block of rows; where columns are summed, every
piece adds up its own rows in a room of its own, and the rooms are added in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.core.kernels.host import Target
from wengert.core.kernels.mathematics import exp
from wengert.core.kernels.passes import Pass
from wengert.core.kernels.text import Block, Function, module

__all__ = ["ROWS", "row_text"]

PIECE = 8192
"""Elements of a piece, about: it has at least one row."""


class Row(Function):
    """One row's work: passes called with pointers and numbers, and scalar arithmetic between them."""

    def __init__(self, dtype: str, name: str, parameters: Sequence[str]) -> None:
        super().__init__(f"define internal void @{name}({', '.join(parameters)})")
        self.dtype, self.scalar = dtype, None
        self.room = self.emit(f"alloca {dtype}, i64 4, align 64")

    def run(self, name: str, pointers: Sequence[str], numbers: Sequence[str], n: str, joined: int = 0) -> list[str]:
        """Call a pass; what it joined."""
        given = [*(f"ptr {p}" for p in pointers), *(f"{self.dtype} {s}" for s in numbers)]
        self.do(f"call void @{name}({', '.join([*given, f'ptr {self.room}', f'i64 {n}'])})")
        return [self.load(self.offset(self.room, k, self.dtype)) for k in range(joined)]

    def load(self, pointer: str) -> str:
        """A number from memory."""
        return self.emit(f"load {self.dtype}, ptr {pointer}")

    def save(self, value: str, pointer: str) -> None:
        """A number into memory."""
        self.do(f"store {self.dtype} {value}, ptr {pointer}")

    def arithmetic(self, name: str, a: Any, b: Any) -> str:
        """ "fadd", "fsub", "fmul", "fdiv" of two numbers."""
        return self.emit(f"{name} {self.dtype} {a}, {b}")

    def sqrt(self, a: str) -> str:
        """Square root."""
        kind = "f32" if self.dtype == "float" else "f64"
        self.declared.add(f"declare {self.dtype} @llvm.sqrt.{kind}({self.dtype})")
        return self.emit(f"call {self.dtype} @llvm.sqrt.{kind}({self.dtype} {a})")

    def log(self, a: str) -> str:
        """Natural logarithm, by the C library."""
        name = "logf" if self.dtype == "float" else "log"
        self.declared.add(f"declare {self.dtype} @{name}({self.dtype})")
        return self.emit(f"call {self.dtype} @{name}({self.dtype} {a})")


class Kernel:
    """The parts of one kernel: passes, the row function, and how the operands follow the row.

    operands: per pointer its step from row to row: "row" (n elements), "one" (one element), "long" (one int64),
    "all" (the same for every row); numbers: count of numbers that are passed on.
    """

    def __init__(self, name: str, operands: Sequence[str], numbers: int = 0, columns: int = 0) -> None:
        self.name, self.operands, self.numbers, self.columns = name, tuple(operands), numbers, columns


ROWS = {
    kernel.name: kernel
    for kernel in (
        Kernel("softmax", ("row", "row")),
        Kernel("log_softmax", ("row", "row")),
        Kernel("softmax_back", ("row", "row", "row")),
        Kernel("log_softmax_back", ("row", "row", "row")),
        Kernel("layer_norm", ("row", "one", "one", "row", "all", "all"), numbers=1),
        Kernel("layer_norm_back", ("all", "all", "row", "row", "row", "one", "one", "all", "one", "one"), columns=2),
        Kernel("layer_norm_weight", ("all", "row", "row", "one", "one"), columns=1),
        Kernel("cross_entropy", ("one", "one", "all", "row", "long"), numbers=1),
        Kernel("cross_entropy_ahead", ("row", "one", "one", "all", "row", "long"), numbers=2),
        Kernel("cross_entropy_back", ("row", "row", "one", "long", "all", "one"), numbers=1),
        Kernel("logsumexp", ("one", "row")),
        Kernel("logsumexp_back", ("row", "row", "one", "one")),
        Kernel("rms_norm", ("row", "one", "row", "all"), numbers=1),
        Kernel("rms_norm_back", ("all", "row", "row", "row", "one", "all", "one"), columns=1),
        Kernel("cross_entropy_smooth", ("one", "one", "all", "row", "long"), numbers=2),
        Kernel("cross_entropy_smooth_back", ("row", "row", "one", "long", "all", "one"), numbers=2),
        Kernel("column_sum", ("all", "row"), columns=1),
        Kernel("row_sum", ("one", "row")),
        Kernel("row_squares", ("one", "row", "one")),
    )
}
"""Kernels by name; results stand first."""


def row_text(target: Target, dtype: str, name: str) -> tuple[str, str]:
    """The module of a kernel, and the name of its function `f(table)`."""
    kernel = ROWS[name]
    b = Builder(target, dtype)
    getattr(b, name)()
    symbol = f"{name}_{dtype}"
    b.functions += [pieces(kernel, dtype, symbol), caller(kernel, symbol)]
    return module(b.functions, "declare void @wengert_parallel(ptr, ptr, i64)"), symbol


class Builder:
    """Writes the passes and the row function of each kernel; the row function is called `row`."""

    def __init__(self, target: Target, dtype: str) -> None:
        self.target, self.dtype = target, dtype
        self.functions: list[Any] = []

    def sweep(
        self, name: str, rows: int, results: int, numbers: int, joins: Sequence[str], body: Any, unroll: int = 4
    ) -> None:
        """Add a pass."""
        self.functions.append(Pass(self.target, self.dtype, name, rows, results, numbers, joins, body, unroll))

    def row(self, *parameters: str, numbers: int = 0) -> Row:
        """Begin the row function."""
        given = [f"ptr %{p}" for p in parameters] + [f"{self.dtype} %c{k}" for k in range(numbers)] + ["i64 %n"]
        row = Row(self.dtype, "row", given)
        self.functions.append(row)
        return row

    def softmax(self) -> None:
        """exp(x - max) / sum."""
        self.sweep("greatest", 1, 0, 0, ["max"], lambda b, x, s: ([], [x[0]]))
        self.sweep("grown", 1, 1, 1, ["add"], _grown, 2)
        self.sweep("scaled", 1, 1, 1, [], lambda b, x, s: ([b.mul(x[0], s[0])], []))
        f = self.row("out", "x")
        (top,) = f.run("greatest", ["%x"], [], "%n", 1)
        (total,) = f.run("grown", ["%out", "%x"], [top], "%n", 1)
        f.run("scaled", ["%out", "%out"], [f.arithmetic("fdiv", "1.0", total)], "%n")
        f.do("ret void")

    def log_softmax(self) -> None:
        """x - max - log(sum(exp(x - max)))."""
        self.sweep("greatest", 1, 0, 0, ["max"], lambda b, x, s: ([], [x[0]]))
        self.sweep("grown", 1, 0, 1, ["add"], lambda b, x, s: ([], _grown(b, x, s)[1]), 2)
        self.sweep("lowered", 1, 1, 2, [], lambda b, x, s: ([b.sub(b.sub(x[0], s[0]), s[1])], []))
        f = self.row("out", "x")
        (top,) = f.run("greatest", ["%x"], [], "%n", 1)
        (total,) = f.run("grown", ["%x"], [top], "%n", 1)
        f.run("lowered", ["%out", "%x"], [top, f.log(total)], "%n")
        f.do("ret void")

    def softmax_back(self) -> None:
        """out (g - sum(g out))."""
        self.sweep("dot", 2, 0, 0, ["add"], lambda b, x, s: ([], [b.mul(x[0], x[1])]))
        self.sweep("moved", 2, 1, 1, [], lambda b, x, s: ([b.mul(x[1], b.sub(x[0], s[0]))], []))
        f = self.row("dx", "g", "out")
        (total,) = f.run("dot", ["%g", "%out"], [], "%n", 1)
        f.run("moved", ["%dx", "%g", "%out"], [total], "%n")
        f.do("ret void")

    def log_softmax_back(self) -> None:
        """g - exp(out) sum(g)."""
        self.sweep("total", 1, 0, 0, ["add"], lambda b, x, s: ([], [x[0]]))
        self.sweep("moved", 2, 1, 1, [], lambda b, x, s: ([b.sub(x[0], b.mul(exp(b, x[1]), s[0]))], []), 2)
        f = self.row("dx", "g", "out")
        (total,) = f.run("total", ["%g"], [], "%n", 1)
        f.run("moved", ["%dx", "%g", "%out"], [total], "%n")
        f.do("ret void")

    def layer_norm(self) -> None:
        """(x - mean) / sqrt(variance + eps) w + b; also the mean and 1 / sqrt(variance + eps)."""
        self.sweep("total", 1, 0, 0, ["add"], lambda b, x, s: ([], [x[0]]))
        self.sweep("squares", 1, 0, 1, ["add"], _squares)
        self.sweep("normal", 3, 1, 2, [], lambda b, x, s: (
            [b.fma(b.mul(b.sub(x[0], s[0]), s[1]), x[1], x[2])], []
        ))  # fmt: skip
        f = self.row("out", "mean", "inverse", "x", "w", "b", numbers=1)
        share = f.arithmetic("fdiv", "1.0", f.emit(f"uitofp i64 %n to {self.dtype}"))
        (total,) = f.run("total", ["%x"], [], "%n", 1)
        mean = f.arithmetic("fmul", total, share)
        (squares,) = f.run("squares", ["%x"], [mean], "%n", 1)
        variance = f.arithmetic("fadd", f.arithmetic("fmul", squares, share), "%c0")
        inverse = f.arithmetic("fdiv", "1.0", f.sqrt(variance))
        f.run("normal", ["%out", "%x", "%w", "%b"], [mean, inverse], "%n")
        f.save(mean, "%mean")
        f.save(inverse, "%inverse")
        f.do("ret void")

    def layer_norm_back(self) -> None:
        """inverse (g w - mean(g w) - normal mean(g w normal)), and what came for mean and inverse.

        Also the sums over rows of g normal and of g, while g and x are at hand.
        """
        self.sweep("moments", 3, 0, 2, ["add", "add"], _moments, 2)
        self.sweep("moved", 5, 3, 4, [], _moved, 2)
        f = self.row("dw", "db", "dx", "g", "x", "mean", "inverse", "w", "gmean", "ginverse")
        share = f.arithmetic("fdiv", "1.0", f.emit(f"uitofp i64 %n to {self.dtype}"))
        mean, inverse = f.load("%mean"), f.load("%inverse")
        first, second = f.run("moments", ["%g", "%x", "%w"], [mean, inverse], "%n", 2)
        # dx = g w inverse - (x - mean) inverse slope - shift
        given = f.arithmetic("fmul", f.load("%ginverse"), inverse)
        slope = f.arithmetic("fadd", second, given)
        slope = f.arithmetic("fmul", f.arithmetic("fmul", slope, inverse), share)
        shift = f.arithmetic("fsub", f.arithmetic("fmul", first, inverse), f.load("%gmean"))
        shift = f.arithmetic("fmul", shift, share)
        pointers = ["%dx", "%dw", "%db", "%g", "%x", "%w", "%dw", "%db"]
        f.run("moved", pointers, [mean, inverse, slope, shift], "%n")
        f.do("ret void")

    def layer_norm_weight(self) -> None:
        """Sum over rows of g normal."""
        self.sweep("gathered", 3, 1, 2, [], lambda b, x, s: (
            [b.fma(b.mul(b.sub(x[1], s[0]), s[1]), x[0], x[2])], []
        ), 2)  # fmt: skip
        f = self.row("dw", "g", "x", "mean", "inverse")
        f.run("gathered", ["%dw", "%g", "%x", "%dw"], [f.load("%mean"), f.load("%inverse")], "%n")
        f.do("ret void")

    def rms_norm(self) -> None:
        """x / sqrt(mean of squares + eps) w; also 1 / sqrt(mean of squares + eps)."""
        self.sweep("squares", 1, 0, 0, ["add"], lambda b, x, s: ([], [b.mul(x[0], x[0])]))
        self.sweep("scaled", 2, 1, 1, [], lambda b, x, s: ([b.mul(b.mul(x[0], s[0]), x[1])], []))
        f = self.row("out", "inverse", "x", "w", numbers=1)
        share = f.arithmetic("fdiv", "1.0", f.emit(f"uitofp i64 %n to {self.dtype}"))
        (squares,) = f.run("squares", ["%x"], [], "%n", 1)
        inverse = f.sqrt(f.arithmetic("fadd", f.arithmetic("fmul", squares, share), "%c0"))
        inverse = f.arithmetic("fdiv", "1.0", inverse)
        f.run("scaled", ["%out", "%x", "%w"], [inverse], "%n")
        f.save(inverse, "%inverse")
        f.do("ret void")

    def rms_norm_back(self) -> None:
        """g w a - x a^3 (sum(g w x) + what came for a) / n, a = inverse; also the sum over rows of g x a."""
        self.sweep("dot", 3, 0, 0, ["add"], lambda b, x, s: ([], [b.mul(b.mul(x[0], x[2]), x[1])]))
        self.sweep("moved", 4, 2, 2, [], lambda b, x, s: (
            [b.sub(b.mul(b.mul(x[0], x[2]), s[0]), b.mul(x[1], s[1])), b.fma(b.mul(x[1], s[0]), x[0], x[3])], []
        ), 2)  # fmt: skip
        f = self.row("dw", "dx", "g", "x", "inverse", "w", "given")
        inverse = f.load("%inverse")
        (slope,) = f.run("dot", ["%g", "%x", "%w"], [], "%n", 1)
        slope = f.arithmetic("fadd", slope, f.load("%given"))
        for _ in range(3):
            slope = f.arithmetic("fmul", slope, inverse)
        slope = f.arithmetic("fdiv", slope, f.emit(f"uitofp i64 %n to {self.dtype}"))
        f.run("moved", ["%dx", "%dw", "%g", "%x", "%w", "%dw"], [inverse, slope], "%n")
        f.do("ret void")

    def logsumexp(self) -> None:
        """log(sum(exp(x)))."""
        self.sweep("greatest", 1, 0, 0, ["max"], lambda b, x, s: ([], [x[0]]))
        self.sweep("grown", 1, 0, 1, ["add"], lambda b, x, s: ([], _grown(b, x, s)[1]), 2)
        f = self.row("level", "x")
        (top,) = f.run("greatest", ["%x"], [], "%n", 1)
        finite = f.emit(f"fcmp ord {self.dtype} {f.arithmetic('fsub', top, top)}, 0.0")
        top = f.emit(f"select i1 {finite}, {self.dtype} {top}, {self.dtype} 0.0")
        (total,) = f.run("grown", ["%x"], [top], "%n", 1)
        f.save(f.arithmetic("fadd", top, f.log(total)), "%level")
        f.do("ret void")

    def logsumexp_back(self) -> None:
        """exp(x - level) g."""
        self.sweep("moved", 1, 1, 2, [], lambda b, x, s: ([b.mul(exp(b, b.sub(x[0], s[0])), s[1])], []), 2)
        f = self.row("dx", "x", "level", "g")
        f.run("moved", ["%dx", "%x"], [f.load("%level"), f.load("%g")], "%n")
        f.do("ret void")

    def row_sum(self) -> None:
        """Sum over each row."""
        self.sweep("total", 1, 0, 0, ["add"], lambda b, x, s: ([], [x[0]]))
        f = self.row("sum", "x")
        f.save(f.run("total", ["%x"], [], "%n", 1)[0], "%sum")
        f.do("ret void")

    def row_squares(self) -> None:
        """Sum of (x - shift)^2 over each row."""
        self.sweep("squares", 1, 0, 1, ["add"], _squares)
        f = self.row("sum", "x", "shift")
        f.save(f.run("squares", ["%x"], [f.load("%shift")], "%n", 1)[0], "%sum")
        f.do("ret void")

    def column_sum(self) -> None:
        """Sum over rows."""
        self.sweep("gathered", 2, 1, 0, [], lambda b, x, s: ([b.add(x[0], x[1])], []))
        f = self.row("sum", "x")
        f.run("gathered", ["%sum", "%x", "%sum"], [], "%n")
        f.do("ret void")

    def cross_entropy(self, smooth: bool = False) -> None:
        """log(sum(exp(x))) - x[target], and log(sum(exp(x))); 0 for a target that is ignored.

        Two marks become 1: the first where a target is ignored, the second where one is no class.
        smooth: for x[target], the number c1 times the mean of x and the rest times x[target].
        """
        joins = ["max", "add"] if smooth else ["max"]
        self.sweep("greatest", 1, 0, 0, joins, lambda b, x, s: ([], [x[0]] * len(joins)))
        self.sweep("grown", 1, 0, 1, ["add"], lambda b, x, s: ([], _grown(b, x, s)[1]), 2)
        f = self.row("loss", "level", "marks", "x", "target", numbers=1 + smooth)
        top, *total_x = f.run("greatest", ["%x"], [], "%n", len(joins))
        (total,) = f.run("grown", ["%x"], [top], "%n", 1)
        level = f.arithmetic("fadd", top, f.log(total))
        ignored, place = checked_target(f)
        score = f.load(f.offset("%x", place, self.dtype))
        if smooth:
            mean = f.arithmetic("fdiv", total_x[0], f.emit(f"uitofp i64 %n to {self.dtype}"))
            score = f.arithmetic("fmul", score, f.arithmetic("fsub", "1.0", "%c1"))
            score = f.arithmetic("fadd", score, f.arithmetic("fmul", mean, "%c1"))
        loss = f.arithmetic("fsub", level, score)
        f.save(f.emit(f"select i1 {ignored}, {self.dtype} 0.0, {self.dtype} {loss}"), "%loss")
        f.save(level, "%level")
        f.do("ret void")

    def cross_entropy_smooth(self) -> None:
        """The same with labels smoothed by the number c1."""
        self.cross_entropy(True)

    def cross_entropy_ahead(self) -> None:
        """What `cross_entropy` gives, and the gradient c1 (softmax(x) - [class = target]), 0 where it is ignored."""
        self.sweep("greatest", 1, 0, 0, ["max"], lambda b, x, s: ([], [x[0]]))
        self.sweep("grown", 1, 1, 1, ["add"], _grown, 2)
        self.sweep("scaled", 1, 1, 1, [], lambda b, x, s: ([b.mul(x[0], s[0])], []))
        f = self.row("dx", "loss", "level", "marks", "x", "target", numbers=2)
        (top,) = f.run("greatest", ["%x"], [], "%n", 1)
        (total,) = f.run("grown", ["%dx", "%x"], [top], "%n", 1)
        level = f.arithmetic("fadd", top, f.log(total))
        ignored, place = checked_target(f)
        loss = f.arithmetic("fsub", level, f.load(f.offset("%x", place, self.dtype)))
        f.save(f.emit(f"select i1 {ignored}, {self.dtype} 0.0, {self.dtype} {loss}"), "%loss")
        f.save(level, "%level")
        scale = f.emit(f"select i1 {ignored}, {self.dtype} 0.0, {self.dtype} %c1")
        f.run("scaled", ["%dx", "%dx"], [f.arithmetic("fdiv", scale, total)], "%n")
        at = f.offset("%dx", place, self.dtype)
        f.save(f.arithmetic("fsub", f.load(at), scale), at)
        f.do("ret void")

    def cross_entropy_back(self, smooth: bool = False) -> None:
        """scale (p - [class = target]) + given p with p = exp(x - level); scale is 0 for a target that is ignored.

        smooth: the number c1 of what is taken off p is spread over all classes.
        """

        def body(b: Any, x: list[str], s: list[str]) -> tuple[list[Any], list[Any]]:
            share = b.mul(exp(b, b.sub(x[0], s[0])), s[1])
            return [b.sub(share, s[2]) if smooth else share], []

        self.sweep("moved", 1, 1, 2 + smooth, [], body, 2)
        f = self.row("dx", "x", "level", "target", "scale", "given", numbers=1 + smooth)
        target, ignored = ignored_target(f)
        scale = f.emit(f"select i1 {ignored}, {self.dtype} 0.0, {self.dtype} {f.load('%scale')}")
        whole = f.arithmetic("fadd", scale, f.load("%given"))
        spread = []
        if smooth:
            some = f.arithmetic("fmul", scale, "%c1")
            spread = [f.arithmetic("fdiv", some, f.emit(f"uitofp i64 %n to {self.dtype}"))]
            scale = f.arithmetic("fsub", scale, some)
        f.run("moved", ["%dx", "%x"], [f.load("%level"), whole, *spread], "%n")
        at = f.offset("%dx", f.emit(f"select i1 {ignored}, i64 0, i64 {target}"), self.dtype)
        f.save(f.arithmetic("fsub", f.load(at), scale), at)
        f.do("ret void")

    def cross_entropy_smooth_back(self) -> None:
        """The same with labels smoothed by the number c1."""
        self.cross_entropy_back(True)


def ignored_target(f: Row) -> tuple[str, str]:
    """The row's class, and whether it is the ignored one (the number c0)."""
    target = f.emit("load i64, ptr %target")
    return target, f.long("icmp eq", target, f.emit(f"fptosi {f.dtype} %c0 to i64"))


def checked_target(f: Row) -> tuple[str, str]:
    """Whether the row's class is ignored, and where it stands: 0 if it is ignored, or no class, which marks tell."""
    target, ignored = ignored_target(f)
    outside = f.long("icmp uge", target, "%n")
    f.when(
        ignored,
        lambda: f.put("%marks", 0, "i64", "1"),
        lambda: f.when(outside, lambda: f.put("%marks", 1, "i64", "1")),
    )
    return ignored, f.emit(f"select i1 {f.emit(f'or i1 {ignored}, {outside}')}, i64 0, i64 {target}")


def _grown(b: Block, x: list[str], s: list[str]) -> tuple[list[Any], list[Any]]:
    e = exp(b, b.sub(x[0], s[0]))
    return [e], [e]


def _squares(b: Block, x: list[str], s: list[str]) -> tuple[list[Any], list[Any]]:
    d = b.sub(x[0], s[0])
    return [], [b.mul(d, d)]


def _moments(b: Block, x: list[str], s: list[str]) -> tuple[list[Any], list[Any]]:
    given = b.mul(x[0], x[2])
    return [], [given, b.mul(given, b.mul(b.sub(x[1], s[0]), s[1]))]


def _moved(b: Block, x: list[str], s: list[str]) -> tuple[list[Any], list[Any]]:
    normal = b.mul(b.sub(x[1], s[0]), s[1])
    dx = b.sub(b.mul(b.mul(x[0], x[2]), s[1]), b.fma(normal, s[2], s[3]))
    return [dx, b.fma(normal, x[0], x[3]), b.add(x[0], x[4])], []


def pieces(kernel: Kernel, dtype: str, symbol: str) -> Function:
    """`void f_piece(table, index)`: the rows of one piece.

    Table: pointers, rows, row length, rows of a piece, numbers.
    """
    f = Function(f"define internal void @{symbol}_piece(ptr %table, i64 %index)")
    count = len(kernel.operands)
    pointers = [f.field("%table", k) for k in range(count)]
    rows, n, some = (f.field("%table", count + k, "i64") for k in range(3))
    numbers = [f.field("%table", count + 3 + k, "double") for k in range(kernel.numbers)]
    if dtype == "float":
        numbers = [f.emit(f"fptrunc double {x} to float") for x in numbers]
    size = 4 if dtype == "float" else 8
    begin = f.long("mul", "%index", some)
    end = f.least(f.long("add", begin, some), rows)
    if kernel.columns:
        clear(f, pointers, kernel.columns, n, size)

    def one(row: str) -> None:
        at = []
        for k, step in enumerate(kernel.operands):
            if k < kernel.columns:
                at.append(f.offset(pointers[k], f.long("mul", "%index", n), dtype))
            elif step == "row":
                at.append(f.offset(pointers[k], f.long("mul", row, n), dtype))
            elif step == "all":
                at.append(pointers[k])
            else:
                at.append(f.offset(pointers[k], row, "i64" if step == "long" else dtype))
        given = [*(f"ptr {p}" for p in at), *(f"{dtype} {x}" for x in numbers), f"i64 {n}"]
        f.do(f"call void @row({', '.join(given)})")

    f.loop(begin, end, 1, one)
    f.do("ret void")
    return f


def clear(f: Function, pointers: Sequence[str], columns: int, n: str, size: int) -> None:
    """Zeros in the piece's rooms of sums."""
    f.declared.add("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
    length = f.long("mul", n, size)
    for k in range(columns):
        room = f.offset(pointers[k], f.long("mul", "%index", length))
        f.do(f"call void @llvm.memset.p0.i64(ptr {room}, i8 0, i64 {length}, i1 false)")


def caller(kernel: Kernel, symbol: str) -> Function:
    """`void f(table)`: all pieces."""
    f = Function(f"define void @{symbol}(ptr %table)")
    count = len(kernel.operands)
    rows, some = f.field("%table", count, "i64"), f.field("%table", count + 2, "i64")
    number = f.long("udiv", f.long("sub", f.long("add", rows, some), 1), some)
    f.do(f"call void @wengert_parallel(ptr @{symbol}_piece, ptr %table, i64 {number})")
    f.do("ret void")
    return f
