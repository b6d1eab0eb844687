"""Observers of a running program, told when an operator, in-place write, custom Function or rule begins and ends.

An observer that is open stands in the mode of the tape and in the way sweeps are run; with none open, nothing of this
is in any path.  Observers belong to the thread or task that opened them.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar
from heapq import heappop
from typing import Any

from wengert.core.arrays.quiet import hush, restore
from wengert.core.tape import function, hot, inplace
from wengert.core.tape.backward import SWEEPER
from wengert.core.tape.core import (
    AccumulateGrad,
    all_none,
    before_node,
    deliver,
    deliver_nothing,
    dressed_rule,
    fit_raw,
    fit_recorded,
    next_seq,
    rule_of_nothing,
    sweep,
)
from wengert.core.tape.modes import MODE
from wengert.core.tensor import indexing
from wengert.utils.interception import Handler, install

OPERATOR, INPLACE, FUNCTION, INDEX, VISIT, RULE = "operator", "inplace", "function", "index", "visit", "rule"
ACTIVE: ContextVar[tuple[Observer, ...]] = ContextVar("wengert_observers", default=())


class Observer:
    """What is told of a program; `begin` gives a token that `end` is handed back.

    kind: OPERATOR, INPLACE, FUNCTION or INDEX, with the record (or class and node) as subject and the full arguments;
    VISIT and RULE in a sweep, with the node and the gradient that arrived: RULE is the rule alone, VISIT all that is
    done for the node.  `end` gets the result, None where there was an error.
    """

    def begin(self, kind: str, subject: Any, args: Any) -> Any:
        """Something begins."""
        raise TypeError(f"{type(self).__name__} must say what it does when something begins")

    def end(self, token: Any, result: Any) -> None:
        """It ended."""

    def swept(self, roots: Any) -> None:
        """A sweep begins, from [(node, output number, gradient)]."""

    def seen(self, op: Any, args: tuple[Any, ...], run: Any) -> Any:
        """An operator on its way (as a handler of `interception`)."""
        token, out = self.begin(OPERATOR, op, args), None
        try:
            out = run(op, args)
        finally:
            self.end(token, out)
        return out

    def open(self) -> None:
        """Observe from now on what this thread or task does."""
        install(frozenset())
        self.handler = Handler(self.seen, frozenset())
        mode = MODE.get()
        MODE.set(mode.but(overrides=(*mode.overrides, self.handler)))
        if not ACTIVE.get():
            self.sweeper: Any = SWEEPER.get()
            SWEEPER.set(observed_sweep if self.sweeper is sweep else observed(self.sweeper))
        else:
            self.sweeper = ACTIVE.get()[0].sweeper
        ACTIVE.set((*ACTIVE.get(), self))
        exchange(1)

    def close(self) -> None:
        """Observe no longer."""
        mode = MODE.get()
        MODE.set(mode.but(overrides=tuple([h for h in mode.overrides if h is not self.handler])))
        ACTIVE.set(tuple([observer for observer in ACTIVE.get() if observer is not self]))
        if not ACTIVE.get():
            SWEEPER.set(self.sweeper)
        exchange(-1)


def begun(kind: str, subject: Any, args: Any) -> list[tuple[Observer, Any]]:
    """Tell the open observers that something begins."""
    return [(observer, observer.begin(kind, subject, args)) for observer in ACTIVE.get()]


def ended(tokens: list[tuple[Observer, Any]], result: Any) -> None:
    """Tell them that it ended."""
    for observer, token in reversed(tokens):
        observer.end(token, result)


# ---------------------------------------------------------------- what goes by the operators' common way

_write, _forward, _general = inplace.apply_inplace, function.run_forward, indexing.general
_short = hot.write2
_open = [0]
_lock = threading.Lock()


def write(op: Any, args: tuple[Any, ...], depth: int = 3, *more: Any) -> Any:
    """An in-place operation."""
    tokens, out = begun(INPLACE, op, args), None
    try:
        out = _write(op, args, depth, *more)
    finally:
        ended(tokens, out)
    return out


def short(a: Any, b: Any, operation: int, depth: int) -> Any:
    """A plain write by one function of NumPy; False where somebody observes, and it goes the longer way."""
    return False if ACTIVE.get() else _short(a, b, operation, depth)


def forward(cls: Any, node: Any, args: tuple[Any, ...], kwargs: Any, mode: Any) -> Any:
    """The forward of a custom Function."""
    tokens, out = begun(FUNCTION, (cls, node), args), None
    try:
        out = _forward(cls, node, args, kwargs, mode)
    finally:
        ended(tokens, out)
    return out


def general(x: Any, items: tuple[Any, ...]) -> Any:
    """Reading elements of a tensor."""
    tokens, out = begun(INDEX, "index", (x, items)), None
    try:
        out = _general(x, items)
    finally:
        ended(tokens, out)
    return out


def exchange(change: int) -> None:
    """Put the observed forms in place of the plain ones while an observer is open anywhere."""
    with _lock:
        _open[0] += change
        on = _open[0] > 0
        inplace.apply_inplace = indexing.apply_inplace = write if on else _write  # type: ignore[assignment]
        hot.write2 = short if on else _short  # type: ignore[assignment]
        function.run_forward = forward if on else _forward  # type: ignore[assignment]
        indexing.general = general if on else _general  # type: ignore[assignment]


# ---------------------------------------------------------------- sweeps


def observed(sweeper: Any) -> Any:
    """A sweep of another kind, told as one visit."""

    def run(roots: Any, retain: Any, create: Any, plan: Any = None) -> None:
        tokens = begun(VISIT, sweeper, None)
        try:
            sweeper(roots, retain, create, plan)
        finally:
            ended(tokens, None)

    return run


def observed_sweep(roots: list[Any], retain: bool, create: Any, plan: Any = None) -> None:
    """The reverse sweep (`sweep` of core/tape/core.py) in its plain form, each node between `begin` and `end`."""
    mode = MODE.get()
    token = MODE.set(mode.but(grad=create is True))
    quiet = hush()
    pending: dict[int, Any] = {}
    nodes: dict[int, Any] = {}
    heap: list[int] = []
    running = (next_seq(), roots, plan)
    for observer in ACTIVE.get():
        observer.swept(roots)
    try:
        for node, nr, g in roots:
            deliver(pending, nodes, heap, node, nr, g, create)
        del g
        while heap:
            seq = -heappop(heap)
            node, g = nodes.pop(seq), pending.pop(seq)
            if plan is not None and node not in plan.visited:
                continue
            through = plan is None or node in plan.needed or node not in plan.captured
            if plan is not None and through and node in plan.captured:
                plan.goes_on(node, g)
            if node._extra is not None:
                g = before_node(node, g, create, running)
            if not through and not plan.goes_on(node, g):
                continue
            visit = begun(VISIT, node, g)
            try:
                grads = ruled(node, g, create, mode)
                g = None
                if not retain:
                    node.release()
                hand_on(node, grads, (pending, nodes, heap), create)
                grads = None
            finally:
                ended(visit, None)
    finally:
        restore(quiet)
        MODE.reset(token)


def ruled(node: Any, g: Any, create: Any, mode: Any) -> Any:
    """What a node's rule gives."""
    tokens = begun(RULE, node, g)
    grads = None
    try:
        if node._extra is not None or mode.anomaly:
            grads = dressed_rule(node, g, create, mode)
        elif g is None or (g.__class__ is list and all_none(g)):
            grads = rule_of_nothing(node, g, create)
        elif node.__class__ is AccumulateGrad and not create:
            # The leaf keeps an array that nobody else holds; from here there is always somebody else.
            grads = node.vjp(g)
        else:
            grads = node.vjp_recorded(g) if create else node.vjp(g)
    finally:
        ended(tokens, grads)
    return grads


def hand_on(node: Any, grads: Any, waiting: tuple[Any, Any, Any], create: Any) -> None:
    """Deliver a rule's gradients to the node's inputs."""
    fits = node._fit
    for i, (target, g) in enumerate(zip(node._inputs, grads, strict=False)):
        if target is None:
            continue
        if g is None:
            deliver_nothing(*waiting, target)
            continue
        nr = 0
        if fits is not None:
            nr, shape, dtype = fits[i]
            if shape is not None:
                g = fit_recorded(g, shape, dtype) if create else fit_raw(g, shape, dtype)
        deliver(*waiting, target, nr, g, create)


__all__ = ["FUNCTION", "INDEX", "INPLACE", "OPERATOR", "RULE", "VISIT", "Observer", "observed_sweep"]
