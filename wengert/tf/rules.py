"""A node whose gradient is a Python function: what custom gradients and the rules of this dialect's own are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.tape.backward import grad
from wengert.core.tape.core import NR_SHIFT, RECORDED, Node, attach, fit_raw, fit_recorded, new_node, to_array, wrap
from wengert.core.tape.levels import DUAL, duals_of, set_duals
from wengert.core.tape.modes import MODE
from wengert.tf.recording import TensorBase, paused, resumed
from wengert.tf.tensor import EagerTensor, RecordedTensor, bare, lasting


class RuleNode(Node):
    """A recorded call with a gradient function of its own: `rule(*gradients)` gives one gradient per input.

    metas: (shape, dtype) of each result. likes: the same per input. loose: gradients are handed on in whatever shape
    the rule gives them.
    """

    __slots__ = ("metas", "likes", "rule", "loose", "title")
    metas: Any
    _outputs: Any

    def vjp(self, g: Any) -> Any:
        """Gradients of the inputs as raw arrays."""
        given = [g] if self._outputs == 1 else g
        tensors = [zeros(*meta) if x is None else eager(to_array(x)) for x, meta in zip(given, self.metas, strict=True)]
        return [self.fitted(i, x, False) for i, x in enumerate(self.rule(*tensors))]

    def vjp_recorded(self, g: Any) -> Any:
        """The same on tensors, recorded."""
        given = [g] if self._outputs == 1 else g
        tensors = [zeros(*meta) if x is None else worn(x) for x, meta in zip(given, self.metas, strict=True)]
        return [self.fitted(i, x, True) for i, x in enumerate(self.rule(*tensors))]

    def fitted(self, i: int, x: Any, recorded: bool) -> Any:
        """Gradient i in the form that the sweep takes."""
        if x is None or self._inputs[i] is None:
            return None
        if not isinstance(x, TensorBase):
            return x
        shape, dtype = self.likes[i]
        if recorded:
            return x if self.loose and x._array.dtype == dtype else fit_recorded(x, shape, dtype)
        return x._array if self.loose and x._array.dtype == dtype else fit_raw(x._array, shape, dtype)

    def release(self) -> None:
        """Nothing to forget: the function keeps what it needs."""


def eager(array: Any) -> Any:
    """A raw array as a tensor."""
    out = wrap(array)
    out.__class__ = EagerTensor
    return out


def worn(x: Any) -> Any:
    """A recorded gradient under TensorFlow's class."""
    if not isinstance(x, EagerTensor):
        x = RECORDED.alias(x)
        x.__class__ = EagerTensor
    return x


def zeros(shape: Any, dtype: Any) -> Any:
    """Zeros for a result that nothing used."""
    return eager(np.zeros(shape, dtype))


def ruled(results: list[Any], inputs: list[Any], rule: Callable[..., Any], name: str, loose: bool = False) -> list[Any]:
    """Tensors with the values of `results`, recorded as one call on `inputs` whose gradients `rule` gives.

    loose: the rule is a user's. Its gradients keep their own shapes, and results the tangents they have.
    """
    outs = [bare(x) for x in results]
    flags = 0
    for x in inputs:
        flags |= x._flags
    if flags & DUAL and not loose:
        carry(outs, inputs, rule)
    if not flags & 1 or not MODE.get().grad:
        return outs
    wanted = [x if x._flags & 1 and x._array.dtype.kind in "fcV" else None for x in inputs]
    node: Any = new_node(RuleNode)
    node._inputs = tuple([None if x is None else x._node for x in wanted])
    node._fit = tuple([(0, None, None) if x is None else (x._flags >> NR_SHIFT, None, None) for x in wanted])
    node._saved, node._versions = (), None
    node.metas = [(x._array.shape, x._array.dtype) for x in outs]
    node.likes = [(x._array.shape, x._array.dtype) for x in inputs]
    node.rule, node.title, node.loose = rule, name, loose
    holder = wrap(None)
    attach(node, holder, 2)
    node._outputs = len(outs)
    kind = RecordedTensor if any([lasting(x) for x in inputs]) else EagerTensor
    for nr, x in enumerate(outs):
        if x._array.dtype.kind in "fcV":
            x._node = node
            x._flags = x._flags & 0xFE | 1 | nr << NR_SHIFT
            x.__class__ = kind
    return outs


def carry(outs: list[Any], inputs: list[Any], rule: Callable[..., Any]) -> None:
    """Give results their tangents: the transpose of the rule, which is linear in the gradients, at each level."""
    duals = [duals_of(x) for x in inputs]
    for level in sorted({level for found in duals for level in found}):
        found = paused()
        token = MODE.set(MODE.get().but(grad=True))
        try:
            seeds = [seed(x) for x in outs]
            pairs = [(g, d[level]) for g, d in zip(rule(*seeds), duals, strict=True) if g is not None and level in d]
            total = sum((RECORDED.sum(g * t) for g, t in pairs[1:]), RECORDED.sum(pairs[0][0] * pairs[0][1]))
            tangents = grad(total, seeds, allow_unused=True)
        finally:
            MODE.reset(token)
            resumed(found)
        for x, t in zip(outs, tangents, strict=True):
            if t is not None:
                set_duals(x, {**duals_of(x), level: t})


def seed(x: Any) -> Any:
    """A gradient to differentiate by: zeros, which count as recorded without a tape."""
    leaf = zeros(x._array.shape, x._array.dtype).requires_grad_()
    leaf.__class__ = RecordedTensor
    return leaf


__all__ = ["RuleNode", "ruled"]
