"""Classes of results with names (`torch.return_types`): `torch.return_types.max` is what `max(x, 0)` returns."""

from __future__ import annotations

from wengert.core.arrays.return_types import CLASSES

globals().update(CLASSES)
all_return_types = list(CLASSES.values())

__all__ = ["all_return_types", *CLASSES]  # noqa: PLE0604
