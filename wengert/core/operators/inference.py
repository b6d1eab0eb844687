"""Operators on arrays without elements: the namespace of the device `meta`.

What only moves elements about runs as it is, so that views keep torch's strides; every other
result has the shape and dtype that `derived.infer` finds.  Large shapes are inferred from two
small ones, see `scaled`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod
from typing import Any

import numpy

from wengert.core.arrays.meta import MetaArray, MetaNumPy, like
from wengert.core.base.errors import MissingError
from wengert.core.operators.derived import VALUES, Spec, infer, replaced
from wengert.core.operators.kinds import Composite, Elementwise
from wengert.core.operators.raw import RawNamespace
from wengert.core.operators.record import REGISTRY, Op

DIRECT = frozenset(("to_device", "sampled", "clone", "to_dtype", "copy", "reshape_copy"))
"""Operators besides the views whose bodies never look at elements."""

ROOM = 1 << 14
"""Up to so many elements a shape is inferred at its own size."""


class MetaNamespace(RawNamespace):
    """All operators on MetaArrays."""

    def __init__(self) -> None:
        super().__init__(MetaNumPy())

    def __getattr__(self, name: str) -> Any:
        op = REGISTRY.get(name)
        if op is None:
            raise AttributeError(f"no operator {name!r}")
        function = partial(op.body, self) if isinstance(op.kind, Composite) else partial(self.called, op)
        setattr(self, name, function)
        return function

    def called(self, op: Op, *args: Any, **kwargs: Any) -> Any:
        """A rule's call of an operator."""
        given = dict(zip(op.params, args, strict=False)) | kwargs
        return self.run(op, [given[n] if n in given else op.defaults[n] for n in op.params])

    def run(self, op: Op, raw: Sequence[Any]) -> Any:
        """The result(s) of an operator on a full argument tuple."""
        if op.name in DIRECT or op.kind.view:
            named = dict(zip(op.params[op.positional :], raw[op.positional :], strict=True))
            return op.body(self if op.recorded_body else self.np, *raw[: op.positional], **named)
        if op.shape == VALUES:
            raise MissingError(
                f"aten::{op.name}: attempted to run this operator with Meta tensors, but the shape of its result "
                "depends on values, which they do not have"
            )
        arrays = list(op.values(tuple(raw)))
        found = scaled(op, replaced(op, raw, [specified(x) for x in arrays]))
        if isinstance(found, tuple):
            return tuple(MetaArray(part.shape, part.dtype) for part in found)
        if isinstance(op.kind, Elementwise):
            for a in arrays:
                if a.__class__ is MetaArray and a.shape == found.shape:
                    return like(a, found.dtype)
        return MetaArray(found.shape, found.dtype)


def specified(x: Any) -> Any:
    """An array as its Spec; NumPy's numbers as Python's."""
    if isinstance(x, numpy.generic):
        return x.item()
    return Spec(x.shape, x.dtype) if hasattr(x, "dtype") else x


def scaled(op: Op, args: Sequence[Any]) -> Any:
    """`infer`, where the stand-ins would be large from two small ones.

    Lengths above 16 are replaced by small ones in the same order, in two ways.  A length of the
    result that is the same both times does not depend on them; one that is the replacement of
    the same length both times is that length.  Whatever else comes, or an error, is settled at full size.
    """
    specs = [x for x in op.values(tuple(args)) if isinstance(x, Spec)]
    if isinstance(op.kind, Elementwise) or op.shape is not None or all(prod(s.shape) <= ROOM for s in specs):
        return infer(op, args)
    large = sorted({n for s in specs for n in s.shape if n > 16})
    found = []
    for first, step in ((17, 6), (19, 7)):
        small = {n: min(n, first + step * i) for i, n in enumerate(large)}
        stand_ins = [
            Spec(tuple(small.get(n, n) for n in x.shape), x.dtype) if isinstance(x, Spec) else x
            for x in op.values(tuple(args))
        ]
        try:
            found.append((infer(op, replaced(op, args, stand_ins)), {v: k for k, v in small.items()}))
        except Exception:
            return infer(op, args)
    (a, named), (b, named_too) = found
    several = isinstance(a, tuple)
    if several and len(a) != len(b):
        return infer(op, args)
    joined = [
        agreed(x, y, named, named_too) for x, y in zip(a if several else (a,), b if several else (b,), strict=True)
    ]
    if any(spec is None for spec in joined):
        return infer(op, args)
    return tuple(joined) if several else joined[0]


def agreed(a: Spec, b: Spec, named: dict[int, int], named_too: dict[int, int]) -> Spec | None:
    """The shape that two small shapes stand for; None if they do not tell."""
    if len(a.shape) != len(b.shape):
        return None
    shape = []
    for n, k in zip(a.shape, b.shape, strict=True):
        if n != k and (n not in named or named[n] != named_too.get(k)):
            return None
        shape.append(n if n == k else named[n])
    return Spec(tuple(shape), a.dtype)
