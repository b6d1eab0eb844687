"""Adafactor under the name of torch's module."""

from __future__ import annotations

from wengert.optim.adafactor import Adafactor, adafactor

__all__ = ["Adafactor", "adafactor"]
