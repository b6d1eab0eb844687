"""Collectives over the groups of groups.py, each with the one contribution that there is."""

from __future__ import annotations

import copy
import enum
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wengert.autograd.grad_mode import no_grad
from wengert.core.base.errors import ArgumentError, GraphError, ValueRangeError
from wengert.core.tape.core import TensorBase
from wengert.distributed.groups import GroupMember
from wengert.futures import Future
from wengert.utils.world import WORLD, ProcessGroup


class ReduceOp(enum.IntEnum):
    """How contributions are joined; of one contribution all leave it as it is."""

    SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR, PREMUL_SUM = range(9)

    def __repr__(self) -> str:
        return f"<RedOpType.{self.name}: {self.value}>"

    def __str__(self) -> str:
        return f"RedOpType.{self.name}"


ReduceOp.RedOpType = ReduceOp  # type: ignore[attr-defined]  # torch's two classes are one here
reduce_op = ReduceOp


class Work:
    """A collective that was asked for with async_op=True; it has been done."""

    def __init__(self, result: Any = None) -> None:
        self._result = result

    def wait(self, timeout: Any = None) -> bool:
        """True at once."""
        return True

    def is_completed(self) -> bool:
        """True."""
        return True

    def is_success(self) -> bool:
        """True."""
        return True

    def exception(self) -> None:
        """None."""

    def result(self) -> list[Any]:
        """The tensors that were written."""
        return [self._result]

    def get_future(self) -> Future[Any]:
        """A Future of the tensors that were written."""
        future: Future[Any] = Future()
        future.set_result([self._result])
        return future


def outside(group: Any) -> bool:
    """Whether this process has no part in a group, so that nothing is to be done."""
    return group == GroupMember.NON_GROUP_MEMBER


def check_tensor(value: Any, name: str) -> None:
    """Refuse what is no tensor."""
    if not isinstance(value, TensorBase):
        raise ArgumentError(
            f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor\n"
            f"             but got {type(value)} instead."
        )


def check_tensors(values: Any, name: str) -> None:
    """Refuse what is no list of tensors."""
    if not isinstance(values, (list, tuple)) or not all(isinstance(value, TensorBase) for value in values):
        raise ArgumentError(
            f"Invalid function argument. Expected parameter `{name}` of type List[torch.Tensor]\n"
            f"             but got {type(values)} instead."
        )


def check_root(group: ProcessGroup, rank: int | None, name: str) -> None:
    """Refuse a number that no process of the group has."""
    if rank is not None and rank not in group.ranks:
        raise GraphError(f"ProcessGroupGloo::{name}: invalid root rank: {rank}")


def check_length(values: Any, group: ProcessGroup, name: str, what: str) -> None:
    """Refuse a list that has not one tensor for each process."""
    if len(values) != group.size():
        raise GraphError(
            f"ProcessGroupGloo::{name}: invalid {what} tensor list at index 0 "
            f"(expected length {group.size()}, got {len(values)})"
        )


def finished(result: Any, async_op: bool) -> Any:
    """What a collective returns."""
    return Work(result) if async_op else None


def store(target: Any, source: Any) -> None:
    """Write a contribution where it is wanted."""
    if target is not source:
        with no_grad():
            target.copy_(source.reshape(target.shape))


def all_reduce(tensor: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False) -> Any:
    """Write the joined contributions into `tensor` everywhere."""
    check_tensor(tensor, "tensor")
    if not outside(group):
        WORLD.group(group)
    return finished(tensor, async_op)


def reduce(
    tensor: Any, dst: int | None = None, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False,
    group_dst: int | None = None,
) -> Any:  # fmt: skip
    """Write the joined contributions into `tensor` of process `dst`."""
    check_tensor(tensor, "tensor")
    if not outside(group):
        check_root(WORLD.group(group), dst, "reduce")
    return finished(tensor, async_op)


def broadcast(
    tensor: Any, src: int | None = None, group: Any = None, async_op: bool = False, group_src: int | None = None
) -> Any:
    """Write `tensor` of process `src` into `tensor` everywhere."""
    check_tensor(tensor, "tensor")
    if not outside(group):
        check_root(WORLD.group(group), src, "broadcast")
    return finished(tensor, async_op)


def all_gather(tensor_list: Any, tensor: Any, group: Any = None, async_op: bool = False) -> Any:
    """Write each process's `tensor` into its place of `tensor_list`, everywhere."""
    check_tensors(tensor_list, "tensor_list")
    check_tensor(tensor, "tensor")
    if not outside(group):
        check_length(tensor_list, WORLD.group(group), "allgather", "output")
        store(tensor_list[0], tensor)
    return finished(tensor_list, async_op)


def all_gather_into_tensor(output_tensor: Any, input_tensor: Any, group: Any = None, async_op: bool = False) -> Any:
    """Write the processes' tensors into one, one after the other."""
    check_tensor(output_tensor, "output_tensor")
    check_tensor(input_tensor, "input_tensor")
    if not outside(group):
        WORLD.group(group)
        store(output_tensor, input_tensor)
    return finished(output_tensor, async_op)


def gather(
    tensor: Any, gather_list: Any = None, dst: int | None = None, group: Any = None, async_op: bool = False,
    group_dst: int | None = None,
) -> Any:  # fmt: skip
    """Write each process's `tensor` into its place of `gather_list` at process `dst`."""
    check_tensor(tensor, "tensor")
    if not outside(group):
        known = WORLD.group(group)
        check_root(known, dst, "gather")
        if not gather_list:
            raise ValueRangeError("Argument ``gather_list`` must be specified on destination rank.")
        check_tensors(gather_list, "gather_list")
        check_length(gather_list, known, "gather", "output")
        store(gather_list[0], tensor)
    return finished(gather_list, async_op)


def scatter(
    tensor: Any, scatter_list: Any = None, src: int | None = None, group: Any = None, async_op: bool = False,
    group_src: int | None = None,
) -> Any:  # fmt: skip
    """Write each process's place of `scatter_list` at process `src` into its `tensor`."""
    check_tensor(tensor, "tensor")
    if not outside(group):
        known = WORLD.group(group)
        check_root(known, src, "scatter")
        if not scatter_list:
            raise ValueRangeError("Argument ``scatter_list`` must be specified on source rank.")
        check_tensors(scatter_list, "scatter_list")
        check_length(scatter_list, known, "scatter", "input")
        store(tensor, scatter_list[0])
    return finished(tensor, async_op)


def reduce_scatter(
    output: Any, input_list: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Any:
    """Join the lists place by place and hand each process its place."""
    check_tensor(output, "output")
    check_tensors(input_list, "input_list")
    if not outside(group):
        check_length(input_list, WORLD.group(group), "reduce_scatter", "input")
        store(output, input_list[0])
    return finished(output, async_op)


def reduce_scatter_tensor(
    output: Any, input: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Any:
    """Join the tensors and hand each process its part."""
    return all_gather_into_tensor(output, input, group, async_op)


def all_to_all(output_tensor_list: Any, input_tensor_list: Any, group: Any = None, async_op: bool = False) -> Any:
    """Process i sends its place j to process j, which puts it at its place i."""
    check_tensors(output_tensor_list, "output_tensor_list")
    check_tensors(input_tensor_list, "input_tensor_list")
    if not outside(group):
        known = WORLD.group(group)
        check_length(output_tensor_list, known, "alltoall", "output")
        check_length(input_tensor_list, known, "alltoall", "input")
        store(output_tensor_list[0], input_tensor_list[0])
    return finished(output_tensor_list, async_op)


def all_to_all_single(
    output: Any, input: Any, output_split_sizes: Any = None, input_split_sizes: Any = None, group: Any = None,
    async_op: bool = False,
) -> Any:  # fmt: skip
    """`all_to_all` of the parts of one tensor."""
    return all_gather_into_tensor(output, input, group, async_op)


def barrier(group: Any = None, async_op: bool = False, device_ids: Any = None) -> Any:
    """Wait until all processes are here."""
    if not outside(group):
        WORLD.group(group)
    return finished(None, async_op)


def monitored_barrier(group: Any = None, timeout: Any = None, wait_all_ranks: bool = False) -> None:
    """`barrier` that says who is missing: nobody."""
    barrier(group)


def all_gather_object(object_list: list[Any], obj: Any, group: Any = None) -> None:
    """`all_gather` of any values that can be copied."""
    if not outside(group):
        check_length(object_list, WORLD.group(group), "allgather", "output")
        object_list[0] = copy.deepcopy(obj)


def broadcast_object_list(
    object_list: list[Any], src: int | None = None, group: Any = None, device: Any = None, group_src: int | None = None
) -> None:
    """`broadcast` of a list of any values."""
    if not outside(group):
        check_root(WORLD.group(group), src, "broadcast")


def gather_object(
    obj: Any, object_gather_list: list[Any] | None = None, dst: int | None = None, group: Any = None,
    group_dst: int | None = None,
) -> None:  # fmt: skip
    """`gather` of any values that can be copied."""
    if not outside(group):
        check_root(WORLD.group(group), dst, "gather")
        if not object_gather_list:
            raise ValueRangeError("Argument ``object_gather_list`` must be specified on destination rank.")
        object_gather_list[0] = copy.deepcopy(obj)


def scatter_object_list(
    scatter_object_output_list: list[Any], scatter_object_input_list: list[Any] | None = None, src: int | None = None,
    group: Any = None, group_src: int | None = None,
) -> None:  # fmt: skip
    """`scatter` of any values that can be copied."""
    if not outside(group):
        check_root(WORLD.group(group), src, "scatter")
        assert scatter_object_input_list
        scatter_object_output_list[0] = copy.deepcopy(scatter_object_input_list[0])


def alone(name: str) -> GraphError:
    """The error of a message from one process to another."""
    return GraphError(f"{name}: a world of one process has nobody else to exchange messages with")


def send(tensor: Any, dst: int | None = None, group: Any = None, tag: int = 0, group_dst: int | None = None) -> None:
    """Send a tensor to another process.

    Raises: ValueRangeError to this process itself, GraphError to another: there is none.
    """
    check_tensor(tensor, "tensor")
    if WORLD.group(group).own == dst:
        raise ValueRangeError("Invalid destination rank: destination rank should not be the same as the rank of the "
                              "current process.")  # fmt: skip
    raise alone("send")


def recv(tensor: Any, src: int | None = None, group: Any = None, tag: int = 0, group_src: int | None = None) -> int:
    """Receive a tensor from another process; errors as for `send`."""
    check_tensor(tensor, "tensor")
    if WORLD.group(group).own == src:
        raise ValueRangeError("Invalid source rank: source rank should not be the same as the rank of the current "
                              "process.")  # fmt: skip
    raise alone("recv")


isend, irecv = send, recv


@contextmanager
def _coalescing_manager(group: Any = None, device: Any = None, async_ops: bool = False) -> Iterator[Work]:
    yield Work()


__all__ = [
    "ReduceOp", "Work", "all_gather", "all_gather_into_tensor", "all_gather_object", "all_reduce", "all_to_all",
    "all_to_all_single", "barrier", "broadcast", "broadcast_object_list", "gather", "gather_object", "irecv", "isend",
    "monitored_barrier", "recv", "reduce", "reduce_op", "reduce_scatter", "reduce_scatter_tensor", "scatter",
    "scatter_object_list", "send",
]  # fmt: skip
