"""What the stories share: an expected error by class and leading words, values compared as plain lists."""

import re
import warnings

import pytest


def raises(kind: type, words: str):
    """Expect an error of class `kind` whose message begins with `words`."""
    return pytest.raises(kind, match="^" + re.escape(words))


def warns(kind: type, words: str):
    """Expect a warning of class `kind` whose message begins with `words`."""
    return pytest.warns(kind, match="^" + re.escape(words))


def close(tensor, values, tolerance: float = 1e-6) -> bool:
    """Whether `tensor` holds `values` (nested lists or numbers) within `tolerance`."""
    return values_close(tensor.detach().tolist(), values, tolerance)


def values_close(left, right, tolerance: float) -> bool:
    if isinstance(left, list) != isinstance(right, list):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(
            values_close(one, other, tolerance) for one, other in zip(left, right, strict=True)
        )
    return abs(left - right) <= tolerance * max(1.0, abs(right))


class no_warnings:
    """A block in which every warning is an error."""

    def __enter__(self):
        self.block = warnings.catch_warnings()
        self.block.__enter__()
        warnings.simplefilter("error")

    def __exit__(self, *details):
        return self.block.__exit__(*details)
