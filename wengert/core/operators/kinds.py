"""Kinds of operators: each turns the few facts that a record states into all of its rules.

elementwise   states one partial derivative per tensor
linear        states its transpose; its tangent is the operator itself
view          a linear operator whose result shares memory with its input
bilinear      states two adjoints
opaque        states a gradient rule per tensor
composite     states nothing: it is written in other operators
plain         has no derivative (comparisons, integer results, tests)

Dtype words (option `promote`): "float" - integers become the default float;
"common" - tensors and numbers meet in torch.result_type; "none" - left alone;
"own" - the body brings dtypes together itself and takes numbers as they are.
Option `cast`: "bool" or "int64" when the result has that dtype whatever goes in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.operators.record import GRADIENT, NAMESPACE, Op, Rule, register


class Kind:
    """What all kinds share; a kind is asked to `bind` its record once."""

    name = "plain"
    view = False
    differentiable = False
    linear = False
    promote = "none"
    inplace = False
    fresh = False
    half = "upcast"

    def bind(self, op: Op) -> None:
        """Fill in what the record left open, and make its rules."""
        count = 1 if op.many >= 0 else len(op.arrays)
        rules = self.rules(op)
        if len(rules) > count:
            raise TypeError(f"operator {op.name}: {len(rules)} rules for {count} tensors")
        op.rules = rules + (None,) * (count - len(rules))
        op.saves_for = tuple(r.saves if r is not None else frozenset() for r in op.rules)
        op.saves = tuple(sorted(frozenset().union(*op.saves_for)))
        for key in ("promote", "inplace", "fresh"):
            if getattr(op, key) is None:
                setattr(op, key, getattr(self, key))

    def rules(self, op: Op) -> tuple[Rule | None, ...]:
        """One gradient rule per tensor parameter (None: no gradient)."""
        return ()


class Plain(Kind):
    """No derivative."""


class Composite(Kind):
    """Written in other operators; they bring the derivatives."""

    name = "composite"
    differentiable = True


class Elementwise(Kind):
    """out[i] = f(x[i], ...) with broadcasting.

    A partial that does not mention g is multiplied with it (conjugated for complex
    numbers, torch's convention); one that mentions g is already the product, which
    must be linear in g - it then serves as tangent rule too.  A number is a constant
    partial.
    """

    name = "elementwise"
    differentiable = True
    promote = "common"
    inplace = True
    fresh = True

    def __init__(self, d: Any) -> None:
        self.d = d if isinstance(d, tuple) else (d,)

    def rules(self, op: Op) -> tuple[Rule | None, ...]:
        return tuple(_partial(op, d) for d in self.d)


def _partial(op: Op, d: Any) -> Rule | None:
    if d is None:
        return None
    if not callable(d):
        constant = d
        if constant == 1:
            return op.rule(lambda g: g)
        return op.rule(lambda g: g * constant)
    bound = op.rule(d)
    code = d.__code__
    if "g" in code.co_varnames[: code.co_argcount]:
        return bound
    product = Rule.__new__(Rule)
    product.saves, product.single = bound.saves, False
    product.pick = lambda environment: (environment,)
    product.function = lambda environment: environment[NAMESPACE].chained(environment[GRADIENT], bound(environment))
    return product


class Linear(Kind):
    """Linear in its tensor(s); states the transpose as a rule of g."""

    name = "linear"
    differentiable = True
    linear = True

    def __init__(self, transpose: Callable[..., Any]) -> None:
        self.transpose = transpose

    def rules(self, op: Op) -> tuple[Rule | None, ...]:
        return (op.rule(self.transpose),)


class View(Linear):
    """A linear operator whose result shares its input's memory."""

    name = "view"
    view = True
    half = "keep"


class Opaque(Kind):
    """States a gradient rule per tensor; a single rule may return one gradient per tensor of a list."""

    name = "opaque"
    differentiable = True

    def __init__(self, vjp: Any) -> None:
        self.vjp = vjp if isinstance(vjp, tuple) else (vjp,)

    def rules(self, op: Op) -> tuple[Rule | None, ...]:
        return tuple(None if rule is None else op.rule(rule) for rule in self.vjp)


class Bilinear(Opaque):
    """Linear in each of two tensors; states the two adjoints."""

    name = "bilinear"
    fresh = True


def _decorator(kind: Kind, options: dict[str, Any]) -> Callable[[Callable[..., Any]], Op]:
    return lambda body: register(kind, body, options)


def elementwise(d: Any, **options: Any) -> Callable[[Callable[..., Any]], Op]:
    """State an elementwise operator by its partial derivatives."""
    return _decorator(Elementwise(d), options)


def linear(transpose: Callable[..., Any], **options: Any) -> Callable[[Callable[..., Any]], Op]:
    """State a linear operator by its transpose."""
    return _decorator(Linear(transpose), options)


def view(transpose: Callable[..., Any], **options: Any) -> Callable[[Callable[..., Any]], Op]:
    """State an operator that returns a view by its transpose."""
    return _decorator(View(transpose), options)


def bilinear(*vjp: Callable[..., Any], **options: Any) -> Callable[[Callable[..., Any]], Op]:
    """State a bilinear operator by its two adjoints."""
    return _decorator(Bilinear(vjp), options)


def opaque(vjp: Any, **options: Any) -> Callable[[Callable[..., Any]], Op]:
    """State an operator by one gradient rule per tensor."""
    return _decorator(Opaque(vjp), options)


def composite(**options: Any) -> Callable[[Callable[..., Any]], Op]:
    """State an operator written in other operators (first parameter `m`)."""
    return _decorator(Composite(), options)


def plain(**options: Any) -> Callable[[Callable[..., Any]], Op]:
    """State an operator without derivative."""
    return _decorator(Plain(), options)
