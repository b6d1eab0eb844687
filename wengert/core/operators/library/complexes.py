"""Complex numbers: parts, conjugates, polar form.

Conjugation is computed at once, so `is_conj` is always False and `resolve_conj` has nothing to do.
"""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import DtypeError, ShapeError
from wengert.core.operators.kinds import composite, elementwise, view
from wengert.core.operators.library.destinations import of_dtype
from wengert.core.operators.library.matrices import scalar_of
from wengert.core.operators.library.overloads import is_complex, scalar_name
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


@view(
    transpose=lambda m, g: m.complex(m.select(g, -1, 0), m.select(g, -1, 1)),
    method=False,
    samples=lambda s: [call(s.complex(3, 4)), call(s.complex(1)), call(s.complex(0, 2))],
)
def view_as_real(np, input: Array):
    """Complex (...) as real (..., 2): real and imaginary parts, in the same memory.

    Raises: DtypeError for real input.
    """
    if input.dtype.kind != "c":
        raise DtypeError("view_as_real is only supported for complex tensors")
    return input[..., None].view(input.real.dtype)


@view(
    transpose=lambda m, g: m.view_as_real(g),
    method=False,
    samples=lambda s: [call(s.array(3, 2)), call(s.array(2)), call(s.array(0, 2))],
)
def view_as_complex(np, input: Array):
    """Real (..., 2) as complex (...), in the same memory.

    Raises: DtypeError unless float32 or float64; ShapeError unless the last dim has size 2 and stride 1.
    """
    if input.dtype.kind != "f":
        raise DtypeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: "
            + scalar_name(input)
        )
    if input.ndim == 0:
        raise ShapeError("Input tensor must have one or more dimensions")
    if input.shape[-1] != 2:
        raise ShapeError(f"Tensor must have a last dimension of size 2; its shape is {list(input.shape)}")
    wanted = "c8" if input.itemsize == 4 else "c16"
    if input.size == 0:
        return np.empty(input.shape[:-1], wanted)
    if input.strides[-1] != input.itemsize:
        raise ShapeError("Tensor must have a last dimension with stride 1; contiguous() makes such a tensor")
    return input.view(wanted)[..., 0]


@composite(method=False, samples=lambda s: [call(s.complex(3, 4)), call(s.array(3))])
def real(m, input: Array):
    """The real part, in the same memory; real input is returned as it is."""
    return m.select(m.view_as_real(input), -1, 0) if is_complex(input) else input


@composite(method=False, samples=lambda s: [call(s.complex(3, 4)), call(s.complex(0, 2))])
def imag(m, input: Array):
    """The imaginary part, in the same memory.  Raises DtypeError for real input."""
    if not is_complex(input):
        raise DtypeError("imag is not implemented for tensors with non-complex dtypes.")
    return m.select(m.view_as_real(input), -1, 1)


@composite(samples=lambda s: [call(s.complex(3, 4)), call(s.array(3))])
def conj(m, input: Array):
    """The complex conjugate; real input is returned as it is."""
    if not hasattr(input, "dtype"):  # a number that a rule handed on
        return input.conjugate()
    return m.conjugate_copy(input) if is_complex(input) else input


@elementwise(d=lambda m, g: m.conj(g), space=None, method=False, inplace=False, backward_name="ConjBackward0")
def conjugate_copy(np, input: Array):
    """The complex conjugate, as a new tensor."""
    return np.conjugate(input)


@elementwise(d=lambda m, g: m.conj(g))
def conj_physical(np, input: Array):
    """The complex conjugate as a new tensor, a copy of real input."""
    return np.conjugate(input) if input.dtype.kind == "c" else input.copy()


@composite()
def resolve_conj(m, input: Array):
    """input: there is no lazy conjugation to carry out."""
    return input


@composite()
def resolve_neg(m, input: Array):
    """input: there is no lazy negation to carry out."""
    return input


@composite()
def is_conj(m, input: Array):
    """False: conjugation is never lazy."""
    return False


@composite()
def is_neg(m, input: Array):
    """False: negation is never lazy."""
    return False


def angle_rule(m, g, input):
    """g * i * input / |input| ** 2 for complex input, 0 at 0 and for real input."""
    if not is_complex(input):
        return m.zero_of(g)
    size = m.abs(input)
    return m.where(size == 0, 0, g * (input * 1j) / (size * size))


@elementwise(d=angle_rule, promote="float", inplace=False)
def angle(np, input: Array):
    """The angle in [-pi, pi]; of a real number 0, pi if it is negative, nan if it is nan."""
    if input.dtype.kind == "c":
        return np.arctan2(input.imag, input.real)
    out = np.where(np.less(input, 0), input.dtype.type(3.141592653589793), input.dtype.type(0))
    return np.where(np.isnan(input), input, out)


def check_parts(first: Any, second: Any) -> None:
    """The two parts of a complex number have one dtype, float32 or float64."""
    if first.dtype.kind != "f" or second.dtype.kind != "f":
        raise DtypeError(
            "Expected both inputs to be Half, Float or Double tensors but got "
            f"{scalar_name(first)} and {scalar_name(second)}"
        )
    if first.dtype != second.dtype:
        raise DtypeError(
            f"Expected object of scalar type {scalar_name(first)} but got scalar type {scalar_name(second)} "
            "for second argument"
        )


def _complex_dtype(result, given):
    return (
        f"Expected object of scalar type {scalar_of(result)} but got scalar type {scalar_of(given)} for argument 'out'"
    )


@elementwise(
    d=(lambda m, g: m.real(g), lambda m, g: m.imag(g)),
    promote="none",
    method=False,
    inplace=False,
    errors=of_dtype(_complex_dtype),
)
def complex(np, real: Array, imag: Array):
    """real + i * imag.  Raises DtypeError unless both are float32 or both are float64."""
    check_parts(real, imag)
    wanted = np.complex64 if real.dtype.itemsize == 4 else np.complex128
    out = np.empty(np.broadcast_shapes(real.shape, imag.shape), wanted)
    out.real[...] = real
    out.imag[...] = imag
    return out


@elementwise(
    d=(
        lambda m, g, out: m.real(m.conj(g) * m.sgn(out)),
        lambda m, g, out: m.real(m.conj(g) * (out * 1j)),
    ),
    promote="none",
    method=False,
    inplace=False,
    domain=(0.2, 2.0),
)
def polar(np, abs: Array, angle: Array):
    """abs * (cos(angle) + i * sin(angle)).  Raises DtypeError unless both are float32 or both are float64."""
    check_parts(abs, angle)
    wanted = np.complex64 if abs.dtype.itemsize == 4 else np.complex128
    out = np.empty(np.broadcast_shapes(abs.shape, angle.shape), wanted)
    np.multiply(abs, np.cos(angle), out=out.real)
    np.multiply(abs, np.sin(angle), out=out.imag)
    return out
