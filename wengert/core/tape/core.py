# cython: annotation_typing=False
"""The hot core: tensor, node, record and reverse sweep, with the hottest operators written out.

A Wengert list is kept implicitly: every node has a sequence number, an operation always
has a larger number than what it consumed, so visiting nodes from the largest number down
is the list read backwards.  No pre-pass, no recursion.

Note [Flags]: `Tensor._flags` is 0 for plain data, 1 when gradients are wanted; any larger
value means "look closer" and leaves the fast path: bit 1 (SPECIAL: stale view), inference,
override, MARKS (dual, batched); bits from NR_SHIFT up hold the output number of a many-output node.

Note [Leaves]: a leaf that requires grad owns an AccumulateGrad node in `_node`, and that
node owns the gradient.  It knows its tensor weakly, so no cycle exists.

Note [Saved values]: `Node.saved` is aligned with the positions `op.saves`; an entry is a
Tensor, a Result (the node's own output, kept without its node: no cycle), a Packed value
(saved-value hooks) or None.  `versions` holds the version of each at record time, None
stands for "all zero".  `saved` itself becomes None when the graph is freed.
"""

from __future__ import annotations

import sys
import warnings
import weakref
from contextvars import ContextVar
from heapq import heappop, heappush
from itertools import count
from threading import RLock
from typing import Any

import numpy as np

from wengert.core.arrays.dtype import FROM_NUMPY, bfloat16, float16, tensor_type_name
from wengert.core.arrays.large import LARGE, absent, deposit, may_grow
from wengert.core.arrays.quiet import hush, restore
from wengert.core.base import native
from wengert.core.base import uncompiled as cython
from wengert.core.base.errors import ArgumentError, FreedGraphError, GraphError, InplaceError
from wengert.core.operators.raw import NUMPY, namespace_of, sum_to
from wengert.core.tape.deposits import CONTIGUOUS, is_sparse, like_leaf, own_copy
from wengert.core.tape.handles import NodeExtra
from wengert.core.tape.lines import line_of as line_of
from wengert.core.tape.lines import where_text
from wengert.core.tape.modes import MODE, OFF, PLAIN

if cython.compiled:
    from cython.cimports import numpy as cnp
    from cython.cimports.cpython.object import PyObject
    from cython.cimports.wengert.core.arrays.small import add as _add
    from cython.cimports.wengert.core.arrays.small import floating, is_large, put_away
    from cython.cimports.wengert.core.arrays.small import write as _write
    from cython.cimports.wengert.core.tape.interpreter import made, mode_of, next_number, references, user_code

    cnp.import_array()
else:
    from wengert.core.arrays.small import add as _add
    from wengert.core.arrays.small import write as _write

SPECIAL = 2
MARKS = 48
NR_SHIFT = 8
CARE = 254
"""Flags that the flat paths hand on: all but "wants a gradient" and, above, the number of the result."""

_ndarray = np.ndarray
_asarray = np.asarray
_generic = np.generic
F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
HALF = {float16.numpy, bfloat16.numpy}
HALVES: dict[str, Any] = {}
"""Who computes the gradients of half precision: "gradients" (halves.py)."""
_getframe = sys._getframe
_root = native.__file__[: -len("core/base/native.py")]
_outside: set[str] = set()

# NumPy warns where IEEE arithmetic is meant; torch does not.  Attributed to this package only.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"wengert\.")


if cython.compiled:

    @cython.cfunc
    @cython.inline
    def _mode_get() -> object:
        return mode_of(MODE)

    def next_seq() -> object:
        """The next place on the list."""
        return next_number()

else:
    _mode_get = MODE.get
    next_seq = count(1).__next__


@cython.cclass
class VersionCounter:
    """How often the memory shared by a tensor and its views was written in place.

    views: weak references to the differentiable views made of it (to mark them stale).
    code, lasti: where the last write stood in the user's program.
    """

    __slots__ = ("n", "views", "code", "lasti")

    def __init__(self) -> None:
        self.n = 0
        self.views: Any = None
        self.code: Any = None
        self.lasti = 0


@cython.cclass
class TensorBase:
    """Storage of a tensor; the public class adds the names (floor 5)."""

    __slots__ = ("_array", "_flags", "_node", "_vc", "_extra", "__dict__", "__weakref__")
    _array: Any
    _flags: int
    _node: Any
    _vc: Any
    _extra: Any

    def __dealloc__(self) -> None:
        """The end of a compiled tensor: its memory may serve the next one."""
        put_away(cython.cast(cython.pointer(PyObject), self._array))


Tensor: Any = TensorBase

if cython.compiled:

    @cython.cfunc
    @cython.inline
    def _new(cls: object) -> object:
        return made(TensorBase, cls)

    def new_tensor(cls: object) -> object:
        """A tensor of a class, its fields still to be set."""
        return made(TensorBase, cls)

else:
    new_tensor = _new = TensorBase.__new__  # type: ignore[assignment]


def install_tensor(cls: type) -> None:
    """Make `cls` the class of every tensor that operators return."""
    global Tensor, _kind
    Tensor = _kind = cls


_kind: Any = TensorBase


def wrap(array: Any) -> Any:
    """A fresh tensor over `array`; nothing recorded."""
    out = _new(_kind)
    out._array = array
    out._flags = 0
    out._node = None
    out._vc = None
    out._extra = None
    return out


def to_array(value: Any) -> Any:
    """NumPy scalars, which ufuncs return for 0-d input, as 0-d arrays."""
    if isinstance(value, TensorBase):
        raise ArgumentError("a tensor stands in the place of a number")
    return _asarray(value) if isinstance(value, (_generic, float, int, complex)) else value


# ---------------------------------------------------------------- the user's line


def user_frame(frame: Any) -> Any:
    """The first frame outside this package, from `frame` outwards."""
    while frame.f_code.co_filename.startswith(_root) and frame.f_back is not None:
        frame = frame.f_back
    _outside.add(frame.f_code.co_filename)
    return frame


def attach(node: Any, out: Any, depth: int) -> None:
    """Number a new node, note the user's line and hang it on its result."""
    node._extra = None
    node._outputs = 1
    if cython.compiled:
        node._seq = next_number()
        node._code = user_code(_root, cython.address(node._lasti))
    else:
        node._seq = next_seq()
        frame = _getframe(depth)
        code = frame.f_code
        if code.co_filename not in _outside:
            note_line(node, frame)
        else:
            node._code = code
            node._lasti = frame.f_lasti
    out._node = node
    out._flags = 1


def numbered(node: Any, tensors: Any) -> None:
    """Note in a new node which results of their nodes its inputs are; needed only where one is not the first."""
    fit = node._fit
    numbers = [x._flags >> NR_SHIFT if isinstance(x, TensorBase) else 0 for x in tensors]
    node._fit = tuple([(nr, None, None) if fit is None else (nr, *fit[i][1:]) for i, nr in enumerate(numbers)])


def note_line(node: Any, frame: Any) -> None:
    """Note the user's line where the call came from inside this package."""
    frame = user_frame(frame)
    node._code = frame.f_code
    node._lasti = frame.f_lasti


def count_write(x: Any, depth: int) -> None:
    """Count an in-place write into x's memory and note the user's line."""
    vc = x._vc
    if vc is None:
        vc = x._vc = VersionCounter()
    vc.n += 1
    if cython.compiled:
        vc.code = user_code(_root, cython.address(vc.lasti))
        return
    frame = _getframe(depth)
    if frame.f_code.co_filename not in _outside:
        frame = user_frame(frame)
    vc.code = frame.f_code
    vc.lasti = frame.f_lasti


# ---------------------------------------------------------------- nodes


@cython.trashcan(True)
@cython.cclass
class Node:
    """One recorded operation.

    seq: place on the list.  inputs: the nodes of its inputs (None: no gradient wanted).
    fit: None, or per input (output number there, shape or None, dtype) that its gradient must get.
    extra: NodeExtra with hooks and metadata, or None.  code, lasti: the user's line.
    outputs: how many results the operation had.

    The names begin with an underscore because a node of a custom Function is its user's context,
    who may store what he likes on it (`ctx.inputs = ...`).
    """

    __slots__ = (
        "_seq", "_inputs", "_fit", "_saved", "_versions", "_extra", "_code", "_lasti", "_outputs", "__weakref__",
    )  # fmt: skip
    _seq: int
    _inputs: Any
    _fit: Any
    _saved: Any
    _versions: Any
    _extra: Any
    _code: Any
    _lasti: int
    _outputs: int
    args: Any = ()
    shape: Any = None
    metas: Any = None
    takes_nothing = False

    def __init__(self) -> None:
        raise TypeError("a node is made by recording an operation, not by hand")

    @property
    def op(self) -> Any:
        """The record of the operation, None for a node that is no operator's."""
        return RECORDS.get(self.__class__)

    @property
    def outputs(self) -> int:
        """How many results the operation had."""
        return self._outputs

    def vjp(self, g: Any) -> Any:
        """Gradients of the inputs as raw arrays, from the raw gradient of the output."""
        dtype = g.dtype
        if dtype is not F32 and dtype is not F64 and dtype in HALF and self.op.kind.half == "upcast":
            return HALVES["gradients"](self, g)
        return self.gradients(namespace_of(g), g, raw_value)

    def vjp_recorded(self, g: Any) -> Any:
        """The same on tensors, recorded."""
        return self.gradients(RECORDED, g, recorded_value)

    def gradients(self, m: Any, g: Any, value: Any) -> Any:
        """Run the record's rules for the inputs that want a gradient."""
        op = self.op
        saved = self._saved
        if saved is None:
            raise freed_error(self)
        environment = [m, g, None, self.shape, *self.args]
        for k, position in enumerate(op.saves):
            if saved[k] is not None:
                environment[position] = value(self, k)
        inputs = self._inputs
        if op.many >= 0:
            if op.wanting:
                environment.append([x is not None for x in inputs])
            return op.rules[0](environment)
        rules = op.rules
        quick = None if m is not NUMPY else op.quick_rules
        found: list[Any] = []
        count = len(inputs)
        for i in range(count):
            rule = rules[i]
            value = None
            if rule is not None and (count == 1 or inputs[i] is not None):
                if quick is not None and quick[i] is not None:
                    value = quick[i](environment)
                if value is None:
                    value = rule(environment)
            found.append(value)
        return found

    def release(self) -> None:
        """Forget the saved values."""
        if self._saved:
            self._saved = None

    # ------------------------------------------------------------ what a program may ask of it

    def name(self) -> str:
        """The name of the operation."""
        own = node_name(self)
        return f"torch::autograd::{own}" if own in QUALIFIED else own

    @property
    def next_functions(self) -> Any:
        """(node, output number) of each input; (None, 0) for inputs without gradient."""
        fits = self._fit
        if fits is None:
            edges = [(target, 0) for target in self._inputs]
        else:
            edges = [(target, 0 if target is None else fit[0]) for target, fit in zip(self._inputs, fits, strict=True)]
        op = getattr(self, "op", None)
        return tuple(edges) if op is None or op.many >= 0 else around_numbers(self, op, edges, (None, 0))

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary for the user's own remarks."""
        return extra_of(self).metadata

    @property
    def requires_grad(self) -> bool:
        """True: a node exists only where a gradient is wanted."""
        return True

    def _sequence_nr(self) -> int:
        """When the operation was recorded, as a number that grows."""
        return LAST if isinstance(self, AccumulateGrad) else self._seq

    def register_hook(self, fn: Any) -> Any:
        """Call `fn(grad_inputs, grad_outputs)` after the node's rule has run; a returned tuple replaces grad_inputs."""
        return extra_of(self).posthooks.add(fn)

    def register_prehook(self, fn: Any) -> Any:
        """Call `fn(grad_outputs)` before the node's rule runs; a returned tuple replaces grad_outputs."""
        return extra_of(self).prehooks.add(fn)

    def _register_hook_dict(self, hooks: Any) -> None:
        """Run the tensor hooks of a table that somebody else keeps."""
        for key, hook in hooks.items():
            extra_of(self).tensor_hooks[key] = (0, hook)

    def __call__(self, *grads: Any) -> Any:
        """Run the node's rule on gradients of its outputs; the gradients of its inputs."""
        return WATCH["called"](self, grads)

    def __repr__(self) -> str:
        return f"<{node_name(self)} object at {hex(id(self))}>"

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(f"cannot pickle '{node_name(self)}' object")

    def __getattr__(self, name: str) -> Any:
        member = MEMBERS.get(self.__class__, NOTHING).get(name)
        if member is None:
            raise AttributeError(f"'{node_name(self)}' object has no attribute '{name}'")
        return member.__get__(self)

    def __dir__(self) -> list[str]:
        own = [name for name in object.__dir__(self) if name not in FIELDS]
        return own + list(MEMBERS.get(self.__class__, ()))


if cython.compiled:

    def new_node(cls: object) -> object:
        """A node of a class, its fields still to be set."""
        return made(Node, cls)

else:
    new_node = Node.__new__  # type: ignore[assignment]

FIELDS = frozenset(("_saved", "_versions", "_inputs", "_fit", "_extra", "_code", "_lasti", "_outputs", "_seq"))
"""What `dir(node)` leaves out: programs list attributes that begin with `_saved`."""
NOTHING: dict[str, Any] = {}
RECORDS: dict[type, Any] = {}
"""The records of node classes that were written by hand; classes made from a record have it as `op`."""
MEMBERS: dict[type, dict[str, Any]] = {}
"""The properties `_saved_*` of node classes that were written by hand (see inspection.describe)."""
LAST = 2**64 - 1
"""The number that torch gives to the nodes of leaves."""
QUALIFIED = {"AccumulateGrad", "CopySlices", "CopyBackwards", "UndefinedGradBackward", "Error", "NotImplemented"}
"""Nodes that are no operator's: their names bear a prefix."""
WRAPPING = {"add", "sub", "mul", "div", "where"}
"""Operators that make a tensor of a number operand, which then has an (empty) edge; others have none for it."""


def around_numbers(node: Any, op: Any, edges: Any, empty: Any) -> Any:
    """One entry per input as torch counts them where some operands were numbers."""
    args = node.args
    if len(edges) == len(op.arrays) and all([i >= len(args) or args[i] is None for i in op.arrays]):
        return tuple(edges)
    given = iter(edges)
    dense = len(edges) == len(op.arrays)
    found = []
    for i in op.arrays:
        if i >= len(args) or args[i] is None:
            found.append(next(given))
            continue
        if dense:
            next(given)
        if op.name in WRAPPING:
            found.append(empty)
    return tuple(found)


def widened(array: Any) -> Any:
    """Half precision as float32, everything else as it is."""
    return LARGE.convert(array, F32) if array is not None and array.dtype in HALF else array


def _some(gradients: Any) -> Any:
    return next((g for g in gradients if g is not None), None)


@cython.trashcan(True)
@cython.cclass
class OpNode(Node):
    """A node of any record: its attributes and the shape of its first input."""

    __slots__ = ("args", "shape")


@cython.trashcan(True)
@cython.cclass
class ManyNode(OpNode):
    """A node with several results; `metas` holds (shape, dtype) of each, None for a constant one."""

    __slots__ = ("metas",)

    def vjp(self, g: Any) -> Any:
        if self._outputs == 1:
            g = (g,)
        m = namespace_of(_some(g))
        gs = tuple([absent(m.np, *meta) if x is None and meta else x for x, meta in zip(g, self.metas, strict=True)])
        dtype = _some(g).dtype
        if dtype in HALF and self.op.kind.half == "upcast":
            return HALVES["gradients"](self, gs)
        return self.gradients(m, gs, raw_value)

    def vjp_recorded(self, g: Any) -> Any:
        if self._outputs == 1:
            g = (g,)
        zeros = namespace_of(_some(g)._array).np.zeros
        gs = tuple([wrap(zeros(*meta)) if x is None and meta else x for x, meta in zip(g, self.metas, strict=True)])
        return self.gradients(RECORDED, gs, recorded_value)


def extra_of(node: Any) -> NodeExtra:
    """The node's extra record, made on demand."""
    if node._extra is None:
        node._extra = NodeExtra()
    return node._extra


@cython.cclass
class Result:
    """A node's own output, saved without the node."""

    __slots__ = ("_array", "_vc", "version", "nr", "kind")

    def __init__(self, out: Any, nr: int = 0) -> None:
        vc = out._vc
        if vc is None:
            vc = out._vc = VersionCounter()
        self._array, self._vc, self.version, self.nr = out._array, vc, vc.n, nr
        self.kind = out.__class__

    def __dealloc__(self) -> None:
        """As of a tensor."""
        put_away(cython.cast(cython.pointer(PyObject), self._array))


@cython.cclass
class MarkedResult(Result):
    """A node's own output that carries marks: it is batched or has a tangent."""

    __slots__ = ("flags", "extra")

    def __init__(self, result: Result, out: Any) -> None:
        self._array, self._vc, self.version, self.nr, self.kind = (
            result._array, result._vc, result.version, result.nr, result.kind,
        )  # fmt: skip
        self.flags, self.extra = out._flags & MARKS, out._extra


@cython.cclass
class Packed:
    """A saved value in the form that a pack hook gave it.

    node, nr: the history of what was packed, given back to what is unpacked; `own` stands for the
    history of a node's own output (the node is not kept: no cycle).
    """

    __slots__ = ("packed", "unpack", "nr", "own", "node")

    @property
    def _vc(self) -> None:
        """What hooks hold has no versions."""
        return None

    def __init__(self, packed: Any, unpack: Any, own: bool, nr: int = 0, node: Any = None) -> None:
        self.packed, self.unpack, self.own, self.nr, self.node = packed, unpack, own, nr, node

    def tensor(self) -> Any:
        """What the unpack hook gives back."""
        out = self.unpack(self.packed)
        if not isinstance(out, TensorBase):
            raise ArgumentError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                + type(out).__name__
            )
        return out

    def recorded(self, owner: Any) -> Any:
        """What the unpack hook gives back, with the history of what was packed."""
        value = self.tensor()
        node = owner if self.own else self.node
        if node is None or value._node is node:
            return value
        out = wrap(value._array)
        out._vc = value._vc
        out._node = node
        out._flags = 1 | self.nr << NR_SHIFT | value._flags & MARKS
        if value._flags & MARKS:
            out._extra = value._extra
        return out

    @property
    def _array(self) -> Any:
        return self.tensor()._array


def check_version(node: Any, k: int) -> None:
    """Raise if saved value k was changed in place since it was saved."""
    x = node._saved[k]
    if isinstance(x, Result):
        wanted = x.version
    else:
        wanted = 0 if node._versions is None else node._versions[k]
    if x._vc is not None and x._vc.n != wanted:
        raise damage_error(node, x, wanted)


def raw_value(node: Any, k: int) -> Any:
    """Saved value k as a raw array."""
    x = node._saved[k]
    if x.__class__ is tuple:
        return tuple([None if part is None else part._array for part in x if check_result(node, part)])
    if x.__class__ is list:
        return [part._array for part in unpack_list(node, k, x)]
    if x._vc is not None:
        check_version(node, k)
    return x._array


def unpack_list(node: Any, k: int, parts: list[Any]) -> list[Any]:
    """A saved list of tensors, each checked."""
    versions = node._versions[k] if node._versions is not None else None
    out = []
    for i, part in enumerate(parts):
        if part._vc is not None and part._vc.n != (versions[i] if versions else 0):
            raise damage_error(node, part, versions[i] if versions else 0)
        out.append(part.recorded(node) if part.__class__ is Packed else part)
    return out


def check_result(node: Any, part: Any) -> bool:
    """Version check of one of several saved results."""
    if part is not None and part._vc is not None and part._vc.n != part.version:
        raise damage_error(node, part, part.version)
    return True


def recorded_value(node: Any, k: int) -> Any:
    """Saved value k as a tensor that knows where it came from."""
    x = node._saved[k]
    if x.__class__ is tuple:
        return tuple([None if part is None else own_result(node, part) for part in x if check_result(node, part)])
    if x.__class__ is list:
        return unpack_list(node, k, x)
    if x._vc is not None:
        check_version(node, k)
    if x.__class__ is Result or x.__class__ is MarkedResult:
        return own_result(node, x)
    if x.__class__ is Packed:
        return x.recorded(node)
    return x


def own_result(node: Any, result: Any) -> Any:
    """The node's output again, hung on the node."""
    if result.__class__ is Packed:
        return result.recorded(node)
    out = wrap(result._array)
    out._vc = result._vc
    out._node = node
    out._flags = 1 | result.nr << NR_SHIFT
    if result.__class__ is MarkedResult:
        out._flags |= result.flags
        out._extra = result.extra
    return out


def freed_error(node: Any) -> FreedGraphError:
    """The error of a second backward through a freed graph."""
    place = where_text(node._code, node._lasti)
    return FreedGraphError(
        "Trying to backward through the graph a second time (or directly access saved tensors after they have "
        "already been freed). Saved intermediate values of the graph are freed when you call .backward() or "
        "autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if "
        "you need to access saved tensors after calling backward."
        + (f"\nThe operation {node_name(node)} was recorded at:\n  {place}" if place else "")
    )


def damage_error(node: Any, x: Any, wanted: int) -> InplaceError:
    """The error of a saved value that was changed in place, with both lines."""
    vc, producer = x._vc, node if isinstance(x, Result) else x._node
    nr = x.nr if isinstance(x, Result) else x._flags >> NR_SHIFT
    made = ""
    if producer is not None and producer.__class__ is not AccumulateGrad:
        made = f", which is output {nr} of {operation_name(producer)},"
    saved_at, changed_at = where_text(node._code, node._lasti), where_text(vc.code, vc.lasti)
    lines = f"\nIt was saved for the gradient of {node_name(node)} at:\n  {saved_at}" if saved_at else ""
    if changed_at:
        lines += f"\nIt was changed in place at:\n  {changed_at}\nUse the out-of-place form there, or clone() first."
    return InplaceError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{type_name(x._array)} {list(x._array.shape)}]{made} is at version {vc.n}; expected version {wanted} "
        "instead. Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
        "torch.autograd.set_detect_anomaly(True, check_nan=False)." + lines
    )


def type_name(array: Any) -> str:
    """torch's legacy type name of an array, for messages."""
    return tensor_type_name(FROM_NUMPY[array.dtype], "sparse" if is_sparse(array) else "cpu")


def node_name(node: Any) -> str:
    """How torch names the node."""
    return node.__class__.__name__


def operation_name(node: Any) -> str:
    """The name of what the node recorded: "Add" for AddBackward0."""
    return node_name(node).partition("Backward")[0] or node_name(node)


@cython.cclass
class AccumulateGrad(Node):
    """The end of a path: adds what arrives to the gradient of a leaf."""

    __slots__ = ("grad", "ref", "array", "kind", "post", "strided")

    def __init__(self, leaf: Any) -> None:
        self._seq = next_seq()  # type: ignore[assignment]
        self._inputs = ()
        self._fit = self._extra = self._code = None
        self._saved = ()
        self._versions = None
        self._lasti = 0
        self._outputs = 1
        self.grad: Any = None
        self.ref = weakref.ref(leaf)
        self.array, self.kind = leaf._array, leaf.__class__
        self.post: Any = None
        self.strided = not getattr(leaf._array, "flags", CONTIGUOUS).c_contiguous

    @property
    def variable(self) -> Any:
        """The leaf; made anew if nobody else kept it."""
        leaf = self.ref()
        if leaf is None:
            leaf = _new(self.kind)
            leaf._array, leaf._node, leaf._flags = self.array, self, 1
            leaf._vc = leaf._extra = None
            self.ref = weakref.ref(leaf)
        return leaf

    def vjp(self, g: Any) -> Any:
        """Deposit a raw gradient."""
        have = self.grad
        if have is None:
            # An array that someone else holds or sees through a view is not ours to keep.
            if g.__class__ is not _ndarray:
                g = own_copy((references(g) if cython.compiled else _references(g)) > OWNED, g)
            elif (references(g) if cython.compiled else _references(g)) > OWNED or g.base is not None:
                g = g.copy() if g.size < MOVED else LARGE.row_major(g)
            first = wrap(like_leaf(g, self.array) if self.strided else g)
            # Another thread may have been first; nothing can come between this question and the answer.
            have = self.grad
            if have is None:
                self.grad = first
        if have is not None and have._array.__class__ is not _ndarray is g.__class__ and is_sparse(have._array):
            self.grad = wrap(g + have._array)
        elif have is not None:
            add_into(have, g)
        if self.post is not None:
            leaf_post_hooks(self)
        return ()

    def vjp_recorded(self, g: Any) -> Any:
        """Deposit a recorded gradient."""
        if self.grad is None:
            self.grad = RECORDED.deposited(g)
        else:
            self.grad = RECORDED.add(self.grad, g)
        if self.post is not None:
            leaf_post_hooks(self)
        return ()

    def release(self) -> None:
        """Nothing is saved here."""


_depositing = RLock()
MOVED = 1 << 14
"""From this size on a gradient in another order is copied by squares."""
ATOMIC = 256
"""Up to this size NumPy keeps the interpreter's lock while it adds: threads cannot meet in one gradient."""
_references = sys.getrefcount
OWNED = 0


def leaf_post_hooks(acc: Any) -> None:
    """Run what waits for the gradient to be in place."""
    leaf = acc.variable
    for hook in tuple(acc.post.values()):
        result = hook(leaf)
        if result is not None and checked_replacement(result, leaf, hook) is not leaf:
            raise GraphError("Tensor post accumulate grad hooks should return None.")


def checked_replacement(result: Any, g: Any, hook: Any) -> Any:
    """A hook's replacement for a gradient, checked as torch does."""
    name = getattr(hook, "__name__", "<unknown>")
    if not isinstance(result, TensorBase):
        raise ArgumentError(f"expected Variable, but hook returned '{type(result).__name__}'")
    if g is None:
        raise GraphError(f"can't replace a None gradient with a non-None value: hook '{name}' was given None")
    if result._array.dtype != g._array.dtype or is_sparse(result._array) is not is_sparse(g._array):
        raise GraphError(
            f"hook '{name}' has changed the type of value (was {type_name(g._array)} got {type_name(result._array)})"
        )
    if result._array.shape != g._array.shape:
        raise GraphError(
            f"hook '{name}' has changed the size of value: it was given {list(g._array.shape)} and returned "
            f"{list(result._array.shape)}"
        )
    return result


def add_into(have: Any, g: Any) -> None:
    """have += g on raw arrays: `.grad` keeps its identity while it accumulates."""
    if have._flags:
        raise_if_damaging(have)
    a = have._array
    if a.size > ATOMIC:
        with _depositing:
            deposit(a, g)
    elif cython.compiled:
        _write(0, a, g)
    else:
        np.add(a, g, out=a, casting="same_kind")
    vc = have._vc
    if vc is None:
        vc = have._vc = VersionCounter()
    vc.n += 1


def raise_if_damaging(have: Any) -> None:
    """A gradient that is itself part of a graph is replaced, not written (set by floor 5)."""


# ---------------------------------------------------------------- the sweep


def fit_raw(g: Any, shape: Any, dtype: Any) -> Any:
    """Bring a raw gradient to its input's shape and dtype."""
    if g.__class__ is float or g.__class__ is int:
        g = _asarray(g, dtype=dtype)
    if g.shape != shape:
        g = sum_to(g, shape)
    if g.dtype is not dtype and g.dtype != dtype:
        if g.dtype.kind == "c" and dtype.kind != "c":
            g = g.real
        g = g.astype(dtype)
    return g


def fit_recorded(g: Any, shape: Any, dtype: Any) -> Any:
    """The same on tensors."""
    if g._array.shape != shape:
        g = RECORDED.sum_to(g, shape)
    if g._array.dtype != dtype:
        if g._array.dtype.kind == "c" and dtype.kind != "c":
            g = RECORDED.real(g)
        if g._array.dtype != dtype:
            g = RECORDED.to_dtype(g, dtype)
    return g


class Recorded:
    """The operators on tensors, as rules see them (`m` of a recorded sweep); filled by dispatch."""

    recorded = True

    def chained(self, g: Any, d: Any) -> Any:
        """g * conj(d): how a gradient passes a partial derivative."""
        return g * self.conj(d)  # type: ignore[attr-defined]

    def deposited(self, g: Any) -> Any:
        """A copy of a recorded gradient, for a leaf to keep: others may hold the same tensor."""
        if g._flags & MARKS or is_sparse(g._array):
            return self.clone(g)  # type: ignore[attr-defined]
        return wrap(namespace_of(g._array).np.empty_like(g._array)).copy_(g)


RECORDED: Any = Recorded()


def sweep(roots: list[Any], retain: bool, create: bool, plan: Any = None) -> None:
    """Read the list backwards from `roots`, [(node, output number, gradient)].

    Visits each node once, when everything that used it has been visited.  `plan` is
    None for a full sweep into the leaves, else a Plan: the nodes that are needed and
    the gradients to capture.  `create` True records the sweep; any other true value runs the rules
    on tensors all the same (they may be dual or batched) without recording.
    """
    mode = _mode_get()
    token = MODE.set(mode.but(grad=create is True) if mode is not PLAIN or create else OFF)
    pending: dict[int, Any] = {}
    nodes: dict[int, Any] = {}
    heap: list[int] = []
    watch, running = mode.anomaly, (next_seq(), roots, plan)
    quiet = hush()
    ahead = waiting = None
    first = 0
    try:
        for node, nr, g in roots:
            deliver(pending, nodes, heap, node, nr, g, create)
        while heap or ahead is not None:
            # The node with the largest number: most often it was delivered last and never saw the heap.
            if ahead is not None:
                node, g = ahead, waiting
                ahead = waiting = None
            else:
                seq = -heappop(heap)
                node = nodes.pop(seq)
                g = pending.pop(seq)
            if plan is not None and node not in plan.visited:
                continue
            extra = node._extra
            # What is asked for and passed through is noted before the hooks on it, an end after them, as in torch.
            ends = plan is not None and node in plan.captured
            if ends and node in plan.needed:
                plan.goes_on(node, g)
                ends = False
            if extra is not None:
                g = before_node(node, g, create, running)
            if ends and not plan.goes_on(node, g):
                continue
            if extra is not None or watch:
                grads = dressed_rule(node, g, create, mode)
            elif g is None or (g.__class__ is list and all_none(g)):
                grads = rule_of_nothing(node, g, create)
            else:
                grads = node.vjp_recorded(g) if create else node.vjp(g)
                if cython.compiled and not create:
                    put_away(cython.cast(cython.pointer(PyObject), g))
                    g = None
            if not retain:
                node.release()
            inputs, fit = node._inputs, node._fit
            for i in range(min(len(inputs), len(grads))):
                target, gi = inputs[i], grads[i]
                if target is None:
                    continue
                if gi is None:
                    if target is not ahead:
                        if ahead is not None and target._seq > first:
                            deliver(pending, nodes, heap, ahead, 0, waiting, create)
                            ahead = waiting = None
                        deliver_nothing(pending, nodes, heap, target)
                    continue
                nr = 0
                if fit is not None:
                    nr, shape, dtype = fit[i]
                    if shape is not None:
                        gi = fit_recorded(gi, shape, dtype) if create else fit_raw(gi, shape, dtype)
                seq = target._seq
                if target is ahead:
                    waiting = RECORDED.add(waiting, gi) if create else joined(waiting, gi)
                elif target._outputs != 1 or (ahead is not None and seq < first) or (heap and seq <= -heap[0]):
                    if ahead is not None and seq > first:
                        deliver(pending, nodes, heap, ahead, 0, waiting, create)
                        ahead = waiting = None
                    deliver(pending, nodes, heap, target, nr, gi, create)
                else:
                    if ahead is not None:
                        deliver(pending, nodes, heap, ahead, 0, waiting, create)
                    ahead, first, waiting = target, seq, gi
            grads = gi = None
    finally:
        restore(quiet)
        MODE.reset(token)


def joined(a: Any, b: Any) -> Any:
    """The sum of two raw gradients."""
    if floating(a) if cython.compiled else type(a) is _ndarray and a.dtype not in HALF:
        return _add(a, b)
    return HALVES["sum"](a, b) if type(a) is _ndarray and type(b) is _ndarray and a.dtype in HALF else a + b


def deliver(pending: Any, nodes: Any, heap: Any, target: Any, nr: int, gi: Any, create: bool) -> None:
    """Add a gradient to what waits for `target`."""
    seq = target._seq
    have = pending.get(seq)
    if target._outputs != 1:
        if have is None:
            have = pending[seq] = [None] * target._outputs
            nodes[seq] = target
            heappush(heap, -seq)
        part = have[nr]
        have[nr] = gi if part is None else (RECORDED.add(part, gi) if create else joined(part, gi))
    elif have is None:
        pending[seq] = gi
        if seq not in nodes:
            nodes[seq] = target
            heappush(heap, -seq)
    elif create:
        pending[seq] = RECORDED.add(have, gi)
    else:
        pending[seq] = None
        grows = cython.compiled and is_large(have) and references(have) == 1 and may_grow(have, gi)
        pending[seq] = LARGE.write(0, have, gi) if grows else joined(have, gi)


def deliver_nothing(pending: Any, nodes: Any, heap: Any, target: Any) -> None:
    """Note that a path to `target` was read that brought no gradient: its hooks and its rule run all the same."""
    seq = target._seq
    if seq not in nodes:
        pending[seq] = None if target._outputs == 1 else [None] * target._outputs
        nodes[seq] = target
        heappush(heap, -seq)


def all_none(gradients: list[Any]) -> bool:
    """Whether nothing arrived at any output."""
    return all([g is None for g in gradients])


def rule_of_nothing(node: Any, g: Any, create: Any) -> Any:
    """What a node hands on where no gradient arrived; a custom Function may make zeros of it and runs."""
    if node.takes_nothing:
        return node.vjp_recorded(g) if create else node.vjp(g)
    if node.__class__ is AccumulateGrad and node.post is not None:
        leaf_post_hooks(node)
    return (None,) * len(node._inputs)


SWEEP: ContextVar[Any] = ContextVar("wengert_sweep", default=None)
"""(number, roots, plan) of the sweep that the hook now running belongs to."""


def before_node(node: Any, g: Any, create: bool, running: Any) -> Any:
    """Tensor hooks of a node's results, then their retained gradients."""
    extra = node._extra
    if not (extra.tensor_hooks or extra.retained):
        return g
    gs = packed_gradients(node, g, create)
    token = SWEEP.set(running)
    try:
        for nr, hook in tuple(extra.tensor_hooks.values()):
            result = hook(gs[nr])
            if result is not None:
                gs[nr] = result if hook.__class__ in CASTS else checked_replacement(result, gs[nr], hook)
    finally:
        SWEEP.reset(token)
    for nr, ref in extra.retained.items():
        tensor = ref()
        if tensor is not None and gs[nr] is not None:
            retain(tensor, gs[nr], create)
    return unpacked_gradients(node, gs, create)


def packed_gradients(node: Any, g: Any, create: bool) -> list[Any]:
    """What arrived at a node as a list of tensors (or None), for hooks."""
    gs = list(g) if node._outputs != 1 else [g]
    return gs if create else [x if x is None else wrap(to_array(x)) for x in gs]


def unpacked_gradients(node: Any, gs: list[Any], create: bool) -> Any:
    """The reverse of `packed_gradients`."""
    if not create:
        gs = [x if x is None else x._array for x in gs]
    return gs if node._outputs != 1 else gs[0]


def retain(tensor: Any, g: Any, create: bool) -> None:
    """Add to the gradient that a non-leaf keeps."""
    extra = tensor._extra
    if extra.grad is None:
        extra.grad = RECORDED.clone(g) if create else wrap(g._array.copy())
    elif create:
        extra.grad = RECORDED.add(extra.grad, g)
    else:
        extra.grad = wrap(extra.grad._array + g._array)


def dressed_rule(node: Any, g: Any, create: bool, mode: Any) -> Any:
    """Run a node's rule between its own hooks and under anomaly detection."""
    extra = node._extra
    if extra is not None and extra.prehooks:
        gs = packed_gradients(node, g, create)
        for hook in tuple(extra.prehooks.values()):
            gs = replaced(hook(tuple(gs)), gs, hook)
        g = unpacked_gradients(node, gs, create)
    if g is None or (g.__class__ is list and all_none(g)):
        grads = rule_of_nothing(node, g, create)
    elif mode.anomaly:
        grads = WATCH["rule"](node, g, create, mode)
    else:
        grads = node.vjp_recorded(g) if create else node.vjp(g)
    return grads if extra is None or not extra.posthooks else after_node(node, grads, g, create)


def replaced(result: Any, gs: list[Any], hook: Any) -> list[Any]:
    """Gradients as a node's hook leaves them."""
    if result is None:
        return gs
    if not isinstance(result, tuple):
        raise ArgumentError(f"expected tuple, but hook returned '{type(result).__name__}'")
    results = list(result)
    if len(results) != len(gs):
        name = getattr(hook, "__name__", "<unknown>")
        raise GraphError(
            f"hook '{name}' has returned an incorrect number of values (got {len(results)}, but expected {len(gs)})"
        )
    return [x if x is None else checked_replacement(x, old, hook) for x, old in zip(results, gs, strict=True)]


def after_node(node: Any, grads: Any, g: Any, create: bool) -> Any:
    """Posthooks of a node: hook(grad_inputs, grad_outputs)."""
    outs = tuple(packed_gradients(node, g, create))
    ins: list[Any] = []
    fits = node._fit or ((0, None, None),) * len(node._inputs)
    for target, gi, (_, shape, dtype) in zip(node._inputs, grads, fits, strict=False):
        if target is None or gi is None:
            ins.append(None)
            continue
        if shape is not None:
            gi = fit_recorded(gi, shape, dtype) if create else fit_raw(gi, shape, dtype)
        ins.append(gi if create else wrap(to_array(gi)))
    op = getattr(node, "op", None)
    places: Any = range(len(ins))
    if op is not None and op.many < 0:
        places = around_numbers(node, op, list(places), None)
    for hook in tuple(node._extra.posthooks.values()):
        shown = [None if k is None else ins[k] for k in places]
        shown = replaced(hook(tuple(shown), outs), shown, hook)
        for k, value in zip(places, shown, strict=True):
            if k is not None:
                ins[k] = value
    return ins if create else [None if x is None else x._array for x in ins]


WATCH: dict[str, Any] = {}
"""How the anomaly mode runs a rule ("rule", set by anomaly.py) and how a node is called ("called", inspection.py)."""
CASTS: set[type] = set()
"""Classes of tensor hooks that may change a gradient's dtype."""


class Plan:
    """What a sweep towards given inputs must visit and capture.

    captured: node -> {output number: index of the input}.  needed: nodes on a path to one of them.
    visited: both together.
    found: per input the gradient that arrived, or None.  accumulate: leaves get their
    gradient deposited as well (`backward(inputs=...)`).
    """

    __slots__ = ("captured", "needed", "visited", "found", "accumulate")

    def __init__(self, roots: list[Any], targets: list[tuple[Any, int]], accumulate: bool) -> None:
        self.captured: dict[Any, dict[int, list[int]]] = {}
        for i, (node, nr) in enumerate(targets):
            self.captured.setdefault(node, {}).setdefault(nr, []).append(i)
        self.found: list[Any] = [None] * len(targets)
        self.accumulate = accumulate
        self.needed = self.reaching([node for node, _, _ in roots])
        self.visited = self.needed.union(self.captured)

    def reaching(self, roots: list[Any]) -> set[Any]:
        """Nodes from which a captured node can be reached; numbers tell how far to look."""
        if not self.captured:
            return set()
        floor = min(node._seq for node in self.captured)
        seen: set[Any] = set()
        stack = list(roots)
        order = []
        while stack:
            node = stack.pop()
            if node in seen or node._seq < floor:
                continue
            seen.add(node)
            order.append(node)
            stack.extend(target for target in node._inputs if target is not None and target not in seen)
        order.sort(key=lambda node: node._seq)
        needed: set[Any] = set()
        for node in order:
            for target in node._inputs:
                if target in needed or target in self.captured:
                    needed.add(node)
                    break
        return needed

    def goes_on(self, node: Any, g: Any) -> bool:
        """Note what arrived at a captured node; whether the sweep must go through it."""
        for nr, indices in self.captured[node].items():
            part = g if node._outputs == 1 else g[nr]
            for i in indices:
                self.found[i] = part
        return node in self.needed or (self.accumulate and node.__class__ is AccumulateGrad)


def _calibrate() -> int:
    """References that a gradient array has on arrival at a leaf if nobody else holds it."""
    global OWNED

    class Source(Node):
        def vjp(self, g: Any) -> Any:
            fresh = np.empty(1)
            seen[:] = [id(fresh)]
            return (fresh,)

    seen: list[int] = []
    for OWNED in range(1, 16):  # noqa: B007
        leaf, source = wrap(np.zeros(1)), new_node(Source)
        end = AccumulateGrad(leaf)
        source._seq, source._inputs, source._fit, source._extra, source._saved = next_seq(), (end,), None, None, ()
        source._outputs = 1
        sweep([(source, 0, 1.0)], True, False)
        if id(end.grad._array) == seen[0]:
            break
    return OWNED


OWNED = _calibrate()


def _alone(deposit: Any) -> Any:
    """A deposit that waits for those of other threads, for interpreters without a global lock."""

    def vjp(self: Any, g: Any) -> Any:
        with _depositing:
            return deposit(self, g)

    return vjp


if not cython.compiled and not getattr(sys, "_is_gil_enabled", lambda: True)():
    AccumulateGrad.vjp = _alone(AccumulateGrad.vjp)  # type: ignore[method-assign]


GENERAL: Any = Recorded()
"""The general path of every operator, for whatever the hot forms do not take; filled by plans.install."""
