"""`tf.keras.utils`: one-hot labels, seeds, a progress bar."""

from __future__ import annotations

import random as python_random
import sys
import time
from typing import Any

import numpy as np

from wengert.tf.conversion import tensor_of
from wengert.tf.keras.registry import CUSTOM
from wengert.tf.keras.state import SETTINGS
from wengert.tf.random import set_seed


def set_random_seed(seed: int) -> None:
    """Start Python's, NumPy's and TensorFlow's generators from one seed. Raises ValueError for what is no int."""
    if not isinstance(seed, int):
        raise ValueError(f"Expected `seed` argument to be an integer. Received: seed={seed} (of type {type(seed)})")
    python_random.seed(seed)
    np.random.seed(seed)
    set_seed(seed)
    SETTINGS["seeds"] = None


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Rows with one 1, float32, for numbers of classes."""
    a = np.asarray(x._array if hasattr(x, "_array") else x).astype(np.int64)
    if a.ndim > 1 and a.shape[-1] == 1:
        a = a[..., 0]
    count = num_classes or int(a.max()) + 1
    return np.eye(count, dtype=np.float32)[a]


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """x of length 1 along `axis`."""
    a = np.asarray(tensor_of(x)._array)
    size = np.linalg.norm(a, order, axis, True)
    return a / np.where(size == 0, 1, size)


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Any:
    """Let a class or function be found by its name."""

    def register(thing: Any) -> Any:
        CUSTOM[name or thing.__name__] = thing
        return thing

    return register


def get_custom_objects() -> dict[str, Any]:
    """What was registered."""
    return CUSTOM


class Progbar:
    """A line that says how far a loop is: `update(step, values=[(name, number), ...])`."""

    def __init__(self, target: Any, width: int = 20, verbose: int = 1, interval: float = 0.05,
                 stateful_metrics: Any = None, unit_name: str = "step"):  # fmt: skip
        self.target, self.width, self.verbose, self.unit_name = target, width, verbose, unit_name
        self.stateful_metrics = set(stateful_metrics or ())
        self._values: dict[str, list[float]] = {}
        self._seen, self._start = 0, time.time()

    def update(self, current: int, values: Any = None, finalize: Any = None) -> None:
        """Show step `current`; values are averaged over the steps."""
        for name, value in values or []:
            number, step = float(value), max(current - self._seen, 1)
            if name in self.stateful_metrics or name not in self._values:
                self._values[name] = [number * (1 if name in self.stateful_metrics else step),
                                      1 if name in self.stateful_metrics else step]  # fmt: skip
            else:
                self._values[name][0] += number * step
                self._values[name][1] += step
        self._seen = current
        done = finalize if finalize is not None else self.target is not None and current >= self.target
        if self.verbose == 1 or (self.verbose and done):
            filled = self.width * current // self.target if self.target else 0
            bar = "━" * filled + " " * (self.width - filled)
            numbers = "".join(f" - {name}: {a / b:.4f}" for name, (a, b) in self._values.items())
            end = "\n" if done else ""
            sys.stdout.write(f"\r{current}/{self.target} {bar} {time.time() - self._start:.0f}s{numbers}{end}")
            sys.stdout.flush()

    def add(self, n: int, values: Any = None) -> None:
        """Go n steps on."""
        self.update(self._seen + n, values)


__all__ = ["Progbar", "normalize", "set_random_seed", "to_categorical"]
