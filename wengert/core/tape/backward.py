# cython: annotation_typing=False
"""`backward` and `grad`: roots, first gradients and results of a reverse sweep."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextvars import ContextVar
from math import prod
from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import ArgumentError, GraphError, ShapeError, ValueRangeError
from wengert.core.operators.raw import namespace_of
from wengert.core.tape import core, lightsweep
from wengert.core.tape.batching import cut, entered, whole
from wengert.core.tape.core import NR_SHIFT, RECORDED, Node, Plan, TensorBase, sweep, to_array, wrap
from wengert.core.tape.levels import BATCHED, Level, close_level, open_level, open_levels
from wengert.core.tape.views import STALE, refresh

TASK: ContextVar[Any] = ContextVar("wengert_backward_task", default=None)
"""The backward pass that is running: [roots, whether the graph is kept, plan, callbacks for its end, its number]."""

SWEEPER: ContextVar[Any] = ContextVar("wengert_sweeper", default=sweep)
"""What reads the list backwards: the tape's sweep, or one that treats it otherwise (`autograd.safe_zeros`)."""


def run(roots: list[Any], retain: bool, create: Any, plan: Any = None) -> None:
    """Read the list backwards from `roots`; what was asked of this pass comes after it."""
    task = [roots, retain, plan, None, None]
    token = TASK.set(task)
    try:
        SWEEPER.get()(roots, retain, create, plan)
        callbacks = task[3]
        while callbacks:
            callbacks.pop(0)()  # type: ignore[attr-defined]
    finally:
        TASK.reset(token)


def edge_of(x: Any) -> tuple[Any, int]:
    """The node and output number that a tensor stands for."""
    if x._flags & STALE:
        refresh(x)
    return x._node, x._flags >> NR_SHIFT


def root_of(x: Any, i: int, g: Any, create: bool, batched: bool = False) -> tuple[Any, int, Any]:
    """A root of the sweep from an output and the gradient it starts with."""
    if not isinstance(x, TensorBase):
        if not hasattr(x, "output_nr"):
            raise GraphError(f"all inputs have to be Tensors or GradientEdges, but got {type(x).__name__}")
        return edge_root(x, i, g, create)
    node, nr = edge_of(x)
    if node is None:
        raise GraphError(f"element {i} of tensors does not require grad and does not have a grad_fn" + why_none(x))
    a = x._array
    if g is None:
        if a.size != 1:
            raise GraphError(
                "grad can be implicitly created only for scalar outputs; this output has shape "
                f"{list(a.shape)}: give `gradient`, a tensor of that shape"
            )
        if a.dtype.kind == "c":
            raise GraphError(
                f"grad can be implicitly created only for real scalar outputs but got {dtypes.of(a.dtype)}"
            )
        ones = namespace_of(a).np.ones(a.shape, a.dtype)
        return node, nr, (wrap(ones) if create else ones)
    check_gradient(i, a, g._array)
    if create:
        return node, nr, (g if g._array.dtype == a.dtype else RECORDED.to_dtype(g, a.dtype))
    return node, nr, (g._array if g._array.dtype == a.dtype else g._array.astype(a.dtype))


def edge_root(edge: Any, i: int, g: Any, create: bool) -> tuple[Any, int, Any]:
    """A root given as a GradientEdge."""
    node, nr = edge.node, edge.output_nr
    shape = getattr(edge.ownership_token, "shape", None)
    if g is not None and shape is not None and tuple(g._array.shape) != tuple(shape):
        raise ShapeError(
            f"Mismatch in shape: grad_output[{i}] has a shape of torch.Size({list(g._array.shape)}) and output[{i}] "
            f"has a shape of torch.Size({list(shape)})."
        )
    if g is None:
        token = edge.ownership_token
        shape = getattr(token, "shape", None)
        if shape is None or prod(shape) != 1:
            raise GraphError(
                "grad can be implicitly created only for scalar outputs; this edge stands for an output of "
                + ("unknown shape" if shape is None else f"shape {list(shape)}")
                + ": give its gradient"
            )
        ones = np.ones(shape, token.dtype)
        return node, nr, (wrap(ones) if create else ones)
    return node, nr, (g if create else g._array)


def why_none(x: Any) -> str:
    """Why a tensor has no history, as far as its own state tells."""
    frame = core.user_frame(core._getframe(0))
    place = core.where_text(frame.f_code, frame.f_lasti)
    return f"\nGradients were asked for at:\n  {place}" if place else ""


def check_gradient(i: int, a: Any, g: Any) -> None:
    """A first gradient must have its output's shape and kind."""
    if g.shape != a.shape:
        raise ShapeError(
            f"Mismatch in shape: grad_output[{i}] has a shape of torch.Size({list(g.shape)}) and output[{i}] has a "
            f"shape of torch.Size({list(a.shape)})."
        )
    if (g.dtype.kind == "c") != (a.dtype.kind == "c"):
        raise GraphError(
            "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
            f"grad_output[{i}] has a dtype of {dtypes.of(g.dtype)} and output[{i}] has a dtype of {dtypes.of(a.dtype)}."
        )


def as_tuple(x: Any) -> tuple[Any, ...]:
    """One tensor or edge, or a sequence of them, as a tuple."""
    return (x,) if isinstance(x, TensorBase) or hasattr(x, "output_nr") else tuple(x)


def first_gradients(tensors: tuple[Any, ...], given: Any, name: str) -> tuple[Any, ...]:
    """One gradient or None per output."""
    if given is None:
        return (None,) * len(tensors)
    gradients = as_tuple(given)
    for g in gradients:
        if g is not None and not isinstance(g, TensorBase):
            raise ArgumentError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
    gradients = gradients[: len(tensors)]
    if len(gradients) != len(tensors):
        raise GraphError(f"got {len(tensors)} tensors and {len(gradients)} gradients: {name} needs one per tensor")
    return gradients


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Add d(sum of tensors . grad_tensors)/d(leaf) to `.grad` of every leaf (or of `inputs`)."""
    if grad_variables is not None:
        grad_tensors = renamed(grad_tensors, grad_variables)
    outputs = as_tuple(tensors)
    gradients = first_gradients(outputs, grad_tensors, "grad_tensors")
    retain = create_graph if retain_graph is None else retain_graph
    create, _ = within_levels(outputs, create_graph)
    roots = [root_of(x, i, g, create) for i, (x, g) in enumerate(zip(outputs, gradients, strict=True))]
    if create_graph:
        warn_of_cycles()
    if inputs is None:
        run(roots, retain, create)
        return
    wanted = as_tuple(inputs)
    if not wanted:
        raise GraphError("`inputs` argument to `backward()` cannot be empty.")
    for x in wanted:
        if isinstance(x, TensorBase):
            x.retain_grad()  # type: ignore[attr-defined]
    run(roots, retain, create, Plan(roots, targets_of(wanted), True))


def renamed(grad_tensors: Any, grad_variables: Any) -> Any:
    """First gradients given under their old name."""
    warnings.warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=3)
    if grad_tensors is not None:
        raise GraphError(
            "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only use "
            "`grad_tensors`."
        )
    return grad_variables


def warn_of_cycles() -> None:
    """Say that `.grad` with a history refers to its leaf, and the leaf to it: once, unless warnings always come."""
    if CYCLES["told"] and not CYCLES["always"]:
        return
    CYCLES["told"] = True
    warnings.warn(
        "Using backward() with create_graph=True will create a reference cycle between the parameter and its gradient "
        "which can cause a memory leak. Use autograd.grad instead, or reset `.grad` to None afterwards.",
        stacklevel=4,
    )


CYCLES = {"told": False, "always": False}
"""Whether the warning has come, and whether it comes each time (`set_warn_always`)."""


def targets_of(inputs: tuple[Any, ...]) -> list[tuple[Any, int]]:
    """Edges of the inputs that gradients are asked for."""
    targets = []
    for x in inputs:
        if isinstance(x, TensorBase):
            node, nr = edge_of(x)
            if node is None:
                raise GraphError("One of the differentiated Tensors does not require grad" + why_none(x))
        elif hasattr(x, "output_nr"):
            node, nr = x.node, x.output_nr
        else:
            raise GraphError(f"all inputs have to be Tensors or GradientEdges, but got {type(x).__name__}")
        targets.append((node, nr))
    return targets


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:
    """Gradients of `outputs` (weighted by `grad_outputs`) with respect to `inputs`; leaves stay untouched."""
    if materialize_grads and allow_unused is False:
        raise ValueRangeError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    if isinstance(inputs, Mapping):
        keys = list(inputs)
        values = grad(
            outputs, [inputs[k] for k in keys], grad_outputs, retain_graph, create_graph, only_inputs, allow_unused,
            is_grads_batched, materialize_grads,
        )  # fmt: skip
        return dict(zip(keys, values, strict=True))
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). Use backward() to accumulate "
            "gradients of other parts of the graph.",
            FutureWarning,
            stacklevel=2,
        )
    outs, ins = as_tuple(outputs), as_tuple(inputs)
    if not ins:
        raise GraphError("`inputs` argument to `grad()` cannot be empty.")
    gradients = first_gradients(outs, grad_outputs, "grad_outputs")
    retain = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        return batched(outs, ins, gradients, retain, create_graph, allow_unused, materialize_grads)
    found = captured_within(outs, ins, gradients, retain, create_graph)
    return tuple(
        [
            checked(i, x, g, allow_unused, materialize_grads, create_graph)
            for i, (x, g) in enumerate(zip(ins, found, strict=True))
        ]
    )


VALUES: Any = "values"
"""For `create`: the rules run on tensors, which may be dual or batched, and nothing is recorded."""


def within_levels(outs: tuple[Any, ...], create: bool) -> tuple[Any, Any]:
    """How a sweep that need not be recorded runs inside open levels, and the batch level whose record it leaves alone.

    Inside a batch it runs recorded: what lies further out may want it.  Only the level itself does not record.
    """
    if create or not open_levels():
        return bool(create), None
    levels = [x._array.level for x in outs if isinstance(x, TensorBase) and x._flags & BATCHED]
    return (VALUES, None) if not levels else (True, max(levels))


def captured_within(outs: Any, ins: Any, gradients: Any, retain: bool, create: bool) -> list[Any]:
    """`captured`, also inside open levels."""
    create, level = within_levels(outs, create)
    if level is None:
        return captured(outs, ins, gradients, retain, create)
    before, level.recording = level.recording, False
    try:
        return [g if g is None else cut(g) for g in captured(outs, ins, gradients, retain, create)]
    finally:
        level.recording = before


def captured(outs: Any, ins: Any, gradients: Any, retain: bool, create: bool) -> list[Any]:
    """One sweep towards `ins`; the gradients as tensors, None where nothing arrived."""
    roots = [root_of(x, i, g, create) for i, (x, g) in enumerate(zip(outs, gradients, strict=True))]
    targets = targets_of(ins)
    plan = Plan(roots, targets, False)
    sweeper = SWEEPER.get()
    if create and sweeper is sweep and lightsweep.captured(roots, plan, retain, create):
        return plan.found
    run(roots, retain, create, plan)
    found = []
    for x, g in zip(ins, plan.found, strict=True):
        if g is None or create:
            found.append(g)
            continue
        g = to_array(g)
        if g.base is not None or any(g is root[2] for root in roots):
            g = g.copy()
        found.append(wrap(g))
        del x
    return found


def checked(i: int, x: Any, g: Any, allow_unused: bool | None, materialize: bool, create: bool = False) -> Any:
    """The gradient of an input that may not have been reached."""
    if g is not None:
        return g
    if materialize and isinstance(x, TensorBase):
        zeros: Any = wrap(namespace_of(x._array).np.zeros_like(x._array))
        return zeros.requires_grad_() if create else zeros
    if not allow_unused:
        raise GraphError(
            f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set "
            "allow_unused=True if this is the desired behavior."
        )
    return None


def batched(
    outs: Any, ins: Any, gradients: Any, retain: bool, create: bool, allow_unused: Any, materialize: bool
) -> tuple[Any, ...]:
    """One sweep for all entries of the gradients' leading dim; the results count them in dim 0 too."""
    given = [g for g in gradients if g is not None]
    if len(given) < len(gradients) or any(g._array.ndim == 0 for g in given):
        raise ValueRangeError(
            "is_grads_batched=True needs a grad_outputs tensor for every output, with the batch as its first dimension"
        )
    check_batch(outs, gradients)
    level = Level(given[0]._array.shape[0])
    if not level.size:
        raise ValueRangeError("is_grads_batched=True needs at least one entry in grad_outputs")
    open_level(level, True)
    try:
        rows = [entered(g, 0, level) for g in gradients]
        found = captured(outs, ins, rows, retain, create or VALUES)
        found = [g if g is None else whole(g, level) for g in found]
    finally:
        close_level(level)
    return tuple([checked(i, x, g, allow_unused, materialize) for i, (x, g) in enumerate(zip(ins, found, strict=True))])


def check_batch(outs: Any, gradients: Any) -> None:
    """Each entry of a batch of gradients has its output's shape."""
    for i, (x, g) in enumerate(zip(outs, gradients, strict=True)):
        if g._array.shape[1:] != x._array.shape:
            raise ShapeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch "
                "dimension. The sizes of the remaining dimensions are expected to match the shape of corresponding "
                f"output, but a mismatch was detected: grad_output[{i}] has a shape of "
                f"torch.Size({list(g._array.shape)}) and output[{i}] has a shape of "
                f"torch.Size({list(x._array.shape)})."
            )


__all__ = ["Node", "backward", "edge_of", "grad"]
