"""The base of Keras's optimizers: gradients are clipped, weights decayed and constrained here; a rule does the step."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from wengert.tf.conversion import tensor_of
from wengert.tf.keras.optimizers.schedules import LearningRateSchedule
from wengert.tf.keras.registry import Configured
from wengert.tf.keras.state import KerasVariable, name_scope, snake, unique
from wengert.tf.slices import IndexedSlices, dense
from wengert.tf.tensor import from_array
from wengert.tf.variable import Variable

BASE = {
    "weight_decay": None, "clipnorm": None, "global_clipnorm": None, "clipvalue": None, "use_ema": False,
    "ema_momentum": 0.99, "ema_overwrite_frequency": None, "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}  # fmt: skip
"""Options of every optimizer."""


class Optimizer(Configured):
    """Base of optimizers. A rule overrides `step_array(gradient, value, rate, slots)`, or `update_step` on tensors.

    defaults: options of the rule with their defaults, in order, `learning_rate` first. slots: names of what is kept
    for each Variable.
    """

    defaults: dict[str, Any] = {"learning_rate": 0.01}
    weight_decay: Any
    clipnorm: Any
    global_clipnorm: Any
    clipvalue: Any
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: Any
    loss_scale_factor: Any
    gradient_accumulation_steps: Any

    def __init__(self, *args: Any, **options: Any):
        given = dict(zip([*self.defaults, *BASE, "name"], args, strict=False)) | options
        name = given.pop("name", None)
        known = {**BASE, **self.defaults}
        if unknown := {key: value for key, value in given.items() if key not in known}:
            raise ValueError(f"Argument(s) not recognized: {unknown}")
        self.settings = {**known, **given}
        self.name = name or unique(snake(type(self).__name__))
        self.check()
        rate = self.settings.pop("learning_rate")
        for key, value in self.settings.items():
            setattr(self, key, value)
        self.built = False
        self.excluded: list[Any] = []
        self._trainable_variables: list[Any] = []
        self._places: dict[int, int] = {}
        self._slots: list[dict[str, Any]] = []
        self._rows: IndexedSlices | None = None
        with name_scope(self.name):
            self._iterations = KerasVariable(np.array(0, np.int64), dtype="int64", trainable=False, name="iteration")
            self._learning_rate: Any = self.rate_of(rate)
        self._variables = [self._iterations, *([] if callable(self._learning_rate) else [self._learning_rate])]

    def check(self) -> None:
        """Raise ValueError for options that do not go together."""
        clips = {key: self.settings[key] for key in ("clipnorm", "clipvalue", "global_clipnorm")}
        if sum(value is not None for value in clips.values()) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: "
                + ", ".join(f"{key}={value}" for key, value in clips.items())
            )
        for key, value in clips.items():
            if value is not None and value <= 0:
                raise ValueError(f"Argument `{key}` must be positive. Received: {key}={value}")

    def rate_of(self, rate: Any) -> Any:
        """A Variable of a rate, or the schedule itself."""
        if isinstance(rate, LearningRateSchedule) or callable(rate):
            return rate
        if not isinstance(rate, (int, float)) and not hasattr(rate, "_array") and not isinstance(rate, np.generic):
            raise ValueError(
                "Argument `learning_rate` should be float, or an instance of LearningRateSchedule, or a callable "
                f"(that takes in the current iteration value and returns the corresponding learning rate value). "
                f"Received instead: learning_rate={rate}"
            )
        return KerasVariable(np.float32(tensor_of(rate)._array), trainable=False, name="learning_rate")

    @property
    def iterations(self) -> Any:
        """How many updates there were."""
        several = self.gradient_accumulation_steps
        return from_array(self._iterations._array // several) if several else self._iterations

    @property
    def learning_rate(self) -> Any:
        """The rate of the next step."""
        rate = self._learning_rate
        if isinstance(rate, LearningRateSchedule):
            return rate(self._iterations)
        return rate() if callable(rate) else rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if isinstance(self._learning_rate, KerasVariable) and not callable(value):
            self._learning_rate.assign(np.float32(tensor_of(value)._array))
            return
        if isinstance(self._learning_rate, LearningRateSchedule) and not callable(value):
            raise TypeError(
                "This optimizer was created with a `LearningRateSchedule` object as its `learning_rate` constructor "
                "argument, hence its learning rate is not settable. If you need the learning rate to be settable, you "
                "should instantiate the optimizer with a float `learning_rate` argument."
            )
        self._learning_rate = self.rate_of(value)

    lr = learning_rate

    @property
    def variables(self) -> list[Any]:
        """The counter, the rate and what is kept for the weights."""
        return list(self._variables)

    def slots(self) -> list[dict[str, Any]]:
        """Names of what is kept for a Variable, with first values; each dict is a round through the Variables."""
        return []

    def build(self, variables: Any) -> None:
        """Make room for these Variables."""
        if self.built:
            return
        self._trainable_variables = list(variables)
        self._places = {id(v): i for i, v in enumerate(self._trainable_variables)}
        self._slots = [{} for _ in self._trainable_variables]
        common = [{"average": 0.0}] if self.use_ema else []
        common += [{"gradient_accumulator": 0.0}] if self.gradient_accumulation_steps else []
        with name_scope(self.name):
            for names in (*common, *self.slots()):
                for v, kept in zip(self._trainable_variables, self._slots, strict=True):
                    kept.update({name: self.slot(v, name, value) for name, value in names.items()})
        self.built = True

    def slot(self, v: Any, name: str, value: Any) -> Any:
        """What is kept for a Variable under one name."""
        path = getattr(v, "path", v.name).replace("/", "_").replace(":", "_")
        first = np.full(v._array.shape, value, v._array.dtype)
        out = KerasVariable(first, dtype=v._array.dtype, trainable=False, name=f"{path}_{name}")
        self._variables.append(out)
        return out

    def add_variable_from_reference(
        self, reference_variable: Any, name: str | None = None, initializer: Any = "zeros", **options: Any
    ) -> Any:
        """A Variable like another, for optimizers that override `update_step`."""
        with name_scope(self.name):
            return self.slot(reference_variable, name or "variable", 1.0 if initializer == "ones" else 0.0)

    def _get_variable_index(self, variable: Any) -> int:
        return self._places[id(variable)]

    def assign(self, variable: Any, value: Any) -> None:
        """Replace a value."""
        variable.assign(value)

    def assign_add(self, variable: Any, value: Any) -> None:
        """Add to a value."""
        variable.assign_add(value)

    def assign_sub(self, variable: Any, value: Any) -> None:
        """Subtract from a value."""
        variable.assign_sub(value)

    def apply_gradients(self, grads_and_vars: Any, name: str | None = None, **options: Any) -> Any:
        """One step by pairs of gradients and Variables. Raises ValueError without any gradient."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self.iterations

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """One step by gradients. Raises ValueError for Variables that the optimizer was not built with."""
        grads = list(grads)
        variables = self._trainable_variables if trainable_variables is None else list(trainable_variables)
        if len(grads) != len(variables):
            raise ValueError(
                f"When passing `grads` without `variables`, the optimizer must already be built on a list of "
                f"variables. The gradients number {len(grads)}, the variables {len(variables)}."
            )
        if not grads:
            return
        variables = [v.__dict__.get("owner", v) if isinstance(v, Variable) else v for v in variables]
        given = self.present(grads, variables)
        if not self.built:
            self.build(variables)
        for _, v in given:
            if id(v) not in self._places:
                raise ValueError(
                    f"Unknown variable: {v}. This optimizer can only be called for the variables it was originally "
                    "built with. When working with a new set of variables, you should recreate a new optimizer "
                    "instance."
                )
        several, known = self.gradient_accumulation_steps, [v for _, v in given]
        found = [self.raw(g, v) for g, v in given]
        if several:
            found = self.gathered([whole(g) for g in found], known, several)
        if found:
            self.step(self.clipped(found), known)
        if self.use_ema:
            self.average()
        self._iterations.replace(self._iterations._array + 1)

    def present(self, grads: list[Any], variables: list[Any]) -> list[tuple[Any, Any]]:
        """Pairs that have a gradient. Raises ValueError if none has."""
        given = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
        if not given:
            raise ValueError("No gradients provided for any variable.")
        if missing := [getattr(v, "path", v.name) for g, v in zip(grads, variables, strict=True) if g is None]:
            warnings.warn(
                f"Gradients do not exist for variables {missing} when minimizing the loss. If using `model.compile()`, "
                "did you forget to provide a `loss` argument?",
                stacklevel=4,
            )
        return given

    def raw(self, g: Any, v: Any) -> Any:
        """A gradient as an array of the Variable's dtype, or as rows of such an array."""
        scale = v._array.dtype.type(self.loss_scale_factor or 1)
        if isinstance(g, IndexedSlices):
            values = tensor_of(g.values)._array.astype(v._array.dtype, copy=False)
            return IndexedSlices(from_array(values / scale if scale != 1 else values), g.indices, g.dense_shape)
        a = tensor_of(g)._array.astype(v._array.dtype, copy=False)
        return a / scale if scale != 1 else a

    def gathered(self, arrays: list[Any], variables: list[Any], several: int) -> list[Any]:
        """Mean of the gradients of several steps when there are enough, else nothing."""
        kept = [self._slots[self._places[id(v)]]["gradient_accumulator"] for v in variables]
        totals = [k._array + a for k, a in zip(kept, arrays, strict=True)]
        full = (int(self._iterations._array) + 1) % several == 0
        for k, total in zip(kept, totals, strict=True):
            k.replace(np.zeros_like(total) if full else total)
        return [total / total.dtype.type(several) for total in totals] if full else []

    def clipped(self, grads: list[Any]) -> list[Any]:
        """Gradients within the limits; of rows each counts by itself, also where two belong to one row."""
        if self.clipnorm is not None:
            return [shortened(g, np.sqrt(np.square(own(g)).sum()), self.clipnorm) for g in grads]
        if self.global_clipnorm is not None:
            size = np.sqrt(sum(np.square(own(g)).sum() for g in grads))
            return [shortened(g, size, self.global_clipnorm) for g in grads]
        if self.clipvalue is not None:
            return [changed(g, lambda a: np.clip(a, -self.clipvalue, self.clipvalue)) for g in grads]
        return grads

    def step(self, grads: list[Any], variables: list[Any]) -> None:
        """Decay, the rule and constraints."""
        rate = np.float32(tensor_of(self.learning_rate)._array)
        if self.weight_decay is not None:
            for v in variables:
                if self.decays(v):
                    v.replace(np.asarray(v._array - v._array * v._array.dtype.type(self.weight_decay * rate)))
        self.before()
        for g, v in zip(grads, variables, strict=True):
            self._rows = g if isinstance(g, IndexedSlices) else None
            self.update_step(from_array(whole(g)), v, from_array(np.asarray(rate)))
        self._rows = None
        for v in variables:
            if getattr(v, "constraint", None) is not None:
                v.replace(np.asarray(tensor_of(v.constraint(v))._array, v._array.dtype))

    def squared(self, g: Any) -> Any:
        """Squares of the gradient; rows of one place are squared before they are added, as in TensorFlow."""
        return np.square(g) if self._rows is None else whole(changed(self._rows, np.square))

    def magnitude(self, g: Any) -> Any:
        """Absolute values of the gradient; of rows as for `squared`."""
        return np.abs(g) if self._rows is None else whole(changed(self._rows, np.abs))

    def before(self) -> None:
        """What a rule does once per step."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """The rule for one Variable."""
        kind, slots = variable._array.dtype.type, self._slots[self._get_variable_index(variable)]
        state = {key: v._array for key, v in slots.items()}
        value = self.step_array(gradient._array, variable._array, kind(learning_rate._array), state)
        variable.replace(np.asarray(value, variable._array.dtype))
        for key, v in slots.items():
            v.replace(np.asarray(state[key], v._array.dtype))

    def step_array(self, g: Any, w: Any, rate: Any, state: dict[str, Any]) -> Any:
        """The new value of a weight; changes what `state` holds."""
        raise NotImplementedError(f"{type(self).__name__} must override `update_step` or `step_array`")

    def average(self) -> None:
        """Follow the weights with running means; put them in place where that was asked for."""
        count = int(self.iterations._array)
        often = self.ema_overwrite_frequency
        for v, kept in zip(self._trainable_variables, self._slots, strict=True):
            kind = v._array.dtype.type
            m = kind(self.ema_momentum if count else 0)
            kept["average"].replace(np.asarray(m * kept["average"]._array + (kind(1) - m) * v._array))
            if often and (count + 1) % often == 0:
                v.replace(kept["average"]._array.copy())

    def finalize_variable_values(self, var_list: Any) -> None:
        """Put the running means in place of the weights."""
        if self.use_ema:
            for v in var_list:
                v.assign(self._slots[self._get_variable_index(v)]["average"])

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Any = None) -> None:
        """Variables (or parts of their names) that do not decay."""
        self.excluded = [{id(v) for v in var_list or []}, list(var_names or [])]

    def decays(self, v: Any) -> bool:
        """Whether a Variable decays."""
        if not self.excluded:
            return True
        ids, names = self.excluded
        return id(v) not in ids and not any(n in getattr(v, "path", v.name) for n in names)

    def minimize(self, loss: Any, var_list: Any, tape: Any = None) -> Any:
        """One step down a loss: a tensor with the tape that recorded it."""
        if tape is None:
            raise ValueError("`tape` is required when a `Tensor` loss is passed.")
        return self.apply_gradients(zip(tape.gradient(loss, var_list), var_list, strict=True))

    def scale_loss(self, loss: Any) -> Any:
        """The loss times the factor that gradients are divided by."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def set_weights(self, weights: Any) -> None:
        """Replace the values of `variables`."""
        for v, w in zip(self.variables, weights, strict=True):
            v.assign(w)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an optimizer like this."""
        rate = self._learning_rate
        number = float(rate._array) if isinstance(rate, KerasVariable) else rate
        own = [key for key in self.settings if key not in BASE]
        return {"name": self.name, "learning_rate": number, **{key: getattr(self, key) for key in (*BASE, *own)}}


def own(g: Any) -> Any:
    """The numbers of a gradient, of rows those of the rows."""
    return g.values._array if isinstance(g, IndexedSlices) else g


def whole(g: Any) -> Any:
    """A gradient as one array; rows that belong to one place are added."""
    return dense(g)._array if isinstance(g, IndexedSlices) else g


def changed(g: Any, function: Any) -> Any:
    """A gradient with a function of its numbers, of rows row by row."""
    if isinstance(g, IndexedSlices):
        return IndexedSlices(from_array(function(g.values._array)), g.indices, g.dense_shape)
    return function(g)


def shortened(g: Any, size: Any, limit: float) -> Any:
    """A gradient scaled so that `size` is no more than `limit`."""
    return g if size <= limit else changed(g, lambda a: a * a.dtype.type(limit) / size)


__all__ = ["Optimizer"]
