"""Leaves across a file: which live leaf a stored one was, its class, its name in the program."""

from __future__ import annotations

import os
import sys
import weakref
from importlib import import_module
from itertools import count
from typing import Any

from wengert.core.tape.core import AccumulateGrad, TensorBase, wrap
from wengert.files.graphs import graph as forms

_PACKAGE = __name__.partition(".")[0]
_OWN = __file__[: -len("files/graphs/origins.py")]
_FRAMES = 8
"""How many callers are asked for the names of their variables."""
_process: list[str] = []
_numbers = count(1)
_marks: Any = weakref.WeakKeyDictionary()
_living: Any = weakref.WeakValueDictionary()


def mark_of(node: Any) -> str:
    """What names a leaf's node in this process and in no other."""
    mark = _marks.get(node)
    if mark is None:
        if not _process:
            _process.append(os.urandom(12).hex())
        mark = _marks[node] = f"{_process[0]}-{next(_numbers)}"
        _living[mark] = node
    return mark


def living(mark: str, array: Any) -> Any:
    """The node of a leaf that is still alive here and has the shape, dtype and device of an array; else None."""
    node = _living.get(mark)
    if node is None:
        return None
    leaf = node.variable
    a = leaf._array
    same = a.shape == array.shape and a.dtype == array.dtype and a.__class__ is array.__class__
    return node if same and leaf._flags & 1 and leaf._node is node else None


def is_parameter(kind: type) -> bool:
    """Whether a class of leaves is nn.Parameter."""
    return any(base.__module__ == f"{_PACKAGE}.nn.parameter" and base.__name__ == "Parameter" for base in kind.__mro__)


def made(array: Any, parameter: bool) -> Any:
    """A leaf that wants a gradient, over this array."""
    if parameter:
        return import_module(f"{_PACKAGE}.nn.parameter").Parameter(wrap(array))
    return wrap(array).requires_grad_()


forms.LEAVES.update(make=made, plain=wrap)


def names_of(leaves: dict[int, Any], given: Any = None) -> dict[int, str]:
    """Names for leaves (index of the node -> leaf): as given, else those of the program's variables.

    given: a mapping from name to tensor, or a module (anything with `named_parameters`).
    """
    wanted = {id(leaf): index for index, leaf in leaves.items()}
    found: dict[int, str] = {}
    if given is not None:
        pairs = given.named_parameters() if hasattr(given, "named_parameters") else given.items()
        for name, x in pairs:
            if id(x) in wanted:
                found.setdefault(wanted[id(x)], str(name))
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_OWN):
        frame = frame.f_back
    for _ in range(_FRAMES):
        if frame is None or len(found) == len(wanted):
            break
        for space in (frame.f_locals, frame.f_globals):
            from_variables(space, wanted, found)
        frame = frame.f_back
    return found


def from_variables(space: Any, wanted: dict[int, int], found: dict[int, str]) -> None:
    """Names of leaves among a program's variables, then among its modules' parameters."""
    taken = set(found.values())
    modules = []
    for name, x in list(space.items()):
        if isinstance(x, TensorBase):
            if id(x) in wanted and wanted[id(x)] not in found and name not in taken:
                found[wanted[id(x)]] = name
                taken.add(name)
        elif hasattr(x.__class__, "named_parameters"):
            modules.append((name, x))
    for name, module in modules:
        for path, x in module.named_parameters():
            full = f"{name}.{path}"
            if id(x) in wanted and wanted[id(x)] not in found and full not in taken:
                found[wanted[id(x)]] = full


def leaves(*tensors: Any) -> dict[str, Any]:
    """The leaves that the graph behind tensors leads to, by name: names from the file, else `leaf_0`, `leaf_1` ..."""
    seen: set[Any] = set()
    waiting = [x._node for x in tensors if x._flags & 1]
    ends: list[Any] = []
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.__class__ is AccumulateGrad:
            ends.append(node)
        waiting.extend([target for target in node._inputs if target is not None and target not in seen])
    ends.sort(key=lambda node: node._seq)
    out: dict[str, Any] = {}
    for place, node in enumerate(ends):
        out[_names.get(node) or f"leaf_{place}"] = node.variable
    return out


_names: Any = weakref.WeakKeyDictionary()


def remember(node: Any, name: str) -> None:
    """Keep the name that a leaf had in its file."""
    _names.setdefault(node, name)


__all__ = ["is_parameter", "leaves", "living", "made", "mark_of", "names_of", "remember"]
