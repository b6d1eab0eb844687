"""Muon under the name of torch's module."""

from __future__ import annotations

from wengert.optim.muon import Muon, muon

__all__ = ["Muon", "muon"]
