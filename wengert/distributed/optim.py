"""Optimizers for several processes (`torch.distributed.optim`); the only process has the whole state."""

from __future__ import annotations

from typing import Any

from wengert.optim.optimizer import Optimizer
from wengert.utils.world import WORLD


class ZeroRedundancyOptimizer(Optimizer):
    """An optimizer of class `optimizer_class` whose state is split over the processes of `process_group`.

    With one process it is that optimizer.
    """

    def __init__(
        self, params: Any, optimizer_class: Any, process_group: Any = None, parameters_as_bucket_view: bool = False,
        overlap_with_ddp: bool = False, **defaults: Any,
    ) -> None:  # fmt: skip
        self.process_group = WORLD.group(process_group)
        self.rank, self.world_size = self.process_group.rank(), self.process_group.size()
        self.optim = optimizer_class(params, **defaults)
        super().__init__(self.optim.param_groups, self.optim.defaults)
        self.param_groups, self.state = self.optim.param_groups, self.optim.state

    def step(self, closure: Any = None, **kwargs: Any) -> Any:
        """One step of the optimizer."""
        return self.optim.step(closure, **kwargs) if closure is not None else self.optim.step(**kwargs)

    def consolidate_state_dict(self, to: int = 0) -> None:
        """Gather the state at one process, where it is."""

    def state_dict(self) -> dict[str, Any]:
        """The whole state."""
        found: dict[str, Any] = self.optim.state_dict()
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take a state over."""
        self.optim.load_state_dict(state_dict)
        self.param_groups, self.state = self.optim.param_groups, self.optim.state


__all__ = ["ZeroRedundancyOptimizer"]
