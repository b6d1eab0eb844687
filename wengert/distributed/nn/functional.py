"""Collectives whose results are new tensors with a history; of one contribution each is that contribution."""

from __future__ import annotations

from typing import Any

from wengert.distributed.collectives import ReduceOp, check_length, check_root
from wengert.utils.world import WORLD


def all_reduce(tensor: Any, op: Any = ReduceOp.SUM, group: Any = None) -> Any:
    """The joined contributions."""
    WORLD.group(group)
    return tensor.clone()


def all_gather(tensor: Any, group: Any = None) -> tuple[Any, ...]:
    """Each process's tensor."""
    WORLD.group(group)
    return (tensor.clone(),)


def broadcast(tensor: Any, src: int, group: Any = None) -> Any:
    """The tensor of process `src`."""
    check_root(WORLD.group(group), src, "broadcast")
    return tensor.clone()


def reduce(tensor: Any, dst: int, op: Any = ReduceOp.SUM, group: Any = None) -> Any:
    """The joined contributions, at process `dst`."""
    check_root(WORLD.group(group), dst, "reduce")
    return tensor.clone()


def gather(tensor: Any, dst: int = 0, group: Any = None) -> tuple[Any, ...]:
    """Each process's tensor, at process `dst`."""
    check_root(WORLD.group(group), dst, "gather")
    return (tensor.clone(),)


def scatter(tensors: Any, src: int = 0, group: Any = None) -> Any:
    """This process's place of the list of process `src`."""
    known = WORLD.group(group)
    check_root(known, src, "scatter")
    check_length(tensors, known, "scatter", "input")
    return tensors[0].clone()


def all_to_all(output_tensor_list: Any, input_tensor_list: Any, group: Any = None) -> tuple[Any, ...]:
    """What the processes send to this one."""
    check_length(input_tensor_list, WORLD.group(group), "alltoall", "input")
    return (input_tensor_list[0].clone(),)


__all__ = ["all_gather", "all_reduce", "all_to_all", "broadcast", "gather", "reduce", "scatter"]
