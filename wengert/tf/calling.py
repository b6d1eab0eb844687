"""From a TensorFlow operation to an operator of the common library: operands, strictness, errors, result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.base.errors import WengertError
from wengert.core.tape.core import RECORDED
from wengert.tf import dtypes
from wengert.tf.conversion import composite, tensor_of
from wengert.tf.errors import OpError, invalid
from wengert.tf.recording import STATE, TensorBase
from wengert.tf.tensor import EagerTensor, bare, dress, operand, plain

LISTS = {
    "f": "bfloat16, half, float, double",
    "fc": "bfloat16, half, float, double, complex64, complex128",
    "number": "bfloat16, half, float, double, uint8, uint16, uint32, uint64, int8, int16, int32, int64, complex64, "
    "complex128",
    "real": "float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64",
    "signed": "bfloat16, half, float, double, int8, int16, int32, int64, complex64, complex128",
    "index": "int32, int64",
    "b": "bool",
    "int": "int8, int16, int32, int64, uint8, uint16, uint32, uint64",
}
"""What an operation takes, as its error lists it."""

KINDS = {
    "f": "fV",
    "fc": "fVc",
    "number": "fVciu",
    "real": "fViu",
    "signed": "fVci",
    "index": "iu",
    "b": "b",
    "int": "iu",
    "any": "fVciub",
}
"""The same as NumPy's kinds."""


def refuse_dtype(op: str, x: Any, kinds: str) -> OpError:
    """The error of an operand whose dtype an operation does not take."""
    return invalid(
        op, f"Value for attr 'T' of {dtypes.word(x._array.dtype)} is not in the list of allowed values: {LISTS[kinds]}"
    )


def checked(op: str, x: Any, kinds: str) -> Any:
    """x as an operand of an operation that takes `kinds` only. Raises InvalidArgumentError for other dtypes."""
    x = tensor_of(x)
    if x._array.dtype.kind not in KINDS[kinds]:
        raise refuse_dtype(op, x, kinds)
    return x


def sizes(shape: Any) -> str:
    """A shape as the runtime prints it: [2,3]."""
    return "[" + ",".join(map(str, shape)) + "]"


def explained(op: str, operands: Any, error: Exception) -> Exception:
    """An operator's error in TensorFlow's class and words."""
    if isinstance(error, OpError) or not isinstance(error, (WengertError, ValueError, RuntimeError, IndexError)):
        return error
    if isinstance(error, WengertError) and type(error).__name__ in (
        "FreedGraphError",
        "InplaceError",
        "OutOfMemoryError",
    ):
        return error
    shapes = [x._array.shape for x in operands if isinstance(x, TensorBase)]
    text = str(error)
    if len(shapes) > 1 and ("must match the size of tensor" in text or "broadcast" in text):
        return invalid(op, f"Incompatible shapes: {' vs. '.join(sizes(s) for s in shapes)}")
    return invalid(op, text)


def run(op: str, function: Callable[..., Any], operands: Any, *rest: Any, **attributes: Any) -> Any:
    """`function(*operands, *rest, **attributes)` as the operation `op`; operands are tensors already."""
    try:
        out = function(*map(plain, operands), *rest, **attributes)
    except Exception as error:
        failure = explained(op, operands, error)
        if failure is error:
            raise
        raise failure from None
    return dress(out, *operands)


def strict(op: str, x: Any, y: Any) -> tuple[Any, Any]:
    """Two operands of one dtype: what is no tensor is converted to the other's.

    Raises: InvalidArgumentError for two tensors of different dtypes, TypeError for a value that cannot be converted.
    Tensors of the torch dialect keep its promotion.
    """
    first, second = isinstance(x, TensorBase), isinstance(y, TensorBase)
    if first and second:
        x, y = operand(x), operand(y)
    elif first:
        x = operand(x)
        y = tensor_of(y, x._array.dtype)
    elif second:
        y = operand(y)
        x = tensor_of(x, y._array.dtype)
    else:
        x = tensor_of(x)
        y = tensor_of(y, None if composite(y) else x._array.dtype)
    a, b = x._array.dtype, y._array.dtype
    if a is not b and a != b and isinstance(x, EagerTensor) and isinstance(y, EagerTensor):
        raise mixed(op, a, b)
    return x, y


def mixed(op: str, a: Any, b: Any, i: int = 1) -> OpError:
    """The error of two dtypes in one operation."""
    return invalid(
        op, f"cannot compute {op} as input #{i}(zero-based) was expected to be a {dtypes.word(a)} tensor but is a "
        f"{dtypes.word(b)} tensor",
    )  # fmt: skip


def unary(op: str, how: Callable[..., Any] | str, kinds: str, doc: str, public: str) -> Callable[..., Any]:
    """The operation `op` on one tensor: an operator of the library by its name, or a function."""
    function: Any = getattr(RECORDED, how) if isinstance(how, str) else how
    allowed = KINDS[kinds]

    def call(x: Any, name: str | None = None) -> Any:
        if x.__class__ is EagerTensor and x._array.dtype.kind in allowed:
            if x._flags & 1 and x._node._seq < STATE.get().floor:
                x = bare(x)
            out = function(x)
            out.__class__ = EagerTensor
            return out
        x = tensor_of(x)
        if x._array.dtype.kind not in allowed:
            raise refuse_dtype(op, x, kinds)
        return run(op, function, (x,))

    return documented(call, public, doc)


def binary(op: str, function: Callable[..., Any] | str, kinds: str, doc: str, public: str) -> Callable[..., Any]:
    """The operation `op` of two tensors of one dtype."""
    compute: Any = getattr(RECORDED, function) if isinstance(function, str) else function
    allowed = KINDS[kinds]

    def call(x: Any, y: Any, name: str | None = None) -> Any:
        if x.__class__ is EagerTensor is y.__class__ and x._array.dtype is y._array.dtype:
            if (x._flags | y._flags) & 1:
                floor = STATE.get().floor
                if x._flags & 1 and x._node._seq < floor:
                    x = bare(x)
                if y._flags & 1 and y._node._seq < floor:
                    y = bare(y)
            if x._array.dtype.kind in allowed:
                try:
                    out = compute(x, y)
                except Exception as error:
                    raise explained(op, (x, y), error) from None
                out.__class__ = EagerTensor
                return out
        x, y = strict(op, x, y)
        if x._array.dtype.kind not in allowed:
            raise refuse_dtype(op, x, kinds)
        return run(op, compute, (x, y))

    return documented(call, public, doc)


def documented(call: Any, public: str, doc: str) -> Any:
    """Give a generated function its public name and documentation."""
    call.__name__ = call.__qualname__ = public
    call.__doc__ = doc
    return call


def alike(op: str, values: Any) -> list[Any]:
    """A list of operands of one dtype, what is no tensor converted to that of the first tensor.

    Raises InvalidArgumentError for tensors of different dtypes.
    """
    if isinstance(values, TensorBase):
        values = list(values)
    known = next((x._array.dtype for x in values if isinstance(x, TensorBase)), None)
    parts: list[Any] = []
    for x in values:
        parts.append(operand(x) if isinstance(x, TensorBase) else tensor_of(x, known))
        known = parts[0]._array.dtype if known is None else known
    for i, x in enumerate(parts):
        if x._array.dtype != parts[0]._array.dtype:
            raise mixed(op, parts[0]._array.dtype, x._array.dtype, i)
    return parts


def axis_of(op: str, axis: Any, rank: int, what: str = "Invalid reduction dimension") -> int:
    """An axis counted from the front. Raises InvalidArgumentError for one that does not exist."""
    axis = int(axis._array if isinstance(axis, TensorBase) else axis)
    if not -rank <= axis < rank:
        raise invalid(op, f"{what} ({axis} for input with {rank} dimension(s)")
    return axis % rank


def unlisted(op: str, attribute: str, dtype: Any, known: tuple[str, ...]) -> Exception:
    """The InvalidArgumentError for indices or labels of a dtype that an operation does not know."""
    listed = ", ".join(known)
    given = f"Value for attr '{attribute}' of {dtypes.word(dtype)}"
    return invalid(op, f"{given} is not in the list of allowed values: {listed}")
