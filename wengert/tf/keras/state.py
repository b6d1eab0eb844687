"""What layers, metrics and optimizers share: unique names, scopes of names, Variables with paths, seeds."""

from __future__ import annotations

import random as python_random
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from wengert.tf import dtypes
from wengert.tf.conversion import tensor_of
from wengert.tf.shapes import TensorShape
from wengert.tf.tensor import alias, value_of
from wengert.tf.variable import Variable as BaseVariable

COUNTS: Counter[str] = Counter()
SCOPES: list[str] = []
SETTINGS: dict[str, Any] = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last", "seeds": None}


def snake(name: str) -> str:
    """A class name in snake case."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def unique(prefix: str) -> str:
    """A name nobody else got: the prefix, then with numbers from 1."""
    count = COUNTS[prefix]
    COUNTS[prefix] += 1
    return f"{prefix}_{count}" if count else prefix


@contextmanager
def name_scope(name: str) -> Iterator[str]:
    """Paths of Variables made inside begin with this name."""
    SCOPES.append(name)
    try:
        yield name
    finally:
        SCOPES.pop()


def float_name(dtype: Any = None) -> str:
    """Name of a dtype, by default that of weights."""
    return SETTINGS["floatx"] if dtype is None else dtypes.as_dtype(dtype).name


class KerasVariable(BaseVariable):
    """A Variable with a path: `keras.Variable(initializer, shape=None, dtype=None, trainable=True, name=None)`."""

    def __init__(
        self, initializer: Any, shape: Any = None, dtype: Any = None, trainable: bool = True, autocast: bool = True,
        aggregation: Any = "none", synchronization: Any = "auto", name: str | None = None, **options: Any,
    ):  # fmt: skip
        if callable(initializer):
            if shape is None:
                raise ValueError(
                    "When creating a Variable from an initializer, the `shape` argument should be specified. "
                    f"Received: initializer={initializer} and shape={shape}"
                )
            value = initializer(tuple(shape), dtype=float_name(dtype))
        else:
            value = initializer
        array = tensor_of(value)._array
        if dtype is None and array.dtype == np.float64:
            dtype = SETTINGS["floatx"]
        if dtype is not None:
            array = array.astype(dtypes.as_dtype(dtype).array)
        self._own_name = name or unique("variable")
        super().__init__(array, bool(trainable), name=self._own_name)
        self._path = "/".join([*SCOPES, self._own_name])
        self._regularizer: Any = options.get("regularizer")
        self._constraint: Any = options.get("constraint")

    @property
    def name(self) -> str:
        """The name given."""
        return self._own_name

    @property
    def path(self) -> str:
        """Names of the layers around and the name."""
        return self._path

    @property
    def dtype(self) -> Any:
        """Name of the dtype."""
        return dtypes.OF[self._array.dtype].name

    @property
    def value(self) -> Any:  # type: ignore[override]
        """The value as a tensor."""
        return alias(self._read())

    @property
    def ndim(self) -> int:
        """Number of dims."""
        return self._array.ndim

    @property
    def trainable(self) -> bool:
        """Whether tapes watch the Variable by themselves."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: Any) -> None:
        self._trainable = bool(value)
        if self._leaf is not None:
            self._node, self._flags = (self._leaf, 1) if value else (None, 0)

    @property
    def constraint(self) -> Any:
        """What optimizers apply to the value after an update, or None."""
        return self._constraint

    @constraint.setter
    def constraint(self, value: Any) -> None:
        self._constraint = value

    @property
    def regularizer(self) -> Any:
        """Function of the value that `losses` of the layer hold, or None."""
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value: Any) -> None:
        self._regularizer = value

    def assign(self, value: Any, *args: Any, **options: Any) -> Any:
        """Replace the value. Raises ValueError for another shape."""
        array = np.asarray(tensor_of(value)._array)
        if array.shape != self._array.shape:
            raise ValueError(
                "The shape of the target variable and the shape of the target value in `variable.assign(value)` must "
                f"match. variable.shape={self.shape}, Received: value.shape={TensorShape(array.shape)}. Target "
                f"variable: {self!r}"
            )
        self.replace(array.astype(self._array.dtype))
        return self

    def __repr__(self) -> str:
        a = value_of(self)
        return f"<Variable path={self._path}, shape={a.shape}, dtype={self.dtype}, value={a if a.ndim else a.item()}>"

    __str__ = __repr__

    def __deepcopy__(self, memo: Any) -> Any:
        out = KerasVariable(self._array.copy(), trainable=self._trainable, name=self._own_name)
        out._path, out._regularizer, out._constraint = self._path, self._regularizer, self._constraint
        memo[id(self)] = out
        return out

    def __reduce__(self) -> Any:
        return restored, (self._array, self._trainable, self._own_name, self._path)

    __reduce_ex__ = lambda self, protocol: self.__reduce__()  # noqa: E731


def restored(array: Any, trainable: bool, name: str, path: str) -> KerasVariable:
    """A Variable from its pickled parts."""
    out = KerasVariable(array, trainable=trainable, name=name)
    out._path = path
    return out


def default_seed() -> int:
    """A seed from Python's generator."""
    return python_random.randint(1, int(1e9))


class SeedGenerator:
    """A stream of pairs of seeds: the seed and how many were taken. Raises ValueError for what is no int."""

    def __init__(self, seed: Any = None, name: str | None = None, **options: Any):
        self.name = name or unique("seed_generator")
        self._initial_seed = seed
        seed = default_seed() if seed is None else seed
        if not isinstance(seed, int):
            raise ValueError(f"Argument `seed` must be an integer. Received: seed={seed}")
        with name_scope(self.name):
            self.state = KerasVariable(
                np.array([seed, 0], np.int64), dtype="int64", trainable=False, name="seed_generator_state"
            )

    def next(self, ordered: bool = True) -> Any:
        """The next pair."""
        pair = self.state._array.copy()
        self.state.replace(pair + np.array([0, 1]))
        return pair

    def get_config(self) -> dict[str, Any]:
        """What makes a generator like this."""
        return {"seed": self._initial_seed, "name": self.name}


def drawn_seed(seed: Any = None) -> Any:
    """The pair of seeds that an int, a generator or None (the global generator) stands for."""
    if seed is None:
        if SETTINGS["seeds"] is None:
            SETTINGS["seeds"] = SeedGenerator()
        seed = SETTINGS["seeds"]
    if isinstance(seed, SeedGenerator):
        pair = seed.next()
    elif isinstance(seed, int):
        pair = np.array([seed, 0], np.int64)
    else:
        pair = np.asarray(tensor_of(seed)._array, np.int64).reshape(2)
    return (pair % (2**31 - 2)).astype(np.int32)


def clear_session(free_memory: bool = True) -> None:
    """Names count from the start again."""
    COUNTS.clear()
    SETTINGS["seeds"] = None
