"""Trigonometric and hyperbolic functions."""

from __future__ import annotations
