"""Kernels behind records: from `SOME` elements on, an elementwise operator runs machine code made from its statement.

Body and rules of a record are called once with expressions in place of arrays (`core/kernels/expressions.py`); what
they return is the kernel.  Until it is made and accepted, and wherever it cannot be made, the body itself computes.
A kernel is made for a dtype and the values of the attributes, which its text contains as constants.
"""

from __future__ import annotations

from copy import copy
from functools import update_wrapper
from typing import Any

import numpy

from wengert.core.arrays import activation as formulas
from wengert.core.base import uncompiled as cython
from wengert.core.kernels.native import addresses
from wengert.core.kernels.workshop import LARGE, OFTEN, SOME, Order, order
from wengert.core.operators.kinds import Elementwise
from wengert.core.operators.raw import NUMPY
from wengert.core.operators.record import FIRST, GRADIENT, NAMESPACE, REGISTRY, RESULT, Op

if cython.compiled:
    from cython.cimports import numpy as cnp
    from cython.cimports.wengert.core.kernels.calling import run_direct

    cnp.import_array()
else:

    def run_direct(address: int, arrays: tuple[Any, ...], floats: tuple[float, ...]) -> Any:
        """Only the compiled form calls machine code itself."""


__all__ = ["install"]

_ndarray = numpy.ndarray
_F32 = numpy.dtype(numpy.float32)
_LETTERS = {numpy.dtype(numpy.float32): "float", numpy.dtype(numpy.float64): "double"}
BROAD = 1 << 14
"""Elements from which operands that broadcast are for kernels."""

VARIANTS = 16
"""Kernels of one record that differ in attributes; further values go to NumPy."""


class Variants:
    """The kernels of one body or rule, by dtype and attributes.

    Attributes that are floats become operands where the statement lets them, so that one kernel serves every step size
    of a schedule; where it asks what they are (a condition, a power), they are constants of a kernel's text.
    """

    __slots__ = ("name", "orders", "calls", "recent")

    def __init__(self, name: str) -> None:
        self.name = name
        self.orders: dict[Any, Order] = {}
        self.calls = 0
        self.recent: tuple[Any, ...] = (None, (), None, False, 0)
        """What was found last."""

    def find(self, size: int, dtype: Any, attributes: tuple[Any, ...], make: Any, *given: Any) -> Any:
        """What is known of a kernel that is ready for `size` elements, or None.

        (dtype, attributes, kernel, whether it takes floats after the arrays, its address).  It is ordered by
        `make(dtype, attributes, floats, *given)`, when there is work for it.
        """
        recent = self.recent
        if dtype is recent[0] and (attributes is recent[1] or alike(attributes, recent[1], recent[3])):
            return recent
        floats = floats_of(attributes)
        if floats:
            kinds = tuple([float if a.__class__ is float else a for a in attributes])
            placed = self.placed(size, (dtype, kinds), make, attributes, floats, given)
            if placed is None or not placed.done:
                return None
            if placed.function is not None:
                return self.keep(dtype, attributes, placed.function, True)
        placed = self.placed(size, (dtype, attributes), make, attributes, (), given)
        return (
            None if placed is None or placed.function is None else self.keep(dtype, attributes, placed.function, False)
        )

    def keep(self, dtype: Any, attributes: tuple[Any, ...], function: Any, floating: bool) -> Any:
        """Note the kernel that was found."""
        address = addresses.get((function, _LETTERS[dtype]), 0)
        self.recent = (dtype, attributes, function, floating, address)
        return self.recent

    def placed(self, size: int, key: Any, make: Any, attributes: Any, floats: Any, given: Any) -> Order | None:
        """The order of this key; None for what there will be no kernel for, or not yet."""
        try:
            found = self.orders.get(key)
        except TypeError:  # attributes that are lists
            return None
        if found is None:
            if key[0] not in _LETTERS or len(self.orders) >= VARIANTS:
                return None
            if size < LARGE:
                self.calls += 1
                if self.calls < OFTEN:
                    return None
            making = make(_LETTERS[key[0]], attributes, floats, *given)
            found = self.orders[key] = order(self.name, making, size < LARGE)
        return found


def alike(attributes: tuple[Any, ...], kept: tuple[Any, ...], floating: bool) -> bool:
    """Whether a kernel for `kept` is for these attributes too; floating: it takes their floats."""
    if len(attributes) != len(kept):
        return False
    for a, b in zip(attributes, kept, strict=True):
        if a is not b:
            kind = a.__class__
            if kind is not b.__class__ or not (a == b or (floating and kind is float)):
                return False
    return True


def floats_of(attributes: tuple[Any, ...]) -> tuple[float, ...]:
    """Those attributes that are floats."""
    return tuple([a for a in attributes if a.__class__ is float]) if attributes else ()


def computed(known: tuple[Any, ...], arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    """The result of a kernel; small contiguous arrays are handed to it without a call of NumPy's."""
    floats = floats_of(attributes) if known[3] else ()
    found = run_direct(known[4], arrays, floats) if known[4] else None
    return known[2](*arrays, *floats) if found is None else found


def sized(x: Any) -> bool:
    """Whether a plain array is large enough for kernels; in float64, which `gradcheck` repeats, it must be large."""
    return x.__class__ is _ndarray and ((size := x.size) >= LARGE or (size >= SOME and x.dtype is _F32))


def same_shape(arrays: list[Any]) -> bool:
    """Whether the first is a plain array, and the others are numbers or plain arrays of its dtype and shape."""
    first = arrays[0]
    if first.__class__ is not _ndarray:
        return False
    for a in arrays:
        if a.__class__ is _ndarray:
            if a.dtype is not first.dtype or a.shape != first.shape:
                return False
        elif a.__class__ is not float and a.__class__ is not int:
            return False
    return True


def most(input: Any, others: tuple[Any, ...]) -> int:
    """Elements of the largest operand; what comes after a large one is not asked."""
    size: int = getattr(input, "size", 0)
    if size < SOME:
        for x in others:
            if x.__class__ is _ndarray and x.size > size:
                size = x.size
    return size


def broad(arrays: list[Any]) -> Any:
    """The dtype of large plain arrays that may broadcast, the others being numbers; None for anything else."""
    dtype, size, shapes = None, 0, set()
    for a in arrays:
        if a.__class__ is _ndarray:
            if dtype is not None and a.dtype is not dtype:
                return None
            dtype = a.dtype
            size = max(size, a.size)
            shapes.add(a.shape)
        elif a.__class__ is not float and a.__class__ is not int:
            return None
    return dtype if size >= BROAD and len(shapes) > 1 else None


def _gelu(m: Any, input: Any, *, approximate: str = "none") -> Any:
    if approximate == "none":
        return 0.5 * input * (1 + m.erf(input * formulas.SQRT_HALF))
    bent = input * (formulas.TANH_SCALE * (1 + formulas.TANH_CUBE * (input * input)))
    return 0.5 * input * (1 + m.tanh(bent))


FORMULAS: dict[str, Any] = {"gelu": _gelu, "erf": lambda m, input: m.erf(input)}
"""What bodies compute that are written as passes over blocks of an array, in operators."""


# ---------------------------------------------------------------- forward


def body_of(name: str, arrays: Any) -> Any:
    """The body of an operator on expressions, for rules that call it."""
    op = REGISTRY.get(name)
    if op is None or op.recorded_body:
        raise AttributeError(f"no elementwise operator {name!r}")
    plain = getattr(op.body, "__wrapped__", op.body)
    return lambda *args, **kwargs: plain(arrays, *args, **kwargs)


def forward_maker(
    dtype: str, attributes: tuple[Any, ...], floats: tuple[float, ...], op: Op, body: Any, named: tuple[str, ...],
    spread: bool = False,
) -> Any:  # fmt: skip
    """Makes the kernel of a body for these attributes; floats: those that are operands of the kernel.

    spread: for operands that broadcast.
    """
    count, formula = len(op.arrays), FORMULAS.get(op.name)

    def make(factory: Any) -> Any:
        def trace(operands: Any) -> Any:
            if formula is None:
                return called(body, factory.arrays, operands, count, attributes, named)
            return called(formula, operators(factory), operands, count, attributes, named)

        def reference(*xs: Any) -> Any:
            return called(body, numpy, xs, count, attributes, named)

        return tested(factory, op, op.name, trace, reference, count, dtype, floats, spread)

    return make


def operators(factory: Any) -> Any:
    """The namespace of rules on expressions."""
    return factory.operators(lambda name: body_of(name, factory.arrays))


def called(
    function: Any, np: Any, operands: Any, count: int, attributes: tuple[Any, ...], named: tuple[str, ...]
) -> Any:
    """A body on `count` operands and its attributes; further operands stand for the floats among these."""
    given = with_operands(attributes, operands[count:])
    loose = given[: len(given) - len(named)]
    return function(np, *operands[:count], *loose, **dict(zip(named, given[len(loose) :], strict=True)))


def environment_of(m: Any, op: Op, places: list[int], operands: Any, attributes: tuple[Any, ...]) -> list[Any]:
    """What a rule is given: an operand in each place, and the attributes, whose floats the last operands may be."""
    count = len(places)
    filled: list[Any] = [None] * (FIRST + len(op.params))
    filled[NAMESPACE] = m
    for place, value in zip(places, operands[:count], strict=True):
        filled[place] = value
    rest = [i for i in range(len(op.params)) if i not in op.arrays]
    for i, value in zip(rest, with_operands(attributes, operands[count:]), strict=True):
        filled[FIRST + i] = value
    return filled


def with_operands(attributes: tuple[Any, ...], operands: Any) -> tuple[Any, ...]:
    """The attributes with operands in the places of the floats, if there are any."""
    if not len(operands):
        return attributes
    given = iter(operands)
    return tuple([next(given) if a.__class__ is float else a for a in attributes])


def tested(
    factory: Any, op: Op, name: str, trace: Any, reference: Any, count: int, dtype: str, floats: tuple[float, ...],
    spread: bool,
) -> Any:  # fmt: skip
    """A kernel of `count` arrays and the floats that it was ordered for. Raises: Rejected, or what tracing raises."""

    def bound(function: Any) -> Any:
        return (lambda *xs: function(*xs, *floats)) if floats else function

    if spread:
        return factory.spread(name, trace, count, dtype, bound(reference), floats, op.domain)
    kernel = factory.elementwise(name, trace, count + len(floats), (dtype,))
    factory.accept(name, bound(kernel), bound(reference), count, (dtype,), op.domain)
    return kernel


def with_kernel(op: Op) -> Any:
    """The body of an elementwise record, with kernels for large arrays."""
    make = alone if len(op.params) == 1 else one_array if len(op.arrays) == 1 else several_arrays
    variants = Variants(op.name)
    op.into = writer(op, op.body, variants)
    return update_wrapper(make(op, op.body, variants), op.body)


def alone(op: Op, body: Any, variants: Variants) -> Any:
    """The body of a record of one array and nothing else."""

    def faster(np: Any, input: Any) -> Any:
        if not sized(input):
            return body(np, input)
        dtype, size = input.dtype, input.size
        known = variants.recent
        if known[0] is not dtype:
            known = variants.find(size, dtype, (), forward_maker, op, body, ())
        return body(np, input) if known is None else computed(known, (input,), ())

    return faster


def one_array(op: Op, body: Any, variants: Variants) -> Any:
    """The body of a record of one array and attributes."""

    def faster(np: Any, input: Any, *attributes: Any, **named: Any) -> Any:
        if sized(input):
            size = input.size
            given = (*attributes, *named.values()) if named else attributes
            known = variants.find(size, input.dtype, given, forward_maker, op, body, tuple(named))
            if known is not None:
                return computed(known, (input,), given)
        return body(np, input, *attributes, **named)

    return faster


def several_arrays(op: Op, body: Any, variants: Variants) -> Any:
    """The body of a record of several arrays."""
    count, broadcasting = len(op.arrays), Variants(f"{op.name} of several shapes")

    def faster(np: Any, input: Any, *others: Any, **named: Any) -> Any:
        if len(others) + 1 >= count and (size := most(input, others)) >= SOME:
            arrays, attributes = [input, *others[: count - 1]], others[count - 1 :]
            if sized(input) and same_shape(arrays):
                given = (*attributes, *named.values())
                known = variants.find(size, input.dtype, given, forward_maker, op, body, tuple(named))
                if known is not None:
                    return computed(known, tuple(arrays), given)
            elif (dtype := broad(arrays)) is not None:
                given = (*attributes, *named.values())
                known = broadcasting.find(size, dtype, given, forward_maker, op, body, tuple(named), True)
                found = None if known is None else computed(known, tuple(arrays), given)
                if found is not None:
                    return found
        return body(np, input, *others, **named)

    return faster


def writer(op: Op, body: Any, variants: Variants) -> Any:
    """How an in-place or `out=` form finds the kernel that writes its result at once."""
    count, named = len(op.arrays), op.params[op.positional :]
    usual = tuple([op.defaults.get(name, variants) for name in named])

    def into(raw: Any, target: Any) -> Any:
        """`write()` for arguments of the body and an array for the result, or None."""
        input = raw[0]
        if input.__class__ is not _ndarray or input.dtype is not target.dtype or input.shape != target.shape:
            return None
        arrays, rest = raw[:count], tuple(raw[count:])
        if not same_shape(arrays):
            return None
        kept, names = rest, named
        if named and all([a is b for a, b in zip(raw[op.positional :], usual, strict=True)]):
            kept, names = rest[: op.positional - count], ()
        known = variants.find(target.size, input.dtype, kept, forward_maker, op, body, names)
        if known is None:
            return None
        floats = floats_of(kept) if known[3] else ()
        return lambda: known[2](*arrays, *floats, out=target)

    return into


# ---------------------------------------------------------------- backward


def backward_maker(
    dtype: str, attributes: tuple[Any, ...], floats: tuple[float, ...], op: Op, old: Any, places: list[int],
    spread: bool = False,
) -> Any:  # fmt: skip
    """Makes the kernel of a rule: operands are the gradient, what the rule saves, and floats among the attributes."""
    count = len(places)

    def environment(m: Any, operands: Any) -> list[Any]:
        return environment_of(m, op, places, operands, attributes)

    def make(factory: Any) -> Any:
        name, symbolic = f"{op.name} backward", operators(factory)
        reference = NumpyRule(old, environment)
        return tested(
            factory, op, name, lambda xs: old(environment(symbolic, xs)), reference, count, dtype, floats, spread
        )

    return make


class NumpyRule:
    """A rule on NumPy's arrays, as the reference of its kernel."""

    def __init__(self, rule: Any, environment: Any) -> None:
        self.rule, self.environment = rule, environment

    def __call__(self, *operands: Any) -> Any:
        found = self.rule(self.environment(NUMPY, operands))
        shape = numpy.broadcast_shapes(*[numpy.shape(x) for x in operands])
        return numpy.asarray(numpy.broadcast_to(found, shape), dtype=operands[0].dtype)


def speed_up_rule(op: Op, index: int) -> None:
    """Give a rule of an elementwise record kernels for large gradients."""
    rule = op.rules[index]
    places = [GRADIENT, *sorted(rule.saves)]
    if any(p != RESULT and p - FIRST not in op.arrays and p != GRADIENT for p in places):
        return
    rest = [FIRST + i for i in range(len(op.params)) if i not in op.arrays]
    old = copy(rule)
    variants, broadcasting = Variants(f"{op.name} backward"), Variants(f"{op.name} backward of several shapes")

    def faster(environment: list[Any]) -> Any:
        g = environment[GRADIENT]
        if not sized(g):
            return old(environment)
        size = g.size
        operands = [environment[p] for p in places]
        if same_shape(operands):
            attributes = tuple([environment[p] for p in rest])
            known = variants.find(size, g.dtype, attributes, backward_maker, op, old, places)
            if known is not None:
                return computed(known, tuple(operands), attributes)
        elif broad(operands) is not None:
            attributes = tuple([environment[p] for p in rest])
            known = broadcasting.find(size, g.dtype, attributes, backward_maker, op, old, places, True)
            found = None if known is None else computed(known, tuple(operands), attributes)
            if found is not None:
                return found
        return old(environment)

    rule.function, rule.single, rule.pick = faster, False, _whole


def _whole(environment: list[Any]) -> tuple[list[Any]]:
    return (environment,)


def install() -> None:
    """Put kernels behind all elementwise records that compute floating results from floating tensors."""
    for op in REGISTRY.values():
        if isinstance(op.kind, Elementwise) and op.many < 0 and op.outputs == 1 and not op.recorded_body:
            if op.arrays == tuple(range(len(op.arrays))):
                op.body = with_kernel(op)
            for index, rule in enumerate(op.rules):
                if rule is not None:
                    speed_up_rule(op, index)
