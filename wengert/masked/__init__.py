"""Reductions and normalisations over the elements that a mask leaves (`torch.masked`).

`mask` is a tensor of booleans that broadcasts to the input: False elements count as if they were not there.  Where a
mask leaves nothing, a reduction gives what it gives for no elements: 0, 1, an infinity, or nan.
"""

from __future__ import annotations

from wengert.masked.normalisations import cumprod, cumsum, log_softmax, logaddexp, normalize, softmax, softmin
from wengert.masked.reductions import amax, amin, argmax, argmin, logsumexp, mean, median, norm, prod, std, sum, var

__all__ = [
    "amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp", "logsumexp", "mean", "median",
    "norm", "normalize", "prod", "softmax", "softmin", "std", "sum", "var",
]  # fmt: skip
