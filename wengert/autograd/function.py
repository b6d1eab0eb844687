"""Custom functions under torch's path: `Function`, its context, and helpers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wengert.core.tape.core import TensorBase
from wengert.core.tape.function import (
    Function,
    FunctionCtx,
    FunctionMeta,
    no_setup_context,
    once_differentiable,
)
from wengert.core.tape.function import FunctionNode as BackwardCFunction
from wengert.core.tape.handles import HookTable, RemovableHandle

__all__ = [
    "BackwardCFunction",
    "Function",
    "FunctionCtx",
    "FunctionMeta",
    "InplaceFunction",
    "NestedIOFunction",
    "once_differentiable",
]

_ContextMethodMixin = FunctionCtx
_SingleLevelFunction = Function


class _HookMixin:
    """Where torch keeps the table of a node's hooks; nodes keep their own here."""

    @staticmethod
    def _register_hook(backward_hooks: Any, hook: Any) -> Any:
        table = HookTable() if backward_hooks is None else backward_hooks
        handle = RemovableHandle(table)
        table[handle.id] = hook
        return table, handle


def _is_setup_context_defined(fn: Any) -> bool:
    """Whether `fn` is a `setup_context` of a class of the user's."""
    return fn is not no_setup_context


class InplaceFunction(Function):
    """A Function that may be asked to work in place; kept for old programs."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class NestedIOFunction(Function):
    """A Function whose arguments and results may be nested lists, tuples and dictionaries of tensors.

    Derived classes define `forward_extended(ctx, *args)` and `backward_extended(ctx, *grads)`,
    which are given the nests as they are; gradients come back nested like the arguments.
    """

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run on nests: their tensors become the arguments of one recorded call."""
        flat = tuple(tensors_in(args))
        results: list[Any] = []
        found = super().apply(cls, args, results, *flat)
        found = found if isinstance(found, tuple) else (found,)
        return rebuilt(results[0], iter(found))

    @staticmethod
    def forward(ctx: Any, cls: Any, args: Any, results: list[Any], *flat: Any) -> Any:
        """Call `forward_extended` and hand out the tensors of its result."""
        ctx.nested = (cls, args)
        out = cls.forward_extended(ctx, *rebuilt(args, iter(flat)))
        results.append(out)
        ctx.nested_output = skeleton(out)
        return tuple(tensors_in(out))

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Call `backward_extended` and hand out the tensors of its result."""
        cls, args = ctx.nested
        nested = rebuilt(ctx.nested_output, iter(gradients))
        grads = cls.backward_extended(ctx, *(nested if isinstance(nested, tuple) else (nested,)))
        grads = grads if isinstance(grads, tuple) else (grads,)
        return (None, None, None, *matched(args, grads))

    @staticmethod
    def forward_extended(ctx: Any, *input: Any) -> Any:
        """To be overridden."""
        raise NotImplementedError

    @staticmethod
    def backward_extended(ctx: Any, *grad_output: Any) -> Any:
        """To be overridden."""
        raise NotImplementedError


class Place:
    """Where a tensor stood in a nest."""


def tensors_in(nest: Any) -> Iterator[Any]:
    """The tensors of a nest, in order."""
    if isinstance(nest, TensorBase):
        yield nest
    elif isinstance(nest, (list, tuple)):
        for part in nest:
            yield from tensors_in(part)
    elif isinstance(nest, dict):
        for part in nest.values():
            yield from tensors_in(part)


def rebuilt(nest: Any, parts: Iterator[Any]) -> Any:
    """The nest with its tensors replaced."""
    if isinstance(nest, (TensorBase, Place)):
        return next(parts)
    if isinstance(nest, (list, tuple)):
        made = [rebuilt(part, parts) for part in nest]
        return type(nest)(*made) if hasattr(nest, "_fields") else type(nest)(made)
    if isinstance(nest, dict):
        return {key: rebuilt(part, parts) for key, part in nest.items()}
    return nest


def skeleton(nest: Any) -> Any:
    """The nest without its tensors."""
    return rebuilt(nest, iter([Place() for _ in tensors_in(nest)]))


def matched(args: Any, grads: Any) -> Iterator[Any]:
    """One gradient (or None) per tensor of the arguments."""
    if isinstance(args, TensorBase):
        yield grads
    elif isinstance(args, (list, tuple)):
        for i, part in enumerate(args):
            yield from matched(part, None if grads is None or i >= len(grads) else grads[i])
    elif isinstance(args, dict):
        for key, part in args.items():
            yield from matched(part, None if grads is None else grads.get(key))
