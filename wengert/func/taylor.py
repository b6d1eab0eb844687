"""Taylor mode: derivatives of any order along a curve, in one evaluation.

Inside `jet` a tensor carries the coefficients of a power series in t beside its value.  Operators pass them on by what
their records state already, truncated at the order asked for:

    linear, view        the operator itself, on each coefficient
    product, bilinear   Cauchy's product, y_k = sum_j f(a_j, b_(k-j))
    quotient            y_k = (a_k - sum_(j>0) b_j y_(k-j)) / b_0
    all others          y' = J(x) x', the record's tangent rule run on series of one order less; y_k = (y')_(k-1) / k

A rule that mentions the operator's own result (exp, tanh, sqrt) is run once for each coefficient, as the result's
series grows.  Cost: O(n^2) products per operator for order n, where nested tangents take 2^n evaluations.

Source: A. Griewank, A. Walther, Evaluating Derivatives (2008), chapter 13.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from math import factorial
from typing import Any

from wengert.core.base.errors import GraphError, MissingError
from wengert.core.operators import derived
from wengert.core.operators.kinds import Bilinear, Elementwise, Linear, Plain
from wengert.core.operators.record import RESULT, Op
from wengert.core.tape import batching, duals, inplace, tangent, transforms
from wengert.core.tape.core import RECORDED, TensorBase
from wengert.core.tape.dispatch import TRANSFORMS, apply, first_tensor, refresh_all
from wengert.core.tape.levels import (
    DUAL,
    Level,
    close_level,
    copy_of,
    duals_of,
    keep_marks,
    open_level,
    own_duals,
    set_duals,
)
from wengert.core.tape.modes import current, enter, leave
from wengert.core.tape.views import STALE, view_info
from wengert.func.trees import outputs_of

__all__ = ["jet"]

Coefficients = list[Any]
_ORDER: ContextVar[int] = ContextVar("wengert_series_order", default=0)
_LEVEL: ContextVar[Any] = ContextVar("wengert_series_level", default=None)
_BEFORE: dict[str, Any] = {}


# ---------------------------------------------------------------- tensors with a series

# Note [Series as duals] The first coefficient is kept where tangents are, under the level of the jet, and carries the
# second in the same way, and so on.  So whatever copies, views and saves dual tensors does it with series too.


def series_of(x: Any) -> Coefficients | None:
    """The coefficients of t, t^2, ... of a tensor, as far as they are not 0; None where it does not move."""
    order = _ORDER.get()
    if not isinstance(x, TensorBase) or not x._flags & DUAL or not order:
        return None
    level, found = _LEVEL.get(), list[Any]()
    chain = duals_of(x).get(level)
    while chain is not None and len(found) < order:
        following = duals_of(chain).get(level) if chain._flags & DUAL else None
        found.append(bare(chain))
        chain = following
    return found or None


def bare(x: Any) -> Any:
    """The value alone, with its history and its other marks."""
    if not isinstance(x, TensorBase) or not x._flags & DUAL:
        return x
    level, found = _LEVEL.get(), duals_of(x)
    if level not in found:
        return x
    out = copy_of(x)
    set_duals(out, {k: t for k, t in found.items() if k is not level})
    return out


def moving(x: Any, coefficients: Coefficients) -> Any:
    """A tensor that stands for x + c_1 t + c_2 t^2 + ..."""
    out = bare(x)
    chain = None
    for c in reversed(coefficients):
        if c is None and chain is None:
            continue
        c = tangent.zeros_like(x) if c is None else bare(c)
        chain = c if chain is None else with_dual(c, chain)
    return out if chain is None else with_dual(out, chain)


def with_dual(x: Any, chain: Any) -> Any:
    """Another tensor on x's memory that carries what follows."""
    out = copy_of(x)
    set_duals(out, {**duals_of(x), _LEVEL.get(): chain})
    return out


def plus(a: Any, b: Any) -> Any:
    """A sum of coefficients, None standing for 0."""
    return b if a is None else a if b is None else a + b


# ---------------------------------------------------------------- operators


def answer(op: Op, args: tuple[Any, ...]) -> Any:
    """An operator some of whose arguments move."""
    values = list(op.values(args))
    found = [series_of(x) for x in values]
    if not any(s is not None for s in found):
        return _BEFORE["apply"](op, args)
    order = _ORDER.get()
    stripped = [bare(x) for x in values]
    full = derived.replaced(op, args, stripped)
    if isinstance(op.kind, Plain):
        return derived.invoke(op, RECORDED, full)
    mode = current()
    token = enter(mode.but(hooks=())) if mode.hooks else None
    try:
        out = computed(op, args, values, full, stripped)
    finally:
        if token is not None:
            leave(token)
    if shares(op, values, out):
        return out
    rows = [list(s or ()) + [None] * (order - len(s or ())) for s in found]
    outs = out if isinstance(out, (tuple, list)) else (out,)
    made = coefficients_of(op, full, stripped, rows, out, order)
    results = []
    for i, y in enumerate(outs):
        own = [fitted(c[i], y) for c in made]
        floating = isinstance(y, TensorBase) and y._array.dtype.kind in "fcV"
        results.append(moving(y, own) if floating else y)
    first = next((y for y in results if isinstance(y, TensorBase) and y._node is not None), None)
    keep_marks(None if first is None else first._node, results)
    if token is not None:
        transforms.pack_results(results[0], mode)
    if not isinstance(out, (tuple, list)):
        return results[0]
    return type(out)(results) if type(out) in (tuple, list) else type(out)(*results)


def shares(op: Op, values: list[Any], out: Any) -> bool:
    """Whether results are views that see the series of their base: then they have none of their own."""
    outs = out if isinstance(out, (tuple, list)) else (out,)
    own = any(isinstance(x, TensorBase) and own_duals(x) and view_info(x) for x in values)
    if not op.kind.view or own or any(view_info(x) is None for x in outs):
        return False
    for x in outs:
        x._flags |= DUAL
    keep_marks(next((x._node for x in outs if x._node is not None), None), outs)
    return True


def computed(op: Op, args: Any, values: list[Any], full: Any, stripped: list[Any]) -> Any:
    """The results alone, with their other tangents; what is saved for a gradient keeps its series."""
    level = batching.level_of(values)
    out = apply(op, args, 0) if level is None else batching.apply(op, args, level)
    tangents = transforms.moving(stripped, level)
    if any(tangents):
        duals.carry(op, tuple(full), tangents, out)
    return out


def fitted(c: Any, y: Any) -> Any:
    """A coefficient in its value's shape and dtype."""
    return None if c is None else duals.fitted(c, y)


def coefficients_of(op: Op, args: Any, values: list[Any], rows: list[Coefficients], out: Any, order: int) -> list[Any]:
    """Per order 1..n the coefficients of all results, as a tuple."""
    if is_linear(op):
        return [spread(None if blank(c) else tangent.jvp(op, args, c, out), out) for c in zip(*rows, strict=True)]
    if op.name == "mul" or isinstance(op.kind, Bilinear) and not any(map(any_set, rows[2:])):
        return [(c,) for c in products(op, args, values, rows, order)]
    if op.name == "div" and args[op.params.index("rounding_mode")] is None:
        return [(c,) for c in quotients(values, rows, out, order)]
    return by_tangents(op, args, values, rows, out, order)


def is_linear(op: Op) -> bool:
    """Whether the coefficients do not meet each other."""
    kind = op.kind
    return isinstance(kind, Linear) or isinstance(kind, Elementwise) and not any(map(callable, kind.d))


def any_set(row: Coefficients) -> bool:
    """Whether an argument moves."""
    return any(c is not None for c in row)


def blank(column: Any) -> bool:
    """Whether no argument moves at this order."""
    return all(c is None for c in column)


def spread(made: Any, out: Any) -> tuple[Any, ...]:
    """Coefficients of one order, one for each result."""
    count = len(out) if isinstance(out, (tuple, list)) else 1
    if made is None:
        return (None,) * count
    return tuple(made) if isinstance(made, (tuple, list)) else (made,)


def products(op: Op, args: Any, values: list[Any], rows: list[Coefficients], order: int) -> Coefficients:
    """Cauchy's product of the first two arguments."""
    first, second = [[values[0], *rows[0]], [values[1], *rows[1]]]
    found = []
    for k in range(1, order + 1):
        total = None
        for j in range(k + 1):
            if first[j] is not None and second[k - j] is not None:
                pair = [first[j], second[k - j], *values[2:]]
                total = plus(total, derived.invoke(op, RECORDED, derived.replaced(op, args, pair)))
        found.append(total)
    return found


def quotients(values: list[Any], rows: list[Coefficients], out: Any, order: int) -> Coefficients:
    """The series of a / b."""
    known = [out]
    for k in range(1, order + 1):
        total = rows[0][k - 1]
        for j in range(1, k + 1):
            if rows[1][j - 1] is not None and known[k - j] is not None:
                total = plus(total, -(rows[1][j - 1] * known[k - j]))
        known.append(None if total is None else total / values[1])
    return known[1:]


def by_tangents(op: Op, args: Any, values: list[Any], rows: list[Coefficients], out: Any, order: int) -> list[Any]:
    """The series of any other operator, from y' = J(x) x'."""
    outs = out if isinstance(out, (tuple, list)) else (out,)
    if not uses_result(op) or not states_tangent(op):
        speed = derivative(op, args, values, rows, out, order - 1)
        return [tuple([scaled(y[k - 1], k) for y in speed]) for k in range(1, order + 1)]
    known: list[Any] = []
    for k in range(1, order + 1):
        grown = [moving(y, [c[i] for c in known]) for i, y in enumerate(outs)]
        so_far = type(out)(grown) if type(out) in (tuple, list) else grown[0]
        speed = derivative(op, args, values, rows, so_far, k - 1)
        known.append(tuple([scaled(y[k - 1], k) for y in speed]))
    return known


def uses_result(op: Any) -> bool:
    """Whether the tangent rule mentions the operator's result."""
    stated = op.jvp is not None and "out" in op.jvp.__code__.co_varnames[: op.jvp.__code__.co_argcount]
    return stated or op.jvp is None and RESULT in op.saves


def states_tangent(op: Any) -> bool:
    """Whether the record gives a tangent rule; otherwise the transpose of its gradient is one, and needs no result."""
    return op.jvp is not None or isinstance(op.kind, (Elementwise, Bilinear)) or op.name in derived._JOINING


def scaled(c: Any, k: int) -> Any:
    """A coefficient of y' as the next one of y."""
    return c if c is None or k == 1 else c / k


def derivative(op: Op, args: Any, values: list[Any], rows: list[Coefficients], out: Any, order: int) -> list[Any]:
    """Per result the coefficients 0..order of y'."""
    token = _ORDER.set(order) if order else None
    try:
        xs = [moving(x, row[:order]) if order and any_set(row) else x for x, row in zip(values, rows, strict=True)]
        ts = [speed_of(x, row, order) for x, row in zip(values, rows, strict=True)]
        made = tangent.jvp(op, tuple(derived.replaced(op, args, xs)), ts, out)
        found = []
        for y in spread(made, out):
            series = (series_of(y) or []) if order else []
            found.append([None if y is None else bare(y), *series, *[None] * (order - len(series))])
        if current().grad and any(wanted(x) for x in (*values, *ts)):
            return found
        return [[c if c is None else batching.cut(c) for c in row] for row in found]
    finally:
        if token is not None:
            _ORDER.reset(token)


def wanted(x: Any) -> bool:
    """Whether a value or its speed has a history."""
    return isinstance(x, TensorBase) and bool(x._flags & 1 or any(c._flags & 1 for c in series_of(x) or ()))


def speed_of(x: Any, row: Coefficients, order: int) -> Any:
    """The series of x'; None for what does not move."""
    if not any_set(row):
        return None
    terms = [c if c is None or k == 0 else c * (k + 1) for k, c in enumerate(row[: order + 1])]
    start = terms[0] if terms[0] is not None else tangent.zeros_like(x)
    return moving(start, terms[1:]) if order else start


# ---------------------------------------------------------------- what else operators do


def answer_inplace(op: Op, args: tuple[Any, ...], depth: int) -> Any:
    """The in-place form: the series is worked out first, from what is about to be overwritten."""
    values = list(op.values(args))
    if any(isinstance(x, TensorBase) and x._flags & STALE for x in values):
        refresh_all(op, args)
    if all(series_of(x) is None for x in values):
        return _BEFORE["inplace"](op, args, depth + 1)
    level, x = _LEVEL.get(), first_tensor(op, args)
    if any(set(duals_of(y)) - {level} for y in values if isinstance(y, TensorBase)):
        raise MissingError(f"jet: {op.name}_() on tensors that are dual besides; use the out-of-place form")
    made = answer(op, transforms.apart(op, args, values))
    batch = batching.level_of(values)
    if batch is None:
        inplace.apply_inplace(op, args, depth + 2, 0)
    else:
        batching.apply_inplace(op, args, batch, depth + 2)
    if x._flags & STALE:
        refresh_all(op, (x, *args[1:]))
    duals.moved(x, {level: duals_of(made).get(level)})
    keep_marks(x._node, (x,))
    return x


def answer_out(op: Op, args: tuple[Any, ...], call: Any, out: Any) -> Any:
    """Series cannot be written to an `out=` tensor."""
    if any(series_of(x) is not None for x in op.values(args)):
        raise MissingError(f"jet: {op.name} with out= is not supported: copy_() its result")
    return _BEFORE["out"](op, args, call, out)


def connect() -> None:
    """Let operators ask for series before anything else; done once, when the first jet is made."""
    if _BEFORE:
        return
    transforms.connect()
    _BEFORE.update({name: TRANSFORMS[name] for name in ("apply", "inplace", "out")})
    TRANSFORMS.update({"apply": answer, "inplace": answer_inplace, "out": answer_out})


# ---------------------------------------------------------------- for users


def jet(func: Callable[..., Any], primals: Any, series: Any) -> tuple[Any, list[Any]]:
    """(func(*primals), [y', y'', ..., y^(n)]): the derivatives at t = 0 of func along a curve.

    primals: a tuple of tensors.  series: for each of them the list of the curve's derivatives [x', x'', ..., x^(n)]
    (None for 0), all of one length n.  The derivatives have the structure of the output.  With x' = v and nothing
    after, y^(k) is the k-th derivative along v.
    Cost: O(n^2) products per operator, n + 1 values for each tensor.
    Raises: MissingError naming an operator whose record has no tangent rule; GraphError for series of another form.
    """
    connect()
    if len(primals) != len(series) or not primals:
        raise GraphError(f"jet: Expected one list of derivatives for each primal, got {len(series)} for {len(primals)}")
    order = max(len(s) for s in series)
    if any(len(s) != order for s in series) or not order:
        raise GraphError(f"jet: Expected lists of derivatives of one length, got {[len(s) for s in series]}")
    # A second level is open, so that sweeps inside run on tensors, and not the short way that knows one level only.
    levels = (Level(), Level())
    for level in levels:
        open_level(level, False)
    tokens = _ORDER.set(order), _LEVEL.set(levels[0])
    try:
        given = [start(x, s) for x, s in zip(primals, series, strict=True)]
        output = func(*given)
        outs, spec = outputs_of(output, "jet(f, primals, series)")
        rows = [derivatives(y, order) for y in outs]
        values = spec.unflatten([bare(y) for y in outs])
        return values, [spec.unflatten([row[k] for row in rows]) for k in range(order)]
    finally:
        _ORDER.reset(tokens[0])
        _LEVEL.reset(tokens[1])
        for level in reversed(levels):
            close_level(level)


def start(x: Any, derivatives: Any) -> Any:
    """A primal that moves along its derivatives."""
    terms: Coefficients = []
    for k, d in enumerate(derivatives, 1):
        if d is not None:
            duals.check_shape(x, d)
        terms.append(d if d is None or k == 1 else d / factorial(k))
    return moving(RECORDED.alias(x), terms)


def derivatives(y: Any, order: int) -> list[Any]:
    """The derivatives of an output; zeros where it does not move."""
    terms = list(series_of(y) or ())
    terms += [None] * (order - len(terms))
    return [tangent.zeros_like(y) if c is None else c * factorial(k) for k, c in enumerate(terms, 1)]
