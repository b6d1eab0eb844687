"""Arguments and results of transforms as trees of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.base.errors import GraphError
from wengert.core.tape.core import TensorBase
from wengert.utils._pytree import TreeSpec, tree_flatten


def check_argnums(argnums: Any, count: int) -> None:
    """argnums must name positional arguments, each once.

    Raises: GraphError.
    """
    if not isinstance(argnums, (int, tuple)):
        raise GraphError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    if isinstance(argnums, tuple):
        if not argnums:
            raise GraphError("argnums must be non-empty")
        for argnum in argnums:
            if not isinstance(argnum, int):
                raise GraphError(f"argnum must be int, got: {type(argnum)}")
    for argnum in argnums if isinstance(argnums, tuple) else (argnums,):
        if not -count <= argnum < count:
            raise GraphError(f"Got argnum={argnum}, but only {count} positional inputs")
    if isinstance(argnums, tuple):
        wrapped = tuple([argnum % count for argnum in argnums])
        if len(set(wrapped)) != len(argnums):
            raise GraphError(f"argnums elements must be unique, got {wrapped}")


def chosen(args: tuple[Any, ...], argnums: Any) -> Any:
    """The arguments that argnums names: one, or a tuple."""
    check_argnums(argnums, len(args))
    return args[argnums] if isinstance(argnums, int) else tuple([args[i] for i in argnums])


def with_chosen(args: tuple[Any, ...], argnums: Any, values: Any) -> tuple[Any, ...]:
    """The arguments with those that argnums names replaced."""
    full = list(args)
    for i, value in zip((argnums,) if isinstance(argnums, int) else argnums, (values,) if isinstance(argnums, int)
                        else values, strict=True):  # fmt: skip
        full[i] = value
    return tuple(full)


def tensors_of(tree: Any, message: str) -> tuple[list[Any], TreeSpec]:
    """The leaves of a tree that must hold tensors only.

    Raises: GraphError, `message` followed by the class of what is none.
    """
    leaves, spec = tree_flatten(tree)
    for x in leaves:
        if not isinstance(x, TensorBase):
            raise GraphError(f"{message}{type(x)}")
    return leaves, spec


def outputs_of(tree: Any, name: str) -> tuple[list[Any], TreeSpec]:
    """The tensors that a transformed function returned.

    Raises: GraphError where it returned none, or something else.
    """
    owner = f"{name}: expected f(*primals) to return "
    leaves, spec = tensors_of(tree, owner + "only tensors, got unsupported type ")
    if not leaves and name.startswith("vjp"):
        raise GraphError(f"{name}: Expected f to be a function that has non-empty output (got output = {leaves})")
    if not leaves:
        raise GraphError(owner + "at least one Tensor, got no Tensors.")
    return leaves, spec


def split_aux(output: Any, has_aux: bool, name: str) -> tuple[Any, Any]:
    """A function's result and what it returned beside it.

    Raises: GraphError where has_aux is given and the result is no pair.
    """
    if not has_aux:
        return output, None
    if not (isinstance(output, tuple) and len(output) == 2):
        raise GraphError(f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return output


def named_like(transformed: Callable[..., Any], func: Any) -> Callable[..., Any]:
    """Name and documentation of the function that was transformed."""
    transformed.__name__ = getattr(func, "__name__", type(func).__name__)
    transformed.__doc__ = getattr(func, "__doc__", None)
    transformed.__wrapped__ = func  # type: ignore[attr-defined]
    return transformed
