"""The reverse sweep that keeps structural zeros: 0 * inf is 0 where nothing depends on the entry.

It is the ordinary sweep until a rule brings a NaN.  Then the weights of everything swept so far are worked out
(`structure.py`), the NaN that stand where nothing is alive become 0, and weights follow the gradients from there on.
"""

from __future__ import annotations

from heapq import heappop
from math import prod
from typing import Any

import numpy as np

from wengert.autograd.structure import ROOT, Live, ruled, weights_through
from wengert.core.arrays.quiet import hush, restore
from wengert.core.operators.kinds import Elementwise, Linear
from wengert.core.operators.raw import namespace_of, sum_to
from wengert.core.tape import duals
from wengert.core.tape.batching import BatchedArray
from wengert.core.tape.core import (
    RECORDED,
    AccumulateGrad,
    TensorBase,
    before_node,
    deliver,
    dressed_rule,
    fit_raw,
    fit_recorded,
    next_seq,
    raw_value,
    recorded_value,
    to_array,
    wrap,
)
from wengert.core.tape.levels import duals_of, open_levels
from wengert.core.tape.modes import MODE

_GOLDEN = 0.618034  # its multiples fill (0, 1) evenly: weights that do not cancel


def safe_sweep(roots: list[Any], retain: bool, create: Any, plan: Any = None) -> None:
    """`sweep` (core/tape/core.py) with structural zeros; what the nodes saved is kept until its end."""
    SafeSweep(roots, retain, create, plan).run()


class SafeSweep:
    """One sweep: the gradients that wait, the nodes visited, and the weights once they are followed.

    lives: node number -> weights that wait for it.  came: the shape of the gradient of the node being visited.
    hooked, dressed: node number -> what hooks made of its gradient, and what a rule with hooks gave; settled: leaves
    that have their gradient.  These are of the first reading, and the second does not repeat them.
    """

    def __init__(self, roots: list[Any], retain: bool, create: Any, plan: Any) -> None:
        self.roots, self.retain, self.create, self.plan = roots, retain, create, plan
        self.visited: list[tuple[Any, list[Any]]] = []
        self.read: list[Any] = []
        self.lives: dict[int, Any] | None = None
        self.mode = MODE.get()
        self.number = next_seq()
        self.came: Any = None
        self.hooked: dict[int, Any] = {}
        self.dressed: dict[int, Any] = {}
        self.settled: set[int] = set()

    def run(self) -> None:
        """Read the list backwards, and once more if a NaN arrives somewhere."""
        token = MODE.set(self.mode.but(grad=self.create is True))
        quiet = hush()
        try:
            self.start()
            if not self.swift():
                self.start()
                while self.heap:
                    seq = -heappop(self.heap)
                    self.visit(self.nodes.pop(seq), self.pending.pop(seq))
        finally:
            restore(quiet)
            MODE.reset(token)
            if not self.retain:
                for node in self.read:
                    node.release()
                for node, _ in self.visited:
                    node.release()

    def start(self) -> None:
        """The first gradients wait."""
        self.pending: dict[int, Any] = {}
        self.nodes: dict[int, Any] = {}
        self.heap: list[int] = []
        for node, nr, g in self.roots:
            deliver(self.pending, self.nodes, self.heap, node, nr, g, self.create)

    def swift(self) -> bool:
        """The ordinary sweep; False, before anything is done with it, where a NaN arrives at a leaf, hook or input.

        A NaN spreads to whatever depends on it, so nothing that was done before is wrong.
        """
        pending, nodes, heap, plan, create = self.pending, self.nodes, self.heap, self.plan, self.create
        read, watched = self.read.append, self.mode.anomaly
        while heap:
            seq = -heappop(heap)
            node, g = nodes.pop(seq), pending.pop(seq)
            if plan is not None and node not in plan.visited:
                continue
            if node._extra is not None or watched:
                if any_nan(g):
                    return False
                g = self.hooks(node, g)
            end = node.__class__ is AccumulateGrad
            if end or plan is not None and node in plan.captured:
                if any_nan(g):
                    return False
                if plan is not None and node in plan.captured and not plan.goes_on(node, g):
                    continue
            if end:
                self.settled.add(seq)
            read(node)
            if node._extra is None and not watched:
                grads = node.vjp_recorded(g) if create else node.vjp(g)
            else:
                grads = self.rule(node, g)
            if node._fit is None:
                for target, gi in zip(node._inputs, grads, strict=False):
                    if target is not None and gi is not None:
                        deliver(pending, nodes, heap, target, 0, gi, create)
                continue
            for target, gi, (nr, shape, dtype) in zip(node._inputs, grads, node._fit, strict=False):
                if target is None or gi is None:
                    continue
                if shape is not None:
                    gi = fit_recorded(gi, shape, dtype) if create else fit_raw(gi, shape, dtype)
                deliver(pending, nodes, heap, target, nr, gi, create)
        return True

    def rule(self, node: Any, g: Any) -> Any:
        """What a node's rule gives; where it has hooks of its own, it runs once, whatever the readings."""
        extra = node._extra
        if extra is None and not self.mode.anomaly:
            return node.vjp_recorded(g) if self.create else node.vjp(g)
        if node._seq in self.dressed:
            return self.dressed[node._seq]
        grads = dressed_rule(node, g, self.create, self.mode.but(check_nan=False))
        if extra is not None and (extra.prehooks or extra.posthooks):
            self.dressed[node._seq] = grads
        return grads

    def hooks(self, node: Any, g: Any) -> Any:
        """A gradient as its hooks leave it; they run once, whatever the readings."""
        if node._extra is None:
            return g
        if node._seq not in self.hooked:
            self.hooked[node._seq] = before_node(node, g, self.create, (self.number, self.roots, self.plan))
        return self.hooked[node._seq]

    def visit(self, node: Any, g: Any) -> None:
        """Run one node's rule and hand on what it gives."""
        plan, extra = self.plan, node._extra
        live = None if self.lives is None else self.lives.pop(node._seq)
        if plan is not None and node not in plan.visited:
            return
        if extra is not None:
            g = self.hooks(node, g)
            if live is not None and (extra.tensor_hooks or extra.prehooks):
                live = awake(live, g)
        if plan is not None and node in plan.captured and not plan.goes_on(node, g):
            return
        if node.__class__ is AccumulateGrad and node._seq in self.settled:
            return
        grads = list(self.rule(node, g))
        self.visited.append((node, [shape_of(x) for x in grads]))
        self.came = shape_of(g) if node._outputs == 1 else None
        lives: list[Any] | None = None
        if node.__class__ is AccumulateGrad:
            return
        bad = may_break(node) and any(has_nan(x) for x in grads)
        if live is None and bad:
            live = self.replayed(node)
        if live is not None:
            lives, kinked = self.through(node, live, self.visited[-1][1])
            if bad:
                grads = [self.repaired(node, i, x, lives[i], kinked) for i, x in enumerate(grads)]
        self.hand_on(node, grads, lives)

    def hand_on(self, node: Any, grads: list[Any], lives: Any) -> None:
        """Deliver gradients, and weights beside them."""
        fits = node._fit or ((0, None, None),) * len(node._inputs)
        for i, (target, gi, (nr, shape, dtype)) in enumerate(zip(node._inputs, grads, fits, strict=False)):
            if target is None or gi is None:
                continue
            if lives is not None:
                self.deliver_live(target, nr, self.fitted(lives[i], shape))
            if shape is not None:
                gi = fit_recorded(gi, shape, dtype) if self.create else fit_raw(gi, shape, dtype)
            deliver(self.pending, self.nodes, self.heap, target, nr, gi, self.create)

    # ------------------------------------------------------------ weights

    @property
    def base(self) -> Any:
        """The operators that weights are computed with: on tensors only where values may be batched."""
        return RECORDED if open_levels() else namespace_of(raw_of(self.roots[0][2]))

    def replayed(self, last: Any) -> Any:
        """Follow the weights from the roots to `last`, whose own are the result; those of what waits are kept."""
        self.lives = {}
        for node, nr, g in self.roots:
            self.deliver_live(node, nr, Live(self.first_weights(g)))
        for node, shapes in self.visited[:-1]:
            live = self.lives.pop(node._seq)
            if node.__class__ is AccumulateGrad:
                continue
            lives, _ = self.through(node, live, shapes)
            fits = node._fit or ((0, None, None),) * len(node._inputs)
            for i, (target, (nr, shape, _)) in enumerate(zip(node._inputs, fits, strict=False)):
                if target is not None and i < len(lives) and lives[i] is not None and shapes[i] is not None:
                    self.deliver_live(target, nr, self.fitted(lives[i], shape))
        return self.lives.pop(last._seq)

    def first_weights(self, g: Any) -> Any:
        """Weights of a first gradient: an entry that is 0 there was not asked for."""
        raw = raw_of(g)
        spread = (np.arange(raw.size, dtype=np.float32).reshape(raw.shape) * _GOLDEN) % 1 + np.float32(1)
        if isinstance(g, TensorBase) and g._flags & 1:
            return wrap(spread) if self.base.recorded else spread
        if self.base.recorded:
            g = g if isinstance(g, TensorBase) else wrap(to_array(g))
            with_zero = self.quietly(lambda: RECORDED.mul(wrap(spread), RECORDED.ne(g, 0)))
            return with_zero
        return spread * (raw != 0)

    def deliver_live(self, target: Any, nr: int, live: Any) -> None:
        """Add weights to what waits for `target`."""
        lives: Any = self.lives
        have = lives.get(target._seq)
        if target._outputs != 1:
            if have is None:
                have = lives[target._seq] = [None] * target._outputs
            have[nr] = live if have[nr] is None else self.quietly(lambda: have[nr] + live)
        else:
            lives[target._seq] = live if have is None else self.quietly(lambda: have + live)

    def fitted(self, live: Any, shape: Any) -> Any:
        """Weights in the shape of the input they belong to."""
        if shape is None or live is None or tuple(live.w.shape) == tuple(shape):
            return live
        if isinstance(live.w, TensorBase):
            return live.like(self.quietly(lambda: RECORDED.sum_to(live.w, shape)))
        return live.like(sum_to(np.broadcast_to(live.w, shape) if live.w.ndim < len(shape) else live.w, shape))

    def through(self, node: Any, live: Any, shapes: list[Any]) -> tuple[list[Any], bool]:
        """Weights of the gradients of a node's inputs; roots of 0 are marked."""
        base = self.base
        lives, kinked = self.quietly(lambda: weights_through(node, live, base, shapes))
        exponent = root_exponent(node)
        if exponent and lives[0] is not None:
            lives[0] = self.quietly(lambda: self.rooted(node, lives[0], min(exponent, live.root)))
        return lives, kinked

    def rooted(self, node: Any, live: Any, root: float) -> Any:
        """Weights with ROOT where the slope of a root is infinite."""
        m = self.base
        steep = m.isinf(self.slopes(node, np.ones(tuple(live.w.shape)))[0])
        steep = m.logical_and(steep, m.gt(live.w, 0))
        if not m.recorded and not steep.any():
            return live
        return Live(m.where(steep, ROOT, live.w), root)

    def slopes(self, node: Any, weights: Any) -> Any:
        """What a node's rule makes of a gradient of these numbers."""
        if self.base.recorded:
            return ruled(node, RECORDED, wrap(weights), recorded_value)
        return ruled(node, self.base, weights, raw_value)

    def quietly(self, action: Any) -> Any:
        """Compute on weights: nothing recorded, no tangents, no hooks."""
        token = MODE.set(MODE.get().but(grad=False, hooks=(), anomaly=False))
        moving = duals.ENABLED.set(False)
        try:
            return action()
        finally:
            duals.ENABLED.reset(moving)
            MODE.reset(token)

    # ------------------------------------------------------------ repair

    def repaired(self, node: Any, i: int, gi: Any, live: Any, kinked: bool) -> Any:
        """A gradient with 0 where nothing is alive, where a root meets a slope of 0, and where exp(-inf) was summed."""
        if gi is None or live is None or not has_nan(gi):
            return gi
        x = gi if self.base.recorded else np.asarray(raw_of(gi))
        dead = self.quietly(lambda: self.dead(node, i, x, live, kinked))
        if self.create:
            return RECORDED.where(dead if self.base.recorded else wrap(np.asarray(dead)), 0.0, gi)
        return np.where(dead, x.dtype.type(0), x)

    def dead(self, node: Any, i: int, x: Any, live: Any, kinked: bool) -> Any:
        """Where a gradient x is 0."""
        m = self.base
        none = m.eq(live.w, 0)
        flat = self.flat_at_root(node, i, live, kinked)
        apart = absent(m, node, x)
        if flat is None and apart is None:
            return none
        found = flat if apart is None else apart if flat is None else m.logical_or(flat, apart)
        found = m.logical_and(m.isnan(x), found)
        live.w = m.where(found, 1.0, live.w)
        return m.logical_or(none, found)

    def flat_at_root(self, node: Any, i: int, live: Any, kinked: bool) -> Any:
        """Where an infinite gradient of a root u**a meets a slope of exactly 0 of u = c x**k with k a >= 1."""
        if zero_order(node, kinked) * live.root < 1 or live.root == 1 or node.op is None or self.came is None:
            return None
        probe = (np.arange(prod(self.came)).reshape(self.came) * _GOLDEN) % 1.0 + 1.0
        slope = self.slopes(node, probe)[i]
        return self.base.logical_and(self.base.gt(live.w, ROOT / 1e6), self.base.eq(slope, 0))


_ROOTS = {"sqrt": 0.5}


def root_exponent(node: Any) -> float:
    """The exponent a of a node that computes u**a with 0 < a < 1; 0 for every other node."""
    op = node.op
    if op is None:
        return 0.0
    if op.name == "pow" and isinstance(node.args[1], (int, float)) and 0 < node.args[1] < 1:
        return float(node.args[1])
    return _ROOTS.get(op.name, 0.0)


def zero_order(node: Any, kinked: bool) -> float:
    """How flat a node is at least where its slope is 0: f(x) ~ |x|**order."""
    op = node.op
    if op is not None and op.name == "pow" and isinstance(node.args[1], (int, float)):
        return float(node.args[1])
    return 1.0 if kinked else 2.0


_SUMS_OF_EXPONENTIALS = ("logsumexp", "logaddexp", "logaddexp2", "logcumsumexp")


def absent(m: Any, node: Any, x: Any) -> Any:
    """Entries of -inf under a sum of exponentials: they take no part.  None where there is no such sum."""
    if node.op is None or node.op.name not in _SUMS_OF_EXPONENTIALS or not node._saved:
        return None
    for k in range(len(node._saved)):
        if node._saved[k] is not None:
            value = (recorded_value if m.recorded else raw_value)(node, k)
            if tuple(value.shape) == tuple(x.shape) and raw_of(value).dtype.kind == "f":
                return m.isneginf(value)
    return None


def may_break(node: Any) -> bool:
    """Whether a node's rule can make NaN from finite gradients."""
    op = node.op
    if op is None:
        return True
    kind = op.kind
    return not (isinstance(kind, Linear) or isinstance(kind, Elementwise) and not any(map(callable, kind.d)))


def any_nan(g: Any) -> bool:
    """`has_nan` of one gradient, or of those of several results."""
    return any(map(has_nan, g)) if isinstance(g, list) else has_nan(g)


def has_nan(x: Any) -> bool:
    """Whether a gradient, an entry of its batch or one of its tangents is NaN."""
    if x.__class__ is np.ndarray:
        if x.dtype.kind == "f":
            total = np.vdot(x, x)
            return bool(total != total)
        return x.dtype.kind in "cV" and bool(np.isnan(x).any())
    if isinstance(x, TensorBase):
        return has_nan(x._array) or any(has_nan(t) for t in duals_of(x).values())
    if isinstance(x, BatchedArray):
        return has_nan(x.value)
    return x is not None and bool(np.isnan(x).any())


def awake(live: Any, g: Any) -> Any:
    """Weights of a gradient that hooks may have changed: alive wherever it is not 0."""
    if isinstance(live, list):
        return [x if x is None else awake(x, part) for x, part in zip(live, g, strict=True)]
    raw = raw_of(g)
    return live if isinstance(live.w, TensorBase) else live.like(live.w + (np.asarray(raw) != 0))


def raw_of(g: Any) -> Any:
    """The array of a gradient."""
    return g._array if isinstance(g, TensorBase) else g


def shape_of(x: Any) -> Any:
    """The shape of a gradient; None for none."""
    return None if x is None else tuple(getattr(raw_of(x), "shape", ()))
