"""Tensors that lie on several processes (`torch.distributed.tensor`), for a world of one process."""

from wengert.distributed.device_mesh import DeviceMesh, init_device_mesh
from wengert.distributed.tensor import _utils, experimental, placement_types
from wengert.distributed.tensor.placement_types import Partial, Placement, Replicate, Shard
from wengert.distributed.tensor.tensors import (
    DTensor,
    distribute_module,
    distribute_tensor,
    empty,
    full,
    ones,
    rand,
    randn,
    zeros,
)  # fmt: skip

__all__ = [
    "DTensor", "DeviceMesh", "Partial", "Placement", "Replicate", "Shard", "distribute_module", "distribute_tensor",
    "empty", "full", "init_device_mesh", "ones", "rand", "randn", "zeros",
]  # fmt: skip
