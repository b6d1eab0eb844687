"""Choosing between values: where, clamp, maximum, lerp and their kin."""

from __future__ import annotations

from typing import Any

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.activation import chosen as bitwise_chosen
from wengert.core.base.errors import ArgumentError, DtypeError, MissingError, ShapeError
from wengert.core.operators.kinds import composite, elementwise
from wengert.core.operators.library.overloads import (
    choosing,
    cpp_name,
    is_number,
    met,
    overload,
    refuse,
    refuse_complex,
    scalar_name,
)
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

# ---------------------------------------------------------------- by a mask


def where_samples(s: Any) -> list[Any]:
    """Sample calls of `where`."""
    c = s.booleans(3, 4)
    return [
        call(c, s.array(3, 4), s.array(3, 4)),
        call(c, s.array(4), 2.0),
        call(c, -1.0, s.array(3, 1)),
        call(s.booleans(), s.array(), s.array(2)),
        call(c[:0], s.array(4), s.array(1)),
    ]


@composite(method=False, samples=where_samples)
def where(m, condition: Array, input=None, other=None):
    """input where condition holds, else other; `where(condition)` alone gives the indices at which it holds.

    Shapes broadcast; tensors and numbers meet as torch.result_type has it.  Gradients go to the chosen side only.
    Raises: DtypeError unless condition is boolean (uint8 is taken).
    """
    if input is None and other is None:
        if not hasattr(condition, "requires_grad") and (m.recorded or not hasattr(condition, "ndim")):
            kind = type(condition)
            name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
            raise ArgumentError(f"where(): argument 'condition' (position 1) must be Tensor, not {name}")
        return m.nonzero(condition, as_tuple=True)
    if input is None or other is None:
        raise _no_overload(condition, input, other)
    try:
        return m.chosen(condition, input, other)
    except ArgumentError:
        raise _no_overload(condition, input, other) from None


def _no_overload(*given):
    """The error of operands of `where` that are no tensors and no numbers."""
    kinds = [f"{type(x).__module__}.{type(x).__name__}" for x in given if x is not None]
    kinds = ["Tensor" if kind.endswith(".Tensor") else kind.removeprefix("builtins.") for kind in kinds]
    return ArgumentError(
        f"where() received an invalid combination of arguments - got ({', '.join(kinds)}), but expected (Tensor "
        "condition) or (Tensor condition, Tensor or Number input, Tensor or Number other)"
    )


@choosing(
    d=(
        None,
        lambda m, g, condition: m.where(condition, g, 0),
        lambda m, g, condition: m.where(condition, 0, g),
    ),
    space=None,
    method=False,
    inplace=False,
    backward_name="WhereBackward0",
    samples=where_samples,
)
def chosen(np, condition: Array, input: Array, other: Array):
    """`where` with all three operands."""
    if condition.dtype.kind != "b":
        if condition.dtype != "uint8":
            raise DtypeError(
                "where expected condition to be a boolean tensor, but got a tensor with dtype " + scalar_name(condition)
            )
        condition = condition.astype(bool)
    a, b = getattr(input, "dtype", None), getattr(other, "dtype", None)
    if a is None or b is None or a != b:
        input, other = met(np, input, other)
    return bitwise_chosen(np, condition, input, other)


def fill_value(np: Any, input: Any, value: Any) -> Any:
    """A number or 0-d array in the dtype of the tensor that is filled."""
    if getattr(value, "ndim", 0):
        raise ShapeError(
            f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )
    value = np.asarray(value)
    if value.dtype.kind == "c" and input.dtype.kind != "c":
        raise DtypeError(f"value cannot be converted to type {cpp_name(input)} without overflow: {value}")
    return value.astype(input.dtype)


@choosing(
    d=(
        lambda m, g, mask: m.masked_fill(g, mask, 0),
        None,
        lambda m, g, mask: m.where(mask, g, 0),
    ),
    backward_name=overload("MaskedFill", 1, 0),
    samples=lambda s: [
        call(s.array(3, 4), s.booleans(3, 4), 2.5),
        call(s.array(3, 4), s.booleans(4), s.array()),
        call(s.array(1), s.booleans(2, 1), -1),
        call(s.array(0, 2), s.booleans(2), 1),
    ],
)
def masked_fill(np, input: Array, mask: Array, value: Array):
    """value where mask holds, else input; value is a number or a tensor without dims, taken in input's dtype.

    Raises: DtypeError unless mask is boolean; ShapeError for a value with dims.
    """
    if mask.dtype.kind != "b":
        raise DtypeError(f"masked_fill_ only supports boolean masks, but got mask with dtype {cpp_name(mask)}")
    return bitwise_chosen(np, mask, fill_value(np, input, value), input)


# ---------------------------------------------------------------- by size


def input_inside(m, g, input, min, max):
    """g where input is within its bounds, these included."""
    if min is None:
        return m.where(input <= max, g, 0)
    if max is None:
        return m.where(input >= min, g, 0)
    return m.where(m.logical_and(input >= min, input <= max), g, 0)


def at_lower(m, g, input, min, max):
    """g where the lower bound was taken."""
    below = input < min
    return m.where(below if max is None else m.logical_and(min < max, below), g, 0)


def at_upper(m, g, input, min, max):
    """g where the upper bound was taken: it wins where the bounds cross."""
    above = input > max
    return m.where(above if min is None else m.logical_or(above, max < min), g, 0)


def clamp_name(args: tuple[Any, ...]) -> str:
    """torch numbers the overload with tensor bounds 0, the one with numbers 1."""
    return f"ClampBackward{int(all(x is None or is_number(x) for x in args[1:3]))}"


@elementwise(
    d=(input_inside, at_lower, at_upper),
    aliases=("clip",),
    backward_name=clamp_name,
    samples=lambda s: [
        call(s.distinct(3, 4), -0.6, 0.7),
        call(s.distinct(3, 4), min=0),
        call(s.distinct(3, 4), max=s.array()),
        call(s.distinct(3, 4), s.array(4) - 2, s.array(3, 1) + 2),
        call(s.distinct(0, 4), 0, 1),
    ],
)
def clamp(np, input: Array, min: Array | None = None, max: Array | None = None):
    """input brought into [min, max]; bounds are numbers, tensors or None, max wins where they cross, nan stays.

    The gradient at a bound is 1.  Raises DtypeError without bounds, MissingError for complex numbers.
    """
    if min is None and max is None:
        raise DtypeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if input.dtype.kind == "c":
        raise MissingError("clamp is not supported for complex types")
    if hasattr(min, "dtype") and hasattr(max, "dtype"):
        refuse("clamp_cpu", "b", input)
    if min is None:
        return np.minimum(input, max)
    out = np.maximum(input, min)
    return out if max is None else np.minimum(out, max)


def refuse_clamp(bound: str, input: Any, limit: Any) -> None:
    """Complex numbers have no order; torch's words depend on whether the bound is a number."""
    if is_number(limit):
        refuse_complex("clamp is not supported for complex types", input, limit)
    refuse(f"{bound}imum_cpu", "c", input, limit)


@elementwise(
    d=(lambda m, g, input, min: m.where(input >= min, g, 0), lambda m, g, input, min: m.where(input < min, g, 0)),
    backward_name=overload("ClampMin", 1, 0),
    numbers="last",
)
def clamp_min(np, input: Array, min: Array):
    """max(input, min); the gradient at the bound goes to input, nan stays."""
    refuse_clamp("max", input, min)
    return np.maximum(input, min)


@elementwise(
    d=(lambda m, g, input, max: m.where(input <= max, g, 0), lambda m, g, input, max: m.where(input > max, g, 0)),
    backward_name=overload("ClampMax", 1, 0),
    numbers="last",
)
def clamp_max(np, input: Array, max: Array):
    """min(input, max); the gradient at the bound goes to input, nan stays."""
    refuse_clamp("min", input, max)
    return np.minimum(input, max)


def refuse_order(name: str, *operands: Any) -> None:
    """Complex numbers have no order."""
    for x in operands:
        if getattr(x, "dtype", None) is not None and x.dtype.kind == "c":
            raise DtypeError(f"{name} not implemented for complex tensors.")


def unless(m, g, lost, tie):
    """g, nothing where the other operand won, half of it at ties."""
    return m.where(lost, 0, m.where(tie, g / 2, g))


@elementwise(
    d=(
        lambda m, g, input, other: unless(m, g, input < other, input == other),
        lambda m, g, input, other: unless(m, g, other < input, input == other),
    ),
    inplace=False,
    numbers="none",
)
def maximum(np, input: Array, other: Array):
    """The larger of two; nan if either is.  Ties share the gradient.  Raises DtypeError for complex numbers."""
    refuse_order("maximum", input, other)
    return np.maximum(input, other)


@elementwise(
    d=(
        lambda m, g, input, other: unless(m, g, input > other, input == other),
        lambda m, g, input, other: unless(m, g, other > input, input == other),
    ),
    inplace=False,
    numbers="none",
)
def minimum(np, input: Array, other: Array):
    """The smaller of two; nan if either is.  Ties share the gradient.  Raises DtypeError for complex numbers."""
    refuse_order("minimum", input, other)
    return np.minimum(input, other)


def first_wins(m, input, other, ahead):
    """Where `fmax` and `fmin` take their first operand."""
    return m.logical_or(ahead, m.isnan(other))


@elementwise(
    d=(
        lambda m, g, input, other: m.where(first_wins(m, input, other, input >= other), g, 0),
        lambda m, g, input, other: m.where(first_wins(m, input, other, input >= other), 0, g),
    ),
    inplace=False,
    numbers="none",
)
def fmax(np, input: Array, other: Array):
    """The larger of two, ignoring nan.  Ties give the gradient to input.  Raises DtypeError for complex numbers."""
    refuse_order("fmax", input, other)
    return np.fmax(input, other)


@elementwise(
    d=(
        lambda m, g, input, other: m.where(first_wins(m, input, other, input <= other), g, 0),
        lambda m, g, input, other: m.where(first_wins(m, input, other, input <= other), 0, g),
    ),
    inplace=False,
    numbers="none",
)
def fmin(np, input: Array, other: Array):
    """The smaller of two, ignoring nan.  Ties give the gradient to input.  Raises DtypeError for complex numbers."""
    refuse_order("fmin", input, other)
    return np.fmin(input, other)


def replaced(np: Any, input: Any, nan: float, posinf: float | None, neginf: float | None) -> Any:
    """A real array without nan and infinities."""
    largest = dtypes.finfo(dtypes.of(input.dtype)).max
    out = np.where(np.isnan(input), input.dtype.type(nan), input)
    out = np.where(np.equal(out, np.inf), input.dtype.type(largest if posinf is None else posinf), out)
    return np.where(np.equal(input, -np.inf), input.dtype.type(-largest if neginf is None else neginf), out)


@choosing(
    d=lambda m, g, input: m.where(m.isfinite(input), g, 0),
    samples=lambda s: [call(s.array(3, 4)), call(s.array(3), nan=1.0, posinf=2.0, neginf=-2.0), call(s.array(0, 2))],
)
def nan_to_num(np, input: Array, nan=None, posinf=None, neginf=None):
    """nan becomes `nan` (0), the infinities `posinf` and `neginf` (the largest and smallest finite number).

    Integers stay as they are; a complex number's parts are treated one by one.
    """
    kind = input.dtype.kind
    if kind in "biu":
        return input.copy()
    nan = 0.0 if nan is None else nan
    if kind != "c":
        return replaced(np, input, nan, posinf, neginf)
    out = np.empty_like(input)
    out.real[...] = replaced(np, input.real, nan, posinf, neginf)
    out.imag[...] = replaced(np, input.imag, nan, posinf, neginf)
    return out


# ---------------------------------------------------------------- between


def refuse_mixed(input: Any, **others: Any) -> None:
    """`lerp` takes one dtype."""
    for name, x in others.items():
        if getattr(x, "dtype", input.dtype) != input.dtype:
            raise DtypeError(f"expected dtype {cpp_name(input)} for `{name}` but got dtype {cpp_name(x)}")


@choosing(
    d=(
        lambda m, g, weight: g * m.conj(1 - weight),
        lambda m, g, weight: g * m.conj(weight),
        lambda m, g, input, end: g * m.conj(end - input),
    ),
    backward_name=overload("Lerp", 1, 0),
    samples=lambda s: [
        call(s.array(3, 4), s.array(3, 4), 0.3),
        call(s.array(3, 4), s.array(4), 0.8),
        call(s.array(3, 4), s.array(4), s.array(3, 1)),
        call(s.array(), s.array(), 2),
    ],
)
def lerp(np, input: Array, end: Array, weight: Array):
    """input + weight * (end - input); weight is a number or a tensor.

    Computed from the nearer end, so that weight 1 gives exactly `end`.
    Raises: DtypeError for different dtypes; MissingError for integers.
    """
    refuse_mixed(input, end=end, weight=weight)
    refuse("lerp_kernel_scalar" if is_number(weight) else "lerp_kernel_tensor", "biu", input)
    dtype = input.dtype
    if dtype.itemsize == 2:
        wide = np.float32
        input, end = input.astype(wide), end.astype(wide)
        weight = weight if is_number(weight) else weight.astype(wide)
    gap = end - input
    if is_number(weight):
        near = weight.real * weight.real + weight.imag * weight.imag < 0.25
        out = input + weight * gap if near else end - gap * (1 - weight)
    else:
        out = np.where(np.less(np.abs(weight), 0.5), input + weight * gap, end - gap * (1 - weight))
    return out if out.dtype == dtype else out.astype(dtype)


@elementwise(
    d=(
        1,
        lambda m, g, tensor2, value: g * m.conj(tensor2 * value),
        lambda m, g, tensor1, value: g * m.conj(tensor1 * value),
    )
)
def addcmul(np, input: Array, tensor1: Array, tensor2: Array, *, value=1):
    """input + value * tensor1 * tensor2.  Raises MissingError for booleans."""
    refuse("addcmul_cpu_out", "b", input)
    product = tensor1 * tensor2
    if input.dtype.kind in "iu":
        value = int(value)
    return np.add(input, product if value.__class__ is int and value == 1 else product * value)


@elementwise(
    d=(
        1,
        lambda m, g, tensor2, value: g * m.conj(value / tensor2),
        lambda m, g, tensor1, tensor2, value: -g * m.conj(value * tensor1 / (tensor2 * tensor2)),
    )
)
def addcdiv(np, input: Array, tensor1: Array, tensor2: Array, *, value=1):
    """input + value * tensor1 / tensor2.  Raises DtypeError for integers."""
    if input.dtype.kind in "biu":
        raise DtypeError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a "
            "true division of tensor1 and tensor2: convert the tensors to a floating dtype, or use div() and add()"
        )
    plain = value.__class__ is int and value == 1
    return np.add(input, np.true_divide(tensor1 if plain else tensor1 * value, tensor2))
