"""Batching rules of products and losses (see batchrules.py)."""

from __future__ import annotations

from typing import Any

from wengert.core.operators.record import REGISTRY, Op
from wengert.core.tape.batchrules import called, full, rank, reshaped, rule, turned
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import TensorBase
from wengert.core.tape.flatcalls import flat_call


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
        x = reshaped(x, (size, *(1,) * (product._array.ndim - len(shape)), *shape[1:]))
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
        return reshaped(m.mm(reshaped(a, (size * n, k)), b), (size, n, b._array.shape[1]))
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
        return m.mm(x, turned(a))
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
    product = m.matmul(x, turned(w))
    if not batched[0] and not batched[1]:
        product = full(product, False, size)
    if not rest:
        return product
    bias = m.unsqueeze(rest[0], 1) if batched[2] else rest[0]
    return m.add(product, bias)


# ---------------------------------------------------------------- losses


@rule("mse_loss", "smooth_l1_kernel", "huber_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits",
      "soft_margin_loss")  # fmt: skip
def loss(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """Per element, then reduced over each entry."""
    i = op.params.index("reduction")
    changed = [*args[:i], "none", *args[i + 1 :]]
    tensors = [(x, b) for x, b in zip(values, batched, strict=True) if isinstance(x, TensorBase)]
    top = max(rank(x, b) for x, b in tensors)
    parts = []
    for x, b in zip(values, batched, strict=True):
        if isinstance(x, TensorBase) and b and rank(x, b) < top:
            x = reshaped(x, (size, *(1,) * (top - rank(x, b)), *x._array.shape[1:]))
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
    i = op.params.index("reduction")
    reduction = args[i]
    if batched[2]:
        return NotImplemented
    n = rank(x, batched[0])
    x, target = full(x, batched[0], size), full(target, batched[1], size)
    if n == 1:
        target = reshaped(target, (size,))
    parts = [x, target, weight] if n == 1 else [folded(x), folded(target), weight]
    losses = called(op, [*args[:i], "none", *args[i + 1 :]], parts)
    if n == 1:
        if reduction == "mean":
            losses = m.div(losses, shares(target, weight, args[op.params.index("ignore_index")], losses))
        return losses
    losses = reshaped(losses, target._array.shape)
    if reduction == "none":
        return losses
    total = reduced(losses, "sum")
    if reduction == "sum":
        return total
    return m.div(total, shares(target, weight, args[op.params.index("ignore_index")], losses))


def folded(x: Any) -> Any:
    """Entries as more of what their first dim counts."""
    shape = x._array.shape
    return reshaped(x, (shape[0] * shape[1], *shape[2:]))


def shares(target: Any, weight: Any, ignored: int, like: Any) -> Any:
    """The sum of the weights of each entry's targets, those that are ignored left out."""
    kept = m.ne(target, ignored)
    if weight is None:
        given = m.to_dtype(kept, like._array.dtype)
    else:
        places = m.where(kept, target, m.zero_like(target))
        given = reshaped(m.index_select(weight, 0, reshaped(places, (-1,))), places._array.shape)
        given = m.mul(given, m.to_dtype(kept, like._array.dtype))
    return reduced(given, "sum")


@rule("nll_scatter")
def nll_scatter(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """The transpose of nll_loss: minus the shares of g at the target classes."""
    g, target, weight = values
    shape, ignored, reduction = tuple(args[3]), args[4], args[5]
    if batched[2]:
        return NotImplemented
    g, target = full(g, batched[0], size), full(target, batched[1], size)
    if reduction == "mean":
        g = m.div(g, shares(target, weight, ignored, g))
    if len(shape) == 1:
        target = reshaped(target, (size,))
        return flat_call(op, [g, target, weight, (size, *shape), ignored, "none"])
    count = target._array.ndim
    if g._array.ndim < count:
        g = m.expand(reshaped(g, (size, *(1,) * (count - 1))), target._array.shape)
    found = flat_call(op, [folded(g), folded(target), weight, (size * shape[0], *shape[1:]), ignored, "none"])
    return reshaped(found, (size, *shape))


@rule("cross_entropy_rows")
def cross_entropy(op: Op, args: Any, values: list[Any], batched: list[bool], size: int) -> Any:
    """-log softmax at the targets in operators, and the logarithm of the sums."""
    x, target = [full(v, b, size) for v, b in zip(values, batched, strict=True)]
    level = m.logsumexp(x, -1)
    scores = m.sub(x, m.unsqueeze(level, -1))
    record = REGISTRY["nll_loss"]
    names = ("ignore_index", "reduction", "label_smoothing")
    ignore, reduction, smoothing = (args[op.params.index(name)] for name in names)
    if smoothing:  # the score of a class is then partly the mean of all
        mean = m.mean(scores, -1, True)
        scores = m.add(m.mul(scores, 1 - smoothing), m.mul(mean, smoothing))
    defaults = {**record.defaults, "ignore_index": ignore, "reduction": reduction}
    given = [defaults.get(name) for name in record.params]
    return nll(record, given, [scores, target, None], [True, True, False], size), level
