"""Comparisons and inputs for tests (`torch.testing`): `assert_close`, `make_tensor`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import ArgumentError, ValueRangeError
from wengert.core.tape.core import TensorBase, wrap
from wengert.core.tensor.data import from_numpy
from wengert.core.tensor.interchange import host
from wengert.core.tensor.randomness import rand, randint

_TOLERANCES = {  # per dtype the relative and the absolute tolerance
    "float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5), "complex128": (1e-7, 1e-7),
}  # fmt: skip


class Options:
    """How two values are compared."""

    def __init__(self, **values: Any) -> None:
        self.rtol: float | None = None
        self.atol: float | None = None
        self.equal_nan = self.check_stride = self.allow_subclasses = False
        self.check_device = self.check_dtype = self.check_layout = True
        self.msg: str | Callable[[str], str] | None = None
        self.__dict__.update(values)

    def tolerances(self, *kinds: Any) -> tuple[float, float]:
        """The tolerances given, else those of the less exact dtype."""
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        found = [_TOLERANCES.get(kind.name, (0.0, 0.0)) for kind in kinds]
        return max(r for r, _ in found), max(a for _, a in found)

    def fail(self, text: str, place: tuple[Any, ...]) -> NoReturn:
        """Raise with the message, or with what the caller makes of it."""
        if place:
            text += f"\n\nThe failure occurred for item {''.join(f'[{key!r}]' for key in place)}"
        raise AssertionError(text if self.msg is None else self.msg(text) if callable(self.msg) else self.msg)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Assert |actual - expected| <= atol + rtol |expected| everywhere; tensors, arrays, numbers, nested in containers.

    The tolerances depend on the dtype unless both are given; integers and booleans must be equal.
    Raises: AssertionError that says how many elements differ and by how much; ValueRangeError for one tolerance
    without the other; ArgumentError for values that cannot be compared.
    """
    if (rtol is None) != (atol is None):
        missing = "rtol" if rtol is None else "atol"
        raise ValueRangeError(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}.")
    options = Options(
        rtol=rtol, atol=atol, equal_nan=equal_nan, check_device=check_device, check_dtype=check_dtype,
        check_layout=check_layout, check_stride=check_stride, allow_subclasses=allow_subclasses, msg=msg,
    )  # fmt: skip
    compare(actual, expected, options, ())


def assert_allclose(
    actual: Any, expected: Any, rtol: float | None = None, atol: float | None = None, equal_nan: bool = True,
    msg: str = "",
) -> None:  # fmt: skip
    """The older form of `assert_close`: dtypes, devices and strides may differ."""
    if rtol is None and atol is None:
        kinds = [x.dtype.name for x in (actual, expected) if isinstance(x, TensorBase)]  # type: ignore[attr-defined]
        table = {"float16": (1e-3, 1e-3), "float32": (1e-4, 1e-5), "float64": (1e-5, 1e-8)}
        found = [table.get(kind, (0.0, 0.0)) for kind in kinds] or [(1e-5, 1e-8)]
        rtol, atol = max(r for r, _ in found), max(a for _, a in found)
    assert_close(
        actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_device=True, check_dtype=False,
        check_stride=False, msg=msg or None,
    )  # fmt: skip


def compare(actual: Any, expected: Any, options: Options, place: tuple[Any, ...]) -> None:
    """Compare two values, containers item by item."""
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        compare_mappings(actual, expected, options, place)
    elif is_sequence(actual) and is_sequence(expected):
        if len(actual) != len(expected):
            options.fail(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", place)
        for i, (a, b) in enumerate(zip(actual, expected)):
            compare(a, b, options, (*place, i))
    elif actual is None or expected is None:
        if actual is not expected:
            options.fail(f"None mismatch: {actual} is not {expected}", place)
    elif isinstance(actual, (bool, np.bool_)) and isinstance(expected, (bool, np.bool_)):
        if bool(actual) is not bool(expected):
            options.fail(f"Booleans mismatch: {actual} is not {expected}", place)
    elif is_number(actual) and is_number(expected):
        compare_numbers(actual, expected, options, place)
    elif (pair := arrays_of(actual, expected)) is not None:
        compare_tensors(pair[0], pair[1], options, place)
    else:
        raise ArgumentError(
            f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
        )


def is_sequence(x: Any) -> bool:
    """A list or tuple, not text."""
    return isinstance(x, Sequence) and not isinstance(x, (str, bytes))


def is_number(x: Any) -> bool:
    """A Python number."""
    return isinstance(x, (int, float, complex)) and not isinstance(x, bool)


def arrays_of(actual: Any, expected: Any) -> Any:
    """Both as tensors if they are of one kind of array, else None."""
    if isinstance(actual, TensorBase) and isinstance(expected, TensorBase):
        return actual, expected
    kinds = (np.ndarray, np.generic)
    if isinstance(actual, kinds) and isinstance(expected, kinds):
        return from_numpy(np.array(actual)), from_numpy(np.array(expected))
    return None


def compare_mappings(actual: Any, expected: Any, options: Options, place: tuple[Any, ...]) -> None:
    """The same keys, and close values under each."""
    missing = [k for k in expected if k not in actual]
    surplus = [k for k in actual if k not in expected]
    if missing or surplus:
        options.fail(
            "The keys of the mappings do not match:\n"
            f"Missing keys in the actual mapping: {sorted(missing, key=str)}\n"
            f"Additional keys in the actual mapping: {sorted(surplus, key=str)}",
            place,
        )
    for key in expected:
        compare(actual[key], expected[key], options, (*place, key))


def compare_numbers(actual: Any, expected: Any, options: Options, place: tuple[Any, ...]) -> None:
    """Two Python numbers."""
    if options.check_dtype and type(actual) is not type(expected):
        options.fail(f"The (d)types do not match: {type(actual)} != {type(expected)}.", place)
    kinds = [dtypes.float64 if isinstance(x, (float, complex)) else dtypes.int64 for x in (actual, expected)]
    rtol, atol = options.tolerances(*kinds)
    if not number_close(actual, expected, rtol, atol, options.equal_nan):
        options.fail(scalar_text(actual, expected, rtol, atol), place)


def number_close(actual: Any, expected: Any, rtol: float, atol: float, equal_nan: bool) -> bool:
    """|actual - expected| <= atol + rtol |expected|, or equal."""
    if actual == expected or equal_nan and actual != actual and expected != expected:
        return True
    difference = abs(actual - expected)
    return bool(math.isfinite(difference) and difference <= atol + rtol * abs(expected))


def scalar_text(actual: Any, expected: Any, rtol: float, atol: float) -> str:
    """What is said of two numbers that differ."""
    exact = rtol == 0 and atol == 0
    absolute = abs(actual - expected)
    relative = float("inf") if expected == 0 else absolute / abs(expected)
    allowed = ("", "") if exact else (f" (up to {atol} allowed)", f" (up to {rtol} allowed)")
    return (
        f"Scalars are not {'equal' if exact else 'close'}!\n\nExpected {expected} but got {actual}.\n"
        f"Absolute difference: {absolute}{allowed[0]}\nRelative difference: {relative}{allowed[1]}"
    )


def compare_tensors(actual: Any, expected: Any, options: Options, place: tuple[Any, ...]) -> None:
    """Two tensors: attributes first, then elements."""
    facts: list[tuple[str, Any, Any]] = [("shape", actual.shape, expected.shape)]
    if options.check_device:
        facts.append(("device", actual.device, expected.device))
    if options.check_dtype:
        facts.append(("dtype", actual.dtype, expected.dtype))
    if options.check_stride:
        facts.append(("stride()", actual.stride(), expected.stride()))
    for name, a, b in facts:
        if a != b:
            options.fail(f"The values for attribute '{name}' do not match: {a} != {b}.", place)
    rtol, atol = options.tolerances(actual.dtype, expected.dtype)
    a, b = (wide(host(x)) for x in (actual, expected))
    with np.errstate(all="ignore"):
        difference = np.abs(a - b)
        close = (a == b) | np.isfinite(difference) & (difference <= atol + rtol * np.abs(b))
        if options.equal_nan:
            close |= (a != a) & (b != b)
    if close.all():
        return
    if not a.ndim:
        options.fail(scalar_text(actual.item(), expected.item(), rtol, atol), place)
    options.fail(tensor_text(a, b, close, rtol, atol), place)


def wide(a: Any) -> Any:
    """An array in a dtype in which differences can be taken: int64 for integers, float32 for half precision."""
    kind = a.dtype.kind
    if kind in "iub":
        return a.astype(np.int64)
    return a.astype(np.float32) if a.dtype.itemsize < 4 else a


def tensor_text(a: Any, b: Any, close: Any, rtol: float, atol: float) -> str:
    """What is said of two tensors that differ."""
    exact = rtol == 0 and atol == 0
    with np.errstate(all="ignore"):
        absolute = np.where(close, 0, np.abs(a - b))
        ratio = np.abs(a - b) / np.abs(b)
        relative = np.where(close, 0, ratio.astype(np.float32) if a.dtype.kind == "i" else ratio)
    lines = [f"Tensor-likes are not {'equal' if exact else 'close'}!\n"]
    wrong = int((~close).sum())
    lines.append(f"Mismatched elements: {wrong} / {close.size} ({wrong / close.size:.1%})")
    for name, values, allowed in (("absolute", absolute, atol), ("relative", relative, rtol)):
        where = np.unravel_index(int(np.argmax(np.where(values != values, np.inf, values))), values.shape)
        line = f"Greatest {name} difference: {values[where].item()} at index {tuple(int(i) for i in where)}"
        lines.append(line if exact else f"{line} (up to {allowed} allowed)")
    return "\n".join(lines)


def make_tensor(
    *shape: Any,
    dtype: Any,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Any:
    """Uniform values in [low, high): by default [-9, 9) for floating and complex dtypes, [-9, 10) for signed integers,
    [0, 10) for unsigned ones, {0, 1} for bool.

    Raises: ValueRangeError unless low < high, and where an integer tensor should require gradients.
    """
    size = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
    kind = dtypes.as_dtype(dtype)
    if requires_grad and not (kind.is_floating_point or kind.is_complex):
        raise ValueRangeError(
            f"`requires_grad=True` is not supported for boolean and integral dtypes, but got dtype={kind}"
        )
    bottom, top = limits(kind, low, high)
    if kind.is_floating_point or kind.is_complex:
        part = dtypes.float64 if kind.to_real() is dtypes.float64 else dtypes.float32
        values = host(rand(*size, *((2,) if kind.is_complex else ()), dtype=part)) * (top - bottom) + bottom
        values = values[..., 0] + 1j * values[..., 1] if kind.is_complex else values
    else:
        values = host(randint(math.floor(bottom), math.ceil(top), size))
    a = np.asarray(values).astype(kind.numpy)
    if noncontiguous and a.size > 1:
        a = np.repeat(a, 2, axis=-1)[..., ::2]
    if exclude_zero:
        a[a == 0] = 1 if kind.category < 2 else dtypes.finfo(kind).tiny
    out = wrap(a).to(device=device)
    if memory_format is not None:
        out = out.to(memory_format=memory_format)
    return out.requires_grad_(requires_grad) if requires_grad else out


def limits(kind: Any, low: float | None, high: float | None) -> tuple[float, float]:
    """The bounds that values are drawn between."""
    bottom: float
    top: float
    bottom, top = (0, 2) if kind is dtypes.bool_ else (0 if not kind.is_signed else -9, 9 if kind.category > 1 else 10)
    bottom, top = bottom if low is None else low, top if high is None else high
    if not bottom < top:
        raise ValueRangeError(f"`low` must be less than `high`, but got {bottom} >= {top}")
    return bottom, top


__all__ = ["assert_allclose", "assert_close", "make_tensor"]
