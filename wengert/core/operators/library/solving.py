"""Determinants, inverses and linear systems."""

from __future__ import annotations
