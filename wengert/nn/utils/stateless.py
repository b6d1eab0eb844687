"""Calling a module with other parameters than its own, for that call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wengert.core.base.errors import ArgumentError
from wengert.core.tape.core import TensorBase

__all__ = ["functional_call"]


def _aliases(module: Any) -> dict[str, list[str]]:
    """For each name of a tensor all names under which the module holds the same one."""
    names: dict[int, list[str]] = {}
    for members in (module.named_parameters(remove_duplicate=False), module.named_buffers(remove_duplicate=False)):
        for name, x in members:
            names.setdefault(id(x), []).append(name)
    return {name: group for group in names.values() for name in group}


def _wanted(module: Any, given: dict[str, Any], tie_weights: bool, strict: bool) -> dict[str, Any]:
    groups = _aliases(module)
    unexpected = [name for name in given if name not in groups]
    missing = [
        name for name, group in groups.items() if not any(n in given for n in (group if tie_weights else [name]))
    ]
    if strict and (unexpected or missing):
        lines = [
            f"{word} key(s): " + ", ".join(map(repr, keys)) + "."
            for word, keys in (("Unexpected", unexpected), ("Missing", missing))
            if keys
        ]
        text = "\n\t".join(lines)
        raise RuntimeError(f"Error(s) in reparametrizing for {module._get_name()}:\n\t{text}")
    for x in given.values():
        if not isinstance(x, TensorBase) and x is not None:
            raise ArgumentError(f"{x} is not an instance of torch.Tensor")
    wanted = dict(given)
    if tie_weights:
        for name, x in given.items():
            tied = groups.get(name, [name])
            values = {id(given[n]) for n in tied if n in given}
            if len(values) > 1:
                raise ValueError(f"functional_call got multiple values for keys {tied}, which are tied.")
            for other in tied:
                wanted.setdefault(other, x)
    return wanted


@contextmanager
def _reparametrize_module(
    module: Any, parameters_and_buffers: dict[str, Any], *, tie_weights: bool = False, strict: bool = False,
    stack_weights: bool = False,
) -> Iterator[None]:  # fmt: skip
    """A block in which the module holds other tensors; what it changed among them is written back to the dictionary."""
    wanted = _wanted(module, parameters_and_buffers, tie_weights, strict)
    before: list[tuple[Any, str, str, Any]] = []
    try:
        for path, x in wanted.items():
            owner_path, _, name = path.rpartition(".")
            owner = module.get_submodule(owner_path)
            table = next((t for t in ("_parameters", "_buffers") if name in getattr(owner, t)), None)
            if table is None:
                raise AttributeError(f"{owner._get_name()} has no attribute `{name}`")
            before.append((owner, table, name, getattr(owner, table)[name]))
            getattr(owner, table)[name] = x
        yield
    finally:
        for path, (owner, table, name, old) in reversed(list(zip(wanted, before, strict=False))):
            now = getattr(owner, table).get(name)
            if path in parameters_and_buffers:
                parameters_and_buffers[path] = now
            getattr(owner, table)[name] = old


def functional_call(
    module: Any, parameters_and_buffers: Any, args: Any = None, kwargs: Any = None, *, tie_weights: bool = True,
    strict: bool = False,
) -> Any:  # fmt: skip
    """module(*args, **kwargs) with the given tensors in the place of its own.

    tie_weights: tensors that the module holds under several names change together.  strict: every name must be given.
    """
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    if isinstance(parameters_and_buffers, (list, tuple)):
        merged: dict[str, Any] = {}
        for part in parameters_and_buffers:
            for name in part:
                if name in merged:
                    raise ValueError(
                        f"{name} appears in multiple dictionaries; behavior of functional call is ambiguous"
                    )
            merged.update(part)
        parameters_and_buffers = merged
    elif not isinstance(parameters_and_buffers, dict):
        raise ArgumentError(
            f"Expected parameters_and_buffers to be a dict, or a list/tuple of dicts, but got "
            f"{type(parameters_and_buffers)}"
        )
    with _reparametrize_module(module, parameters_and_buffers, tie_weights=tie_weights, strict=strict):
        return module(*args, **(kwargs or {}))
