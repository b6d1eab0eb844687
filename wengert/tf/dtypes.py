"""TensorFlow's dtypes: names, properties, limits and the words its messages use for them.

A `DType` wraps a NumPy dtype. It compares equal to whatever names the same type: the NumPy dtype or scalar class,
the string, and the dtype of the other dialect.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from wengert.core.arrays import dtype as twins

Truth = bool
WORDS = {"float16": "half", "float32": "float", "float64": "double"}
"""How messages call a dtype where that is not its name."""


class DType:
    """The type of a tensor's elements, such as `tf.float32`; singletons, made by this module only.

    `twin` is the same dtype in the torch dialect, None where there is none. Attributes that are not found here are
    looked up there, so that functions of the torch dialect can work on tensors of this one.
    """

    __slots__ = ("name", "number", "array", "twin")
    name: str
    number: int
    array: Any
    twin: Any

    def __init__(self, name: str, number: int, array: Any):
        self.name, self.number = name, number
        self.array = None if array is None else np.dtype(array)
        self.twin = None if self.array is None else twins.FROM_NUMPY.get(self.array)

    @property
    def dtype(self) -> Any:
        """The NumPy dtype, by which `np.dtype` understands a DType."""
        return self.array

    @property
    def as_numpy_dtype(self) -> Any:
        """The class of NumPy's scalars of this type."""
        return np.object_ if self.array is None else self.array.type

    @property
    def as_datatype_enum(self) -> int:
        """Number of the type in TensorFlow's protocol buffers."""
        return self.number

    @property
    def base_dtype(self) -> DType:
        """The dtype itself: there are no reference types."""
        return self

    @property
    def real_dtype(self) -> DType:
        """The dtype of the real part."""
        return {complex64: float32, complex128: float64}.get(self, self)

    @property
    def is_bool(self) -> Truth:
        """Whether elements are truth values."""
        return self.name == "bool"

    @property
    def is_floating(self) -> Truth:
        """Whether elements are real floating-point numbers."""
        return self.array is not None and self.array.kind in "fV"

    @property
    def is_complex(self) -> Truth:
        """Whether elements are complex numbers."""
        return self.array is not None and self.array.kind == "c"

    @property
    def is_integer(self) -> Truth:
        """Whether elements are integers."""
        return self.array is not None and self.array.kind in "iu"

    @property
    def is_unsigned(self) -> Truth:
        """Whether elements are integers without sign."""
        return self.array is not None and self.array.kind == "u"

    @property
    def is_quantized(self) -> Truth:
        """False: there are no quantized types."""
        return False

    @property
    def is_numeric(self) -> Truth:
        """Whether elements are numbers."""
        return self.array is not None and not self.is_bool

    @property
    def is_numpy_compatible(self) -> Truth:
        """Whether NumPy can hold elements of this type."""
        return self.name not in ("resource", "variant")

    @property
    def size(self) -> int:
        """Bytes of an element."""
        return 1 if self.array is None else self.array.itemsize

    @property
    def min(self) -> Any:
        """Smallest finite value. Raises TypeError for dtypes without order."""
        return self.bound("min")

    @property
    def max(self) -> Any:
        """Largest finite value. Raises TypeError for dtypes without order."""
        return self.bound("max")

    def bound(self, which: str) -> Any:
        """The smallest or largest finite value."""
        if self.array is None or self.array.kind in "c":
            raise TypeError(f"Cannot find {'minimum' if which == 'min' else 'maximum'} value of {self}.")
        if self.is_bool:
            return which == "max"
        limits: Any = np.iinfo(self.array) if self.is_integer else ml_dtypes.finfo(self.array)
        return getattr(limits, which)

    @property
    def limits(self) -> tuple[Any, Any]:
        """Range of values: of the type for integers, from 0 to 1 for floats."""
        return (0, 1) if self.is_floating else (0, self.max) if not self.is_bool else (False, True)

    def is_compatible_with(self, other: Any) -> Truth:
        """Whether a tensor of `other` may stand where this one is wanted."""
        return self == other

    def __call__(self, value: Any = 0) -> Any:
        return self.as_numpy_dtype(value)

    def __eq__(self, other: Any) -> Truth:
        if other.__class__ is DType:
            return self is other
        if other is None:
            return False
        try:
            return as_dtype(other) is self
        except TypeError:
            return False

    def __ne__(self, other: Any) -> Truth:
        return not self == other

    def __hash__(self) -> int:
        return self.number

    def __reduce__(self) -> Any:
        return as_dtype, (self.name,)

    def __copy__(self) -> DType:
        return self

    def __deepcopy__(self, memo: Any) -> DType:
        return self

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: {self.name!r}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or self.twin is None:
            raise AttributeError(f"'DType' object has no attribute {name!r}")
        return getattr(self.twin, name)


float32 = DType("float32", 1, np.float32)
float64 = double = DType("float64", 2, np.float64)
int32 = DType("int32", 3, np.int32)
uint8 = DType("uint8", 4, np.uint8)
int16 = DType("int16", 5, np.int16)
int8 = DType("int8", 6, np.int8)
string = DType("string", 7, None)
complex64 = DType("complex64", 8, np.complex64)
int64 = DType("int64", 9, np.int64)
bool = DType("bool", 10, np.bool_)  # noqa: A001
bfloat16 = DType("bfloat16", 14, ml_dtypes.bfloat16)
uint16 = DType("uint16", 17, np.uint16)
complex128 = DType("complex128", 18, np.complex128)
float16 = half = DType("float16", 19, np.float16)
resource = DType("resource", 20, None)
variant = DType("variant", 21, None)
uint32 = DType("uint32", 22, np.uint32)
uint64 = DType("uint64", 23, np.uint64)
float8_e5m2 = DType("float8_e5m2", 24, ml_dtypes.float8_e5m2)
float8_e4m3fn = DType("float8_e4m3fn", 25, ml_dtypes.float8_e4m3fn)

ALL = {x.name: x for x in list(globals().values()) if x.__class__ is DType}
OF: dict[Any, DType] = {x.array: x for x in ALL.values() if x.array is not None}
"""NumPy dtype -> DType."""

NAMES: dict[Any, DType] = {
    **ALL, "half": float16, "float": float32, "double": float64,
    float: float32, int: int64, Truth: bool, complex: complex128,
}  # fmt: skip


def as_dtype(type_value: Any) -> DType:
    """The DType that `type_value` stands for: a name, a number, a NumPy dtype or class, a dtype of the other dialect.

    Raises TypeError for anything else.
    """
    if type_value.__class__ is DType:
        return type_value
    try:
        found = NAMES.get(type_value)
    except TypeError:
        found = None
    if found is None and isinstance(type_value, twins.dtype):
        found = OF.get(type_value.numpy)
    if found is None and type_value is not None and type_value.__class__ is not int:
        found = from_numpy(type_value)
    if found is None and type_value.__class__ is int:
        found = next((x for x in ALL.values() if x.number == type_value), None)
    if found is None:
        raise TypeError(f"Cannot convert the argument `type_value`: {type_value!r} to a TensorFlow DType.")
    return found


def from_numpy(value: Any) -> DType | None:
    """The DType of what NumPy takes for a dtype, or None."""
    try:
        return OF.get(np.dtype(value if not hasattr(value, "dtype") or isinstance(value, type) else value.dtype))
    except TypeError:
        return None


def word(array_dtype: Any) -> str:
    """What messages call a dtype: `float` for float32, `double` for float64."""
    name = OF[array_dtype].name if array_dtype in OF else str(array_dtype)
    return WORDS.get(name, name)
