"""Dtypes: the names, their NumPy counterparts, and promotion, with PyTorch's table.

A `dtype` is one of a fixed set of singletons, compared by identity. Promotion has two halves. `promote_types` joins two
dtypes: the wider one, on one ladder of real types, made complex if either is. `result_type` joins operands: a tensor
with dimensions outweighs a tensor without, which outweighs a Python number, unless the lighter one is of a higher
category (boolean < integral < floating < complex). Both are looked up, not computed, once seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NoReturn, final

import ml_dtypes
import numpy as np

from ..base.errors import ArgumentError, DtypeError, MissingError, ValueRangeError

BOOLEAN: Final = 0
INTEGRAL: Final = 1
FLOATING: Final = 2
COMPLEX: Final = 3


@final
class dtype:
    """The type of a tensor's elements; a singleton such as `float32`.

    `numpy` is the NumPy dtype of the storage (bfloat16 and float8 through ml_dtypes), `scalar` the name used in error
    messages ("Float"), `category` one of BOOLEAN, INTEGRAL, FLOATING, COMPLEX, `abbr` the short name ("f32").

    Raises: ArgumentError on construction; MissingError on `numpy` of what NumPy cannot store: complex32, `UNSTORED`.
    """

    __slots__ = (
        "name",
        "scalar",
        "abbr",
        "category",
        "itemsize",
        "is_floating_point",
        "is_complex",
        "is_signed",
        "numpy",
        "_real",
        "_complex",
    )
    name: str
    scalar: str
    abbr: str
    category: int
    itemsize: int
    is_floating_point: bool
    is_complex: bool
    is_signed: bool
    numpy: np.dtype[Any]

    def __new__(cls, *arguments: Any, **keywords: Any) -> NoReturn:
        raise ArgumentError("cannot create 'torch.dtype' instances")

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"'torch.dtype' object has no attribute {name!r} that can be set")

    def __getattr__(self, name: str) -> NoReturn:
        # Reached only where a slot is empty or unknown.
        if name == "numpy":
            raise MissingError(
                f"torch.{self.name} has no NumPy counterpart, so no tensor can hold it"
                + ("; use torch.complex64" if self.is_complex else "")
            )
        raise AttributeError(f"'torch.dtype' object has no attribute {name!r}")

    def to_real(self) -> dtype:
        """The dtype of the real part: itself unless complex."""
        return self._real

    def to_complex(self) -> dtype:
        """The complex dtype with parts of this one (bfloat16: complex64). Raises DtypeError where there is none."""
        if self._complex is None:
            raise DtypeError(f"Unknown Complex ScalarType for {self.scalar}")
        return self._complex

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        # A string names a global of this module: pickle and copy then give the same singleton back.
        return "bool_" if self.name == "bool" else self.name


def _make(name: str, scalar: str, abbr: str, category: int, itemsize: int, numpy: Any) -> dtype:
    self: dtype = object.__new__(dtype)  # type: ignore[arg-type]
    put = object.__setattr__
    put(self, "name", name)
    put(self, "scalar", scalar)
    put(self, "abbr", abbr)
    put(self, "category", category)
    put(self, "itemsize", itemsize)
    put(self, "is_floating_point", category == FLOATING)
    put(self, "is_complex", category == COMPLEX)
    put(self, "is_signed", category >= FLOATING or (category == INTEGRAL and name[0] == "i"))
    if numpy is not None:
        put(self, "numpy", np.dtype(numpy))
    put(self, "_real", self)
    put(self, "_complex", self if category == COMPLEX else None)
    return self


bool_ = _make("bool", "Bool", "b8", BOOLEAN, 1, np.bool_)
uint8 = _make("uint8", "Byte", "u8", INTEGRAL, 1, np.uint8)
uint16 = _make("uint16", "UInt16", "u16", INTEGRAL, 2, np.uint16)
uint32 = _make("uint32", "UInt32", "u32", INTEGRAL, 4, np.uint32)
uint64 = _make("uint64", "UInt64", "u64", INTEGRAL, 8, np.uint64)
int8 = _make("int8", "Char", "i8", INTEGRAL, 1, np.int8)
int16 = _make("int16", "Short", "i16", INTEGRAL, 2, np.int16)
int32 = _make("int32", "Int", "i32", INTEGRAL, 4, np.int32)
int64 = _make("int64", "Long", "i64", INTEGRAL, 8, np.int64)
float16 = _make("float16", "Half", "f16", FLOATING, 2, np.float16)
bfloat16 = _make("bfloat16", "BFloat16", "bf16", FLOATING, 2, ml_dtypes.bfloat16)
float32 = _make("float32", "Float", "f32", FLOATING, 4, np.float32)
float64 = _make("float64", "Double", "f64", FLOATING, 8, np.float64)
complex32 = _make("complex32", "ComplexHalf", "c32", COMPLEX, 4, None)
complex64 = _make("complex64", "ComplexFloat", "c64", COMPLEX, 8, np.complex64)
complex128 = _make("complex128", "ComplexDouble", "c128", COMPLEX, 16, np.complex128)
float8_e4m3fn = _make("float8_e4m3fn", "Float8_e4m3fn", "f8e4m3fn", FLOATING, 1, ml_dtypes.float8_e4m3fn)
float8_e5m2 = _make("float8_e5m2", "Float8_e5m2", "f8e5m2", FLOATING, 1, ml_dtypes.float8_e5m2)
float8_e4m3fnuz = _make("float8_e4m3fnuz", "Float8_e4m3fnuz", "f8e4m3fnuz", FLOATING, 1, ml_dtypes.float8_e4m3fnuz)
float8_e5m2fnuz = _make("float8_e5m2fnuz", "Float8_e5m2fnuz", "f8e5m2fnuz", FLOATING, 1, ml_dtypes.float8_e5m2fnuz)

_FLOAT8 = (float8_e4m3fn, float8_e5m2, float8_e4m3fnuz, float8_e5m2fnuz)
_BARE_UNSIGNED = (uint16, uint32, uint64)
# Rank on the ladder of real types; the two pairs that share no rung meet on the one given in _promote.
_LADDER = (bool_, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64)

for _real, _complex in ((float16, complex32), (float32, complex64), (float64, complex128)):
    object.__setattr__(_real, "_complex", _complex)
    object.__setattr__(_complex, "_real", _real)
object.__setattr__(bfloat16, "_complex", complex64)

ALL: dict[str, dtype] = {
    d.name: d for d in (*_LADDER, *_BARE_UNSIGNED, complex32, complex64, complex128, *_FLOAT8)
}  # fmt: skip
UNSTORED: dict[str, dtype] = {
    name: _make(name, scalar, name, INTEGRAL, size, None)
    for name, scalar, size in (
        ("qint8", "QInt8", 1), ("quint8", "QUInt8", 1), ("qint32", "QInt32", 4), ("quint4x2", "QUInt4x2", 1),
        ("quint2x4", "QUInt2x4", 1), ("bits8", "Bits8", 1), ("bits16", "Bits16", 2), ("bits1x8", "Bits1x8", 1),
        ("bits2x4", "Bits2x4", 1), ("bits4x2", "Bits4x2", 1),
        *((f"int{n}", f"Int{n}", 1) for n in range(1, 8)), *((f"uint{n}", f"UInt{n}", 1) for n in range(1, 8)),
    )
}  # fmt: skip
"""Types that programs name, compare and list, and no tensor has: quantised ones, raw bits, integers below a byte."""
globals().update(UNSTORED)
ALIASES: dict[str, dtype] = {
    "float": float32,
    "double": float64,
    "half": float16,
    "short": int16,
    "int": int32,
    "long": int64,
    "chalf": complex32,
    "cfloat": complex64,
    "cdouble": complex128,
}
FROM_NUMPY: dict[np.dtype[Any], dtype] = {d.numpy: d for d in ALL.values() if d is not complex32}
# A Python number's dtype before the default dtype is consulted.
NUMBERS: dict[type, dtype] = {bool: bool_, int: int64, float: float64, complex: complex128}
TENSOR_TYPES: dict[str, dtype] = {f"torch.{d.scalar}Tensor": d for d in ALL.values()}


def of(given: Any) -> dtype:
    """The dtype of a NumPy dtype or scalar type.

    Raises: ValueRangeError for foreign byte order; ArgumentError for a NumPy dtype that no tensor holds.
    """
    try:
        return FROM_NUMPY[given]
    except (KeyError, TypeError):
        found = np.dtype(given)
    if found in FROM_NUMPY:
        return FROM_NUMPY[found]
    if found.newbyteorder("=") in FROM_NUMPY:
        raise ValueRangeError(
            "given numpy array has byte order different from the native byte order. "
            f"Conversion between byte orders is currently not supported: {found.str!r}; use astype({found.name!r})"
        )
    raise ArgumentError(
        f"can't convert np.ndarray of type numpy.{found.type.__name__}. "
        f"The only supported types are: {', '.join(d.name for d in FROM_NUMPY.values())}."
    )


def as_dtype(given: Any, argument: str = "argument 'dtype'") -> dtype:
    """`given` as a dtype: itself, or the dtype of Python's bool, int (int64), float (float64), complex (complex128).

    Raises: ArgumentError for anything else; the message begins with `argument`, e.g. "zeros(): argument 'dtype'".
    """
    if type(given) is dtype:
        return given
    if isinstance(given, type) and given in NUMBERS:
        return NUMBERS[given]
    message = f"{argument} must be torch.dtype, not {type(given).__name__}"
    try:
        hint = of(np.dtype(given)) if given is not None else None
    except (TypeError, ValueError, RuntimeError):
        hint = None
    raise ArgumentError(message if hint is None else f"{message} ({given!r}; use {hint!r})")


def scalar_name(given: dtype) -> str:
    """The name of a dtype in error messages and type names: "Float" for float32."""
    return given.scalar


def category(given: dtype) -> int:
    """BOOLEAN, INTEGRAL, FLOATING or COMPLEX, in rising order."""
    return given.category


def tensor_type_name(given: dtype, device_type: str = "cpu") -> str:
    """The legacy name of a tensor type: "torch.FloatTensor", "torch.cuda.FloatTensor"."""
    return f"torch.{'' if device_type == 'cpu' else device_type + '.'}{given.scalar}Tensor"


def tensor_type(name: str) -> tuple[dtype, str]:
    """The dtype and device type that a legacy tensor type name stands for. Raises ValueRangeError for any other."""
    parts = name.split(".")
    found = TENSOR_TYPES.get(f"{parts[0]}.{parts[-1]}")
    if found is None or len(parts) not in (2, 3):
        raise ValueRangeError(f"invalid type: {name!r}")
    return found, parts[1] if len(parts) == 3 else "cpu"


# --- Promotion of two dtypes ---------------------------------------------------------------------------------------


def _promote(a: dtype, b: dtype) -> dtype:
    if a.is_complex or b.is_complex:
        # A complex type stands on the ladder with its parts; an integer beside it does not widen them.
        return _promote(a.to_real(), b.to_real()).to_complex()
    if {a, b} == {uint8, int8}:
        return int16
    if {a, b} == {float16, bfloat16}:
        return float32
    return max(a, b, key=_LADDER.index)


def _promotion_table() -> dict[tuple[dtype, dtype], dtype]:
    joined = (*_LADDER, complex32, complex64, complex128)
    table = {(a, b): _promote(a, b) for a in joined for b in joined}
    for bare in _BARE_UNSIGNED:
        for real in (float16, bfloat16, float32, float64):
            table[bare, real] = table[real, bare] = real
    for alone in (*_BARE_UNSIGNED, *_FLOAT8):
        table[alone, alone] = alone
    return table


_PROMOTION: dict[tuple[dtype, dtype], dtype] = _promotion_table()


def promote_types(type1: Any, type2: Any) -> dtype:
    """The smallest dtype that both convert to without leaving their category, symmetric.

    Edges: uint8 with int8 is int16, float16 with bfloat16 is float32; int64 with float16 is float16.
    Raises: DtypeError for float8 with any other dtype, and for uint16, uint32, uint64 with any but a real floating one.
    """
    try:
        return _PROMOTION[type1, type2]
    except (KeyError, TypeError):
        pass
    a = as_dtype(type1, "promote_types(): argument 'type1' (position 1)")
    b = as_dtype(type2, "promote_types(): argument 'type2' (position 2)")
    if (a, b) in _PROMOTION:
        return _PROMOTION[a, b]
    kinds = "Float8 Types" if a in _FLOAT8 or b in _FLOAT8 else "uint16, uint32, uint64 types"
    raise DtypeError(f"Promotion for {kinds} is not supported, attempted to promote {a.scalar} and {b.scalar}")


def can_cast(from_: Any, to: Any) -> bool:
    """Whether a result of dtype `from_` may be written to `to`: the category must not fall."""
    source = as_dtype(from_, "can_cast(): argument 'from_' (position 1)")
    return source.category <= as_dtype(to, "can_cast(): argument 'to' (position 2)").category


# --- The default dtype ---------------------------------------------------------------------------------------------

_default = float32
_default_numpy: np.dtype[Any] = float32.numpy
# Memo of result_type. A change of the default dtype starts a new one, so that a result on its way lands in the old.
_results: dict[tuple[tuple[dtype, str], ...], dtype] = {}


def get_default_dtype() -> dtype:
    """The dtype that Python floats become."""
    return _default


def set_default_dtype(d: dtype, /) -> None:
    """Set the dtype that Python floats become (and, through its complex partner, Python complex numbers).

    Raises: ArgumentError unless `d` is float16, bfloat16, float32 or float64.
    """
    global _default, _default_numpy, _results
    if type(d) is not dtype:
        raise ArgumentError(
            f"invalid dtype object: only floating-point types are supported as the default type, got {d!r}"
        )
    if not d.is_floating_point:
        raise ArgumentError(f"only floating-point types are supported as the default type, got {d!r}")
    if d in _FLOAT8:
        raise ArgumentError(
            f"couldn't find storage object {d.scalar}Storage: a float8 dtype cannot be the default type"
        )
    _default, _default_numpy, _results = d, d.numpy, {}


def get_default_complex_dtype() -> dtype:
    """The dtype that Python complex numbers become: the default dtype's complex partner."""
    return _default.to_complex()


def default_float() -> np.dtype[Any]:
    """The NumPy dtype of the default dtype."""
    return _default_numpy


def default_complex() -> np.dtype[Any]:
    """The NumPy dtype of the default complex dtype."""
    return get_default_complex_dtype().numpy


# --- Promotion of operands -----------------------------------------------------------------------------------------


def _joined(a: dtype | None, b: dtype | None) -> dtype | None:
    if a is None or b is None:
        return b if a is None else a
    return promote_types(a, b)


def _outweighed(heavy: dtype | None, light: dtype | None) -> dtype | None:
    """The heavier operands' dtype, unless the lighter ones are of a higher category."""
    if heavy is None or light is None:
        return light if heavy is None else heavy
    if heavy.category >= FLOATING:
        return heavy.to_complex() if light.is_complex else heavy
    if light.is_complex:
        return light  # not by promote_types, which refuses uint16 with complex
    if heavy is bool_ or light.is_floating_point:
        return promote_types(heavy, light)
    return heavy


def _result_type(operands: Iterable[tuple[dtype, str]]) -> dtype:
    found: dict[str, dtype | None] = {"dim": None, "zero": None, "number": None}
    for given, kind in operands:
        if kind == "number" and given.category >= FLOATING:
            given = get_default_complex_dtype() if given.is_complex else _default
        found[kind] = _joined(found[kind], given)
    result = _outweighed(found["dim"], _outweighed(found["zero"], found["number"]))
    if result is None:
        raise DtypeError("result_type() needs at least one operand")
    return result


def result_type(operands: tuple[tuple[dtype, str], ...]) -> dtype:
    """The dtype that operands compute in.

    Each operand is `(dtype, kind)`: kind "dim" for a tensor with dimensions, "zero" for one without, "number" for a
    Python number, whose dtype is `NUMBERS[type(number)]`; the default dtype replaces a float or complex number's.
    Raises: DtypeError where `promote_types` would, where float8 meets a complex operand, and for no operands.
    """
    results = _results
    try:
        return results[operands]
    except KeyError:
        result = _result_type(operands)
        if len(operands) <= 4:  # longer lists (a concatenation's) rarely come again
            results[operands] = result
        return result


# --- Limits --------------------------------------------------------------------------------------------------------

# eps, largest, smallest normal, resolution. The float8 rows are PyTorch's; its float8_e5m2fnuz has e4m3's eps.
_LIMITS: dict[dtype, tuple[float, float, float, float]] = {
    float16: (2.0**-10, 65504.0, 2.0**-14, 1e-3),
    bfloat16: (2.0**-7, (2 - 2.0**-7) * 2.0**127, 2.0**-126, 1e-2),
    float32: (2.0**-23, (2 - 2.0**-23) * 2.0**127, 2.0**-126, 1e-6),
    float64: (2.0**-52, (2 - 2.0**-52) * 2.0**1023, 2.0**-1022, 1e-15),
    float8_e4m3fn: (2.0**-3, 448.0, 2.0**-6, 1.0),
    float8_e5m2: (2.0**-2, 57344.0, 2.0**-14, 1.0),
    float8_e4m3fnuz: (2.0**-3, 240.0, 2.0**-7, 1.0),
    float8_e5m2fnuz: (2.0**-3, 57344.0, 2.0**-15, 1.0),
}


class _Limits:
    """What `finfo` and `iinfo` share: equality by dtype, no hash, as in PyTorch."""

    __slots__ = ("bits", "dtype", "min", "max")
    __hash__ = None  # type: ignore[assignment]
    bits: int
    dtype: str

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.dtype == other.dtype


@final
class finfo(_Limits):
    """Limits of a floating dtype (of the parts, for a complex one); of the default dtype when called without argument.

    Attributes: bits, eps, max, min, tiny and smallest_normal (the same), resolution, dtype (its name).
    Raises: ArgumentError for any other dtype.
    """

    __slots__ = ("eps", "tiny", "smallest_normal", "resolution")
    min: float
    max: float
    eps: float
    tiny: float
    smallest_normal: float
    resolution: float

    def __init__(self, type: Any = None) -> None:
        given = _default if type is None else as_dtype(type, "finfo(): argument 'type' (position 1)")
        if given.category < FLOATING:
            raise ArgumentError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'"
                f" (got {given!r})"
            )
        real = given.to_real()
        self.bits = real.itemsize * 8
        self.dtype = real.name
        self.eps, self.max, self.smallest_normal, self.resolution = _LIMITS[real]
        self.min, self.tiny = -self.max, self.smallest_normal

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{name}={getattr(self, name):g}' for name in names)}, dtype={self.dtype})"


@final
class iinfo(_Limits):
    """Limits of an integral dtype. Attributes: bits, max, min, dtype (its name). Raises ArgumentError for any other."""

    __slots__ = ()
    min: int
    max: int

    def __init__(self, type: Any) -> None:
        given = as_dtype(type, "iinfo(): argument 'type' (position 1)")
        if given is bool_:
            raise ArgumentError("torch.bool is not supported by torch.iinfo")
        if given.category != INTEGRAL:
            raise ArgumentError(
                f"torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo' (got {given!r})"
            )
        self.bits = given.itemsize * 8
        self.dtype = given.name
        self.max = (1 << (self.bits - given.is_signed)) - 1
        self.min = -self.max - 1 if given.is_signed else 0

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
