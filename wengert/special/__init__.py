"""Special functions (`torch.special`): error, gamma, Bessel and zeta families, orthogonal polynomials."""

from __future__ import annotations

from wengert.core.tensor.methods import SPACES as _SPACES

globals().update(_SPACES["special"])

__all__ = [*_SPACES["special"]]  # noqa: PLE0604
