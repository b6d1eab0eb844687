"""`tf.compat.v1`: the few names of TensorFlow 1 that programs for TensorFlow 2 still use."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from wengert.tf import arrays, conversion, dtypes, functions, linalg, math, random, reductions
from wengert.tf.variable import Variable

gradients, executing_eagerly = functions.gradients, functions.executing_eagerly
set_random_seed = random.set_seed
random_normal, random_uniform, truncated_normal = random.normal, random.uniform, random.truncated_normal
matmul, transpose, reshape, concat, stack = linalg.matmul, arrays.transpose, arrays.reshape, arrays.concat, arrays.stack
cast, convert_to_tensor, constant, identity = (
    conversion.cast, conversion.convert_to_tensor, conversion.constant, conversion.identity,
)  # fmt: skip
reduce_sum, reduce_mean, reduce_max, reduce_min = (
    reductions.reduce_sum, reductions.reduce_mean, reductions.reduce_max, reductions.reduce_min,
)  # fmt: skip
float32, float64, int32, int64 = dtypes.float32, dtypes.float64, dtypes.int32, dtypes.int64
div, log, exp, sqrt, square = math.truediv, math.log, math.exp, math.sqrt, math.square
tanh, sigmoid, abs = math.tanh, math.sigmoid, math.abs  # noqa: A001


def nothing(*args: Any, **kwargs: Any) -> None:
    """Nothing to do."""


enable_eager_execution = enable_v2_behavior = enable_resource_variables = enable_v2_tensorshape = nothing


def disable_eager_execution() -> None:
    """Refused: there are no graphs. Raises RuntimeError."""
    raise RuntimeError(
        "disable_eager_execution() needs graphs and sessions, which wengert.tf does not have: "
        "use tf.GradientTape and tf.function"
    )


disable_v2_behavior = disable_eager_execution


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Any:
    """Refused as in TensorFlow. Raises RuntimeError."""
    raise RuntimeError("tf.placeholder() is not compatible with eager execution.")


def get_variable(
    name: str, shape: Any = None, dtype: Any = dtypes.float32, initializer: Any = None, trainable: bool = True
) -> Any:
    """A new Variable. Raises ValueError without an initial value or a function that makes one."""
    if initializer is None:
        raise ValueError("get_variable() needs an initializer here: a value, or a function of shape and dtype")
    value = initializer(shape, dtype=dtype) if callable(initializer) else initializer
    return Variable(value, trainable=trainable, name=name, dtype=dtype)


def assign(ref: Any, value: Any, validate_shape: Any = None, use_locking: Any = None, name: str | None = None) -> Any:
    """Replace a Variable's value."""
    return ref.assign(value)


def assign_add(ref: Any, value: Any, use_locking: Any = None, name: str | None = None) -> Any:
    """Add to a Variable's value."""
    return ref.assign_add(value)


def assign_sub(ref: Any, value: Any, use_locking: Any = None, name: str | None = None) -> Any:
    """Subtract from a Variable's value."""
    return ref.assign_sub(value)


def to_float(x: Any, name: str = "ToFloat") -> Any:
    """x as float32."""
    return conversion.cast(x, dtypes.float32)


def verbosity(level: Any) -> None:
    """Set the level of TensorFlow's log."""
    from logging import getLogger

    getLogger("tensorflow").setLevel(level)


logging = SimpleNamespace(
    DEBUG=10, INFO=20, WARN=30, ERROR=40, FATAL=50, set_verbosity=verbosity, info=nothing, warning=nothing
)
