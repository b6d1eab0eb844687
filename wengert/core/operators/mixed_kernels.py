"""Kernels behind elementwise records for integers, booleans, masks beside other dtypes, and boolean results.

What `kernels.py` has for floats alone is asked where this has nothing.  Whole numbers come out as NumPy computes them,
bit by bit.  Numbers among the operands are operands of the kernel, so one kernel serves all of them.
"""

from __future__ import annotations

from functools import update_wrapper
from math import prod
from typing import Any

import numpy

from wengert.core.arrays.dtype import default_float
from wengert.core.arrays.shape import broadcast_shapes
from wengert.core.kernels import casts
from wengert.core.kernels.mixing import BROAD
from wengert.core.kernels.workshop import LARGE, Order, order
from wengert.core.operators.kernels import called, most, sized
from wengert.core.operators.kinds import Elementwise
from wengert.core.operators.record import REGISTRY, Op

__all__ = ["Mixed", "install"]

_ndarray = numpy.ndarray
_BOOL, _F32, _F64 = numpy.dtype(bool), numpy.dtype(numpy.float32), numpy.dtype(numpy.float64)
DTYPES = {dtype: dtype.kind for dtype in map(numpy.dtype, ("i8", "i4", "i2", "i1", "u1", "?", "f4", "f8"))}
"""NumPy's dtype -> its kind."""

FEW = 256
"""Elements up to which operands are not asked whether they have a large result together."""

VARIANTS = 32
"""Kernels of one record; further dtypes and attributes go to NumPy."""

PLAIN = frozenset({
    "eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite", "isposinf", "isneginf", "signbit", "isclose",
    "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not", "bitwise_left_shift", "bitwise_right_shift",
    "logical_and", "logical_or", "logical_xor", "logical_not",
})  # fmt: skip
"""Elementwise records without derivative."""

MASKS = frozenset({"condition", "mask"})
"""Parameters that are boolean whatever the others are."""

FORMULAS: dict[str, Any] = {
    "chosen": lambda np, condition, input, other: np.where(condition, input, other),
    "masked_fill": lambda np, input, mask, value: np.where(mask, value, input),
}
"""What bodies compute that do it by the bits of an array."""

QUOTIENTS = frozenset({"floor_divide", "remainder", "fmod", "div"})
"""Records that refuse a whole number 0 as their second operand."""


class Trusting:
    """A namespace in which nothing is found to be 0, for bodies whose operands have been looked at."""

    def __init__(self, np: Any) -> None:
        self.np = np

    def __getattr__(self, name: str) -> Any:
        return getattr(self.np, name)

    def all(self, x: Any) -> bool:
        """True."""
        return True


class Mixed:
    """The kernels of one record, by dtype, operands that are there, and attributes.

    ready: kernels whose operands are all there, by dtype and attributes, for the shortest way to them.
    """

    __slots__ = ("op", "body", "masks", "floats", "orders", "ready")

    def __init__(self, op: Op, body: Any) -> None:
        self.op, self.body = op, body
        self.masks = frozenset(i for i in op.arrays if op.params[i] in MASKS)
        self.floats = bool(self.masks) or not isinstance(op.kind, Elementwise)
        self.orders: dict[Any, Order] = {}
        self.ready: dict[Any, Any] = {}

    def find(self, given: Any, attributes: tuple[Any, ...], named: tuple[str, ...]) -> Any:
        """(what `Factory.mixed` gave, operands) if a kernel is ready, else None; the first question orders it."""
        dtype, masks, arrays = None, self.masks, True
        for k, x in enumerate(given):
            if x.__class__ is _ndarray:
                if masks and k in masks:
                    if x.dtype is not _BOOL:
                        return None
                elif dtype is None:
                    dtype = x.dtype
                elif x.dtype is not dtype:
                    return None
            elif dtype is None or getattr(x, "dtype", None) is not dtype:
                arrays = False
        if arrays:
            try:
                known = self.ready.get((dtype, attributes) if attributes else dtype)
            except TypeError:  # attributes that are lists
                return None
            if known is not None and (not attributes or known[1] == [a.__class__ for a in attributes]):
                return known[0], given
        return self.searched(dtype, given, attributes, named)

    def searched(self, dtype: Any, given: Any, attributes: tuple[Any, ...], named: tuple[str, ...]) -> Any:
        """The same for arrays of `dtype`, and numbers."""
        kind = DTYPES.get(dtype)
        if kind is None or (kind == "f" and not self.floats):
            return None
        operands = [x if x.__class__ is _ndarray else as_operand(x, dtype, kind) for x in given if x is not None]
        if any(x is None for x in operands) or (kind != "f" and self.refused(given, attributes)):
            return None
        placed = self.placed(dtype, tuple([x is not None for x in given]), attributes, named)
        if placed is None or placed.function is None:
            return None
        made, result = placed.function, placed.function[2]
        if len(operands) == len(given) and (kind == "f" or result.kind != "f") and self.op.name not in QUOTIENTS:
            classes = [a.__class__ for a in attributes]
            self.ready[(dtype, attributes) if attributes else dtype] = made, classes
        return made, operands

    def refused(self, given: Any, attributes: tuple[Any, ...]) -> bool:
        """Whether the body is to find words for a division by 0."""
        name: str = self.op.name
        return name in QUOTIENTS and (name != "div" or attributes != (None,)) and not numpy.all(given[1])

    def placed(self, dtype: Any, there: tuple[bool, ...], attributes: tuple[Any, ...], named: Any) -> Order | None:
        """The order of such a kernel; None for what there will be no kernel for."""
        key = dtype, there, attributes, tuple([a.__class__ for a in attributes]), default_float()
        try:
            found = self.orders.get(key)
        except TypeError:  # attributes that are lists
            return None
        if found is None and len(self.orders) < VARIANTS:
            make = self.maker(dtype, there, attributes, named)
            found = self.orders[key] = order(f"{self.op.name} of {dtype.name}", make)
        return found

    def maker(self, dtype: Any, there: tuple[bool, ...], attributes: tuple[Any, ...], named: Any) -> Any:
        """Makes the kernel."""
        op, count = self.op, len(self.op.arrays)

        def call(function: Any, np: Any, operands: Any) -> Any:
            rest = iter(operands)
            full = [next(rest) if given else None for given in there]
            return called(function, Trusting(np) if op.name in QUOTIENTS else np, full, count, attributes, named)

        def make(factory: Any) -> Any:
            formula = FORMULAS.get(op.name, self.body)
            dtypes = [_BOOL if k in self.masks else dtype for k, given in enumerate(there) if given]
            return factory.mixed(
                op.name, lambda xs: call(formula, factory.arrays, xs), dtypes,
                lambda *xs: call(formula, numpy, xs), op.domain,
            )  # fmt: skip

        return make

    def into(self, raw: Any, target: Any) -> Any:
        """`write()` for arguments of the body and an array for the result, or None."""
        count, op = len(self.op.arrays), self.op
        given, shape = raw[:count], target.shape
        if given[0].__class__ is not _ndarray or given[0].shape != shape:
            return None
        for x in given:
            if x.__class__ is _ndarray and x.shape != shape and not within(x.shape, shape):
                return None
        found = self.find(given, tuple(raw[count:]), op.params[op.positional :])
        if found is None or found[0][2] is not target.dtype:
            return None
        (kernel, _, _), operands = found
        return lambda: kernel(*operands, out=target)


def within(own: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether an array of one shape broadcasts to another."""
    lead = len(shape) - len(own)
    return lead >= 0 and all([n in (1, m) for n, m in zip(own, shape[lead:], strict=True)])


def outer(input: Any, others: tuple[Any, ...]) -> bool:
    """Whether two arrays have a large result, being small themselves."""
    other = others[0] if others else None
    if input.__class__ is not _ndarray or other.__class__ is not _ndarray or input.shape == other.shape:
        return False
    return input.size * other.size >= BROAD and prod(broadcast_shapes(input.shape, other.shape)) >= BROAD


def as_operand(x: Any, dtype: Any, kind: str) -> Any:
    """A number as an operand beside arrays of a dtype; None where it would change that, or itself."""
    if isinstance(x, numpy.generic):
        return x if x.dtype is dtype else None
    if x.__class__ is bool:
        return numpy.asarray(x, dtype)
    if (x.__class__ is float and kind == "f") or (x.__class__ is int and kind != "b"):
        try:
            return numpy.asarray(x, dtype)
        except OverflowError:
            return None
    return None


# ---------------------------------------------------------------- bodies


def common(x: Any) -> bool:
    """Whether an array is of one of the dtypes that most kernels are for."""
    dtype = x.dtype
    return dtype is _F32 or dtype is _F64


def same(x: Any, first: Any) -> bool:
    """Whether an operand has the dtype and shape of the first one."""
    return x.__class__ is _ndarray and x.dtype is first.dtype and x.shape == first.shape


def with_kernels(op: Op) -> None:
    """Put kernels before an elementwise record's body."""
    body, inner = getattr(op.body, "__wrapped__", op.body), op.body
    mixed, count, single = Mixed(op, body), len(op.arrays), len(op.params) == 1
    floating = isinstance(op.kind, Elementwise) and op.name not in PLAIN

    def one(np: Any, input: Any) -> Any:
        if not sized(input):
            return body(np, input)
        if floating and common(input):
            return inner(np, input)
        if input.size < LARGE:
            return body(np, input)
        known = mixed.ready.get(input.dtype) or mixed.searched(input.dtype, (input,), (), ())
        return inner(np, input) if known is None else known[0][0](input)

    def several(np: Any, input: Any, *others: Any, **named: Any) -> Any:
        size = most(input, others)
        plain = floating and sized(input) and common(input)
        if plain and (count == 1 or (count == 2 and others and same(others[0], input))):
            return inner(np, input, *others, **named)
        if size < LARGE and (size < FEW or not outer(input, others)):
            return body(np, input, *others, **named)
        if len(others) + 1 >= count:
            attributes = (*others[count - 1 :], *named.values())
            found = mixed.find((input, *others[: count - 1]), attributes, tuple(named))
            if found is not None:
                return found[0][1](*found[1])
        return inner(np, input, *others, **named)

    op.body = update_wrapper(one if single else several, body)
    write = op.into

    def into(raw: Any, target: Any) -> Any:
        """How an in-place or `out=` form writes its result at once, or None."""
        found = mixed.into(raw, target) if write is None or target.dtype.kind != "f" else None
        return write(raw, target) if found is None and write is not None else found

    op.into = into


def install() -> None:
    """Put kernels before all elementwise records; after `kernels.install`."""
    casts.install()
    for op in REGISTRY.values():
        plain = op.many < 0 and op.outputs == 1 and not op.recorded_body and op.arrays == tuple(range(len(op.arrays)))
        if plain and op.arrays and (isinstance(op.kind, Elementwise) or op.name in PLAIN):
            with_kernels(op)
