# cython: annotation_typing=False
"""Views: who shares memory with whom, and how an in-place write rewrites history.

A differentiable view keeps its base and the chain of view operators that leads there.
When memory is written in place, the base's history becomes the write (CopySlices if
the write went through a view), and every view of it is marked stale; a stale view gets
a new node on the base's new history when it is next looked at.
"""

from __future__ import annotations

import weakref
from typing import Any

from wengert.core.base import uncompiled as cython
from wengert.core.base.errors import GraphError, InplaceError
from wengert.core.operators.raw import namespace_of
from wengert.core.tape.core import (
    NR_SHIFT,
    RECORDED,
    AccumulateGrad,
    Node,
    TensorBase,
    VersionCounter,
    _ndarray,
    attach,
    count_write,
    fit_raw,
    fit_recorded,
    new_node,
    new_tensor,
    operation_name,
    to_array,
)
from wengert.core.tape.core import extra_of as node_extra

if cython.compiled:
    from cython.cimports.cpython.weakref import PyWeakref_NewRef
    from cython.cimports.wengert.core.tape.views import same_root

    @cython.cfunc
    @cython.inline
    def weak_reference(x: object) -> object:
        return PyWeakref_NewRef(x, None)

else:
    weak_reference = weakref.ref

STALE, INFERENCE = 2, 4
DEFAULT, MULTIPLE, NO_GRAD, CUSTOM, INFERENCE_MADE = range(5)


@cython.cclass
class Extra:
    """What few tensors have: a retained gradient, marks; a view has a `ViewInfo`, which is one of these."""

    __slots__ = ("grad", "retains", "marks")

    def __init__(self) -> None:
        self.grad: Any = None
        self.retains = False
        self.marks: Any = None


@cython.cclass
class Link:
    """One view operator: its record, its attributes, which of its results, the shape it was given."""

    __slots__ = ("op", "args", "nr", "shape", "outputs")

    def __init__(self, op: Any, args: tuple[Any, ...], nr: int, shape: Any, outputs: int) -> None:
        self.op, self.args, self.nr, self.shape, self.outputs = op, args, nr, shape, outputs

    def replay(self, m: Any, x: Any) -> Any:
        """The same view of another base."""
        args = [x if i == self.op.arrays[0] else a for i, a in enumerate(self.args)]
        names = self.op.params[self.op.positional :]
        out = getattr(m, self.op.name)(
            *args[: self.op.positional], **dict(zip(names, args[self.op.positional :], strict=True))
        )
        return out[self.nr] if isinstance(out, (tuple, list)) else out

    def transpose(self, m: Any, g: Any, like: Any) -> Any:
        """Gradient of the link's input from that of its output."""
        if self.outputs:
            g = tuple(g if k == self.nr else None for k in range(self.outputs))
        return self.op.rules[0]([m, g, None, self.shape, *self.args])


@cython.cclass
class ViewInfo(Extra):
    """Where a view comes from: its base, the links from there, how it was made.

    Views are made far more often than their links are asked for: a view notes its last link only (`op` with `args`,
    its result `nr` of `outputs`, from `shape`) and the view that this was taken of (`above`).  `links` are
    given outright where the descent was rewritten.
    """

    __slots__ = ("base", "above", "links", "creation", "op", "args", "nr", "shape", "outputs")

    def __init__(self, base: Any, links: tuple[Link, ...] | None, creation: int) -> None:
        self.grad = self.marks = self.above = None
        self.retains = False
        self.base, self.links, self.creation = base, links, creation

    @property
    def chain(self) -> tuple[Link, ...]:
        """The links from the base to this view."""
        found: list[Link] = []
        info: Any = self
        while info is not None:
            if info.links is not None:
                return (*info.links, *reversed(found))
            found.append(Link(info.op, info.args, info.nr, info.shape, info.outputs))
            info = info.above
        return tuple(reversed(found))


if cython.compiled:

    @cython.cfunc
    @cython.inline
    def _new_info() -> ViewInfo:
        return ViewInfo.__new__(ViewInfo)

    @cython.cfunc
    @cython.inline
    def _new_counter() -> VersionCounter:
        return VersionCounter.__new__(VersionCounter)

else:
    _new_counter = VersionCounter

    def _new_info() -> ViewInfo:
        info = ViewInfo.__new__(ViewInfo)
        info.grad = info.marks = info.links = None
        info.retains = False
        return info


def extra_of(x: Any) -> Extra:
    """The tensor's extra record, made on demand."""
    if x._extra is None:
        x._extra = Extra()
    return x._extra


def set_view(x: Any, info: ViewInfo | None) -> None:
    """Give x another descent, or none; the rest of its extra record stays."""
    old = x._extra
    if info is None:
        if not isinstance(old, ViewInfo):
            return
        if old.grad is None and old.marks is None and not old.retains:
            x._extra = None
            return
    new = Extra() if info is None else info
    if old is not None:
        new.grad, new.retains, new.marks = old.grad, old.retains, old.marks
    x._extra = new


def twin(info: ViewInfo) -> ViewInfo:
    """The same descent for another tensor."""
    return ViewInfo(info.base, info.chain, info.creation)


def counter_of(x: Any) -> VersionCounter:
    """The tensor's version counter, made on demand."""
    if x._vc is None:
        x._vc = VersionCounter()
    return x._vc


def view_info(x: Any) -> ViewInfo | None:
    """How a differentiable view came to be; None for other tensors."""
    extra = x._extra
    return extra if isinstance(extra, ViewInfo) else None


def register_view(out: Any, source: Any, op: Any, args: Any, mode: Any, nr: int, many: bool = False) -> None:
    """Make `out` known as a view of `source` by `op` (`many`: its result `nr`)."""
    if source._flags & INFERENCE:
        out._flags |= INFERENCE
        return
    if not shares_memory(out, source):
        return
    position = op.arrays[0]
    plain = tuple([None if i == position else a for i, a in enumerate(args)])
    outputs = out._node.outputs if many and out._node is not None else (-1 if many else 0)
    link_view(out, source, op, plain, nr, outputs, mode, MULTIPLE if many else DEFAULT)


def register_views(outs: list[Any], source: Any, op: Any, args: Any, mode: Any) -> None:
    """Make the several results of `op` known as views of `source`."""
    if source._flags & INFERENCE:
        for out in outs:
            out._flags |= INFERENCE
        return
    position = op.arrays[0]
    plain = tuple([None if i == position else a for i, a in enumerate(args)])
    for nr, out in enumerate(outs):
        if shares_memory(out, source):
            count = -1 if out._node is None else out._node._outputs
            link_view(out, source, op, plain, nr, count, mode, MULTIPLE)


def shares_memory(out: Any, source: Any) -> bool:
    """Views are made by operators that return a window on their input, except where they must copy."""
    a, b = out._array, source._array
    if a is b:
        return True
    if cython.compiled and type(a) is _ndarray and type(b) is _ndarray and same_root(a, b):
        return True
    if type(a) is not _ndarray:
        return type(a) is type(b) and a.data.mem is b.data.mem
    base = a.base
    while base is not None and base is not b:
        if base is b.base:
            return True
        base = getattr(base, "base", None)
    return base is b or not hasattr(a, "base")


def link_view(out: Any, source: Any, op: Any, args: Any, nr: Any, outputs: Any, mode: Any, creation: int) -> None:
    """Hang a view, `op` of `source` with `args`, on its base and on the base's list of views."""
    extra = source._extra
    above = extra if isinstance(extra, ViewInfo) else None
    if creation == DEFAULT and not mode.grad:
        creation = INFERENCE_MADE if mode.inference else NO_GRAD
    if above is not None and creation == DEFAULT:
        creation = above.creation
    info = _new_info()
    info.base = source if above is None else above.base
    info.above, info.creation = above, creation
    info.op, info.args, info.nr, info.shape, info.outputs = op, args, nr, source._array.shape, outputs
    if out._extra is None:
        info.retains = False
        out._extra = info
    else:
        set_view(out, info)
    vc = source._vc
    if vc is None:
        vc = source._vc = _new_counter()
    out._vc = vc
    views = vc.views
    if views is None:
        vc.views = [weak_reference(out)]
    else:
        if len(views) >= 16 and not len(views) & (len(views) - 1):
            views[:] = [ref for ref in views if ref() is not None]
        views.append(weak_reference(out))


def refresh(x: Any) -> None:
    """Give a stale view a node on its base's present history."""
    info = view_info(x)
    if info is None or not info.base._flags & 1:
        x._flags &= ~STALE
        return
    if info.creation in (MULTIPLE, CUSTOM) and x._flags & 1:
        raise InplaceError(
            f"Output {x._flags >> NR_SHIFT} of {operation_name(x._node)} is a view and its base or another view of its "
            f"base has been modified inplace. {_WHY[info.creation]}"
        )
    x._flags &= ~STALE
    retained = released(x)
    node = new_node(AsStridedBackward0)
    base = info.base
    node._inputs = (base._node,)
    nr = base._flags >> NR_SHIFT
    node._fit = ((nr, None, None),) if nr else None
    node._saved, node._versions = (), None
    node.chain = info.chain
    node.base_shape = base._array.shape
    keep = x._flags & 0xFE
    attach(node, x, 3)
    x._flags |= keep
    if retained:
        node_extra(node).retained[0] = retained


def mark_views_stale(vc: VersionCounter, but: Any = None) -> None:
    """After a write: every live view must look at its base again."""
    if vc.views:
        for ref in vc.views:
            view = ref()
            if view is not None and view is not but:
                view._flags |= STALE


class AsStridedBackward0(Node):
    """A view made anew on rewritten history: the chain of its view operators."""

    __slots__ = ("chain", "base_shape")

    def vjp(self, g: Any) -> Any:
        return (self.transposed(namespace_of(g), g),)

    def vjp_recorded(self, g: Any) -> Any:
        return (self.transposed(RECORDED, g),)

    def transposed(self, m: Any, g: Any) -> Any:
        """The links' transposes, last first."""
        for link in reversed(self.chain):
            g = link.transpose(m, g, None)
        return g


class CopySlices(Node):
    """A write through a view, seen from the base: outside the window nothing changed."""

    __slots__ = ("chain", "inner")

    def vjp(self, g: Any) -> Any:
        base = to_array(g).copy()
        window = base
        m = namespace_of(base)
        for link in self.chain:
            window = link.replay(m, window)
        inner = self.inner
        grads = list(inner.vjp(window.copy()))
        first = grads[0] if inner._inputs[0] is not None else None
        if first is None:
            window[...] = 0
        else:
            window[...] = fit_raw(to_array(first), window.shape, window.dtype)
        return (base, *grads[1:])

    def vjp_recorded(self, g: Any) -> Any:
        base = RECORDED.clone(g)
        window = base
        for link in self.chain:
            window = link.replay(RECORDED, window)
        inner = self.inner
        grads = list(inner.vjp_recorded(RECORDED.clone(window)))
        first = grads[0] if inner._inputs[0] is not None else None
        if first is None:
            window.zero_()
        else:
            window.copy_(fit_recorded(first, window._array.shape, window._array.dtype))
        return (base, *grads[1:])

    def release(self) -> None:
        self.inner.release()


def check_inplace(x: Any, mode: Any, wanted: Any = False) -> None:
    """Refuse writes that would falsify gradients, in torch's words (`wanted`: what is written requires grad)."""
    if not mode.grad:
        return
    info = view_info(x)
    node = x._node
    if info is None:
        if x._flags & 1 and type(node) is AccumulateGrad:
            raise InplaceError("a leaf Variable that requires grad is being used in an in-place operation.")
        return
    if info.creation != DEFAULT:
        check_creation(x, info, wanted)
    base = info.base
    if x._flags & 1 and node.__class__ is AccumulateGrad or base._flags & 1 and base._node.__class__ is AccumulateGrad:
        raise InplaceError("a view of a leaf Variable that requires grad is being used in an in-place operation.")


_WHY = {
    MULTIPLE: "This view is the output of a function that returns multiple views. Such functions do not allow the "
    "output views to be modified inplace. You should replace the inplace operation by an out-of-place one.",
    NO_GRAD: "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this "
    "use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and "
    "the inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or both outside "
    "(if you want the inplace to be tracked).",
    CUSTOM: "This view was created inside a custom Function (or because an input was returned as-is) and the autograd "
    "logic to handle view+inplace would override the custom backward associated with the custom Function, leading to "
    "incorrect gradients. This behavior is forbidden. You can fix this by cloning the output of the custom Function.",
    INFERENCE_MADE: "A view was created in inference mode and is being modified inplace with grad mode enabled.",
}


def check_creation(x: Any, info: ViewInfo, wanted: Any) -> None:
    """In-place writes through views that autograd cannot follow."""
    if not (wanted or x._flags & 1 or info.base._flags & 1):
        return
    if info.creation == NO_GRAD:
        raise InplaceError(_WHY[NO_GRAD])
    if info.creation in (MULTIPLE, CUSTOM):
        nr = x._flags >> NR_SHIFT
        name = operation_name(x._node) if x._node is not None else "a function"
        raise InplaceError(f"Output {nr} of {name} is a view and is being modified inplace. {_WHY[info.creation]}")
    if info.creation == INFERENCE_MADE:
        raise GraphError(_WHY[INFERENCE_MADE])


def written(x: Any, depth: int) -> None:
    """Count a write into x's memory and note where the user asked for it."""
    count_write(x, depth + 1)


def rebase(x: Any, node: Any) -> None:
    """x was written by `node`: make that its history, and its base's if x is a view."""
    info = view_info(x)
    vc = counter_of(x)
    if info is None:
        retained = released(x)
        x._node = node
        x._flags = x._flags & 0xFE | 1
        if retained:
            node_extra(node).retained[0] = retained
        mark_views_stale(vc)
        return
    base = info.base
    outer = new_node(CopySlices)
    outer._inputs = (base._node if base._flags & 1 else None, *node._inputs[1:])
    nr = base._flags >> NR_SHIFT
    tail = node._fit[1:] if node._fit is not None else tuple((0, None, None) for _ in node._inputs[1:])
    outer._fit = ((nr, None, None), *tail)
    outer._saved, outer._versions = (), None
    outer.chain, outer.inner = info.chain, node
    holder = new_tensor(TensorBase)
    attach(outer, holder, 3)
    outer._code, outer._lasti = node._code, node._lasti
    retained = released(base)
    base._node = outer
    base._flags = base._flags & 0xFE | 1
    if retained:
        node_extra(outer).retained[0] = retained
    x._flags |= STALE | 1
    mark_views_stale(vc)


def released(x: Any) -> Any:
    """Take x's retained gradient from its present node; the reference to put on its next one, or None."""
    if x._extra is None or not x._extra.retains or x._node is None or x._node._extra is None:
        return None
    return x._node._extra.retained.pop(x._flags >> NR_SHIFT, None)
