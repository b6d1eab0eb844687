"""Sums, products, extrema and norms over dims."""

from __future__ import annotations
