"""Where the piece of this process lies in the whole tensor (`torch.distributed.tensor._utils`)."""

from __future__ import annotations

from collections.abc import Sequence

from wengert.distributed.device_mesh import DeviceMesh
from wengert.distributed.tensor.placement_types import Placement, Shard


def compute_local_shape_and_global_offset(
    global_shape: Sequence[int], mesh: DeviceMesh, placements: Sequence[Placement]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shape of the piece of this process, and where it starts in the tensor of `global_shape`."""
    shape, offset = list(global_shape), [0] * len(global_shape)
    for placement, size, rank in zip(placements, mesh.shape, mesh.get_coordinate(), strict=True):
        if isinstance(placement, Shard):
            length, start = placement.local_shard_size_and_offset(shape[placement.dim], size, rank)
            shape[placement.dim], offset[placement.dim] = length, offset[placement.dim] + start
    return tuple(shape), tuple(offset)


__all__ = ["compute_local_shape_and_global_offset"]
