# cython: annotation_typing=False
"""The path of every operator: arguments, promotion, computation, record.

`apply(op, args)` takes the full argument tuple of a record and returns tensors.  The
hottest operators have their own flat form in core.py and come here for whatever is
not plain.  `install()` makes the callables: `m.sin` of recorded rules, the functions
and the methods are all `op.call`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.large import LARGE
from wengert.core.arrays.quiet import hush, restore
from wengert.core.arrays.shape import broadcast_shapes
from wengert.core.base.errors import ArgumentError, InferenceError, WengertError
from wengert.core.operators.kinds import Elementwise
from wengert.core.operators.raw import FOREIGN, NUMPY, SPARSE, namespace_of
from wengert.core.operators.record import FIRST, RESULT, Op
from wengert.core.tape import core, halves  # noqa: F401 - halves takes its place in core
from wengert.core.tape.arguments import signature_text
from wengert.core.tape.core import (
    NR_SHIFT,
    ManyNode,
    OpNode,
    Result,
    TensorBase,
    attach,
    to_array,
    wrap,
)
from wengert.core.tape.devices import together
from wengert.core.tape.inspection import saved_attributes
from wengert.core.tape.modes import PLAIN, current
from wengert.core.tape.packing import pack_saved
from wengert.core.tape.views import refresh, register_view, register_views

_NO_FIT = (0, None, None)
STALE, INFERENCE, OVERRIDE, MARKED = 2, 4, 8, 48
CLAIMED = OVERRIDE | MARKED

_ndarray = np.ndarray
_HALF = {dtypes.float16.numpy, dtypes.bfloat16.numpy} | {
    d.numpy for name, d in dtypes.ALL.items() if name.startswith("float8")
}
_F32 = np.dtype(np.float32)
_NUMBERS = (bool, int, float, complex)


# ---------------------------------------------------------------- operands


def _wrong_type(op: Op, i: int, value: Any) -> ArgumentError:
    return ArgumentError(
        f"{op.name}(): argument '{op.params[i]}' (position {i + 1}) must be Tensor, not {type(value).__name__}"
    )


def check_numbers(op: Op, i: int, args: tuple[Any, ...]) -> None:
    """Refuse a number in a tensor's place where torch has no overload for it."""
    if op.numbers == "none":
        raise _wrong_type(op, i, args[i])
    given = [args[k] for k in op.arrays if args[k] is not None]
    lone = not any(isinstance(x, TensorBase) for x in given)
    if lone or op.numbers == "last" and i == op.arrays[0] or not isinstance(args[i], (*_NUMBERS, np.generic)):
        kinds = ", ".join("Tensor" if isinstance(x, TensorBase) else type(x).__name__ for x in given)
        raise ArgumentError(
            f"{public_name(op)}() received an invalid combination of arguments - got ({kinds}), but expected one of: "
            f"{signature_text(op)}"
        )


def public_name(op: Op) -> str:
    """The name of an operator in torch's messages."""
    return f"special_{op.name}" if op.space == "special" else op.name


# ---------------------------------------------------------------- promotion


def common_dtype(op: Op, args: tuple[Any, ...]) -> Any:
    """The dtype in which the tensors and numbers of a call meet, as torch.result_type has it."""
    found = None
    same = True
    for i in op.arrays:
        x = args[i]
        if isinstance(x, TensorBase):
            dt = x._array.dtype
            if found is None:
                found = dt
            elif dt is not found and dt != found:
                same = False
        elif x is not None:
            same = same and found is not None and _fits(x, found)
    if not same or found is None:
        operands = []
        for i in op.arrays:
            x = args[i]
            if isinstance(x, TensorBase):
                operands.append((dtypes.of(x._array.dtype), "dim" if x._array.ndim else "zero"))
            elif x is not None:
                operands.append((dtypes.NUMBERS[_number_class(x)], "number"))
        if op.meeting is not None:
            op.meeting([dtype for dtype, _ in operands])
        found = dtypes.result_type(tuple(operands)).numpy
    if op.promote == "float" and found.kind in "iub":
        return dtypes.default_float()
    return found


def _number_class(x: Any) -> type:
    for cls in _NUMBERS:
        if isinstance(x, cls):
            return cls
    if isinstance(x, np.generic):
        return type(x.item())
    return float


_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "V": 2, "c": 3}


def _fits(number: Any, dt: Any) -> bool:
    cls = number.__class__
    rank = 0 if cls is bool else 1 if cls is int else 2 if cls is float else 3
    own = _RANK[dt.kind]
    return rank <= own and (own != 0 or rank == 0)


def raw_arguments(op: Op, args: tuple[Any, ...]) -> tuple[list[Any], Any]:
    """Arguments for the body: arrays in their common dtype, and the dtype results must come back to (half) or None."""
    raw = list(args)
    half = None
    if op.promote != "none" and op.promote != "own":
        dt = common_dtype(op, args)
        if dt in _HALF:
            half, dt = dt, _F32
        for i in op.arrays:
            x = args[i]
            if isinstance(x, TensorBase):
                a = x._array
                raw[i] = a if a.dtype is dt or a.dtype == dt else LARGE.convert(a, dt)
            elif x is not None:
                if op.numbers != "any":
                    check_numbers(op, i, args)
                raw[i] = _number(op, i, x, dt)
        return raw, half
    if op.many >= 0:
        parts = args[op.many]
        if not isinstance(parts, (list, tuple)):
            raise ArgumentError(
                f"{op.name}(): argument '{op.params[op.many]}' (position {op.many + 1}) must be tuple of Tensors, not "
                f"{type(parts).__name__}"
            )
        raw[op.many] = [_array_of(op, op.many, x, k) for k, x in enumerate(parts)]
        return raw, None
    upcast = op.kind.half == "upcast"
    own = op.promote == "own"
    for i in op.arrays:
        x = args[i]
        if x is None:
            continue
        if own and isinstance(x, _NUMBERS):
            if op.numbers != "any":
                check_numbers(op, i, args)
            continue
        a = raw[i] = _array_of(op, i, x)
        if upcast and a.dtype in _HALF:
            half = half or a.dtype
            raw[i] = LARGE.convert(a, _F32)
    if half is not None and "dtype" in op.params and args[op.params.index("dtype")] is not None:
        half = None
    return raw, half


def _array_of(op: Op, i: int, x: Any, element: int = 0) -> Any:
    if not isinstance(x, TensorBase):
        if i == op.many:
            raise ArgumentError(
                f"expected Tensor as element {element} in argument {i}, but got {type(x).__name__}; {op.name}() takes "
                "a list of tensors"
            )
        raise _wrong_type(op, i, x)
    return x._array


def _number(op: Op, i: int, x: Any, dt: Any) -> Any:
    if isinstance(x, np.generic):
        x = x.item()
    if not isinstance(x, _NUMBERS):
        raise _wrong_type(op, i, x)
    if dt.kind in "iu":
        return np.asarray(x).astype(dt)[()]
    return float(x) if x.__class__ is bool and dt.kind != "b" else x


# ---------------------------------------------------------------- apply


INTERCEPT: dict[str, Any] = {}
"""Who is asked about operators while a block of handlers is open: "apply" and "composite" (utils/interception.py)."""


def apply(op: Op, args: tuple[Any, ...], claimed: int = CLAIMED) -> Any:
    """Compute an operator on tensors, and record it if a gradient is wanted.

    claimed: flags that hand the call to somebody else: a tensor class, or the transforms (MARKED).
    """
    mode = current()
    if mode.overrides:
        return INTERCEPT["apply"](op, args)
    flags = flags_of(op, args)
    if flags & claimed:
        return overridden(op, args) if flags & OVERRIDE else TRANSFORMS["apply"](op, args)
    if flags & STALE:
        flags = refresh_all(op, args)
    if FOREIGN:
        found = SPARSE["apply"](op, args) if SPARSE else None
        if found is not None:
            return found
        args = together(op, args)
    half = None
    results = None if op.narrow is None or FOREIGN else narrowed(op, args)
    if results is None:
        try:
            raw, half = raw_arguments(op, args)
        except ArgumentError:
            if OVERRIDES["claims"](op.values(args)):
                return overridden(op, args)
            raise
        results = compute(op, raw, args)
    recording = flags & 1 and mode.grad and op.kind.differentiable
    if results.__class__ is tuple or results.__class__ is list:
        return many_results(op, args, results, half, recording, mode)
    if results.__class__ is not _ndarray:
        results = to_array(results)
    if half is not None and results.dtype is _F32:
        results = rounded(results, half)
    out = wrap(results)
    if recording and results.dtype.kind in "fcV":
        record(op, args, out, mode)
    if op.kind.view:
        register_view(out, first_tensor(op, args), op, args, mode, 0)
    elif mode.inference:
        out._flags |= INFERENCE
    if mode.trace is not None:
        mode.trace.note(op.values(args), (out,))
    return out


def narrowed(op: Op, args: tuple[Any, ...]) -> Any:
    """The result of large tensors of half precision by a kernel that makes none of float32, or None."""
    first = args[0]
    if not isinstance(first, TensorBase) or first._array.dtype not in _HALF or op.numbers == "one":
        return None
    if not all(isinstance(args[i], (TensorBase, float, int)) for i in op.arrays):
        return None
    return op.narrow.body([x._array if isinstance(x, TensorBase) else x for x in args])


def tensors_of(op: Op, args: Any) -> Any:
    """The tensor arguments of a full argument tuple, a list parameter spread out."""
    return args[op.many] if op.many >= 0 else [args[i] for i in op.arrays]


def flags_of(op: Op, args: tuple[Any, ...]) -> int:
    """The joined flags of the tensors among the arguments."""
    flags = 0
    for value in tensors_of(op, args):
        if isinstance(value, TensorBase):
            x = value
            flags |= x._flags
    return flags


def compute(op: Op, raw: list[Any], args: tuple[Any, ...]) -> Any:
    """Run the body; an error of the array library becomes the user's error."""
    namespace = NUMPY
    if FOREIGN:
        namespace = namespace_of(next((a for a in tensors_of(op, raw) if hasattr(a, "dtype")), None))
    if op.quick is not None and namespace is NUMPY:
        found = op.quick(tuple(raw))
        if found is not None:
            return found
    body = op.body
    where: Any = namespace if op.recorded_body else namespace.np
    token = hush()
    try:
        if namespace.run is not None:
            return namespace.run(op, raw)
        if op.positional == len(raw):
            return body(where, *raw)
        return body(
            where, *raw[: op.positional], **dict(zip(op.params[op.positional :], raw[op.positional :], strict=True))
        )
    except WengertError:
        raise
    except (ValueError, TypeError, np.exceptions.AxisError) as error:
        raise explained(op, args, error) from error
    finally:
        restore(token)


def rounded(array: Any, dtype: Any) -> Any:
    """A float32 result in half precision; what is too large becomes inf without a warning."""
    token = hush()
    try:
        return LARGE.convert(array, dtype)
    finally:
        restore(token)


def explained(op: Op, args: tuple[Any, ...], error: Exception) -> Exception:
    """torch's error for what the array library refused."""
    if isinstance(op.kind, Elementwise):
        broadcast_shapes(*[x._array.shape for x in op.values(args) if isinstance(x, TensorBase)])
    if isinstance(error, TypeError):
        kinds = ", ".join(str(dtypes.of(x._array.dtype)) for x in op.values(args) if isinstance(x, TensorBase))
        return core_dtype_error(op, kinds, error)
    return RuntimeError(f"{op.name}(): {error}")


def core_dtype_error(op: Op, kinds: str, error: Exception) -> Exception:
    """An operator that has no meaning for a dtype."""
    name = dtypes.scalar_name(getattr(dtypes, kinds.split(", ")[0].replace("torch.", ""), dtypes.float32))
    return NotImplementedError(f"\"{op.name}\" not implemented for '{name}' (given {kinds}: {error})")


def first_tensor(op: Op, args: tuple[Any, ...]) -> Any:
    """The tensor that an in-place form writes and a view looks at."""
    return args[op.many][0] if op.many >= 0 else args[op.arrays[0]]


def refresh_all(op: Op, args: tuple[Any, ...]) -> int:
    """Bring stale views among the arguments up to date; the joined flags."""
    flags = 0
    for x in op.values(args):
        if isinstance(x, TensorBase):
            if x._flags & STALE:
                refresh(x)
            flags |= x._flags
    return flags


def overridden(op: Op, args: tuple[Any, ...]) -> Any:
    """Hand the call to a tensor class with its own `__torch_function__` (set by floor 5)."""
    return OVERRIDES["handler"](op, args)


OVERRIDES: dict[str, Any] = {}

TRANSFORMS: dict[str, Any] = {}
"""Who answers for dual and batched tensors: "apply", "inplace", "out" and "detach" (set by transforms.py)."""


# ---------------------------------------------------------------- record


def node_class_of(op: Op, many: bool, args: tuple[Any, ...] = ()) -> Any:
    """The node class of an operator, named as torch names it (the name may depend on the arguments)."""
    name = op.backward_name
    if callable(name):
        classes = op.node_class = op.node_class or {}
        name = name(args)
        if name not in classes:
            classes[name] = new_node_class(op, many, name)
        return classes[name]
    if op.node_class is None:
        op.node_class = new_node_class(op, many, name)
    return op.node_class


def new_node_class(op: Op, many: bool, name: str) -> Any:
    """A node class that knows its record."""
    space = {"__slots__": (), "op": op, "__doc__": f"Recorded {op.name}.", **saved_attributes(op, name)}
    return type(name, (ManyNode if many else OpNode,), space)


def record(op: Op, args: tuple[Any, ...], out: Any, mode: Any, depth: int = 4) -> Any:
    """Make the node of a one-result operator and hang it on `out`."""
    node = core.new_node(node_class_of(op, False, args))
    fill(node, op, args, out)
    attach(node, out, depth)
    save(node, op, args, out)
    if mode is not PLAIN:
        dressed(node, mode)
    return node


def fill(node: Any, op: Op, args: tuple[Any, ...], out: Any) -> None:
    """Edges, attributes and what the gradients must be fitted to."""
    inputs: list[Any] = []
    fit: list[Any] = []
    plain = True
    view = op.kind.view
    result: Any = None if out is None else out._array
    elementwise = isinstance(op.kind, Elementwise) and not mixed(op, args, result)
    for value in tensors_of(op, args):
        if not isinstance(value, TensorBase):
            inputs.append(None)
            fit.append(_NO_FIT)
            continue
        x = value
        a = x._array
        flags = x._flags
        dtype = a.dtype
        inputs.append(x._node if flags & 1 and dtype.kind in "fcV" else None)
        nr = flags >> NR_SHIFT
        if view or (elementwise and a.shape == result.shape and dtype == result.dtype and dtype not in _HALF):
            fit.append((nr, None, None))
            plain = plain and not nr
        else:
            fit.append((nr, a.shape, dtype))
            plain = False
    node._inputs = tuple(inputs)
    node._fit = None if plain else tuple(fit)
    many = op.many
    kept = list(args)
    if many >= 0:
        kept[many] = None
        node.shape = [value._array.shape for value in args[many]]
    else:
        for i in op.arrays:
            if isinstance(kept[i], TensorBase):
                kept[i] = None
        first = args[op.arrays[0]]
        node.shape = first._array.shape if isinstance(first, TensorBase) else None
    node.args = tuple(kept)


def mixed(op: Op, args: tuple[Any, ...], result: Any) -> bool:
    """Whether operands of several dtypes met: a rule on the raw arrays may then give a gradient of any of them.

    bfloat16 counts as mixed: NumPy makes it float32 where it meets a Python float.
    """
    if result.dtype.kind == "V":
        return True
    for x in tensors_of(op, args):
        if isinstance(x, TensorBase):
            dtype = x._array.dtype
            if dtype is not result.dtype and dtype.kind != "b" and dtype != result.dtype:
                return True
    return False


def save(node: Any, op: Op, args: tuple[Any, ...], out: Any, original: Any = None) -> None:
    """Keep what the rules of the wanted inputs mention.

    `original` stands for the first tensor when it is about to be overwritten in place.
    """
    if not op.saves:
        node._saved, node._versions = (), None
        return
    wanted: set[int] = set()
    if op.many >= 0:
        wanted.update(op.saves)
    else:
        for target, needs in zip(node._inputs, op.saves_for, strict=True):
            if target is not None:
                wanted |= needs
    saved, versions, dirty = [], [], False
    first = (op.arrays[0] + FIRST) if op.arrays else -1
    for position in op.saves:
        version: Any = 0
        value: Any
        if position not in wanted:
            value = None
        elif position == RESULT:
            value = results_read(op, out) if out.__class__ is tuple else Result(out)
        else:
            value = args[position - FIRST]
            if original is not None and position == first:
                value = original
            if isinstance(value, TensorBase):
                x = value
                if x._flags & INFERENCE:
                    raise InferenceError(INFERENCE_SAVED)
                if x._vc is not None:
                    version = x._vc.n
                    dirty = dirty or version != 0
            elif value.__class__ is list or value.__class__ is tuple:
                value = list(value)
                version = [0 if part._vc is None else part._vc.n for part in value]
                dirty = True
            else:
                value = None
        saved.append(value)
        versions.append(version)
    node._saved = tuple(saved)
    node._versions = tuple(versions) if dirty else None


def results_read(op: Op, outs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Several results of a node as its rules read them: None for those that no rule mentions."""
    reads = op.reads
    return tuple([Result(x, nr) if reads is None or nr in reads else None for nr, x in enumerate(outs)])


def many_results(op: Op, args: Any, results: Any, half: Any, recording: Any, mode: Any) -> Any:
    """Wrap and record the results of an operator with several."""
    outs: list[Any] = []
    differentiable: list[bool] = []
    for a in results:
        a = to_array(a)
        x = wrap(rounded(a, half) if half is not None and a.dtype is _F32 else a)
        outs.append(x)
        differentiable.append(a.dtype.kind in "fcV")
    if recording and True in differentiable:
        node = core.new_node(node_class_of(op, True, args))
        node.metas = tuple(
            [(out._array.shape, out._array.dtype) if d else None for out, d in zip(outs, differentiable, strict=True)]
        )
        fill(node, op, args, None)
        holder = wrap(None)
        attach(node, holder, 4)
        node._outputs = len(outs)
        for nr in range(len(outs)):
            if differentiable[nr]:
                x = outs[nr]
                x._node, x._flags = node, 1 | nr << NR_SHIFT
        save(node, op, args, tuple(outs))
        if mode is not PLAIN:
            dressed(node, mode)
    if op.kind.view:
        register_views(outs, first_tensor(op, args), op, args, mode)
    elif mode.inference:
        for x in outs:
            x._flags |= INFERENCE
    if mode.trace is not None:
        mode.trace.note(op.values(args), outs)
    return tuple(outs)


def dressed(node: Any, mode: Any) -> None:
    """What modes other than the plain one do to a new node."""
    if mode.hooks and node._saved:
        pack_saved(node, mode.hooks[-1])
    if mode.anomaly:
        ANOMALY["note"](node)


ANOMALY: dict[str, Any] = {}


KEEPER: dict[str, Any] = {}
"""Who keeps operands that no rule needs: "write" before an in-place operation, "call" at a custom Function's (set by
`autograd.graph.keep_operands`)."""


INFERENCE_SAVED = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
    "computation tracked by autograd: clone() them first, or make them under no_grad() instead of inference_mode()."
)
