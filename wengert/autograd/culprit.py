"""Which operation's gradient is wrong: differences at every intermediate of a function.

The function is run once more with each intermediate moved a little, and the change of the output is compared with the
gradient that arrives at that intermediate.  Read from the output, the gradients are right down to some place; what
consumes the first tensor whose gradient is wrong has the wrong rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from wengert.core.base.errors import WengertError
from wengert.core.tape.backward import grad as tape_grad
from wengert.core.tape.core import AccumulateGrad, TensorBase, node_name, where_text, wrap
from wengert.core.tape.modes import current, enter, leave

LIMIT = 200
"""Intermediates looked at; two evaluations of the function are spent on each."""


class Witness:
    """Sees every result of an operator the moment it is made, and moves one of them.

    It stands in the tape's mode where the trace of a custom Function stands.
    """

    def __init__(self, move: int = -1, step: Any = None) -> None:
        self.move, self.step = move, step
        self.seen: list[Any] = []

    def add(self, outs: Iterable[Any]) -> None:
        """Results of one operator."""
        for x in outs:
            if len(self.seen) == self.move and x._array.dtype.kind in "fc":
                x._array[...] += self.step.reshape(x._array.shape).astype(x._array.dtype)
            self.seen.append(x)

    def note(self, values: Iterable[Any], outs: Iterable[Any]) -> None:
        """An operator made `outs`."""
        self.add(outs)


def watched(func: Callable[..., Any], inputs: tuple[Any, ...], witness: Witness) -> Any:
    """func(*inputs) under a witness."""
    token = enter(current().but(trace=witness))
    try:
        return func(*inputs)
    finally:
        leave(token)


def culprit(func: Callable[..., Any], inputs: tuple[Any, ...], pick: Callable[[Any], Any], options: Any) -> str:
    """Text that names the operation whose gradient is wrong, with the user's line; "" where none can be singled out.

    pick: the output in question among what func returns.
    """
    try:
        node = found(func, inputs, pick, options)
    except (WengertError, ValueError, IndexError, TypeError):
        return ""
    if node is None:
        return ""
    place = where_text(node._code, node._lasti)
    rule = getattr(getattr(node, "_forward_cls", None), "backward", None)
    code = getattr(rule, "__code__", None)
    text = f"\nThe gradient is wrong at {node_name(node)}"
    if place:
        text += f", recorded at:\n  {place}"
    if code is not None:
        text += f'\nIts rule is defined at:\n  File "{code.co_filename}", line {code.co_firstlineno}, in {code.co_name}'
    return text


def found(func: Any, inputs: tuple[Any, ...], pick: Any, options: Any) -> Any:
    """The node whose rule is wrong, or None."""
    witness = Witness()
    y = pick(watched(func, inputs, witness))
    rng = np.random.default_rng(3)
    weight = rng.uniform(0.5, 1.0, y._array.shape).astype(y._array.dtype)
    places = [k for k, x in enumerate(witness.seen) if recorded(x)]
    if len(places) > LIMIT:
        return None
    tensors = [witness.seen[k] for k in places] + [x for x in inputs if isinstance(x, TensorBase) and recorded(x)]
    grads = tape_grad(y, tensors, wrap(weight), retain_graph=True, allow_unused=True)
    noise = 1e-14 * float(np.sum(np.abs(weight * y._array)))
    wrong: set[Any] = set()
    right: set[Any] = {y._node}
    for k, x, g in zip(places, tensors, grads, strict=False):
        step = options.eps * rng.uniform(0.5, 1.0, x._array.shape)
        changes = [np.sum(weight * moved(func, inputs, pick, k, s)) for s in (step, -step)]
        slope = (changes[0] - changes[1]) / 2
        mine = 0.0 if g is None else np.sum(g._array * step)
        good = abs(mine - slope) <= options.rtol * max(abs(mine), abs(slope)) + noise
        (right if good else wrong).add(x._node)
    return between(y, wrong, right)


def recorded(x: Any) -> bool:
    """Whether a tensor of floats has a gradient."""
    return bool(x._flags & 1) and x._array.dtype.kind == "f"


def moved(func: Any, inputs: tuple[Any, ...], pick: Any, k: int, step: Any) -> Any:
    """The output where intermediate k is moved."""
    return pick(watched(func, inputs, Witness(k, step)))._array.copy()


def between(y: Any, wrong: set[Any], right: set[Any]) -> Any:
    """The node nearest to the output that gives a wrong gradient, though those of its results are right.

    Where nothing is known of a node's result, the gradient is taken to be right as long as no wrong one was met.
    Leaves are wrong: that is why the search began.
    """
    nodes, stack = set(), [y._node]
    while stack:
        node = stack.pop()
        if node is None or node in nodes:
            continue
        nodes.add(node)
        stack.extend(node._inputs)
    suspects = [n for n in nodes if n not in wrong and any(t in wrong or ends(t) for t in n._inputs if t is not None)]
    if not suspects:
        return None
    certain = [n for n in suspects if any(t in wrong for t in n._inputs)]
    own = [n for n in suspects if hasattr(n, "_forward_cls")]
    for group in (certain, own, suspects if len(suspects) == 1 else []):
        if group:
            return max(group, key=lambda n: n._seq)
    return None


def ends(node: Any) -> bool:
    """Whether a node is a leaf's."""
    return isinstance(node, AccumulateGrad)


__all__ = ["culprit"]
