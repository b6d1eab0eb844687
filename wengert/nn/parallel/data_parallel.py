"""A module whose batches are split over several devices."""

from __future__ import annotations

from typing import Any

from wengert.core.arrays import cupy_backend
from wengert.core.arrays.device import as_device
from wengert.nn.modules.module import Module
from wengert.nn.parallel.parallel_apply import parallel_apply
from wengert.nn.parallel.replicate import replicate
from wengert.nn.parallel.scatter_gather import gather, scatter_kwargs


class DataParallel(Module):
    """`module` on every device of `device_ids`, each with its part of the batch along `dim`.

    Without GPUs, and with one, the module itself runs.  The results are joined on `output_device`, the first one.
    """

    def __init__(self, module: Any, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        count = cupy_backend.device_count() if cupy_backend.is_available() else 0
        if device_ids is None:
            device_ids = list(range(count))
        self.module, self.dim = module, dim
        self.device_ids = [index_of(device) for device in device_ids] if count else []
        if self.device_ids:
            self.output_device = self.device_ids[0] if output_device is None else index_of(output_device)
            if len(self.device_ids) == 1:
                self.module.to(f"cuda:{self.device_ids[0]}")

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """The module's output, joined from the devices."""
        if not self.device_ids:
            return self.module(*inputs, **kwargs)
        given, named = self.scatter(inputs, kwargs, self.device_ids)
        if not given:
            given, named = ((),), ({},)
        if len(self.device_ids) == 1:
            return self.module(*given[0], **named[0])
        replicas = self.replicate(self.module, self.device_ids[: len(given)])
        return self.gather(self.parallel_apply(replicas, given, named), self.output_device)

    def replicate(self, module: Any, device_ids: Any) -> list[Any]:
        """Copies of the module on the devices."""
        return replicate(module, [f"cuda:{i}" for i in device_ids])

    def scatter(self, inputs: Any, kwargs: Any, device_ids: Any) -> tuple[Any, Any]:
        """The inputs' parts for the devices."""
        return scatter_kwargs(inputs, kwargs, [f"cuda:{i}" for i in device_ids], self.dim)

    def parallel_apply(self, replicas: Any, inputs: Any, kwargs: Any) -> list[Any]:
        """The outputs of the copies."""
        return parallel_apply(replicas, inputs, kwargs)

    def gather(self, outputs: Any, output_device: Any) -> Any:
        """The outputs joined on one device."""
        return gather(outputs, f"cuda:{output_device}", self.dim)


def index_of(device: Any) -> int:
    """A GPU's number."""
    return device if isinstance(device, int) else as_device(device).index or 0


def data_parallel(
    module: Any, inputs: Any, device_ids: Any = None, output_device: Any = None, dim: int = 0,
    module_kwargs: Any = None,
) -> Any:  # fmt: skip
    """What `DataParallel(module, ...)` gives for these inputs."""
    given = inputs if isinstance(inputs, tuple) else (inputs,) if inputs is not None else ()
    return DataParallel(module, device_ids, output_device, dim)(*given, **(module_kwargs or {}))


__all__ = ["DataParallel", "data_parallel"]
