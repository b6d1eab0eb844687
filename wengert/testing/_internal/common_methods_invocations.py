# ruff: noqa: F401  (a face: other files take these names from here)
"""Lists of entries about operators (`torch.testing._internal.common_methods_invocations`).

They are made of this library's own records: names of variants, such as "div.floor_rounding", are not told apart.
"""

from __future__ import annotations

from typing import Any

import wengert as torch
from wengert.testing import make_tensor
from wengert.testing._internal.opinfo import core as opinfo
from wengert.testing._internal.opinfo.core import *  # noqa: F403
from wengert.testing._internal.opinfo.core import (
    BinaryUfuncInfo,
    ReductionOpInfo,
    ShapeFuncInfo,
    SpectralFuncInfo,
    UnaryUfuncInfo,
)
from wengert.testing._internal.opinfo.registry import entries
from wengert.testing._utils import wrapper_set_seed

op_db: list[Any] = entries()
ops = op_db
unary_ufuncs = [info for info in op_db if isinstance(info, UnaryUfuncInfo)]
binary_ufuncs = [info for info in op_db if isinstance(info, BinaryUfuncInfo)]
reduction_ops = [info for info in op_db if isinstance(info, ReductionOpInfo)]
spectral_funcs = [info for info in op_db if isinstance(info, SpectralFuncInfo)]
shape_funcs = [info for info in op_db if isinstance(info, ShapeFuncInfo)]
python_ref_db: list[Any] = []
ops_and_refs = op_db + python_ref_db
reference_filtered_ops = [info for info in reduction_ops if info.ref is not None]
sparse_unary_ufuncs: list[Any] = []
sparse_csr_unary_ufuncs: list[Any] = []
sparse_reduction_ops: list[Any] = []
foreach_unary_op_db: list[Any] = []
foreach_binary_op_db: list[Any] = []
foreach_pointwise_op_db: list[Any] = []
foreach_reduce_op_db: list[Any] = []
foreach_other_op_db: list[Any] = []


sparse_masked_reduction_ops: list[Any] = []
reference_masked_ops: list[Any] = []


def mask_not_all_zeros(shape: Any) -> Any:
    """A random mask that is true somewhere."""
    if not torch.Size(shape).numel():
        raise AssertionError(f"expected shape to have elements, got {shape}")
    while True:
        made = torch.randn(shape).gt(0)
        if made.sum() > 0:
            return made


def generate_elementwise_unary_tensors(op: Any, *, device: Any, dtype: Any, requires_grad: bool, **kwargs: Any) -> Any:
    """Samples of several shapes in the operator's domain."""
    low, high = op.domain
    for shape in ((), (5,), (3, 4), (2, 0, 3)):
        made = make_tensor(shape, device=device, dtype=dtype, low=low, high=high, requires_grad=requires_grad, **kwargs)
        yield opinfo.SampleInput(made, kwargs=op.sample_kwargs(device, dtype, made)[0])


def generate_elementwise_binary_tensors(
    op: Any, *, device: Any, dtype: Any, requires_grad: bool = False, exclude_zero: bool = False
) -> Any:
    """Samples of several pairs of shapes that broadcast."""
    options = {"device": device, "dtype": dtype, "requires_grad": requires_grad, "exclude_zero": exclude_zero}
    for left, right in (((), ()), ((5,), (5,)), ((3, 4), (4,)), ((2, 1, 3), (5, 1))):
        first = make_tensor(left, **{**options, **op.lhs_make_tensor_kwargs})
        second = make_tensor(right, **{**options, **op.rhs_make_tensor_kwargs})
        yield opinfo.SampleInput(first, args=(second,), broadcasts_input=left != right)
