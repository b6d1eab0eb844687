"""Transformers: encoder and decoder layers, their stacks, and the whole model."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from wengert.core.arrays.device import get_default_device
from wengert.core.arrays.dtype import get_default_dtype
from wengert.core.base.errors import ShapeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.modes import current
from wengert.core.tensor import creation
from wengert.nn import functional as F
from wengert.nn import init
from wengert.nn.modules.activation import GELU, ReLU
from wengert.nn.modules.attention import MultiheadAttention, added_mask, kind_of
from wengert.nn.modules.container import ModuleList
from wengert.nn.modules.dropout import Dropout
from wengert.nn.modules.linear import Linear
from wengert.nn.modules.module import Module
from wengert.nn.modules.normalization import LayerNorm

__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]


def _generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Any:
    """The mask (sz, sz) that adds -inf above the diagonal: no position sees what follows it."""
    device = get_default_device() if device is None else device
    dtype = get_default_dtype() if dtype is None else dtype
    return m.triu(creation.full((sz, sz), -math.inf, dtype=dtype, device=device), 1)


def _get_seq_len(src: Any, batch_first: bool) -> int | None:
    """The length of the sequences in src."""
    if src.dim() == 2:
        return src.size(0)
    return src.size(1 if batch_first else 0)


def _detect_is_causal_mask(mask: Any, is_causal: bool | None = None, size: int | None = None) -> bool:
    """Whether a mask is the causal one; `is_causal` answers if it is not None."""
    if is_causal is not None or mask is None:
        return is_causal is True
    rows = mask.size(-2) if size is None else size
    causal = _generate_square_subsequent_mask(rows, device=mask.device, dtype=mask.dtype)
    return mask.size() == causal.size() and bool((mask == causal).all())


def _get_activation_fn(activation: str) -> Callable[[Any], Any]:
    """The activation of this name."""
    if activation == "relu":
        return F.relu
    if activation == "gelu":
        return F.gelu
    raise RuntimeError(f"activation should be relu/gelu, not {activation}")


def _get_clones(module: Module, N: int) -> ModuleList:
    """N copies of a module."""
    return ModuleList([deepcopy(module) for _ in range(N)])


class FeedForward(Module):
    """What both kinds of layers share: the two linear maps, the activation and the place of the norms."""

    norm_first: bool
    activation: Any
    linear1: Linear
    linear2: Linear
    dropout: Dropout

    def _attend(self, attention: Any, query: Any, memory: Any, mask: Any, padding: Any, is_causal: bool) -> Any:
        return attention(
            query, memory, memory, attn_mask=mask, key_padding_mask=padding, is_causal=is_causal, need_weights=False
        )[0]

    def _ff_map(self, x: Any) -> Any:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if not hasattr(self, "activation"):  # pickles of old versions
            self.activation = F.relu


class TransformerEncoderLayer(FeedForward):
    """x = norm1(x + attention(x)), then norm2(x + linear2(dropout(activation(linear1(x))))).

    norm_first: x + attention(norm1(x)), then x + map(norm2(x)).  activation: "relu", "gelu" or a function.
    Shapes: (L, N, d_model), (N, L, d_model) for batch_first, or (L, d_model).
    Source: A. Vaswani et al., Attention is all you need (2017).
    """

    __constants__ = ["norm_first"]

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = F.relu, layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        factory = {"device": device, "dtype": dtype}
        super().__init__()
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout=dropout, bias=bias, batch_first=batch_first, **factory
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **factory)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **factory)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **factory)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **factory)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        if isinstance(activation, str):
            activation = _get_activation_fn(activation)
        # Equal, not identical: while public functions ask modes, another object stands for the same function.
        self.activation_relu_or_gelu = (
            1 if activation == F.relu or isinstance(activation, ReLU)
            else 2 if activation == F.gelu or isinstance(activation, GELU)
            else 0
        )  # fmt: skip
        self.activation = activation

    def forward(self, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False) -> Any:
        """The layer applied to src."""
        padding = added_mask(src_key_padding_mask, "src_key_padding_mask", kind_of(src_mask), "src_mask", src.dtype)
        mask = added_mask(src_mask, "src_mask", None, "", src.dtype, False)
        x = src
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), mask, padding, is_causal=is_causal)
            return x + self._ff_block(self.norm2(x))
        x = self.norm1(x + self._sa_block(x, mask, padding, is_causal=is_causal))
        return self.norm2(x + self._ff_block(x))

    def _sa_block(self, x: Any, attn_mask: Any, key_padding_mask: Any, is_causal: bool = False) -> Any:
        return self.dropout1(self._attend(self.self_attn, x, x, attn_mask, key_padding_mask, is_causal))

    def _ff_block(self, x: Any) -> Any:
        return self.dropout2(self._ff_map(x))


class TransformerDecoderLayer(FeedForward):
    """Attention over the target, attention from it over memory, and the feed-forward map, each with residual and norm.

    norm_first: the norms come before the blocks.  activation: "relu", "gelu" or a function.
    Shapes: tgt (T, N, d_model), memory (S, N, d_model); (N, T, d_model) for batch_first, or no batch dim.
    Source: A. Vaswani et al., Attention is all you need (2017).
    """

    __constants__ = ["norm_first"]

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = F.relu, layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        factory = {"device": device, "dtype": dtype}
        super().__init__()
        for name in ("self_attn", "multihead_attn"):
            attention = MultiheadAttention(
                d_model, nhead, dropout=dropout, bias=bias, batch_first=batch_first, **factory
            )
            setattr(self, name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **factory)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **factory)
        self.norm_first = norm_first
        for name in ("norm1", "norm2", "norm3"):
            setattr(self, name, LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **factory))
        for name in ("dropout1", "dropout2", "dropout3"):
            setattr(self, name, Dropout(dropout))
        self.activation = _get_activation_fn(activation) if isinstance(activation, str) else activation

    def forward(
        self, tgt: Any, memory: Any, tgt_mask: Any = None, memory_mask: Any = None, tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None, tgt_is_causal: bool = False, memory_is_causal: bool = False,
    ) -> Any:  # fmt: skip
        """The layer applied to tgt, looking at memory."""
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        across = (memory_mask, memory_key_padding_mask, memory_is_causal)
        x = tgt
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), *own)
            x = x + self._mha_block(self.norm2(x), memory, *across)
            return x + self._ff_block(self.norm3(x))
        x = self.norm1(x + self._sa_block(x, *own))
        x = self.norm2(x + self._mha_block(x, memory, *across))
        return self.norm3(x + self._ff_block(x))

    def _sa_block(self, x: Any, attn_mask: Any, key_padding_mask: Any, is_causal: bool = False) -> Any:
        return self.dropout1(self._attend(self.self_attn, x, x, attn_mask, key_padding_mask, is_causal))

    def _mha_block(self, x: Any, mem: Any, attn_mask: Any, key_padding_mask: Any, is_causal: bool = False) -> Any:
        return self.dropout2(self._attend(self.multihead_attn, x, mem, attn_mask, key_padding_mask, is_causal))

    def _ff_block(self, x: Any) -> Any:
        return self.dropout3(self._ff_map(x))


class TransformerEncoder(Module):
    """Copies of an encoder layer one after the other, then `norm` if given.

    enable_nested_tensor and mask_check are torch's: where torch drops the padding on the way (evaluation without
    gradients, padding at the ends), results at padded positions are 0 here too.
    """

    __constants__ = ["norm"]

    def __init__(
        self, encoder_layer: TransformerEncoderLayer, num_layers: int, norm: Module | None = None,
        enable_nested_tensor: bool = True, mask_check: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.layers = _get_clones(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check
        reason = kept_padding(encoder_layer)
        self.use_nested_tensor = enable_nested_tensor and not reason
        if enable_nested_tensor and reason:
            warnings.warn(
                f"enable_nested_tensor is True, but self.use_nested_tensor is False because {reason}", stacklevel=2
            )

    def forward(
        self, src: Any, mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool | None = None
    ) -> Any:
        """All layers applied to src."""
        padding = added_mask(src_key_padding_mask, "src_key_padding_mask", kind_of(mask), "mask", src.dtype)
        mask = added_mask(mask, "mask", None, "", src.dtype, False)
        first = self.layers[0]
        length = _get_seq_len(src, first.self_attn.batch_first)
        is_causal = _detect_is_causal_mask(mask, is_causal, length)
        out = src
        for module in self.layers:
            out = module(out, src_mask=mask, is_causal=is_causal, src_key_padding_mask=padding)
        if padding is not None and self._drops_padding(src, mask, padding):
            out = out.masked_fill((padding != 0).unsqueeze(-1), 0.0)
        return out if self.norm is None else self.norm(out)

    def _drops_padding(self, src: Any, mask: Any, padding: Any) -> bool:
        """Whether torch computes without the padded positions."""
        if not self.use_nested_tensor or self.training or self.layers[0].training or src.dim() != 3 or mask is not None:
            return False
        if current().grad and (src.requires_grad or any(p.requires_grad for p in self.parameters())):
            return False
        taken = padding == 0
        return not self.mask_check or bool((taken[:, :-1] | ~taken[:, 1:]).all())


def kept_padding(layer: Any) -> str:
    """Why a stack of such layers computes at padded positions too; empty if it need not."""
    if not isinstance(layer, TransformerEncoderLayer):
        return "encoder_layer is not an instance of TransformerEncoderLayer"
    attention = layer.self_attn
    reasons = (
        (layer.norm_first, "encoder_layer.norm_first was True"),
        (
            not attention.batch_first,
            "encoder_layer.self_attn.batch_first was not True(use batch_first for better inference performance)",
        ),
        (not attention._qkv_same_embed_dim, "encoder_layer.self_attn._qkv_same_embed_dim was not True"),
        (attention.in_proj_bias is None, "encoder_layer.self_attn was passed bias=False"),
        (not layer.activation_relu_or_gelu, "encoder_layer.activation_relu_or_gelu was not True"),
        (layer.norm1.eps != layer.norm2.eps, "encoder_layer.norm1.eps was not equal to encoder_layer.norm2.eps"),
        (attention.num_heads % 2 == 1, "encoder_layer.self_attn.num_heads is odd"),
    )
    return next((text for found, text in reasons if found), "")


class TransformerDecoder(Module):
    """Copies of a decoder layer one after the other, then `norm` if given."""

    __constants__ = ["norm"]

    def __init__(self, decoder_layer: TransformerDecoderLayer, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _get_clones(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self, tgt: Any, memory: Any, tgt_mask: Any = None, memory_mask: Any = None, tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None, tgt_is_causal: bool | None = None, memory_is_causal: bool = False,
    ) -> Any:  # fmt: skip
        """All layers applied to tgt, looking at memory."""
        length = _get_seq_len(tgt, self.layers[0].self_attn.batch_first)
        tgt_is_causal = _detect_is_causal_mask(tgt_mask, tgt_is_causal, length)
        out = tgt
        for module in self.layers:
            out = module(
                out, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal,
                memory_is_causal=memory_is_causal,
            )  # fmt: skip
        return out if self.norm is None else self.norm(out)


class Transformer(Module):
    """decoder(tgt, encoder(src)): stacks of encoder and decoder layers, each ended by a LayerNorm.

    custom_encoder, custom_decoder replace the stacks.  Weights of two and more dims start Xavier uniform.
    Shapes: src (S, N, d_model), tgt (T, N, d_model); (N, S, d_model) for batch_first, or no batch dim.
    Raises: ShapeError.  Source: A. Vaswani et al., Attention is all you need (2017).
    """

    def __init__(
        self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6, num_decoder_layers: int = 6,
        dim_feedforward: int = 2048, dropout: float = 0.1, activation: str | Callable[[Any], Any] = F.relu,
        custom_encoder: Any = None, custom_decoder: Any = None, layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        options = (
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias,
        )  # fmt: skip
        if custom_encoder is not None:
            self.encoder = custom_encoder
        else:
            layer = TransformerEncoderLayer(*options, **factory)
            norm = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **factory)
            self.encoder = TransformerEncoder(layer, num_encoder_layers, norm)
        if custom_decoder is not None:
            self.decoder = custom_decoder
        else:
            decoder_layer = TransformerDecoderLayer(*options, **factory)
            norm = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **factory)
            self.decoder = TransformerDecoder(decoder_layer, num_decoder_layers, norm)
        self._reset_parameters()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def forward(
        self, src: Any, tgt: Any, src_mask: Any = None, tgt_mask: Any = None, memory_mask: Any = None,
        src_key_padding_mask: Any = None, tgt_key_padding_mask: Any = None, memory_key_padding_mask: Any = None,
        src_is_causal: bool | None = None, tgt_is_causal: bool | None = None, memory_is_causal: bool = False,
    ) -> Any:  # fmt: skip
        """The decoder's output for tgt."""
        axis = 0 if self.batch_first else 1
        if src.dim() == 3 and src.size(axis) != tgt.size(axis):
            raise ShapeError(f"the batch number of src and tgt must be equal: {src.size(axis)} and {tgt.size(axis)}")
        if src.size(-1) != self.d_model or tgt.size(-1) != self.d_model:
            raise ShapeError(
                f"the feature number of src and tgt must be equal to d_model: {src.size(-1)}, {tgt.size(-1)} and "
                f"{self.d_model}"
            )
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(
            tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )  # fmt: skip

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Any:
        """The mask (sz, sz) that adds -inf above the diagonal: no position sees what follows it."""
        return _generate_square_subsequent_mask(sz, dtype=dtype, device=device)

    def _reset_parameters(self) -> None:
        """Draw new values for the weights."""
        for p in self.parameters():
            if p.dim() > 1:
                init.xavier_uniform_(p)
