"""Kernels behind losses of two arrays: the values and their sum in one pass, the gradient in another.

A loss states its values and slopes per element (`library/loss.py`, `SHAPES`); large contiguous arrays of one dtype with
a loss reduced to its sum or mean go to kernels that are ready, everything else to the record.
"""

from __future__ import annotations

from functools import update_wrapper
from typing import Any

import numpy

from wengert.core.kernels.totals import slope_call, total_call
from wengert.core.kernels.workshop import LARGE, Order, order
from wengert.core.operators.library.loss import SHAPES, Shape
from wengert.core.operators.record import GRADIENT, REGISTRY

__all__ = ["install"]

_ndarray = numpy.ndarray
_LETTERS = {numpy.dtype(numpy.float32): "float", numpy.dtype(numpy.float64): "double"}
_orders: dict[Any, Order] = {}


def suits(input: Any, target: Any) -> bool:
    """Whether both are plain, contiguous, and alike, in a dtype of kernels."""
    return (
        input.__class__ is _ndarray
        and target.__class__ is _ndarray
        and input.dtype is target.dtype
        and input.shape == target.shape
        and input.dtype in _LETTERS
        and input.flags.c_contiguous
        and target.flags.c_contiguous
    )


def ready(name: str, call: Any, formula: Any, dtype: Any, numbers: tuple[float, ...]) -> Any:
    """The kernel of a formula, or None; the first question orders it."""
    placed = _orders.get((name, dtype))
    if placed is None:

        def make(factory: Any) -> Any:
            return call(factory, name, formula, 2, numbers, _LETTERS[dtype])

        placed = _orders[name, dtype] = order(name, make)
    return placed.function


def numbers_of(shape: Shape, given: Any) -> tuple[float, ...] | None:
    """The loss's own numbers; None where one of them is no positive number."""
    found = tuple([given[name] for name in shape.numbers])
    return found if all(x.__class__ in (float, int) and x > 0 for x in found) else None


def with_kernel(name: str, body: Any, shape: Shape, defaults: dict[str, Any]) -> Any:
    """The body of a loss."""

    def faster(np: Any, input: Any, target: Any, *others: Any, **named: Any) -> Any:
        if input.size >= LARGE and suits(input, target) and all(x is None for x in others):
            given = {**defaults, **named}
            reduction, numbers = given["reduction"], numbers_of(shape, given)
            plain = all(given[x] is None for x in shape.absent if x in given)
            if numbers is not None and plain and (reduction == "mean" or reduction == "sum"):
                kernel = ready(f"{name} in all", total_call, shape.values, input.dtype, numbers)
                if kernel is not None:
                    found = kernel(input, target, *numbers)
                    return found / input.dtype.type(input.size) if reduction == "mean" else found
        return body(np, input, target, *others, **named)

    return faster


def speed_up_rule(op: Any, index: int, shape: Shape) -> None:
    """Give the rule of a loss's input or target a kernel."""
    rule = op.rules[index]
    single, function = rule.single, rule.function
    pick: Any = rule.pick
    places = [op.position("input"), op.position("target")]
    others = [op.position(name) for name in shape.absent]
    reduction_at, numbers_at = op.position("reduction"), {name: op.position(name) for name in shape.numbers}
    name, formula = f"{op.name} slope {index}", shape.slopes[index]

    def old(environment: list[Any]) -> Any:
        return function(pick(environment)) if single else function(*pick(environment))

    def faster(environment: list[Any]) -> Any:
        g, (input, target) = environment[GRADIENT], (environment[p] for p in places)
        if input.__class__ is _ndarray and input.size >= LARGE and g.ndim == 0 and suits(input, target):
            reduction = environment[reduction_at]
            if reduction != "none" and all(environment[p] is None for p in others):
                numbers = numbers_of(shape, {k: environment[p] for k, p in numbers_at.items()})
                kernel = ready(name, slope_call, formula, input.dtype, numbers) if numbers is not None else None
                if kernel is not None and numbers is not None:
                    factor = g / input.dtype.type(input.size) if reduction == "mean" else g
                    return kernel(input, target, float(factor), *numbers)
        return old(environment)

    rule.function, rule.single, rule.pick = faster, False, lambda environment: (environment,)


def install() -> None:
    """Put kernels behind the losses that state their values."""
    for name, shape in SHAPES.items():
        op = REGISTRY[name]
        op.body = update_wrapper(with_kernel(name, op.body, shape, op.defaults), op.body)
        for index in range(2):
            # A rule that is not given both arrays cannot have them: what it saves stays what torch saves.
            if {op.position("input"), op.position("target")} <= set(op.rules[index].saves):
                speed_up_rule(op, index, shape)
