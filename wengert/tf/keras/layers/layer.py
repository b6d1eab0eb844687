"""`Layer`: the base of layers and models, with its Variables, its calls and its losses."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import Any

import numpy as np

from wengert.tf import dtypes, nest
from wengert.tf.conversion import cast, tensor_of
from wengert.tf.errors import OpError
from wengert.tf.keras import constraints, initializers, regularizers
from wengert.tf.keras.layers.symbolic import OPERATION, KerasTensor, Node, outcome, symbolic
from wengert.tf.keras.registry import Configured
from wengert.tf.keras.state import KerasVariable, SeedGenerator, float_name, name_scope, snake, unique
from wengert.tf.recording import TensorBase
from wengert.tf.variable import Variable

TRAINING: list[Any] = []
"""What `training` is in the calls that run, innermost last."""

IGNORED = frozenset({"_nodes", "_graph_inputs", "_graph_outputs", "_order", "_given"})


@lru_cache(maxsize=4096)
def parameters(function: Any) -> tuple[str, ...]:
    """Names of a method's parameters without `self`."""
    try:
        return tuple(inspect.signature(function).parameters)[1:]
    except (TypeError, ValueError):
        return ()


@lru_cache(maxsize=4096)
def open_ended(function: Any) -> bool:
    """Whether a method takes any keywords."""
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(function).parameters.values())


def held(value: Any, kinds: Any) -> list[Any]:
    """Layers or Variables that an attribute holds, in lists and dicts too."""
    if isinstance(value, kinds):
        return [value]
    if isinstance(value, (list, tuple)):
        return [x for item in value for x in held(item, kinds)]
    if isinstance(value, dict):
        return [x for item in value.values() for x in held(item, kinds)]
    return []


def shape_of(x: Any) -> Any:
    """Shapes in the structure of tensors."""
    return nest.map_structure(lambda x: tuple(x.shape) if hasattr(x, "shape") else None, x)


class Layer(Configured):
    """Base of layers: `build(input_shape)` makes the weights on the first call, `call(inputs)` computes."""

    supports_masking = False
    _given: tuple[Any, Any] = ((), {})

    def __new__(cls, *args: Any, **options: Any) -> Any:
        """A layer that remembers what it is made from."""
        out = object.__new__(cls)
        out._given = (args, options)
        return out

    def __init__(self, *, activity_regularizer: Any = None, trainable: bool = True, dtype: Any = None,
                 autocast: bool = True, name: str | None = None, **options: Any):  # fmt: skip
        self._input_hint = options.pop("input_shape", None)
        width = options.pop("input_dim", None)
        if width is not None and self._input_hint is None:
            self._input_hint = (width,)
        options.pop("batch_size", None)
        if options:
            raise ValueError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {options}")
        self.name = unique(snake(type(self).__name__)) if name is None else str(name)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._trainable, self._autocast, self.built = bool(trainable), autocast, False
        self._dtype = float_name(getattr(dtype, "name", dtype))
        self._nodes: list[Node] = []
        self._own_losses: list[Any] = []

    # ------------------------------------------------------------ what belongs to the layer

    def _items(self, kinds: Any) -> list[Any]:
        found: list[Any] = []
        seen: set[int] = set()
        for key, value in (("", self.__dict__.get("_added", ())), *self.__dict__.items()):
            if key in IGNORED:
                continue
            for x in held(value, kinds):
                if id(x) not in seen:
                    seen.add(id(x))
                    found.append(x)
        return found

    @property
    def _layers_held(self) -> list[Any]:
        return self._items(Layer)

    def _flatten_layers(self, include_self: bool = True, recursive: bool = True) -> list[Any]:
        """The layer and those below."""
        out, seen = [], set()
        waiting = [self]
        while waiting:
            layer = waiting.pop(0)
            if id(layer) in seen:
                continue
            seen.add(id(layer))
            out.append(layer)
            if recursive or layer is self:
                waiting = [*layer._layers_held, *waiting]
        return out if include_self else out[1:]

    @property
    def weights(self) -> list[Any]:
        """Every Variable but the states of random generators."""
        seen: set[int] = set()
        found = []
        for layer in self._flatten_layers():
            own = layer._items(Variable)
            for v in sorted(own, key=lambda v: not v.trainable if layer.trainable else False):
                if id(v) not in seen:
                    seen.add(id(v))
                    found.append(v)
        return found

    @property
    def variables(self) -> list[Any]:
        """Every Variable, states of random generators too."""
        states = [s.state for layer in self._flatten_layers() for s in layer._items(SeedGenerator)]
        return [*self.weights, *states]

    @property
    def trainable_weights(self) -> list[Any]:
        """Variables that training changes."""
        if not self._trainable:
            return []
        frozen = {id(v) for layer in self._flatten_layers() if not layer._trainable for v in layer.weights}
        return [v for v in self.weights if v.trainable and id(v) not in frozen]

    @property
    def trainable_variables(self) -> list[Any]:
        """Variables that training changes."""
        return self.trainable_weights

    @property
    def non_trainable_weights(self) -> list[Any]:
        """The other Variables."""
        own = {id(v) for v in self.trainable_weights}
        return [v for v in self.weights if id(v) not in own]

    @property
    def non_trainable_variables(self) -> list[Any]:
        """The other Variables, states of random generators too."""
        own = {id(v) for v in self.trainable_weights}
        return [v for v in self.variables if id(v) not in own]

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: Any) -> None:
        self._trainable = bool(value)
        for layer in self._flatten_layers(include_self=False):
            layer._trainable = bool(value)

    @property
    def dtype(self) -> str:
        """Name of the dtype of the weights."""
        return self._dtype

    variable_dtype = compute_dtype = dtype

    @property
    def dtype_policy(self) -> Any:
        """The dtype as a policy."""
        return self._dtype

    @property
    def path(self) -> str:
        """The name."""
        return self.name

    @property
    def metrics(self) -> list[Any]:
        """Metrics among the attributes."""
        return [m for layer in self._flatten_layers() for m in held(list(layer.__dict__.values()), MetricKind())]

    def add_weight(
        self, shape: Any = None, initializer: Any = None, dtype: Any = None, trainable: bool = True,
        autocast: bool = True, regularizer: Any = None, constraint: Any = None, aggregation: Any = "none",
        name: str | None = None, **options: Any,
    ) -> Any:  # fmt: skip
        """A Variable of the layer; without an initializer Glorot's uniform numbers for floats, zeros otherwise."""
        if not hasattr(self, "_own_losses"):
            raise RuntimeError(f"In layer {type(self).__name__}, you forgot to call `super().__init__()` first")
        kind = dtypes.as_dtype(dtype or self._dtype)
        if initializer is None:
            initializer = "glorot_uniform" if kind.is_floating else "zeros"
        first = initializers.get(initializer)
        shape = tuple(shape) if isinstance(shape, (tuple, list)) else () if shape is None else (shape,)
        out = KerasVariable(
            first, shape, kind.name, trainable, name=name,
            regularizer=regularizers.get(regularizer), constraint=constraints.get(constraint),
        )  # fmt: skip
        self.__dict__.setdefault("_added", []).append(out)
        return out

    add_variable = add_weight

    def get_weights(self) -> list[Any]:
        """Values of the weights."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Any) -> None:
        """Replace the values of the weights. Raises ValueError for another number or shape."""
        own = self.weights
        if len(own) != len(weights):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of length "
                f"{len(weights)}, but the layer was expecting {len(own)} weights."
            )
        for v, w in zip(own, weights, strict=True):
            if tuple(v.shape) != np.shape(w):
                raise ValueError(
                    f"Layer {self.name} weight shape {tuple(v.shape)} is not compatible with provided weight shape "
                    f"{np.shape(w)}."
                )
            v.assign(w)

    def count_params(self) -> int:
        """Number of elements of the weights. Raises ValueError before they exist."""
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't built. You can build "
                f"it manually via: `layer.build(input_shape)`."
            )
        return sum(v._array.size for v in self.weights)

    # ------------------------------------------------------------ losses

    def add_loss(self, loss: Any) -> None:
        """Add a tensor to `losses` until the next call of the outermost layer."""
        self._own_losses.extend(loss if isinstance(loss, (list, tuple)) else [loss])

    @property
    def losses(self) -> list[Any]:
        """Losses added in the last call, and penalties of weights."""
        layers = self._flatten_layers()
        added = [x for layer in layers for x in layer._own_losses]
        return added + [v._regularizer(v) for v in self.trainable_weights if getattr(v, "_regularizer", None)]

    # ------------------------------------------------------------ calls

    def build(self, input_shape: Any) -> None:
        """Make the weights; a subclass's."""
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute; a subclass's."""
        raise NotImplementedError(f"Layer {type(self).__name__} does not have a `call` method implemented.")

    def compute_output_shape(self, *shapes: Any, **options: Any) -> Any:
        """Shape of the result for the shape of the input."""
        given = [KerasTensor(s) if not s or not isinstance(s[0], (tuple, list)) else [KerasTensor(t) for t in s]
                 for s in shapes]  # fmt: skip
        self._maybe_build(given, {})
        return shape_of(outcome(self._inside, given, {}))

    def _converted(self, x: Any) -> Any:
        """An argument as a tensor; floating numbers in the layer's dtype."""
        if isinstance(x, (np.ndarray, np.generic)):
            x = tensor_of(x)
        if isinstance(x, TensorBase) and self._autocast and x._array.dtype.kind in "fV":
            wanted = dtypes.as_dtype(self._dtype).array
            if x._array.dtype != wanted:
                return cast(x, wanted)
        return x

    def _maybe_build(self, args: Any, kwargs: Any) -> None:
        if self.built:
            return
        with name_scope(self.name):
            names = parameters(type(self).build)
            named = dict(zip(parameters(type(self).call), args, strict=False)) | kwargs
            if len(names) > 1 and all(n.removesuffix("_shape") in named for n in names[:2]):
                self.build(**{n: shape_of(named[k]) for n in names if (k := n.removesuffix("_shape")) in named})
            else:
                self.build(shape_of(args[0]) if args else shape_of(next(iter(kwargs.values()), None)))
        self.built = True

    def _checked(self, args: Any) -> None:
        """Raise ValueError for what a layer cannot take as an input; a subclass's."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if "_own_losses" not in self.__dict__:
            raise RuntimeError(
                f"In layer {type(self).__name__}, you forgot to call `super().__init__()` as the first statement in "
                "the `__init__()` method. Go add it!"
            )
        args = nest.map_structure(self._converted, list(args))  # type: ignore[assignment]
        kwargs = {k: nest.map_structure(self._converted, v) for k, v in kwargs.items()}
        if symbolic([args, kwargs]):
            return self._planned(args, kwargs)
        if args and isinstance(args[0], (int, float)) and "inputs" in parameters(type(self).call)[:1]:
            raise ValueError(
                "Only input tensors may be passed as positional arguments. The following argument value should be "
                f"passed as a keyword argument: {args[0]} (of type {type(args[0])})"
            )
        if args and isinstance(args[0], (list, tuple)) and self._takes_tensor():
            args = [self._converted(tensor_of(args[0])), *args[1:]]  # type: ignore[assignment]
        self._checked(args)
        self._maybe_build(args, kwargs)
        return self._inside(*args, **kwargs)

    def _takes_tensor(self) -> bool:
        return False

    def _inside(self, *args: Any, **kwargs: Any) -> Any:
        """A call on tensors."""
        accepted = parameters(type(self).call)
        outermost = not TRAINING
        training = kwargs.get("training")
        if training is None:
            training = TRAINING[-1] if TRAINING else None
        if "training" not in accepted and not open_ended(type(self).call):
            kwargs.pop("training", None)
        elif (
            "training" in accepted
            and kwargs.get("training") is None
            and training is not None
            and (accepted.index("training") >= len(args))
        ):
            kwargs["training"] = training
        mask = getattr(nest.flatten(args[0])[0], "_keras_mask", None) if args and nest.flatten(args[0]) else None
        if mask is not None and "mask" in accepted and kwargs.get("mask") is None:
            kwargs["mask"] = mask
        if outermost:
            for layer in self._flatten_layers():
                layer._own_losses.clear()
        TRAINING.append(training)
        try:
            with name_scope(self.name):
                out = self.call(*args, **kwargs)
        except Exception as error:
            raise explained(self, error, args, kwargs) from None
        finally:
            TRAINING.pop()
        if self.activity_regularizer is not None:
            for x in nest.flatten(out):
                self._own_losses.append(self.activity_regularizer(x) / float(x._array.shape[0]))
        if mask is not None and self.supports_masking and isinstance(out, TensorBase) and out is not args[0]:
            out._keras_mask = mask  # type: ignore[attr-defined]
        return out

    def _planned(self, args: Any, kwargs: Any) -> Any:
        """A call on tensors to come."""
        self._checked(args)
        self._maybe_build(args, kwargs)
        outputs = self._outcome(args, kwargs)
        node = Node(self, args, kwargs, outputs)
        for x in nest.flatten(outputs):
            if x.history is None:
                x.history = node
        self._nodes.append(node)
        return outputs

    def _outcome(self, args: Any, kwargs: Any) -> Any:
        rest = {k: v for k, v in kwargs.items() if k != "training"}
        states = [(v, v._array) for v in self.variables]
        TRAINING.append(False)
        try:
            return outcome(self._inside, args, rest)
        finally:
            TRAINING.pop()
            for v, a in states:
                if v._array is not a:
                    v.replace(a)
            for layer in self._flatten_layers():
                layer._own_losses.clear()

    @property
    def input(self) -> Any:
        """What the layer was called on while a model was put together. Raises AttributeError without such a call."""
        return self._called().args[0]

    @property
    def output(self) -> Any:
        """What that call gave. Raises AttributeError without such a call."""
        return self._called().outputs

    def _called(self) -> Node:
        if not self._nodes:
            raise AttributeError(f"The layer {self.name} has never been called and thus has no defined input.")
        return self._nodes[0]

    def alike(self, **changes: Any) -> Any:
        """A new layer made from the same arguments but for the changes; without a seed it begins with other weights."""
        args, options = self._given
        return type(self)(*fresh(args), **(fresh(options) | changes))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make a layer like this."""
        return {"name": self.name, "trainable": self._trainable, "dtype": self._dtype}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    __str__ = __repr__


def fresh(value: Any) -> Any:
    """Arguments for another layer: initializers and layers among them are made anew."""
    if isinstance(value, initializers.Initializer):
        return value.clone()
    if isinstance(value, Layer):
        return value.alike()
    if isinstance(value, dict):
        return {key: fresh(part) for key, part in value.items()}
    return type(value)(map(fresh, value)) if type(value) in (list, tuple) else value


METRICS: list[type] = []


def MetricKind() -> Any:  # noqa: N802
    """The class of metrics, once that module is loaded."""
    return tuple(METRICS)


TOLD = (ValueError, TypeError, NotImplementedError, OpError)
"""Classes of errors that are told with the layer and its arguments."""


def explained(layer: Layer, error: Exception, args: Any, kwargs: Any) -> Exception:
    """An error out of a call with the layer's name and arguments, told once."""
    if getattr(error, "_keras_told", False) or not isinstance(error, TOLD):
        return error
    lines = [f"  • {name}={described(value)}" for name, value in
             [*zip(parameters(type(layer).call), args, strict=False), *kwargs.items()]]  # fmt: skip
    text = (
        f"Exception encountered when calling {type(layer).__name__}.call().\n\n\x1b[1m{error}\x1b[0m\n\n"
        f"Arguments received by {type(layer).__name__}.call():\n" + "\n".join(lines)
    )
    try:
        out = type(error)(error.node_def, error.op, text) if isinstance(error, OpError) else type(error)(text)
    except TypeError:
        return error
    out._keras_told = True  # type: ignore[union-attr]
    return out.with_traceback(error.__traceback__)


def described(value: Any) -> str:
    """An argument in an error."""
    if isinstance(value, TensorBase):
        return f"tf.Tensor(shape={tuple(value._array.shape)}, dtype={dtypes.OF[value._array.dtype].name})"
    return repr(value)


class TensorLayer(Layer):
    """Base of layers with one input: lists become tensors, ranks and channels are checked."""

    min_ndim: int | None = None
    ndim: int | None = None
    channels: int | None = None
    channel_axis = -1

    def _takes_tensor(self) -> bool:
        return True

    def _checked(self, args: Any) -> None:
        if not args or not hasattr(args[0], "shape"):
            return
        shape = tuple(args[0].shape)
        front = f"Input 0 with name 'None' of layer '{self.name}' is incompatible with the layer: "
        if self.ndim is not None and len(shape) != self.ndim:
            raise ValueError(f"{front}expected ndim={self.ndim}, found ndim={len(shape)}. Full shape received: {shape}")
        if self.min_ndim is not None and len(shape) < self.min_ndim:
            raise ValueError(
                f"{front}expected min_ndim={self.min_ndim}, found ndim={len(shape)}. Full shape received: {shape}"
            )
        if self.channels is not None and shape[self.channel_axis] not in (self.channels, None):
            raise ValueError(
                f"{front}expected axis {self.channel_axis} of input shape to have value {self.channels}, but received "
                f"input with shape {shape}"
            )


class OperationLayer(Layer):
    """A function of tensors as a layer."""

    def __init__(self, function: Any, label: str):
        super().__init__(name=unique(label))
        self.function = function

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The function."""
        return self.function(*args, **kwargs)


OPERATION.append(OperationLayer)
