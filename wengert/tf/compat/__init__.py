"""`tf.compat`: versions of the interface, and bytes and text."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.tf.compat import v1

bytes_or_text_types = (bytes, str)
complex_types = (complex, np.number)
integral_types = (int, np.integer)
real_types = (int, float, np.integer, np.floating)


def as_bytes(bytes_or_text: Any, encoding: str = "utf-8") -> bytes:
    """Text as bytes. Raises TypeError for anything else."""
    if isinstance(bytes_or_text, (bytes, bytearray)):
        return bytes(bytes_or_text)
    if isinstance(bytes_or_text, str):
        return bytes_or_text.encode(encoding)
    raise TypeError(f"Expected binary or unicode string, got {bytes_or_text!r}")


def as_text(bytes_or_text: Any, encoding: str = "utf-8") -> str:
    """Bytes as text. Raises TypeError for anything else."""
    if isinstance(bytes_or_text, str):
        return bytes_or_text
    if isinstance(bytes_or_text, bytes):
        return bytes_or_text.decode(encoding)
    raise TypeError(f"Expected binary or unicode string, got {bytes_or_text!r}")


as_str = as_text


def as_str_any(value: Any, encoding: str = "utf-8") -> str:
    """Anything as text."""
    return as_text(value, encoding) if isinstance(value, bytes) else str(value)


def path_to_str(path: Any) -> str:
    """A path as text."""
    return as_str_any(path.__fspath__() if hasattr(path, "__fspath__") else path)


def dimension_value(dimension: Any) -> Any:
    """A length as it is."""
    return dimension


def dimension_at_index(shape: Any, index: int) -> Any:
    """A length of a shape, None where it is not known."""
    return None if shape.rank is None else shape[index]


def forward_compatible(year: int, month: int, day: int) -> bool:
    """True."""
    return True


__all__ = ["as_bytes", "as_str", "as_str_any", "as_text", "v1"]
