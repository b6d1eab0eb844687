"""`tf.keras.regularizers`: penalties of weights."""

from __future__ import annotations

from typing import Any

from wengert.tf import math
from wengert.tf.keras.registry import Configured, getter, table_of
from wengert.tf.reductions import reduce_sum


class Regularizer(Configured):
    """Base of penalties: `regularizer(x)` gives a number."""

    def __call__(self, x: Any) -> Any:
        return 0.0


class L1L2(Regularizer):
    """l1 * sum|x| + l2 * sum x^2."""

    def __init__(self, l1: Any = 0.0, l2: Any = 0.0):
        for name, value in (("l1", l1), ("l2", l2)):
            if value is not None and (not isinstance(value, (int, float)) or value != value or value < 0):
                raise ValueError(
                    f"Invalid value for argument `{name}`: expected a non-negative float. Received: {name}={value}"
                )
        self.l1, self.l2 = float(l1 or 0.0), float(l2 or 0.0)

    def __call__(self, x: Any) -> Any:
        total: Any = 0.0
        if self.l1:
            total = total + self.l1 * reduce_sum(math.abs(x))
        if self.l2:
            total = total + self.l2 * reduce_sum(math.square(x))
        return total

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    """l1 * sum|x|."""

    def __init__(self, l1: float = 0.01):
        super().__init__(l1=l1)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {"l1": self.l1}


class L2(L1L2):
    """l2 * sum x^2."""

    def __init__(self, l2: float = 0.01):
        super().__init__(l2=l2)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {"l2": self.l2}


l1, l2, l1_l2 = L1, L2, L1L2
TABLE = {**table_of(globals(), ("L1", "L2", "L1L2")), "l1_l2": L1L2}
get = getter("regularizer", lambda: TABLE)
