"""`tf.keras.initializers`: first values of weights, for a seed the same bits as TensorFlow's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wengert.tf import random
from wengert.tf.dtypes import as_dtype
from wengert.tf.keras.registry import Configured, getter, table_of
from wengert.tf.keras.state import SeedGenerator, default_seed, drawn_seed, float_name
from wengert.tf.tensor import from_array


class Initializer(Configured):
    """Base of initializers: `initializer(shape, dtype=None)` gives a tensor."""

    def __call__(self, shape: Any, dtype: Any = None, **options: Any) -> Any:
        raise NotImplementedError("Initializer subclasses must implement the `__call__()` method.")

    def clone(self) -> Any:
        """Another of the same config."""
        return type(self).from_config(self.get_config())


class Constant(Initializer):
    """One value everywhere."""

    def __init__(self, value: Any = 0.0):
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None, **options: Any) -> Any:
        kind = as_dtype(float_name(dtype)).array
        return from_array(np.broadcast_to(np.asarray(self.value, dtype=kind), tuple(shape)).copy())

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {"value": self.value}


class Zeros(Constant):
    """Zeros."""

    def __init__(self) -> None:
        super().__init__(0)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {}


class Ones(Zeros):
    """Ones."""

    def __init__(self) -> None:
        Constant.__init__(self, 1)


class Identity(Initializer):
    """A matrix with `gain` on its diagonal. Raises ValueError for a shape that is no matrix's."""

    def __init__(self, gain: float = 1.0):
        self.gain = gain

    def __call__(self, shape: Any, dtype: Any = None, **options: Any) -> Any:
        if len(shape) != 2:
            raise ValueError(
                "Identity matrix initializer can only be used for 2D matrices. Received: "
                f"shape={shape} of rank {len(shape)}."
            )
        return from_array(self.gain * np.eye(*shape, dtype=as_dtype(float_name(dtype)).array))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {"gain": self.gain}


class RandomInitializer(Initializer):
    """Base of random ones: a seed gives the same numbers on every call, a SeedGenerator new ones."""

    def __init__(self, seed: Any = None):
        self._init_seed = seed
        if seed is None:
            seed = default_seed()
        elif not isinstance(seed, (int, SeedGenerator)):
            raise ValueError(
                "`seed` argument should be an instance of `keras.random.SeedGenerator()` or an integer. Received: "
                f"seed={seed}"
            )
        self.seed = seed

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {"seed": self._init_seed}


class RandomNormal(RandomInitializer):
    """Normal numbers."""

    draw = staticmethod(random.stateless_normal)

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None):
        self.mean, self.stddev = mean, stddev
        super().__init__(seed)

    def __call__(self, shape: Any, dtype: Any = None, **options: Any) -> Any:
        return self.draw(shape, drawn_seed(self.seed), self.mean, self.stddev, float_name(dtype))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}


class TruncatedNormal(RandomNormal):
    """Normal numbers no further than two deviations from the mean."""

    draw = staticmethod(random.stateless_truncated_normal)


class RandomUniform(RandomInitializer):
    """Numbers in [minval, maxval)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None):
        self.minval, self.maxval = minval, maxval
        super().__init__(seed)

    def __call__(self, shape: Any, dtype: Any = None, **options: Any) -> Any:
        return random.stateless_uniform(shape, drawn_seed(self.seed), self.minval, self.maxval, float_name(dtype))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}


def fans(shape: Any, input_axes: Any = None, output_axes: Any = None) -> tuple[int, int]:
    """How many inputs and outputs an entry of a kernel of this shape has; axes say which dims are which."""
    shape = tuple(shape)
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[i] for i in input_axes), math.prod(shape[i] for i in output_axes)
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


class VarianceScaling(RandomInitializer):
    """Numbers whose variance is scale / n, n a number of inputs or outputs. Raises ValueError for a mode or scale."""

    preset: tuple[float, str, str] | None = None

    def __init__(
        self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal", seed: Any = None
    ):
        if scale <= 0.0:
            raise ValueError(f"Argument `scale` must be positive float. Received: scale={scale}")
        if mode not in {"fan_in", "fan_out", "fan_avg"}:
            raise ValueError(f"Invalid `mode` argument: {mode}. Please use one of {{'fan_in', 'fan_out', 'fan_avg'}}.")
        distribution = "truncated_normal" if distribution.lower() == "normal" else distribution.lower()
        if distribution not in {"uniform", "truncated_normal", "untruncated_normal"}:
            raise ValueError(
                f"Invalid `distribution` argument: {distribution}.Please use one of "
                "{'uniform', 'truncated_normal', 'untruncated_normal'}"
            )
        self.scale, self.mode, self.distribution = scale, mode, distribution
        super().__init__(seed)

    def __call__(self, shape: Any, dtype: Any = None, **options: Any) -> Any:
        inputs, outputs = fans(shape, options.get("input_axes"), options.get("output_axes"))
        count = {"fan_in": inputs, "fan_out": outputs, "fan_avg": (inputs + outputs) / 2.0}[self.mode]
        scale, seed, kind = self.scale / max(1.0, count), drawn_seed(self.seed), float_name(dtype)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * scale)
            return random.stateless_uniform(shape, seed, -limit, limit, kind)
        if self.distribution == "untruncated_normal":
            return random.stateless_normal(shape, seed, 0.0, math.sqrt(scale), kind)
        # The deviation of a normal distribution that is cut off at two deviations.
        return random.stateless_truncated_normal(shape, seed, 0.0, math.sqrt(scale) / 0.87962566103423978, kind)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        if self.preset is not None:
            return super().get_config()
        own = {"scale": self.scale, "mode": self.mode, "distribution": self.distribution}
        return {**own, **super().get_config()}


def preset(name: str, scale: float, mode: str, distribution: str) -> type[VarianceScaling]:
    """A named variance scaling."""

    def __init__(self: Any, seed: Any = None, **options: Any) -> None:
        VarianceScaling.__init__(self, scale, mode, distribution, seed)

    body = {
        "__init__": __init__, "preset": (scale, mode, distribution), "__module__": __name__,
        "__doc__": f"Variance scaling with scale {scale}, {mode}, {distribution}.",
    }  # fmt: skip
    return type(name, (VarianceScaling,), body)


GlorotUniform = preset("GlorotUniform", 1.0, "fan_avg", "uniform")
GlorotNormal = preset("GlorotNormal", 1.0, "fan_avg", "truncated_normal")
HeUniform = preset("HeUniform", 2.0, "fan_in", "uniform")
HeNormal = preset("HeNormal", 2.0, "fan_in", "truncated_normal")
LecunUniform = preset("LecunUniform", 1.0, "fan_in", "uniform")
LecunNormal = preset("LecunNormal", 1.0, "fan_in", "truncated_normal")


class Orthogonal(RandomInitializer):
    """A matrix with orthonormal rows or columns, times `gain`. Raises ValueError for fewer than two dims."""

    def __init__(self, gain: float = 1.0, seed: Any = None):
        self.gain = gain
        super().__init__(seed)

    def __call__(self, shape: Any, dtype: Any = None, **options: Any) -> Any:
        if len(shape) < 2:
            raise ValueError(
                "The tensor to initialize must be at least two-dimensional. Received: "
                f"shape={shape} of rank {len(shape)}."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        flat = (max(rows, columns), min(rows, columns))
        a = random.stateless_normal(flat, drawn_seed(self.seed), dtype=float_name(dtype))._array
        q, r = np.linalg.qr(a)
        q = q * np.sign(np.diagonal(r))
        q = q.T if rows < columns else q
        return from_array((self.gain * q.reshape(shape)).astype(a.dtype))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an object like this."""
        return {"gain": self.gain, **super().get_config()}


OrthogonalInitializer, IdentityInitializer = Orthogonal, Identity
NAMES = (
    "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "LecunNormal", "LecunUniform",
    "Ones", "Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "Zeros",
)  # fmt: skip
TABLE = table_of(globals(), NAMES)
TABLE |= {"normal": RandomNormal, "uniform": RandomUniform, "one": Ones, "zero": Zeros}
glorot_normal, glorot_uniform, he_normal, he_uniform = GlorotNormal, GlorotUniform, HeNormal, HeUniform
lecun_normal, lecun_uniform, variance_scaling = LecunNormal, LecunUniform, VarianceScaling
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
constant, identity, orthogonal, normal, uniform = Constant, Identity, Orthogonal, RandomNormal, RandomUniform
zeros, ones = Zeros, Ones
get = getter("initializer", lambda: TABLE)
__all__ = [
    *NAMES, "Initializer", "constant", "get", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "identity",
    "lecun_normal", "lecun_uniform", "ones", "orthogonal", "random_normal", "random_uniform", "truncated_normal",
    "variance_scaling", "zeros",
]  # fmt: skip
