"""`vmap`: a function of one entry made a function of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.base.errors import DimError, GraphError, ValueRangeError
from wengert.core.tape import transforms
from wengert.core.tape.batching import at, entered, whole
from wengert.core.tape.core import RECORDED, TensorBase
from wengert.core.tape.levels import Level, close_level, open_level, open_levels
from wengert.func.trees import named_like
from wengert.utils._pytree import TreeSpec, _broadcast_to_and_flatten, tree_flatten

transforms.connect()
_RANDOMNESS = ("error", "different", "same")
STEPS: list[Callable[[str], Callable[..., Any]]] = []
"""Where steps of `vmap` were replaced from outside: the function that finds a step by torch's name for it."""


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The function that runs `func` on every entry of a batch at once.

    in_dims: which dim of each input counts the entries (None: the same for all); an int, or a tree with the structure
      of the inputs or of their top.  out_dims: where that dim goes in each output.
    randomness: what random operators inside do: "error", "same" (one draw for all) or "different".
    chunk_size: how many entries at a time (None: all).
    Raises: ValueRangeError for dims that do not fit the inputs or outputs; GraphError for data-dependent control flow.
    """
    check_randomness(randomness)
    if not (chunk_size is None or chunk_size > 0):
        raise ValueRangeError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    def transformed(*args: Any, **kwargs: Any) -> Any:
        if STEPS and chunk_size is None:
            return run_replaced(STEPS[0], func, in_dims, args, out_dims, randomness, kwargs)
        flat, dims, spec, size = checked_inputs(in_dims, args, func)
        if chunk_size is None or chunk_size >= size:
            return run(func, flat, dims, spec, size, out_dims, randomness, kwargs)
        return in_chunks(func, flat, dims, spec, size, out_dims, randomness, chunk_size, kwargs)

    return named_like(transformed, func)


def check_randomness(randomness: str) -> None:
    """Raises: GraphError for what says nothing about random operators."""
    if randomness not in _RANDOMNESS:
        raise GraphError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")


def over_rows(
    function: Callable[..., Any], tensors: Any, randomness: str = "error", chunk_size: int | None = None
) -> list[Any]:
    """function(*entries) of all entries along dim 0 of tensors at once: the sequence of tensors it returns, stacked."""
    size = tensors[0]._array.shape[0]
    if chunk_size is None or chunk_size >= size:
        level = Level(size, randomness)
        open_level(level, True)
        try:
            return [whole(x, level) for x in function(*[entered(x, 0, level) for x in tensors])]
        finally:
            close_level(level)
    starts = range(0, size, chunk_size)
    pieces = [[RECORDED.narrow(x, 0, k, min(chunk_size, size - k)) for x in tensors] for k in starts]
    columns = zip(*[over_rows(function, piece, randomness) for piece in pieces], strict=True)
    return [RECORDED.cat(list(column), 0) for column in columns]


def name_of(func: Any) -> str:
    """How messages call a function."""
    return getattr(func, "__name__", repr(func))


def checked_inputs(in_dims: Any, args: Any, func: Any) -> tuple[list[Any], list[Any], TreeSpec, int]:
    """Leaves of the inputs, the batch dim of each, their structure, and how many entries there are."""
    name = name_of(func)
    owner = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): "
    if not isinstance(in_dims, (int, tuple)):
        raise ValueRangeError(
            f"{owner}expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, "
            f"got: {type(in_dims)}."
        )
    if not args:
        raise ValueRangeError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a "
            "function with no inputs. The latter is unsupported."
        )
    flat, spec = tree_flatten(args)
    dims = _broadcast_to_and_flatten(in_dims, spec, lambda x: x is None)
    if dims is None:
        raise ValueRangeError(
            f"{owner}in_dims is not compatible with the structure of `inputs`. in_dims has structure "
            f"{tree_flatten(in_dims)[1]} but inputs has structure {spec}."
        )
    dims = [checked_dim(x, dim, owner) for x, dim in zip(flat, dims, strict=True)]
    sizes = [x._array.shape[dim] for x, dim in zip(flat, dims, strict=True) if dim is not None]
    if not sizes:
        raise ValueRangeError(f"vmap: Expected at least one Tensor to vmap over, got none: {owner}no input is mapped")
    if len(set(sizes)) > 1:
        raise ValueRangeError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the "
            "mapped dimension"
        )
    return flat, dims, spec, sizes[0]


def checked_dim(x: Any, dim: Any, owner: str) -> int | None:
    """The batch dim of one input, counted from the front."""
    if not isinstance(dim, int) and dim is not None:
        raise ValueRangeError(
            f"{owner}Got in_dim={dim} for an input but in_dim must be either an integer dimension or None."
        )
    if dim is None:
        return None
    if not isinstance(x, TensorBase):
        raise ValueRangeError(
            f"{owner}Got in_dim={dim} for an input but the input is of type {type(x)}. We cannot vmap over non-Tensor "
            "arguments, please use None as the respective in_dim"
        )
    n = x._array.ndim
    if not -n <= dim < n:
        raise ValueRangeError(
            f"{owner}Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {n} so expected "
            f"in_dim to satisfy -{n} <= in_dim < {n}."
        )
    return dim % n


def run(
    func: Any, flat: list[Any], dims: list[Any], spec: TreeSpec, size: int, out_dims: Any, randomness: str, kwargs: Any
) -> Any:
    """One pass over all entries."""
    level = Level(size, randomness)
    open_level(level, True)
    try:
        inner = [entered(x, dim, level) for x, dim in zip(flat, dims, strict=True)]
        output = func(*spec.unflatten(inner), **kwargs)
        leaves, out_spec = tree_flatten(output)
        wanted = checked_outputs(leaves, out_spec, out_dims, func)
        found = [
            x if not isinstance(x, TensorBase) and dim is None else placed(x, dim, level, func)
            for x, dim in zip(leaves, wanted, strict=True)
        ]
    finally:
        close_level(level)
    return out_spec.unflatten(found)


def run_replaced(
    step: Any, func: Any, in_dims: Any, args: tuple[Any, ...], out_dims: Any, randomness: str, kwargs: Any
) -> Any:
    """`run` by the steps that were put in place of ours."""
    size, dims, flat, spec = step("_process_batched_inputs")(in_dims, args, func)
    level = Level(size, randomness)
    open_level(level, True)
    place = len(open_levels())
    try:
        output = func(*step("_create_batched_inputs")(dims, flat, place, spec), **kwargs)
        return step("_unwrap_batched")(output, out_dims, place, size, func)
    finally:
        close_level(level)


def checked_outputs(leaves: list[Any], spec: TreeSpec, out_dims: Any, func: Any) -> list[Any]:
    """Where the batch dim of each output goes."""
    name = name_of(func)
    single = isinstance(out_dims, (int, type(None)))
    dims = _broadcast_to_and_flatten(out_dims, spec, lambda x: x is None)
    if dims is None and isinstance(out_dims, tuple) and len(out_dims) == 1 and spec.is_leaf():
        dims = list(out_dims)
    owner = f"vmap({name}, ..., out_dims={out_dims})"
    if not single and any(not isinstance(d, (int, type(None))) for d in tree_flatten(out_dims, lambda x: x is None)[0]):
        raise ValueRangeError(
            f"{owner}: `out_dims` must be an int, None or a python collection of ints representing where in the "
            "outputs the vmapped dimension should appear."
        )
    if dims is None:
        raise ValueRangeError(
            f"{owner}(<inputs>): out_dims is not compatible with the structure of `outputs`. out_dims has structure "
            f"{tree_flatten(out_dims)[1]} but outputs has structure {spec}."
        )
    for x, dim in zip(leaves, dims, strict=True):
        if not isinstance(x, TensorBase) and dim is not None:
            raise ValueRangeError(
                f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(x)}. Did you mean to set "
                "out_dims= to None for output?"
            )
    return dims


def placed(x: Any, dim: int | None, level: Level, func: Any) -> Any:
    """An output with its batch dim where it was asked for."""
    if dim is None:
        if at(x, level) and x._array.dim is not None:
            name = name_of(func)
            raise ValueRangeError(f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None")
        return x._array.value if at(x, level) else x
    n = x._array.ndim + 1
    if not -n <= dim < n:
        raise DimError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    value = whole(x, level)
    return value if dim % n == 0 else RECORDED.movedim(value, 0, dim)


def in_chunks(
    func: Any, flat: list[Any], dims: list[Any], spec: TreeSpec, size: int, out_dims: Any, randomness: str, chunk: int,
    kwargs: Any,
) -> Any:  # fmt: skip
    """Several passes, their outputs joined."""
    parts, out_spec = [], None
    for start in range(0, size, chunk):
        count = min(chunk, size - start)
        piece = [x if dim is None else RECORDED.narrow(x, dim, start, count) for x, dim in zip(flat, dims, strict=True)]
        leaves, out_spec = tree_flatten(run(func, piece, dims, spec, count, out_dims, randomness, kwargs))
        parts.append(leaves)
    assert out_spec is not None
    places = _broadcast_to_and_flatten(out_dims, out_spec, lambda x: x is None) or [0] * out_spec.num_leaves
    joined = [
        column[0] if dim is None else RECORDED.cat(list(column), dim)
        for column, dim in zip(zip(*parts, strict=True), places, strict=True)
    ]
    return out_spec.unflatten(joined)
