"""Sorting, ranking, unique values and search in sorted data."""

from __future__ import annotations
