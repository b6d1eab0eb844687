"""Loops and branches over tensors: `while_loop`, `cond`, `case`, `map_fn`, `scan`, folds, `vectorized_map`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.base.errors import WengertError
from wengert.core.tape.core import RECORDED
from wengert.tf import dtypes, nest
from wengert.tf.arrays import stack
from wengert.tf.conversion import convert_to_tensor
from wengert.tf.errors import invalid
from wengert.tf.recording import TensorBase
from wengert.tf.shapes import TensorSpec
from wengert.tf.tensor import EagerTensor, dress, from_array


def truth(value: Any) -> bool:
    """A condition as a bool. Raises TypeError for a tensor that is no truth value."""
    if isinstance(value, TensorBase):
        if value._array.dtype.kind != "b" and value._array.dtype.kind not in "iuf":
            raise TypeError(f"pred must be a boolean scalar, got {value!r}")
        return bool(value._array.item())
    return bool(value)


def cond(pred: Any, true_fn: Any = None, false_fn: Any = None, name: str | None = None) -> Any:
    """`true_fn()` or `false_fn()`; only the one that is chosen runs. Raises TypeError for what is no function."""
    for which, f in (("true_fn", true_fn), ("false_fn", false_fn)):
        if not callable(f):
            raise TypeError(f"Argument `{which}` must be callable.")
    return true_fn() if truth(pred) else false_fn()


def case(
    pred_fn_pairs: Any, default: Any = None, exclusive: bool = False, strict: bool = False, name: str = "case"
) -> Any:
    """The function of the first condition that holds, else `default`. Raises InvalidArgumentError if none is left."""
    pairs = list(pred_fn_pairs.items() if isinstance(pred_fn_pairs, dict) else pred_fn_pairs)
    holding = [f for p, f in pairs if truth(p.deref() if hasattr(p, "deref") else p)]
    if exclusive and len(holding) > 1:
        raise invalid("Assert", f"More than one condition evaluated as True but exclusive=True: {len(holding)} hold")
    if holding:
        return holding[0]()
    if default is None:
        raise invalid("Assert", "None of conditions evaluated as True and no default is given")
    return default()


def switch_case(branch_index: Any, branch_fns: Any, default: Any = None, name: str = "switch_case") -> Any:
    """The function of a number; `default`, or the last one, for a number without function."""
    pairs = (
        branch_fns.items()
        if isinstance(branch_fns, dict)
        else (enumerate(branch_fns) if callable(branch_fns[0]) else branch_fns)
    )
    functions = dict(pairs)
    index = int(branch_index._array if isinstance(branch_index, TensorBase) else branch_index)
    chosen = functions.get(index, default)
    return (chosen if chosen is not None else functions[max(functions)])()


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, shape_invariants: Any = None,
    parallel_iterations: int = 10, back_prop: bool = True, swap_memory: bool = False,
    maximum_iterations: Any = None, name: str | None = None,
) -> Any:  # fmt: skip
    """`body` on the loop variables as long as `cond` holds.

    Raises TypeError for what is no function, ValueError without loop variables.
    """
    if not callable(cond):
        raise TypeError("'cond' must be callable.")
    if not callable(body):
        raise TypeError("'body' must be callable.")
    if not loop_vars and loop_vars != 0:
        raise ValueError("'loop_vars' cannot be empty.")
    single = not isinstance(loop_vars, (list, tuple))
    values: Any = [loop_vars] if single else loop_vars
    kind = type(values)
    limit = None if maximum_iterations is None else int(convert_to_tensor(maximum_iterations)._array)
    count = 0
    values = nest.map_structure(as_value, values)
    while truth(cond(*values)) and (limit is None or count < limit):
        made = body(*values)
        if isinstance(made, (list, tuple)) and not hasattr(made, "stack"):
            made = list(made)
        else:
            made = [made]
        if len(made) != len(values):
            raise ValueError(f"body returned {len(made)} values for {len(values)} loop variables")
        values = kind(*made) if hasattr(kind, "_fields") else kind(made)
        count += 1
    values = nest.map_structure(as_value, values)
    return values[0] if single else values


def as_value(x: Any) -> Any:
    """A loop variable: numbers become tensors."""
    return x if hasattr(x, "stack") and not isinstance(x, TensorBase) else convert_to_tensor(x)


def rows(elems: Any) -> tuple[int, list[Any]]:
    """How many entries the tensors of a structure have along dim 0, and the tensors."""
    flat = [convert_to_tensor(x) for x in nest.flatten(elems)]
    if not flat:
        raise ValueError("elems must be a Tensor or (possibly nested) sequence of Tensors. Got no Tensors.")
    for x in flat:
        if not x._array.ndim:
            raise ValueError("Elements in elems must be 1+ dimensional Tensors, not scalars")
    if len({x._array.shape[0] for x in flat}) > 1:
        raise ValueError(f"elems must agree in their first dimension, got {[tuple(x._array.shape) for x in flat]}")
    return flat[0]._array.shape[0], flat


def entry(elems: Any, flat: list[Any], i: int) -> Any:
    """Entry i of a structure of tensors."""
    return nest.pack_sequence_as(elems, [x[i] for x in flat]) if nest.is_nested(elems) else flat[0][i]


def stacked(results: list[Any], like: Any) -> Any:
    """The results of single entries as a structure of tensors."""
    parts = zip(*[nest.flatten(r) for r in results], strict=True)
    columns = [stack(list(column)) for column in parts]
    return nest.pack_sequence_as(like, columns) if nest.is_nested(like) else columns[0]


def map_fn(
    fn: Callable[..., Any], elems: Any, dtype: Any = None, parallel_iterations: Any = None, back_prop: bool = True,
    swap_memory: bool = False, infer_shape: bool = True, name: str | None = None, fn_output_signature: Any = None,
) -> Any:  # fmt: skip
    """`fn` on each entry along dim 0, the results stacked. Raises TypeError for what is no function."""
    if not callable(fn):
        raise TypeError(f"The provided function map_fn is not callable. Got: {fn}")
    count, flat = rows(elems)
    results = [fn(entry(elems, flat, i)) for i in range(count)]
    if not results:
        return nothing(flat[0], fn_output_signature or dtype)
    return stacked(results, results[0])


def nothing(like: Any, signature: Any) -> Any:
    """The result of no entries at all: shape and dtype of `signature`, or those of the entries."""
    if isinstance(signature, TensorSpec):
        return from_array(np.zeros((0, *[n or 0 for n in signature.shape]), signature.dtype.array))
    kind = like._array.dtype if signature is None else dtypes.as_dtype(signature).array
    return from_array(np.zeros((0, *like._array.shape[1:]), kind))


def vectorized_map(fn: Callable[..., Any], elems: Any, fallback_to_while_loop: bool = True, warn: bool = True) -> Any:
    """`fn` on each entry along dim 0, all at once where its operations allow it."""
    # The package of function transforms brings the neural networks with it, which few programs need.
    from wengert.func import vmap

    count, flat = rows(elems)

    def whole(*parts: Any) -> Any:
        worn = [dress(RECORDED.alias(x), x) if not isinstance(x, EagerTensor) else x for x in parts]
        return fn(nest.pack_sequence_as(elems, worn) if nest.is_nested(elems) else worn[0])

    try:
        out = vmap(whole)(*flat)
    except (WengertError, RuntimeError, TypeError, ValueError, AttributeError, NotImplementedError, IndexError):
        if not fallback_to_while_loop:
            raise
        return map_fn(fn, elems)
    return nest.map_structure(lambda x: dress(x, *flat), out)


def foldl(
    fn: Callable[..., Any], elems: Any, initializer: Any = None, parallel_iterations: int = 10, back_prop: bool = True,
    swap_memory: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """`fn(accumulated, entry)` along dim 0 from the first entry on, starting from `initializer` or the first entry."""
    return folded(fn, elems, initializer, False)


def foldr(
    fn: Callable[..., Any], elems: Any, initializer: Any = None, parallel_iterations: int = 10, back_prop: bool = True,
    swap_memory: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """The same from the last entry on."""
    return folded(fn, elems, initializer, True)


def folded(fn: Callable[..., Any], elems: Any, initializer: Any, backwards: bool) -> Any:
    """A fold of the entries along dim 0. Raises TypeError for what is no function."""
    if not callable(fn):
        raise TypeError(f"{fn.__name__ if hasattr(fn, '__name__') else 'fn'} is not callable.")
    count, flat = rows(elems)
    order = list(range(count))[:: -1 if backwards else 1]
    if initializer is None:
        value, order = entry(elems, flat, order[0]), order[1:]
    else:
        value = nest.map_structure(convert_to_tensor, initializer)
    for i in order:
        value = fn(value, entry(elems, flat, i))
    return value


def scan(
    fn: Callable[..., Any], elems: Any, initializer: Any = None, parallel_iterations: int = 10, back_prop: bool = True,
    swap_memory: bool = False, infer_shape: bool = True, reverse: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """Every value that a fold passes through, stacked. Raises TypeError for what is no function."""
    if not callable(fn):
        raise TypeError(f"fn must be callable. Received fn={fn}")
    count, flat = rows(elems)
    order = list(range(count))[:: -1 if reverse else 1]
    found: dict[int, Any] = {}
    if initializer is None:
        value = found[order[0]] = entry(elems, flat, order[0])
        order = order[1:]
    else:
        value = nest.map_structure(convert_to_tensor, initializer)
    for i in order:
        value = found[i] = nest.map_structure(convert_to_tensor, fn(value, entry(elems, flat, i)))
    return stacked([found[i] for i in range(count)], value)


def group(*inputs: Any, **kwargs: Any) -> None:
    """Nothing to do: operations have run when they return."""


def no_op(name: str | None = None) -> None:
    """Nothing."""


def tuple_of(tensors: Any, control_inputs: Any = None, name: str | None = None) -> list[Any]:
    """The tensors as they are: they are ready."""
    return [x if x is None else convert_to_tensor(x) for x in tensors]
