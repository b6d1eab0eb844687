"""Where a gradient is zero because nothing depends on the entry: weights that follow the reverse sweep.

A gradient entry can be 0 by value (the slope of x**2 at 0) or by structure (`where` did not choose the entry).
Only the second kind may meet an infinite slope and still stand for 0.  To tell them apart, a rule is run once more
on *weights*: 0 where the gradient is zero by structure, a number between 1 and 2 where it is not.  What the rule
multiplies with weighs nothing, unless it is a choice (a boolean), or a constant of the program that is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from wengert.core.operators.kinds import Bilinear, Elementwise, Linear
from wengert.core.operators.record import FIRST, REGISTRY
from wengert.core.tape.core import ManyNode, OpNode, TensorBase, raw_value, recorded_value, widened, wrap
from wengert.core.tape.views import AsStridedBackward0, CopySlices

ROOT = 1e24
"""The weight of an entry whose gradient is infinite because a root was taken of 0."""
_NUMBERS = (bool, int, float, complex, np.generic)
_SUMS = ("add", "sub", "chosen", "masked_fill")


class Unstructured(Exception):
    """A rule did to a gradient what weights cannot follow."""


class Live:
    """The weights of one gradient, seen by rules as the gradient.

    w: an array or a tensor.  root: the smallest exponent of the roots whose infinite slopes weigh ROOT.
    """

    __slots__ = ("w", "root", "space")
    __array_ufunc__ = None

    def __init__(self, w: Any, root: float = 1.0, space: Any = None) -> None:
        self.w, self.root, self.space = w, root, space

    shape = property(lambda self: self.w.shape)
    ndim = property(lambda self: self.w.ndim)
    dtype = property(lambda self: self.w.dtype)
    size = property(lambda self: self.w.size)

    def like(self, w: Any) -> Live:
        """Other weights from the same roots."""
        return Live(w, self.root, self.space)

    def times(self, other: Any) -> Live:
        """The weights of g * other."""
        if isinstance(other, Live):
            raise Unstructured
        if isinstance(other, _NUMBERS):
            return self if other != 0 else self.like(self.w * 0.0)
        choice = self.space.choice_of(other)
        if choice is not None:
            return self.like(self.w * choice)
        return self.spread(other.shape)

    def over(self, other: Any) -> Live:
        """The weights of g / other."""
        if isinstance(other, Live):
            raise Unstructured
        return self if isinstance(other, _NUMBERS) else self.spread(other.shape)

    def spread(self, shape: Any) -> Live:
        """Broadcast against another operand."""
        wanted = np.broadcast_shapes(tuple(self.w.shape), tuple(shape))
        return self if tuple(self.w.shape) == wanted else self.like(self.space.base.expand(self.w, wanted))

    def plus(self, other: Any) -> Live:
        """The weights of a sum; what does not depend on the gradient weighs nothing."""
        if isinstance(other, Live):
            return Live(self.w + other.w, min(self.root, other.root), self.space or other.space)
        return self if isinstance(other, _NUMBERS) else self.spread(other.shape)

    def same(self) -> Live:
        """The weights of -g."""
        return self

    def part(self, index: Any) -> Live:
        """The weights of g[index]."""
        return self.like(self.w[index])

    def refuse(self, *others: Any) -> Any:
        """No linear rule does this to a gradient."""
        raise Unstructured

    __mul__ = __rmul__ = times
    __truediv__ = over
    __add__ = __radd__ = __sub__ = __rsub__ = plus
    __neg__ = __pos__ = same
    __getitem__ = part
    __rtruediv__ = __pow__ = __rpow__ = __lt__ = __gt__ = __le__ = __ge__ = __matmul__ = __rmatmul__ = refuse
    __hash__ = object.__hash__


class Structure:
    """The namespace `m` in which a rule computes weights.

    base: the operators underneath, on raw arrays or (inside batches) on tensors.  kinked: whether the rule chose.
    """

    def __init__(self, base: Any, node: Any) -> None:
        self.base, self.node, self.kinked = base, node, False
        self.recorded = base.recorded
        self.choices: dict[int, tuple[Any, Any]] = {}

    @property
    def np(self) -> Any:
        """The array library."""
        return self.base.np

    def chained(self, g: Any, d: Any) -> Any:
        """g * conj(d)."""
        return g * d

    def value(self, node: Any, k: int) -> Any:
        """Saved value k, remembered with the entries at which it is zero whatever the inputs are."""
        value = recorded_value(node, k) if self.recorded else raw_value(node, k)
        if value.__class__ in (tuple, list):
            return value
        if not self.recorded:
            value = widened(value)
        place = node.op.saves[k] - FIRST
        if place in node.op.arrays:
            i = node.op.arrays.index(place)
            target = node._inputs[i] if i < len(node._inputs) else None
            if target is None:
                self.choices[id(value)] = (value, value != 0)
            elif not self.recorded and (nonzero := nonzero_of(target)) is not None:
                self.choices[id(value)] = (value, nonzero)
        return value

    def choice_of(self, other: Any) -> Any:
        """Where a factor is not zero by structure; None where nothing is known about it."""
        dtype = other.dtype
        if getattr(dtype, "kind", "") == "b" or str(dtype) == "torch.bool":
            self.kinked = True
            return other
        found = self.choices.get(id(other))
        return None if found is None else found[1]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        op = REGISTRY.get(name)
        if op is None:
            raise AttributeError(name)
        return partial(self.call, op)

    def call(self, op: Any, *args: Any, **named: Any) -> Any:
        """An operator, on weights where it is given gradients."""
        lives = [x for x in flat((*args, *named.values())) if isinstance(x, Live)]
        if not lives:
            if op.name in ("chosen", "where", "sgn", "sign", "heaviside"):
                self.kinked = True
            found = getattr(self.base, op.name)(*args, **named)
            if op.name == "tie_weights":
                self.kinked = True
                self.choices[id(found)] = (found, found != 0)
            return found
        if op.name in ("zero_of", "zeros_like"):
            return lives[0].like(lives[0].w * 0.0)
        if op.name == "mul":
            return args[0] * args[1]
        if op.name == "div":
            return args[0] / args[1]
        others = [x for x in flat((*args, *named.values())) if weighs(x)]
        if op.recorded_body and others:
            return op.body(self, *args, **named)
        if isinstance(op.kind, Elementwise) and others and op.name not in _SUMS:
            return spread_all(lives, others)
        if not isinstance(op.kind, (Elementwise, Linear, Bilinear)) and others:
            raise Unstructured
        if op.name in ("chosen", "where", "masked_fill"):
            self.kinked = True
        units = isinstance(op.kind, Bilinear)
        found = getattr(self.base, op.name)(
            *[self.bare(x, units) for x in args], **{k: self.bare(x, units) for k, x in named.items()}
        )
        root = min(x.root for x in lives)
        if found.__class__ in (tuple, list):
            return type(found)([Live(abs(x), root, self) for x in found])
        return Live(abs(found), root, self)

    def bare(self, x: Any, units: bool) -> Any:
        """An argument as the operator underneath takes it; with `units`, factors count as 1."""
        if isinstance(x, Live):
            return x.w
        if x.__class__ in (tuple, list):
            return type(x)([self.bare(part, units) for part in x])
        return self.base.ones_like(x) if units and weighs(x) else x


def flat(values: Any) -> list[Any]:
    """Arguments, lists among them spread out."""
    found: list[Any] = []
    for x in values:
        if x.__class__ in (tuple, list):
            found.extend(x)
        else:
            found.append(x)
    return found


def weighs(x: Any) -> bool:
    """Whether an argument is an array or tensor of numbers other than indices and masks."""
    if not isinstance(x, (np.ndarray, TensorBase)):
        return False
    array = x._array if isinstance(x, TensorBase) else x
    return array.dtype.kind in "fcV"


def spread_all(lives: list[Live], others: list[Any]) -> Live:
    """The weights of an elementwise operator that multiplies gradients with values."""
    total = lives[0]
    for x in lives[1:]:
        total = total + x
    for x in others:
        total = total.spread(x.shape)
    return total


def nonzero_of(node: Any, depth: int = 16) -> Any:
    """Where the result of a recorded node is not zero by structure (an array); None where nothing is known."""
    op = node.op
    if op is None or depth == 0 or not isinstance(node, OpNode) and op.name not in ("mul", "div", "neg"):
        return None
    if op.name == "neg" or op.name == "div":
        return None if node._inputs[0] is None else nonzero_of(node._inputs[0], depth - 1)
    saved = node._saved
    if not saved:
        return None
    if op.name == "chosen":
        condition = next((x._array for x in saved if isinstance(x, TensorBase)), None)
        if condition is None or condition.dtype.kind != "b":
            return None
        if is_zero(node.args[2]):
            return condition
        return ~condition if is_zero(node.args[1]) else None
    return factors(node, saved, depth) if op.name == "mul" else None


def is_zero(x: Any) -> bool:
    """Whether an argument is the number 0."""
    return isinstance(x, _NUMBERS) and x == 0


def factors(node: Any, saved: Any, depth: int) -> Any:
    """Where neither factor of a product is zero by structure."""
    found = None
    for place, target in zip(range(2), node._inputs, strict=False):
        mask = None
        if target is not None:
            mask = nonzero_of(target, depth - 1)
        elif isinstance(saved[place], TensorBase):
            mask = saved[place]._array != 0
        if mask is not None:
            found = mask if found is None else found & mask
    return found


# ---------------------------------------------------------------- through a node


def weights_through(node: Any, live: Any, base: Any, shapes: list[Any]) -> tuple[list[Any], bool]:
    """Weights of the gradients that a node's rule gives, and whether the rule chose entries.

    live: Live, or a list of them (None among them) for a node with several results.  shapes: of the rule's
    gradients.  A rule that weights cannot follow gives weights of 1, or of 0 where nothing live came in.
    """
    try:
        if isinstance(node, AsStridedBackward0):
            return [live.like(abs(node.transposed(base, live.w)))], False
        if isinstance(node, CopySlices):
            return through_window(node, live, base), True
        if isinstance(node, ManyNode) and node.op.name is not None:
            found, kinked = through_many(node, live, base)
        elif node.op is not None:
            space = Structure(base, node)
            live.space = space
            found, kinked = ruled(node, space, live, space.value), space.kinked
        else:
            return unknown(live, shapes, base), True
    except Exception:  # whatever a rule does that weights cannot do: nothing is known then
        return unknown(live, shapes, base), True
    return [x if x is None else own(x, base) for x in found], kinked


def ruled(node: Any, m: Any, g: Any, value: Any) -> Any:
    """The gradients that a node's record gives in namespace m, `value(node, k)` being saved value k."""
    op = node.op
    environment = [m, g, None, node.shape, *node.args]
    for k, position in enumerate(op.saves):
        if node._saved[k] is not None:
            environment[position] = value(node, k)
    if op.many >= 0:
        environment.append([target is not None for target in node._inputs])
        return op.rules[0](environment)
    wanted = zip(op.rules, node._inputs, strict=False)
    return [None if target is None or rule is None else rule(environment) for rule, target in wanted]


def through_window(node: Any, live: Live, base: Any) -> list[Any]:
    """The weights of the base of a view that was written, and of what was written."""
    whole = base.clone(live.w)
    window = whole
    for link in node.chain:
        window = link.replay(base, window)
    inner = node.inner
    shapes = [tuple(window.shape)] * len(inner._inputs)
    lives, _ = weights_through(inner, live.like(base.clone(window)), base, shapes)
    kept = lives[0].w if inner._inputs[0] is not None and lives[0] is not None else 0.0
    if base.recorded:
        window.copy_(kept) if isinstance(kept, TensorBase) else window.zero_()
    else:
        window[...] = kept
    return [live.like(whole), *lives[1:]]


def through_many(node: Any, lives: Any, base: Any) -> tuple[Any, bool]:
    """The same for a node with several results."""
    space = Structure(base, node)
    lives = lives if isinstance(lives, list) else [lives]
    given = []
    for x, meta in zip(lives, node.metas, strict=True):
        x = filled(meta[0], 0.0, base) if x is None and meta else x
        if x is not None:
            x.space = space
        given.append(x)
    return ruled(node, space, tuple(given), space.value), space.kinked


def own(x: Any, base: Any) -> Live:
    """The weights of one gradient, shared with no other; 0 for what does not depend on the incoming one."""
    if isinstance(x, Live):
        return Live(x.w, x.root, x.space)
    return filled(getattr(x, "shape", ()), 0.0, base)


def filled(shape: Any, weight: float, base: Any) -> Live:
    """The same weight everywhere."""
    array = np.full(tuple(shape), weight, np.float32)
    return Live(wrap(array) if base.recorded else array)


def unknown(live: Any, shapes: list[Any], base: Any) -> list[Any]:
    """Weights where the rule cannot be followed: all alive, unless nothing came in alive."""
    lives = [x for x in (live if isinstance(live, list) else [live]) if x is not None]
    alive = any(isinstance(x.w, TensorBase) or bool(np.any(x.w)) for x in lives)
    return [None if shape is None else filled(shape, float(alive), base) for shape in shapes]
