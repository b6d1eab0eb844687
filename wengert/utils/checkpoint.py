"""Values recomputed in backward instead of kept (`torch.utils.checkpoint`).

Note [Recomputation]
Without `use_reentrant` the function runs under saved-tensor hooks that keep nothing but a Holder for each value that
would have been saved.  The first Holder that backward asks for runs the function again under hooks that fill the
Holders in the order in which they were made, and stop as soon as the last is full.  A value is handed out once and
then forgotten, so memory falls as backward proceeds; a Holder that is asked again recomputes again.  The inputs hang
on a node of their own, so in a checkpoint inside of another they are values that the outer one recomputes.
"""

from __future__ import annotations

import contextlib
import threading
import traceback
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar, copy_context
from typing import Any

from wengert import random
from wengert.autograd import backward as run_backward
from wengert.autograd.function import Function
from wengert.autograd.grad_mode import enable_grad, is_grad_enabled, no_grad
from wengert.autograd.graph import saved_tensors_hooks
from wengert.core.base.errors import GraphError
from wengert.core.tape.core import MARKS, SWEEP
from wengert.core.tape.modes import MODE
from wengert.core.tensor.creation import empty
from wengert.core.tensor.tensor import Tensor
from wengert.utils.selective import (
    SAC_IGNORED_OPS,
    CheckpointPolicy,
    SelectiveCheckpointContext,
    create_selective_checkpoint_contexts,
)

_DEFAULT = "default"
_EARLY_STOP: ContextVar[bool] = ContextVar("wengert_checkpoint_early_stop", default=True)
_DEBUG: ContextVar[bool | None] = ContextVar("wengert_checkpoint_debug", default=None)


PACKAGE = __file__[: -len("utils/checkpoint.py")]


def user_lines(depth: int = 6) -> str:
    """The innermost frames outside this package, as a traceback shows them."""
    frames = [frame for frame in traceback.extract_stack() if not frame.filename.startswith(PACKAGE)]
    return "".join(traceback.format_list(frames[-depth:]))


class CheckpointError(GraphError):
    """Raised when the function, run again, did not do the same as the first time."""


class StopRecomputation(Exception):
    """Ends a recomputation when everything that backward needs is there."""


def noop_context_fn() -> tuple[Any, Any]:
    """Contexts of a checkpoint that do nothing: one for the first run, one for the recomputation."""
    return contextlib.nullcontext(), contextlib.nullcontext()


class set_checkpoint_early_stop:
    """A block in which checkpoints stop, or do not stop, recomputing once everything needed is there."""

    def __init__(self, enable: bool) -> None:
        self.token = _EARLY_STOP.set(enable)

    def __enter__(self) -> None:
        """Set already."""

    def __exit__(self, *error: Any) -> None:
        _EARLY_STOP.reset(self.token)


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """A block in which `debug` is on or off for all checkpoints; None leaves it to each."""
    token = _DEBUG.set(enabled)
    try:
        yield
    finally:
        _DEBUG.reset(token)


# ---------------------------------------------------------------- without reentrance


class KeepInputs(Function):
    """Holds a checkpoint's inputs as saved values, so that hooks around the checkpoint see them."""

    @staticmethod
    def forward(ctx: Any, marker: Any, *inputs: Any) -> Any:
        """Save the tensors, remember the rest."""
        ctx.save_for_backward(*[x for x in inputs if isinstance(x, Tensor)])
        ctx.rest = [None if isinstance(x, Tensor) else (x,) for x in inputs]
        return empty(0)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Never part of a backward."""
        raise AssertionError("the node that keeps a checkpoint's inputs is in no graph")


class Holder:
    """Stands for one saved value."""

    __slots__ = ("value", "__weakref__")

    def __init__(self) -> None:
        self.value: Any = None


class Frame:
    """One call of a checkpointed function."""

    def __init__(
        self, recompute: Callable[..., Any], inputs: Any, early_stop: bool, checked: bool, debug: bool
    ) -> None:
        self.function, self.inputs = recompute, inputs
        self.early_stop, self.checked, self.debug = early_stop, checked, debug
        self.where: list[str] = []
        self.holders: list[Any] = []
        self.before: list[dict[str, Any]] = []
        self.after: list[dict[str, Any]] = []
        self.count = 0
        self.lock = threading.RLock()

    def pack(self, x: Any) -> Holder:
        """A Holder in place of a value to save."""
        holder = Holder()
        self.holders.append(weakref.ref(holder))
        if self.checked:
            self.before.append(metadata(x))
        if self.debug:
            self.where.append(user_lines())
        return holder

    def unpack(self, holder: Holder) -> Any:
        """The value of a Holder, recomputed where it is not there."""
        with self.lock:
            if holder.value is None:
                self.recompute()
            value, holder.value = holder.value, None
        if value is None:
            raise CheckpointError(
                "torch.utils.checkpoint: a value that backward needs was not computed again. The function has to do "
                "the same operations each time it is called." + self.advice()
            )
        return value

    def recompute(self) -> None:
        """Run the function again and fill the Holders."""
        tensors = iter(self.inputs.saved_tensors)
        args = [next(tensors) if item is None else item[0] for item in self.inputs.rest]
        self.count = 0
        self.after = []
        try:
            with saved_tensors_hooks(self.refill, lambda x: x), enable_grad():
                self.function(*args)
        except StopRecomputation:
            pass
        self.compare()

    def refill(self, x: Any) -> Any:
        """Give a value, saved in a recomputation, to its Holder."""
        place, kept = self.count, x.detach()
        self.count += 1
        if place >= len(self.holders):
            if not self.checked:
                return kept
            raise CheckpointError(
                "torch.utils.checkpoint: trying to save more tensors during recomputation than during the original "
                "forward pass." + self.advice()
            )
        if self.checked:
            self.after.append(metadata(x))
        holder = self.holders[place]()
        if holder is not None:
            holder.value = kept
        if self.early_stop and self.count == len(self.holders):
            raise StopRecomputation
        return kept

    def compare(self) -> None:
        """Raises: CheckpointError where the recomputation differs from the first run."""
        if not self.checked:
            return
        if self.count != len(self.holders):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                f"recomputation.\nNumber of tensors saved during forward: {len(self.holders)}\nNumber of tensors saved "
                f"during recomputation: {self.count}." + self.advice()
            )
        lines = [
            f"tensor at position {i}:\nsaved metadata: {old}\nrecomputed metadata: {new}\n"
            + (f"saved at:\n{self.where[i]}" if self.debug else "")
            for i, (old, new) in enumerate(zip(self.before, self.after, strict=True))
            if old != new
        ]
        if lines:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                "during the forward pass.\n" + "".join(lines) + "." + self.advice()
            )

    def advice(self) -> str:
        """What to do about it."""
        name = getattr(self.function, "name", "function")
        return (
            f"\n\nThe checkpointed function is {name}. It must give the same results each time: no state that the "
            "first run changes, no random numbers from elsewhere than the default generator."
        )


def metadata(x: Any) -> dict[str, Any]:
    """What a recomputed value must have in common with the first."""
    return {"shape": x.shape, "dtype": x.dtype, "device": x.device}


class Recompute:
    """A function as it was called: with its random numbers, and in the context (such as autocast) of that time."""

    def __init__(self, function: Callable[..., Any], block: Any, preserve: bool) -> None:
        self.function, self.block = function, block
        self.state = random.get_rng_state() if preserve else None
        self.then = copy_context()
        self.name = getattr(function, "__qualname__", None) or type(function).__name__

    def __call__(self, kwargs: dict[str, Any], *args: Any) -> Any:
        # A copy, since a context can be entered only once at a time; what is recorded and saved is decided now.
        return self.then.copy().run(self.run, MODE.get(), args, kwargs)

    def run(self, now: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Call the function."""
        MODE.set(now.but(overrides=MODE.get().overrides))
        with random.fork_rng(enabled=self.state is not None), self.block:
            if self.state is not None:
                random.set_rng_state(self.state)
            return self.function(*args, **kwargs)


def without_reentrance(
    function: Callable[..., Any], preserve: bool, context_fn: Any, determinism: str, debug: bool, early: bool,
    args: tuple[Any, ...], kwargs: dict[str, Any],
) -> Any:  # fmt: skip
    """A checkpoint by saved-tensor hooks; see Note [Recomputation]."""
    if determinism not in (_DEFAULT, "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism}")
    forward_context, recompute_context = context_fn()
    recompute = Recompute(function, recompute_context, preserve)
    if not is_grad_enabled() or transformed((*args, *kwargs.values())):
        with forward_context:
            return function(*args, **kwargs)
    marker = KeepInputs.apply(empty(0, requires_grad=True), kwargs, *args)
    told = _DEBUG.get()
    frame = Frame(recompute, marker.grad_fn, early and _EARLY_STOP.get(), determinism != "none",
                  debug if told is None else told)  # fmt: skip
    with saved_tensors_hooks(frame.pack, frame.unpack), forward_context:
        return function(*args, **kwargs)


# ---------------------------------------------------------------- with reentrance


class CheckpointFunction(Function):
    """A function run without recording; its backward runs it again, recorded, and backward through that."""

    @staticmethod
    def forward(ctx: Any, run_function: Any, preserve_rng_state: bool, *args: Any) -> Any:
        """Run the function."""
        check_backward_validity(args)
        ctx.run = Recompute(run_function, contextlib.nullcontext(), preserve_rng_state)
        ctx.rest = [None if isinstance(x, Tensor) else (x,) for x in args]
        ctx.save_for_backward(*[x for x in args if isinstance(x, Tensor)])
        with no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *args: Any) -> Any:
        """Gradients of the tensors among the arguments; those of other leaves are accumulated on the way."""
        if getattr(ctx, "to_inputs", False):
            raise GraphError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` "
                "parameter to .backward(). To resolve this error, you can either set use_reentrant=False, or call "
                ".backward() without passing the `inputs` argument."
            )
        tensors = iter(ctx.saved_tensors)
        inputs = detach_variable(tuple(next(tensors) if item is None else item[0] for item in ctx.rest))
        with enable_grad():
            outputs = ctx.run({}, *inputs)
        outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
        pairs = [(out, g) for out, g in zip(outputs, args, strict=False)
                 if isinstance(out, Tensor) and out.requires_grad]  # fmt: skip
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        run_backward([out for out, _ in pairs], [g for _, g in pairs])
        return (None, None, *[x.grad if isinstance(x, Tensor) else None for x in inputs])


def transformed(args: Iterable[Any]) -> bool:
    """Whether an argument is dual or batched: then the function runs once, and what it saves is kept."""
    return any(isinstance(x, Tensor) and x._flags & MARKS for x in args)


def with_reentrance(function: Callable[..., Any], preserve: bool, args: tuple[Any, ...]) -> Any:
    """A checkpoint by a custom Function."""
    results = CheckpointFunction.apply(function, preserve, *args)
    for x in results if isinstance(results, tuple) else (results,):
        if isinstance(x, Tensor) and isinstance(x.grad_fn, CheckpointFunction._backward_cls):
            node = weakref.ref(x.grad_fn)
            x.register_hook(lambda gradient, node=node: note_inputs(node()))  # type: ignore[misc]
    return results


def note_inputs(node: Any) -> None:
    """Tell a node whether the backward that is about to run it goes to chosen inputs only."""
    sweep = SWEEP.get()
    if node is not None:
        node.to_inputs = sweep is not None and sweep[2] is not None


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warn where no input requires a gradient."""
    if not any(x.requires_grad for x in inputs if isinstance(x, Tensor)):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs with their tensors cut from their history, requiring gradients as before."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(f"Only tuple of tensors is supported. Got Unsupported input type: {type(inputs).__name__}")
    return tuple([x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x for x in inputs])


# ---------------------------------------------------------------- for users


def checkpoint(
    function: Callable[..., Any], *args: Any, use_reentrant: bool | None = None, context_fn: Any = noop_context_fn,
    determinism_check: str = _DEFAULT, debug: bool = False, early_stop: bool = True, **kwargs: Any,
) -> Any:  # fmt: skip
    """`function(*args, **kwargs)`, of which backward keeps nothing: it runs the function again when it needs values.

    use_reentrant: True runs without recording and backward inside of backward; False (recommended) records, keeps the
    graph's names, and works with `grad`, keywords and nests.  preserve_rng_state (default True): the second run draws
    the same random numbers.  context_fn: gives contexts for the first run and the second (not reentrant).
    determinism_check: "default" compares shape, dtype and device of what is recomputed, "none" nothing.  early_stop:
    stop the second run when everything needed is there.

    On dual and batched tensors (forward mode, vmap) nothing is spared: the function runs once, and what it saves stays.

    Raises: ValueError for arguments that the form does not take; CheckpointError in backward.
    Cost: one more run of the function in each backward.
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. use_reentrant=False is "
            "recommended; without it the reentrant form is used, as with use_reentrant=True.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if not use_reentrant:
        return without_reentrance(function, preserve, context_fn, determinism_check, debug, early_stop, args, kwargs)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if context_fn is not noop_context_fn or debug is not False:
        raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
    if transformed(args):
        return function(*args)
    return with_reentrance(function, preserve, args)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Functions (or a Sequential's modules) one after the other, in `segments` checkpoints; the last is kept whole."""
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly. "
            "use_reentrant=False is recommended; without it the reentrant form is used, as with use_reentrant=True.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)
    length = len(steps) // segments
    for start in range(0, length * (segments - 1), length):
        input = checkpoint(
            chain(steps[start : start + length]), input, use_reentrant=use_reentrant, preserve_rng_state=preserve
        )
    return chain(steps[length * (segments - 1) :])(input)


def chain(steps: list[Any]) -> Callable[[Any], Any]:
    """Functions one after the other as one."""

    def run(x: Any) -> Any:
        for step in steps:
            x = step(x)
        return x

    return run


# ---------------------------------------------------------------- accepted for torch's sake


class DefaultDeviceType:
    """The device type whose random state a checkpoint keeps besides the CPU's; there is one generator here."""

    _kind = "cuda"

    @staticmethod
    def set_device_type(device: str = "cuda") -> None:
        """Set the type."""
        DefaultDeviceType._kind = device

    @staticmethod
    def get_device_type() -> str:
        """The type."""
        return DefaultDeviceType._kind


def get_device_states(*args: Any) -> tuple[list[int], list[Any]]:
    """Random states of the devices of tensors: none, since the CPU's generator serves all."""
    return [], []


def set_device_states(devices: list[int], states: list[Any], *, device_type: str | None = None) -> None:
    """The inverse of `get_device_states`."""


__all__ = [
    "SAC_IGNORED_OPS", "CheckpointError", "CheckpointFunction", "CheckpointPolicy", "DefaultDeviceType",
    "SelectiveCheckpointContext", "check_backward_validity", "checkpoint", "checkpoint_sequential",
    "create_selective_checkpoint_contexts", "detach_variable", "get_device_states", "noop_context_fn",
    "set_checkpoint_debug_enabled", "set_checkpoint_early_stop", "set_device_states",
]  # fmt: skip
