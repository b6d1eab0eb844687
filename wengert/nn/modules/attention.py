"""MultiheadAttention: attention of several heads between projections."""

from __future__ import annotations

import math
import warnings
from typing import Any

from wengert.core.base.errors import ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor import creation
from wengert.nn import init
from wengert.nn.functional_attention import multi_head_attention_forward
from wengert.nn.modules.linear import NonDynamicallyQuantizableLinear, new_parameter
from wengert.nn.modules.module import Module

__all__ = ["MultiheadAttention"]


def kind_of(mask: Any) -> Any:
    """The dtype of a mask, None for no mask."""
    return None if mask is None else mask.dtype


def added_mask(mask: Any, name: str, other: Any, other_name: str, dtype: Any, check_other: bool = True) -> Any:
    """A mask as numbers to add: -inf where a boolean one is True.

    Raises: AssertionError unless it is boolean or floating point.
    """
    if mask is None:
        return None
    floating, boolean = mask.is_floating_point(), mask.dtype.scalar == "Bool"
    if not floating and not boolean:
        raise AssertionError(f"only bool and floating types of {name} are supported, got {mask.dtype}")
    if check_other and other is not None and other != mask.dtype:
        warnings.warn(
            f"Support for mismatched {name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=4,
        )
    if floating:
        return mask
    zeros = creation.zeros(tuple(mask.shape), dtype=dtype, device=mask.device)
    return zeros.masked_fill_(mask, -math.inf)


def batch_turned(*tensors: Any) -> list[Any]:
    """Tensors with their first two dims exchanged; what was one tensor stays one."""
    turned = {id(x): m.transpose(x, 0, 1) for x in tensors}
    return [turned[id(x)] for x in tensors]


class MultiheadAttention(Module):
    """concat of the heads softmax(q k^T / sqrt(d)) v, projected; q, k, v are projections of query, key and value.

    Arguments: kdim, vdim (widths of key and value if not embed_dim), add_bias_kv (one more key and value that are
    learned), add_zero_attn (one more of zeros), batch_first.  Called with query (L, N, E), key (S, N, kdim) and value
    (S, N, vdim) - (N, L, E) for batch_first, (L, E) without batch - gives (output like query, weights (N, L, S) or
    None; (N, heads, L, S) for average_attn_weights=False).  Boolean masks are True where a key takes no part.
    Raises: ValueRangeError, AssertionError.
    Source: A. Vaswani et al., Attention is all you need (2017), section 3.2.2.
    """

    __constants__ = ["batch_first"]
    bias_k: Any
    bias_v: Any

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
        add_zero_attn: bool = False, kdim: int | None = None, vdim: int | None = None, batch_first: bool = False,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueRangeError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                f"num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads, self.dropout, self.batch_first = num_heads, dropout, batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError(f"embed_dim must be divisible by num_heads: {embed_dim} and {num_heads}")
        self._make_projections(bias, {"device": device, "dtype": dtype})
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        if add_bias_kv:
            self.bias_k = new_parameter((1, 1, embed_dim), device, dtype)
            self.bias_v = new_parameter((1, 1, embed_dim), device, dtype)
        else:
            self.bias_k = self.bias_v = None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _make_projections(self, bias: bool, factory: dict[str, Any]) -> None:
        """One stacked weight if query, key and value have one width, else three."""
        width = self.embed_dim
        separate = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
        if self._qkv_same_embed_dim:
            self.in_proj_weight = new_parameter((3 * width, width), **factory)
            for name in separate:
                self.register_parameter(name, None)
        else:
            for name, given in zip(separate, (width, self.kdim, self.vdim), strict=True):
                setattr(self, name, new_parameter((width, given), **factory))
            self.register_parameter("in_proj_weight", None)
        if bias:
            self.in_proj_bias = new_parameter((3 * width,), **factory)
        else:
            self.register_parameter("in_proj_bias", None)

    def _reset_parameters(self) -> None:
        """Draw new values: Xavier for the projections, biases 0."""
        if self._qkv_same_embed_dim:
            init.xavier_uniform_(self.in_proj_weight)
        else:
            for weight in (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def __setstate__(self, state: dict[str, Any]) -> None:
        state.setdefault("_qkv_same_embed_dim", True)  # pickles of old versions have one width only
        super().__setstate__(state)

    def forward(
        self, query: Any, key: Any, value: Any, key_padding_mask: Any = None, need_weights: bool = True,
        attn_mask: Any = None, average_attn_weights: bool = True, is_causal: bool = False,
    ) -> tuple[Any, Any]:  # fmt: skip
        """(output, attention weights or None)."""
        dtype = query.dtype
        key_padding_mask = added_mask(key_padding_mask, "key_padding_mask", kind_of(attn_mask), "attn_mask", dtype)
        attn_mask = added_mask(attn_mask, "attn_mask", None, "", dtype, False)
        turned = self.batch_first and query.dim() == 3
        if turned:
            query, key, value = batch_turned(query, key, value)
        separate = {} if self._qkv_same_embed_dim else {
            "use_separate_proj_weight": True, "q_proj_weight": self.q_proj_weight,
            "k_proj_weight": self.k_proj_weight, "v_proj_weight": self.v_proj_weight,
        }  # fmt: skip
        out, weights = multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias, self.bias_k,
            self.bias_v, self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias,
            training=self.training, key_padding_mask=key_padding_mask, need_weights=need_weights, attn_mask=attn_mask,
            average_attn_weights=average_attn_weights, is_causal=is_causal, **separate,
        )  # fmt: skip
        return (m.transpose(out, 0, 1) if turned else out), weights

    def merge_masks(self, attn_mask: Any, key_padding_mask: Any, query: Any) -> tuple[Any, int | None]:
        """(one mask of both, its kind: 0 attention, 1 padding, 2 both, None without masks); query is (N, L, E)."""
        merged, kind = None, None
        if key_padding_mask is not None:
            merged, kind = key_padding_mask, 1
        if attn_mask is not None:
            batch, length, _ = query.shape
            kind = 2
            if attn_mask.dim() == 3:
                wide = m.view(attn_mask, (batch, -1, length, length))
            else:
                wide = m.expand(m.view(attn_mask, (1, 1, length, length)), (batch, self.num_heads, -1, -1))
            merged = wide
            if key_padding_mask is not None:
                padding = m.expand(m.view(key_padding_mask, (batch, 1, 1, length)), (-1, self.num_heads, -1, -1))
                merged = wide + padding
        return merged, kind
