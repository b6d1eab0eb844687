"""Checkpoints that keep the results of some operators and recompute the others."""

from __future__ import annotations

import copy
import enum
from collections.abc import Callable
from typing import Any

from wengert.core.base.errors import GraphError
from wengert.core.tape.core import TensorBase
from wengert.utils.interception import interception

SAC_IGNORED_OPS: frozenset[str] = frozenset(("detach", "alias"))
"""Operators whose results are always recomputed, since they are views."""


class CheckpointPolicy(enum.Enum):
    """What becomes of an operator's result: kept for backward, or recomputed.

    The MUST forms say that no later decision may change it; the OFFLOAD forms keep the result in the CPU's memory.
    """

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


_KEPT = (CheckpointPolicy.MUST_SAVE, CheckpointPolicy.PREFER_SAVE,
         CheckpointPolicy.MUST_CPU_OFFLOAD, CheckpointPolicy.PREFER_CPU_OFFLOAD)  # fmt: skip


class SelectiveCheckpointContext:
    """Told to a policy: whether this is the first run or the recomputation."""

    def __init__(self, *, is_recompute: bool) -> None:
        self.is_recompute = is_recompute


class Kept:
    """The results kept in one checkpoint, by operator, in the order of their calls."""

    def __init__(self, policy: Callable[..., Any], mutation_allowed: bool) -> None:
        self.policy, self.mutation_allowed = policy, mutation_allowed
        self.results: dict[str, list[Any]] = {}
        self.places: dict[str, int] = {}

    def wanted(self, op: Any, args: tuple[Any, ...], again: bool) -> bool:
        """Whether the policy keeps a result."""
        if op.name in SAC_IGNORED_OPS or op.kind.view:
            return False
        decision = self.policy(SelectiveCheckpointContext(is_recompute=again), op.call, *args)
        if isinstance(decision, bool):
            return decision
        return decision in _KEPT

    def first(self, op: Any, args: tuple[Any, ...], run: Any) -> Any:
        """An operator in the first run."""
        result = run(op, args)
        if self.wanted(op, args, False):
            parts = (result,) if isinstance(result, TensorBase) else tuple(result)
            kept = [(x._array, x._vc, 0 if x._vc is None else x._vc.n) for x in parts]
            self.results.setdefault(op.name, []).append((isinstance(result, TensorBase), kept))
        return result

    def again(self, op: Any, args: tuple[Any, ...], run: Any) -> Any:
        """An operator in the recomputation: recorded as ever, with the kept result in place of its computation."""
        if not self.wanted(op, args, True):
            return run(op, args)
        place = self.places.get(op.name, 0)
        self.places[op.name] = place + 1
        found = self.results.get(op.name, [])
        if place >= len(found):
            raise GraphError(f"{op.name} was called more often in the recomputation than in the first run")
        single, kept = found[place]
        if not self.mutation_allowed and any(vc is not None and vc.n != n for _, vc, n in kept):
            raise GraphError(
                "Tensor cached during selective activation checkpoint has been mutated: the result of "
                f"{op.name} was changed in place after it was kept"
            )
        arrays = [array for array, _, _ in kept]
        told = copy.copy(op)
        told.body = lambda *args, **kwargs: arrays[0] if single else tuple(arrays)
        return run(told, args)


class Recomputing(interception):
    """The context of a recomputation; counts the calls anew each time."""

    def __init__(self, kept: Kept) -> None:
        super().__init__(kept.again)
        self.kept = kept

    def __enter__(self) -> Recomputing:
        self.kept.places = {}
        super().__enter__()
        return self


def create_selective_checkpoint_contexts(
    policy_fn_or_list: Any, allow_cache_entry_mutation: bool = False
) -> tuple[Any, Any]:
    """Contexts for `checkpoint(context_fn=...)` that keep the results of chosen operators.

    policy_fn_or_list: operators (functions such as `torch.mm`, or their names), or
    `f(context, operator, *args) -> CheckpointPolicy`.

    Raises: ValueError, TypeError for a list of anything else; in backward GraphError for a kept result that was
    changed in place, unless allowed.
    """
    if isinstance(policy_fn_or_list, list):
        chosen = {name_of(item) for item in policy_fn_or_list}

        def policy(context: Any, operator: Any, *args: Any, **kwargs: Any) -> CheckpointPolicy:
            listed = operator.__name__ in chosen
            return CheckpointPolicy.MUST_SAVE if listed else CheckpointPolicy.PREFER_RECOMPUTE

    elif callable(policy_fn_or_list):
        policy = policy_fn_or_list
    else:
        raise TypeError("policy_fn_or_list must be either a function or a list of ops.")
    kept = Kept(policy, allow_cache_entry_mutation)
    return interception(kept.first), Recomputing(kept)


def name_of(item: Any) -> str:
    """The name of an operator."""
    name = item if isinstance(item, str) else getattr(item, "__name__", None)
    if name is None:
        raise ValueError(
            f"Expected op in `op_list` to be an OpOverload but got: {item} of type {type(item)}. Give functions such "
            "as torch.mm, or their names."
        )
    return name


__all__ = ["SAC_IGNORED_OPS", "CheckpointPolicy", "SelectiveCheckpointContext", "create_selective_checkpoint_contexts"]
