"""Rounding, remainders and the parts of numbers."""

from __future__ import annotations
