"""Comparisons and tests of values."""

from __future__ import annotations
