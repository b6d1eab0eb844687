"""`Model` (subclassed or made of inputs and outputs) and `Sequential`. There is no `fit`: loops are written out."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from wengert.tf import nest
from wengert.tf.keras.files import load_values, save_values
from wengert.tf.keras.layers.core import InputLayer
from wengert.tf.keras.layers.layer import Layer, shape_of
from wengert.tf.keras.layers.symbolic import KerasTensor, input_tensor, ordered, replaced
from wengert.tf.keras.state import COUNTS, name_scope

LOOP = (
    "is not available: write the loop with tf.GradientTape and optimizer.apply_gradients, and count with "
    "tf.keras.metrics"
)


class Model(Layer):
    """A layer that is trained as a whole. `Model(inputs, outputs)` is made of calls on tensors to come."""

    def __new__(cls, *args: Any, **options: Any) -> Any:
        kind: Any = Functional if cls is Model and (args or "inputs" in options) else cls
        return super().__new__(kind, *args, **options)

    def __init__(self, inputs: Any = None, outputs: Any = None, name: str | None = None, **options: Any):
        super().__init__(name=name, **options)
        self._graph_inputs = self._graph_outputs = None
        if inputs is not None:
            self._graph_inputs, self._graph_outputs = inputs, outputs
            self._order = ordered(nest.flatten(outputs))
            self.built = True
            self._members = self._calls()

    def _calls(self) -> list[Any]:
        members: list[Any] = []
        for x in nest.flatten(self._graph_inputs):
            layer = InputLayer(batch_shape=x.shape, dtype=x.dtype, name=None)
            layer.shown = x.shape
            members.append(layer)
        for node in self._order:
            if not any(node.layer is m for m in members):
                members.append(node.layer)
        return members

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """The calls that the model is made of."""
        if self._graph_outputs is None:
            raise NotImplementedError(f"Model {type(self).__name__} does not have a `call()` method implemented.")
        starts = nest.flatten(self._graph_inputs)
        if isinstance(inputs, dict) and not isinstance(self._graph_inputs, dict):
            given = [inputs[x.name] for x in starts]
        else:
            given = nest.flatten(inputs)
        if len(given) != len(starts):
            raise ValueError(
                f"Function `{self.name}` expects {len(starts)} input(s), but it received {len(given)} instead."
            )
        values = {id(k): v for k, v in zip(starts, given, strict=True)}
        for node in self._order:
            found = node.layer(*stood_for(node.args, values), **stood_for(node.kwargs, values))
            values |= {id(k): v for k, v in zip(nest.flatten(node.outputs), nest.flatten(found), strict=True)}
        return nest.map_structure(lambda x: values[id(x)], self._graph_outputs)

    def _checked(self, args: Any) -> None:
        """Raise ValueError for an input that does not go with what the model starts from."""
        if self._graph_inputs is None or not args:
            return
        for i, (x, k) in enumerate(zip(nest.flatten(args[0]), nest.flatten(self._graph_inputs), strict=False)):
            shape = tuple(getattr(x, "shape", k.shape))
            if len(shape) != len(k.shape) or any(
                a != b for a, b in zip(shape, k.shape, strict=True) if a is not None and b is not None
            ):
                if len(shape) + 1 == len(k.shape) and k.shape[-1] == 1:
                    continue
                raise ValueError(
                    f"Input {i} with name '{self._members[i].name}' of layer '{self.name}' is incompatible with the "
                    "layer: expected "
                    f"shape={k.shape}, found shape={shape}"
                )

    @property
    def inputs(self) -> Any:
        """What the model starts from, or None."""
        return None if self._graph_inputs is None else nest.flatten(self._graph_inputs)

    @property
    def outputs(self) -> Any:
        """What it ends with, or None."""
        return None if self._graph_outputs is None else nest.flatten(self._graph_outputs)

    @property
    def input(self) -> Any:
        """What the model starts from."""
        return self._graph_inputs if self._graph_inputs is not None else super().input

    @property
    def output(self) -> Any:
        """What it ends with."""
        return self._graph_outputs if self._graph_outputs is not None else super().output

    @property
    def input_shape(self) -> Any:
        """Shape of the input."""
        return shape_of(self.input)

    @property
    def output_shape(self) -> Any:
        """Shape of the output."""
        return shape_of(self.output)

    @property
    def layers(self) -> list[Any]:
        """The layers directly below."""
        return self._layers_held

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """A layer by name or number. Raises ValueError if there is none."""
        if index is not None:
            if len(self.layers) <= index:
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has {len(self.layers)} layers."
                )
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"No such layer: {name}. Existing layers are: {[layer.name for layer in self.layers]}.")

    # ------------------------------------------------------------ files

    def save_weights(self, filepath: Any, overwrite: bool = True, **options: Any) -> None:
        """Write the weights to a file `*.weights.h5` (HDF5 where h5py is installed) or `*.npz` (NumPy's format)."""
        save_values(filepath, [v._array for v in self.variables])

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **options: Any) -> None:
        """Read what `save_weights` wrote. Raises ValueError for another number of weights or other shapes."""
        own, values = self.variables, load_values(filepath)
        if len(own) != len(values):
            raise ValueError(
                f"A total of {len(values)} values are in {os.fspath(filepath)!r}, the model has {len(own)} variables. "
                "A model is built by calling it once before weights are loaded."
            )
        for v, value in zip(own, values, strict=True):
            if v._array.shape != value.shape and not skip_mismatch:
                raise ValueError(f"{v.path}: the file has shape {value.shape}, the variable {v._array.shape}")
        for v, value in zip(own, values, strict=True):
            if v._array.shape == value.shape:
                v.assign(value)

    # ------------------------------------------------------------ what there is not

    def compile(self, *args: Any, **options: Any) -> None:
        """Refused. Raises RuntimeError."""
        raise RuntimeError(f"Model.compile {LOOP}")

    def fit(self, *args: Any, **options: Any) -> None:
        """Refused. Raises RuntimeError."""
        raise RuntimeError(f"Model.fit {LOOP}")

    def evaluate(self, *args: Any, **options: Any) -> None:
        """Refused. Raises RuntimeError."""
        raise RuntimeError(f"Model.evaluate {LOOP}")

    def predict(self, x: Any, batch_size: Any = None, verbose: Any = 0, **options: Any) -> Any:
        """Outputs for all of x as NumPy arrays, 32 examples at a time."""
        size = batch_size or 32
        count = len(nest.flatten(x)[0])
        parts = [self(nest.map_structure(lambda a, i=i: a[i : i + size], x), training=False)
                 for i in range(0, count, size)]  # fmt: skip
        return nest.map_structure(lambda *p: np.concatenate([q.numpy() for q in p]), *parts)

    def summary(self, line_length: Any = None, print_fn: Any = None, **options: Any) -> None:
        """Print the layers with their shapes and numbers of weights."""
        (print_fn or print)(table(self))


def stood_for(structure: Any, values: dict[int, Any]) -> Any:
    """Arguments with the tensors that were found in place of those to come."""
    return replaced(structure, lambda x: values[id(x)])


class Functional(Model):
    """A model made of calls on tensors to come."""

    @property
    def layers(self) -> list[Any]:
        """The layers in the order of their calls."""
        return list(self._members)


class Sequential(Model):
    """Layers one after the other. Raises ValueError for what is no layer."""

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None):
        super().__init__(name=name, trainable=trainable)
        self._stack: list[Any] = []
        for layer in layers or []:
            self.add(layer)

    def add(self, layer: Any) -> None:
        """One more layer at the end."""
        if isinstance(layer, InputLayer):
            layer = input_tensor(batch_shape=layer.batch_shape, dtype=layer.dtype, name=layer.name)
        if isinstance(layer, KerasTensor):
            self._graph_inputs = self._graph_outputs = layer
            COUNTS["input_layer"] += 1
            return
        if not isinstance(layer, Layer):
            raise ValueError(
                "Only instances of `keras.Layer` can be added to a Sequential model. "
                f"Received: {layer} (of type {type(layer)})"
            )
        if any(layer.name == other.name for other in self._stack):
            raise ValueError(
                f"All layers added to a Sequential model should have unique names. Name '{layer.name}' is already the "
                "name of a layer in this model. Update the `name` argument to pass a unique name."
            )
        hint = layer._input_hint
        if not self._stack and self._graph_inputs is None and hint is not None:
            self.add(input_tensor(shape=hint))
        self._stack.append(layer)
        if self._graph_outputs is not None:
            with name_scope(self.name):
                self._graph_outputs = layer(self._graph_outputs)
            COUNTS["functional"] += len(self._stack) == 1
            self.built = True

    def pop(self, rebuild: bool = True) -> Any:
        """Take the last layer off."""
        layer = self._stack.pop()
        if self._graph_inputs is not None:
            nodes = self._stack[-1]._nodes if self._stack else None
            self._graph_outputs = nodes[-1].outputs if nodes else self._graph_inputs
        return layer

    def build(self, input_shape: Any = None) -> None:
        """Make the weights of all layers."""
        if self._graph_inputs is None and input_shape is not None:
            shape = input_shape if isinstance(input_shape, (list, tuple)) else tuple(input_shape)
            found = start = KerasTensor((None, *shape[1:]), self.dtype)
            with name_scope(self.name):
                for layer in self._stack:
                    found = layer(found)
            self._graph_inputs, self._graph_outputs = start, found
        self.built = True

    def _maybe_build(self, args: Any, kwargs: Any) -> None:
        if self.built or not args:
            return
        try:
            states = nest.flatten(args[0])[0]
            start = KerasTensor((None, *states.shape[1:]), states.dtype)
            found = start
            with name_scope(self.name):
                for layer in self._stack:
                    found = layer(found)
            self._graph_inputs, self._graph_outputs = start, found
        except (ValueError, TypeError, AttributeError, RuntimeError):
            # What cannot be planned ahead is built by the call itself, which tells what is wrong.
            self._graph_inputs = self._graph_outputs = None
        self.built = True

    def _checked(self, args: Any) -> None:
        """Layers check their inputs themselves."""

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """All layers."""
        for layer in self._stack:
            inputs = layer(inputs, training=training)
        return inputs

    @property
    def layers(self) -> list[Any]:
        """The layers in order."""
        return list(self._stack)


WIDTHS = (31, 22, 13)


def cells(text: str, width: int) -> list[str]:
    """Text in lines of a width."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [line if len(line) <= width else f"{line[: width - 1]}…" for line in lines]


def table(model: Any) -> str:
    """The summary as text."""
    rule = lambda a, b, c, d: a + b.join(d * (n + 2) for n in WIDTHS) + c  # noqa: E731

    def row(values: Any, bar: str) -> list[str]:
        parts = [cells(v, n) for v, n in zip(values, WIDTHS, strict=True)]
        out = []
        for i in range(max(map(len, parts))):
            texts = [p[i] if i < len(p) else "" for p in parts]
            padded = [texts[0].ljust(WIDTHS[0]), texts[1].ljust(WIDTHS[1]), texts[2].rjust(WIDTHS[2])]
            out.append(f"{bar} " + f" {bar} ".join(padded) + f" {bar}")
        return out

    body: list[str] = []
    for layer in model.layers:
        shape = layer.shown if hasattr(layer, "shown") else shape_of(layer._nodes[0].outputs) if layer._nodes else "?"
        if isinstance(shape, list):
            shape = shape[0] if len(shape) == 1 else shape
        count = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
        body += [*row((f"{layer.name} ({type(layer).__name__})", str(shape), count), "│"), rule("├", "┼", "┤", "─")]
    body = body[:-1] if body else body
    lines = [f'Model: "{model.name}"', rule("┏", "┳", "┓", "━"), *row(("Layer (type)", "Output Shape", "Param #"), "┃"),
             rule("┡", "╇", "┩", "━"), *body, rule("└", "┴", "┘", "─")]  # fmt: skip
    groups = (("Total", model.weights), ("Trainable", model.trainable_weights),
              ("Non-trainable", model.non_trainable_weights))  # fmt: skip
    for title, weights in groups:
        count, size = sum(v._array.size for v in weights), sum(v._array.nbytes for v in weights)
        lines.append(f" {title} params: {count:,} ({bytes_text(size)})")
    return "\n".join(lines)


def bytes_text(size: float) -> str:
    """A number of bytes for people."""
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} GB"


def clone_model(model: Any) -> Any:
    """A model of the same layers with weights of its own."""
    if not isinstance(model, Sequential):
        raise ValueError("clone_model takes Sequential models; subclassed ones are made by calling their class again")
    out = Sequential(name=model.name)
    if model.inputs:
        out.add(input_tensor(batch_shape=model.inputs[0].shape, dtype=model.inputs[0].dtype))
    for layer in model.layers:
        out.add(layer.alike(name=layer.name))
    return out


__all__ = ["Functional", "Model", "Sequential", "clone_model"]
