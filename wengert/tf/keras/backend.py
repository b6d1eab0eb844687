"""`tf.keras.backend`: settings and a few functions."""

from __future__ import annotations

from typing import Any

from wengert.tf.conversion import convert_to_tensor
from wengert.tf.keras.state import SETTINGS, clear_session
from wengert.tf.math import abs, exp, log, sqrt, square  # noqa: A004
from wengert.tf.reductions import reduce_max, reduce_mean, reduce_sum


def floatx() -> str:
    """Name of the dtype of weights."""
    return SETTINGS["floatx"]


def set_floatx(value: str) -> None:
    """Set the dtype of weights. Raises ValueError for what is no floating dtype."""
    if value not in ("bfloat16", "float16", "float32", "float64"):
        raise ValueError(
            f"Unknown `floatx` value: {value}. Expected one of {{'bfloat16', 'float16', 'float32', 'float64'}}"
        )
    SETTINGS["floatx"] = value


def epsilon() -> float:
    """The small number that keeps divisors off 0."""
    return SETTINGS["epsilon"]


def set_epsilon(value: float) -> None:
    """Set that number."""
    SETTINGS["epsilon"] = value


def image_data_format() -> str:
    """Where the channels are."""
    return SETTINGS["image_data_format"]


def backend() -> str:
    """Name of the backend."""
    return "tensorflow"


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Mean over `axis`."""
    return reduce_mean(x, axis, keepdims)


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A001
    """Sum over `axis`."""
    return reduce_sum(x, axis, keepdims)


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A001
    """Largest over `axis`."""
    return reduce_max(x, axis, keepdims)


def get_value(x: Any) -> Any:
    """A value as a NumPy array."""
    return convert_to_tensor(x).numpy()


def set_value(x: Any, value: Any) -> None:
    """Replace the value of a Variable."""
    x.assign(value)


__all__ = ["abs", "backend", "clear_session", "epsilon", "exp", "floatx", "log", "sqrt", "square"]
