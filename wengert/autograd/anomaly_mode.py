"""Finding the operation whose gradient went wrong."""

from __future__ import annotations

import warnings
from typing import Any

from wengert.core.base.errors import ArgumentError
from wengert.core.tape import anomaly  # noqa: F401  (watches the rules of a sweep)
from wengert.core.tape.modes import MODE

__all__ = ["detect_anomaly", "set_detect_anomaly"]


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on."""
    return MODE.get().anomaly


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly detection looks for NaN."""
    return MODE.get().check_nan


class set_detect_anomaly:
    """Anomaly detection on or off, as a statement or as a block.

    While on, every operation keeps the lines that led to it; an error in its gradient, or (check_nan)
    a NaN that its gradient brings in, is reported with them.  Much slower: for debugging only.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        for place, (name, value) in enumerate((("enabled", mode), ("check_nan", check_nan)), 1):
            if not isinstance(value, bool):
                raise ArgumentError(
                    f"set_anomaly_enabled(): argument '{name}' (position {place}) must be bool, not "
                    + type(value).__name__
                )
        before = MODE.get()
        self.prev, self.prev_check_nan = before.anomaly, before.check_nan
        MODE.set(before.but(anomaly=mode, check_nan=check_nan))

    def __enter__(self) -> None:
        pass

    def __exit__(self, *args: Any) -> None:
        MODE.set(MODE.get().but(anomaly=self.prev, check_nan=self.prev_check_nan))


class detect_anomaly:
    """A block with anomaly detection on; making one warns that it is slow."""

    def __init__(self, check_nan: bool = True) -> None:
        before = MODE.get()
        self.prev, self.prev_check_nan = before.anomaly, before.check_nan
        self.check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
            "debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        before = MODE.get()
        self.prev, self.prev_check_nan = before.anomaly, before.check_nan
        MODE.set(before.but(anomaly=True, check_nan=self.check_nan))

    def __exit__(self, *args: Any) -> None:
        MODE.set(MODE.get().but(anomaly=self.prev, check_nan=self.prev_check_nan))
