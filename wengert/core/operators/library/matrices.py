"""What the operators of linear algebra share: checks of their inputs, and the small operators that their rules use.

The internal operators act on the last two dims, on raw arrays as well as on tensors, so a rule written in
them holds in every order.
"""

from __future__ import annotations

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.large import LARGE, SIZE
from wengert.core.base.errors import DimError, DtypeError, MissingError, ShapeError
from wengert.core.operators.kinds import Bilinear, Opaque, linear, plain
from wengert.core.operators.record import Array, register
from wengert.core.operators.samples import call

_CPLUSPLUS = {
    "float": "double",
    "double": "double",
    "Float": "float",
    "Double": "double",
    "Half": "c10::Half",
    "BFloat16": "c10::BFloat16",
    "Long": "long int",
    "Int": "int",
    "Short": "short int",
    "Char": "signed char",
    "Byte": "unsigned char",
    "Bool": "bool",
    "ComplexFloat": "c10::complex<float>",
    "ComplexDouble": "c10::complex<double>",
}


# --- Checks --------------------------------------------------------------------------------------------------------


def array_of(x):
    """The raw array of a tensor or of an array: rules and composites see both."""
    return getattr(x, "_array", x)


def scalar_of(x) -> str:
    """The dtype of an operand as error messages name it: "Float"."""
    return dtypes.scalar_name(dtypes.of(array_of(x).dtype))


def cplusplus_of(x) -> str:
    """The dtype of an operand as the messages of products name it: "float", "long int"."""
    return _CPLUSPLUS.get(scalar_of(x), scalar_of(x))


def is_complex(x) -> bool:
    """Whether a tensor or array holds complex numbers."""
    return array_of(x).dtype.kind == "c"


def check_inexact(x, name: str, kernel: str | None = None) -> None:
    """Raise unless `x` holds float32, float64 or complex numbers; `kernel` is whom the message blames."""
    kind = array_of(x).dtype
    if kernel is not None and (kind.kind not in "fc" or kind.char == "e"):
        raise MissingError(f"\"{kernel}\" not implemented for '{scalar_of(x)}'")
    if kind.kind not in "fc" or kind.char == "e":
        if kind.kind in "Vf":
            raise DtypeError(f"{name}: Low precision dtypes not supported. Got {scalar_of(x)}; use float32")
        raise DtypeError(f"{name}: Expected a floating point or complex tensor as input. Got {scalar_of(x)}")


def check_matrix(x, name: str, argument: str = "A", kernel: str | None = None) -> None:
    """Raise unless `x` has at least two dims and an inexact dtype."""
    if x.ndim < 2:
        raise ShapeError(
            f"{name}: The input tensor {argument} must have at least 2 dimensions. Got shape {list(x.shape)}"
        )
    check_inexact(x, name, kernel)


def check_square(x, name: str, kernel: str | None = None) -> None:
    """Raise unless `x` is a batch of square matrices of an inexact dtype."""
    check_matrix(x, name, "A", kernel)
    rows, columns = x.shape[-2:]
    if rows != columns:
        prefix = f"{name}: " if name else ""
        raise ShapeError(
            f"{prefix}A must be batches of square matrices, but they are {rows} by {columns} matrices; "
            f"got shape {list(x.shape)}"
        )


def check_has_dims(x, dim: int) -> None:
    """Raise for a 0-d operand where a product looks at a dim."""
    if not x.ndim:
        raise DimError(f"Dimension specified as {dim} but tensor has no dimensions")


def check_not_bool(x, name: str) -> None:
    """Raise for booleans, which have no arithmetic in products."""
    if x.dtype.kind == "b":
        raise MissingError(f"\"{name}\" not implemented for 'Bool'; convert to an integer or floating dtype first")


def product(np, a, b):
    """Matrix product of arrays; half precision is summed in float32 and rounded once."""
    kind = a.dtype
    if kind.kind == "V" or kind.char == "e":
        found = LARGE.half_product(a, b) if a.size >= SIZE else None
        if found is None:
            found = LARGE.convert(product(np, *[LARGE.convert(x, np.dtype("float32")) for x in (a, b)]), kind)
        return found
    found = LARGE.matmul(a, b) if a.size >= SIZE else None
    return np.matmul(a, b) if found is None else found


class FullPrecision(Opaque):
    """An opaque operator that sees half precision as it is, so that it can refuse it."""

    half = "keep"


class MatrixProduct(Bilinear):
    """A bilinear operator that sees half precision as it is: two dtypes must not look like one."""

    half = "keep"


def matrix_product(*vjp, **options):
    """State a product of matrices or vectors by its two adjoints."""
    return lambda body: register(MatrixProduct(vjp), body, options)


def full_precision(vjp, **options):
    """State an operator of linear algebra by one gradient rule per tensor; dims in front are batches."""
    options.setdefault("batch", "leading")
    return lambda body: register(FullPrecision(vjp), body, options)


def absent(g) -> bool:
    """Whether the gradient of one of several results never arrived: zeros without a history."""
    return g is None or (getattr(g, "_node", None) is None and not array_of(g).any())


def real_diagonal(m, x):
    """Diagonal of square matrices without its imaginary part, in the dtype of `x`."""
    d = m.diagonal_vector(x)
    return (d + m.conjugated(d)) * 0.5 if is_complex(d) else d


# --- Operators of rules --------------------------------------------------------------------------------------------


@linear(
    transpose=lambda m, g: m.conj_transpose(g),
    space=None,
    method=False,
    batch="leading",
    samples=lambda s: [call(s.array(2, 3)), call(s.array(4, 2, 3)), call(s.complex(2, 3))],
)
def conj_transpose(np, input: Array):
    """Conjugate transpose of the last two dims."""
    turned = input.swapaxes(-1, -2)
    return turned.conj() if turned.dtype.kind == "c" else turned


@linear(
    transpose=lambda m, g: m.conjugated(g),
    space=None,
    method=False,
    batch="leading",
    samples=lambda s: [call(s.complex(3))],
)
def conjugated(np, input: Array):
    """Complex conjugate, computed; a real input is handed on."""
    return input.conj() if input.dtype.kind == "c" else input


@linear(
    transpose=lambda m, g: m.diagonal_vector(g),
    space=None,
    method=False,
    batch="leading",
    samples=lambda s: [call(s.array(3)), call(s.array(2, 3))],
)
def diagonal_matrix(np, input: Array):
    """Square matrices with `input` on their diagonals."""
    n = input.shape[-1]
    out = np.zeros((*input.shape, n), input.dtype)
    index = np.arange(n)
    out[..., index, index] = input
    return out


@linear(
    transpose=lambda m, g: m.diagonal_matrix(g),
    space=None,
    method=False,
    batch="leading",
    samples=lambda s: [call(s.array(3, 3)), call(s.array(2, 3, 3))],
)
def diagonal_vector(np, input: Array):
    """The diagonals of square matrices, copied."""
    return np.diagonal(input, 0, -2, -1).copy()


@linear(
    transpose=lambda m, g, shape, rows, columns: m.put_block(g, shape[-2:], rows, columns),
    space=None,
    method=False,
    batch="leading",
    samples=lambda s: [call(s.array(4, 5), (1, 3), (0, 2))],
)
def take_block(np, input: Array, rows, columns):
    """Rows [first, last) and columns [first, last) of matrices."""
    return input[..., rows[0] : rows[1], columns[0] : columns[1]]


@linear(
    transpose=lambda m, g, rows, columns: m.take_block(g, rows, columns),
    space=None,
    method=False,
    batch="leading",
    samples=lambda s: [call(s.array(2, 2), (4, 5), (1, 3), (0, 2))],
)
def put_block(np, input: Array, size, rows, columns):
    """Zero matrices of `size` with `input` in the given rows and columns."""
    out = np.zeros((*input.shape[:-2], *size), input.dtype)
    out[..., rows[0] : rows[1], columns[0] : columns[1]] = input
    return out


@linear(
    transpose=lambda m, g: m.lower(g),
    space=None,
    method=False,
    batch="leading",
    samples=lambda s: [call(s.array(3, 3))],
)
def lower(np, input: Array):
    """Lower triangle, diagonal included."""
    return np.tril(input)


@linear(
    transpose=lambda m, g: m.upper(g),
    space=None,
    method=False,
    batch="leading",
    samples=lambda s: [call(s.array(3, 3))],
)
def upper(np, input: Array):
    """Upper triangle, diagonal included."""
    return np.triu(input)


@linear(
    transpose=lambda m, g: m.strictly_lower(g),
    space=None,
    method=False,
    batch="leading",
    samples=lambda s: [call(s.array(3, 3))],
)
def strictly_lower(np, input: Array):
    """Lower triangle without the diagonal."""
    return np.tril(input, -1)


@linear(
    transpose=lambda m, g: m.strictly_upper(g),
    space=None,
    method=False,
    batch="leading",
    samples=lambda s: [call(s.array(3, 3))],
)
def strictly_upper(np, input: Array):
    """Upper triangle without the diagonal."""
    return np.triu(input, 1)


@plain(space=None, method=False, samples=lambda s: [call(s.array(2, 3))])
def identity_like(np, input: Array):
    """The identity matrix for the last dim of `input`, in its dtype."""
    return np.eye(input.shape[-1], dtype=input.dtype)


@plain(space=None, method=False, samples=lambda s: [call(s.array(2, 3), (2, 2))])
def blank_matrices(np, input: Array, size):
    """Zeros of a size in the dtype of `input`."""
    return np.zeros(size, input.dtype)
