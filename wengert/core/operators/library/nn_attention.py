"""Scaled dot-product attention as one node, memory linear in the lengths, with derivatives of every order."""

from __future__ import annotations

from math import prod

from wengert.core.arrays import attention as arrays
from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import DtypeError, ShapeError
from wengert.core.operators.kinds import opaque, plain
from wengert.core.operators.raw import sum_to
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


def _parts(tensors, masked, dropping):
    """query, key, value, mask or None, dropped or None of the list of tensors."""
    rest = list(tensors[3:])
    return (*tensors[:3], rest.pop(0) if masked else None, rest.pop(0) if dropping else None)


def _raised(np, x):
    """Half precision is computed in float32."""
    if x is not None and x.dtype.itemsize <= 2 and x.dtype.kind in "fV":
        return x.astype(np.float32)
    return x


def _flattened(np, tensors, masked, dropping):
    q, k, v, mask, dropped = [_raised(np, x) for x in _parts(tensors, masked, dropping)]
    batch = arrays.batch_of(q, k, v, mask, dropped)
    length, columns = q.shape[-2], k.shape[-2]
    if mask is not None:
        mask = np.broadcast_to(mask, (*mask.shape[:-2], length, columns)) if mask.ndim > 1 else mask.reshape(1, -1)
        if mask.shape[-2:] != (length, columns):
            mask = np.broadcast_to(mask, (*mask.shape[:-2], length, columns))
    heads = [arrays.headed(np, x, batch) for x in (q, k, v)]
    return batch, [*heads, arrays.flat(np, mask, batch), arrays.flat(np, dropped, batch)]


@plain(
    space=None,
    method=False,
    outputs=4,
    samples=lambda s: [
        call([s.array(2, 3, 4), s.array(2, 3), s.array(2, 3, 4), s.array(2, 3) + 9, s.array(2, 3, 4), s.array(2, 5, 4),
              s.array(2, 5, 4)], False, False, 0.5, True),
    ],
)  # fmt: skip
def attention_back(np, tensors: list[Array], masked, dropping, scale, causal):
    """Gradients of attention, first order: tensors are those of the two results, the results and the operands."""
    g, g_total, out, total = [_raised(np, x) for x in tensors[:4]]
    operands = tensors[4:]
    batch, (q, k, v, mask, dropped) = _flattened(np, operands, masked, dropping)
    wants_mask = masked and operands[3].dtype.kind != "b"
    g, out = arrays.headed(np, g, batch), arrays.headed(np, out, batch)
    g_total, total = g_total.reshape(-1, g_total.shape[-1]), total.reshape(-1, total.shape[-1])
    found = arrays.gradients_of_heads(np, g, g_total, q, k, v, mask, dropped, out, total, scale, causal, wants_mask)
    fitted = []
    for x, operand in zip(found, operands, strict=False):
        if x is None:
            fitted.append(np.zeros(0, dtype=g.dtype))
        else:
            x = x.reshape(*batch, *x.shape[-2:])
            fitted.append(sum_to(x, operand.shape).astype(operand.dtype, copy=False))
    return tuple(fitted)


def _probabilities(m, q, k, mask, scale, causal):
    """Softmax of the scores, 0 in rows without any key, in operators."""
    s = m.matmul(q * scale, m.transpose(k, -2, -1))
    shape = tuple(s.shape)
    if mask is not None:
        if _kind(mask) == "b":
            s = m.masked_fill(s, m.logical_not(mask), -float("inf"))
        else:
            s = s + mask
    if causal:
        ones = m.one_like(s)
        s = m.masked_fill(s, m.logical_not(m.tril(ones) > 0), -float("inf"))
    dead = m.amax(s, -1, True) == -float("inf")
    dead = m.expand(dead, shape) if tuple(dead.shape) != shape else dead
    return m.masked_fill(m._softmax(m.masked_fill(s, dead, 0.0), -1), dead, 0.0)


def _kind(x):
    return getattr(x.dtype, "numpy", x.dtype).kind


def _gradients(m, g, out, tensors, masked, dropping, scale, causal):
    q, k, v, mask, dropped = _parts(tensors, masked, dropping)
    if not m.recorded:
        found = list(m.attention_back([g[0], g[1], out[0], out[1], *tensors], masked, dropping, scale, causal))
        found = [*found[:3], *found[3:4]] if masked else found[:3]
        if masked and _kind(mask) == "b":
            found[3] = None
        return found + [None] * dropping
    p = _probabilities(m, q, k, mask, scale, causal)
    kept = p if dropped is None else p * dropped
    dp = m.matmul(g[0], m.transpose(v, -2, -1))
    dp = dp if dropped is None else dp * dropped
    ds = p * (dp - m.sum(dp * p, -1, True) + m.unsqueeze(g[1], -1))
    found = [
        m.matmul(ds, k) * scale,
        m.matmul(m.transpose(ds, -2, -1), q) * scale,
        m.matmul(m.transpose(kept, -2, -1), g[0]),
    ]
    found = [_fitted(m, x, y) for x, y in zip(found, tensors, strict=False)]
    if masked:
        found.append(None if _kind(mask) == "b" else _fitted(m, ds, mask))
    return found + [None] * dropping


def _fitted(m, x, like):
    shape = tuple(like.shape)
    return x if tuple(x.shape) == shape else m.sum_to_size(x, shape)


def _name(args):
    tensors, masked, dropping = args[:3]
    if tensors[0].ndim == 2:
        return "MmBackward0"
    plain_mask = not masked or not getattr(tensors[3], "_flags", 0) & 1
    same = tensors[0].shape[-1] == tensors[2].shape[-1]
    if all(x.ndim == 4 for x in tensors[:3]) and plain_mask and not dropping and same:
        return "ScaledDotProductFlashAttentionForCpuBackward0"
    return "UnsafeViewBackward0"


def _samples(s):
    q, k, v = s.array(2, 2, 3, 4), s.array(2, 2, 5, 4), s.array(2, 2, 5, 4)
    keep = s.booleans(3, 5)
    keep[0] = False
    return [
        call([q, k, v], False, False, 0.5, False),
        call([q, k, s.array(2, 2, 5, 3)], False, False, 0.7, True),
        call([q, k[:, :1], v[:, :1], s.array(3, 5)], True, False, 0.5, False),
        call([q, k, v, keep], True, False, 0.5, False),
        call([q, k, v, s.array(2, 1, 3, 5), s.integers(2, 2, 3, 5, high=2) * 2.0], True, True, 0.5, False),
        call([s.array(3, 4), s.array(2, 4), s.array(2, 4)], False, False, 0.5, False),
    ]


@opaque(
    vjp=_gradients,
    space=None,
    method=False,
    outputs=2,
    backward_name=_name,
    samples=_samples,
)
def attention(np, tensors: list[Array], masked, dropping, scale, causal):
    """(softmax(q k^T scale + mask) v, log of the sum of exponentials); tensors are q, k, v, mask?, dropped?.

    Shapes: q (*, L, E), k (*, S, E), v (*, S, V); leading dims broadcast.  A boolean mask is True where a key takes
    part, any other is added.  dropped: factors of the probabilities.  Rows without any key give 0.
    Source: A. Vaswani et al., Attention is all you need (2017), equation 1; T. Dao et al., FlashAttention (2022).
    """
    if tensors[0].dtype.kind not in "fV":
        raise DtypeError(f"expected scalar type Float but found {dtypes.of(tensors[0].dtype).scalar}")
    batch, (q, k, v, mask, dropped) = _flattened(np, tensors, masked, dropping)
    count = prod(batch)
    if k.shape[3] != q.shape[3]:
        raise ShapeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{count}, {q.shape[3]}] but got: "
            f"[{count}, {k.shape[3]}]."
        )
    if k.shape[2] != v.shape[2]:
        raise ShapeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{count}, {k.shape[2]}] but got: "
            f"[{count}, {v.shape[2]}]."
        )
    out, total = arrays.attend_heads(np, q, k, v, mask, dropped, scale, causal)
    dtype = tensors[0].dtype
    out, total = out.reshape(*batch, *out.shape[2:]), total.reshape(*batch, total.shape[1])
    return out.astype(dtype, copy=False), total.astype(dtype, copy=False)


# ---------------------------------------------------------------- checks


def check_attention(query, key, value, mask):
    """Dims and dtypes of the operands, as torch's words have it."""
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise ShapeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{query.ndim} key.dim: {key.ndim} and value.dim: {value.ndim} instead."
        )
    if query.dtype != key.dtype or query.dtype != value.dtype:
        names = [_word(x) for x in (query, key, value)]
        raise DtypeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{names[0]} key.dtype: {names[1]} and value.dtype: {names[2]} instead."
        )
    if mask is not None and mask.dtype != query.dtype and _kind(mask) != "b" and _word(mask) != "float":
        raise DtypeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{_word(mask)} and  query.dtype: {_word(query)} instead."
        )


_WORDS = {
    "float32": "float",
    "float64": "double",
    "int64": "long int",
    "float16": "c10::Half",
    "bfloat16": "c10::BFloat16",
}


def _word(x):
    name = dtypes.of(getattr(x.dtype, "numpy", x.dtype)).name
    return _WORDS.get(name, name)
