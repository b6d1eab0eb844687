# cython: annotation_typing=False
"""Callables of operators: arguments in torch's forms become a full tuple, which goes one of the ways of `calls`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.base import uncompiled as cython
from wengert.core.base.errors import ArgumentError
from wengert.core.operators.kinds import Composite
from wengert.core.operators.raw import SPARSE
from wengert.core.operators.record import REGISTRY, Op
from wengert.core.tape import hot, hot_nodes
from wengert.core.tape.arguments import ALIASES, bind, integers, signature_text
from wengert.core.tape.calls import apply_one, apply_some, apply_two, apply_view
from wengert.core.tape.core import GENERAL, RECORDED
from wengert.core.tape.dispatch import INTERCEPT, apply
from wengert.core.tape.forms import Form
from wengert.core.tape.inspection import describe
from wengert.core.tape.modes import MODE, OFF, PLAIN
from wengert.core.tape.refusals import refuse
from wengert.core.tape.severals import apply_many

if cython.compiled:
    from cython.cimports.wengert.core.tape.interpreter import mode_of

    @cython.cfunc
    @cython.inline
    def _mode_get() -> object:
        return mode_of(MODE)

else:
    _mode_get = MODE.get

GENERAL_WAY, VIEW_WAY, ONE_WAY, TWO_WAY, SOME_WAY, MANY_WAY = range(6)


@cython.cclass
class Plan:
    """How the arguments of an operator become a full tuple, and which way that goes; worked out once."""

    __slots__ = ("op", "form", "way", "count", "positional", "required", "spread", "ints", "tail", "call")

    def __init__(self, op: Op) -> None:
        self.op, self.form = op, Form(op)
        self.call: Any = None
        self.way = way_of(op, self.form)
        self.count, self.positional = len(op.params), op.positional
        self.ints = tuple(op.ints)
        self.spread = op.positional - 1 if op.variadic else -1
        self.required = len(op.required)
        if op.params[: self.required] != op.required:
            self.required = self.count
        self.tail = tuple(op.defaults.get(name) for name in op.params)


def way_of(op: Op, form: Form) -> int:
    """The way that full argument tuples of an operator go."""
    if op.many >= 0:
        plain = op.many == 0 and op.outputs == 1 and not op.saves and not form.view and not callable(op.backward_name)
        return MANY_WAY if plain else GENERAL_WAY
    if form.view:
        return VIEW_WAY if op.arrays == (0,) and not op.saves else GENERAL_WAY
    if op.arrays == (0,):
        return ONE_WAY
    if op.arrays == (0, 1) and form.elementwise:
        return TWO_WAY
    return SOME_WAY if op.arrays else GENERAL_WAY


def planned(plan: Plan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call an operator."""
    given = len(args)
    if plan.spread >= 0 and given > plan.spread:
        args = gathered(args, plan.spread)
        given = len(args)
    if kwargs:
        out = kwargs.pop("out", None)
        args = bind(plan.op, args, kwargs)
        if out is not None:
            return OUT["apply"](plan.op, args, plan.call, out)
    elif given != plan.count:
        if plan.required <= given <= plan.positional:
            args = args + plan.tail[given:]
        else:
            args = bind(plan.op, args, kwargs)
    for place in plan.ints:
        value = args[place]
        if type(value) is not int and value is not None:
            found = integers(value)
            if found is not value:
                args = (*args[:place], found, *args[place + 1 :])
    way = plan.way
    if way == ONE_WAY:
        return apply_one(plan.form, args)
    if way == VIEW_WAY:
        return apply_view(plan.form, args)
    if way == TWO_WAY:
        return apply_two(plan.form, args)
    if way == SOME_WAY:
        return apply_some(plan.form, args)
    if way == MANY_WAY:
        return apply_many(plan.form, args)
    return apply(plan.op, args)


def make_call(op: Op) -> Callable[..., Any]:
    """The function of an operator: `call(*args, out=None, **kwargs)`."""
    if isinstance(op.kind, Composite):
        return composite_call(op)
    plan = Plan(op)

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return planned(plan, args, kwargs)
        except Exception as error:
            again = refuse(op, args, kwargs, error)
            if again is None:
                raise
        return planned(plan, again, {})

    plan.call = call
    return named(call, op)


def gathered(args: tuple[Any, ...], spread: int) -> tuple[Any, ...]:
    """`permute(x, 2, 0, 1)` as `permute(x, (2, 0, 1))`."""
    last = args[spread]
    if len(args) == spread + 1 and (isinstance(last, (tuple, list)) or last is None):
        return args
    return (*args[:spread], args[spread:])


def composite_call(op: Op) -> Callable[..., Any]:
    """The function of an operator written in others."""
    body, count = op.body, op.positional
    spread = count - 1 if op.variadic else -1
    params, known = op.params, frozenset(op.params)
    short = SHORT.get(op.name)

    def call(*args: Any, **kwargs: Any) -> Any:
        if short is not None and not kwargs:
            found = short(args)
            if found is not None:
                return found
        if spread >= 0 and len(args) > spread:
            args = gathered(args, spread)
        if kwargs:
            out = kwargs.pop("out", None)
            for given in () if known.issuperset(kwargs) else kwargs.keys() - known:
                own = ALIASES.get(given)
                if own is None or own not in params:
                    raise ArgumentError(
                        f"{op.name}() got an unexpected keyword argument '{given}'; it is {signature_text(op)}"
                    )
                kwargs[own] = kwargs.pop(given)
            if out is not None:
                return OUT["apply"](op, bind(op, args, kwargs), partial_call(op), out)
        mode = _mode_get()
        if mode is not PLAIN and mode is not OFF and mode.overrides:
            return INTERCEPT["composite"](op, args, kwargs)
        found = SPARSE["composite"](op, args, kwargs) if SPARSE else None
        if found is not None:
            return found
        try:
            return body(RECORDED, *args, **kwargs)
        except Exception as error:
            again = refuse(op, args, kwargs, error)
            if again is None:
                raise
        return body(RECORDED, *again[:count], **dict(zip(params[count:], again[count:], strict=True)))

    return named(call, op)


def partial_call(op: Op) -> Callable[..., Any]:
    """A composite called with its full argument tuple."""
    names = op.params[op.positional :]
    return lambda *args: op.body(
        RECORDED, *args[: op.positional], **dict(zip(names, args[op.positional :], strict=True))
    )


def named(call: Any, op: Op) -> Any:
    """Give a generated function its operator's name and documentation."""
    call.__name__ = call.__qualname__ = op.name
    call.__doc__ = op.doc
    call.op = op
    return call


OUT: dict[str, Any] = {}

SHORT: dict[str, Callable[[tuple[Any, ...]], Any]] = {}
"""A short way of some composites for positional arguments; None: not for it (shortcuts.py)."""


def install(op: Op) -> None:
    """Make an operator callable: in rules, and as the general form of a hot one."""
    call = make_call(op)
    op.call = call
    setattr(GENERAL, op.name, call)
    hot_form = getattr(hot, op.name, None) if op.name in hot_nodes.HOT else None
    setattr(RECORDED, op.name, call if hot_form is None or op.name in ("sum", "mean", "t") else hot_form)
    node_class = hot_nodes.HOT.get(op.name)
    if node_class is not None:
        describe(node_class, op)


def install_all() -> None:
    """Make every registered operator callable."""
    for op in REGISTRY.values():
        if op.call is None:
            install(op)
