"""Architecture optimisation (`torch.ao`): names of quantization, which is not there."""

from __future__ import annotations

from wengert.ao import nn, quantization

__all__ = ["nn", "quantization"]
