"""Other parameters and state in an optimizer, for the length of a block."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wengert.core.base.errors import GraphError

NAME = "swap_in_optimizer_params_and_state"


@contextmanager
def swap_in_optimizer_params_and_state(
    optimizer: Any, swapin_parameters: dict[str, Any], swapin_optim_state: dict[str, Any]
) -> Iterator[None]:
    """Inside the block `optimizer` has these parameters, in its own order, and this state; afterwards its own again.

    swapin_optim_state: in the form of `state_dict()`; its tensors are written in place, everything else is dropped.
    Raises: GraphError if the optimizer has no state yet, or parameters, groups or options do not match.
    """
    groups, table = optimizer.param_groups, optimizer.state
    new_groups = checked_groups(optimizer, list(swapin_parameters.values()), swapin_optim_state)
    state: defaultdict[Any, Any] = defaultdict(dict)
    owner = {
        number: p
        for group, given in zip(new_groups, swapin_optim_state["param_groups"], strict=True)
        for number, p in zip(given["params"], group["params"], strict=True)
    }
    for number, values in swapin_optim_state["state"].items():
        state[owner.get(number, number)] = dict(values)
    kept = [dict(group) for group in groups]
    optimizer.state = state
    for group, new in zip(groups, new_groups, strict=True):
        group.update(new)
    try:
        yield
    finally:
        optimizer.state = table
        for group, old in zip(groups, kept, strict=True):
            group.clear()
            group.update(old)


def checked_groups(optimizer: Any, params: list[Any], given: dict[str, Any]) -> list[dict[str, Any]]:
    """The groups with other parameters and options."""
    if not optimizer.state:
        raise GraphError(f"{NAME} requires initialized optimizer state.")
    groups = optimizer.param_groups
    if len(params) != sum(len(group["params"]) for group in groups):
        raise GraphError(f"{NAME} requires the explicit parameter state to match optimizer.param_groups ordering.")
    if not isinstance(given.get("state"), dict):
        raise GraphError(
            f"{NAME} requires swapin_optim_state['state'] to be a dict mapping packed parameter ids to per-param "
            f"state dicts, got {type(given.get('state')).__name__}."
        )
    if len(given.get("param_groups", ())) != len(groups):
        raise GraphError("swapin_optim_state has a different number of parameter groups than the live optimizer.")
    made, rest = [], iter(params)
    for i, (group, new) in enumerate(zip(groups, given["param_groups"], strict=True)):
        if len(new["params"]) != len(group["params"]):
            raise GraphError(
                f"swapin_optim_state param group {i} has a different number of params than the live optimizer param "
                "group."
            )
        if new.keys() != group.keys():
            raise GraphError(
                f"{NAME} requires optimizer.state_dict()-style param group keys to exactly match the live optimizer "
                f"group keys for group {i}. Keys only in swap-in: {sorted(new.keys() - group.keys())}. Keys only in "
                f"live: {sorted(group.keys() - new.keys())}."
            )
        made.append({**new, "params": [next(rest) for _ in group["params"]]})
    return made
