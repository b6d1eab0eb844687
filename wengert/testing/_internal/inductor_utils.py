# ruff: noqa: F401  (a face: other files take these names from here)
"""Which compilers there are (`torch.testing._internal.inductor_utils`): none, programs run eagerly."""

from __future__ import annotations

import unittest

import wengert as torch

HAS_CPU = HAS_GPU = HAS_TRITON = HAS_CUDA = HAS_XPU = HAS_MPS = HAS_MULTIGPU = False
HAS_CUDA_AND_TRITON = HAS_XPU_AND_TRITON = HAS_GPU_AND_TRITON = HAS_PALLAS = False
RUN_CPU = RUN_GPU = RUN_TPU = False
GPU_TYPE = "cuda"
GPU_TYPES = ["cuda", "mps", "xpu", "mtia"]

requires_gpu = unittest.skip("requires gpu")
requires_multigpu = unittest.skip("requires multiple gpu devices")
requires_cuda_and_triton = requires_gpu_and_triton = unittest.skip("requires cuda and triton")
requires_triton = unittest.skip("requires triton")


def clone_preserve_strides(x: torch.Tensor) -> torch.Tensor:
    """A clone with the same strides."""
    return torch.empty_strided(x.size(), x.stride(), dtype=x.dtype, device=x.device).copy_(x)
