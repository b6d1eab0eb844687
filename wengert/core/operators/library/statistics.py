"""Means, variances, quantiles and modes."""

from __future__ import annotations
