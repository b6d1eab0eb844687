"""Python's operators on tensors and Variables, and what stands in square brackets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.tape import hot
from wengert.core.tape.core import RECORDED
from wengert.core.tensor.indexing import getitem
from wengert.tf import math
from wengert.tf.calling import KINDS, explained, mixed, refuse_dtype, run
from wengert.tf.conversion import tensor_of
from wengert.tf.errors import invalid
from wengert.tf.recording import STATE, TensorBase
from wengert.tf.tensor import EagerTensor, Tensor, bare, dress, from_array, operand

LEFT: Any = {
    "add": ("AddV2", hot.add, "number"), "sub": ("Sub", hot.sub, "number"), "mul": ("Mul", hot.mul, "number"),
    "mod": ("FloorMod", math.remaining, "number"), "floordiv": ("FloorDiv", math.divided_whole, "number"),
    "pow": ("Pow", math.powers, "number"),
    "lt": ("Less", RECORDED.lt, "real"), "le": ("LessEqual", RECORDED.le, "real"),
    "gt": ("Greater", RECORDED.gt, "real"), "ge": ("GreaterEqual", RECORDED.ge, "real"),
}  # fmt: skip
"""Python's name -> TensorFlow's operation, how it is computed, the dtypes it takes."""


def second(op: str, x: Any, y: Any) -> Any:
    """The other operand of an operator, in x's dtype if it can be converted."""
    if isinstance(y, TensorBase):
        return operand(y)
    try:
        return tensor_of(y, x._array.dtype)
    except TypeError:
        return tensor_of(y)


def met(op: str, compute: Any, kinds: str, x: Any, y: Any) -> Any:
    """An operator on two operands. Raises InvalidArgumentError for different or forbidden dtypes."""
    a, b = x._array.dtype, y._array.dtype
    if a is not b and a != b and isinstance(x, EagerTensor) and isinstance(y, EagerTensor):
        raise mixed(op, a, b)
    if a.kind not in KINDS[kinds]:
        raise refuse_dtype(op, x, kinds)
    return run(op, compute, (x, y))


def forward(op: str, compute: Any, kinds: str, numbers: bool) -> Callable[..., Any]:
    """`x op y` for a tensor x.

    numbers: y may be a Python number that `compute` takes as it is.
    """
    allowed = KINDS[kinds]

    def method(x: Any, y: Any) -> Any:
        kind = x.__class__
        if kind is EagerTensor:
            if x._flags & 1 and x._node._seq < STATE.get().floor:
                x = bare(x)
        else:
            x = operand(x)
        dtype = x._array.dtype
        if (
            y.__class__ is EagerTensor
            and x.__class__ is EagerTensor
            and y._array.dtype is dtype
            and dtype.kind in allowed
        ):
            if y._flags & 1 and y._node._seq < STATE.get().floor:
                y = bare(y)
            try:
                out = compute(x, y)
            except Exception as error:
                raise explained(op, (x, y), error) from None
            out.__class__ = EagerTensor
            return out
        if numbers and (y.__class__ is float or y.__class__ is int) and dtype.kind == "f":
            return dress(compute(x, y), x)
        if y is None:
            return NotImplemented
        return met(op, compute, kinds, x, second(op, x, y))

    return method


def backward(op: str, compute: Any, kinds: str) -> Callable[..., Any]:
    """`y op x` for a tensor x and something else y."""

    def method(x: Any, y: Any) -> Any:
        x = operand(x)
        if y is None:
            return NotImplemented
        return met(op, compute, kinds, tensor_of(y, None if isinstance(y, TensorBase) else x._array.dtype), x)

    return method


def truediv(x: Any, y: Any) -> Any:
    """x / y."""
    x = operand(x)
    if x._array.dtype.kind == "f" and (y.__class__ is float or y.__class__ is int) and y:
        return dress(hot.div(x, y), x)
    return math.truediv(x, second("RealDiv", x, y))


def rtruediv(x: Any, y: Any) -> Any:
    """y / x."""
    return math.truediv(y, x)


def power(x: Any, y: Any) -> Any:
    """x ** y."""
    x = operand(x)
    if x._array.dtype.kind == "f" and (y.__class__ is float or y.__class__ is int) and y:
        return dress(hot.pow(x, y), x)
    return math.pow_tensors(x, second("Pow", x, y))


def equal(x: Any, y: Any) -> Any:
    """x == y per element; False for shapes that do not go together."""
    return compared("equal", "Equal", False, x, y)


def unequal(x: Any, y: Any) -> Any:
    """x != y per element; True for shapes that do not go together."""
    return compared("not_equal", "NotEqual", True, x, y)


def compared(name: str, op: str, apart: bool, x: Any, y: Any) -> Any:
    """Equality, which also stands for shapes that do not broadcast."""
    if y is None or y is NotImplemented:
        return apart
    x = operand(x)
    y = operand(y) if isinstance(y, TensorBase) else tensor_of(y, x._array.dtype)
    try:
        np.broadcast_shapes(x._array.shape, y._array.shape)
    except ValueError:
        return from_array(np.array(apart))
    return getattr(math, name)(x, y)


def matrix_product(x: Any, y: Any) -> Any:
    """x @ y."""
    x = operand(x)
    return matmul(x, second("MatMul", x, y))


def matrix_product_reflected(x: Any, y: Any) -> Any:
    """y @ x."""
    return matmul(tensor_of(y, None if isinstance(y, TensorBase) else x._array.dtype), x)


def matmul(a: Any, b: Any) -> Any:
    """Product of matrices, or of batches of them.

    Raises InvalidArgumentError for operands with fewer than two dims, or sizes that do not go together.
    """
    x, y = a._array, b._array
    if x.dtype != y.dtype:
        raise mixed("MatMul", x.dtype, y.dtype)
    if x.ndim < 2 or y.ndim < 2:
        i = 0 if x.ndim < 2 else 1
        raise invalid("MatMul", f"In[{i}] ndims must be >= 2")
    if x.shape[-1] != y.shape[-2]:
        listed = (
            "Matrix size-incompatible: In[0]: {}, In[1]: {}"
            if x.ndim == y.ndim == 2
            else "In[0] mismatch In[1] shape: {} vs. {}"
        )
        raise invalid("MatMul", listed.format(shown(x.shape), shown(y.shape)))
    if x.dtype.kind == "b":
        raise refuse_dtype("MatMul", a, "number")
    if x.ndim == y.ndim == 2:
        return dress(RECORDED.mm(a, b), a, b)
    return run("BatchMatMulV2", RECORDED.matmul, (a, b))


def shown(shape: Any) -> str:
    """A shape as the runtime prints it."""
    return "[" + ",".join(map(str, shape)) + "]"


def joined(logical: str, bits: str) -> Callable[..., Any]:
    """`&`, `|` or `^`: logical on truth values, bitwise on integers."""

    def method(x: Any, y: Any) -> Any:
        x = operand(x)
        y = second(logical, x, y)
        return getattr(math, logical if x._array.dtype.kind == "b" else bits)(x, y)

    return method


def inverted(x: Any) -> Any:
    """~x."""
    x = operand(x)
    return math.logical_not(x) if x._array.dtype.kind == "b" else math.invert(x)


# ---------------------------------------------------------------- square brackets


def item(x: Any, key: Any) -> Any:
    """x[key] for ints, slices, `...`, `tf.newaxis`, scalar integer tensors, and a mask alone.

    Raises: InvalidArgumentError for an index outside its dim, TypeError for any other key.
    """
    x = operand(x)
    if isinstance(key, TensorBase) and key._array.dtype.kind == "b":
        return masked(x, key)
    if isinstance(key, np.ndarray) and key.dtype == bool:
        return masked(x, from_array(key))
    parts = tuple(key) if isinstance(key, (tuple, list)) else (key,)
    places, flips = placed(x, parts)
    try:
        out = dress(getitem(x, tuple(places)), x)
    except IndexError as error:
        raise explained("StridedSlice", (x,), error) from None
    return run("StridedSlice", RECORDED.flip, (out,), tuple(flips)) if flips else out


def masked(x: Any, mask: Any) -> Any:
    """The entries along the first dims at which a mask is true."""
    return run("GatherV2", getitem, (x, operand(mask)))


def placed(x: Any, parts: Any) -> tuple[list[Any], list[int]]:
    """Keys as the common library takes them, and the dims of the result that are to be reversed."""
    shape = x._array.shape
    used = sum(1 for p in parts if p is not None and p is not Ellipsis)
    if used > len(shape):
        raise invalid(
            "StridedSlice", f"Index out of range using input dim {len(shape)}; input has only {len(shape)} dims"
        )
    places: list[Any] = []
    flips: list[int] = []
    dim, result = 0, 0
    for p in parts:
        if p is None:
            places.append(None)
            result += 1
        elif p is Ellipsis:
            skipped = len(shape) - used
            places.append(Ellipsis)
            dim, result = dim + skipped, result + skipped
        elif isinstance(p, slice):
            place, turned = sliced(p, shape[dim])
            places.append(place)
            if turned:
                flips.append(result)
            dim, result = dim + 1, result + 1
        else:
            places.append(index_of(p, dim, shape[dim]))
            dim += 1
    return places, flips


def sliced(p: slice, size: int) -> tuple[slice, bool]:
    """A slice with a positive step, and whether its result is to be reversed. Raises ValueError for a step of 0."""
    start, stop, step = [None if v is None else whole(v) for v in (p.start, p.stop, p.step)]
    if step == 0:
        raise invalid("StridedSlice", "strides[0] must be non-zero")
    if step is None or step > 0:
        return slice(start, stop, step), False
    first, last, step = slice(start, stop, step).indices(size)
    count = len(range(first, last, step))
    if not count:
        return slice(0, 0), False
    return slice(first + (count - 1) * step, first + 1, -step), True


def whole(value: Any) -> int:
    """A bound of a slice as an int. Raises TypeError for what is no integer."""
    found = value._array if isinstance(value, TensorBase) else value
    try:
        return int(found.__index__())
    except (AttributeError, TypeError):
        raise bad_index(value) from None


def bad_index(value: Any) -> TypeError:
    """The error of a key that is none."""
    return TypeError(
        "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and scalar tf.int32/tf.int64 tensors are "
        f"valid indices, got {value!r}"
    )


def index_of(value: Any, dim: int, size: int) -> int:
    """An index counted from the front. Raises InvalidArgumentError if there is no such entry."""
    if isinstance(value, (bool, np.bool_)):
        raise bad_index(value)
    index = whole(value)
    if not -size <= index < size:
        raise invalid("StridedSlice", f"slice index {index} of dimension {dim} out of bounds.")
    return index % size if size else index


# ---------------------------------------------------------------- onto the classes


def installed() -> dict[str, Any]:
    """The methods by their names."""
    methods: dict[str, Any] = {}
    for name, (op, compute, kinds) in LEFT.items():
        plain = name in ("add", "sub", "mul")
        methods[f"__{name}__"] = forward(op, compute, kinds, plain)
        if name not in ("lt", "le", "gt", "ge"):
            methods[f"__r{name}__"] = backward(op, compute, kinds)
    methods.update(
        __truediv__=truediv, __rtruediv__=rtruediv, __div__=truediv, __pow__=power, __eq__=equal, __ne__=unequal,
        __matmul__=matrix_product, __rmatmul__=matrix_product_reflected, __getitem__=item,
        __neg__=lambda x: math.negative(x), __abs__=lambda x: math.abs(x),
        __pos__=lambda x: x, __invert__=inverted,
        __and__=joined("logical_and", "bitwise_and"), __rand__=joined("logical_and", "bitwise_and"),
        __or__=joined("logical_or", "bitwise_or"), __ror__=joined("logical_or", "bitwise_or"),
        __xor__=joined("logical_xor", "bitwise_xor"), __rxor__=joined("logical_xor", "bitwise_xor"),
    )  # fmt: skip
    for name in ("lshift", "rlshift", "rshift", "rrshift"):
        methods[f"__{name}__"] = unsupported
    return methods


def unsupported(x: Any, y: Any) -> Any:
    """An operator that TensorFlow's tensors do not have."""
    return NotImplemented


def inplace(name: str) -> Any:
    """`x += y` on a tensor: a new tensor under the old name."""
    return lambda x, y: METHODS[f"__{name}__"](x, y)


METHODS = installed()
"""Python's operators by their method names."""

for _name, _method in METHODS.items():
    setattr(Tensor, _name, _method)
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "matmul"):
    setattr(Tensor, f"__i{_name}__", inplace(_name))
Tensor.__hash__ = Tensor.__dict__["__hash__"]  # type: ignore[method-assign]

__all__ = ["METHODS", "item", "matmul"]
