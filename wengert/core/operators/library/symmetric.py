"""Factors of symmetric and Hermitian matrices that need not be definite, and systems solved by them."""

from __future__ import annotations

from math import prod

from wengert.core.arrays import return_types
from wengert.core.arrays.shape import broadcast_shapes
from wengert.core.arrays.symmetric import factored, solved
from wengert.core.base.errors import DimError, DtypeError, LinAlgError, ShapeError
from wengert.core.operators.kinds import composite
from wengert.core.operators.library.matrices import check_square, full_precision, scalar_of
from wengert.core.operators.library.overloads import missing_derivative
from wengert.core.operators.raw import namespace_of
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


def _indefinite(s):
    """Symmetric matrices with eigenvalues of both signs."""
    return s.positive_definite(2, 3) - s.positive_definite(2, 3)


@full_precision(
    vjp=missing_derivative("linalg_ldl_factor_ex"),
    outputs=3,
    space=None,
    method=False,
    samples=lambda s: [call(_indefinite(s)), call(s.complex(3, 3), True)],
)
def ldl_parts(np, input: Array, hermitian=False):
    """LD, pivots and info as arrays."""
    check_square(input, "torch.linalg.ldl_factor_ex", "ldl_factor_kernel_cpu" if input.dtype.char == "e" else None)
    n, batch = input.shape[-1], input.shape[:-2]
    count = prod(batch)
    factors, pivots = np.zeros((count, n, n), input.dtype), np.zeros((count, n), "int32")
    info = np.zeros(count, "int32")
    for i, matrix in enumerate(input.reshape(count, n, n)):
        factors[i], pivots[i], info[i] = factored(np, matrix, hermitian)
    return factors.reshape(input.shape), pivots.reshape(*batch, n), info.reshape(batch)


def _check_info(info, name):
    flat = info._array.reshape(-1)
    if flat.any():
        raise LinAlgError(f"{name}: the block of D at {int(flat[(flat != 0).argmax()])} is zero: A is singular")


@composite(space=None, method=False, aliases=("linalg.ldl_factor_ex",), samples=lambda s: [call(_indefinite(s))])
def linalg_ldl_factor_ex(m, input: Array, *, hermitian=False, check_errors=False):
    """(LD, pivots, info): A = L D L^T, or L D L^H for Hermitian A, with blocks of one and two rows in D; batched.

    Only the lower triangle of `input` is read.  LD holds D on its diagonal and L, with ones on its own, below; of a
    block of two both pivots are negative.  info > 0 is the first zero block.  No derivative.
    Raises: LinAlgError for such a block if check_errors; ShapeError, DtypeError.
    """
    made = return_types.linalg_ldl_factor_ex(m.ldl_parts(input, hermitian))
    if check_errors:
        _check_info(made[2], "torch.linalg.ldl_factor_ex")
    return made


@composite(space=None, method=False, aliases=("linalg.ldl_factor",), samples=lambda s: [call(_indefinite(s))])
def linalg_ldl_factor(m, input: Array, *, hermitian=False):
    """(LD, pivots) as `linalg.ldl_factor_ex`.  Raises: LinAlgError for a zero block in D."""
    factors, pivots, info = m.ldl_parts(input, hermitian)
    _check_info(info, "torch.linalg.ldl_factor")
    return return_types.linalg_ldl_factor((factors, pivots))


def _check_solve(LD, pivots, B):
    name = "torch.linalg.ldl_solve"
    check_square(LD, name)
    if B.ndim < 2:
        raise DimError(f"Dimension out of range (expected to be in range of [{-B.ndim}, {B.ndim - 1}], but got -2)")
    if LD.shape[-1] != B.shape[-2]:
        raise ShapeError(
            f"Incompatible matrix sizes for {name}: each A matrix is {LD.shape[-1]} by {LD.shape[-1]} but each b "
            f"matrix is {B.shape[-2]} by {B.shape[-1]}"
        )
    if LD.shape[:-1] != pivots.shape:
        raise ShapeError(
            f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{list(pivots.shape)} instead"
        )
    if pivots.dtype.kind not in "iu":
        raise DtypeError(f"{name}: Expected pivots to be integers. Got {scalar_of(pivots)}")
    if LD.dtype != B.dtype:
        raise DtypeError(
            f"Expected b and A to have the same dtype, but found b of type {scalar_of(B)} and A of type "
            f"{scalar_of(LD)} instead."
        )


def _solve_samples(s):
    factors, pivots, _ = ldl_parts.body(namespace_of(s.array()).np, _indefinite(s))
    return [call(factors, pivots, s.array(2, 3, 2)), call(factors[0], pivots[0], s.array(2, 3, 2))]


@full_precision(
    vjp=(missing_derivative("linalg_ldl_solve"), None, missing_derivative("linalg_ldl_solve")),
    space=None,
    method=False,
    aliases=("linalg.ldl_solve",),
    batch="loop",
    samples=_solve_samples,
)
def linalg_ldl_solve(np, LD: Array, pivots: Array, B: Array, *, hermitian=False):
    """X with A X = B from the factors of A that `linalg.ldl_factor` makes; batches broadcast.  No derivative.

    Raises: ShapeError, DtypeError.
    """
    _check_solve(LD, pivots, B)
    n, columns = B.shape[-2:]
    batch = broadcast_shapes(LD.shape[:-2], B.shape[:-2])
    count = prod(batch)
    factors = np.broadcast_to(LD, (*batch, n, n)).reshape(count, n, n)
    order = np.broadcast_to(pivots, (*batch, n)).reshape(count, n)
    right = np.broadcast_to(B, (*batch, n, columns)).reshape(count, n, columns)
    out = np.empty_like(right, subok=False)
    for i in range(count):
        out[i] = solved(np, factors[i], order[i], right[i], hermitian)
    return out.reshape(*batch, n, columns)
