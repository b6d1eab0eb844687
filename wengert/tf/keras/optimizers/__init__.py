"""`tf.keras.optimizers`: rules that change Variables by gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.tf.keras.optimizers import schedules
from wengert.tf.keras.optimizers.optimizer import Optimizer
from wengert.tf.keras.registry import getter
from wengert.tf.keras.state import KerasVariable, name_scope


class SGD(Optimizer):
    """w - rate * g, with momentum (Nesterov's if asked for)."""

    defaults = {"learning_rate": 0.01, "momentum": 0.0, "nesterov": False}
    momentum: float
    nesterov: bool

    def check(self) -> None:
        """Raise ValueError for a momentum outside [0, 1]."""
        super().check()
        m = self.settings["momentum"]
        if not isinstance(m, (int, float)) or not 0 <= m <= 1:
            raise ValueError("`momentum` must be a float between [0, 1].")

    def slots(self) -> list[dict[str, Any]]:
        """The momentum, where there is one."""
        return [{"momentum": 0.0}] if self.momentum else []

    def step_array(self, g: Any, w: Any, rate: Any, state: dict[str, Any]) -> Any:
        """The new value of a weight."""
        if not self.momentum:
            return w - g * rate
        m = w.dtype.type(self.momentum)
        state["momentum"] = v = state["momentum"] * m - g * rate
        return w + (v * m - g * rate) if self.nesterov else w + v


class Adam(Optimizer):
    """Steps by the mean of the gradients over the root of the mean of their squares."""

    defaults = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "amsgrad": False}
    beta_1: float
    beta_2: float
    epsilon: float
    amsgrad: bool

    def slots(self) -> list[dict[str, Any]]:
        """Means of gradients and of their squares."""
        return [{"momentum": 0.0, "velocity": 0.0}, *([{"velocity_hat": 0.0}] if self.amsgrad else [])]

    def step_array(self, g: Any, w: Any, rate: Any, state: dict[str, Any]) -> Any:
        """The new value of a weight."""
        kind = w.dtype.type
        n = kind(self.iterations._array + 1)
        one = kind(1)
        alpha = rate * np.sqrt(one - np.power(kind(self.beta_2), n)) / (one - np.power(kind(self.beta_1), n))
        state["momentum"] = m = state["momentum"] + (g - state["momentum"]) * kind(1 - self.beta_1)
        state["velocity"] = v = state["velocity"] + (self.squared(g) - state["velocity"]) * kind(1 - self.beta_2)
        if self.amsgrad:
            state["velocity_hat"] = v = np.maximum(state["velocity_hat"], v)
        return w - m * alpha / (np.sqrt(v) + kind(self.epsilon))


class AdamW(Adam):
    """Adam with weights that decay."""

    defaults = {
        "learning_rate": 0.001, "weight_decay": 0.004, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7,
        "amsgrad": False,
    }  # fmt: skip

    def check(self) -> None:
        """Raise ValueError without a decay."""
        super().check()
        if self.settings["weight_decay"] is None:
            raise ValueError("Argument `weight_decay` must be a float. Received: weight_decay=None")


class Lamb(Adam):
    """Adam's step, scaled to the length of the weights."""

    defaults = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}

    def slots(self) -> list[dict[str, Any]]:
        """Means of gradients and of their squares."""
        return [{"momentum": 0.0, "velocity": 0.0}]

    def step_array(self, g: Any, w: Any, rate: Any, state: dict[str, Any]) -> Any:
        """The new value of a weight."""
        kind = w.dtype.type
        n, one = kind(self.iterations._array + 1), kind(1)
        state["momentum"] = m = state["momentum"] + (g - state["momentum"]) * kind(1 - self.beta_1)
        state["velocity"] = v = state["velocity"] + (self.squared(g) - state["velocity"]) * kind(1 - self.beta_2)
        root = np.sqrt(v / (one - np.power(kind(self.beta_2), n))) + kind(self.epsilon)
        change = m / (one - np.power(kind(self.beta_1), n)) / root
        size, length = np.sqrt(np.square(w).sum()), np.sqrt(np.square(change).sum())
        return w - (size / length if size > 0 and length > 0 else one) * rate * change


class RMSprop(Optimizer):
    """Steps by the gradient over the root of the mean of its squares."""

    defaults = {"learning_rate": 0.001, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "centered": False}
    rho: float
    momentum: float
    epsilon: float
    centered: bool

    def slots(self) -> list[dict[str, Any]]:
        """Mean of squares, and momentum and mean of gradients if wanted."""
        wanted = {"velocity": True, "momentum": self.momentum > 0, "average_gradient": self.centered}
        return [{name: 0.0} for name, there in wanted.items() if there]

    def step_array(self, g: Any, w: Any, rate: Any, state: dict[str, Any]) -> Any:
        """The new value of a weight."""
        kind = w.dtype.type
        rho, rest = kind(self.rho), kind(1 - self.rho)
        state["velocity"] = v = rho * state["velocity"] + rest * self.squared(g)
        if self.centered:
            state["average_gradient"] = a = rho * state["average_gradient"] + rest * g
            v = v - np.square(a)
        change = rate * g / np.sqrt(v + kind(self.epsilon))
        if self.momentum > 0:
            state["momentum"] = change = kind(self.momentum) * state["momentum"] + change
        return w - change


class Adagrad(Optimizer):
    """Steps by the gradient over the root of the sum of its squares."""

    defaults = {"learning_rate": 0.001, "initial_accumulator_value": 0.1, "epsilon": 1e-7}
    initial_accumulator_value: float
    epsilon: float

    def slots(self) -> list[dict[str, Any]]:
        """Sum of squares."""
        return [{"accumulator": self.initial_accumulator_value}]

    def step_array(self, g: Any, w: Any, rate: Any, state: dict[str, Any]) -> Any:
        """The new value of a weight."""
        state["accumulator"] = a = state["accumulator"] + self.squared(g)
        return w - rate * g / np.sqrt(a + w.dtype.type(self.epsilon))


class Adadelta(Optimizer):
    """Steps by the gradient times the root of the mean of past steps' squares over that of gradients'."""

    defaults = {"learning_rate": 0.001, "rho": 0.95, "epsilon": 1e-7}
    rho: float
    epsilon: float

    def slots(self) -> list[dict[str, Any]]:
        """Means of squares of gradients and of steps."""
        return [{"accumulated_grad": 0.0, "accumulated_delta_var": 0.0}]

    def step_array(self, g: Any, w: Any, rate: Any, state: dict[str, Any]) -> Any:
        """The new value of a weight."""
        kind = w.dtype.type
        rho, rest, tiny = kind(self.rho), kind(1 - self.rho), kind(self.epsilon)
        state["accumulated_grad"] = a = rho * state["accumulated_grad"] + rest * self.squared(g)
        root, width = np.sqrt(state["accumulated_delta_var"] + tiny), np.sqrt(a + tiny)
        change = -root * g / width
        squares = np.square(root) * self.squared(g) / np.square(width)
        state["accumulated_delta_var"] = rho * state["accumulated_delta_var"] + rest * squares
        return w + rate * change


class Adamax(Optimizer):
    """Adam by the largest gradient instead of the mean of squares."""

    defaults = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
    beta_1: float
    beta_2: float
    epsilon: float

    def slots(self) -> list[dict[str, Any]]:
        """Mean of gradients and the largest."""
        return [{"momentum": 0.0, "norm": 0.0}]

    def step_array(self, g: Any, w: Any, rate: Any, state: dict[str, Any]) -> Any:
        """The new value of a weight."""
        kind = w.dtype.type
        power = np.power(kind(self.beta_1), kind(self.iterations._array + 1))
        state["momentum"] = m = state["momentum"] + (g - state["momentum"]) * kind(1 - self.beta_1)
        state["norm"] = u = np.maximum(kind(self.beta_2) * state["norm"], self.magnitude(g))
        return w - rate * m / ((kind(1) - power) * (u + kind(self.epsilon)))


class Nadam(Optimizer):
    """Adam with Nesterov's momentum."""

    defaults = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
    beta_1: float
    beta_2: float
    epsilon: float

    def build(self, variables: Any) -> None:
        """Make room for these Variables, and for the product of the momentums."""
        if self.built:
            return
        super().build(variables)
        with name_scope(self.name):
            self.product = KerasVariable(np.float32(1), trainable=False, name="variable")
        self._variables.append(self.product)

    def slots(self) -> list[dict[str, Any]]:
        """Means of gradients and of their squares."""
        return [{"momentum": 0.0, "velocity": 0.0}]

    def share(self, ahead: int, kind: Any) -> Any:
        """The momentum of a step."""
        return kind(self.beta_1) * (kind(1) - kind(0.5) * np.power(kind(0.96), kind(self.iterations._array + ahead)))

    def before(self) -> None:
        """The product of the momentums goes on."""
        self.product.replace(np.asarray(self.product._array * self.share(1, np.float32)))

    def step_array(self, g: Any, w: Any, rate: Any, state: dict[str, Any]) -> Any:
        """The new value of a weight."""
        kind, one = w.dtype.type, w.dtype.type(1)
        now, later, product = self.share(1, kind), self.share(2, kind), kind(self.product._array)
        state["momentum"] = m = state["momentum"] + (g - state["momentum"]) * (one - kind(self.beta_1))
        state["velocity"] = v = state["velocity"] + (self.squared(g) - state["velocity"]) * (one - kind(self.beta_2))
        mean = later * m / (one - product * later) + (one - now) * g / (one - product)
        root = np.sqrt(v / (one - np.power(kind(self.beta_2), kind(self.iterations._array + 1))))
        return w - mean * rate / (root + kind(self.epsilon))


class Ftrl(Optimizer):
    """Follow the regularized leader."""

    defaults = {
        "learning_rate": 0.001, "learning_rate_power": -0.5, "initial_accumulator_value": 0.1,
        "l1_regularization_strength": 0.0, "l2_regularization_strength": 0.0,
        "l2_shrinkage_regularization_strength": 0.0, "beta": 0.0,
    }  # fmt: skip
    learning_rate_power: float
    initial_accumulator_value: float
    l1_regularization_strength: float
    l2_regularization_strength: float
    l2_shrinkage_regularization_strength: float
    beta: float

    def slots(self) -> list[dict[str, Any]]:
        """Sum of squares and the linear term."""
        return [{"accumulator": self.initial_accumulator_value, "linear": 0.0}]

    def step_array(self, g: Any, w: Any, rate: Any, state: dict[str, Any]) -> Any:
        """The new value of a weight."""
        kind = w.dtype.type
        power, l1 = kind(-self.learning_rate_power), kind(self.l1_regularization_strength)
        l2 = kind(self.l2_regularization_strength) + kind(self.beta) / (kind(2) * rate)
        old, new = state["accumulator"], state["accumulator"] + self.squared(g)
        shrunk = g + kind(2 * self.l2_shrinkage_regularization_strength) * w
        state["linear"] = n = state["linear"] + shrunk - (np.power(new, power) - np.power(old, power)) / rate * w
        state["accumulator"] = new
        return (np.clip(n, -l1, l1) - n) / (np.power(new, power) / rate + kind(2) * l2)


class Lion(Optimizer):
    """Steps of one length in the direction of the sign of the momentum."""

    defaults = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.99}
    beta_1: float
    beta_2: float

    def slots(self) -> list[dict[str, Any]]:
        """The momentum."""
        return [{"momentum": 0.0}]

    def step_array(self, g: Any, w: Any, rate: Any, state: dict[str, Any]) -> Any:
        """The new value of a weight."""
        kind, m = w.dtype.type, state["momentum"]
        state["momentum"] = m * kind(self.beta_2) + g * kind(1 - self.beta_2)
        return w - rate * np.sign(m * kind(self.beta_1) + g * kind(1 - self.beta_1))


RULES = ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam", "Ftrl", "Lamb", "Lion")
TABLE = {key: globals()[name] for name in RULES for key in (name, name.lower())}
get = getter("optimizer", lambda: TABLE)
__all__ = [*RULES, "Optimizer", "get", "schedules"]
