"""Modules whose parameters are divided among processes (`torch.distributed.fsdp`), for a world of one process."""

from __future__ import annotations

from typing import Any, NamedTuple

from wengert.core.base.errors import MissingError
from wengert.nn import Module
from wengert.nn.utils import clip_grad_norm_


class MixedPrecisionPolicy(NamedTuple):
    """Dtypes of the parameters while computing, of the gradients while joined, and of results."""

    param_dtype: Any = None
    reduce_dtype: Any = None
    output_dtype: Any = None
    cast_forward_inputs: bool = True


class OffloadPolicy:
    """Parameters stay on their device."""


class CPUOffloadPolicy(OffloadPolicy):
    """Parameters rest on the CPU, where they always are here."""

    def __init__(self, pin_memory: bool = True) -> None:
        self.pin_memory = pin_memory


class FSDPModule:
    """What `fully_shard` adds to the class of a module; a single process holds all of each parameter at all times."""

    def unshard(self, async_op: bool = False) -> None:
        """Nothing: the parameters are whole."""

    def reshard(self) -> None:
        """Nothing: there is nobody to leave pieces to."""

    def set_requires_gradient_sync(self, requires_gradient_sync: bool, *, recurse: bool = True) -> None:
        """Nothing: gradients have one contribution."""

    def set_is_last_backward(self, is_last_backward: bool) -> None:
        """Nothing: no gradient is waited for."""

    def set_reshard_after_backward(self, reshard_after_backward: bool, *, recurse: bool = True) -> None:
        """Nothing: the parameters stay whole."""


def fully_shard(
    module: Any,
    *,
    mesh: Any = None,
    reshard_after_forward: Any = None,
    shard_placement_fn: Any = None,
    mp_policy: MixedPrecisionPolicy | None = None,
    offload_policy: OffloadPolicy | None = None,
    ignored_params: Any = None,
) -> Any:
    """`module` (or a list of them), with a class that is both its own and a FSDPModule; parameters stay whole.

    Raises: MissingError for a policy of mixed precision: `wengert.autocast` does that here.
    """
    if any(dtype is not None for dtype in (mp_policy or ())[:3]):
        raise MissingError("fully_shard computes in the dtype of the parameters here: use autocast for another one")
    for part in module if isinstance(module, (list, tuple)) else [module]:
        if not isinstance(part, Module):
            raise ValueError(f"fully_shard does not support {type(part).__name__}: it needs a Module")
        kind = type(part)
        if not issubclass(kind, FSDPModule):
            part.__class__ = type(f"FSDP{kind.__name__}", (FSDPModule, kind), {})
    return module


class FullyShardedDataParallel(Module):
    """A module that calls `module`, whose parameters are whole in a world of one process.

    Raises: MissingError for a policy of mixed precision: `wengert.autocast` does that here.
    """

    def __init__(self, module: Module, *args: Any, mixed_precision: Any = None, **options: Any) -> None:
        super().__init__()
        if mixed_precision is not None:
            raise MissingError("FullyShardedDataParallel computes in the dtype of the parameters here: use autocast")
        self.module = module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module answers."""
        return self.module(*args, **kwargs)

    def clip_grad_norm_(self, max_norm: float, norm_type: float = 2.0) -> Any:
        """Scale the gradients so that their norm is at most `max_norm`; the norm before."""
        return clip_grad_norm_(self.parameters(), max_norm, norm_type)


__all__ = [
    "CPUOffloadPolicy",
    "FSDPModule",
    "FullyShardedDataParallel",
    "MixedPrecisionPolicy",
    "OffloadPolicy",
    "fully_shard",
]
