"""Tensors that lie on several processes, and how modules get them, for a world of one process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wengert.core.base.errors import GraphError, ValueRangeError
from wengert.core.tensor import creation, randomness
from wengert.core.tensor.overrides import DisableTorchFunctionSubclass
from wengert.core.tensor.tensor import Tensor
from wengert.distributed.device_mesh import DeviceMesh
from wengert.distributed.tensor.placement_types import Placement, Replicate, Shard
from wengert.nn import Module, Parameter


class DTensor(Tensor):
    """A tensor together with a mesh of processes and how it lies on them, `placements`.

    Made by `distribute_tensor` and `from_local`.  In a world of one process the piece of this process is the whole
    tensor, whatever the placements say, and shares its memory.  A result of the same shape lies as the operand does,
    any other is replicated; plain tensors that meet a DTensor are taken as replicated.
    """

    device_mesh: DeviceMesh
    placements: tuple[Placement, ...]

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = super().__torch_function__(func, types, args, kwargs or {})  # type: ignore[misc]
        operand = next(flat_tensors((args, kwargs or {})), None)
        if operand is not None:
            for result in flat_tensors(out):
                if "device_mesh" not in result.__dict__:
                    label(result, operand.device_mesh, operand.placements if same(result, operand) else None)
        return out

    @staticmethod
    def from_local(
        local_tensor: Tensor, device_mesh: DeviceMesh, placements: Sequence[Placement] | None = None, **options: Any
    ) -> DTensor:
        """The DTensor whose piece on this process is `local_tensor` (default: replicated), with its history."""
        return laid(local_tensor, device_mesh, placements)

    def to_local(self, *, grad_placements: Sequence[Placement] | None = None) -> Tensor:
        """The piece of this process as a plain tensor, with its history."""
        with DisableTorchFunctionSubclass():
            return self.as_subclass(Tensor)  # type: ignore[attr-defined, no-any-return]

    def full_tensor(self, *, grad_placements: Sequence[Placement] | None = None) -> Tensor:
        """The whole tensor as a plain one, with its history."""
        return self.to_local()

    def redistribute(
        self, device_mesh: DeviceMesh | None = None, placements: Sequence[Placement] | None = None, **options: Any
    ) -> DTensor:
        """The same tensor, laid otherwise.

        Raises: GraphError without placements.
        """
        if placements is None:
            raise GraphError("placements is needed for redistribute!")
        return laid(self.to_local(), device_mesh or self.device_mesh, placements)

    @property
    def _local_tensor(self) -> Tensor:
        return self.to_local().detach()

    def __repr__(self) -> str:  # type: ignore[override]
        local = self._local_tensor.requires_grad_(self.is_leaf and self.requires_grad)
        return f"DTensor(local_tensor={local}, device_mesh={self.device_mesh}, placements={self.placements})"

    __str__ = __repr__


def flat_tensors(value: Any) -> Any:
    """The DTensors in nested tuples, lists and dictionaries, one after the other."""
    if isinstance(value, DTensor):
        yield value
    elif isinstance(value, dict):
        yield from flat_tensors(tuple(value.values()))
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from flat_tensors(item)


def same(result: Tensor, operand: Tensor) -> bool:
    """Whether two tensors have one shape."""
    with DisableTorchFunctionSubclass():
        return result.shape == operand.shape


def label(out: Any, mesh: DeviceMesh, placements: Sequence[Placement] | None) -> Any:
    """Note on `out` how it lies on `mesh`, by default replicated."""
    out.device_mesh = mesh
    out.placements = (Replicate(),) * mesh.ndim if placements is None else tuple(placements)
    return out


def laid(value: Tensor, mesh: DeviceMesh, placements: Sequence[Placement] | None) -> Any:
    """`value` as a DTensor that shares its memory and history.

    Raises: ValueRangeError for placements that are not one for each dimension of the mesh.
    """
    if placements is not None and len(placements) != mesh.ndim:
        raise ValueRangeError(
            "`placements` must have the same length as `device_mesh.ndim`! "
            f"Found placements length: {len(placements)}, and device_mesh.ndim: {mesh.ndim}."
        )
    for placement in placements or ():
        if isinstance(placement, Shard) and not -value.ndim <= placement.dim < value.ndim:
            raise AssertionError(f"Sharding dim {placement.dim} greater than tensor ndim {value.ndim}")
    with DisableTorchFunctionSubclass():
        return label(value.as_subclass(DTensor), mesh, placements)  # type: ignore[attr-defined]


def distribute_tensor(
    tensor: Tensor,
    device_mesh: DeviceMesh,
    placements: Sequence[Placement] | None = None,
    *,
    src_data_rank: int | None = 0,
) -> DTensor:
    """A leaf over the memory of `tensor` that lies on the mesh as `placements` say, by default replicated.

    Raises: ValueRangeError for placements that are not one for each dimension of the mesh.
    """
    made = laid(tensor.detach(), device_mesh, placements).requires_grad_(tensor.requires_grad)
    return Parameter(made, requires_grad=tensor.requires_grad) if isinstance(tensor, Parameter) else made


def distribute_module(
    module: Module,
    device_mesh: DeviceMesh,
    partition_fn: Callable[[str, Module, DeviceMesh], None] | None = None,
    input_fn: Callable[..., Any] | None = None,
    output_fn: Callable[..., Any] | None = None,
) -> Module:
    """`module` with its parameters and buffers as DTensors.

    `partition_fn(name, module, mesh)` may lay those of each module as it likes; the others are replicated.
    `input_fn` and `output_fn` see what the module is given and what it answers.
    """
    for name, part in module.named_modules():
        if partition_fn is not None:
            partition_fn(name, part, device_mesh)
        for key, parameter in part.named_parameters(recurse=False):
            if not isinstance(parameter, DTensor):
                part.register_parameter(key, distribute_tensor(parameter, device_mesh))  # type: ignore[arg-type]
        for key, buffer in part.named_buffers(recurse=False):
            if not isinstance(buffer, DTensor):
                part._buffers[key] = distribute_tensor(buffer, device_mesh)
    if input_fn is not None:
        module.register_forward_pre_hook(lambda owner, inputs: input_fn(owner, inputs, device_mesh))
    if output_fn is not None:
        module.register_forward_hook(lambda owner, inputs, outputs: output_fn(owner, outputs, device_mesh))
    return module


def creator(create: Callable[..., Tensor], name: str) -> Callable[..., DTensor]:
    """The function `create` with a mesh and placements besides."""

    def made(*size: Any, device_mesh: DeviceMesh, placements: Sequence[Placement] | None = None, **options: Any) -> Any:
        options.pop("layout", None)
        value = create(*size, **options)
        return laid(value.detach(), device_mesh, placements).requires_grad_(value.requires_grad)

    made.__name__ = made.__qualname__ = name
    made.__doc__ = f"`{name}` of the main namespace, as a DTensor that lies on `device_mesh` as `placements` say."
    return made


zeros = creator(creation.zeros, "zeros")
ones = creator(creation.ones, "ones")
empty = creator(creation.empty, "empty")
full = creator(creation.full, "full")
rand = creator(randomness.rand, "rand")
randn = creator(randomness.randn, "randn")
