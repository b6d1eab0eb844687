"""A module that trains in several processes, whose gradients are joined: here the only process has all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from wengert.core.base.errors import GraphError
from wengert.nn.modules.module import Module
from wengert.utils.world import WORLD


class DistributedDataParallel(Module):
    """`module`, whose gradients are the mean over the processes of `process_group`.

    With one process, which is all that `init_process_group` sets up, the gradients are the module's own.  Options that
    say how gradients travel are accepted and kept.
    Raises: ValueRangeError before `init_process_group`, GraphError for a module without trainable parameters.
    """

    def __init__(
        self, module: Any, device_ids: Any = None, output_device: Any = None, dim: int = 0,
        broadcast_buffers: bool = True, init_sync: bool = True, process_group: Any = None, bucket_cap_mb: Any = None,
        find_unused_parameters: bool = False, check_reduction: bool = False, gradient_as_bucket_view: bool = False,
        static_graph: bool = False, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        self.process_group = WORLD.group(process_group)
        if not any(p.requires_grad for p in module.parameters()):
            raise GraphError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter that requires a "
                "gradient."
            )
        self.module, self.dim = module, dim
        self.device = next(iter(module.parameters())).device
        self.device_ids, self.output_device = device_ids, output_device
        self.broadcast_buffers, self.find_unused_parameters = broadcast_buffers, find_unused_parameters
        self.gradient_as_bucket_view, self.static_graph = gradient_as_bucket_view, static_graph
        self.require_backward_grad_sync = self.require_forward_param_sync = True

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """The module's output."""
        return self.module(*inputs, **kwargs)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """A block in which gradients add up without being joined."""
        before = self.require_backward_grad_sync
        self.require_backward_grad_sync = False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    @contextmanager
    def join(self, divide_by_initial_world_size: bool = True, enable: bool = True, **options: Any) -> Iterator[None]:
        """A block that lets processes end with different numbers of batches."""
        yield

    def register_comm_hook(self, state: object, hook: Callable[..., Any]) -> None:
        """Accepted: no gradients travel."""

    def _set_static_graph(self) -> None:
        self.static_graph = True


__all__ = ["DistributedDataParallel"]
