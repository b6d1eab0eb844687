"""Attention whose scores a function changes, and masks given as functions (`torch.nn.attention.flex_attention`).

The functions are given indices that broadcast against each other, (B, 1, 1, 1), (1, H, 1, 1), (Q, 1) and (K,), and
answer for all scores at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from wengert.core.arrays.dtype import bool_ as boolean
from wengert.core.arrays.dtype import int32
from wengert.core.base.errors import MissingError, ValueRangeError
from wengert.core.tape.core import RECORDED
from wengert.core.tensor.creation import arange, zeros
from wengert.core.tensor.tensor import Tensor

_DEFAULT_SPARSE_BLOCK_SIZE = 128
MaskMod = Callable[[Any, Any, Any, Any], Any]


class AuxRequest(NamedTuple):
    """What `flex_attention` shall answer besides its result."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """Logarithm of the sum of exponentials, and largest score, of each query; None if not asked for."""

    lse: Tensor | None = None
    max_scores: Tensor | None = None


def noop_mask(batch: Any, head: Any, token_q: Any, token_kv: Any) -> Any:
    """A mask that hides nothing."""
    return zeros((), dtype=boolean).logical_not()


def and_masks(*mask_mods: MaskMod) -> MaskMod:
    """The mask that shows what all of `mask_mods` show."""

    def mask(b: Any, h: Any, q_idx: Any, kv_idx: Any) -> Any:
        result = noop_mask(b, h, q_idx, kv_idx)
        for part in mask_mods:
            result = result & part(b, h, q_idx, kv_idx)
        return result

    return mask


def or_masks(*mask_mods: MaskMod) -> MaskMod:
    """The mask that shows what any of `mask_mods` shows."""

    def mask(b: Any, h: Any, q_idx: Any, kv_idx: Any) -> Any:
        result = zeros((), dtype=boolean)
        for part in mask_mods:
            result = result | part(b, h, q_idx, kv_idx)
        return result

    return mask


def indices(b: int, h: int, q_len: int, kv_len: int, device: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Indices of batch, head, query and key that broadcast to (b, h, q_len, kv_len)."""
    return (
        arange(b, device=device).reshape(b, 1, 1, 1),
        arange(h, device=device).reshape(1, h, 1, 1),
        arange(q_len, device=device).reshape(q_len, 1),
        arange(kv_len, device=device),
    )


def create_mask(
    mod_fn: MaskMod, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: Any = "cpu", **options: Any
) -> Tensor:
    """What a mask shows, as booleans of shape (B, H, Q_LEN, KV_LEN); B and H of None are 1."""
    shape = (B or 1, H or 1, Q_LEN, KV_LEN)
    shown: Tensor = mod_fn(*indices(*shape, device)).to(boolean).expand(shape).contiguous()
    return shown


class BlockMask:
    """A mask and its blocks: which of them show something (`kv_`) and which everything (`full_kv_`).

    `kv_num_blocks` of shape (B, H, blocks of queries) counts the blocks of keys that are partly shown, `kv_indices`
    names them first; `q_num_blocks` and `q_indices` are the same with queries and keys exchanged.
    """

    def __init__(self, shown: Tensor, mask_mod: MaskMod, block_size: tuple[int, int]) -> None:
        self.mask_mod, self.BLOCK_SIZE = mask_mod, block_size
        self.seq_lengths = (shown.shape[-2], shown.shape[-1])
        counts: Any = blocks_of(shown, block_size)
        full: Any = counts == block_size[0] * block_size[1]
        partial: Any = (counts > 0) & ~full
        self.kv_num_blocks, self.kv_indices = ordered(partial)
        self.full_kv_num_blocks, self.full_kv_indices = ordered(full)
        self.q_num_blocks, self.q_indices = ordered(partial.transpose(-2, -1))
        self.full_q_num_blocks, self.full_q_indices = ordered(full.transpose(-2, -1))
        self.some = partial | full

    @property
    def shape(self) -> tuple[int, ...]:
        """(B, H, length of the queries, length of the keys)."""
        return (*self.kv_num_blocks.shape[:-1], *self.seq_lengths)

    def numel(self) -> int:
        """How many scores there are."""
        return math.prod(self.shape)

    def to_dense(self) -> Tensor:
        """1 for each block that shows something, else 0."""
        return self.some.to(int32)

    def sparsity(self) -> float:
        """How many percent of the scores lie in no block that shows something."""
        computed = int(self.some.sum()) * self.BLOCK_SIZE[0] * self.BLOCK_SIZE[1]
        return 100 * (1 - computed / self.numel())

    def __repr__(self) -> str:
        names = [f"{side}_{what}" for side in ("kv", "full_kv", "q", "full_q") for what in ("num_blocks", "indices")]
        lines = "".join(f"    {name}={getattr(self, name).shape},\n" for name in names)
        return f"BlockMask(\n{lines}    BLOCK_SIZE={self.BLOCK_SIZE},\n    shape={self.shape},\n)"


def blocks_of(shown: Tensor, block_size: tuple[int, int]) -> Tensor:
    """How many scores each block shows, of shape (B, H, blocks of queries, blocks of keys)."""
    b, h, q_len, kv_len = shown.shape
    rows, columns = (-(-length // size) for length, size in zip((q_len, kv_len), block_size, strict=True))
    padded = zeros(b, h, rows * block_size[0], columns * block_size[1], dtype=int32, device=shown.device)
    padded[..., :q_len, :kv_len] = shown.to(int32)
    counts: Tensor = padded.reshape(b, h, rows, block_size[0], columns, block_size[1]).sum((3, 5))
    return counts


def ordered(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """How many blocks of each row are marked, and the numbers of its blocks, the marked ones first."""
    order = RECORDED.argsort(blocks.to(int32), dim=-1, descending=True, stable=True)
    return blocks.sum(-1).to(int32), order.to(int32).contiguous()


def create_block_mask(
    mask_mod: MaskMod, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: Any = None,
    BLOCK_SIZE: int | tuple[int, int] = _DEFAULT_SPARSE_BLOCK_SIZE, _compile: bool = False, **options: Any,
) -> BlockMask:  # fmt: skip
    """The mask that `mask_mod(b, h, q_idx, kv_idx)` shows, in blocks; B and H of None stand for all."""
    size = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else tuple(BLOCK_SIZE)
    return BlockMask(create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device), mask_mod, size)  # type: ignore[arg-type]


def check(query: Tensor, key: Tensor, value: Tensor, enable_gqa: bool) -> None:
    """Raise MissingError unless there are four dimensions, ValueRangeError if dtypes or heads differ."""
    if not query.dtype == key.dtype == value.dtype:
        raise ValueRangeError(
            "Expected query, key, and value to have the same dtype, but got "
            f"query.dtype: {query.dtype}, key.dtype: {key.dtype}, and value.dtype: {value.dtype} instead."
        )
    if not query.ndim == key.ndim == value.ndim == 4:
        raise MissingError("NYI: query, key, and value must be 4D tensors")
    if not enable_gqa and query.shape[1] != key.shape[1]:
        raise ValueRangeError(
            "Expect query and key/value to have the same number of heads "
            f"but got Hq={query.shape[1]} and Hkv={key.shape[1]}. Try setting enable_gqa=True for GQA."
        )


def flex_attention(
    query: Tensor, key: Tensor, value: Tensor, score_mod: Callable[..., Any] | None = None,
    block_mask: BlockMask | None = None, scale: float | None = None, enable_gqa: bool = False,
    return_lse: bool = False, kernel_options: Any = None, *, return_aux: AuxRequest | None = None,
) -> Any:  # fmt: skip
    """softmax(mask(score_mod(query @ key^T * scale))) @ value.

    `query` is (B, Hq, L, E), `key` (B, H, S, E), `value` (B, H, S, Ev); with `enable_gqa` Hq is a multiple of H.
    `scale` is 1 / sqrt(E) by default.  A query that sees nothing gives zeros.
    With `return_lse` also log(sum(exp(score))) of shape (B, Hq, L), with `return_aux` an AuxOutput.
    Raises: ValueRangeError for other dtypes or heads, MissingError unless all have four dimensions.
    """
    check(query, key, value, enable_gqa)
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = (x.repeat_interleave(groups, 1) for x in (key, value))
    scores = (query @ key.transpose(-2, -1)) * (query.shape[-1] ** -0.5 if scale is None else scale)
    places = indices(*scores.shape, query.device)  # type: ignore[arg-type, call-arg]
    if score_mod is not None:
        scores = score_mod(scores, *places)
    if block_mask is not None:
        scores = RECORDED.where(block_mask.mask_mod(*places), scores, -math.inf)
    largest = scores.detach().amax(-1, keepdim=True)
    largest = RECORDED.where(largest == -math.inf, 0.0, largest)
    weights = RECORDED.exp(scores - largest)
    total = weights.sum(-1, keepdim=True)
    out = ((weights / RECORDED.where(total == 0, 1.0, total)) @ value).to(query.dtype)
    lse = (RECORDED.log(total) + largest).squeeze(-1)
    if return_aux is not None:
        return out, AuxOutput(lse if return_aux.lse else None, scores.amax(-1) if return_aux.max_scores else None)
    return (out, lse) if return_lse else out


__all__ = [
    "AuxOutput", "AuxRequest", "BlockMask", "and_masks", "create_block_mask", "create_mask", "flex_attention",
    "noop_mask", "or_masks",
]  # fmt: skip
