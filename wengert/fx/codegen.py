"""The text of a traced program: a Python function that does what its nodes say."""

from __future__ import annotations

import builtins
import math
import sys
from collections.abc import Callable
from functools import partial
from types import NoneType
from typing import Any, NamedTuple

from wengert.core.arrays.device import device
from wengert.core.arrays.dtype import dtype
from wengert.core.tensor.overridable import plain
from wengert.fx.node import Node, _get_qualified_name, is_builtin, map_arg, type_repr

INFIX = {
    "add": "+", "sub": "-", "mul": "*", "matmul": "@", "floordiv": "//", "truediv": "/", "mod": "%", "pow": "**",
    "lshift": "<<", "rshift": ">>", "and_": "&", "or_": "|", "xor": "^", "eq": "==", "ne": "!=", "lt": "<", "gt": ">",
    "le": "<=", "ge": ">=",
}  # fmt: skip
PREFIX = {"pos": "+", "neg": "-", "invert": "~"}
INPLACE = {
    "iadd": "+=", "iand": "&=", "ifloordiv": "//=", "ilshift": "<<=", "imod": "%=", "imul": "*=", "imatmul": "@=",
    "ior": "|=", "ipow": "**=", "irshift": ">>=", "isub": "-=", "itruediv": "/=", "ixor": "^=",
}  # fmt: skip


class PythonCode(NamedTuple):
    """The text of a program and the globals that it needs."""

    src: str
    globals: dict[str, Any]


class CodeGen:
    """Writes the text of a graph; `transform` may change its lines."""

    def __init__(self) -> None:
        self.transform: Callable[[list[str]], list[str]] | None = None
        self._body_transformer = None

    def generate(self, graph: Any, root: str) -> PythonCode:
        """The text of a graph whose module is called `root`."""
        return Writing(graph, root).code(self.transform)


class Writing:
    """One text that is being written."""

    def __init__(self, graph: Any, root: str) -> None:
        self.graph, self.root = graph, root
        package = sys.modules["wengert"]
        self.globals: dict[str, Any] = {
            "inf": math.inf, "nan": math.nan, "NoneType": NoneType, "torch": package, "device": device,
        }  # fmt: skip
        self.wrapped: list[str] = []
        self.inputs: list[str] = []
        self.returns = ""
        self.last_uses = self.uses()

    def uses(self) -> dict[Node, list[Node]]:
        """Node -> the nodes that are used there for the last time."""
        seen: set[Node] = set()
        found: dict[Node, list[Node]] = {}

        def note(node: Node, user: Node) -> Node:
            if node not in seen:
                seen.add(node)
                found.setdefault(user, []).append(node)
            return node

        for user in reversed(self.graph.nodes):
            for values in (user.args, user.kwargs):
                map_arg(values, partial(note, user=user))
        return found

    def code(self, transform: Callable[[list[str]], list[str]] | None) -> PythonCode:
        """The whole text."""
        lines = [line for node in self.graph.nodes if (line := self.line(node)) is not None] or ["pass"]
        if transform is not None:
            lines = [part for line in transform([line + "\n" for line in lines]) for part in line.splitlines()]
        wraps = "\n".join(f'torch.fx._symbolic_trace.wrap("{name}")' for name in self.wrapped)
        # Blank lines stand here as torch prints them.
        head = f"\n{wraps}\n\ndef " if wraps else "\n\n\ndef "
        body = "".join(f"    {line}\n" for line in lines)
        parameters = ", ".join([self.root, *self.inputs])
        return PythonCode(f"{head}forward({parameters}){self.returns}:\n{body}    ", self.globals)

    def line(self, node: Node) -> str | None:
        """The statement of a node; None where it needs none."""
        if node.op == "placeholder":
            kind = f" : {self.kind(node.type)}" if node.type is not None else ""
            default = f" = {self.text(node.args[0])}" if node.args else ""
            self.inputs.append(f"{node.target}{kind}{default}")
            name = node.target.replace("*", "")
            return f"{node.name} = {name}" if name != node.name else None
        if node.op == "output":
            if node.type is not None:
                self.returns = f" -> {self.kind(node.type)}"
            return f"return {self.text(node.args[0])}"
        return self.statement(node) + self.deletions(node)

    def statement(self, node: Node) -> str:
        """`name = what the node computes`."""
        kind = f" : {self.kind(node.type)}" if node.type is not None else ""
        start = f"{node.name}{kind} = "
        if node.op == "get_attr":
            return start + path(self.root, node.target)
        if node.op == "call_module":
            return f"{start}{path(self.root, node.target)}({self.arguments(node.args, node.kwargs)})"
        if node.op == "call_method":
            return f"{start}{path(self.text(node.args[0]), node.target)}({self.arguments(node.args[1:], node.kwargs)})"
        symbol = self.symbol(node)
        if symbol is not None:
            return symbol if node.target.__name__ in INPLACE else start + symbol
        return f"{start}{self.function(node.target)}({self.arguments(node.args, node.kwargs)})"

    def symbol(self, node: Node) -> str | None:
        """A call of Python's own operator as it is written; None for other calls."""
        target: Any = node.target
        args = [self.text(a) for a in node.args]
        if target is getattr and len(args) == 2 and isinstance(node.args[1], str) and node.args[1].isidentifier():
            return f"{args[0]}.{node.args[1]}"
        name = getattr(target, "__name__", "")
        if getattr(target, "__module__", None) != "_operator" or node.kwargs:
            return None
        if name in INFIX and len(args) == 2:
            return f"{args[0]} {INFIX[name]} {args[1]}"
        if name in PREFIX:
            return f"{PREFIX[name]}{args[0]}"
        if name in INPLACE:
            return f"{args[0]} {INPLACE[name]} {args[1]};  {node.name} = {args[0]}"
        return f"{args[0]}[{args[1]}]" if name == "getitem" else None

    def arguments(self, args: Any, kwargs: Any) -> str:
        """The arguments of a call."""
        return ", ".join([*map(self.text, args), *(f"{k} = {self.text(v)}" for k, v in kwargs.items())])

    def deletions(self, node: Node) -> str:
        """`;  a = b = None` for the values that are not used any more."""
        done = [*self.last_uses.get(node, ()), *(() if node.users else (node,))]
        return ";  " + " = ".join([*(n.name for n in done), "None"]) if done else ""

    def kind(self, value: Any) -> str:
        """A type in an annotation."""
        name = type_repr(value)
        if isinstance(value, type) and value.__module__ != "builtins":
            return self.known(name.replace(".", "_"), value)
        return name if getattr(builtins, name, None) is value else self.known("_annotation", value)

    def known(self, wish: str, value: Any) -> str:
        """The name of a global, made where there is none yet."""
        name, number = wish, 0
        while self.globals.get(name, value) is not value:
            number += 1
            name = f"{wish}_{number}"
        self.globals[name] = value
        return name

    def function(self, target: Any) -> str:
        """A function in a call: by its public name, or as a global."""
        target = plain(target)  # what is public bears a name
        if is_builtin(target):
            return str(target.__name__)
        if getattr(target, "__module__", None) == "_operator":
            return self.known(f"_operator_{target.__name__}", target)
        name = _get_qualified_name(target)
        if name.startswith("torch.") and resolves(name, target):
            return name
        named = self.known("".join(c if c.isalnum() else "_" for c in name), target)
        if getattr(target, "_fx_wrapped", False):
            self.wrapped.append(named)
        return named

    def text(self, value: Any) -> str:
        """An argument."""
        if isinstance(value, Node):
            return value.name
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return f"{self.known(type(value).__name__, type(value))}({', '.join(map(self.text, value))})"
        if isinstance(value, tuple):
            return f"({', '.join(map(self.text, value))}{',' if len(value) == 1 else ''})"
        if isinstance(value, list):
            return f"[{', '.join(map(self.text, value))}]"
        if isinstance(value, dict):
            return "{" + ", ".join(f"{k!r}: {self.text(v)}" for k, v in value.items()) + "}"
        if isinstance(value, slice):
            return f"slice({self.text(value.start)}, {self.text(value.stop)}, {self.text(value.step)})"
        if value is None or isinstance(value, (bool, int, float, complex, str, bytes, dtype, device)):
            return repr(value)
        if value is ...:
            return "Ellipsis"
        if isinstance(value, type) and is_builtin(value):
            return value.__name__
        return self.function(value) if callable(value) else self.constant(value)

    def constant(self, value: Any) -> str:
        """Any other value, as a global."""
        return self.known(f"_constant_{type(value).__name__}", value)


def resolves(name: str, target: Any) -> bool:
    """Whether a public name stands for this function."""
    place: Any = sys.modules["wengert"]
    for part in name.split(".")[1:]:
        place = getattr(place, part, None)
    return plain(place) is target


def path(base: str, target: str) -> str:
    """`base.a.b`, with getattr for parts that are no names."""
    for part in target.split("."):
        base = f"{base}.{part}" if part.isidentifier() else f'getattr({base}, "{part}")'
    return base


__all__ = ["INFIX", "INPLACE", "PREFIX", "CodeGen", "PythonCode"]
