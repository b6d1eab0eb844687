"""Names of torch's compiled autograd that programs use (`torch._C._autograd`)."""

from __future__ import annotations

from enum import Enum
from typing import Any

from wengert.core.base.errors import GraphError
from wengert.core.tape.backward import TASK
from wengert.core.tape.modes import MODE
from wengert.core.tape.packing import SavedTensor
from wengert.core.tape.views import CUSTOM, DEFAULT, INFERENCE_MADE, MULTIPLE, NO_GRAD, counter_of, view_info


class CreationMeta(Enum):
    """How a view was made."""

    DEFAULT = DEFAULT
    IN_CUSTOM_FUNCTION = CUSTOM
    MULTI_OUTPUT_NODE = MULTIPLE
    NO_GRAD_MODE = NO_GRAD
    INFERENCE_MODE = INFERENCE_MADE


def described(x: Any) -> Any:
    """A view's descent.

    Raises: GraphError for a tensor that is no view.
    """
    info = view_info(x)
    if info is None:
        raise GraphError("expected a differentiable view, but got a tensor that is none")
    return info


def _get_creation_meta(x: Any) -> CreationMeta:
    """How the view x was made."""
    return CreationMeta(described(x).creation)


def _set_creation_meta(x: Any, new_meta: CreationMeta) -> None:
    """Let the view x count as made otherwise."""
    described(x).creation = new_meta.value


def _unsafe_set_version_counter(tensors: tuple[Any, ...], versions: tuple[int, ...]) -> None:
    """Set the version counters of tensors, against all checks."""
    for x, version in zip(tensors, versions, strict=True):
        counter_of(x).n = version


def _get_current_graph_task_keep_graph() -> bool:
    """Whether the backward pass that is running keeps its graph; True outside of one."""
    task = TASK.get()
    return True if task is None else bool(task[1])


# ---------------------------------------------------------------- hooks on saved tensors


def _push_saved_tensors_default_hooks(pack_hook: Any, unpack_hook: Any) -> None:
    """Open a block of hooks on saved tensors."""
    mode = MODE.get()
    if mode.hooks_refused is not None:
        raise GraphError(mode.hooks_refused)
    MODE.set(mode.but(hooks=(*mode.hooks, (pack_hook, unpack_hook))))


def _pop_saved_tensors_default_hooks() -> None:
    """Close the innermost block of hooks."""
    mode = MODE.get()
    MODE.set(mode.but(hooks=mode.hooks[:-1]))


def _top_saved_tensors_default_hooks(ignore_is_tracing: bool = False) -> Any:
    """The innermost hooks, None without any."""
    hooks = MODE.get().hooks
    return hooks[-1] if hooks else None


def _saved_tensors_hooks_is_enabled() -> bool:
    """Whether hooks on saved tensors may be used."""
    return MODE.get().hooks_refused is None


def _saved_tensors_hooks_disable(error_message: str, fail_if_non_empty: bool = True) -> None:
    """From now on hooks on saved tensors are an error with this message."""
    mode = MODE.get()
    if mode.hooks and fail_if_non_empty:
        raise GraphError(error_message)
    MODE.set(mode.but(hooks_refused=error_message))


def _saved_tensors_hooks_enable() -> None:
    """Hooks on saved tensors may be used again."""
    MODE.set(MODE.get().but(hooks_refused=None))


def _saved_tensors_hooks_get_disabled_error_message() -> str | None:
    """The message of the error that hooks on saved tensors raise, None where they may be used."""
    return MODE.get().hooks_refused


__all__ = ["CreationMeta", "SavedTensor"]
