"""`torch.backends.cuda`: switches that are accepted and kept."""

from __future__ import annotations

from typing import Any

from wengert.core.arrays import cupy_backend


class Matmul:
    """Switches of matrix products."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True
    allow_fp16_accumulation = False
    fp32_precision = "none"


matmul = Matmul()
_enabled = {"flash": True, "math": True, "mem_efficient": True, "cudnn": True}


def is_built() -> bool:
    """Whether CUDA tensors can be made here."""
    return cupy_backend.is_available()


def flash_sdp_enabled() -> bool:
    """What `enable_flash_sdp` was told."""
    return _enabled["flash"]


def enable_flash_sdp(enabled: bool) -> None:
    """Accepted: attention is computed one way."""
    _enabled["flash"] = bool(enabled)


def math_sdp_enabled() -> bool:
    """What `enable_math_sdp` was told."""
    return _enabled["math"]


def enable_math_sdp(enabled: bool) -> None:
    """Accepted: attention is computed one way."""
    _enabled["math"] = bool(enabled)


def mem_efficient_sdp_enabled() -> bool:
    """What `enable_mem_efficient_sdp` was told."""
    return _enabled["mem_efficient"]


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Accepted: attention is computed one way."""
    _enabled["mem_efficient"] = bool(enabled)


def cudnn_sdp_enabled() -> bool:
    """What `enable_cudnn_sdp` was told."""
    return _enabled["cudnn"]


def enable_cudnn_sdp(enabled: bool) -> None:
    """Accepted: attention is computed one way."""
    _enabled["cudnn"] = bool(enabled)


def preferred_linalg_library(backend: Any = None) -> str:
    """Accepted: decompositions go through one library."""
    return "default"


__all__ = [
    "cudnn_sdp_enabled", "enable_cudnn_sdp", "enable_flash_sdp", "enable_math_sdp", "enable_mem_efficient_sdp",
    "flash_sdp_enabled", "is_built", "math_sdp_enabled", "matmul", "mem_efficient_sdp_enabled",
    "preferred_linalg_library",
]  # fmt: skip
