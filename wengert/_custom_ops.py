"""Operators of one's own under an older name (`torch._custom_ops`)."""

from __future__ import annotations

from wengert.library import custom_op, impl, impl_abstract

__all__ = ["custom_op", "impl", "impl_abstract"]
