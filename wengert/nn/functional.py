"""Functions of neural networks (`torch.nn.functional`)."""

from __future__ import annotations

from wengert.core.tensor.methods import SPACES as _SPACES

globals().update(_SPACES["nn"])

__all__ = [*_SPACES["nn"]]  # noqa: PLE0604
