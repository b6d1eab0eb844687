"""Tests made from one function for many values.

A parametrizer marks a function with `parametrize_fn`, which yields (test, suffix of its name, keyword arguments,
function that gives the decorators for these arguments); several marks on one function give the product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any

import wengert as torch

Made = tuple[Any, str, dict[str, Any], Callable[[dict[str, Any]], Iterable[Any]]]


def no_decorators(_: dict[str, Any]) -> list[Any]:
    """Nothing is put around the test."""
    return []


def forwarding(test: Any) -> Any:
    """A function of its own that calls `test`, so that marks on one do not reach the other."""

    @wraps(test)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return test(*args, **kwargs)

    return wrapper


class _TestParametrizer:
    """Base of decorators that make several tests of one; subclasses say which in `_parametrize_test`."""

    def _parametrize_test(self, test: Any, generic_cls: Any, device_cls: Any) -> Iterator[Made]:
        raise NotImplementedError

    def __call__(self, fn: Any) -> Any:
        inner = getattr(fn, "parametrize_fn", None)
        own = self._parametrize_test
        fn.parametrize_fn = own if inner is None else compose_parametrize_fns(inner, own)
        return fn


def compose_parametrize_fns(old_parametrize_fn: Any, new_parametrize_fn: Any) -> Any:
    """The product of two parametrizers; names are put together as new_old."""

    def both(test: Any, generic_cls: Any, device_cls: Any) -> Iterator[Made]:
        for inner, old_name, old_values, old_decorators in list(old_parametrize_fn(test, generic_cls, device_cls)):
            for made, new_name, new_values, new_decorators in new_parametrize_fn(inner, generic_cls, device_cls):
                twice = set(old_values) & set(new_values)
                if twice:
                    raise RuntimeError(
                        "Parametrization over the same parameter by multiple parametrization decorators is not "
                        f'supported. For test "{test.__name__}", the following parameters are handled multiple '
                        f"times: {twice}"
                    )
                name = "_".join(part for part in (new_name, old_name) if part)
                yield made, name, {**old_values, **new_values}, joined(old_decorators, new_decorators)

    return both


def joined(first: Any, second: Any) -> Any:
    """The decorators of two parametrizers."""
    return lambda values: [*first(values), *second(values)]


def instantiate_parametrized_tests(generic_cls: Any) -> Any:
    """Replace each parametrized test of a class by the tests made from it; may be used as a decorator."""
    for name in tuple(dir(generic_cls)):
        generic = getattr(generic_cls, name)
        if not hasattr(generic, "parametrize_fn"):
            continue
        delattr(generic_cls, name)
        for test, suffix, values, decorators in generic.parametrize_fn(
            generic, generic_cls=generic_cls, device_cls=None
        ):
            full_name = f"{test.__name__}_{suffix}"
            for decorator in decorators(values):
                test = decorator(test)
            if hasattr(generic_cls, full_name):
                raise AssertionError(f"Redefinition of test {full_name}")
            setattr(generic_cls, full_name, bound_to(test, values))
    return generic_cls


def bound_to(test: Any, values: dict[str, Any]) -> Any:
    """The test as a method without parameters."""

    @wraps(test)
    def instantiated_test(self: Any, param_kwargs: Any = values) -> None:
        test(self, **param_kwargs)

    return instantiated_test


class subtest:
    """One case of `parametrize` with a name or decorators of its own."""

    __slots__ = ["arg_values", "name", "decorators"]

    def __init__(self, arg_values: Any, name: str | None = None, decorators: Any = None) -> None:
        self.arg_values, self.name, self.decorators = arg_values, name, decorators or []


def dtype_name(dtype: Any) -> str:
    """The name of a dtype without its module: int64."""
    return str(dtype).split(".")[1]


class parametrize(_TestParametrizer):
    """Decorator: `parametrize("x,y", [(1, 2), (3, 4)])` makes a test for every item, as pytest's mark does.

    Names are made of the parameters' names and values; `name_fn(x, y)` or `subtest(..., name=...)` gives others.
    """

    def __init__(self, arg_str: str, arg_values: Iterable[Any], name_fn: Any = None) -> None:
        self.arg_names = [name.strip() for name in arg_str.split(",") if name != ""]
        self.arg_values, self.name_fn = arg_values, name_fn

    def _formatted_str_repr(self, idx: int, name: str, value: Any) -> str:
        if isinstance(value, torch.dtype):
            return dtype_name(value)
        if isinstance(value, torch.device):
            return str(value)
        if type(value).__name__ in ("OpInfo", "ModuleInfo"):
            return str(value.formatted_name)
        if isinstance(value, (int, float, str)):
            return f"{name}_{str(value).replace('.', '_')}"
        return f"{name}{idx}"

    def _default_subtest_name(self, idx: int, values: Any) -> str:
        return "_".join(self._formatted_str_repr(idx, n, v) for n, v in zip(self.arg_names, values, strict=True))

    def _get_subtest_name(self, idx: int, values: Any, explicit_name: str | None = None) -> str:
        if explicit_name:
            return explicit_name
        return str(self.name_fn(*values)) if self.name_fn else self._default_subtest_name(idx, values)

    def _parametrize_test(self, test: Any, generic_cls: Any, device_cls: Any) -> Iterator[Made]:
        if not self.arg_names:
            yield test, "", {}, no_decorators
            return
        idx = -1
        for idx, item in enumerate(self.arg_values):
            decorators: Any = []
            name, made, values = None, test, item
            if isinstance(item, subtest):
                name, decorators, made, values = item.name, item.decorators, forwarding(test), item.arg_values
            values = list(values) if len(self.arg_names) > 1 else [values]
            if len(values) != len(self.arg_names):
                raise RuntimeError(
                    f"Expected # values == # arg names, but got: {len(values)} values and {len(self.arg_names)} "
                    f'names for test "{test.__name__}"'
                )
            found = dict(zip(self.arg_names, values))
            yield made, self._get_subtest_name(idx, values, name), found, always(decorators)
        if idx < 0:
            raise ValueError(
                f"{test}: An empty arg_values was passed to @parametrize. Note that this may result from reuse of a "
                "generator."
            )


def always(decorators: Any) -> Any:
    """These decorators, whatever the values are."""
    return lambda _: decorators


class reparametrize(_TestParametrizer):
    """Decorator: another parametrizer, whose names and values `adapter_fn(name, values)` changes, multiplies or drops.

    adapter_fn: gives an iterable of (name, values), in which None drops a case, or None.
    """

    def __init__(self, parametrizer: Any, adapter_fn: Any) -> None:
        self.parametrizer, self.adapter_fn = parametrizer, adapter_fn

    def _parametrize_test(self, test: Any, generic_cls: Any, device_cls: Any) -> Iterator[Made]:
        for made, name, values, decorators in self.parametrizer._parametrize_test(test, generic_cls, device_cls):
            for item in self.adapter_fn(name, values) or ():
                if item is not None:
                    yield made, item[0], item[1], decorators


class decorateIf(_TestParametrizer):
    """Decorator: put `decorator` around those of the tests for which `predicate_fn(values)` is true."""

    def __init__(self, decorator: Any, predicate_fn: Any) -> None:
        self.decorator, self.predicate_fn = decorator, predicate_fn

    def _parametrize_test(self, test: Any, generic_cls: Any, device_cls: Any) -> Iterator[Made]:
        yield forwarding(test), "", {}, lambda values: [self.decorator] if self.predicate_fn(values) else []


__all__ = [
    "_TestParametrizer", "compose_parametrize_fns", "decorateIf", "dtype_name", "instantiate_parametrized_tests",
    "parametrize", "reparametrize", "subtest",
]  # fmt: skip
