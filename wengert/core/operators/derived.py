"""What follows from a record besides its gradient: tangents, batches, shapes without computing.

    jvp     elementwise from its partials, linear = the operator itself, bilinear = f(ta, b) + f(a, tb)
    batch   elementwise by aligning dims, one-tensor operators by shifting `dim`, the rest by a loop
    infer   elementwise by broadcasting and promotion, the rest by running the body on stand-ins

Each works on the values of its namespace `m`: raw arrays or recorded tensors.  A record that
knows better states `jvp=`, `batch=` or `shape=`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.quiet import hush, restore
from wengert.core.arrays.shape import broadcast_shapes
from wengert.core.base.errors import MissingError
from wengert.core.operators.kinds import Bilinear, Composite, Elementwise, Linear, Plain
from wengert.core.operators.raw import namespace_of
from wengert.core.operators.record import Op

# ---------------------------------------------------------------- calling a record with its full argument tuple


def invoke(op: Op, m: Any, args: Sequence[Any]) -> Any:
    """The operator in namespace `m` on a full argument tuple."""
    names = op.params[op.positional :]
    named = dict(zip(names, args[op.positional :], strict=True))
    function = op.call if m.recorded and op.call is not None and not hasattr(m, "run") else getattr(m, op.name)
    return function(*args[: op.positional], **named)


def replaced(op: Op, args: Sequence[Any], values: Sequence[Any]) -> list[Any]:
    """The argument tuple with its tensors replaced, in the order of `op.values`."""
    full = list(args)
    if op.many >= 0:
        full[op.many] = list(values)
    else:
        for i, value in zip(op.arrays, values, strict=True):
            full[i] = value
    return full


# ---------------------------------------------------------------- tangents


def jvp(op: Op, m: Any, args: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
    """Tangent of the result(s) of `op(*args)` from those of its tensors (None: constant).

    args: the full argument tuple; tangents: in the order of `op.values(args)`, for a list of
    tensors each must be given.  Returns None if the result does not move, NotImplemented if
    the kind states no more than a gradient rule: its transpose is the tangent then.
    """
    if op.jvp is not None:
        return stated_jvp(op, m, args, tangents, out)
    kind = op.kind
    if isinstance(kind, Plain) or all(t is None for t in tangents):
        return None
    if isinstance(kind, Elementwise):
        return elementwise_jvp(op, m, args, tangents, out)
    if isinstance(kind, Bilinear):
        return bilinear_jvp(op, m, args, tangents)
    if isinstance(kind, Linear) or op.name in _JOINING:
        if op.many >= 0:
            return invoke(op, m, replaced(op, args, tangents))
        if any(t is not None for t in tangents[1:]):
            return NotImplemented
        moving = replaced(op, args, [tangents[0], *list(op.values(tuple(args)))[1:]])
        scaled = "reduce" in op.params and args[op.params.index("reduce")] != "add"
        for i, name in enumerate(op.params):
            if name in _CONSTANTS and not scaled:
                moving[i] = 0
        return invoke(op, m, moving)
    return NotImplemented


_JOINING = ("cat", "stack", "block_diagonal")
"""Linear in a list of tensors, each with a rule of its own."""

_CONSTANTS = ("fill", "value")
"""Attributes of linear records that are written beside what is linear: nothing of them moves."""


def plainly_linear(op: Op) -> bool:
    """Whether the record is linear in one tensor, whatever its attributes are: its tangent is itself."""
    return (
        isinstance(op.kind, Linear)
        and op.jvp is None
        and len(op.arrays) == 1
        and "reduce" not in op.params
        and not any(name in op.params for name in _CONSTANTS)
    )


def stated_jvp(op: Op, m: Any, args: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
    """The rule that the record states; its parameter names say what it needs, `t` is the tangent(s)."""
    code = op.jvp.__code__
    single = op.many < 0 and len(op.arrays) == 1
    known = {
        "m": m,
        "t": tangents[0] if single else tuple(tangents),
        "out": out,
        **dict(zip(op.params, args, strict=True)),
    }
    return op.jvp(*[known[name] for name in code.co_varnames[: code.co_argcount]])


@cache
def partial_of(op: Op, i: int) -> tuple[Any, bool]:
    """The i-th partial of an elementwise record: a number or a rule, and whether it is the product with g already."""
    d = op.kind.d[i]
    if not callable(d):
        return d, False
    return op.rule(d), "g" in d.__code__.co_varnames[: d.__code__.co_argcount]


def is_complex(x: Any) -> bool:
    """Whether an array or a tensor holds complex numbers."""
    dtype = getattr(x, "dtype", None)
    return getattr(dtype, "kind", "") == "c" or getattr(dtype, "is_complex", False)


def elementwise_jvp(op: Op, m: Any, args: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
    """sum_i partial_i * tangent_i, brought to the result's shape.

    A partial that mentions g is the gradient already; for real numbers it is the tangent rule
    too, for complex ones it is conjugated in a way that only the record knows: NotImplemented.
    """
    values = list(op.values(tuple(args)))
    first = next((x.shape for x in values if hasattr(x, "shape")), None)
    shape = tuple(out.shape)
    total = None
    for i, t in enumerate(tangents[: len(op.kind.d)]):
        d, whole = partial_of(op, i)
        if t is None or d is None:
            continue
        if whole:
            if any(map(is_complex, (*values, out))):
                return NotImplemented
            part = d([m, m.expand(t, shape) if tuple(t.shape) != shape else t, out, first, *args])
        elif callable(d):
            part = t * d([m, None, out, first, *args])
        else:
            part = t if d == 1 else t * d
        total = part if total is None else total + part
    return m.expand(total, shape) if total is not None and tuple(total.shape) != shape else total


def bilinear_jvp(op: Op, m: Any, args: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """f(ta, b) + f(a, tb)."""
    if any(t is not None for t in tangents[2:]):
        return NotImplemented
    values = list(op.values(tuple(args)))
    total = None
    for i, t in enumerate(tangents[:2]):
        if t is not None:
            part = invoke(op, m, replaced(op, args, [*values[:i], t, *values[i + 1 :]]))
            total = part if total is None else total + part
    return total


# ---------------------------------------------------------------- batches


def batch(op: Op, m: Any, args: Sequence[Any], in_dims: Sequence[Any], size: int) -> tuple[Any, Any]:
    """The operator on a batch: (results, dims of the results that count the batch).

    args: full argument tuple whose tensors may carry one dim more; in_dims: per tensor, in the
    order of `op.values`, where that dim is (None: the tensor is the same for all); size: how
    many.  Every record has a rule: its own, its kind's, or the loop.
    """
    values = [
        x if d is None or d == 0 else to_front(m, x, d) for x, d in zip(op.values(tuple(args)), in_dims, strict=True)
    ]
    batched = [d is not None for d in in_dims]
    rule = BATCHING[op.batch] if isinstance(op.batch, str) else op.batch or batching_rule(op)
    found = rule(op, m, args, values, batched)
    if found is NotImplemented:
        found = looped(op, m, args, values, batched, size)
    return found, (0,) * len(found) if isinstance(found, (tuple, list)) else 0


def batching_rule(op: Op) -> Callable[..., Any]:
    """What the kind and the parameters allow."""
    if isinstance(op.kind, Elementwise):
        return aligned
    if op.many < 0 and len(op.arrays) == 1 and "dim" in op.params and not isinstance(op.kind, Composite):
        return shifted
    return unknown


def unknown(op: Op, m: Any, args: Sequence[Any], values: list[Any], batched: list[bool]) -> Any:
    """No rule: a loop is needed."""
    return NotImplemented


def to_front(m: Any, x: Any, d: int) -> Any:
    """Dim d moved to the front."""
    n = x.ndim
    d = d + n if d < 0 else d
    return m.permute(x, (d, *(i for i in range(n) if i != d)))


def aligned(op: Op, m: Any, args: Sequence[Any], values: list[Any], batched: list[bool]) -> Any:
    """Elementwise: the batch dim in front of what the tensors broadcast to."""
    ranks = [x.ndim - b for x, b in zip(values, batched, strict=True) if hasattr(x, "ndim")]
    if len({x.dtype for x in values if hasattr(x, "dtype")}) > 1 and min(ranks) == 0:
        return NotImplemented  # a batched 0-d tensor would promote as if it had dims
    if min(ranks) == 0 and len(ranks) < len(op.arrays):
        return NotImplemented  # and so would it beside a number
    rank = max(ranks)
    parts = []
    for x, b in zip(values, batched, strict=True):
        if b and x.ndim - 1 < rank:
            x = m.reshape(x, (x.shape[0], *(1,) * (rank - x.ndim + 1), *x.shape[1:]))
        parts.append(x)
    return invoke(op, m, replaced(op, args, parts))


def leading(op: Op, m: Any, args: Sequence[Any], values: list[Any], batched: list[bool]) -> Any:
    """Operators on trailing dims that take any dims in front: nothing to do but to align ranks >= 2."""
    ranks = [x.ndim - b for x, b in zip(values, batched, strict=True) if x is not None]
    if min(ranks) != max(ranks) and min(ranks) < 2:
        return NotImplemented
    return aligned(op, m, args, values, batched)


def shifted(op: Op, m: Any, args: Sequence[Any], values: list[Any], batched: list[bool]) -> Any:
    """One tensor and a `dim`: counted from the front it moves up by one, from the back it stays."""
    rank = values[0].ndim - 1
    if rank == 0:
        return NotImplemented
    full = replaced(op, args, values)
    i = op.params.index("dim")
    dim = full[i]
    if any(isinstance(x, (tuple, list)) and (k != i or not x) for k, x in enumerate(full)):
        return NotImplemented  # sizes beside `dim` would have to move too
    if dim is None:
        if i not in op.ints:
            return NotImplemented
        dim = tuple(range(-rank, 0))
    if isinstance(dim, (tuple, list)):
        full[i] = tuple(d + 1 if d >= 0 else d for d in dim)
    elif dim >= 0:
        full[i] = dim + 1
    found = full[i] if isinstance(full[i], tuple) else (full[i],)
    if any(d > rank or d < -rank for d in found):
        return NotImplemented
    return invoke(op, m, full)


BATCHING: dict[str, Callable[..., Any]] = {"loop": unknown, "leading": leading}
"""Words for `batch=` on a record: one call per entry; dims in front are no matter to the operator."""


def looped(op: Op, m: Any, args: Sequence[Any], values: list[Any], batched: list[bool], size: int) -> Any:
    """One call per entry, the results stacked: right for every operator, and slow."""
    rows = []
    for k in range(size):
        entry = [m.select(x, 0, k) if b else x for x, b in zip(values, batched, strict=True)]
        rows.append(invoke(op, m, replaced(op, args, entry)))
    if not rows:
        raise MissingError(f"{op.name}() has no batching rule of its own, so a batch of size 0 has no shape to take")
    if isinstance(rows[0], (tuple, list)):
        return tuple(m.stack(list(parts), 0) for parts in zip(*rows, strict=True))
    return m.stack(rows, 0)


# ---------------------------------------------------------------- shapes without computing


VALUES = "values"
"""`shape=VALUES` on a record says that values decide the shape of its result."""


class Spec:
    """Shape and NumPy dtype of an array that need not exist."""

    __slots__ = ("shape", "dtype")

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = tuple(shape), dtype

    def __repr__(self) -> str:
        return f"Spec({self.shape}, {self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and self.shape == other.shape and self.dtype == other.dtype

    __hash__ = None  # type: ignore[assignment]


def infer(op: Op, args: Sequence[Any]) -> Any:
    """Shape and dtype of the result(s) of `op`; tensors among `args` are given as Specs.

    Raises: MissingError for composites (their parts are inferred one by one) and where the
    shape depends on values; else what the operator itself raises.
    """
    if op.shape == VALUES:
        raise MissingError(f"{op.name}(): the shape of the result depends on the values of its input")
    if op.shape is not None:
        return op.shape(*args)
    if isinstance(op.kind, Composite):
        raise MissingError(f"{op.name}() is made of other operators: infer those")
    if isinstance(op.kind, Elementwise):
        return elementwise_spec(op, args)
    values = list(op.values(tuple(args)))
    common, half = common_dtype(op, args) if op.promote in MEETING else (None, own_half(op, values))
    make = blank if op.kind.view else stand_in
    parts = [
        make(x, common or (_SINGLE if half is not None and is_half(x.dtype) else x.dtype)) if isinstance(x, Spec) else x
        for x in values
    ]
    return spec_of(run_body(op, replaced(op, args, parts)), half)


def is_half(dtype: Any) -> bool:
    """Whether bodies get it as float32."""
    return dtype.itemsize <= 2 and dtype.kind in "fV"


def own_half(op: Op, values: Sequence[Any]) -> Any:
    """The half dtype that results come back to where tensors keep their own dtypes."""
    if op.kind.half != "upcast" or op.many >= 0:
        return None
    return next((x.dtype for x in values if isinstance(x, Spec) and is_half(x.dtype)), None)


def blank(spec: Spec, dtype: Any) -> Any:
    """An array as a view operator expects it: contiguous; its memory is never touched."""
    return namespace_of(None).np.empty(spec.shape, dtype)


def spec_of(result: Any, half: Any) -> Any:
    """The Spec of a body's result(s)."""
    if isinstance(result, (tuple, list)):
        return tuple(spec_of(part, half) for part in result)
    dtype = getattr(result, "dtype", None) or dtypes.NUMBERS[type(result)].numpy
    return Spec(getattr(result, "shape", ()), half if half is not None and dtype == _SINGLE else dtype)


_SINGLE = dtypes.float32.numpy
MEETING = ("common", "float")
"""Promotions in which the tensors of a call meet in one dtype."""


def elementwise_spec(op: Op, args: Sequence[Any]) -> Spec:
    """Broadcast shape; the dtype is what the body makes of empty arrays."""
    common, half = common_dtype(op, args) if op.promote in MEETING else (None, None)
    shapes, empty = [], []
    for x in op.values(tuple(args)):
        if isinstance(x, Spec):
            shapes.append(x.shape)
            x = stand_in(Spec((0,) if x.shape else (), x.dtype), common or x.dtype)
        empty.append(x)
    return Spec(broadcast_shapes(*shapes), spec_of(run_body(op, replaced(op, args, empty)), half).dtype)


def common_dtype(op: Op, args: Sequence[Any]) -> tuple[Any, Any]:
    """The dtype the body computes in, and the half dtype its results come back to (or None)."""
    operands = []
    for x in op.values(tuple(args)):
        if isinstance(x, Spec):
            operands.append((dtypes.of(x.dtype), "dim" if x.shape else "zero"))
        elif x is not None:
            operands.append((dtypes.NUMBERS[type(x)], "number"))
    found = dtypes.result_type(tuple(operands)).numpy
    if op.promote == "float" and found.kind in "iub":
        found = dtypes.default_float()
    if is_half(found):
        return _SINGLE, found
    return found, None


def stand_in(spec: Spec, dtype: Any) -> Any:
    """An array of one shape that owns next to no memory: zero strides, or the identity for square matrices."""
    np = namespace_of(None).np
    shape = spec.shape
    if dtype.kind in "fc" and len(shape) > 1 and shape[-1] == shape[-2]:
        return np.broadcast_to(np.eye(shape[-1], dtype=dtype), shape)
    return np.broadcast_to(np.zeros((), dtype), shape)


def run_body(op: Op, args: Sequence[Any]) -> Any:
    """The body on raw arrays."""
    m = namespace_of(None)
    names = op.params[op.positional :]
    named = dict(zip(names, args[op.positional :], strict=True))
    token = hush()
    try:
        return op.body(m if op.recorded_body else m.np, *args[: op.positional], **named)
    finally:
        restore(token)


__all__ = ["VALUES", "Spec", "aligned", "batch", "infer", "jvp", "leading", "shifted", "unknown"]
