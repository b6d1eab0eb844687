"""Operators on raw arrays: the namespace `m` of a first-order reverse sweep.

`namespace_of(array).sinh(x)` runs the body of the record `sinh` at once: nothing
is recorded, wrapped or promoted.  One instance serves one array library.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy

from wengert.core.operators.record import REGISTRY


class RawNamespace:
    """All operators on the raw arrays of one library (`np`: NumPy or CuPy)."""

    recorded = False
    run: Any = None
    """Computes an operator on its full argument tuple in a way of its own; None: the body does."""

    def __init__(self, np: Any) -> None:
        self.np = np

    def __getattr__(self, name: str) -> Any:
        op = REGISTRY.get(name)
        if op is None:
            raise AttributeError(f"no operator {name!r}")
        function = partial(op.body, self if op.recorded_body else self.np)
        setattr(self, name, function)
        return function

    def chained(self, g: Any, d: Any) -> Any:
        """g * conj(d): how a gradient passes a partial derivative."""
        if getattr(d, "dtype", None) is not None and d.dtype.kind == "c":
            d = d.conj()
        elif type(d) is complex:
            d = d.conjugate()
        return g * d


NUMPY = RawNamespace(numpy)
_NAMESPACES: dict[type, RawNamespace] = {numpy.ndarray: NUMPY}


FOREIGN: set[type] = set()
"""Array classes in use besides NumPy's; while it is empty every array is on the CPU."""


def use_library(array_class: type, np: Any) -> None:
    """Announce an array class and the module that computes on it."""
    use_namespace(array_class, RawNamespace(np))


def use_namespace(array_class: type, namespace: RawNamespace) -> None:
    """Announce an array class and its operators."""
    _NAMESPACES[array_class] = namespace
    FOREIGN.add(array_class)


def namespace_of(array: Any) -> RawNamespace:
    """The operators of the library that `array` belongs to (NumPy for scalars)."""
    return _NAMESPACES.get(array.__class__, NUMPY)


def sum_to(array: Any, shape: tuple[int, ...]) -> Any:
    """Sum `array` down to `shape`, the transpose of broadcasting."""
    lead = array.ndim - len(shape)
    if lead > 0:
        array = array.sum(axis=tuple(range(lead))) if lead > 1 else array.sum(axis=0)
    if array.shape != shape:
        axes = tuple(i for i, n in enumerate(shape) if n == 1 and array.shape[i] != 1)
        array = array.sum(axis=axes, keepdims=True)
    return array
