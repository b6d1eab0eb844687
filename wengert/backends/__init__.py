"""Switches and facts of the libraries underneath (`torch.backends`): what torch programs set is accepted and kept.

Operators compute the same way whatever is set here.
"""

from __future__ import annotations

from wengert.backends import cpu, cuda, cudnn, mkl, mkldnn, mps, openmp, opt_einsum

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp", "opt_einsum"]
