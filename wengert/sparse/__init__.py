"""Sparse tensors: what torch has under `torch.sparse`.

Tensors of coordinates and of compressed rows or columns are made by `sparse_coo_tensor`, `sparse_csr_tensor` and
`Tensor.to_sparse`; the functions here have gradients that are sparse where their operands are.
"""

from __future__ import annotations

from wengert.sparse.checking import check_sparse_tensor_invariants
from wengert.sparse.gradients import as_sparse_gradcheck
from wengert.sparse.products import addmm, log_softmax, mm, sampled_addmm, softmax, spdiags, spsolve, sum
from wengert.sparse.types import TYPES

FloatTensor, DoubleTensor, HalfTensor = TYPES["FloatTensor"], TYPES["DoubleTensor"], TYPES["HalfTensor"]
BFloat16Tensor, ByteTensor, CharTensor = TYPES["BFloat16Tensor"], TYPES["ByteTensor"], TYPES["CharTensor"]
ShortTensor, IntTensor, LongTensor = TYPES["ShortTensor"], TYPES["IntTensor"], TYPES["LongTensor"]

__all__ = [
    "BFloat16Tensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor", "IntTensor",
    "LongTensor", "ShortTensor", "addmm", "as_sparse_gradcheck", "check_sparse_tensor_invariants", "log_softmax", "mm",
    "sampled_addmm", "softmax", "spdiags", "spsolve", "sum",
]  # fmt: skip
