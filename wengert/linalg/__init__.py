"""Linear algebra (`torch.linalg`): products, decompositions, solvers, norms."""

from __future__ import annotations

from wengert.core.base.errors import LinAlgError
from wengert.core.tensor.methods import SPACES as _SPACES

globals().update(_SPACES["linalg"])

__all__ = ["LinAlgError", *_SPACES["linalg"]]  # noqa: PLE0604
