"""Text of passes: one loop over contiguous memory that reads rows, writes rows, and joins elements to numbers.

A pass named `f` becomes `void f(results..., rows..., numbers..., ptr joined, i64 n)`: `joined` receives one number for
each way of joining ("add", or "max", which may lose a nan).  Partial results are kept in several vectors and joined in
a fixed order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wengert.core.kernels.host import Target
from wengert.core.kernels.text import Block

__all__ = ["Pass"]

Body = Callable[[Block, list[str], list[str]], tuple[list[Any], list[Any]]]
"""(block, rows, numbers) -> values of the results, values to be joined."""

_START = {"add": 0.0, "max": float("-inf")}


class Pass(Block):
    """A pass; it is complete when made."""

    def __init__(
        self,
        target: Target,
        dtype: str,
        name: str,
        rows: int,
        results: int,
        numbers: int,
        joins: Sequence[str],
        body: Body,
        unroll: int = 4,
    ) -> None:
        pointers = [*(f"ptr %o{k}" for k in range(results)), *(f"ptr %x{k}" for k in range(rows))]
        given = ", ".join([*pointers, *(f"{dtype} %s{k}" for k in range(numbers)), "ptr %joined", "i64 %n"])
        super().__init__(target, dtype, head=f"define internal void @{name}({given})")
        self.rows, self.results, self.joins, self.body, self.unroll = rows, results, joins, body, unroll
        self.wide = [self.splat(f"%s{k}") for k in range(numbers)]
        # Accumulators live in memory until the optimiser of registers; loops carry them as phis.
        starts = [[self.value(_START[j]) for j in joins] for _ in range(unroll)]
        many = self.long("and", "%n", -self.lanes * unroll)
        full = self.long("and", "%n", -self.lanes)
        found = self.carried("0", many, unroll, starts)
        firsts = [self.merged(j, [found[u][k] for u in range(unroll)]) for k, j in enumerate(joins)]
        found = self.carried(many, full, 1, [firsts])
        self.finish(full, found[0])

    def step(self, index: str, before: Sequence[str], mask: str | None = None) -> list[str]:
        """One vector; the accumulators afterwards."""
        rows = [self.load(self.offset(f"%x{k}", index, self.dtype), mask) for k in range(self.rows)]
        values, joined = self.body(self, rows, self.wide)
        for k, value in enumerate(values):
            self.store(value, self.offset(f"%o{k}", index, self.dtype), mask)
        after = [self.merged(j, [a, x]) for j, a, x in zip(self.joins, before, joined, strict=True)]
        return after if mask is None else [self.select(mask, x, a) for x, a in zip(after, before, strict=True)]

    def merged(self, join: str, values: Sequence[Any]) -> str:
        """Vectors joined in order."""
        result = values[0]
        for value in values[1:]:
            result = self.add(result, value) if join == "add" else self.larger(value, result)
        return result

    def carried(self, start: str, end: str, unroll: int, before: list[list[str]]) -> list[list[str]]:
        """A loop of `unroll` vectors at a time that carries accumulators; what they are afterwards."""
        tag = self.name()
        self.do(f"br label %{tag}p")
        self.label(f"{tag}p")
        self.do(f"br label %{tag}h")
        self.label(f"{tag}h")
        places = [[f"%{tag}a{u}_{k}" for k in range(len(self.joins))] for u in range(unroll)]
        at = len(self.lines)
        self.do(f"%{tag}i = phi i64 [{start}, %{tag}p], [%{tag}n, %{tag}b]")
        inside = self.long("icmp ult", f"%{tag}i", end)
        self.do(f"br i1 {inside}, label %{tag}b, label %{tag}x")
        self.label(f"{tag}b")
        after = []
        for u in range(unroll):
            index = self.long("add", f"%{tag}i", u * self.lanes) if u else f"%{tag}i"
            after.append(self.step(index, places[u]))
        self.do(f"%{tag}n = add i64 %{tag}i, {unroll * self.lanes}")
        self.do(f"br label %{tag}h")
        self.label(f"{tag}x")
        phis = [
            f"  {places[u][k]} = phi {self.kind} [{before[u][k]}, %{tag}p], [{after[u][k]}, %{tag}b]"
            for u in range(unroll)
            for k in range(len(self.joins))
        ]
        self.lines[at:at] = phis
        return places

    def finish(self, full: str, before: list[str]) -> None:
        """The elements that fill no vector, and the joining of lanes."""
        tag = self.name()
        rest = self.long("icmp ult", full, "%n")
        self.do(f"br label %{tag}p")
        self.label(f"{tag}p")
        self.do(f"br i1 {rest}, label %{tag}t, label %{tag}x")
        self.label(f"{tag}t")
        after = self.step(full, before, self.first_lanes(self.long("sub", "%n", full)))
        self.do(f"br label %{tag}x")
        self.label(f"{tag}x")
        after = [
            self.emit(f"phi {self.kind} [{a}, %{tag}p], [{x}, %{tag}t]") for a, x in zip(before, after, strict=True)
        ]
        for k, join in enumerate(self.joins):
            self.do(f"store {self.dtype} {self.reduce(join, after[k])}, ptr {self.offset('%joined', k, self.dtype)}")
        self.do("ret void")
