"""Counting the multiplications and additions of a program (`FlopCounterMode`), by operator and by module."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from math import prod
from typing import Any

from wengert._ops import ops
from wengert.core.tape.core import AccumulateGrad, TensorBase
from wengert.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from wengert.utils.interception import interception

Count = Callable[[Any, tuple[Any, ...], Any], tuple[str, int]]


def mm_flops(rows: int, inner: int, columns: int, batch: int = 1) -> int:
    """2 n k m for a product of an n x k with a k x m matrix."""
    return 2 * batch * rows * inner * columns


def product(name: str, first: int, second: int) -> Count:
    """The count of a product of the matrices (or batches of them) at two places among the arguments."""

    def count(op: Any, args: tuple[Any, ...], out: Any) -> tuple[str, int]:
        a, b = args[first].shape, args[second].shape
        return name, mm_flops(a[-2], a[-1], b[-1], prod(a[:-2]))

    return count


def linear(op: Any, args: tuple[Any, ...], out: Any) -> tuple[str, int]:
    """Products of rows with the transposed weight."""
    x, weight = args[0].shape, args[1].shape
    return ("addmm" if op.name == "linear_bias" else "mm"), 2 * prod(x) * weight[0]


def convolution(op: Any, args: tuple[Any, ...], out: Any) -> tuple[str, int]:
    """Two for each weight that each output element (transposed: input element) meets."""
    x, weight, transposed = args[0].shape, args[1].shape, args[6]
    places = x[2:] if transposed else out.shape[2:]
    return "convolution", 2 * x[0] * prod(weight) * prod(places)


def attention(op: Any, args: tuple[Any, ...], out: Any) -> tuple[str, int]:
    """Products of queries with keys, and of weights with values."""
    query, key, value = (x.shape for x in args[0][:3])
    batch = prod(query[:-2])
    flops = mm_flops(query[-2], query[-1], key[-2], batch) + mm_flops(query[-2], key[-2], value[-1], batch)
    return "_scaled_dot_product_attention", flops


COUNTS: dict[str, Count] = {
    "mm": product("mm", 0, 1), "bmm": product("bmm", 0, 1), "addmm": product("addmm", 1, 2),
    "baddbmm": product("baddbmm", 1, 2), "linear_bias": linear, "linear_plain": linear, "convolution": convolution,
    "attention": attention,
}  # fmt: skip
"""Operator -> (the name it is counted under, its flops)."""
_BACKWARD = {"convolution": "convolution_backward", "addmm": "mm", "baddbmm": "bmm", "mm": "mm", "bmm": "bmm"}
flop_registry = COUNTS


class FlopCounterMode:
    """A block in which flops are counted, those of backward passes inside it too.

    display: print a table at the end, of modules down to `depth`.  A pass back through a product costs the product
    again for each factor that requires gradients.  Products with vectors and elementwise operators count nothing, as
    in torch.
    """

    def __init__(self, mods: Any = None, depth: int = 2, display: bool = True, custom_mapping: Any = None) -> None:
        self.flop_counts: dict[str, dict[Any, int]] = defaultdict(lambda: defaultdict(int))
        self.depth, self.display = depth, display
        self.custom = {str(name).removeprefix("aten."): count for name, count in (custom_mapping or {}).items()}
        self.names: dict[int, str] = {}
        self.open: list[str] = []
        self.active = False

    def __enter__(self) -> FlopCounterMode:
        self.flop_counts.clear()
        self.active = True
        self.handles = [
            register_module_forward_pre_hook(self.enter), register_module_forward_hook(self.leave),
        ]  # fmt: skip
        self.block = interception(self.seen)
        self.block.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.block.__exit__(*error)
        for handle in self.handles:
            handle.remove()
        self.active = False
        self.open.clear()
        if self.display:
            print(self.get_table(self.depth))

    def enter(self, module: Any, args: Any) -> None:
        """Note the module that begins."""
        if not self.open:
            for name, below in module.named_modules():
                self.names.setdefault(id(below), ".".join(filter(None, (type(module).__name__, name))))
        self.open.append(self.names.get(id(module), type(module).__name__))

    def leave(self, module: Any, args: Any, output: Any) -> None:
        """Note that the module ends."""
        if self.open:
            self.open.pop()

    def seen(self, op: Any, args: tuple[Any, ...], run: Any) -> Any:
        """Run an operator and count it."""
        out = run(op, args)
        if op.name in self.custom:
            self.add(op.name, self.custom[op.name](*args, out_val=out), self.places())
        elif op.name in COUNTS:
            name, flops = COUNTS[op.name](op, args, out)
            self.add(name, flops, self.places())
            self.count_backward(name, flops, op, args, out)
        return out

    def places(self) -> tuple[str, ...]:
        """The modules that are running, and the whole."""
        return ("Global", *dict.fromkeys(self.open))

    def add(self, name: str, flops: int, places: tuple[str, ...]) -> None:
        """Count flops of an operator."""
        for place in places:
            self.flop_counts[place][getattr(ops.aten, name, name)] += flops

    def count_backward(self, name: str, flops: int, op: Any, args: tuple[Any, ...], out: Any) -> None:
        """Count the pass back through an operator when it happens."""
        node = getattr(out, "grad_fn", None)
        if node is None or isinstance(node, AccumulateGrad):
            return
        factors = args[0][:3] if op.name == "attention" else [x for x in op.values(args) if isinstance(x, TensorBase)]
        if op.name in ("linear_bias", "convolution"):
            factors = factors[:2]
        elif op.name in ("addmm", "baddbmm"):
            factors = factors[1:]
        wanted = sum(getattr(x, "requires_grad", False) for x in factors)
        places, counted = self.places(), _BACKWARD.get(name, f"{name}_backward")

        def count(grads: Any) -> None:
            if self.active:
                self.add(counted, flops * wanted, places)

        node.register_prehook(count)

    def get_total_flops(self) -> int:
        """All flops."""
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self) -> dict[str, dict[Any, int]]:
        """Module's name ("Global" for all) -> operator -> flops."""
        return {name: dict(counts) for name, counts in self.flop_counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """Modules down to `depth` with their flops and their part of the whole."""
        depth = self.depth if depth is None else depth
        total = self.get_total_flops()
        rows = [("Module", "FLOP", "% Total")]
        for name in sorted(self.flop_counts):
            level = 0 if name == "Global" else name.count(".") + 1
            if level <= depth:
                indent = " " * level
                flops = sum(self.flop_counts[name].values())
                rows.append((indent + name, str(flops), f"{100 * flops / total if total else 0:.2f}%"))
                for function, count in self.flop_counts[name].items():
                    rows.append((f"{indent} - {function}", str(count), f"{100 * count / total if total else 0:.2f}%"))
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = [f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}".rstrip() for row in rows]
        return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


__all__ = ["FlopCounterMode", "flop_registry"]
