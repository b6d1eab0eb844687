"""The reverse sweep inside one level, on what its tensors are made of instead of on tensors.

Inside a dual level the rules run on pairs of raw arrays, inside a batch level on the tensors that hold
whole batches (lightspaces.py).  That spares marks, levels and history at every step.  Only nodes of
plain records are swept so; hooks, custom Functions, writes through views and everything else that
needs more are left to the general sweep, before or after the attempt: rules have no effects.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

from wengert.core.arrays.quiet import hush, restore
from wengert.core.tape.core import ManyNode, Node, OpNode, Plan, Result, check_result, check_version, freed_error
from wengert.core.tape.levels import open_levels
from wengert.core.tape.lightspaces import PAIRS, UNFIT, RowSpace, Unsuited
from wengert.core.tape.modes import MODE, OFF, PLAIN, current

_PLAIN_RULES = {Node.vjp_recorded, ManyNode.vjp_recorded}
_known: dict[type, bool] = {}


def plain_node(cls: type) -> bool:
    """Whether nodes of this class run their record's rules and nothing else."""
    found = _known.get(cls)
    if found is None:
        found = _known[cls] = (
            getattr(cls, "op", None) is not None
            and cls.vjp_recorded in _PLAIN_RULES  # type: ignore[attr-defined]
            and cls.gradients is Node.gradients  # type: ignore[attr-defined]
            and cls.release is Node.release  # type: ignore[attr-defined]
        )
    return found


def space_for(create: Any) -> tuple[Any, Any]:
    """(namespace, level) in which a sweep may run the light way, or (None, None)."""
    opened = open_levels()
    mode = current()
    if not opened or (mode is not PLAIN and mode is not OFF):
        return None, None
    level = opened[-1]
    if not level.size:
        return (PAIRS, level) if len(opened) == 1 and create is not True else (None, None)
    if create is True and level.recording:
        return None, None
    if level.rows is None:
        level.rows = RowSpace(level)
    return level.rows, level


def captured(roots: list[tuple[Any, int, Any]], plan: Plan, retain: bool, create: Any) -> bool:
    """Sweep from tensors `roots` and note in `plan` what arrives, as tensors; False: take the general way."""
    space, level = space_for(create)
    if space is None or not all(plain_node(node.__class__) and node._extra is None for node in plan.needed):
        return False
    if any(node._extra is not None for node in plan.captured):
        return False
    token = MODE.set(OFF) if create is not True else None
    quiet = hush()
    try:
        given = [(node, nr, space.entered(g)) for node, nr, g in roots]
        swept(given, plan, space)
        starts = [g for _, _, g in given]
        plan.found = [None if x is None else space.left(x, level, starts) for x in plan.found]
    except UNFIT:
        plan.found = [None] * len(plan.found)
        return False
    finally:
        restore(quiet)
        if token is not None:
            MODE.reset(token)
    if not retain:
        for node in plan.needed:
            node.release()
    return True


def swept(roots: list[tuple[Any, int, Any]], plan: Plan, space: Any) -> None:
    """The loop, from operands `roots`."""
    pending: dict[int, Any] = {}
    nodes: dict[int, Any] = {}
    heap: list[int] = []
    for node, nr, g in roots:
        deliver(pending, nodes, heap, node, nr, g)
    while heap:
        seq = -heappop(heap)
        node, g = nodes.pop(seq), pending.pop(seq)
        if node not in plan.visited or (node in plan.captured and not plan.goes_on(node, g)):
            continue
        grads = rules(node, g, space)
        fit = node._fit
        for i, (target, gi) in enumerate(zip(node._inputs, grads, strict=False)):
            if target is None or gi is None:
                continue
            nr, shape, dtype = (0, None, None) if fit is None else fit[i]
            deliver(pending, nodes, heap, target, nr, gi if shape is None else space.fitted(gi, shape, dtype))


def deliver(pending: Any, nodes: Any, heap: Any, target: Any, nr: int, g: Any) -> None:
    """Add a gradient to what waits for `target`."""
    seq = target._seq
    if seq not in nodes:
        nodes[seq] = target
        heappush(heap, -seq)
    if target._outputs == 1:
        have = pending.get(seq)
        pending[seq] = g if have is None else have + g
        return
    parts = pending.setdefault(seq, [None] * target._outputs)
    parts[nr] = g if parts[nr] is None else parts[nr] + g


def rules(node: Any, g: Any, space: Any) -> Any:
    """Gradients of a node's inputs."""
    op, saved = node.op, node._saved
    if saved is None:
        raise freed_error(node)
    shape = node.shape if isinstance(node, OpNode) else None
    if node._outputs != 1 or isinstance(node, ManyNode):
        g = (g,) if node._outputs == 1 else g
        pairs = zip(g, node.metas, strict=True)
        g = tuple([space.zeros(*meta) if x is None and meta else x for x, meta in pairs])
    environment = [space, g, None, shape, *node.args]
    for k, position in enumerate(op.saves):
        if saved[k] is not None:
            environment[position] = value(node, k, space)
    if op.many >= 0:
        environment.append([target is not None for target in node._inputs])
        return op.rules[0](environment)
    pairs = zip(node._inputs, op.rules, strict=False)
    return [None if target is None or rule is None else rule(environment) for target, rule in pairs]


def value(node: Any, k: int, space: Any) -> Any:
    """A saved value as an operand."""
    x = node._saved[k]
    if x.__class__ is tuple:
        return tuple([None if part is None else space.kept(part) for part in x if check_result(node, part)])
    if x.__class__ is list:
        raise Unsuited
    if x._vc is not None:
        check_version(node, k)
    if isinstance(x, Result):
        return space.kept(x)
    if not hasattr(x, "_flags"):
        raise Unsuited
    return space.entered(x)


__all__ = ["captured"]
