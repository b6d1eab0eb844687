"""Complex numbers: parts, conjugates, polar form."""

from __future__ import annotations
