"""Reverse mode as functions of functions: `grad`, `vjp`.

Inputs become starting points of their own on the tape, so nested transforms and the tape outside
do not meet: the user's tensors get no `.grad`.  The sweep is recorded only if something further out can
want its derivative, which the recorded nodes tell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.base.errors import GraphError, ValueRangeError
from wengert.core.tape import transforms
from wengert.core.tape.backward import VALUES, captured
from wengert.core.tape.batching import BatchedArray, at, cut, lifted
from wengert.core.tape.core import RECORDED, AccumulateGrad, TensorBase
from wengert.core.tape.levels import (
    BATCHED,
    DUAL,
    copy_of,
    duals_of,
    fresh,
    innermost_batch,
    mark_born,
    open_levels,
    set_duals,
)
from wengert.core.tape.modes import PLAIN, current, enter, leave
from wengert.core.tape.tangent import zeros_like
from wengert.func.trees import chosen, named_like, outputs_of, split_aux, with_chosen
from wengert.utils._pytree import tree_flatten, tree_map, tree_map_only

transforms.connect()


class Recording:
    """Operations are recorded inside, whatever the mode outside; `outer` tells that mode."""

    def __enter__(self) -> Recording:
        mode = current()
        self.outer = mode.grad
        self.token = enter(mode if mode is PLAIN else mode.but(grad=True, inference=False))
        return self

    def __exit__(self, *error: Any) -> None:
        leave(self.token)


def start(x: Any) -> Any:
    """x as an input to differentiate: linked to its history at this level, else a leaf of its own."""
    if not isinstance(x, TensorBase):
        raise ValueRangeError(f"Thing passed to transform API must be Tensor, got {type(x)}")
    if x._array.dtype.kind not in "fcV":
        raise GraphError("only Tensors of floating point dtype can require gradients")
    level = innermost_batch()
    if level is not None and not at(x, level):
        x = lifted(x, level)
    elif x._flags & 1:
        return RECORDED.alias(x)
    out = fresh(x).requires_grad_()
    return mark_born(out) if out._flags & DUAL else out


def history(x: Any) -> bool:
    """Whether a tensor, what it stands for, or a tangent of it has a history."""
    if x._flags & 1:
        return True
    if x._flags & BATCHED and history(x._array.value):
        return True
    return bool(x._flags & DUAL) and any(history(t) for t in duals_of(x).values())


def reaches_out(outputs: list[Any], inputs: list[Any]) -> bool:
    """Whether the history of outputs leads beyond the inputs: then a derivative may be wanted further out."""
    own = set()
    for x in inputs:
        if x._node.__class__ is not AccumulateGrad:
            return True
        own.add(x._node)
    seen = set(own)
    stack = [x._node for x in outputs if x._node is not None]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        if node.__class__ is AccumulateGrad:
            return True
        seen.add(node)
        stack.extend(target for target in node._inputs if target is not None)
    return False


def gradients(outputs: list[Any], inputs: list[Any], weights: list[Any], retain: bool, outer: bool) -> list[Any]:
    """Gradients of outputs weighted by `weights`, zero where nothing leads to an input."""
    live = [(y, w) for y, w in zip(outputs, weights, strict=True) if y._flags & 1]
    if not live:
        return [zeros_like(x) for x in inputs]
    ys, ws = zip(*live, strict=True)
    levels = [y._array.level for y in ys if y._flags & BATCHED]
    create: Any = True
    quiet = None
    if levels and not outer:
        quiet = max(levels)
    elif not levels and not outer and not any(w is not None and history(w) for w in ws):
        opened = open_levels()
        if not any(level.wanted for level in opened):
            marked = any(w is not None and w._flags & (BATCHED | DUAL) for w in ws)
            create = VALUES if opened or marked else False
    found = run(ys, inputs, ws, retain, create, quiet)
    return [zeros_like(x) if g is None else g for x, g in zip(inputs, found, strict=True)]


def run(ys: Any, inputs: list[Any], ws: Any, retain: bool, create: Any, quiet: Any) -> list[Any]:
    """The sweep; `quiet` is a batch level whose record it leaves alone."""
    if quiet is None:
        return captured(ys, inputs, ws, retain, create)
    before, quiet.recording = quiet.recording, False
    try:
        return [g if g is None else cut(g) for g in captured(ys, inputs, ws, retain, create)]
    finally:
        quiet.recording = before


def released(tree: Any, keep: bool, quiet: bool = False) -> Any:
    """Results without the history of this level, unless it leads further out; `quiet`: without any (see `stopped`)."""
    return tree if keep else tree_map_only(TensorBase, stopped if quiet else cut, tree)


def stopped(x: Any) -> Any:
    """x without history, at levels further out and in its tangents too: what `no_grad` outside a transform asks for."""
    out = cut(x)
    if x._flags & (BATCHED | DUAL) and history(x):
        out = copy_of(out)
        if x._flags & BATCHED:
            array = x._array
            out._array = BatchedArray(stopped(array.value), array.dim, array.level)
        if x._flags & DUAL:
            set_duals(out, {level: stopped(t) for level, t in duals_of(x).items()})
    return out


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """func(*primals) and the function v -> v^T J, J the Jacobian there; with has_aux also what func returned beside.

    The function may be called any number of times and transformed itself; it takes cotangents in the form of the
    output and gives a tuple with a gradient per primal.
    Raises: GraphError for outputs that are no tensors and cotangents of another structure or shape.
    """
    name = "vjp(f, *primals)"
    with Recording() as mode:
        xs = tree_map(start, primals)
        output, aux = split_aux(func(*xs), has_aux, name)
        ys, spec = outputs_of(output, name)
        inputs, in_spec = tree_flatten(xs)
        kept = [x for x in (*ys, *tree_flatten(aux)[0]) if isinstance(x, TensorBase)]
        outer = reaches_out(kept, inputs)

    def pull(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        """v^T J."""
        ws, w_spec = tree_flatten(cotangents)
        if w_spec != spec:
            raise GraphError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                f"function. cotangents: {w_spec}, primal output: {spec}"
            )
        keep = current().grad
        with Recording():
            found = gradients(ys, inputs, ws, retain_graph, outer)
        found = released(found, keep, not keep)
        return in_spec.unflatten(found)

    keep = outer and mode.outer
    quiet = not mode.outer
    result = released(output, keep, quiet)
    return (result, pull, released(aux, keep, quiet)) if has_aux else (result, pull)


_ONLY = "grad_and_value(f)(*args)"


def grad_and_value(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that gives (gradient of func, func(...)), or (gradient, (func(...), aux)) with has_aux.

    argnums: which positional arguments to differentiate; an int or a tuple, and so is the gradient.
    Raises: GraphError unless func returns a tensor without dims.
    """

    def transformed(*args: Any, **kwargs: Any) -> Any:
        leaves, spec = tree_flatten(chosen(args, argnums))
        with Recording() as mode:
            inputs = [start(x) for x in leaves]
            output, aux = split_aux(func(*with_chosen(args, argnums, spec.unflatten(inputs)), **kwargs), has_aux, _ONLY)
            check_scalar(output)
            kept = [output]
            if has_aux:
                kept += [x for x in tree_flatten(aux)[0] if isinstance(x, TensorBase)]
            outer = reaches_out(kept, inputs)
            found = gradients([output], inputs, [None], outer, outer)
        keep = outer and mode.outer
        end = cut if mode.outer else stopped
        slopes = spec.unflatten(found if keep else [end(g) for g in found])
        value = output if keep else end(output)
        return (slopes, (value, released(aux, keep, not mode.outer))) if has_aux else (slopes, value)

    return named_like(transformed, func)


def check_scalar(output: Any) -> None:
    """What has a gradient is one number.

    Raises: GraphError.
    """
    if not isinstance(output, TensorBase):
        raise GraphError(f"{_ONLY}: Expected f(*args) to return a Tensor, got {type(output)}")
    if output._array.ndim:
        raise GraphError(
            f"{_ONLY}: Expected f(*args) to return a scalar Tensor, got tensor with {output._array.ndim} dims. Maybe "
            "you wanted to use the vjp or jacrev APIs instead?"
        )


def grad(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The gradient of a function that returns a tensor without dims; (gradient, aux) with has_aux.

    argnums: which positional arguments to differentiate; an int or a tuple, and so is the gradient.
    Raises: GraphError unless func returns a tensor without dims.
    """
    both = grad_and_value(func, argnums, has_aux)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        slopes, value = both(*args, **kwargs)
        return (slopes, value[1]) if has_aux else slopes

    return named_like(transformed, func)
