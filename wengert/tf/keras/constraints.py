"""`tf.keras.constraints`: what optimizers bring weights back to after an update."""

from __future__ import annotations

from typing import Any

from wengert.tf import math
from wengert.tf.conversion import cast, tensor_of
from wengert.tf.keras.registry import Configured, getter, table_of
from wengert.tf.keras.state import SETTINGS
from wengert.tf.reductions import reduce_sum


class Constraint(Configured):
    """Base of constraints: `constraint(w)` gives the value allowed."""

    def __call__(self, w: Any) -> Any:
        return w


def norms(w: Any, axis: Any) -> Any:
    """Euclidean norms along `axis`."""
    return math.sqrt(reduce_sum(math.square(w), axis, True))


class MaxNorm(Constraint):
    """Norms along `axis` no larger than `max_value`."""

    def __init__(self, max_value: float = 2, axis: Any = 0):
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> Any:
        w = tensor_of(w)
        size = norms(w, self.axis)
        return w * (math.clip_by_value(size, 0.0, self.max_value) / (size + SETTINGS["epsilon"]))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """No negative weights."""

    def __call__(self, w: Any) -> Any:
        w = tensor_of(w)
        return w * cast(w >= 0.0, w.dtype)


class UnitNorm(Constraint):
    """Norms along `axis` are 1."""

    def __init__(self, axis: Any = 0):
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        w = tensor_of(w)
        return w / (norms(w, self.axis) + SETTINGS["epsilon"])

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Norms along `axis` drawn into [min_value, max_value] at `rate`."""

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0):
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Any) -> Any:
        w = tensor_of(w)
        size = norms(w, self.axis)
        wanted = self.rate * math.clip_by_value(size, self.min_value, self.max_value) + (1 - self.rate) * size
        return w * (wanted / (size + SETTINGS["epsilon"]))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm
TABLE = table_of(globals(), ("MaxNorm", "NonNeg", "UnitNorm", "MinMaxNorm"))
get = getter("constraint", lambda: TABLE)
