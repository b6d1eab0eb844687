"""Repeating, rolling, flipping and triangular parts."""

from __future__ import annotations
