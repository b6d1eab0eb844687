"""The steps of `vmap` under torch's names (`torch._functorch.vmap`).

Libraries whose containers hold tensors put functions of their own in the place of three of them, and `vmap` then calls
those: `_process_batched_inputs`, `_create_batched_inputs`, `_unwrap_batched`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from wengert._C._functorch import _add_batch_dim, _remove_batch_dim, is_batchedtensor
from wengert.core.base.errors import ValueRangeError
from wengert.core.tape.core import TensorBase
from wengert.core.tape.core import TensorBase as Tensor
from wengert.func import mapping
from wengert.func.mapping import check_randomness as _check_randomness_arg
from wengert.func.mapping import checked_outputs, vmap
from wengert.func.mapping import name_of as _get_name
from wengert.utils._pytree import (
    TreeSpec,
    _broadcast_to_and_flatten,
    tree_flatten,
    tree_map_,
    tree_unflatten,
)


def _process_batched_inputs(in_dims: Any, args: tuple[Any, ...], func: Any) -> tuple[int, list[Any], list[Any], Any]:
    """(entries, batch dim of each leaf, leaves, their structure) of the inputs of `vmap`."""
    flat, dims, spec, size = mapping.checked_inputs(in_dims, args, func)
    return size, dims, flat, spec


def _create_batched_inputs(flat_in_dims: list[Any], flat_args: list[Any], vmap_level: int, args_spec: TreeSpec) -> Any:
    """The inputs as the function sees them: each tensor one entry of itself."""
    pairs = zip(flat_in_dims, flat_args, strict=True)
    return args_spec.unflatten([x if dim is None else _add_batch_dim(x, dim, vmap_level) for dim, x in pairs])


def _maybe_remove_batch_dim(name: str, batched_output: Any, vmap_level: int, batch_size: int, out_dim: Any) -> Any:
    """One output with all its entries along out_dim; None asks for an output that is the same for all of them.

    Raises: ValueRangeError for an output that is no tensor, or None for one that is batched.
    """
    is_tensor = isinstance(batched_output, TensorBase)
    if out_dim is None:
        if is_tensor and is_batchedtensor(batched_output):
            raise ValueRangeError(f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None")
        return batched_output
    if not is_tensor:
        raise ValueRangeError(
            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(batched_output)}. Did you mean to "
            "set out_dims= to None for output?"
        )
    return _remove_batch_dim(batched_output, vmap_level, batch_size, out_dim)


def _unwrap_batched(batched_outputs: Any, out_dims: Any, vmap_level: int, batch_size: int, func: Any) -> Any:
    """The outputs with all entries."""
    leaves, spec = tree_flatten(batched_outputs)
    dims = checked_outputs(leaves, spec, out_dims, func)
    pairs = zip(leaves, dims, strict=True)
    name = _get_name(func)
    return spec.unflatten([_maybe_remove_batch_dim(name, x, vmap_level, batch_size, dim) for x, dim in pairs])


OWN: dict[str, Callable[..., Any]] = {
    "_process_batched_inputs": _process_batched_inputs,
    "_create_batched_inputs": _create_batched_inputs,
    "_unwrap_batched": _unwrap_batched,
}


class Steps(ModuleType):
    """This module: what is put in the place of a step of `vmap` becomes that step; our own one ends it again."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in OWN:
            replaced = any(getattr(self, step) is not function for step, function in OWN.items())
            mapping.STEPS[:] = [lambda name: getattr(self, name)] if replaced else []


sys.modules[__name__].__class__ = Steps

__all__ = [
    "Tensor", "_add_batch_dim", "_broadcast_to_and_flatten", "_check_randomness_arg", "_get_name",
    "_maybe_remove_batch_dim", "_remove_batch_dim", "tree_flatten", "tree_map_", "tree_unflatten", "vmap",
]  # fmt: skip
