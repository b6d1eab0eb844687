"""`tf.keras.optimizers.schedules`: learning rates as functions of the step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wengert.tf.conversion import tensor_of
from wengert.tf.keras.registry import Configured
from wengert.tf.tensor import from_array


class LearningRateSchedule(Configured):
    """Base of schedules: `schedule(step)` gives a rate."""

    def __call__(self, step: Any) -> Any:
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `__call__(self, step)`."
        )

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {k: v for k, v in self.__dict__.items() if not k.startswith("_")}


def step_of(step: Any) -> Any:
    """The number of the step in float32."""
    return np.float32(tensor_of(step)._array)


def rate(value: Any) -> Any:
    """A rate as a tensor."""
    return from_array(np.asarray(value, np.float32))


class ExponentialDecay(LearningRateSchedule):
    """initial * decay_rate^(step / decay_steps)."""

    def __init__(self, initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False,
                 name: str = "ExponentialDecay"):  # fmt: skip
        if decay_steps <= 0:
            raise ValueError(f"Argument `decay_steps` must be > 0. Received: decay_steps={decay_steps}")
        self.initial_learning_rate, self.decay_steps, self.decay_rate = initial_learning_rate, decay_steps, decay_rate
        self.staircase, self.name = staircase, name

    def __call__(self, step: Any) -> Any:
        p = step_of(step) / np.float32(self.decay_steps)
        p = np.floor(p) if self.staircase else p
        return rate(np.float32(self.initial_learning_rate) * np.power(np.float32(self.decay_rate), p))


class InverseTimeDecay(ExponentialDecay):
    """initial / (1 + decay_rate * step / decay_steps)."""

    def __init__(self, initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False,
                 name: str = "InverseTimeDecay"):  # fmt: skip
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: Any) -> Any:
        p = step_of(step) / np.float32(self.decay_steps)
        p = np.floor(p) if self.staircase else p
        return rate(np.float32(self.initial_learning_rate) / (np.float32(1) + np.float32(self.decay_rate) * p))


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[i] up to and with step boundaries[i]. Raises ValueError unless there is one more value."""

    def __init__(self, boundaries: Any, values: Any, name: str = "PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "The length of boundaries should be 1 less than the length of values. Received: "
                f"boundaries={boundaries} of length {len(boundaries)}, and values={values} of length {len(values)}."
            )
        self.boundaries, self.values, self.name = boundaries, values, name

    def __call__(self, step: Any) -> Any:
        return rate(self.values[int((step_of(step) > np.array(self.boundaries)).sum())])


class PolynomialDecay(LearningRateSchedule):
    """(initial - end) * (1 - step / decay_steps)^power + end; `cycle` stretches the steps when they are over."""

    def __init__(self, initial_learning_rate: float, decay_steps: int, end_learning_rate: float = 0.0001,
                 power: float = 1.0, cycle: bool = False, name: str = "PolynomialDecay"):  # fmt: skip
        if decay_steps <= 0:
            raise ValueError(f"Argument `decay_steps` must be > 0. Received: decay_steps={decay_steps}")
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.end_learning_rate, self.power, self.cycle, self.name = end_learning_rate, power, cycle, name

    def __call__(self, step: Any) -> Any:
        n, total = step_of(step), np.float32(self.decay_steps)
        if self.cycle:
            total = total * max(1.0, math.ceil(n / total))
        n = min(n, total)
        width = np.float32(self.initial_learning_rate) - np.float32(self.end_learning_rate)
        return rate(width * np.power(np.float32(1) - n / total, np.float32(self.power)) + self.end_learning_rate)


class CosineDecay(LearningRateSchedule):
    """Half a cosine from the initial rate to `alpha` times it, after a linear warm-up if wanted."""

    def __init__(self, initial_learning_rate: float, decay_steps: int, alpha: float = 0.0, name: str = "CosineDecay",
                 warmup_target: Any = None, warmup_steps: int = 0):  # fmt: skip
        if decay_steps <= 0:
            raise ValueError(f"Argument `decay_steps` must be > 0. Received: decay_steps={decay_steps}")
        self.initial_learning_rate, self.decay_steps, self.alpha, self.name = (
            initial_learning_rate, decay_steps, alpha, name,
        )  # fmt: skip
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def __call__(self, step: Any) -> Any:
        n, start = step_of(step), self.initial_learning_rate
        if self.warmup_target is not None:
            if n < self.warmup_steps:
                return rate((self.warmup_target - start) * n / np.float32(self.warmup_steps) + start)
            n, start = n - np.float32(self.warmup_steps), self.warmup_target
        share = min(n / np.float32(self.decay_steps), np.float32(1))
        cosine = np.float32(0.5) * (1 + np.cos(np.float32(math.pi) * share))
        return rate(np.float32(start) * ((1 - self.alpha) * cosine + self.alpha))


class CosineDecayRestarts(LearningRateSchedule):
    """Half cosines one after the other, each `t_mul` times as long and `m_mul` times as high."""

    def __init__(self, initial_learning_rate: float, first_decay_steps: int, t_mul: float = 2.0, m_mul: float = 1.0,
                 alpha: float = 0.0, name: str = "SGDRDecay"):  # fmt: skip
        if first_decay_steps <= 0:
            raise ValueError(f"Argument `first_decay_steps` must be > 0. Received: {first_decay_steps}")
        self.initial_learning_rate, self.first_decay_steps = initial_learning_rate, first_decay_steps
        self.t_mul, self.m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def __call__(self, step: Any) -> Any:
        p, length, high = float(step_of(step)) / self.first_decay_steps, 1.0, 1.0
        while p >= length:
            p, length, high = p - length, length * self.t_mul, high * self.m_mul
        cosine = 0.5 * high * (1 + math.cos(math.pi * p / length))
        return rate(self.initial_learning_rate * ((1 - self.alpha) * cosine + self.alpha))


__all__ = [
    "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay", "LearningRateSchedule",
    "PiecewiseConstantDecay", "PolynomialDecay",
]  # fmt: skip
