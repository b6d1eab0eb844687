"""The recorded graph: nodes and edges, hooks on what is saved, hooks on several gradients."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple

from wengert.core.base.errors import ArgumentError, GraphError
from wengert.core.tape.core import SWEEP, AccumulateGrad, Node, TensorBase, wrap
from wengert.core.tape.handles import RemovableHandle
from wengert.core.tape.modes import MODE
from wengert.core.tape.views import INFERENCE, counter_of

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "region_activation_memory_budget",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
    "set_override_stale_capture_stream",
    "set_warn_on_accumulate_grad_stream_mismatch",
]


_FILES = ("Difference", "Graph", "diff", "keep_operands", "leaves", "load", "record", "replay")
"""Graphs as data and as files; what they need is imported when one of them is first named."""


def __getattr__(name: str) -> Any:
    """A function on graphs as data."""
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module("wengert.files.graphs"), name)
    setattr(sys.modules[__name__], name, value)
    return value


class GradientEdge(NamedTuple):
    """One output of a node: stands for a tensor in `grad` and `backward` without keeping the tensor."""

    node: Node
    output_nr: int
    ownership_token: Any = None


def get_gradient_edge(tensor: Any) -> GradientEdge:
    """The edge at which the gradient of `tensor` arrives.

    Raises: GraphError for a tensor that does not require grad.
    """
    if not tensor.requires_grad:
        raise GraphError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(tensor._node, tensor.output_nr, Token(tensor))


class Token:
    """What an edge remembers of its tensor: shape and dtype; a leaf is kept (its node knows it only weakly)."""

    __slots__ = ("shape", "dtype", "leaf")

    def __init__(self, tensor: Any) -> None:
        self.shape, self.dtype = tensor._array.shape, tensor._array.dtype
        self.leaf = tensor if isinstance(tensor._node, AccumulateGrad) else None


def increment_version(tensor: Any) -> None:
    """Count a change of the memory of a tensor (or of each of several) that was made by other means."""
    tensors = (tensor,) if isinstance(tensor, TensorBase) else tensor
    if not isinstance(tensors, Iterable):
        raise GraphError(f"increment_version expect a Iterable[Tensor] as input, but got {type(tensor).__name__}")
    for x in tensors:
        if not x._flags & INFERENCE:
            counter_of(x).n += 1


# ---------------------------------------------------------------- hooks for saved tensors


class saved_tensors_hooks:
    """A block in which what backward needs is stored as `pack_hook(tensor)` and read by `unpack_hook(packed)`.

    pack_hook runs once for each saved tensor, with recording off, and must not change it; unpack_hook
    must give back a tensor of the same values.  The innermost block counts.
    """

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        if not (callable(self.pack_hook) and callable(self.unpack_hook)):
            raise ArgumentError(
                "_push_saved_tensors_default_hooks(): incompatible function arguments. The following argument types "
                f"are supported: (Callable, Callable), not ({type(self.pack_hook).__name__}, "
                f"{type(self.unpack_hook).__name__})"
            )
        mode = MODE.get()
        if mode.hooks_refused is not None:
            raise GraphError(mode.hooks_refused)
        MODE.set(mode.but(hooks=(*mode.hooks, (self.pack_hook, self.unpack_hook))))

    def __exit__(self, *args: Any) -> None:
        mode = MODE.get()
        MODE.set(mode.but(hooks=mode.hooks[:-1]))


class save_on_cpu(saved_tensors_hooks):
    """A block in which saved tensors wait for backward in the CPU's memory and return to their device for it."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        def pack(tensor: Any) -> tuple[Any, Any]:
            device = tensor.device
            return device, (tensor.detach().clone() if device.type == "cpu" else tensor.detach().cpu())

        def unpack(packed: tuple[Any, Any]) -> Any:
            device, tensor = packed
            return tensor if device.type == "cpu" else tensor.to(device)

        super().__init__(pack, unpack)


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """A block in which using saved-tensor hooks is an error with this message."""
    mode = MODE.get()
    if mode.hooks:
        raise GraphError(error_message)
    before = mode.hooks_refused
    MODE.set(mode.but(hooks_refused=error_message))
    try:
        yield
    finally:
        MODE.set(MODE.get().but(hooks_refused=before))


class _AllowMutationOnSavedContext:
    """The state of one `allow_mutation_on_saved_tensors` block."""

    cleared = 0

    def clear(self) -> None:
        """Forget what was saved so far: graphs recorded before cannot be run backward any more."""
        self.cleared += 1


_allowing = threading.local()


@contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[_AllowMutationOnSavedContext]:
    """A block in which tensors may be changed in place after they were saved for backward.

    Each saved tensor is copied when it is saved, so memory grows with the graph.

    Raises: GraphError for a block inside another, AssertionError for a backward outside of the block.
    """
    if getattr(_allowing, "block", None) is not None:
        raise GraphError("allow_mutation_on_saved_tensors contexts cannot be nested")
    block = _AllowMutationOnSavedContext()

    def pack(tensor: Any) -> Any:
        return wrap(tensor._array.copy()), block.cleared

    def unpack(packed: Any) -> Any:
        kept, cleared = packed
        if getattr(_allowing, "block", None) is not block or cleared != block.cleared:
            raise AssertionError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context in which the graph was "
                "originally recorded."
            )
        return kept

    with saved_tensors_hooks(pack, unpack):
        _allowing.block = block
        try:
            yield block
        finally:
            _allowing.block = None


# ---------------------------------------------------------------- hooks on several gradients


class _MultiHandle(RemovableHandle):
    """Takes several hooks away together."""

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        self.handles = tuple(handles)

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __getstate__(self) -> Any:
        return self.handles

    def __setstate__(self, state: Any) -> None:
        self.handles = state


def register_multi_grad_hook(
    tensors: Sequence[Any], fn: Callable[[Any], None], *, mode: str = "all"
) -> RemovableHandle:
    """Call `fn` once in each backward that reaches some of `tensors`.

    mode: "all" - when the gradients of all of them that this backward computes are known, with the
    list of gradients (None for the others); "any" - when the first is known, with that gradient.

    Raises: ValueError for another mode.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    for x in tensors:
        if not x.requires_grad:
            raise AssertionError(
                "Expected gradient function to be set: register_multi_grad_hook() was given a tensor "
                "that does not require grad"
            )
    watcher: Any = AllHook(tensors, fn) if mode == "all" else AnyHook(fn)
    return _MultiHandle([x.register_hook(watcher.hook(i)) for i, x in enumerate(tensors)])


class AnyHook:
    """Calls `fn` on the first gradient of each sweep."""

    def __init__(self, fn: Callable[[Any], None]) -> None:
        self.fn, self.seen = fn, 0
        self.lock = threading.Lock()

    def hook(self, index: int) -> Callable[[Any], None]:
        """The hook of one tensor."""

        def hook(grad: Any) -> None:
            number = SWEEP.get()[0]
            with self.lock:
                first, self.seen = self.seen != number, number
            if first:
                self.fn(grad)

        return hook


class AllHook:
    """Collects the gradients of a sweep and calls `fn` on all."""

    def __init__(self, tensors: Sequence[Any], fn: Callable[[Any], None]) -> None:
        self.fn = fn
        # Weakly: the nodes hold this hook.
        self.nodes = [weakref.ref(x._node) for x in tensors]
        self.sweeps: dict[int, tuple[list[Any], int]] = {}
        self.lock = threading.Lock()

    def hook(self, index: int) -> Callable[[Any], None]:
        """The hook of one tensor."""

        def hook(grad: Any) -> None:
            number, roots, plan = SWEEP.get()
            with self.lock:
                if number not in self.sweeps:
                    self.sweeps[number] = (
                        [None] * len(self.nodes),
                        executed([ref() for ref in self.nodes], roots, plan),
                    )
                grads, missing = self.sweeps.pop(number)
                grads[index] = grad
                missing -= 1
                if missing:
                    self.sweeps[number] = (grads, missing)
            if not missing:
                self.fn(grads)

        return hook


def executed(nodes: Iterable[Any], roots: Any, plan: Any) -> int:
    """How many of `nodes` a sweep visits."""
    seen: set[Any] = set()
    stack = [root[0] for root in roots]
    while stack:
        node = stack.pop()
        if node in seen or (plan is not None and node not in plan.visited):
            continue
        seen.add(node)
        stack.extend([target for target in node._inputs if target is not None and target not in seen])
    return sum(node in seen for node in nodes)


# ---------------------------------------------------------------- accepted for torch's sake


@contextmanager
def region_activation_memory_budget(budget: float) -> Iterator[None]:
    """Accepted without effect: memory is not traded for time by region here."""
    if not 0 <= budget <= 1:
        raise ArgumentError(f"budget must be between 0 and 1, got {budget}")
    yield


def set_warn_on_accumulate_grad_stream_mismatch(enabled: bool) -> None:
    """Accepted without effect: there is one stream."""


def set_override_stale_capture_stream(enabled: bool) -> None:
    """Accepted without effect: there is one stream."""
