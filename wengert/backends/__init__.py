"""Switches and facts of the libraries underneath (`torch.backends`): what torch programs set is accepted and kept.

Operators compute the same way whatever is set here.
"""

from __future__ import annotations

from wengert.backends import cpu, cuda, cudnn, mkl, mkldnn, mps, openmp, opt_einsum

has_lapack = True
has_mkl = mkl.is_available()
has_openmp = openmp.is_available()
has_spectral = True

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp", "opt_einsum"]
