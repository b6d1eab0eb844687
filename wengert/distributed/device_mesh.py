"""Processes in rows and columns (`torch.distributed.device_mesh`), for a world of one process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from wengert.core.arrays.dtype import int32
from wengert.core.base.errors import GraphError
from wengert.core.tensor.data import tensor
from wengert.core.tensor.tensor import Tensor
from wengert.distributed import groups


class DeviceMesh:
    """The ranks of `mesh`, an array of integers with one dimension for each way of dividing the work.

    The process group is set up if nobody has done so.  Meshes are equal if their ranks, their kind of device and the
    names of their dimensions are.
    Raises: GraphError for more ranks than there are processes.
    """

    def __init__(
        self, device_type: str, mesh: Any = None, *, mesh_dim_names: Sequence[str] | None = None, **options: Any
    ) -> None:
        self.device_type = device_type
        given: Any = mesh
        self.mesh: Any = given.to(int32) if isinstance(mesh, Tensor) else tensor(mesh, dtype=int32)
        self.mesh_dim_names = None if mesh_dim_names is None else tuple(mesh_dim_names)
        if not groups.is_initialized():
            groups.init_process_group("gloo", store=groups.HashStore(), rank=0, world_size=1)
        world = groups.get_world_size()
        if self.mesh.numel() > world:
            raise GraphError(
                f"Mesh should not be bigger than default world size {world}, but found {self.mesh.numel()} ranks!"
            )

    @property
    def ndim(self) -> int:
        """How many dimensions there are."""
        return self.mesh.ndim

    @property
    def shape(self) -> tuple[int, ...]:
        """How many ranks lie along each dimension."""
        return tuple(self.mesh.shape)

    def size(self, mesh_dim: int | None = None) -> int:
        """How many ranks there are, along one dimension or altogether."""
        return math.prod(self.shape) if mesh_dim is None else self.shape[mesh_dim]

    def dimension(self, name: int | str) -> int:
        """The number of a dimension from its number or name.

        Raises: KeyError for a name that no dimension has.
        """
        if not isinstance(name, str):
            return name
        if name not in (self.mesh_dim_names or ()):
            known = list(self.mesh_dim_names or ())
            raise KeyError(f"Invalid mesh_dim_names {(name,)} specified. Valid mesh_dim_names are {known}.")
        return (self.mesh_dim_names or ()).index(name)

    def __getitem__(self, names: str | tuple[str, ...]) -> DeviceMesh:
        """The mesh of some named dimensions only, through this process."""
        chosen = (names,) if isinstance(names, str) else tuple(names)
        shape = [self.shape[self.dimension(name)] for name in chosen]
        return DeviceMesh(self.device_type, self.mesh.reshape(shape), mesh_dim_names=chosen)

    def get_group(self, mesh_dim: int | str | None = None) -> Any:
        """The group of processes along a dimension.

        Raises: GraphError without a dimension where there are several.
        """
        if mesh_dim is None and self.ndim > 1:
            raise GraphError(
                f"Found the DeviceMesh have {self.ndim} dimensions: say which one, by mesh_dim, the group is asked for"
            )
        self.dimension(0 if mesh_dim is None else mesh_dim)
        return groups.group.WORLD

    def get_all_groups(self) -> list[Any]:
        """The group of each dimension."""
        return [self.get_group(dim) for dim in range(self.ndim)]

    def get_rank(self) -> int:
        """The number of this process in the world."""
        return groups.get_rank()

    def get_local_rank(self, mesh_dim: int | str | None = None) -> int:
        """The number of this process along a dimension.

        Raises: GraphError without a dimension where there are several.
        """
        return self.get_group(mesh_dim).rank()

    def get_coordinate(self) -> tuple[int, ...]:
        """Where this process stands in the mesh."""
        return (0,) * self.ndim

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeviceMesh) and self.parts() == other.parts()

    def __hash__(self) -> int:
        return hash(self.parts())

    def parts(self) -> tuple[Any, ...]:
        """What makes a mesh the same as another."""
        return self.device_type, self.shape, tuple(self.mesh.flatten().tolist()), self.mesh_dim_names

    def __repr__(self) -> str:
        if self.mesh_dim_names is None:
            shape = repr(self.shape)
        else:
            shape = "(" + ", ".join(f"{name}={size}" for name, size in zip(self.mesh_dim_names, self.shape)) + ")"
        return f"DeviceMesh({shape}, {self.device_type!r}, stride=({'(),' * self.ndim}))"


def init_device_mesh(
    device_type: str, mesh_shape: tuple[int, ...], *, mesh_dim_names: tuple[str, ...] | None = None, **options: Any
) -> DeviceMesh:
    """The mesh of a shape over all processes.

    Raises: GraphError for names that are not one for each dimension, or twice the same.
    """
    shape = tuple(mesh_shape)
    if mesh_dim_names is not None and len(mesh_dim_names) != len(shape):
        raise GraphError(
            "mesh_shape and mesh_dim_names should have same length! "
            f"Found len(mesh_dim_names): {len(mesh_dim_names)} and len(mesh_shape):{len(shape)}."
        )
    if mesh_dim_names is not None and len(set(mesh_dim_names)) != len(mesh_dim_names):
        raise GraphError(f"Each mesh_dim_name must be unique. Found repeated names in {mesh_dim_names}")
    ranks = list(range(math.prod(shape)))
    return DeviceMesh(device_type, tensor(ranks, dtype=int32).reshape(shape), mesh_dim_names=mesh_dim_names)


__all__ = ["DeviceMesh", "init_device_mesh"]
