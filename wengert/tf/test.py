"""`tf.test`: gradients checked against differences, and the test case with TensorFlow's assertions."""

from __future__ import annotations

import os
import tempfile
import unittest
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.tf import nest, random
from wengert.tf.conversion import convert_to_tensor
from wengert.tf.recording import TensorBase
from wengert.tf.tape import GradientTape

main = unittest.main


def compute_gradient(f: Callable[..., Any], x: Any, delta: float | None = None) -> tuple[list[Any], list[Any]]:
    """Jacobians of f at each of the arguments x, from the tape and from central differences: two lists of matrices.

    Raises TypeError unless x is a list.
    """
    if not isinstance(x, (list, tuple)):
        raise TypeError(
            f"`x` must be a list or tuple of values convertible to a Tensor (arguments to `f`), not a {type(x)}"
        )
    values = [convert_to_tensor(v) for v in x]
    return [exact(f, values, i) for i in range(len(values))], [
        estimated(f, values, i, delta) for i in range(len(values))
    ]


def exact(f: Callable[..., Any], values: list[Any], i: int) -> Any:
    """The matrix of derivatives at argument i from the tape."""
    with GradientTape() as tape:
        tape.watch(values[i])
        y = f(*values)
    found = tape.jacobian(y, values[i])
    size = y._array.size, values[i]._array.size
    return np.zeros(size, y._array.dtype) if found is None else convert_to_tensor(found).numpy().reshape(size)


def estimated(f: Callable[..., Any], values: list[Any], i: int, delta: float | None) -> Any:
    """The matrix of derivatives at argument i from differences of width `delta`, an eighth power of two by default."""
    step = 1.0 / 1024 if delta is None else delta
    base = values[i].numpy()
    columns = []
    for k in range(base.size):
        ends = []
        for way in (step, -step):
            moved = base.copy().reshape(-1)
            moved[k] += way
            args = [*values[:i], convert_to_tensor(moved.reshape(base.shape)), *values[i + 1 :]]
            ends.append(np.asarray(f(*args).numpy()).reshape(-1))
        columns.append((ends[0] - ends[1]) / (2 * step))
    return np.stack(columns, 1) if columns else np.zeros((np.asarray(f(*values).numpy()).size, 0), base.dtype)


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """False."""
    return False


def is_built_with_cuda() -> bool:
    """False."""
    return False


is_built_with_gpu_support = is_built_with_rocm = is_built_with_xla = is_built_with_cuda


def gpu_device_name() -> str:
    """Nothing: there is no GPU."""
    return ""


class TestCase(unittest.TestCase):
    """A test case that knows tensors; every test starts from the same random seed."""

    __test__ = False

    def setUp(self) -> None:
        """Start all random streams anew."""
        random.set_seed(87654321)
        np.random.seed(87654321)

    def evaluate(self, tensors: Any) -> Any:
        """The values of tensors in a structure."""
        return nest.map_structure(lambda x: x.numpy() if isinstance(x, TensorBase) else x, tensors)

    def get_temp_dir(self) -> str:
        """A folder that is removed after the test."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return os.path.join(folder.name)

    def assertAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:  # noqa: N802
        """Fail unless both have one shape and equal elements."""
        np.testing.assert_array_equal(self.evaluate(a), self.evaluate(b), err_msg=msg or "", strict=False)

    def assertAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: str | None = None) -> None:  # noqa: N802
        """Fail unless both have one shape and near elements, in every part of a structure."""
        x, y = self.evaluate(a), self.evaluate(b)
        parts = (
            zip(nest.flatten(x), nest.flatten(y), strict=True) if nest.is_nested(a) and nest.is_nested(b) else [(x, y)]
        )
        for p, q in parts:
            np.testing.assert_allclose(p, q, rtol=rtol, atol=atol, err_msg=msg or "")

    def assertAllInRange(self, target: Any, lower_bound: Any, upper_bound: Any) -> None:  # noqa: N802
        """Fail unless every element is between the bounds."""
        a = np.asarray(self.evaluate(target))
        self.assertTrue(((a >= lower_bound) & (a <= upper_bound)).all(), f"{a} not in [{lower_bound}, {upper_bound}]")

    def assertShapeEqual(self, input_a: Any, input_b: Any, msg: str | None = None) -> None:  # noqa: N802
        """Fail unless both have one shape."""
        self.assertEqual(tuple(np.shape(self.evaluate(input_a))), tuple(np.shape(self.evaluate(input_b))), msg)

    def assertNear(self, f1: Any, f2: Any, err: float, msg: str | None = None) -> None:  # noqa: N802
        """Fail unless two numbers are within `err` of each other."""
        self.assertLessEqual(abs(float(f1) - float(f2)), err, msg)
