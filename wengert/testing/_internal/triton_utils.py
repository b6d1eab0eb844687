"""Marks of tests of Triton (`torch.testing._internal.triton_utils`): it is not here."""

from wengert.testing._internal.inductor_utils import (
    GPU_TYPE,
    HAS_CUDA_AND_TRITON,
    HAS_GPU,
    HAS_XPU_AND_TRITON,
    requires_cuda_and_triton,
    requires_gpu,
    requires_gpu_and_triton,
)

__all__ = [
    "GPU_TYPE", "HAS_CUDA_AND_TRITON", "HAS_GPU", "HAS_XPU_AND_TRITON", "requires_cuda_and_triton", "requires_gpu",
    "requires_gpu_and_triton",
]  # fmt: skip
