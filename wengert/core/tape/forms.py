# cython: annotation_typing=False
"""What the flat paths need to know of an operator, worked out once: its body, what it keeps, its node's class."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays.quiet import IGNORING, VARIABLE, hush, restore
from wengert.core.arrays.windows import WINDOWS
from wengert.core.base import uncompiled as cython
from wengert.core.operators.kinds import Elementwise
from wengert.core.operators.raw import NUMPY
from wengert.core.operators.record import FIRST, RESULT, Op
from wengert.core.tape.dispatch import node_class_of

if cython.compiled:
    from cython.cimports.wengert.core.tape.interpreter import enter_context, leave_context

    @cython.cfunc
    @cython.inline
    def _hush() -> object:
        return hush() if VARIABLE is None else enter_context(VARIABLE, IGNORING)

    @cython.cfunc
    @cython.inline
    def _restore(token: object) -> object:
        return restore(token) if VARIABLE is None else leave_context(VARIABLE, token)

else:
    _hush, _restore = hush, restore

_ndarray = np.ndarray
FEW = 1024
"""Elements up to which copying an array and a loop of our own are quicker than NumPy's functions on it."""

NOTHING_KEPT, INPUT_KEPT, RESULT_KEPT, OTHER_KEPT = range(4)


@cython.cclass
class Form:
    """What the flat path needs to know of an operator, worked out once."""

    __slots__ = (
        "op",
        "body",
        "quick",
        "where",
        "positional",
        "names",
        "view",
        "elementwise",
        "mixed",
        "numbers",
        "differentiable",
        "keeps",
        "node_class",
        "usual",
    )

    def __init__(self, op: Op) -> None:
        self.op, self.body, self.quick = op, op.body, op.quick or WINDOWS.get(op.name)
        self.where: Any = NUMPY if op.recorded_body else np
        self.positional = op.positional
        self.names = op.params[op.positional :]
        self.view = op.kind.view
        self.elementwise = isinstance(op.kind, Elementwise)
        self.mixed = op.promote != "common" and op.promote != "float"
        self.numbers = op.promote != "none" and op.numbers != "none"
        self.differentiable = op.kind.differentiable
        self.keeps = tuple(RESULT_KEPT if p == RESULT else INPUT_KEPT if p == FIRST else OTHER_KEPT for p in op.saves)
        self.node_class: Any = None
        given = [op.defaults.get(name, self) for name in self.names]
        self.usual = tuple([] if self in given else given)

    def compute(self, args: tuple[Any, ...]) -> Any:
        """Run the body on raw arguments, or the loop that stands in for it."""
        if self.quick is not None:
            found = self.quick(args)
            if found is None and self.elementwise:
                given = together(args)
                found = None if given is None else self.quick(given)
            if found is not None:
                return found
        token = _hush()
        try:
            return self.by_body(args)
        finally:
            _restore(token)

    def by_body(self, args: tuple[Any, ...]) -> Any:
        """Run the body: without the keyword arguments where each is the default."""
        if not self.names:
            return self.body(self.where, *args)
        k = self.positional
        i = k
        for value in self.usual:
            if args[i] is not value:
                break
            i += 1
        if i == len(args):
            return self.body(self.where, args[0]) if k == 1 else self.body(self.where, *args[:k])
        return self.body(self.where, *args[:k], **dict(zip(self.names, args[k:], strict=True)))

    def seen(self, a: Any, args: tuple[Any, ...]) -> Any:
        """The view of the raw array `a`; `args` holds the tensor in its place."""
        count = len(args)
        if count == 2 and not self.names and self.quick is None:
            return self.body(self.where, a, args[1])
        if count == 1 and self.quick is None:
            return self.body(self.where, a)
        return self.compute(led(a, args))


def together(args: tuple[Any, ...]) -> Any:
    """The arguments with small arrays that have gaps between their rows copied; None where there are none.

    Such an array is a piece of another one; a result has its order of dims, but no gaps.
    """
    found: list[Any] = []
    gaps = False
    for x in args:
        if type(x) is _ndarray and not x.flags.c_contiguous:
            if x.size > FEW:
                return None
            last = 0
            for step in reversed(x.strides):
                if step < last:
                    return None
                last = step
            x = x.copy("C")
            gaps = True
        found.append(x)
    return tuple(found) if gaps else None


def led(first: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments with another first one; for a few of them without unpacking."""
    count = len(args)
    if count == 1:
        return (first,)
    if count == 2:
        return (first, args[1])
    if count == 3:
        return (first, args[1], args[2])
    return (first, *args[1:])


def class_of(form: Form, args: tuple[Any, ...], many: bool = False) -> Any:
    """The node class, made on first use (each time anew where its name depends on the arguments)."""
    found = node_class_of(form.op, many, args)
    if not callable(form.op.backward_name):
        form.node_class = found
    return found
