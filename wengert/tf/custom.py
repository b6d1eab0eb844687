"""Gradients of one's own: `custom_gradient`, `recompute_grad`, `grad_pass_through`, and where gradients end."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from wengert.tf import nest
from wengert.tf.conversion import convert_to_tensor, identity, tensor_of
from wengert.tf.recording import STATE, TensorBase, Watcher
from wengert.tf.rules import ruled
from wengert.tf.slices import IndexedSlices, Rows
from wengert.tf.tape import GradientTape
from wengert.tf.tensor import EagerTensor


class Bind:
    """A function with a gradient of its own, also as a method."""

    def __init__(self, function: Callable[..., Any]):
        self.function = function
        functools.update_wrapper(self, function)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else Bind(self.function.__get__(instance, owner))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return called(self.function, args, kwargs)


def custom_gradient(f: Callable[..., Any] | None = None) -> Any:
    """Give a function its own gradient: `f(*args)` returns `(result, grad_fn)`.

    `grad_fn(*upstream)` takes one gradient for each result and gives one (or None) for each argument. If f reads
    trainable Variables, `grad_fn` must take `variables=` and give a second list, one gradient for each of them. What
    grad_fn computes is recorded by the outer tapes, so gradients of any order follow its formula, also through values
    that it took from the body of f.
    Raises: TypeError for a grad_fn without `variables=`, ValueError for another number of gradients, TypeError for a
    gradient that is no tensor.
    """
    if f is None:
        return custom_gradient
    return Bind(f)


def called(f: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """One call of a function with its own gradient."""
    flat = [tensor_of(x) if not isinstance(x, TensorBase) else x for x in nest.flatten(args)]
    result, grad_fn, variables = watched_call(f, args, kwargs, flat)
    if variables:
        check_takes_variables(grad_fn, variables)
    results = [convert_to_tensor(x) for x in nest.flatten(result)]
    inputs = [tensor_of(x) for x in [*flat, *variables]]
    count = len(flat)

    def rule(*gradients: Any) -> list[Any]:
        if variables:
            parts, of_variables = grad_fn(*gradients, variables=variables)
            of_variables = nest.flatten(of_variables)
            if len(of_variables) != len(variables):
                raise ValueError("Must return gradient for each variable from @custom_gradient grad_fn.")
        else:
            parts, of_variables = grad_fn(*gradients), []
        parts = nest.flatten(parts) if isinstance(parts, (list, tuple, dict)) else [parts]
        if len(parts) != count:
            raise ValueError(
                f"custom_gradient function expected to return {count} gradients, but returned {len(parts)} instead."
            )
        return [gradient_of(x, i, f) for i, x in enumerate([*parts, *of_variables])]

    outs = ruled(results, inputs, rule, getattr(f, "__name__", "custom_gradient"), loose=True)
    return nest.pack_sequence_as(result, outs) if nest.is_nested(result) else outs[0]


def watched_call(f: Callable[..., Any], args: Any, kwargs: Any, flat: list[Any]) -> tuple[Any, Any, list[Any]]:
    """Result and gradient function of f, and the Variables that it read beside its arguments."""
    watcher = Watcher()
    with watcher:
        found = f(*args, **kwargs)
    if (
        isinstance(found, TensorBase)
        or not isinstance(found, (tuple, list))
        or len(found) != 2
        or not callable(found[1])
    ):
        if isinstance(found, TensorBase) and not found._array.ndim:
            raise TypeError("Cannot iterate over a scalar tensor. " + misuse(f))
        raise TypeError(misuse(f))
    arguments = {id(x) for x in flat}
    return found[0], found[1], [v for v in watcher.watched_variables() if id(v) not in arguments]


def misuse(f: Callable[..., Any]) -> str:
    """What a function under `custom_gradient` must return."""
    name = getattr(f, "__name__", "the function")
    return f"{name}() under tf.custom_gradient must return (result, grad_fn), a pair of the result and a function"


def check_takes_variables(grad_fn: Callable[..., Any], variables: list[Any]) -> None:
    """Raise TypeError unless the gradient function takes `variables=`."""
    from inspect import Parameter, signature

    parameters = signature(grad_fn).parameters
    if "variables" not in parameters and all(p.kind is not Parameter.VAR_KEYWORD for p in parameters.values()):
        raise TypeError(
            "@tf.custom_gradient grad_fn must accept keyword argument 'variables', since function uses variables: "
            f"{variables}"
        )


def gradient_of(x: Any, i: int, f: Callable[..., Any]) -> Any:
    """A gradient that a user's function gave, as a tensor, rows or None. Raises TypeError for what is no tensor."""
    if x is None or isinstance(x, EagerTensor):
        return x
    if isinstance(x, IndexedSlices):
        if STATE.get().live or x.dense_shape is None:
            return convert_to_tensor(x)
        shape = tuple(int(n) for n in tensor_of(x.dense_shape)._array)
        return Rows(tensor_of(x.values)._array, tensor_of(x.indices)._array, shape)
    try:
        return tensor_of(x)
    except Exception:
        name = getattr(f, "__qualname__", "the function")
        raise TypeError(
            f"the gradient function of {name}() under tf.custom_gradient returned a {type(x).__name__} ({x!r}) as "
            f"gradient {i}: it must return tensors or None"
        ) from None


def recompute_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that keeps nothing of its inside for the gradient, but runs again when one is asked for."""

    @custom_gradient
    def inner(*args: Any, **kwargs: Any) -> Any:
        result = f(*args, **kwargs)

        def grad(*upstream: Any, variables: Any = None) -> Any:
            with GradientTape() as tape:
                inside = [leaf_of(x) for x in args]
                tape.watch([x for x in inside if isinstance(x, TensorBase)])
                again = f(*inside, **kwargs)
            sources = (list(nest.flatten(inside)), list(variables or []))
            found = tape.gradient(again, sources, list(upstream))
            return (found[0], found[1]) if variables else found[0]

        return result, grad

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        return inner(*args, **kwargs)

    return call


def leaf_of(x: Any) -> Any:
    """An argument as the place where the gradient of a repeated run ends."""
    return identity(x) if isinstance(x, TensorBase) and x._array.dtype.kind in "fVc" else x


def grad_pass_through(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose gradient is that of the identity."""

    @custom_gradient
    def inner(*args: Any, **kwargs: Any) -> Any:
        def grad(*upstream: Any, variables: Any = None) -> Any:
            if variables is not None:
                return upstream, [None] * len(variables)
            return upstream

        return f(*args, **kwargs), grad

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        return inner(*args, **kwargs)

    return call


def no_gradient(op_type: Any) -> None:
    """Say that an operation of graphs has no gradient: nothing to do here. Raises TypeError for what is no name."""
    if not isinstance(op_type, str):
        raise TypeError("op_type must be a string")


class RegisterGradient:
    """Keeps the gradient function of an operation of graphs under its name; nothing here asks for it."""

    found: dict[str, Any] = {}

    def __init__(self, op_type: str):
        if not isinstance(op_type, str):
            raise TypeError("op_type must be a string")
        self.op_type = op_type

    def __call__(self, f: Any) -> Any:
        self.found[self.op_type] = f
        return f
