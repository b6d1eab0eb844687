"""Families of dtypes (`torch.testing._internal.common_dtype`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import wengert as torch


class _dispatch_dtypes(tuple):  # type: ignore[type-arg]
    """A tuple of dtypes; sums stay one."""

    __slots__ = ()

    def __add__(self, other: Any) -> _dispatch_dtypes:
        if not isinstance(other, tuple):
            raise AssertionError(f"expected a tuple of dtypes, got {type(other)}")
        return _dispatch_dtypes(tuple.__add__(self, other))


def _validate_dtypes(*dtypes: Any) -> tuple[Any, ...]:
    for dtype in dtypes:
        if not isinstance(dtype, torch.dtype):
            raise AssertionError(f"expected a torch.dtype, got {type(dtype)}")
    return dtypes


_floating = _dispatch_dtypes((torch.float32, torch.float64))
_complex = _dispatch_dtypes((torch.complex64, torch.complex128))
_integral = _dispatch_dtypes((torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64))
_float8 = _dispatch_dtypes((torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz))
_half = _dispatch_dtypes((torch.float16,))


def family(members: _dispatch_dtypes) -> Callable[[], _dispatch_dtypes]:
    """A function that gives these dtypes."""
    return lambda: members


def extended(members: _dispatch_dtypes) -> Callable[..., _dispatch_dtypes]:
    """A function that gives these dtypes and those that it is called with."""
    return lambda *dtypes: members + _validate_dtypes(*dtypes)


empty_types = family(_dispatch_dtypes(()))
floating_types, floating_types_and = family(_floating), extended(_floating)
floating_types_and_half = family(_floating + _half)
floating_and_complex_types, floating_and_complex_types_and = (
    family(_floating + _complex),
    extended(_floating + _complex),
)
double_types = family(_dispatch_dtypes((torch.float64, torch.complex128)))
integral_types, integral_types_and = family(_integral), extended(_integral)
all_types, all_types_and = family(_floating + _integral), extended(_floating + _integral)
complex_types, complex_types_and = family(_complex), extended(_complex)
all_types_and_complex = family(_floating + _integral + _complex)
all_types_and_complex_and = extended(_floating + _integral + _complex)
all_types_and_half = family(_floating + _integral + _half)
float8_types, float8_types_and = family(_float8), extended(_float8)
all_types_complex_float8_and = extended(_floating + _integral + _complex + _float8)
_mps = _dispatch_dtypes((torch.float32, torch.float16, torch.bfloat16)) + _integral
all_mps_types, all_mps_types_and = family(_mps), extended(_mps)
custom_types = extended(_dispatch_dtypes(()))


def get_all_int_dtypes() -> list[Any]:
    """The integer dtypes."""
    return list(_integral)


def get_all_fp_dtypes(include_half: bool = True, include_bfloat16: bool = True) -> list[Any]:
    """The floating dtypes."""
    return list(_floating) + [torch.float16] * include_half + [torch.bfloat16] * include_bfloat16


def get_all_complex_dtypes(include_complex32: bool = False) -> list[Any]:
    """The complex dtypes."""
    return [torch.complex32] * include_complex32 + list(_complex)


def get_all_dtypes(
    include_half: bool = True, include_bfloat16: bool = True, include_bool: bool = True, include_complex: bool = True,
    include_complex32: bool = False, include_qint: bool = False,
) -> list[Any]:  # fmt: skip
    """All dtypes that operators compute in."""
    found = get_all_int_dtypes() + get_all_fp_dtypes(include_half, include_bfloat16)
    found += [torch.bool] * include_bool
    found += get_all_complex_dtypes(include_complex32) if include_complex else []
    return found + (get_all_qint_dtypes() if include_qint else [])


def get_all_math_dtypes(device: Any) -> list[Any]:
    """The dtypes for arithmetic on a device."""
    return get_all_int_dtypes() + get_all_fp_dtypes(str(device).startswith("cuda"), False) + get_all_complex_dtypes()


def get_all_qint_dtypes() -> list[Any]:
    """The quantised dtypes."""
    return [torch.qint8, torch.quint8, torch.qint32, torch.quint4x2, torch.quint2x4]


def highest_precision_float(device: Any) -> Any:
    """The floating dtype with the most digits."""
    return torch.float32 if torch.device(device).type == "mps" else torch.float64


def highest_precision_complex(device: Any) -> Any:
    """The complex dtype with the most digits."""
    return torch.complex64 if torch.device(device).type == "mps" else torch.complex128


float_to_corresponding_complex_type_map = {
    torch.float16: torch.complex32, torch.float32: torch.complex64, torch.float64: torch.complex128,
}  # fmt: skip
