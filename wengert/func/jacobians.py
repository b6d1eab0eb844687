"""Whole Jacobians and Hessians: a batch of products with unit vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.base.errors import ValueRangeError
from wengert.core.operators.raw import namespace_of
from wengert.core.tape.batching import lifted
from wengert.core.tape.core import RECORDED, wrap
from wengert.core.tape.levels import BATCHED
from wengert.core.tape.units import basis, split
from wengert.func.forward import jvp
from wengert.func.mapping import check_randomness, over_rows
from wengert.func.reverse import vjp
from wengert.func.trees import chosen, named_like, outputs_of, tensors_of, with_chosen
from wengert.utils._pytree import tree_flatten


def shaped(parts: Any, output: Any, inputs: list[Any], spec: Any) -> Any:
    """The Jacobian of one output from a part per input, in the structure of the inputs."""
    shape = output._array.shape
    made = []
    for part, x in zip(parts, inputs, strict=True):
        wanted = (*shape, *x._array.shape)
        made.append(part if part._array.shape == wanted else RECORDED.reshape(part, wanted))
    return spec.unflatten(made)


def ones_like(y: Any) -> Any:
    """The only unit vector of one element."""
    ones = wrap(namespace_of(y._array).np.ones(y._array.shape, y._array.dtype))
    return lifted(ones, y._array.level) if y._flags & BATCHED else ones


def jacrev(
    func: Callable[..., Any],
    argnums: Any = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """The function that gives the Jacobian of func by reverse mode: entries of shape output.shape + input.shape.

    argnums: an int or a tuple.  chunk_size: how many rows at a time (None: all).
    The result has the structure of the output, with that of the chosen inputs inside.
    Raises: ValueRangeError for chunk_size < 1; GraphError for outputs that are no tensors.
    """
    if not (chunk_size is None or chunk_size > 0):
        raise ValueRangeError("jacrev: `chunk_size` should be greater than 0.")

    def transformed(*args: Any, **kwargs: Any) -> Any:
        given = chosen(args, argnums)
        inputs, in_spec = tree_flatten(given)

        def inner(*flat: Any) -> Any:
            return func(*with_chosen(args, argnums, in_spec.unflatten(flat)), **kwargs)

        output, pull, *aux = vjp(inner, *inputs, has_aux=has_aux)
        outs, spec = outputs_of(output, "jacrev(f)(*args)")

        if len(outs) == 1 and outs[0]._array.size == 1:
            found = pull(spec.unflatten([ones_like(outs[0])]))
        else:
            found = over_rows(lambda *rows: pull(spec.unflatten(rows)), basis(outs), "error", chunk_size)
        table = [split(g, outs, 0) for g in found]
        result = spec.unflatten(
            [shaped(row, y, inputs, in_spec) for row, y in zip(zip(*table, strict=True), outs, strict=True)]
        )
        return (result, aux[0]) if has_aux else result

    return named_like(transformed, func)


def jacfwd(
    func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Any]:
    """The function that gives the Jacobian of func by forward mode: entries of shape output.shape + input.shape.

    argnums: an int or a tuple.  randomness: of random operators in func, see `vmap`.
    The result has the structure of the output, with that of the chosen inputs inside.
    Raises: GraphError for outputs that are no tensors.
    """

    def transformed(*args: Any, **kwargs: Any) -> Any:
        check_randomness(randomness)
        given = chosen(args, argnums)
        inputs, in_spec = tensors_of(given, "jacfwd: Expected all args to be Tensors, got ")
        kept: dict[str, Any] = {}

        def inner(*flat: Any) -> Any:
            return func(*with_chosen(args, argnums, in_spec.unflatten(flat)), **kwargs)

        def column(*tangents: Any) -> tuple[Any, ...]:
            _, pushed, *aux = jvp(inner, tuple(inputs), tangents, has_aux=has_aux)
            flat, kept["spec"] = tree_flatten(pushed)
            leaves, kept["aux"] = tree_flatten(aux[0] if has_aux else ())
            kept["count"] = len(flat)
            return (*flat, *leaves)

        found = over_rows(column, basis(inputs), randomness)
        outs, leaves = found[: kept["count"]], found[kept["count"] :]
        table = [split(RECORDED.movedim(y, 0, -1), inputs, -1) for y in outs]
        rows = [shaped(parts, RECORDED.select(y, 0, 0), inputs, in_spec) for y, parts in zip(outs, table, strict=True)]
        result = kept["spec"].unflatten(rows)
        if not has_aux:
            return result
        return result, kept["aux"].unflatten([RECORDED.select(x, 0, 0) for x in leaves])

    return named_like(transformed, func)


def hessian(func: Callable[..., Any], argnums: Any = 0) -> Callable[..., Any]:
    """The function that gives the Hessian of func: one recorded gradient, swept back for all unit vectors at once.

    The result has the structure of the output, with that of the chosen inputs inside, twice.
    """
    return jacrev(jacrev(func, argnums), argnums)


__all__ = ["hessian", "jacfwd", "jacrev"]
