"""Recurrent layers: cells, the loop over the steps, both directions, and layers on every step."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.tf.arrays import concat, reshape, reverse, split, stack, where
from wengert.tf.filling import zeros
from wengert.tf.keras import activations, constraints, initializers, regularizers
from wengert.tf.keras.layers.layer import Layer, TensorLayer
from wengert.tf.keras.layers.noise import dropped
from wengert.tf.keras.state import SeedGenerator, snake, unique
from wengert.tf.linalg import matmul
from wengert.tf.tensor import from_array

PARTS = ("kernel", "recurrent", "bias")


class Cell(Layer):
    """Base of cells: one step.

    gates: how many blocks of `units` columns the kernels have. seeded_first: whether the seed of the noise is drawn
    before those of the weights, as TensorFlow does for some.
    """

    gates = 1
    seeded_first = False
    kernel: Any
    recurrent_kernel: Any

    def __init__(
        self, units: int, activation: Any = "tanh", use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros", kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None, bias_regularizer: Any = None, kernel_constraint: Any = None,
        recurrent_constraint: Any = None, bias_constraint: Any = None, dropout: float = 0.0,
        recurrent_dropout: float = 0.0, seed: Any = None, recurrent_activation: Any = "sigmoid",
        unit_forget_bias: bool = True, reset_after: bool = True, **options: Any,
    ):  # fmt: skip
        if units <= 0:
            raise ValueError(
                f"Received an invalid value for argument `units`, expected a positive integer, got {units}."
            )
        super().__init__(**options)
        self.units, self.use_bias, self.state_size = units, use_bias, units
        if self.seeded_first:
            self.seed_generator = SeedGenerator(seed)
        self.activation, self.recurrent_activation = map(activations.get, (activation, recurrent_activation))
        self.kernel_initializer, self.recurrent_initializer, self.bias_initializer = map(
            initializers.get, (kernel_initializer, recurrent_initializer, bias_initializer)
        )
        self.regularizers_ = [
            regularizers.get(r) for r in (kernel_regularizer, recurrent_regularizer, bias_regularizer)
        ]
        self.constraints_ = [constraints.get(c) for c in (kernel_constraint, recurrent_constraint, bias_constraint)]
        self.dropout, self.recurrent_dropout = min(1.0, max(0.0, dropout)), min(1.0, max(0.0, recurrent_dropout))
        self.unit_forget_bias, self.reset_after = unit_forget_bias, reset_after
        if not self.seeded_first:
            self.seed_generator = SeedGenerator(seed)
        self.bias: Any = None
        self._masks: dict[str, Any] = {}

    def build(self, input_shape: Any) -> None:
        """Make the kernels and the bias."""
        width = self.units * self.gates
        shapes = {"kernel": (input_shape[-1], width), "recurrent_kernel": (self.units, width)}
        firsts = (self.kernel_initializer, self.recurrent_initializer)
        for i, (name, shape) in enumerate(shapes.items()):
            setattr(self, name, self.add_weight(
                shape, firsts[i], regularizer=self.regularizers_[i], constraint=self.constraints_[i], name=name
            ))  # fmt: skip
        if self.use_bias:
            self.bias = self.add_weight(
                self.bias_shape(), self.first_bias, regularizer=self.regularizers_[2],
                constraint=self.constraints_[2], name="bias",
            )  # fmt: skip
        self.built = True

    def bias_shape(self) -> tuple[int, ...]:
        """Shape of the bias."""
        return (self.units * self.gates,)

    def first_bias(self, shape: Any, dtype: Any = None) -> Any:
        """First values of the bias."""
        return self.bias_initializer(shape, dtype=dtype)

    def masked(self, x: Any, which: str, training: Any) -> Any:
        """Inputs or states with the noise of this sequence."""
        rate = getattr(self, which)
        if not training or not rate:
            return x
        if which not in self._masks:
            self._masks[which] = dropped(
                from_array(np.ones(x._array.shape, x._array.dtype)), rate, x._array.shape, self.seed_generator
            )
        return x * self._masks[which]

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Zeros."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [zeros((batch_size, n), self.dtype) for n in sizes]


class SimpleRNNCell(Cell):
    """activation(x @ kernel + bias + h @ recurrent_kernel)."""

    seeded_first = True

    def call(self, inputs: Any, states: Any, training: Any = False) -> Any:
        """One step."""
        h = states[0] if isinstance(states, (list, tuple)) else states
        out = matmul(self.masked(inputs, "dropout", training), self.kernel)
        out = out if self.bias is None else out + self.bias
        out = self.activation(out + matmul(self.masked(h, "recurrent_dropout", training), self.recurrent_kernel))
        return out, [out]


class LSTMCell(Cell):
    """Long short-term memory: gates in the order input, forget, cell, output."""

    gates = 4

    def __init__(self, units: int, *args: Any, **options: Any):
        super().__init__(units, *args, **options)
        self.state_size = [units, units]  # type: ignore[assignment]

    def first_bias(self, shape: Any, dtype: Any = None) -> Any:
        """First values of the bias: ones for the forget gate."""
        if not self.unit_forget_bias:
            return self.bias_initializer(shape, dtype=dtype)
        parts = [self.bias_initializer((self.units,), dtype=dtype)._array,
                 np.ones(self.units), self.bias_initializer((2 * self.units,), dtype=dtype)._array]  # fmt: skip
        return from_array(np.concatenate(parts).astype(parts[0].dtype))

    def call(self, inputs: Any, states: Any, training: Any = False) -> Any:
        """One step."""
        h, c = states
        z = matmul(self.masked(inputs, "dropout", training), self.kernel)
        z = z + matmul(self.masked(h, "recurrent_dropout", training), self.recurrent_kernel)
        z = z if self.bias is None else z + self.bias
        i, f, g, o = split(z, 4, 1)
        gate = self.recurrent_activation
        c = gate(f) * c + gate(i) * self.activation(g)
        h = gate(o) * self.activation(c)
        return h, [h, c]


class GRUCell(Cell):
    """Gated recurrent unit: gates in the order update, reset, candidate."""

    gates = 3

    def bias_shape(self) -> tuple[int, ...]:
        """Shape of the bias: two rows if the reset gate comes after the product."""
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def call(self, inputs: Any, states: Any, training: Any = False) -> Any:
        """One step."""
        h = states[0] if isinstance(states, (list, tuple)) else states
        x = matmul(self.masked(inputs, "dropout", training), self.kernel)
        old = self.masked(h, "recurrent_dropout", training)
        if self.bias is not None:
            x = x + (self.bias[0] if self.reset_after else self.bias)
        xz, xr, xh = split(x, 3, 1)
        n = self.units
        if self.reset_after:
            inner = matmul(old, self.recurrent_kernel)
            inner = inner if self.bias is None else inner + self.bias[1]
            iz, ir, ih = split(inner, 3, 1)
            z, r = self.recurrent_activation(xz + iz), self.recurrent_activation(xr + ir)
            candidate = xh + r * ih
        else:
            iz, ir = split(matmul(old, self.recurrent_kernel[:, : 2 * n]), 2, 1)
            z, r = self.recurrent_activation(xz + iz), self.recurrent_activation(xr + ir)
            candidate = xh + matmul(r * old, self.recurrent_kernel[:, 2 * n :])
        h = z * h + (1.0 - z) * self.activation(candidate)
        return h, [h]


class StackedRNNCells(Layer):
    """Cells one on top of the other."""

    def __init__(self, cells: Any, **options: Any):
        super().__init__(**options)
        self.cells = list(cells)
        self.state_size = [cell.state_size for cell in self.cells]

    def call(self, inputs: Any, states: Any, training: Any = False) -> Any:
        """One step."""
        found = []
        for cell, state in zip(self.cells, states, strict=True):
            inputs, state = cell(inputs, state, training=training)
            found.append(state)
        return inputs, found

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Zeros."""
        return [cell.get_initial_state(batch_size) for cell in self.cells]


class RNN(TensorLayer):
    """A cell over the steps of (batch, time, features)."""

    supports_masking = True
    ndim = 3

    def __init__(
        self, cell: Any, return_sequences: bool = False, return_state: bool = False, go_backwards: bool = False,
        stateful: bool = False, unroll: bool = False, zero_output_for_mask: bool = False, **options: Any,
    ):  # fmt: skip
        super().__init__(**options)
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        self.cell, self.return_sequences, self.return_state = cell, return_sequences, return_state
        self.go_backwards, self.stateful = go_backwards, stateful
        self.states: Any = None

    def build(self, input_shape: Any, initial_state_shape: Any = None) -> None:
        """Make the cell's weights."""
        if not self.cell.built and isinstance(self.cell, Cell):
            self.cell._maybe_build([from_array(np.zeros((1, input_shape[-1]), np.float32))], {})
        self.built = True

    def _maybe_build(self, args: Any, kwargs: Any) -> None:
        super()._maybe_build(args[:1], {})

    def reset_states(self) -> None:
        """Forget the state of a stateful layer."""
        self.states = None

    reset_state = reset_states

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = False) -> Any:
        """The loop."""
        batch, steps = sequences._array.shape[:2]
        state = initial_state if initial_state is not None else self.states
        state = self.cell.get_initial_state(batch) if state is None else state
        state = list(state) if isinstance(state, (list, tuple)) else [state]
        if isinstance(self.cell, Cell):
            self.cell._masks.clear()
        outputs: list[Any] = []
        order = range(steps - 1, -1, -1) if self.go_backwards else range(steps)
        for t in order:
            out, new = self.cell(sequences[:, t], state, training=training)
            if mask is not None:
                out, new = self.kept(mask[:, t], out, new, outputs, state)
            outputs.append(out)
            state = new
        if self.stateful:
            self.states = [from_array(s._array) for s in state]
        result = stack(outputs, 1) if self.return_sequences else outputs[-1]
        if mask is not None and self.return_sequences:
            result._keras_mask = mask
        return [result, *state] if self.return_state else result

    def kept(self, present: Any, out: Any, new: Any, outputs: Any, state: Any) -> Any:
        """Outputs and states of a step where it is present, the last ones where it is not."""
        keep = from_array(present._array[:, None])
        before = outputs[-1] if outputs else out * 0.0
        return where(keep, out, before), [where(keep, a, b) for a, b in zip(new, state, strict=True)]

    def _inside(self, *args: Any, **kwargs: Any) -> Any:
        out = super()._inside(*args, **kwargs)
        if not self.return_sequences and hasattr(out, "_keras_mask"):
            del out._keras_mask
        return out


class CellLayer(RNN):
    """Base of recurrent layers with a cell of their own."""

    cell_class: Any = SimpleRNNCell

    def __init__(self, units: int, *args: Any, **options: Any):
        loop = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "activity_regularizer",
                "name", "trainable", "dtype")  # fmt: skip
        own = {key: options.pop(key) for key in loop if key in options}
        options.pop("use_cudnn", None)
        options.pop("implementation", None)
        label = own.get("name") or unique(snake(type(self).__name__))
        cell = self.cell_class(units, *args, **options, name=snake(self.cell_class.__name__), dtype=own.get("dtype"))
        super().__init__(cell, **{**own, "name": label})
        self.units = units

    def get_config(self) -> dict[str, Any]:
        """Arguments that make a layer like this."""
        keys = ("units", "return_sequences", "return_state", "go_backwards", "stateful")
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}


class SimpleRNN(CellLayer):
    """A plain recurrent layer."""


class LSTM(CellLayer):
    """Long short-term memory."""

    cell_class = LSTMCell


class GRU(CellLayer):
    """Gated recurrent units."""

    cell_class = GRUCell


class Bidirectional(TensorLayer):
    """A recurrent layer forward and backward. Raises ValueError for a way to merge."""

    supports_masking = True

    def __init__(self, layer: Any, merge_mode: Any = "concat", weights: Any = None, backward_layer: Any = None,
                 **options: Any):  # fmt: skip
        if merge_mode not in ("sum", "mul", "ave", "concat", None):
            raise ValueError(
                f"Invalid merge mode. Received: {merge_mode}. Merge mode should be one of "
                '{"sum", "mul", "ave", "concat", None}'
            )
        super().__init__(**options)
        self.merge_mode = merge_mode
        self.forward_layer = layer.alike(name=f"forward_{layer.name}")
        self.backward_layer = backward_layer or layer.alike(
            name=f"backward_{layer.name}", go_backwards=not layer.go_backwards
        )
        self.backward_layer.name = f"backward_{layer.name}"
        self.return_sequences, self.return_state = layer.return_sequences, layer.return_state

    def build(self, input_shape: Any) -> None:
        """Make both layers' weights."""
        for layer in (self.forward_layer, self.backward_layer):
            layer._maybe_build([from_array(np.zeros((1, 1, input_shape[-1]), np.float32))], {})
        self.built = True

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = None) -> Any:
        """Both directions."""
        half = None if initial_state is None else len(initial_state) // 2
        states = (None, None) if half is None else (initial_state[:half], initial_state[half:])
        first = self.forward_layer(sequences, initial_state=states[0], mask=mask, training=training)
        second = self.backward_layer(sequences, initial_state=states[1], mask=mask, training=training)
        rest: list[Any] = []
        if self.return_state:
            first, second, rest = first[0], second[0], [*first[1:], *second[1:]]
        if self.return_sequences:
            second = reverse(second, [1])
        joins = {
            "concat": lambda: concat([first, second], -1), "sum": lambda: first + second,
            "ave": lambda: (first + second) / 2.0, "mul": lambda: first * second, None: lambda: [first, second],
        }  # fmt: skip
        out = joins[self.merge_mode]()
        return [out, *rest] if self.return_state else out


class TimeDistributed(TensorLayer):
    """A layer on every step by itself."""

    def __init__(self, layer: Any, **options: Any):
        super().__init__(**options)
        self.layer = layer

    def build(self, input_shape: Any) -> None:
        """Make the layer's weights."""
        shape = (input_shape[0], *input_shape[2:])
        if not self.layer.built:
            self.layer._maybe_build([from_array(np.zeros([n or 1 for n in shape], np.float32))], {})
        self.built = True

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """All steps in one call of the layer."""
        batch, steps = inputs._array.shape[:2]
        out = self.layer(reshape(inputs, (batch * steps, *inputs._array.shape[2:])), training=training)
        return reshape(out, (batch, steps, *out._array.shape[1:]))


__all__ = ["GRU", "LSTM", "RNN", "Bidirectional", "SimpleRNN", "TimeDistributed"]
