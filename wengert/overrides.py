"""`__torch_function__` for functions of one's own (`torch.overrides`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from wengert.core.base.errors import ArgumentError
from wengert.core.tape.core import TensorBase
from wengert.core.tensor.methods import SPACES
from wengert.core.tensor.overrides import asked, is_enabled, wants_override
from wengert.core.tensor.tensor import Tensor


def has_torch_function(relevant_args: Iterable[Any], /) -> bool:
    """Whether one of the arguments has a `__torch_function__` that should be asked."""
    return is_enabled() and any(takes_part(type(x)) for x in relevant_args)


def has_torch_function_unary(tensor: Any, /) -> bool:
    """`has_torch_function` of one argument."""
    return is_enabled() and takes_part(type(tensor))


def has_torch_function_variadic(*relevant_args: Any) -> bool:
    """`has_torch_function` of the arguments spread out."""
    return has_torch_function(relevant_args)


def takes_part(kind: type) -> bool:
    """Whether values of a class have a `__torch_function__` of their own."""
    if issubclass(kind, TensorBase):
        return wants_override(kind)
    return hasattr(kind, "__torch_function__")


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Ask the classes of the relevant arguments, the most derived first, for the result of `public_api`.

    Raises: ArgumentError when none of them has one.
    """
    kinds: list[type] = []
    for x in relevant_args:
        if takes_part(type(x)) and type(x) not in kinds:
            at = next((i for i, k in enumerate(kinds) if issubclass(type(x), k)), len(kinds))
            kinds.insert(at, type(x))
    found, result = asked(kinds, public_api, args, kwargs)
    if found:
        return result
    names = ", ".join(k.__name__ for k in kinds)
    name = getattr(public_api, "__name__", public_api)
    raise ArgumentError(f"no implementation found for '{name}' on types that implement __torch_function__: [{names}]")


def wrap_torch_function(dispatcher: Callable[..., Iterable[Any]]) -> Callable[..., Any]:
    """Decorator: ask `__torch_function__` of the arguments that `dispatcher` picks before the function runs."""

    def inner(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = tuple(dispatcher(*args, **kwargs))
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return function(*args, **kwargs)

        wrapped.__name__, wrapped.__doc__ = function.__name__, function.__doc__
        return wrapped

    return inner


def is_tensor_like(inp: Any) -> bool:
    """Whether a value is a tensor or takes its place by `__torch_function__`."""
    return isinstance(inp, TensorBase) or hasattr(type(inp), "__torch_function__")


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether a function is a method of Tensor."""
    name = getattr(func, "__name__", "")
    return getattr(Tensor, name, None) is func or name == "__get__"


def resolve_name(f: Any) -> str | None:
    """The public name of a function, such as "torch.sin"; None for one that is not ours."""
    for space, functions in SPACES.items():
        for name, function in functions.items():
            if function is f:
                return ".".join(("torch", *filter(None, ("nn.functional" if space == "nn" else space,)), name))
    method = getattr(f, "__name__", "")
    return f"torch.Tensor.{method}" if getattr(Tensor, method, None) is f else None


__all__ = [
    "handle_torch_function", "has_torch_function", "has_torch_function_unary", "has_torch_function_variadic",
    "is_tensor_like", "is_tensor_method_or_property", "resolve_name", "wrap_torch_function",
]  # fmt: skip
