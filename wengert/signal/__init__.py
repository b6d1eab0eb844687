"""Signal processing (`torch.signal`): window functions; the transforms are `stft` and `istft` of the main namespace."""

from __future__ import annotations

from wengert.signal import windows

__all__ = ["windows"]
