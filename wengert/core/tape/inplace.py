# cython: annotation_typing=False
"""In-place and `out=` forms: made for every record that has them.

`x.sin_()` computes the record, checks that the result may be stored in x, writes it,
counts a version and makes the operation x's new history.  A failed call leaves x as it was.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.large import SIZE
from wengert.core.arrays.loops_elementwise import written_over
from wengert.core.arrays.quiet import hush, restore
from wengert.core.arrays.small import in_one_piece, transfer
from wengert.core.base.errors import AliasError, ArgumentError, DtypeError, GraphError, InferenceError, ShapeError
from wengert.core.operators.kinds import Elementwise
from wengert.core.operators.library.destinations import STRICT
from wengert.core.operators.raw import FOREIGN, SPARSE, namespace_of
from wengert.core.operators.record import FIRST, REGISTRY, Op
from wengert.core.tape import core
from wengert.core.tape.core import (
    F32,
    F64,
    NR_SHIFT,
    ManyNode,
    OpNode,
    TensorBase,
    VersionCounter,
    attach,
    count_write,
    to_array,
    wrap,
)
from wengert.core.tape.devices import together
from wengert.core.tape.dispatch import (
    CLAIMED,
    INFERENCE,
    KEEPER,
    MARKED,
    OVERRIDE,
    STALE,
    TRANSFORMS,
    compute,
    dressed,
    fill,
    first_tensor,
    node_class_of,
    overridden,
    raw_arguments,
    refresh_all,
    save,
)
from wengert.core.tape.hot import needs_care
from wengert.core.tape.modes import OFF, PLAIN, current, enter, leave
from wengert.core.tape.views import check_inplace, counter_of, mark_views_stale, rebase, written

_ndarray = np.ndarray
I64 = np.dtype(np.int64)
_SINGLE = {"exp": np.exp, "tanh": np.tanh}
"""Bodies that are one function of NumPy, as long as that takes less than finding a kernel."""
FEW = 1 << 10
SINGLE = 1 << 14
"""Elements from which a kernel writes a result where it belongs; copying one of fewer takes less than finding out."""


def apply_inplace(op: Op, args: tuple[Any, ...], depth: int = 3, claimed: int = CLAIMED) -> Any:
    """Compute an operator and store its result in its first tensor."""
    x = first_tensor(op, args)
    flags = 0
    for value in op.values(args):
        if isinstance(value, TensorBase):
            flags |= value._flags
    if flags & claimed:
        return overridden(op, args) if flags & OVERRIDE else TRANSFORMS["inplace"](op, args, depth)
    found = SPARSE["inplace"](op, args, depth) if SPARSE else None
    if found is not None:
        return found
    if flags & STALE:
        flags = refresh_all(op, args)
    mode = current()
    if x._flags & INFERENCE and not mode.inference:
        raise InferenceError(
            "Inplace update to inference tensor outside InferenceMode is not allowed. You can make a clone to get a "
            "normal tensor before doing inplace update."
        )
    if mode.grad:
        check_inplace(x, mode, flags & 1)
    if FOREIGN:
        args = together(op, args)
    raw, _ = raw_arguments(op, args)
    write = op.into(raw, x._array) if op.into is not None and raw[0] is x._array and x._array.size >= SIZE else None
    if write is None:
        result = to_array(compute(op, raw, args))
        check_storable(op, x._array, result)
    else:
        check_writable(x._array)
    # An operator without derivative is recorded too: what it overwrites no longer reaches the result.
    recording = flags & 1 and mode.grad and x._array.dtype.kind in "fcV"
    node = None
    form = op
    if recording:
        form = op if op.written is None else REGISTRY.get(op.written(args), op)
        node = recorded_write(form, args, x, mode, depth)
        if mode.overrides and KEEPER:
            KEEPER["write"](node, op, args, x)
    if write is None:
        store(x._array, result)
    else:
        write()
    written(x, depth)
    if node is not None:
        if form.saves:
            refresh_saved_result(node, form, x)
        if mode is not PLAIN:
            dressed(node, mode)
        rebase(x, node)
    else:
        mark_views_stale(counter_of(x))
    if mode.trace is not None:
        mode.trace.note(op.values(args), (x,))
    return x


_usual = apply_inplace
"""What observers put their own form in place of."""


def hastened(op: Op, general: Any) -> Any:
    """The function of an in-place form: a short way for plain tensors where nothing is recorded, else `general`."""
    if not isinstance(op.kind, Elementwise) or op.many >= 0 or op.variadic or op.ints or op.recorded_body:
        return general
    places = op.arrays if op.arrays and op.arrays[0] == 0 else None
    if places is None:
        return general
    count, params, positional, defaults = len(op.params), op.params, op.positional, op.defaults

    def call(*args: Any, **kwargs: Any) -> Any:
        if apply_inplace is _usual and args and len(args) <= positional:
            given: Any = args
            if len(args) != count:
                given = completed(params, defaults, args, kwargs)
            elif kwargs:
                given = None
            if given is not None and written_plainly(op, places, given):
                return args[0]
        return general(*args, **kwargs)

    return call


def completed(params: Any, defaults: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """All arguments of a call; None where one is lacking, or one has another name."""
    values = list(args)
    used = 0
    for i in range(len(args), len(params)):
        name = params[i]
        if name in kwargs:
            values.append(kwargs[name])
            used += 1
        elif name in defaults:
            values.append(defaults[name])
        else:
            return None
    return tuple(values) if used == len(kwargs) else None


def plain_arrays(op: Op, places: tuple[int, ...], args: tuple[Any, ...]) -> Any:
    """The arguments of the body where the first is a plain tensor that no history asks about; else None."""
    x = args[0]
    if not isinstance(x, TensorBase):
        return None
    a, flags = x._array, x._flags
    dtype = a.dtype
    mode = current()
    real = dtype is F32 or dtype is F64
    if type(a) is not _ndarray or not (real or dtype is I64) or (mode is not PLAIN and mode is not OFF):
        return None
    if x._extra is not None and needs_care(x):
        return None
    raw: list[Any] = [a]
    for i in range(1, len(args)):
        value = args[i]
        if isinstance(value, TensorBase):
            t = value
            b = t._array
            flags |= t._flags
            if type(b) is not _ndarray or i not in places or (b.dtype is not dtype and op.promote != "own"):
                return None
            value = b
        elif type(value) is int or (real and type(value) is float):
            if op.numbers == "none" and i in places:
                return None
        elif value is not None and type(value) is not str and type(value) is not bool or value is True and i in places:
            return None
        raw.append(value)
    return None if flags > 1 or (flags and mode is not OFF) else raw


def written_plainly(op: Op, places: tuple[int, ...], args: tuple[Any, ...]) -> bool:
    """Do an in-place operation of plain tensors; False, and nothing done, where it goes the longer way."""
    raw = plain_arrays(op, places, args)
    if raw is None:
        return False
    x = args[0]
    try:
        if not computed_over(op, raw, args):
            return False
    except Exception:
        return False
    vc = x._vc
    if vc is not None and vc.views:
        mark_views_stale(vc)
    count_write(x, 3)
    return True


def computed_over(op: Op, raw: list[Any], args: tuple[Any, ...]) -> bool:
    """Store the result of a body in its first array; False, and nothing stored, where it is none for that."""
    a = raw[0]
    if not in_one_piece(a):
        return False
    if op.quick is not None:
        result = written_over(op.quick, tuple(raw))
        if result is not None:
            return result is a or transfer(a, result)
    size = a.size
    if size >= SINGLE:
        write = op.into(raw, a) if op.into is not None else None
        if write is None:
            return False
        write()
        return True
    single = _SINGLE.get(op.name) if size < FEW and a.dtype.kind == "f" else None
    if single is None:
        return transfer(a, compute(op, raw, args))
    token = hush()
    try:
        single(a, a)
    finally:
        restore(token)
    return True


def recorded_write(op: Op, args: tuple[Any, ...], x: Any, mode: Any, depth: int) -> Any:
    """The node of an in-place operation, before anything is written."""
    node = core.new_node(node_class_of(op, False, args))
    fill(node, op, args, x)
    holder = wrap(x._array)
    attach(node, holder, depth + 1)
    needed = op.arrays and any(
        op.arrays[0] + FIRST in needs
        for target, needs in zip(node._inputs, op.saves_for, strict=False)
        if target is not None
    )
    save(node, op, args, holder, original(x) if needed else None)
    return node


def original(x: Any) -> Any:
    """x as it was before it is written, with its history: second derivatives go through it."""
    if x._flags & MARKED:
        return TRANSFORMS["original"](x)
    out = wrap(x._array.copy())
    out._node = x._node
    out._flags = x._flags & 1 | x._flags >> NR_SHIFT << NR_SHIFT
    return out


def refresh_saved_result(node: Any, op: Op, x: Any) -> None:
    """A saved result is x itself after the write: share its counter and version."""
    for value in node._saved:
        if isinstance(value, core.Result):
            value._array, value._vc = x._array, counter_of(x)
            value.version = x._vc.n


def check_storable(op: Op, target: Any, result: Any) -> None:
    """May `result` be stored in `target`?  torch's words if not."""
    if result.shape != target.shape:
        raise ShapeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape {list(result.shape)}; "
            f"{op.name}_() stores its result in its first tensor"
        )
    if result.dtype != target.dtype and op.promote != "none":
        given, wanted = dtypes.of(result.dtype), dtypes.of(target.dtype)
        if not dtypes.can_cast(given, wanted):
            raise DtypeError(
                f"result type {dtypes.scalar_name(given)} can't be cast to the desired output type "
                f"{dtypes.scalar_name(wanted)}; {op.name}_() cannot store {given} in a {wanted} tensor"
            )
    check_writable(target)


def check_writable(target: Any) -> None:
    """Refuse memory in which one place stands for several elements."""
    strides = getattr(target, "strides", ())
    if 0 in strides and target.size and any(s == 0 and n > 1 for s, n in zip(strides, target.shape, strict=True)):
        raise AliasError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory "
            "location. Please clone() the tensor before performing the operation."
        )


def store(target: Any, value: Any) -> None:
    """target[...] = value, complex to real dropping the imaginary part."""
    if value.dtype.kind == "c" and target.dtype.kind != "c":
        value = value.real
    np.copyto(target, value, casting="unsafe")


def apply_out(op: Op, args: tuple[Any, ...], call: Any, out: Any) -> Any:
    """Compute without recording and store in `out`, resized if its shape is another."""
    outs = out if isinstance(out, (tuple, list)) else (out,)
    mode = current()
    if any(isinstance(x, TensorBase) and x._flags & MARKED for x in (*op.values(args), *outs)):
        return TRANSFORMS["out"](op, args, call, out)
    if mode.grad:
        wants = any(isinstance(x, TensorBase) and x._flags & 1 for x in op.values(args))
        if wants or any(x._flags & 1 for x in outs):
            raise GraphError(
                f"{op.name}(): functions with out=... arguments don't support automatic differentiation, but one of "
                "the arguments requires grad."
            )
    if isinstance(out, TensorBase) and (mode is PLAIN or mode is OFF) and written_at_once(op, args, out):
        written(out, 3)
        return out
    return computed_first(op, args, call, out, outs)


def written_at_once(op: Op, args: tuple[Any, ...], out: Any) -> bool:
    """Let a kernel write a large result right into `out`; False, and nothing done, where none is ready for that."""
    target = out._array
    if op.into is None or op.errors is not None or target.size < SIZE or out._flags & ~1 or FOREIGN:
        return False
    if any(isinstance(x, TensorBase) and x._flags & ~1 for x in op.values(args)):
        return False
    raw, _ = raw_arguments(op, args)
    write = op.into(raw, target)
    if write is None:
        return False
    check_writable(target)
    write()
    return True


def computed_first(op: Op, args: tuple[Any, ...], call: Any, out: Any, outs: Any) -> Any:
    """Compute results, check that they may be stored, and store them."""
    mode = current()
    token = enter(mode.but(grad=False) if mode is not PLAIN else OFF)
    try:
        results = call(*args)
    finally:
        leave(token)
    several = isinstance(results, (tuple, list))
    if several != isinstance(out, (tuple, list)):
        wanted = "tuple of Tensors" if several else "Tensor"
        raise ArgumentError(f"{op.name}(): argument 'out' must be {wanted}, not {type(out).__name__}")
    values = results if several else (results,)
    if len(outs) != len(values):
        raise ArgumentError(f"{op.name}() has {len(values)} results, but out= holds {len(outs)} tensors")
    demand = op.errors or STRICT.get(op.name)
    if demand is not None:
        demand(args, outs, values)
    for target, value in zip(outs, values, strict=True):
        check_out(op, target, value)
    for target, value in zip(outs, values, strict=True):
        if target._array.shape != value._array.shape:
            target._array = namespace_of(value._array).np.empty(value._array.shape, target._array.dtype)
        store(target._array, value._array)
        written(target, 4)
    return type(results)(outs) if isinstance(results, (tuple, list)) else out


def check_out(op: Op, target: Any, value: Any) -> None:
    """May a result be stored in an `out=` tensor?"""
    given, wanted = dtypes.of(value._array.dtype), dtypes.of(target._array.dtype)
    if given is not wanted and not dtypes.can_cast(given, wanted):
        raise DtypeError(
            f"result type {dtypes.scalar_name(given)} can't be cast to the desired output type "
            f"{dtypes.scalar_name(wanted)}; {op.name}() computes {given}, out= is {wanted}"
        )
    check_writable(target._array)


__all__ = ["ManyNode", "OpNode", "VersionCounter", "apply_inplace", "apply_out", "hastened"]
