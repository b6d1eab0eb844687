"""Special functions: error, gamma, Bessel and zeta families."""

from __future__ import annotations
