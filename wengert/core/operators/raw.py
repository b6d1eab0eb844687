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
        function: Any = partial(op.body, self if op.recorded_body else self.np)
        if op.quick is not None and self.np is numpy:
            function = quick_or(function, op)
        setattr(self, name, function)
        return function

    def chained(self, g: Any, d: Any) -> Any:
        """g * conj(d): how a gradient passes a partial derivative."""
        if getattr(d, "dtype", None) is not None and d.dtype.kind == "c":
            d = d.conj()
        elif type(d) is complex:
            d = d.conjugate()
        return g * d


def quick_or(general: Any, op: Any) -> Any:
    """The body of an operator, behind the loop that the compiled core has for small arrays."""
    count, quick = len(op.params), op.quick
    tail = tuple(op.defaults.get(name) for name in op.params)
    required = len(op.required) if op.params[: len(op.required)] == op.required else count

    def call(*args: Any, **kwargs: Any) -> Any:
        if not kwargs and required <= len(args):
            found = quick(args if len(args) == count else args + tail[len(args) :])
            if found is not None:
                return found
        return general(*args, **kwargs)

    return call


NUMPY = RawNamespace(numpy)
_NAMESPACES: dict[type, RawNamespace] = {numpy.ndarray: NUMPY}


SPARSE: dict[str, Any] = {}
"""Who answers for sparse tensors: "apply", "inplace", "composite", "methods"; empty until there is one."""
LATE: dict[str, Any] = {}
""""sparse": makes sparse tensors known, and gives their methods by name (set by the package)."""

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
