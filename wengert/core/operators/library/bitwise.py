"""Bitwise and logical operators."""

from __future__ import annotations
