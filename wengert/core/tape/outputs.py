# cython: annotation_typing=False
"""What becomes of a custom Function's outputs: hung on the call's node, handed back as views, marked, saved."""

from __future__ import annotations

import warnings
from typing import Any

from wengert.core.base.errors import ArgumentError, GraphError, InferenceError, InplaceError
from wengert.core.tape import core
from wengert.core.tape.core import NR_SHIFT, RECORDED, Result, TensorBase, attach, new_node, wrap
from wengert.core.tape.dispatch import INFERENCE_SAVED, KEEPER, dressed
from wengert.core.tape.modes import MODE, OFF, PLAIN
from wengert.core.tape.views import CUSTOM, INFERENCE, MULTIPLE, NO_GRAD, rebase, view_info


def recorded_call(node: Any, args: tuple[Any, ...], tensors: list[Any], out: Any, mode: Any) -> Any:
    """Hang the outputs of a call on its node."""
    if mode.overrides and KEEPER:
        KEEPER["call"](node, args)
    edges: list[Any] = []
    fits: list[Any] = []
    plain = True
    for x in tensors:
        a = x._array
        edges.append(x._node if x._flags & 1 else None)
        fits.append((a.shape, a.dtype))
        if x._flags >> NR_SHIFT:
            plain = False
    node._inputs = tuple(edges)
    node._fit = None if plain else tuple([(x._flags >> NR_SHIFT, None, None) for x in tensors])
    node._fits = fits
    node._places = (
        None
        if len(tensors) == len(args)
        else tuple([i for i, value in enumerate(args) if isinstance(value, TensorBase)])
    )
    if isinstance(out, TensorBase) and node.dirty_tensors is None and node.non_differentiable is None:
        made = out
        a = made._array
        if made._extra is None and a.dtype.kind in "fcV" and not is_among(made, tensors):
            attach(node, made, 4)
            node._metas = ((a.shape, a.dtype),)
            keep_saved(node, mode)
            return made
    if out.__class__ is not tuple:
        return record_outputs(node, tensors, (out,), mode)[0]
    return record_outputs(node, tensors, out, mode)


def is_among(x: Any, tensors: list[Any]) -> bool:
    """Whether x itself is one of the tensors."""
    return any([other is x for other in tensors])


def record_outputs(node: Any, tensors: list[Any], outs: tuple[Any, ...], mode: Any) -> tuple[Any, ...]:
    """The general case: several outputs, inputs handed back, views, marks."""
    attach(node, wrap(None), 4)
    node._outputs = len(outs)
    dirty, constant = node.dirty_tensors or (), node.non_differentiable or ()
    check_marked(dirty, constant)
    check_dirty(node, dirty, tensors, outs)
    metas: list[Any] = []
    results: list[Any] = []
    for nr, x in enumerate(outs):
        if not isinstance(x, TensorBase):
            metas.append(None)
            results.append(x)
            continue
        metas.append((x._array.shape, x._array.dtype))
        is_input = any(x is t for t in tensors)
        if x._array.dtype.kind not in "fcV" or any(x is c for c in constant):
            if is_input or x._flags & 1:
                x = alias(x)
        elif any(x is d for d in dirty):
            rewrite(node, x, nr, len(outs))
        else:
            x = alias(x, tensors) if is_input else x
            hang(node, x, nr, len(outs))
        results.append(x)
    node._metas = metas
    keep_saved(node, mode)
    return tuple(results)


def check_marked(dirty: tuple[Any, ...], constant: tuple[Any, ...]) -> None:
    """Only tensors can be marked."""
    for i, x in enumerate(dirty):
        if not isinstance(x, TensorBase):
            raise GraphError(f"mark_dirty can only accept variables, but argument {i} is of type {type(x).__name__}")
    for x in constant:
        if not isinstance(x, TensorBase):
            raise GraphError(f"mark_non_differentiable only accepts variable arguments, but got {type(x).__name__}")


def check_dirty(node: Any, dirty: tuple[Any, ...], tensors: list[Any], outs: tuple[Any, ...]) -> None:
    """What was changed in place must be an input, no leaf, and among the outputs."""
    for x in dirty:
        if not any(x is y for y in outs):
            raise GraphError(
                "Some elements marked as dirty during the forward method were not returned as output. The inputs that "
                "are modified inplace must all be outputs of the Function." + node.lines()
            )
        info = view_info(x)
        if info is not None and info.base._flags & 1 and info.creation != NO_GRAD:
            if info.base._node.__class__ is core.AccumulateGrad:
                raise InplaceError(
                    "a view of a leaf Variable that requires grad is being used in an in-place operation."
                    + node.lines()
                )
        elif x._flags & 1 and x._node.__class__ is core.AccumulateGrad or info is not None and info.base._flags & 1:
            raise InplaceError(
                "a leaf Variable that requires grad has been used in an in-place operation." + node.lines()
            )
        if not any(x is t for t in tensors):
            warnings.warn(
                "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors that have been mutated "
                "should be passed to ctx.mark_dirty().",
                stacklevel=5,
            )


def alias(x: Any, tensors: Any = None) -> Any:
    """Another tensor on the same memory, without history; a view of x where x is an input with history."""
    token = MODE.set(OFF)
    try:
        return RECORDED.view_shape(x, x._array.shape) if tensors is not None else detached(x)
    finally:
        MODE.reset(token)


def detached(x: Any) -> Any:
    """x without its history, sharing memory and version count."""
    out = wrap(x._array)
    out._vc = x._vc = x._vc or core.VersionCounter()
    return out


def behind(node_class: Any, sources: Any, outs: Any) -> tuple[Any, list[Any]]:
    """(a node of a class over the histories of `sources`, what is among `outs` as its outputs)."""
    node = new_node(node_class)
    node._inputs = tuple([x._node for x in sources])
    node._fit = tuple([(x._flags >> NR_SHIFT, None, None) for x in sources])
    node._saved, node._versions = (), None
    attach(node, wrap(None), 3)
    node._outputs = len(outs)
    made = []
    for nr, x in enumerate(outs):
        if isinstance(x, TensorBase):
            x = detached(x)
            x._node, x._flags = node, 1 | nr << NR_SHIFT
        made.append(x)
    return node, made


def hang(node: Any, x: Any, nr: int, count: int) -> None:
    """Make x the output `nr` of the node."""
    x._node = node
    x._flags = x._flags & 0xFE | 1 | nr << NR_SHIFT
    info = view_info(x)
    if info is not None:
        info.creation = CUSTOM if count == 1 else MULTIPLE


def rewrite(node: Any, x: Any, nr: int, count: int) -> None:
    """x was changed in place by the call: the node becomes its history."""
    if view_info(x) is not None and count > 1:
        raise GraphError(
            "If your Function modifies inplace an input that is a view of another Tensor, your Function cannot return "
            "more than one Tensor. This is not supported by the current autograd engine. Clone the view first, or "
            "return only one Tensor." + node.lines()
        )
    core.count_write(x, 5)
    rebase(x, node)
    if view_info(x) is None:
        x._flags |= nr << NR_SHIFT


def plain_call(node: Any, tensors: list[Any], out: Any) -> Any:
    """The outputs of a call that is not recorded: no history, inputs handed back as aliases."""
    outs = out if out.__class__ is tuple else (out,)
    dirty = node.dirty_tensors or ()
    check_marked(dirty, node.non_differentiable or ())
    for x in dirty:
        core.count_write(x, 5)
        info = view_info(x)
        if info is not None and info.base._flags & 1 and MODE.get().grad:
            raise InplaceError(
                "a leaf Variable that requires grad has been used in an in-place operation: it is a view made in "
                f"no_grad mode of a tensor that requires grad, given to {node._forward_cls.__name__}."
            )
    results = []
    for x in outs:
        if isinstance(x, TensorBase):
            if any(x is d for d in dirty):
                x = detached(x) if x._flags & 1 else x
            elif any(x is t for t in tensors):
                x = alias(x, tensors if not x._flags & 1 else None)
            elif x._flags & 1:
                x = detached(x)
        results.append(x)
    return tuple(results) if out.__class__ is tuple else results[0]


def keep_saved(node: Any, mode: Any) -> None:
    """Turn `to_save` into saved values of the node."""
    kept = node.to_save
    if kept is not None:
        node.to_save = None
        saved: list[Any] = []
        versions: list[int] = []
        dirty = False
        for i in range(len(kept)):
            value = kept[i]
            version = 0
            if value is None:
                saved.append(None)
                versions.append(0)
                continue
            if not isinstance(value, TensorBase):
                raise ArgumentError(
                    f"save_for_backward can only save variables, but argument {i} is of type {type(value).__name__}"
                    + node.lines()
                )
            x = value
            if x._flags & 1 and x._node is node:
                saved.append(Result(x, x._flags >> NR_SHIFT))
            else:
                if x._flags & INFERENCE:
                    raise InferenceError(INFERENCE_SAVED)
                saved.append(x)
                if x._vc is not None:
                    version = x._vc.n
                    dirty = dirty or version != 0
            versions.append(version)
        node._saved = tuple(saved)
        node._versions = versions if dirty else None
    if mode is not PLAIN:
        dressed(node, mode)


__all__ = ["detached", "plain_call", "recorded_call"]
