"""Dtypes of the array API standard, their promotion, and the operands made of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.dtype import dtype as Dtype
from wengert.core.base.errors import ArgumentError, DtypeError, ValueRangeError
from wengert.core.tape.core import TensorBase
from wengert.core.tensor.methods import SPACES

dialect: Any = SimpleNamespace(**SPACES[""])
"""The functions of the main namespace, which the standard's are stated in."""

KINDS = {
    "bool": ("bool",),
    "signed integer": ("int8", "int16", "int32", "int64"),
    "unsigned integer": ("uint8", "uint16", "uint32", "uint64"),
    "real floating": ("float32", "float64"),
    "complex floating": ("complex64", "complex128"),
}
"""Kind in the standard's words -> names of its dtypes."""
KINDS["integral"] = KINDS["signed integer"] + KINDS["unsigned integer"]
KINDS["numeric"] = KINDS["integral"] + KINDS["real floating"] + KINDS["complex floating"]

NAMES: tuple[str, ...] = KINDS["bool"] + KINDS["numeric"]
_NARROW = {"float16", "bfloat16"}
"""Floats that the standard does not know; they count as real floating here."""
_SCALARS = {bool: 0, int: 1, float: 2, complex: 3}
_CATEGORY = {"b": 0, "i": 1, "u": 1, "f": 2, "V": 2, "c": 3}
_WORDS = ("bool", "integer", "real floating", "complex floating")


def category(dtype: Dtype) -> int:
    """0 bool, 1 integer, 2 real, 3 complex."""
    return _CATEGORY[dtype.numpy.kind]


def is_tensor(value: Any) -> bool:
    """Whether the value is one of ours."""
    return isinstance(value, TensorBase)


def tensor(value: Any, name: str, argument: str = "x") -> Any:
    """The value where it is a tensor.

    Raises: ArgumentError for anything else.
    """
    if not isinstance(value, TensorBase):
        raise ArgumentError(f"{name}(): argument '{argument}' must be Tensor, not {type(value).__name__}")
    return value


def promoted(a: Dtype, b: Dtype) -> Dtype:
    """The dtype both can be cast to without a change of kind but from integers of two signs.

    Raises: DtypeError for int64 with uint64, whose sum no integer dtype holds.
    """
    if a is b:
        return a
    if a.name in _NARROW or b.name in _NARROW:
        return dialect.promote_types(a, b)
    out = np.promote_types(a.numpy, b.numpy)
    if out.kind == "f" and category(a) == category(b) == 1:
        raise DtypeError(f"result_type(): the standard has no dtype for {a} with {b}; cast one of them with astype")
    if out.kind in "fc" and min(category(a), category(b)) < 2:
        out = (a if category(a) >= category(b) else b).numpy
    return dtypes.of(out)


def _with_scalars(dtype: Dtype, scalars: list[Any]) -> Dtype:
    """A dtype with Python numbers: they are weak, and lift only the category."""
    level = max(_SCALARS[value.__class__] for value in scalars)
    if level <= category(dtype):
        return dtype
    if level == 3 and category(dtype) == 2:
        return complex_of(dtype)
    return (dtypes.ALL["bool"], dtypes.ALL["int64"], default_float(), complex_of(default_float()))[level]


def result_type(*arrays_and_dtypes: Any) -> Dtype:
    """The dtype of a result whose operands are these tensors, dtypes and Python numbers.

    Integers with floats give the float; Python numbers count by kind only; tensors without dims are strong too.
    Raises: DtypeError for int64 with uint64; ArgumentError for no tensor or dtype, or for another class.
    """
    found: list[Dtype] = []
    scalars = []
    for value in arrays_and_dtypes:
        if isinstance(value, TensorBase):
            found.append(value.dtype)  # type: ignore[attr-defined]
        elif isinstance(value, Dtype):
            found.append(value)
        elif value.__class__ in _SCALARS:
            scalars.append(value)
        else:
            raise ArgumentError(f"result_type(): expected tensors, dtypes and numbers, not {type(value).__name__}")
    if not found:
        raise ArgumentError("result_type(): at least one tensor or dtype is needed")
    out = found[0]
    for other in found[1:]:
        out = promoted(out, other)
    return _with_scalars(out, scalars) if scalars else out


def pair(x1: Any, x2: Any, name: str) -> tuple[Any, Any]:
    """Two operands in their common dtype: at least one is a tensor, the other may be a Python number.

    Raises: ArgumentError for two numbers; DtypeError where there is no common dtype.
    """
    if not isinstance(x1, TensorBase) and not isinstance(x2, TensorBase):
        tensor(x1, name, "x1")
    dtype = result_type(x1, x2)
    return operand(x1, dtype, x2), operand(x2, dtype, x1)


def operand(value: Any, dtype: Dtype, other: Any) -> Any:
    """A tensor in that dtype; a number becomes one without dims, next to `other`."""
    if isinstance(value, TensorBase):
        return value if value.dtype is dtype else value.to(dtype)  # type: ignore[attr-defined]
    limits = iinfo(dtype) if category(dtype) == 1 else None
    if limits is not None and not limits.min <= value <= limits.max:
        raise ValueRangeError(f"value cannot be converted to type {dtype} without overflow: {value}")
    return dialect.tensor(value, dtype=dtype, device=other.device)


def expected(x: Any, levels: str, name: str) -> Any:
    """The tensor where its dtype is of one of the categories, written as digits.

    Raises: DtypeError for another.
    """
    level = category(tensor(x, name).dtype)
    if str(level) not in levels:
        wanted = " or ".join(_WORDS[int(digit)] for digit in levels)
        raise DtypeError(f"{name}(): expected a tensor of {wanted} dtype, not {x.dtype}")
    return x


# ---------------------------------------------------------------- what the standard calls data type functions


def default_float() -> Dtype:
    """The dtype of new real tensors, set by `set_default_dtype`."""
    return dtypes.get_default_dtype()


def complex_of(dtype: Dtype) -> Dtype:
    """The complex dtype whose parts are of this one."""
    return dtypes.ALL["complex128" if dtype.name == "float64" else "complex64"]


def real_of(dtype: Dtype) -> Dtype:
    """The dtype of the parts of a complex one."""
    return dtypes.ALL[{"complex64": "float32", "complex128": "float64"}.get(dtype.name, dtype.name)]


def astype(x: Any, dtype: Dtype, /, *, copy: bool = True, device: Any = None) -> Any:
    """The elements in another dtype, and on another device where one is given; recorded.

    With `copy=False` the tensor itself comes back where nothing has to change. Floats are truncated towards zero.
    Raises: DtypeError for complex to real, which the standard leaves to `real` and `imag`.
    """
    if category(tensor(x, "astype").dtype) == 3 and category(dtype) in (1, 2):
        raise DtypeError(f"astype(): complex tensors cannot become {dtype}; take real(x) or imag(x) first")
    return x.to(dtype=dtype, device=x.device if device is None else device, copy=copy)


def can_cast(from_: Any, to: Dtype, /) -> bool:
    """Whether the promotion of the two dtypes is `to`: a cast that the standard allows without being asked."""
    source = from_.dtype if isinstance(from_, TensorBase) else from_  # type: ignore[attr-defined]
    if source is to:
        return True
    if category(source) == 0 or category(to) == 0 or category(source) == 1 and category(to) >= 2:
        return False
    try:
        return promoted(source, to) is to
    except DtypeError:
        return False


def isdtype(dtype: Dtype, kind: Any) -> bool:
    """Whether a dtype is of a kind: a dtype, a kind's name such as "real floating", or a tuple of these.

    Raises: ArgumentError for what is no dtype; ValueRangeError for a name that is no kind.
    """
    if not isinstance(dtype, Dtype):
        raise ArgumentError(f"isdtype(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}")
    if isinstance(kind, tuple):
        return any(isdtype(dtype, each) for each in kind)
    if not isinstance(kind, str):
        return dtype is kind
    if kind not in KINDS:
        raise ValueRangeError(f"isdtype(): {kind!r} is no kind of dtype; there are {', '.join(map(repr, KINDS))}")
    return dtype.name in KINDS[kind] or dtype.name in _NARROW and kind in ("real floating", "numeric")


class FloatLimits(NamedTuple):
    """What `finfo` gives."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: Dtype


class IntegerLimits(NamedTuple):
    """What `iinfo` gives."""

    bits: int
    max: int
    min: int
    dtype: Dtype


def finfo(type: Any, /) -> FloatLimits:
    """Limits of a real or complex dtype, or of a tensor's; those of a complex one are of its parts."""
    dtype = real_of(type.dtype if isinstance(type, TensorBase) else type)  # type: ignore[attr-defined]
    found = dtypes.finfo(dtype)
    return FloatLimits(found.bits, found.eps, found.max, found.min, found.smallest_normal, dtype)


def iinfo(type: Any, /) -> IntegerLimits:
    """Limits of an integer dtype, or of a tensor's."""
    dtype = type.dtype if isinstance(type, TensorBase) else type  # type: ignore[attr-defined]
    found = dtypes.iinfo(dtype)
    return IntegerLimits(found.bits, found.max, found.min, dtype)
