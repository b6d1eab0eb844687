"""What the checks share: sample calls as tensors, gradients along g, comparison with one table of tolerances."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np

import wengert  # noqa: F401  (fills the registry and installs the methods)
from wengert.core.base.errors import WengertError
from wengert.core.operators.record import REGISTRY, Op
from wengert.core.operators.samples import samples_of
from wengert.core.tape.arguments import bind, integers
from wengert.core.tape.backward import grad
from wengert.core.tape.core import RECORDED, TensorBase, wrap
from wengert.core.tape.plans import gathered, make_call

# Relative and absolute tolerance by dtype: a few hundred roundings.
TOLERANCE = {
    "float64": (1e-9, 1e-11),
    "complex128": (1e-9, 1e-11),
    "float32": (2e-4, 2e-5),
    "complex64": (2e-4, 2e-5),
    "float16": (4e-3, 4e-3),
    "bfloat16": (3e-2, 3e-2),
}
EXACT = (0.0, 0.0)
DIFFERENCES = (2e-5, 2e-6)
STEP = 1e-6


def function_of(op: Op) -> Any:
    """The operator as rules call it: its flat form where it has one."""
    return getattr(RECORDED, op.name, None) or make_call(op)


@cache
def sample_calls(name: str) -> list[Any]:
    """The sample calls of a registered operator; the arrays must not be written."""
    return list(samples_of(REGISTRY[name]))


def samples(op: Op) -> list[Any]:
    """The sample calls of a record, registered or not."""
    return sample_calls(op.name) if REGISTRY.get(op.name) is op else list(samples_of(op))


def mapped(value: Any, change: Any) -> Any:
    """The same nest of arguments with every array replaced by `change(array)`."""
    if isinstance(value, np.ndarray):
        made = change(value)
        return np.asarray(made) if isinstance(made, np.generic) else made
    if isinstance(value, (list, tuple)) and any(isinstance(part, np.ndarray) for part in value):
        return type(value)(mapped(part, change) for part in value)
    if isinstance(value, dict):
        return {key: mapped(part, change) for key, part in value.items()}
    return value


def changed(sample: Any, change: Any) -> Any:
    """A sample call with every array replaced."""
    args, kwargs = sample
    return tuple(mapped(x, change) for x in args), mapped(kwargs, change)


def arrays_of(sample: Any) -> list[np.ndarray]:
    """The arrays of a sample call in order."""
    found: list[np.ndarray] = []
    changed(sample, lambda a: found.append(a) or a)
    return found


def differentiable(array: np.ndarray) -> bool:
    """Whether gradients make sense for it."""
    return array.dtype.kind in "fcV"


class Run:
    """One call of an operator on fresh tensors.

    inputs: the tensors that want a gradient; results: what came out, as a list.
    """

    def __init__(self, op: Op, sample: Any, wants: bool = False, function: Any = None) -> None:
        self.tensors: list[Any] = []

        def tensor(array: np.ndarray) -> Any:
            x = wrap(array.copy(order="K" if array.size else "C"))
            if wants and differentiable(array):
                x.requires_grad_()
            self.tensors.append(x)
            return x

        args, kwargs = changed(sample, tensor)
        self.inputs = [x for x in self.tensors if x._flags & 1]
        out = (function or function_of(op))(*args, **kwargs)
        self.results = list(out) if isinstance(out, (tuple, list)) else [out]
        self.moving = [y for y in self.results if isinstance(y, TensorBase) and y._flags & 1]

    def arrays(self) -> list[Any]:
        """The results as arrays (other results as they are)."""
        return [y._array if isinstance(y, TensorBase) else y for y in self.results]

    def gradients(self, gs: list[Any], create: bool = False, retain: bool = False) -> list[Any]:
        """Gradients of the inputs, as tensors; None where nothing arrives."""
        if not self.moving:
            return [None] * len(self.inputs)
        return list(grad(self.moving, self.inputs, gs, create or retain, create, allow_unused=True))


def full_arguments(op: Op, sample: Any) -> tuple[Any, ...]:
    """The argument tuple of a record from a sample call."""
    args, kwargs = sample
    if op.variadic and len(args) > op.positional - 1:
        args = gathered(args, op.positional - 1)
    full = bind(op, args, kwargs)
    return tuple(integers(x) if i in op.ints else x for i, x in enumerate(full))


REFUSALS = re.compile("derivative for |the derivative for |.*specified up to multiplication by")


def is_without_gradient(error: BaseException) -> bool:
    """Whether an operator refuses to be differentiated as torch does: no derivative, or one that depends on a phase."""
    return isinstance(error, WengertError) and REFUSALS.match(str(error)) is not None


def generator(op: Op) -> np.random.Generator:
    """Random directions, the same in every run."""
    return np.random.default_rng(sum(op.name.encode()))


def random_like(array: Any, rng: np.random.Generator) -> np.ndarray:
    """A random direction of an array's shape and dtype; symmetric for symmetric matrices, which stay so."""
    real = rng.uniform(-1, 1, array.shape)
    if array.dtype.kind == "c":
        real = real + 1j * rng.uniform(-1, 1, array.shape)
    if array.ndim > 1 and array.shape[-1] > 1 and np.array_equal(array, np.conj(np.swapaxes(array, -1, -2))):
        real = real + np.conj(np.swapaxes(real, -1, -2))
    return np.asarray(real).astype(array.dtype)


def inner(a: Any, b: Any) -> float:
    """Re <a, b>, the pairing in which torch's complex gradients are gradients."""
    return float(np.sum(np.real(np.conj(a) * b)))


def close(found: Any, wanted: Any, tolerance: Any = None, what: str = "") -> None:
    """Assert equality of shape, dtype and, within the dtype's tolerance, value; nan equals nan."""
    if not hasattr(wanted, "dtype"):
        assert found == wanted, f"{what}: {found} instead of {wanted}"
        return
    assert hasattr(found, "dtype"), f"{what}: {type(found).__name__} instead of an array"
    assert found.shape == wanted.shape, f"{what}: shape {found.shape} instead of {wanted.shape}"
    assert found.dtype == wanted.dtype, f"{what}: dtype {found.dtype} instead of {wanted.dtype}"
    relative, absolute = tolerance or TOLERANCE.get(str(wanted.dtype), EXACT)
    if found.dtype.kind == "V" or str(found.dtype) in ("float16", "bfloat16"):
        found, wanted = found.astype(np.float64), wanted.astype(np.float64)
    if found.dtype.kind == "b":
        found, wanted = found.astype(np.int8), wanted.astype(np.int8)
    with np.errstate(all="ignore"):
        same = np.isclose(found, wanted, rtol=relative, atol=absolute, equal_nan=True)
    assert same.all(), f"{what}: {_excerpt(found, same)} instead of {_excerpt(wanted, same)}"


def _excerpt(array: Any, same: Any) -> str:
    return np.array2string(array[~same][:3], precision=6) if array.ndim else repr(array[()])


def number_close(found: float, wanted: float, size: float, tolerance: Any, what: str) -> None:
    """Assert that two numbers agree, relative to them and to the size of what was added up."""
    relative, absolute = tolerance
    assert abs(found - wanted) <= absolute * (1 + size) + relative * max(abs(found), abs(wanted)), (
        f"{what}: {found:.8g} instead of {wanted:.8g}"
    )


def text_of(sample: Any) -> str:
    """A sample call for messages: arrays as dtype[shape]."""
    args, kwargs = changed(sample, lambda a: Name(f"{a.dtype}{list(a.shape)}"))
    return ", ".join([*map(repr, args), *(f"{key}={value!r}" for key, value in kwargs.items())])


class Name(str):
    """A string that prints without quotes."""

    def __repr__(self) -> str:
        return str(self)
