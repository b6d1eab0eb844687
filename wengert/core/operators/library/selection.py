"""Choosing between values: where, clamp, maximum, lerp and their kin."""

from __future__ import annotations
