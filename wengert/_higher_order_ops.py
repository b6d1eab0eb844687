"""Control flow as functions (`torch.cond`, `torch.while_loop`), run as they are called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.tape.core import TensorBase
from wengert.utils._pytree import tree_all, tree_flatten, tree_map


def _is_tensor(x: Any) -> bool:
    return isinstance(x, TensorBase)


def _one(pred: Any, what: str) -> bool:
    """A condition: a boolean, a number, or a tensor of one element."""
    if isinstance(pred, TensorBase):
        if pred._array.size != 1:  # type: ignore[union-attr]
            raise RuntimeError(f"Expected {what} to be bool or single-element tensor, but got {pred}")
        return bool(pred._array.item())  # type: ignore[union-attr]
    if not isinstance(pred, (bool, int, float)):
        raise RuntimeError(f"Expected {what} to be bool or tensor, but got {pred}.")
    return bool(pred)


def cond(pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: Any = ()) -> Any:
    """`true_fn(*operands)` if `pred` is true, else `false_fn(*operands)`; gradients go through the branch taken.

    pred: a boolean, a number or a tensor of one element.  operands: a tuple or list; for a tensor, its leaves are
    tensors and numbers.  Raises: RuntimeError for anything else.
    """
    taken = _one(pred, "pred")
    known = isinstance(operands, (tuple, list)) and tree_all(
        lambda x: isinstance(x, (TensorBase, int, float)), operands
    )
    if _is_tensor(pred) and not known:
        raise RuntimeError(
            "Expect operands to be a tuple of possibly nested dict/list/tuple that only consists of tensor leaves, but "
            f"got {operands}."
        )
    return (true_fn if taken else false_fn)(*operands)


def while_loop(cond_fn: Callable[..., Any], body_fn: Callable[..., Any], carried_inputs: Any) -> Any:
    """`carried = body_fn(*carried)` as long as `cond_fn(*carried)` is true; a tuple of what is carried at the end.

    cond_fn answers with a boolean or a tensor of one boolean; body_fn with as many values, of the same shapes and
    dtypes, as it was given.  Each step is recorded, so gradients go through all of them.
    Raises: RuntimeError where that is not so.
    """
    if not callable(cond_fn) or not callable(body_fn):
        raise RuntimeError("Expect cond_fn and body_fn to be callable.")
    if not isinstance(carried_inputs, (tuple, list)):
        raise RuntimeError(f"Expect carried_inputs to be a tuple or list, but got {type(carried_inputs)}.")
    carried = tuple(tree_map(lambda x: x.clone() if _is_tensor(x) else x, carried_inputs))
    while _condition(cond_fn(*carried)):
        found = body_fn(*carried)
        found = tuple(found) if isinstance(found, (tuple, list)) else (found,)
        _check_kept(carried, found)
        carried = found
    return carried


def _condition(value: Any) -> bool:
    """What cond_fn answered."""
    single = _is_tensor(value) and value._array.size == 1 and value._array.dtype.kind == "b"
    if not single and not isinstance(value, bool):
        raise RuntimeError(f"cond_fn must return a boolean scalar tensor or a boolean, but it returned {value!r}")
    return _one(value, "the result of cond_fn")


def _check_kept(before: Any, after: Any) -> None:
    """The body gives back what it was given: as many values, of the same kind."""
    old, form = tree_flatten(before)
    new, other = tree_flatten(after)
    if form != other:
        raise RuntimeError(f"Expect body_fn to return what it was given: a tree {form}, but it returned {other}")
    for a, b in zip(old, new, strict=True):
        if _is_tensor(a) and (not _is_tensor(b) or a.shape != b.shape or a.dtype != b.dtype):
            raise RuntimeError(f"body_fn changed what is carried: {_told(a)} became {_told(b)}")


def _told(x: Any) -> str:
    return f"a {x.dtype} of shape {list(x.shape)}" if _is_tensor(x) else f"a {type(x).__name__}"


__all__ = ["cond", "while_loop"]
