"""Copies, conversions of dtype and fills."""

from __future__ import annotations
