"""Forward mode as functions of functions: `jvp`, `linearize`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.base.errors import GraphError
from wengert.core.tape import duals
from wengert.core.tape.backward import captured
from wengert.core.tape.batching import lifted
from wengert.core.tape.core import TensorBase, wrap
from wengert.core.tape.levels import BATCHED, Level, close_level, open_level
from wengert.core.tape.modes import current
from wengert.core.tape.tangent import zeros_like
from wengert.func.reverse import Recording, gradients, reaches_out, released, start
from wengert.func.trees import outputs_of, split_aux, tensors_of
from wengert.utils._pytree import tree_flatten, tree_map, tree_map_only

_NAME = "jvp(f, primals, tangents)"


def jvp(func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """func(*primals) and J v, J the Jacobian there and v = tangents; with has_aux also what func returned beside.

    strict: an output that does not depend on the primals is an error instead of having a zero tangent.
    Raises: GraphError for primals that are no tuple of tensors, and for tangents of another structure.
    """
    points, directions = checked_pairs(primals, tangents)
    level = Level()
    open_level(level, False)
    token = duals.ENABLED.set(True)
    try:
        moving = [duals.make_dual(x, t, level) for x, t in zip(points, directions, strict=True)]
        output, aux = split_aux(func(*tree_flatten(primals)[1].unflatten(moving)), has_aux, _NAME)
        outs, spec = outputs_of(output, _NAME)
        pairs = [duals.unpacked(x, level) for x in outs]
        aux = tree_map_only(TensorBase, lambda x: duals.unpacked(x, level)[0], aux)
    finally:
        duals.ENABLED.reset(token)
        close_level(level)
    if strict and any(t is None for _, t in pairs):
        raise GraphError(
            f"{_NAME[:-1]}, strict=True): The output of f is independent of the inputs. This is not allowed with "
            "strict=True."
        )
    result = spec.unflatten([x for x, _ in pairs])
    pushed = spec.unflatten([zeros_like(x) if t is None else t for x, t in pairs])
    return (result, pushed, aux) if has_aux else (result, pushed)


def checked_pairs(primals: Any, tangents: Any) -> tuple[list[Any], list[Any]]:
    """Primals and tangents, leaf by leaf.

    Raises: GraphError.
    """
    if not isinstance(primals, tuple):
        raise GraphError(f"{_NAME}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals).")
    flat, spec = tree_flatten(primals)
    given, other = tree_flatten(tangents)
    if spec != other:
        raise GraphError(
            f"{_NAME}: Expected primals and tangents to have the same python structure. For example, if primals is a "
            f"tuple of 3 tensors, tangents also must be. Got primals with structure {spec} and tangents with structure "
            f"{other}"
        )
    for what, leaves in (("primals", flat), ("tangents", given)):
        if not leaves:
            raise GraphError(f"{_NAME}: Expected {what} to contain at least one Tensor.")
        tensors_of(leaves, f"{_NAME}: Expected {what} to only contain Tensors, got ")
    return flat, given


def weight(y: Any) -> Any:
    """A weight of an output, to differentiate by."""
    ones = wrap(zeros_like(y)._array + 1)
    return (lifted(ones, y._array.level) if y._flags & BATCHED else ones).requires_grad_()


def check_fits(i: int, x: Any, t: Any) -> None:
    """A tangent of a linearised function has its primal's shape and dtype.

    Raises: GraphError.
    """
    for what, own, given in (("shape", x.shape, t.shape), ("dtype", x.dtype, t.dtype)):
        if own != given:
            raise GraphError(
                f"tangent:{i} with {what} {given} in flattened pytree doesn't match the {what} {own} of the "
                "corresponding primal."
            )


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """func(*primals) and the function v -> J v, J the Jacobian there: func runs once, the function any number of times.

    What of the output is no tensor is handed on by both.  The recorded reverse sweep v^T J is linear in v; its
    transpose is J.
    """
    with Recording() as mode:
        xs = tree_map(start, primals)
        output = func(*xs)
        leaves, spec = tree_flatten(output)
        ys = [y for y in leaves if isinstance(y, TensorBase)]
        inputs, in_spec = tree_flatten(xs)
        outer = reaches_out(ys, inputs)
        live = [y for y in ys if y._flags & 1]
        weights = [weight(y) for y in live]
        swept = captured(tuple(live), inputs, tuple(weights), True, True) if live else [None] * len(inputs)

    def push(*tangents: Any) -> Any:
        """J v."""
        given, t_spec = tree_flatten(tangents)
        if t_spec != in_spec:
            raise GraphError(f"Expected the tangents {t_spec} to have the same argspec as the primals {in_spec}")
        for i, (x, t) in enumerate(zip(inputs, given, strict=True)):
            check_fits(i, x, t)
        keep = current().grad
        with Recording():
            pairs = [(g, t) for g, t in zip(swept, given, strict=True) if g is not None and g._flags & 1]
            found = gradients([g for g, _ in pairs], weights, [t for _, t in pairs], True, outer) if pairs else []
        moved = iter(found)
        parts = [
            y if not isinstance(y, TensorBase) else next(moved) if y._flags & 1 and pairs else zeros_like(y)
            for y in leaves
        ]
        return spec.unflatten(released(parts, keep))

    return released(output, outer and mode.outer), push
