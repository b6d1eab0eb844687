"""Batching rules of operators whose kind does not tell how: shapes, indices, products, losses.

A rule is given the operator, its full argument tuple, its tensors (the batch in dim 0 where there is
one), which of them are batched, and the size of the batch; it answers with results whose dim 0 counts the
entries, or NotImplemented, and then a loop does it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from numpy import ndarray

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.shape import infer_size
from wengert.core.operators import derived
from wengert.core.operators.kinds import Elementwise
from wengert.core.operators.raw import namespace_of
from wengert.core.operators.record import REGISTRY, Op
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import TensorBase, wrap
from wengert.core.tape.flatcalls import flat_call
from wengert.core.tape.views import counter_of


class Same:
    """A result that is the same for all entries."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


Rule = Callable[[Op, Sequence[Any], list[Any], list[bool], int], Any]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """State the rule of some operators."""

    def stated(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return stated


_ruling: dict[str, Any] = {}


def ruling(op: Op) -> Any:
    """The rule here for an operator, or None: what the record or its kind says."""
    found: Any = RULES.get(op.name)
    if found is None and isinstance(op.kind, Elementwise):
        found = elementwise
    elif found is None and "dim" in op.params and op.many < 0 and len(op.arrays) == 1 and op.batch is None:
        found = along_dim
    _ruling[op.name] = found
    return found


def batch(op: Op, args: Sequence[Any], values: Sequence[Any], batched: list[bool], size: int) -> Any:
    """The operator on a batch: the rule here, what the record or its kind says, else a loop."""
    own = _ruling[op.name] if op.name in _ruling else ruling(op)
    found = own(op, args, list(values), batched, size) if own is not None else NotImplemented
    if found is NotImplemented:
        dims = [0 if b else None for b in batched]
        found, _ = derived.batch(op, m, derived.replaced(op, args, values), dims, size)
    return found


def called(op: Op, args: Sequence[Any], values: Sequence[Any]) -> Any:
    """The operator with its tensors replaced."""
    return flat_call(op, derived.replaced(op, args, values))


def full(x: Any, is_batched: bool, size: int) -> Any:
    """x with the batch in dim 0, also where it is the same for all."""
    return x if is_batched else m.expand(x, (size, *x._array.shape))


def reshaped(x: Any, shape: tuple[int, ...]) -> Any:
    """x in another shape, for use inside a rule: known as a view of x only where somebody could tell."""
    if x._flags or x._array.__class__ is not ndarray:
        return m.reshape(x, shape)
    out = wrap(x._array.reshape(shape))
    out._vc = counter_of(x)
    return out


def turned(x: Any) -> Any:
    """A matrix transposed, likewise."""
    if x._flags or x._array.__class__ is not ndarray:
        return m.transpose(x, -1, -2)
    out = wrap(x._array.swapaxes(-1, -2))
    out._vc = counter_of(x)
    return out


def rank(x: Any, is_batched: bool) -> int:
    """Dims of one entry."""
    return x._array.ndim - is_batched


# ---------------------------------------------------------------- elementwise


def elementwise(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Tensors are brought to one dtype as entries would be, then aligned from the right."""
    if (
        len(values) == 1
        or alike(values)
        and all([b or not isinstance(x, TensorBase) for x, b in zip(values, batched, strict=True)])
    ):
        return called(op, args, values)
    values = met(op, values, batched)
    if values is NotImplemented:
        return NotImplemented
    ranks = [rank(x, b) for x, b in zip(values, batched, strict=True) if isinstance(x, TensorBase)]
    top = max(ranks)
    parts = []
    for x, b in zip(values, batched, strict=True):
        if b and x._array.ndim - 1 < top:
            shape = x._array.shape
            x = reshaped(x, (shape[0], *(1,) * (top - len(shape) + 1), *shape[1:]))
        parts.append(x)
    return called(op, args, parts)


def alike(values: list[Any]) -> bool:
    """Whether the tensors among the values have as many dims and one dtype."""
    first = None
    for x in values:
        if not isinstance(x, TensorBase):
            if x is not None and x.__class__ is not float and x.__class__ is not int:
                return False
            continue
        a = x._array
        if first is None:
            first = a
        elif a.ndim != first.ndim or a.dtype is not first.dtype:
            return False
    return first is not None


def met(op: Op, values: list[Any], batched: list[bool]) -> Any:
    """Tensors of several dtypes in the one that their entries meet in: a 0-d entry counts as 0-d, batched or not.

    The condition of `where` is no operand.
    """
    tensors = [(x, b) for x, b in zip(values, batched, strict=True) if isinstance(x, TensorBase)]
    if op.name == "chosen":
        tensors = [(x, b) for x, b in tensors if x._array.dtype.kind != "b"] or tensors
    kinds = {x._array.dtype for x, _ in tensors}
    if len(kinds) == 1 or all(rank(x, b) for x, b in tensors):
        return values
    if op.promote not in ("common", "float") and op.name != "chosen":
        return NotImplemented
    operands = [(dtypes.of(x._array.dtype), "dim" if rank(x, b) else "zero") for x, b in tensors]
    operands += [(dtypes.NUMBERS[type(x)], "number") for x in values if type(x) in dtypes.NUMBERS]
    common = dtypes.result_type(tuple(operands)).numpy
    operand = {id(x) for x, _ in tensors}
    return [m.to_dtype(x, common) if id(x) in operand and x._array.dtype != common else x for x in values]


@rule("masked_fill")
def masked(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """One value for all entries, or one for each."""
    x, mask, value = values
    if batched[2]:
        dtype = x._array.dtype
        value = value if value._array.dtype == dtype else m.to_dtype(value, dtype)
        record = REGISTRY["chosen"]
        return elementwise(record, [mask, value, x], [mask, value, x], [batched[1], True, batched[0]], size)
    top = max(rank(x, batched[0]), rank(mask, batched[1]))
    parts = []
    for y, b in zip((x, mask), batched, strict=False):
        shape = y._array.shape
        parts.append(reshaped(y, (size, *(1,) * (top - len(shape) + 1), *shape[1:])) if b else y)
    return called(op, args, [*parts, value])


@rule(
    "zero_of", "zero_like", "one_like", "filled_like", "blank_like", "bitwise_not", "logical_not",
    "isnan", "isinf", "isfinite", "isposinf", "isneginf", "isreal", "signbit", "to_dtype", "clone", "alias", "tril",
    "triu", "view_as_real", "view_as_complex", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "to_device",
    "modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1", "constant_pad_nd",
)  # fmt: skip
def trailing(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Dims in front are no matter to the operator."""
    if op.name == "clone" and "channels" in str(args[1]):
        return m.clone(values[0])
    return called(op, args, values)


@rule(
    "eq", "ne", "lt", "le", "gt", "ge", "isclose", "logical_and", "logical_or", "logical_xor", "bitwise_and",
    "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift", "gcd", "lcm",
)  # fmt: skip
def plainly(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Elementwise without a derivative."""
    return elementwise(op, args, values, batched, size)


@rule("copy")
def copied(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """The second tensor in the shape and dtype of the first."""
    x = full(values[0], batched[0], size)
    return (
        elementwise(op, args, [x, *values[1:]], [True, *batched[1:]], size)
        if isinstance(values[1], TensorBase)
        else called(op, args, [x, *values[1:]])
    )


@rule("fill")
def filled(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """x with one value per entry."""
    x, value = values
    if not isinstance(value, TensorBase):
        return called(op, args, values)
    if not batched[1]:
        return called(op, args, values)
    x = full(x, batched[0], size)
    spread = m.reshape(value, (size, *(1,) * (x._array.ndim - 1)))
    return m.expand(m.to_dtype(spread, x._array.dtype), x._array.shape)


# ---------------------------------------------------------------- along a dim


def along_dim(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """One tensor and a `dim`: from the front it moves up by one, from the back it stays; entries without dims get one.

    None is all dims of an entry where `dim` may be several.
    """
    x = values[0]
    n = x._array.ndim - 1
    i = op.params.index("dim")
    dim = args[i]
    for k, value in enumerate(args):
        if k != i and value.__class__ in (tuple, list) and value:
            return NotImplemented  # sizes beside `dim` would have to move too
    if n == 0:
        return without_dims(op, args, x, i)
    changed = list(derived.replaced(op, args, [x]))
    if dim is None or dim.__class__ is tuple and not dim:
        if i not in op.ints or dim is not None and "keepdim" not in op.params:
            return NotImplemented
        changed[i] = tuple(range(1, n + 1))
    elif dim.__class__ is int:
        changed[i] = wrapped(dim, n)
    else:
        changed[i] = tuple([wrapped(d, n) for d in dim])
    return flat_call(op, changed)


def without_dims(op: Op, args: Any, x: Any, i: int) -> Any:
    """The operator on entries without dims: on vectors of one element."""
    dim = args[i]
    if dim not in (None, 0, -1, (), (0,), (-1,)) or op.kind.view:
        return NotImplemented
    changed = list(derived.replaced(op, args, [reshaped(x, (*x._array.shape, 1))]))
    changed[i] = 1 if isinstance(dim, int) or dim is None and i not in op.ints else (1,)
    found = flat_call(op, changed)
    size = x._array.shape[0]
    if isinstance(found, (tuple, list)):
        return tuple([reshaped(y, (size,)) for y in found])
    return reshaped(found, (size,))


# ---------------------------------------------------------------- shapes


def wrapped(dim: int, n: int) -> int:
    """A dim of an entry of n dims as a dim of the batch; out of range stays so."""
    return dim + 1 if dim >= 0 else dim if dim >= -n else dim - 1


@rule("transpose", "rot90", "diagonal", "diag_embed", "unfold", "flip", "roll", "permute", "squeeze", "unsqueeze")
def moved_dims(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Dims as attributes: each moves up by one."""
    x = values[0]
    n = x._array.ndim - 1
    room = n + 1 if op.name in ("unsqueeze", "diag_embed") else n
    if n == 0 and op.name in ("transpose", "flip", "roll", "unfold", "squeeze"):
        return NotImplemented if op.name in ("unfold", "roll") else m.alias(x)
    changed = list(derived.replaced(op, args, values))
    for name in ("dim", "dim0", "dim1", "dim2", "dims", "dimension"):
        if name not in op.params:
            continue
        i = op.params.index(name)
        given = changed[i]
        if given is None or given == () and name == "dims" and op.name == "roll":
            if op.name == "squeeze":
                changed[i] = tuple(k for k in range(1, n + 1) if x._array.shape[k] == 1)
                continue
            return NotImplemented
        if isinstance(given, int):
            changed[i] = wrapped(given, room)
        else:
            moved = tuple([wrapped(d, room) for d in given])
            changed[i] = (0, *[d % (n + 1) for d in moved]) if op.name == "permute" else moved
    return derived.invoke(op, m, changed)


@rule("t")
def matrix_transpose(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """The last two dims."""
    x = values[0]
    return m.transpose(x, 1, 2) if x._array.ndim == 3 else m.alias(x) if x._array.ndim < 3 else NotImplemented


@rule("expand", "view_shape", "reshape_copy", "unsafe_view", "sum_to", "repeat")
def sized(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """A size as attribute: the batch in front."""
    x = values[0]
    given = args[1]
    shape = (given,) if isinstance(given, int) else tuple(given)
    own = x._array.shape[1:]
    if op.name in ("expand", "sum_to", "repeat"):
        lead = len(shape) - len(own)
        if lead > 0:
            x = m.reshape(x, (size, *(1,) * lead, *own))
    if op.name == "sum_to":
        lead = len(own) - len(shape)
        found = m.sum_to(x, (size, *(1,) * lead, *shape))
        return m.reshape(found, (size, *shape)) if lead else found
    if op.name in ("view_shape", "reshape_copy", "unsafe_view"):
        shape = infer_size(shape, prod(own)) if -1 in shape else shape
    front = 1 if op.name == "repeat" else size
    return derived.invoke(op, m, [x, (front, *shape), *args[2:]])


@rule("spread")
def spread(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """A reduced tensor at every place that it was reduced from."""
    x, shape, dim, keepdim = values[0], tuple(args[1]), args[2], args[3]
    if not shape:
        return x
    if keepdim and dim is not None:
        return m.expand(x, (size, *shape))
    dims = range(len(shape)) if dim is None or dim == () else (dim,) if isinstance(dim, int) else dim
    gone = {d % len(shape) for d in dims}
    kept = m.reshape(x, (size, *[1 if i in gone else n for i, n in enumerate(shape)]))
    return m.expand(kept, (size, *shape))


@rule("select_backward", "slice_backward", "diagonal_backward", "unfold_backward")
def sized_backward(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Transposes of views: sizes and dims of the input."""
    if any(batched[1:]):
        return NotImplemented
    changed = list(derived.replaced(op, args, values))
    shape = tuple(changed[1])
    changed[1] = (size, *shape)
    for name in ("dim", "dim1", "dim2"):
        if name in op.params:
            i = op.params.index(name)
            changed[i] = changed[i] % max(len(shape), 1) + 1
    return derived.invoke(op, m, changed)


@rule("trace")
def traced(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Sum of the diagonal."""
    return m.sum(m.diagonal(values[0], 0, -2, -1), -1)


@rule("has_zero", "covers")
def any_zero(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Asked to choose between two ways of which one is right with and without zeros: one choice for all entries."""
    return Same(called(op, args, values))


@rule("extremum")
def extreme(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """The largest or smallest of all elements of an entry."""
    x = m.reshape(values[0], (size, -1))
    return m.amax(x, 1) if args[1] else m.amin(x, 1)


@rule("cat", "stack")
def joined(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Tensors joined along a dim."""
    parts = [full(x, b, size) for x, b in zip(values, batched, strict=True)]
    n = max(x._array.ndim for x in parts) - 1 + (op.name == "stack")
    dim = args[1] if len(args) > 1 else 0
    if op.name == "cat" and n == 0:
        return NotImplemented
    if op.name == "cat" and any(x._array.ndim - 1 != n for x in parts):
        return NotImplemented
    return derived.invoke(op, m, [parts, wrapped(dim, n)])


def counting(like: Any, size: int, dims: int) -> Any:
    """0, 1, ..., size - 1 along the first of `dims` dims."""
    return wrap(namespace_of(like._array).np.arange(size).reshape((size,) + (1,) * (dims - 1)))
