"""Which operators autocast runs in lower precision, and which in float32, by device type: torch's lists."""

from __future__ import annotations

_PRODUCTS = (
    "mm bmm addmm addbmm baddbmm convolution conv_tbc prelu linalg_vecdot attention linear_bias "
    "linear_plain "
    "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d linear"
)
_LOSSES = (
    "mse_loss l1_loss smooth_l1_loss huber_loss soft_margin_loss kl_div cross_entropy nll_loss multi_margin_loss "
    "multilabel_margin_loss binary_cross_entropy_with_logits hinge_embedding_loss poisson_nll_loss "
    "cosine_embedding_loss margin_ranking_loss triplet_margin_loss ctc_loss"
)

LOWER: dict[str, frozenset[str]] = {
    "cpu": frozenset(_PRODUCTS.split()),
    "cuda": frozenset(f"{_PRODUCTS} addmv addr mv chain_matmul linalg_multi_dot".split()),
}
"""Operators whose floating arguments, float64 apart, are cast to the block's dtype."""

FULL: dict[str, frozenset[str]] = {
    "cpu": frozenset(
        (
            f"{_LOSSES} avg_pool3d binary_cross_entropy grid_sampler grid_sample polar prod quantile nanquantile stft "
            "cdist trace view_as_complex cholesky cholesky_inverse cholesky_solve inverse lu_solve orgqr ormqr "
            "pinverse max_pool3d max_unpool2d max_unpool3d adaptive_avg_pool3d reflection_pad1d reflection_pad2d "
            "replication_pad1d replication_pad2d replication_pad3d fft ifft fft2 ifft2 fftn ifftn rfft irfft rfft2 "
            "irfft2 rfftn irfftn hfft ihfft linalg_cond linalg_matrix_rank linalg_solve linalg_cholesky linalg_svdvals "
            "linalg_eigvals linalg_eigvalsh linalg_inv linalg_householder_product linalg_tensorinv "
            "linalg_tensorsolve linalg_qr linalg_eig linalg_eigh linalg_lstsq linalg_inv_ex linalg_svd svd qr"
        ).split()
    ),
    "cuda": frozenset(
        (
            f"{_LOSSES} acos asin cosh cdist cosine_similarity cumprod cumsum dist erfinv exp expm1 group_norm "
            "layer_norm log log10 log_softmax log1p log2 norm normalize pdist pow prod reciprocal rsqrt sinh softmax "
            "softmin softplus sum renorm tan"
        ).split()
    ),
}
"""Operators whose floating arguments of lower precision are cast to float32."""

ALL = frozenset().union(*LOWER.values(), *FULL.values())
# Products written in others are seen in their parts, which are products themselves.
COMPOSITES = frozenset().union(*FULL.values(), ("prelu", "linalg_vecdot"))
