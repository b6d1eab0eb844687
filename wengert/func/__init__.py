"""Transforms of functions (`torch.func`): gradients, tangents, Jacobians, batches; they nest in any order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.tape.levels import BATCHED, DUAL, outside
from wengert.func.curvature import block_hessian, hessian_diagonal, hessian_trace, hvp, laplacian, vhp
from wengert.func.forward import jvp, linearize
from wengert.func.jacobians import hessian, jacfwd, jacrev
from wengert.func.mapping import vmap
from wengert.func.reverse import grad, grad_and_value, vjp
from wengert.func.state import functional_call, replace_all_batch_norm_modules_, stack_module_state
from wengert.func.taylor import jet

__all__ = [
    "block_hessian", "debug_unwrap", "functional_call", "functionalize", "grad", "grad_and_value", "hessian",
    "hessian_diagonal", "hessian_trace", "hvp", "jacfwd", "jacrev", "jet", "jvp",
    "laplacian", "linearize", "replace_all_batch_norm_modules_", "stack_module_state", "vhp", "vjp", "vmap",
]  # fmt: skip


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """func itself: in-place operations and views are followed by the tape and by every transform as they are.

    Raises: RuntimeError for a `remove` other than "mutations" and "mutations_and_views".
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            f"functionalize(f, remove='mutations'): received invalid argument for remove={remove}. Valid options are: "
            "remove='mutations' or 'mutations_and_views'"
        )
    return func


def debug_unwrap(tensor: Any, *, recurse: bool = True) -> Any:
    """What a batched or dual tensor is made of: the whole batch, the primal; with recurse all the way."""
    found = tensor
    while found._flags & (BATCHED | DUAL):
        if found._flags & BATCHED:
            found = found._array.value
        else:
            found = outside(found, min(found._extra.marks["duals"]))
            break
        if not recurse:
            break
    return found
