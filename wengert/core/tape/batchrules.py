"""Batching rules of operators whose kind does not tell how: shapes, indices, products, losses.

A rule is given the operator, its full argument tuple, its tensors (the batch in dim 0 where there is
one), which of them are batched, and the size of the batch; it answers with results whose dim 0 counts the
entries, or NotImplemented, and then a loop does it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.shape import infer_size
from wengert.core.operators import derived
from wengert.core.operators.kinds import Elementwise
from wengert.core.operators.raw import namespace_of
from wengert.core.operators.record import Op
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import TensorBase, wrap


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


def batch(op: Op, args: Sequence[Any], values: Sequence[Any], batched: list[bool], size: int) -> Any:
    """The operator on a batch: the rule here, what the record or its kind says, else a loop."""
    found = NotImplemented
    parts = list(values)
    own = RULES.get(op.name)
    if own is not None:
        found = own(op, args, parts, batched, size)
    elif isinstance(op.kind, Elementwise):
        found = elementwise(op, args, parts, batched, size)
    elif "dim" in op.params and op.many < 0 and len(op.arrays) == 1 and op.batch is None:
        found = along_dim(op, args, parts, batched, size)
    if found is NotImplemented:
        dims = [0 if b else None for b in batched]
        found, _ = derived.batch(op, m, derived.replaced(op, args, values), dims, size)
    return found


def called(op: Op, args: Sequence[Any], values: Sequence[Any]) -> Any:
    """The operator with its tensors replaced."""
    return derived.invoke(op, m, derived.replaced(op, args, values))


def full(x: Any, is_batched: bool, size: int) -> Any:
    """x with the batch in dim 0, also where it is the same for all."""
    return x if is_batched else m.expand(x, (size, *x._array.shape))


def rank(x: Any, is_batched: bool) -> int:
    """Dims of one entry."""
    return x._array.ndim - is_batched


# ---------------------------------------------------------------- elementwise


def elementwise(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Tensors are brought to one dtype as entries would be, then aligned from the right."""
    values = met(op, values, batched)
    if values is NotImplemented:
        return NotImplemented
    ranks = [rank(x, b) for x, b in zip(values, batched, strict=True) if isinstance(x, TensorBase)]
    top = max(ranks)
    parts = []
    for x, b in zip(values, batched, strict=True):
        if b and x._array.ndim - 1 < top:
            shape = x._array.shape
            x = m.reshape(x, (shape[0], *(1,) * (top - len(shape) + 1), *shape[1:]))
        parts.append(x)
    return called(op, args, parts)


def met(op: Op, values: list[Any], batched: list[bool]) -> Any:
    """Tensors of several dtypes in the one that their entries meet in: a 0-d entry counts as 0-d, batched or not."""
    tensors = [(x, b) for x, b in zip(values, batched, strict=True) if isinstance(x, TensorBase)]
    kinds = {x._array.dtype for x, _ in tensors}
    if len(kinds) == 1 or all(rank(x, b) for x, b in tensors):
        return values
    if op.promote not in ("common", "float"):
        return NotImplemented
    operands = [(dtypes.of(x._array.dtype), "dim" if rank(x, b) else "zero") for x, b in tensors]
    operands += [(dtypes.NUMBERS[type(x)], "number") for x in values if type(x) in dtypes.NUMBERS]
    common = dtypes.result_type(tuple(operands)).numpy
    return [m.to_dtype(x, common) if isinstance(x, TensorBase) and x._array.dtype != common else x for x in values]


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
    """One tensor and a `dim`; an entry without dims is given one."""
    x = values[0]
    if x._array.ndim > 1:
        return NotImplemented
    dim = args[op.params.index("dim")]
    if dim not in (None, 0, -1, (), (0,), (-1,)) or op.kind.view:
        return NotImplemented
    if any(isinstance(a, (tuple, list)) for i, a in enumerate(args) if op.params[i] != "dim"):
        return NotImplemented
    changed = list(derived.replaced(op, args, [m.unsqueeze(x, 1)]))
    changed[op.params.index("dim")] = (
        1 if isinstance(dim, int) or dim is None and op.params.index("dim") not in op.ints else (1,)
    )
    found = derived.invoke(op, m, changed)
    if isinstance(found, (tuple, list)):
        return tuple([m.reshape(y, (size,)) for y in found])
    return m.reshape(found, (size,))


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


@rule("select_backward", "slice_backward", "diagonal_backward", "unfold_backward", "index_select_backward")
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


@rule("has_zero")
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


# ---------------------------------------------------------------- products


@rule("addmm", "addmv", "baddbmm", "addr", "addbmm")
def added_product(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """beta * input + alpha * product, in parts."""
    x, a, b = values
    beta, alpha = args[-2:]
    if op.name == "addmm" or op.name == "baddbmm":
        product = m.matmul(a, b)
    elif op.name == "addmv":
        product = m.squeeze(m.matmul(a, m.unsqueeze(b, -1)), -1)
    elif op.name == "addbmm":
        product = m.sum(m.matmul(a, b), -3)
    else:
        product = m.mul(m.unsqueeze(a, -1), m.unsqueeze(b, -2))
    if not any(batched[1:]):
        product = full(product, False, size)
    product = product if alpha == 1 else m.mul(product, alpha)
    if beta == 0:
        return product
    if batched[0] and x._array.ndim < product._array.ndim:
        shape = x._array.shape
        x = m.reshape(x, (size, *(1,) * (product._array.ndim - len(shape)), *shape[1:]))
    return m.add(x if beta == 1 else m.mul(x, beta), product)


@rule("bmm")
def bmm(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """matmul broadcasts."""
    return m.matmul(values[0], values[1])


@rule("mm")
def mm(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """matmul broadcasts; a batch of left factors for one right factor is one larger left factor."""
    a, b = values
    if batched[0] and not batched[1]:
        n, k = a._array.shape[1:]
        return m.reshape(m.mm(m.reshape(a, (size * n, k)), b), (size, n, b._array.shape[1]))
    if a._array.shape[-1] == 1 and a._array.dtype == b._array.dtype and a._array.dtype.kind in "fc":
        return m.mul(a, b)  # outer products: one pass over the result
    return m.matmul(a, b)


@rule("mv")
def mv(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """A batch of vectors for one matrix is a matrix."""
    a, x = values
    if not batched[1]:
        return m.matmul(a, x)
    if not batched[0]:
        return m.mm(x, m.transpose(a, 0, 1))
    return m.squeeze(m.matmul(a, m.unsqueeze(x, -1)), -1)


@rule("dot", "vdot")
def dot(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """sum a b, a conjugated in vdot."""
    a, b = values
    a = m.conj(a) if op.name == "vdot" else a
    if batched[0] and batched[1]:
        return m.squeeze(m.squeeze(m.matmul(m.unsqueeze(a, -2), m.unsqueeze(b, -1)), -1), -1)
    return m.mv(a, b) if batched[0] else m.mv(b, a)


@rule("linear_bias", "linear_plain")
def linear(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """x @ w.T + b: one layer for all entries is one larger input."""
    x, w, *rest = values
    if not any(batched[1:]):
        return m.linear(x, w, *rest)
    product = m.matmul(x, m.transpose(w, -1, -2)) if batched[1] else m.matmul(x, m.t(w))
    if not batched[0] and not batched[1]:
        product = full(product, False, size)
    if not rest:
        return product
    bias = m.unsqueeze(rest[0], 1) if batched[2] else rest[0]
    return m.add(product, bias)


# ---------------------------------------------------------------- losses


@rule("mse_loss", "smooth_l1_kernel", "huber_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits")
def loss(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Per element, then reduced over each entry."""
    i = op.params.index("reduction")
    changed = [*args[:i], "none", *args[i + 1 :]]
    tensors = [(x, b) for x, b in zip(values, batched, strict=True) if isinstance(x, TensorBase)]
    top = max(rank(x, b) for x, b in tensors)
    parts = []
    for x, b in zip(values, batched, strict=True):
        if isinstance(x, TensorBase) and b and rank(x, b) < top:
            x = m.reshape(x, (size, *(1,) * (top - rank(x, b)), *x._array.shape[1:]))
        parts.append(full(x, b, size) if isinstance(x, TensorBase) and rank(x, b) == top else x)
    found = called(op, changed, parts)
    return reduced(found, args[i])


def reduced(x: Any, reduction: str) -> Any:
    """Sum or mean over the entries' own dims."""
    dims = tuple(range(1, x._array.ndim))
    if reduction == "none" or not dims:
        return x
    return m.mean(x, dims) if reduction == "mean" else m.sum(x, dims)


@rule("nll_loss")
def nll(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Minus the scores at the targets, weighted; an entry is (c), (n, c) or (n, c, ...)."""
    x, target, weight = values
    ignore, reduction = args[op.params.index("ignore_index")], args[op.params.index("reduction")]
    if len(batched) > 2 and batched[2]:
        return NotImplemented
    x, target = full(x, batched[0], size), full(target, batched[1], size)
    dim = 1 if x._array.ndim == 2 else 2
    kept = m.ne(target, ignore)
    places = m.where(kept, target, m.zero_like(target))
    scores = m.squeeze(m.gather(x, dim, m.unsqueeze(places, dim)), dim)
    shares = m.to_dtype(kept, x._array.dtype)
    if weight is not None:
        shares = m.mul(shares, m.reshape(m.index_select(weight, 0, m.reshape(places, (-1,))), places._array.shape))
    losses = m.neg(m.mul(scores, shares))
    if reduction != "mean" or not target._array.ndim - 1:
        return m.div(losses, shares) if reduction == "mean" else reduced(losses, reduction)
    return m.div(reduced(losses, "sum"), reduced(shares, "sum"))


# ---------------------------------------------------------------- indices


def counting(like: Any, size: int, dims: int) -> Any:
    """0, 1, ..., size - 1 along the first of `dims` dims."""
    return wrap(namespace_of(like._array).np.arange(size).reshape((size,) + (1,) * (dims - 1)))


@rule("index", "index_clear")
def indexed(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Index tensors; where they are batched themselves, a count of the entries is one more."""
    x, *tensors = values
    where, own = tuple(args[1]), [t for t in tensors if t is not None]
    masks = any(t._array.dtype.kind == "b" for t in own)
    apart = any(b - a != 1 for a, b in zip(where, where[1:], strict=False))
    if masks and (any(batched[1:]) or len(own) > 1):
        return NotImplemented
    if not any(batched[1:]):
        found = called(op, (args[0], tuple(k + 1 for k in where), *args[2:]), values)
        lead = max(t._array.ndim for t in own)
        return derived.to_front(m, found, lead) if apart and op.name == "index" else found
    aligned, top = spread_indices(tensors, batched[1:], size)
    if len(aligned) == len(tensors):
        return NotImplemented
    x = full(x, batched[0], size)
    slots = (counting(x, size, top + 1), *aligned, *(None,) * (len(tensors) - len(aligned) - 1))
    found = called(op, (x, (0, *[k + 1 for k in where]), *slots), [x, *slots])
    if op.name == "index_clear" or apart or not where[0]:
        return found
    n = found._array.ndim
    own_dims, before = range(1, top + 1), range(top + 1, top + 1 + where[0])
    return m.permute(found, (0, *before, *own_dims, *range(top + 1 + where[0], n)))


def spread_indices(tensors: list[Any], batched: list[bool], size: int) -> tuple[list[Any], int]:
    """Index tensors with the entries in dim 0, aligned; and the dims of an entry's index."""
    own = [(t, b) for t, b in zip(tensors, batched, strict=True) if t is not None]
    top = max(rank(t, b) for t, b in own)
    aligned = []
    for t, b in own:
        shape = t._array.shape[1:] if b else t._array.shape
        aligned.append(m.reshape(t, (size if b else 1, *(1,) * (top - len(shape)), *shape)))
    return aligned, top


@rule("index_write")
def written(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Values stored at index tensors of every entry."""
    x, given, *tensors = values
    where, own = tuple(args[2]), [t for t in tensors if t is not None]
    if any(t._array.dtype.kind == "b" for t in own) or any(b - a != 1 for a, b in zip(where, where[1:], strict=False)):
        return NotImplemented
    aligned, top = spread_indices(tensors, batched[2:], size)
    if len(aligned) == len(tensors) or where[0] and batched[1]:
        return NotImplemented
    if where[0]:
        if any(batched[2:]):
            return NotImplemented
        return called(op, (x, given, tuple(k + 1 for k in where), *args[3:]), [full(x, batched[0], size), *values[1:]])
    x = full(x, batched[0], size)
    if batched[1]:
        inner = top + x._array.ndim - 1 - len(own)
        shape = given._array.shape[1:]
        given = m.reshape(given, (size, *(1,) * (inner - len(shape)), *shape))
    slots = (counting(x, size, top + 1), *aligned, *(None,) * (len(tensors) - len(aligned) - 1))
    changed = (x, given, (0, *[k + 1 for k in where]), args[3], *slots)
    return called(op, changed, [x, given, *slots])


@rule("index_backward")
def index_scattered(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """A gradient added at the index tensors of every entry."""
    g, *tensors = values
    shape, where = tuple(args[1]), tuple(args[2])
    own = [t for t in tensors if t is not None]
    if (
        any(t._array.dtype.kind == "b" for t in own)
        or where[0]
        or any(b - a != 1 for a, b in zip(where, where[1:], strict=False))
    ):
        return NotImplemented
    aligned, top = spread_indices(tensors, batched[1:], size)
    if len(aligned) == len(tensors):
        return NotImplemented
    g = full(g, batched[0], size)
    slots = (counting(g, size, top + 1), *aligned, *(None,) * (len(tensors) - len(aligned) - 1))
    return called(op, (g, (size, *shape), (0, *[k + 1 for k in where]), *slots), [g, *slots])


@rule("gather", "gather_backward", "scatter_source", "scatter_added", "scatter_number", "scatter_hits")
def along_index(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """One index for each element along a dim: all tensors of an entry have its dims."""
    n = max(rank(x, b) for x, b in zip(values, batched, strict=True))
    if not n or any(rank(x, b) != n for x, b in zip(values, batched, strict=True)):
        return NotImplemented
    changed = list(derived.replaced(op, args, [full(x, b, size) for x, b in zip(values, batched, strict=True)]))
    for name in ("size", "input_sizes"):
        if name in op.params:
            changed[op.params.index(name)] = (size, *changed[op.params.index(name)])
    i = op.params.index("dim")
    changed[i] = wrapped(changed[i], n)
    return derived.invoke(op, m, changed)


@rule("index_select")
def selected(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Rows at an index vector."""
    x, index = values
    n = rank(x, batched[0])
    if not n or batched[1] and index._array.ndim != 2:
        return NotImplemented
    dim = args[1] % n
    if not batched[1]:
        return m.index_select(x, dim + 1, index)
    if not batched[0]:
        found = m.index_select(x, dim, m.reshape(index, (-1,)))
        shape = x._array.shape
        found = m.reshape(found, (*shape[:dim], size, index._array.shape[1], *shape[dim + 1 :]))
        return derived.to_front(m, found, dim) if dim else found
    shape = [size, *x._array.shape[1:]]
    shape[dim + 1] = index._array.shape[1]
    spread = m.reshape(index, tuple(shape[k] if k in (0, dim + 1) else 1 for k in range(n + 1)))
    return m.gather(x, dim + 1, m.expand(spread, tuple(shape)))


@rule("embedding_rows")
def embedded(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Rows of one table at all indices."""
    return NotImplemented if batched[0] else called(op, args, values)


@rule("convolution")
def convolved(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """One kernel for all entries: their inputs are one larger batch; an input and a kernel each: groups."""
    x, weight, bias = values
    names = dict(zip(op.params, args, strict=True))
    if names["transposed"] or len(batched) > 2 and bias is not None and batched[2] and not batched[1]:
        return NotImplemented
    if not batched[1]:
        n = x._array.shape[1]
        found = called(op, args, [m.reshape(x, (size * n, *x._array.shape[2:])), weight, bias])
        return m.reshape(found, (size, n, *found._array.shape[1:]))
    x = full(x, batched[0], size)
    n, channels = x._array.shape[1:3]
    flat = m.reshape(m.transpose(x, 0, 1), (n, size * channels, *x._array.shape[3:]))
    kernels = m.reshape(weight, (size * weight._array.shape[1], *weight._array.shape[2:]))
    offset = None if bias is None else m.reshape(full(bias, batched[2], size), (-1,))
    changed = list(derived.replaced(op, args, [flat, kernels, offset]))
    changed[op.params.index("groups")] = names["groups"] * size
    found = derived.invoke(op, m, changed)
    found = m.reshape(found, (n, size, weight._array.shape[1], *found._array.shape[2:]))
    return m.transpose(found, 0, 1)
