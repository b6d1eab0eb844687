"""Attention in `torch.nn.functional`: scaled_dot_product_attention and multi_head_attention_forward."""

from __future__ import annotations

import math
from typing import Any

from wengert.core.arrays.shape import broadcast_shapes
from wengert.core.base.errors import ShapeError
from wengert.core.operators.library.nn_attention import check_attention
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.refusals import tensor_or_none, tensors_only
from wengert.core.tensor import creation

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


def _kept(shape: Any, p: float, like: Any) -> Any:
    """Factors of a dropout: 0 with probability p, else 1 / (1 - p)."""
    factors = creation.empty(shape, dtype=like.dtype, device=like.device)
    if p == 1:
        return factors.zero_()
    return factors.bernoulli_(1 - p).div_(1 - p)


def scaled_dot_product_attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: Any = None, enable_gqa: bool = False,
) -> Any:  # fmt: skip
    """softmax(query key^T scale + mask) value, probabilities dropped out with dropout_p.

    Shapes: query (*, L, E), key (*, S, E), value (*, S, V), the result (*, L, V); leading dims broadcast.
    attn_mask: True where a key takes part, or numbers to add.  is_causal: key j takes part for queries i >= j.
    scale: 1 / sqrt(E) unless given.  enable_gqa: the heads of key and value serve several heads of query each.
    Rows without any key give 0.  Raises: ShapeError, DtypeError.
    """
    try:
        check_attention(query, key, value, attn_mask)
    except (AttributeError, TypeError):
        tensors_only("scaled_dot_product_attention", query=query, key=key, value=value)
        tensor_or_none("scaled_dot_product_attention", attn_mask=attn_mask)
        raise
    if enable_gqa:
        key, value = _shared_heads(query, key), _shared_heads(query, value)
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None and query.shape[-1] else scale or 1.0
    tensors = [query, key, value]
    if attn_mask is not None:
        tensors.append(attn_mask)
    if dropout_p > 0.0:
        lead = broadcast_shapes(tuple(query.shape[:-2]), tuple(key.shape[:-2]))
        tensors.append(_kept((*lead, query.shape[-2], key.shape[-2]), dropout_p, query))
    return m.attention(tensors, attn_mask is not None, dropout_p > 0.0, factor, bool(is_causal))[0]


def _shared_heads(query: Any, x: Any) -> Any:
    """Heads of key or value repeated to the number that query has."""
    if query.ndim < 3 or x.ndim < 3:
        raise ShapeError(
            f"Number of heads in key and value must divide the number of heads in query: query has {query.ndim} dims"
        )
    wanted, given = query.shape[-3], x.shape[-3]
    if wanted == given:
        return x
    if not given or wanted % given:
        raise ShapeError(
            f"Number of heads in key and value must divide the number of heads in query: {given} and {wanted}"
        )
    return m.repeat_interleave(x, wanted // given, -3)


# ---------------------------------------------------------------- many heads


def _check_shapes(query: Any, key: Any, value: Any, padding: Any, mask: Any, heads: int) -> bool:
    """Ranks of the operands; whether there is a batch dim."""
    if query.ndim not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor"
        )
    batched = query.ndim == 3
    word = "batched (3-D)" if batched else "unbatched (2-D)"
    if key.ndim != query.ndim or value.ndim != query.ndim:
        raise AssertionError(
            f"For {word} `query`, expected `key` and `value` to be {query.ndim}-D but found {key.ndim}-D and "
            f"{value.ndim}-D tensors respectively"
        )
    if padding is not None and padding.ndim != query.ndim - 1:
        raise AssertionError(
            f"For {word} `query`, expected `key_padding_mask` to be `None` or {query.ndim - 1}-D but found "
            f"{padding.ndim}-D tensor instead"
        )
    if mask is not None and mask.ndim not in (2, 3):
        raise AssertionError(
            f"For {word} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {mask.ndim}-D tensor instead"
        )
    if not batched and mask is not None and mask.ndim == 3:
        wanted = (heads, query.shape[0], key.shape[0])
        if tuple(mask.shape) != wanted:
            raise AssertionError(f"Expected `attn_mask` shape to be {wanted} but got {mask.shape}")
    return batched


def _added(mask: Any, name: str, like: Any) -> Any:
    """A mask as numbers to add: -inf where a boolean one is True."""
    if mask is None or mask.is_floating_point():
        return mask
    if mask._array.dtype.kind != "b":
        raise AssertionError(f"only bool and floating types of {name} are supported")
    zeros = creation.zeros(tuple(mask.shape), dtype=like.dtype, device=like.device)
    return m.masked_fill(zeros, mask, -math.inf)


def _projected(query: Any, key: Any, value: Any, weight: Any, bias: Any) -> list[Any]:
    """Query, key and value, each through its own weight or through its part of one stacked weight (3 E, E)."""
    width = query.shape[-1]
    if isinstance(weight, tuple):
        parts = weight
    elif key is value and query is key:
        return list(m.chunk(m.linear(query, weight, bias), 3, -1))
    else:
        parts = tuple([m.slice(weight, 0, i * width, (i + 1) * width) for i in range(3)])
    biases = (None, None, None) if bias is None else [m.slice(bias, 0, i * width, (i + 1) * width) for i in range(3)]
    return [m.linear(x, w, b) for x, w, b in zip((query, key, value), parts, biases, strict=True)]


def _checked_mask(mask: Any, batch: int, heads: int, length: int, count: int) -> Any:
    """attn_mask with a leading dim."""
    if mask is None:
        return None
    if mask.ndim == 2:
        if tuple(mask.shape) != (length, count):
            raise RuntimeError(f"The shape of the 2D attn_mask is {mask.shape}, but should be {(length, count)}.")
        return m.unsqueeze(mask, 0)
    if mask.ndim == 3:
        wanted = (batch * heads, length, count)
        if tuple(mask.shape) != wanted:
            raise RuntimeError(f"The shape of the 3D attn_mask is {mask.shape}, but should be {wanted}.")
        return mask
    raise RuntimeError(f"attn_mask's dimension {mask.ndim} is not supported")


def _widened(mask: Any) -> Any:
    """A mask with one more key, which takes part."""
    return None if mask is None else m.constant_pad_nd(mask, (0, 1), 0.0)


def _heads(x: Any, batch: int, heads: int, static: Any, name: str) -> Any:
    """(L, N, E) as (N heads, L, E / heads), or what the caller gave."""
    if static is None:
        return m.transpose(m.reshape(x, (x.shape[0], batch * heads, x.shape[-1] // heads)), 0, 1)
    if static.shape[0] != batch * heads:
        raise AssertionError(f"expecting {name}.size(0) of {batch * heads}, but got {static.shape[0]}")
    return static


def _split_heads(x: Any, heads: int) -> Any:
    """(L, N, E) as (N, heads, L, E / heads), a view."""
    return m.permute(m.reshape(x, (*x.shape[:2], heads, x.shape[-1] // heads)), (1, 2, 0, 3))


def _with_zeros(x: Any) -> Any:
    """One more key or value of zeros."""
    zeros = creation.zeros((x.shape[0], 1, x.shape[2]), dtype=x.dtype, device=x.device)
    return m.cat([x, zeros], 1)


def _check_widths(query: Any, key: Any, value: Any, embed_dim: int, heads: int, separate: bool) -> None:
    width = query.shape[-1]
    if width != embed_dim:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim}, but got {width}")
    if width % heads:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {heads}")
    if separate:
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(
                f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
            )
    elif key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")


def multi_head_attention_forward(
    query: Any, key: Any, value: Any, embed_dim_to_check: int, num_heads: int, in_proj_weight: Any, in_proj_bias: Any,
    bias_k: Any, bias_v: Any, add_zero_attn: bool, dropout_p: float, out_proj_weight: Any, out_proj_bias: Any,
    training: bool = True, key_padding_mask: Any = None, need_weights: bool = True, attn_mask: Any = None,
    use_separate_proj_weight: bool = False, q_proj_weight: Any = None, k_proj_weight: Any = None,
    v_proj_weight: Any = None, static_k: Any = None, static_v: Any = None, average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """Attention of several heads between projections: (L, N, E) and (S, N, E) give (L, N, E), and the weights.

    The batch dim N may be missing.  Masks: boolean ones are True where a key does not take part, others are added.
    Raises: AssertionError and RuntimeError for operands that do not fit.
    Source: A. Vaswani et al., Attention is all you need (2017), section 3.2.2.
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = _with_batch(query, key, value)
        key_padding_mask = None if key_padding_mask is None else m.unsqueeze(key_padding_mask, 0)
    length, batch, width = query.shape
    padding = _added(key_padding_mask, "key_padding_mask", query)
    attn_mask, is_causal = _chosen_mask(attn_mask, padding, query, need_weights, is_causal)
    _check_widths(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    weights = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else in_proj_weight
    q, k, v = _projected(query, key, value, weights, in_proj_bias)
    mask = _checked_mask(attn_mask, batch, num_heads, length, key.shape[0])
    if bias_k is not None and bias_v is not None:
        k, v = m.cat([k, m.repeat(bias_k, (1, batch, 1))], 0), m.cat([v, m.repeat(bias_v, (1, batch, 1))], 0)
        mask, padding = _widened(mask), _widened(padding)
    if need_weights or add_zero_attn or static_k is not None or static_v is not None:
        q = _heads(q, batch, num_heads, None, "")
        k, v = _heads(k, batch, num_heads, static_k, "static_k"), _heads(v, batch, num_heads, static_v, "static_v")
        if add_zero_attn:
            k, v = _with_zeros(k), _with_zeros(v)
            mask, padding = _widened(mask), _widened(padding)
    else:
        q, k, v = (_split_heads(x, num_heads) for x in (q, k, v))
    mask = _joined(mask, padding, batch, num_heads, k.shape[-2])
    out, found = _attended(q, k, v, mask, dropout_p if training else 0.0, need_weights, batch, num_heads, is_causal)
    out = m.linear(m.reshape(out, (length * batch, width)), out_proj_weight, out_proj_bias)
    return _finished(m.view(out, (length, batch, out.shape[1])), found, average_attn_weights, batched)


def _chosen_mask(mask: Any, padding: Any, query: Any, need_weights: bool, is_causal: bool) -> tuple[Any, bool]:
    """The mask to add and whether the causal one is left to the attention itself."""
    if is_causal and mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
    if is_causal and padding is None and not need_weights:
        return None, True
    return _added(mask, "attn_mask", query), is_causal and padding is None


def _with_batch(query: Any, key: Any, value: Any) -> tuple[Any, Any, Any]:
    """Operands with a batch dim of 1; what was one tensor stays one."""
    wide = m.unsqueeze(query, 1)
    keys = wide if key is query else m.unsqueeze(key, 1)
    return wide, keys, keys if value is key else m.unsqueeze(value, 1)


def _finished(out: Any, found: Any, average: bool, batched: bool) -> tuple[Any, Any]:
    """The result and the weights in the form asked for."""
    if found is not None and average:
        found = m.mean(found, 1)
    if batched:
        return out, found
    return m.squeeze(out, 1), None if found is None else m.squeeze(found, 0)


def _joined(mask: Any, padding: Any, batch: int, heads: int, count: int) -> Any:
    """One mask (N heads or 1, L, S) of both."""
    if padding is None:
        return mask
    if tuple(padding.shape) != (batch, count):
        raise AssertionError(f"expecting key_padding_mask shape of {(batch, count)}, but got {padding.shape}")
    wide = m.expand(m.view(padding, (batch, 1, 1, count)), (batch, heads, 1, count))
    wide = m.reshape(wide, (batch * heads, 1, count))
    return wide if mask is None else mask + wide


def _attended(
    q: Any, k: Any, v: Any, mask: Any, p: float, need_weights: bool, batch: int, heads: int, is_causal: bool
) -> tuple[Any, Any]:
    """(L, N, E) and, if asked for, the weights (N, heads, L, S)."""
    length, size, count = q.shape[-2], q.shape[-1], k.shape[-2]
    if not need_weights:
        if q.ndim == 3:
            q, k, v = (m.view(x, (batch, heads, x.shape[1], size)) for x in (q, k, v))
        if mask is not None:
            mask = m.unsqueeze(mask, 0) if mask.shape[0] == 1 else m.view(mask, (batch, heads, mask.shape[1], count))
        out = scaled_dot_product_attention(q, k, v, mask, p, is_causal)
        return m.permute(out, (2, 0, 1, 3)), None
    scores = m.bmm(q * math.sqrt(1.0 / size), m.transpose(k, -2, -1))
    scores = scores if mask is None else mask + scores
    weights = m.softmax(scores, -1)
    if p > 0.0:
        weights = weights * _kept(tuple(weights.shape), p, weights)
    out = m.transpose(m.bmm(weights, v), 0, 1)
    return out, m.view(weights, (batch, heads, length, count))
