"""Gradients of half precision: by a kernel that reads and stores 16 bits, or in float32 and rounded once."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays.large import LARGE, SIZE
from wengert.core.operators.raw import NUMPY, namespace_of
from wengert.core.operators.record import REGISTRY
from wengert.core.tape.core import F32, HALVES, raw_value, widened

__all__ = ["gradients"]


def gradients(node: Any, g: Any) -> Any:
    """The gradients of a node's inputs from the gradient, or the gradients, of its results."""
    several = g.__class__ is tuple
    some = next(x for x in g if x is not None) if several else g
    m = namespace_of(some)
    if not several and m is NUMPY and node.op.narrow is not None:
        found = narrow(node, g)
        if found is not None:
            return found
    wide = tuple([widened(x) for x in g]) if several else LARGE.convert(g, F32)
    found = node.gradients(m, wide, wide_value)
    return [LARGE.convert(x, some.dtype) if getattr(x, "dtype", None) is F32 else x for x in found]


def narrow(node: Any, g: Any) -> Any:
    """The gradients by kernels of 16 bits; None unless there is one for each, or if the node was freed."""
    op = node.op
    if node._saved is None:
        return None
    environment = [NUMPY, g, None, node.shape, *node.args]
    for k, position in enumerate(op.saves):
        if node._saved[k] is not None:
            environment[position] = raw_value(node, k)
    found: list[Any] = []
    for i, target in enumerate(node._inputs):
        value = None
        if target is not None and op.rules[i] is not None:
            value = op.narrow.rule(i, environment)
            if value is None:
                return None
        found.append(value)
    return found


def wide_value(node: Any, k: int) -> Any:
    """Saved value k as a raw array, half precision as float32."""
    value = raw_value(node, k)
    if value.__class__ is tuple or value.__class__ is list:
        return value.__class__(widened(x) for x in value)
    return widened(value)


def total(a: Any, b: Any) -> Any:
    """The sum of two gradients; large ones in float32, rounded once, which NumPy would add one by one."""
    if a.size < SIZE or a.dtype != b.dtype:
        return a + b
    found = REGISTRY["add"].narrow.body([a, b, 1])
    return LARGE.convert(np.add(widened(a), widened(b)), a.dtype) if found is None else found


HALVES["gradients"], HALVES["sum"] = gradients, total
