"""Modules as functions of their parameters and buffers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.core.base.errors import ArgumentError, GraphError, ValueRangeError
from wengert.core.tape.core import RECORDED, TensorBase
from wengert.nn.modules.module import Module


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """module(*args, **kwargs) with parameters and buffers taken from a dict (or several) of tensors by name.

    The module itself keeps its own.  tie_weights: a tensor given for one name of a shared parameter stands for all its
    names.  strict: every name must be given, and no other; else a further name is an attribute during the call.
    Raises: ArgumentError for what is no module, dict or tensor, GraphError for names that do not fit.
    """
    if not isinstance(module, Module):
        raise ArgumentError(f"Expected module to be nn.Module instance, got {type(module)}")
    given = joined(parameter_and_buffer_dicts)
    places = slots(module)
    if strict:
        check_names(module, given, places)
    values = tied(given, places) if tie_weights else dict(given)
    before: list[tuple[Any, ...]] = []
    try:
        for name, value in values.items():
            exchange(module, name, value, places, before)
        arguments = () if args is None else args if isinstance(args, tuple) else (args,)
        return module(*arguments, **(kwargs or {}))
    finally:
        for table, key, *old in reversed(before):
            if old:
                table[key] = old[0]
            else:
                del table[key]


def exchange(module: Any, name: str, value: Any, places: dict[str, Any], before: list[tuple[Any, ...]]) -> None:
    """Put a tensor in the place of that name; what stood there, if anything, is noted in `before`.

    A name that is neither parameter nor buffer becomes an attribute of its module for the time of the call.
    """
    if not isinstance(value, TensorBase):
        raise ArgumentError(f"{value} is not an instance of torch.Tensor; it was given for {name!r}")
    if name in places:
        table, key = places[name]
    else:
        path, _, key = name.rpartition(".")
        part = module
        for step in path.split(".") if path else ():
            if not hasattr(part, step):
                raise AttributeError(f"{type(part).__name__} has no attribute `{step}`; {name!r} was given")
            part = getattr(part, step)
        there = getattr(part, key, None)
        if there is not None and not isinstance(there, TensorBase):
            raise ArgumentError(f"attribute `{key}`: {there} is not an instance of torch.Tensor")
        table = part.__dict__
    before.append((table, key, table[key]) if key in table else (table, key))
    table[key] = value


def joined(dicts: Any) -> dict[str, Any]:
    """One dict of all; a name may occur once."""
    if isinstance(dicts, dict):
        return dicts
    if isinstance(dicts, Sequence) and not all(isinstance(d, dict) for d in dicts):
        raise ValueRangeError(
            "Expected all elements of parameter_and_buffer_dicts to be dictionaries, got "
            f"{[type(d).__name__ for d in dicts]}"
        )
    if not isinstance(dicts, Sequence):
        raise ValueRangeError(
            f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(dicts)}"
        )
    names = [name for d in dicts for name in d]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueRangeError(
            f"{sorted(repeated)} appeared in multiple dictionaries; behavior of functional call is ambiguous"
        )
    return {name: value for d in dicts for name, value in d.items()}


def slots(module: Any) -> dict[str, tuple[dict[str, Any], str]]:
    """Where every parameter and buffer of a module is kept: {name: (table, key)}."""
    found = {}
    for prefix, part in module.named_modules(remove_duplicate=False):
        for table in (part._parameters, part._buffers):
            for key in table:
                found[f"{prefix}.{key}" if prefix else key] = (table, key)
    return found


def check_names(module: Any, given: dict[str, Any], places: dict[str, Any]) -> None:
    """Refuse names that the module lacks, and parameters or buffers that are not given."""
    unexpected = sorted(set(given) - set(places))
    missing = sorted(name for name, (table, key) in places.items() if name not in given and table[key] is not None)
    lines = [
        f"\n\t{label} key(s): {', '.join(map(repr, names))}."
        for label, names in (("Unexpected", unexpected), ("Missing", missing))
        if names
    ]
    if lines:
        raise GraphError(f"Error(s) in reparametrizing for {type(module).__name__}:{''.join(lines)}")


def tied(given: dict[str, Any], places: dict[str, Any]) -> dict[str, Any]:
    """A tensor given for one name of a shared parameter given for all of them."""
    names: dict[int, list[str]] = {}
    for name, (table, key) in places.items():
        if table[key] is not None:
            names.setdefault(id(table[key]), []).append(name)
    values = dict(given)
    for group in names.values():
        chosen = [name for name in group if name in given]
        if len({id(given[name]) for name in chosen}) > 1:
            raise ValueRangeError(
                f"functional_call got multiple values for keys {sorted(chosen)}, which are tied. Consider using "
                "tie_weights=False"
            )
        if chosen:
            values.update({name: given[chosen[0]] for name in group})
    return values


def stack_module_state(models: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and buffers of several modules of one class, each name stacked along a new dim 0: (params, buffers).

    Raises: GraphError without models, for models of several classes, in training and evaluation mixed.
    """
    models = list(models)
    if not models:
        raise GraphError("stack_module_state: Expected at least one model, got 0.")
    if not (all(model.training for model in models) or not any(model.training for model in models)):
        raise GraphError("stack_module_state: Expected all models to have the same training/eval mode.")
    if any(type(model) is not type(models[0]) for model in models):
        raise GraphError("stack_module_state: Expected all models to be of the same class.")
    params = {
        name: stacked(name, [dict(m.named_parameters())[name] for m in models])
        for name, _ in models[0].named_parameters()
    }
    buffers = {
        name: stacked(name, [dict(m.named_buffers())[name] for m in models]) for name, _ in models[0].named_buffers()
    }
    return params, buffers


def stacked(name: str, tensors: list[Any]) -> Any:
    """A leaf that holds the tensors of one name; it requires gradients if they do."""
    wants = {x.requires_grad for x in tensors}
    if len(wants) > 1:
        raise GraphError(
            f"Expected {name} from each model to have the same .requires_grad: some of the models' do and some do not"
        )
    return RECORDED.stack([x.detach() for x in tensors], 0).requires_grad_(wants.pop())


def replace_all_batch_norm_modules_(root: Any) -> Any:
    """Let every batch norm in a module normalise by the batch and keep no running statistics; returns the module."""
    for part in root.modules():
        if type(part).__name__.startswith("BatchNorm"):
            part.running_mean = part.running_var = None
            part.num_batches_tracked = None
            part.track_running_stats = False
    return root
