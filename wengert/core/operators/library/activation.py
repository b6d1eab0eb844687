"""Activations of neural networks, each fused into one node."""

from __future__ import annotations
