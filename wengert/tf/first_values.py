"""First values for Variables: `tf.random_normal_initializer()` and its like give a tensor for a shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.tf import random
from wengert.tf.conversion import constant
from wengert.tf.dtypes import DType, as_dtype, float32


def kind_of(dtype: Any) -> DType:
    """A dtype that numbers can have. Raises ValueError for another."""
    kind = as_dtype(dtype)
    if kind.array.kind not in "fVciub":
        raise ValueError(f"Argument `dtype` expected to be numeric or boolean. Received {kind!r}.")
    return kind


class constant_initializer:  # noqa: N801
    """One value everywhere, or given values in the shape."""

    def __init__(self, value: Any = 0, support_partition: bool = False):
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None, **options: Any) -> Any:
        return constant(self.value, None if dtype is None else kind_of(dtype), shape)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {"value": self.value}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """An object from its config."""
        return cls(**{key: value for key, value in config.items() if key != "dtype"})


class zeros_initializer(constant_initializer):  # noqa: N801
    """Zeros."""

    def __init__(self) -> None:
        super().__init__(0)

    def __call__(self, shape: Any, dtype: Any = float32, **options: Any) -> Any:
        return constant(np.full(tuple(shape), self.value), kind_of(dtype))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {}


class ones_initializer(zeros_initializer):  # noqa: N801
    """Ones."""

    def __init__(self) -> None:
        constant_initializer.__init__(self, 1)


class random_normal_initializer(constant_initializer):  # noqa: N801
    """Normal numbers: with a seed the same ones on every call."""

    def __init__(self, mean: Any = 0.0, stddev: Any = 0.05, seed: Any = None):
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def __call__(self, shape: Any, dtype: Any = float32, **options: Any) -> Any:
        if self.seed is None:
            return random.normal(shape, self.mean, self.stddev, kind_of(dtype))
        return random.stateless_normal(shape, (self.seed, 0), self.mean, self.stddev, kind_of(dtype))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


class random_uniform_initializer(constant_initializer):  # noqa: N801
    """Numbers in [minval, maxval): with a seed the same ones on every call."""

    def __init__(self, minval: Any = -0.05, maxval: Any = 0.05, seed: Any = None):
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def __call__(self, shape: Any, dtype: Any = float32, **options: Any) -> Any:
        if self.seed is None:
            return random.uniform(shape, self.minval, self.maxval, kind_of(dtype))
        return random.stateless_uniform(shape, (self.seed, 0), self.minval, self.maxval, kind_of(dtype))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}
