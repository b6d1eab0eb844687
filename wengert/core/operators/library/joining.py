"""Joining and splitting."""

from __future__ import annotations
