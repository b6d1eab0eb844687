"""What a program may ask of the backward pass that is running."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import Any

from wengert.autograd.grad_mode import is_multithreading_enabled
from wengert.core.base.errors import ArgumentError, GraphError
from wengert.core.tape.backward import TASK
from wengert.core.tape.core import Node

_numbers = count()


class ImperativeEngine:
    """The engine as torch names it: work for the end of a backward pass."""

    def queue_callback(self, callback: Callable[[], Any]) -> None:
        """Call `callback()` when the backward pass that is running ends.

        Raises: GraphError outside of one.
        """
        if not callable(callback):
            raise ArgumentError(f"queue_callback() needs something to call, not {type(callback).__name__}")
        task = TASK.get()
        if task is None:
            raise GraphError("Final callbacks can only be installed during backward pass.")
        if task[3] is None:
            task[3] = []
        task[3].append(callback)

    def is_checkpoint_valid(self) -> bool:
        """Whether a reentrant checkpoint can be computed: not inside `autograd.grad`."""
        task = TASK.get()
        return task is None or task[2] is None


def graph_task_id() -> int:
    """The number of the backward pass that is running, -1 outside of one."""
    task = TASK.get()
    if task is None:
        return -1
    if task[4] is None:
        task[4] = next(_numbers)
    return int(task[4])


def will_execute(node: Any) -> bool:
    """Whether the backward pass that is running visits a node.

    Raises: GraphError for what is no node, and outside of a pass.
    """
    if not isinstance(node, Node):
        raise GraphError(f"_will_engine_execute_node expects an grad_fn, but got {type(node).__name__}")
    task = TASK.get()
    if task is None:
        raise GraphError("_get_should_execute_nodes should only be called during the backward pass")
    plan = task[2]
    return node in reached(task[0]) if plan is None else node in plan.visited


def reached(roots: Any) -> set[Any]:
    """All nodes that a pass from `roots` can visit."""
    seen: set[Any] = set()
    stack = [root[0] for root in roots]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend([target for target in node._inputs if target is not None])
    return seen


def execution_order() -> list[Any]:
    """The nodes of the running pass in an order in which torch visits them: latest first, leaves once they can.

    Raises: GraphError outside of a pass, and with multithreading enabled.
    """
    task = TASK.get()
    if task is None:
        raise GraphError("_current_graph_task_execution_order should only be called during the backward pass")
    if is_multithreading_enabled():
        raise GraphError(
            "get_current_graph_task_execution_order expects the current backward to be executed with multithreading "
            "disabled, e.g. by running:\n\n>>> with torch.autograd.set_multithreading_enabled(False):\n"
            "...     torch.autograd.grad(...)\n"
        )
    plan = task[2]
    nodes = reached(task[0]) if plan is None else plan.visited
    waiting = {node: 0 for node in nodes}
    for node in nodes:
        for target in node._inputs:
            if target in waiting:
                waiting[target] += 1
    ready = [(-node._sequence_nr(), id(node), node) for node, users in waiting.items() if not users]
    heapq.heapify(ready)
    order = []
    while ready:
        node = heapq.heappop(ready)[2]
        order.append(node)
        for target in node._inputs:
            if target in waiting:
                waiting[target] -= 1
                if not waiting[target]:
                    heapq.heappush(ready, (-target._sequence_nr(), id(target), target))
    return order
