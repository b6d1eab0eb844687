"""Products of matrices and vectors: the bilinear records, and what is written in them."""

from __future__ import annotations

from math import prod

from wengert.core.arrays.shape import broadcast_shapes
from wengert.core.base.errors import DtypeError, ShapeError
from wengert.core.operators.kinds import composite, linear
from wengert.core.operators.library.matrices import (
    array_of,
    check_has_dims,
    check_not_bool,
    cplusplus_of,
    matrix_product,
    product,
    scalar_of,
)
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

# --- Records -------------------------------------------------------------------------------------------------------


def _batched_product(op, m, args, values, batched):
    """Batches of mm and bmm are what matmul broadcasts."""
    return m.matmul(values[0], values[1])


def _batched_mv(op, m, args, values, batched):
    if batched[1]:
        return m.squeeze(m.matmul(values[0], m.unsqueeze(values[1], -1)), -1)
    return m.matmul(values[0], values[1])


def _batched_dot(op, m, args, values, batched):
    return m.sum(m.mul(values[0], values[1]), -1)


def mm_error(a, b):
    """What is wrong with the operands of mm."""
    if a.ndim != 2:
        return ShapeError(f"self must be a matrix, got shape {list(a.shape)}")
    if b.ndim != 2:
        return ShapeError(f"mat2 must be a matrix, got shape {list(b.shape)}")
    if a.shape[1] != b.shape[0]:
        return shapes_error(a, b)
    return DtypeError(f"expected m1 and m2 to have the same dtype, but got: {cplusplus_of(a)} != {cplusplus_of(b)}")


def shapes_error(a, b):
    """torch's error for matrices whose inner sizes differ."""
    return ShapeError(
        f"mat1 and mat2 shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]}): "
        "the columns of the first must be as many as the rows of the second"
    )


@matrix_product(
    lambda m, g, mat2: m.mm(g, m.conj_transpose(mat2)),
    lambda m, g, input: m.mm(m.conj_transpose(input), g),
    batch=_batched_product,
    samples=lambda s: [
        call(s.array(2, 3), s.array(3, 4)),
        call(s.array(0, 3), s.array(3, 2)),
        call(s.complex(2, 2), s.complex(2, 3)),
    ],
)
def mm(np, input: Array, mat2: Array):
    """out[i, j] = sum over k of input[i, k] * mat2[k, j].

    Shapes: (n, k) and (k, p) give (n, p).  Both operands have one dtype; half precision sums in float32.
    Raises: ShapeError for other ranks or sizes, DtypeError for mixed dtypes.
    """
    if input.ndim != 2 or mat2.ndim != 2 or input.shape[1] != mat2.shape[0] or input.dtype != mat2.dtype:
        raise mm_error(input, mat2)
    check_not_bool(input, "addmm_impl_cpu_")
    return product(np, input, mat2)


def check_batches(a, b, name="bmm"):
    """Raise ShapeError unless a and b are batches (b, n, k) and (b, k, p) of one size."""
    if a.ndim != 3:
        raise ShapeError(f"batch1 must be a 3D tensor, got shape {list(a.shape)}")
    if b.ndim != 3:
        raise ShapeError(f"batch2 must be a 3D tensor, got shape {list(b.shape)}")
    if a.shape[0] != b.shape[0] or a.shape[2] != b.shape[1]:
        raise ShapeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a.shape[0]}, {a.shape[2]}] "
            f"but got: [{b.shape[0]}, {b.shape[1]}]."
        )
    if a.dtype != b.dtype:
        raise DtypeError(f"expected scalar type {scalar_of(a)} but found {scalar_of(b)}; both need one dtype")
    check_not_bool(a, name)


@matrix_product(
    lambda m, g, mat2: m.bmm(g, m.conj_transpose(mat2)),
    lambda m, g, input: m.bmm(m.conj_transpose(input), g),
    batch=_batched_product,
    samples=lambda s: [call(s.array(2, 3, 4), s.array(2, 4, 2)), call(s.array(0, 3, 4), s.array(0, 4, 2))],
)
def bmm(np, input: Array, mat2: Array):
    """out[b] = input[b] @ mat2[b].

    Shapes: (b, n, k) and (b, k, p) give (b, n, p); nothing is broadcast.  Both operands have one dtype.
    Raises: ShapeError, DtypeError.
    """
    check_batches(input, mat2)
    return product(np, input, mat2)


def _mv_check(mat, vec):
    check_has_dims(mat, 0)
    if mat.ndim != 2 or vec.ndim != 1:
        raise ShapeError(f"vector + matrix @ vector expected, got 1, {mat.ndim}, {vec.ndim}")
    if mat.shape[1] != vec.shape[0]:
        raise ShapeError(
            f"size mismatch, got input ({mat.shape[0]}), mat ({mat.shape[0]}x{mat.shape[1]}), vec ({vec.shape[0]})"
        )
    if mat.dtype != vec.dtype:
        kind = scalar_of(vec)
        raise DtypeError(f"addmv input tensors must have the same dtype, but got {kind}, {scalar_of(mat)}, and {kind}")
    check_not_bool(mat, "addmv_impl_cpu")


@matrix_product(
    lambda m, g, vec: m.mul(m.unsqueeze(g, 1), m.conjugated(vec)),
    lambda m, g, input: m.mv(m.conj_transpose(input), g),
    batch=_batched_mv,
    samples=lambda s: [call(s.array(2, 3), s.array(3)), call(s.array(0, 3), s.array(3))],
)
def mv(np, input: Array, vec: Array):
    """out[i] = sum over k of input[i, k] * vec[k].

    Shapes: (n, k) and (k,) give (n,).  One dtype.  Raises: ShapeError, DtypeError.
    """
    _mv_check(input, vec)
    return product(np, input, vec)


def _dot_check(a, b, name):
    if a.ndim != 1 or b.ndim != 1:
        raise ShapeError(f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors")
    if a.dtype != b.dtype:
        raise DtypeError(f"dot : expected both vectors to have same dtype, but found {scalar_of(a)} and {scalar_of(b)}")
    if a.shape != b.shape:
        raise ShapeError(
            f"inconsistent tensor size, expected tensor [{a.shape[0]}] and src [{b.shape[0]}] to have the same number "
            f"of elements, but got {a.shape[0]} and {b.shape[0]} elements respectively"
        )
    check_not_bool(a, name)


@matrix_product(
    lambda m, g, tensor: m.mul(g, m.conjugated(tensor)),
    lambda m, g, input: m.mul(g, m.conjugated(input)),
    batch=_batched_dot,
    samples=lambda s: [call(s.array(3), s.array(3)), call(s.array(0), s.array(0)), call(s.complex(2), s.complex(2))],
)
def dot(np, input: Array, tensor: Array):
    """Sum of input[i] * tensor[i], without conjugation.  Two vectors of one length and dtype give a 0-d result."""
    _dot_check(input, tensor, "dot")
    return product(np, input, tensor)


@matrix_product(
    lambda m, g, other: m.mul(m.conjugated(g), other),
    lambda m, g, input: m.mul(g, input),
    samples=lambda s: [call(s.array(3), s.array(3)), call(s.complex(2), s.complex(2))],
)
def vdot(np, input: Array, other: Array):
    """Sum of conj(input[i]) * other[i].  Two vectors of one length and dtype give a 0-d result."""
    _dot_check(input, other, "vdot")
    return product(np, input.conj(), other)


@linear(
    transpose=lambda m, g, shape: m.reshape(g, shape),
    space=None,
    method=False,
    backward_name="UnsafeViewBackward0",
    samples=lambda s: [call(s.array(2, 6), (3, 4))],
)
def unsafe_view(np, input: Array, size):
    """A fresh result under another shape; nobody else holds its memory, so it is no view for the tape."""
    return input.reshape(size)


@linear(
    transpose=lambda m, g, dim: m.unsqueeze(g, dim),
    space=None,
    method=False,
    backward_name="SqueezeBackward4",
    samples=lambda s: [call(s.array(1, 3), 0)],
)
def squeeze_result(np, input: Array, dim: int):
    """A fresh result without its dim of size 1."""
    return input.squeeze(dim)


# --- matmul --------------------------------------------------------------------------------------------------------


@composite(
    aliases=("linalg.matmul",),
    samples=lambda s: [
        call(s.array(3), s.array(3)),
        call(s.array(2, 3), s.array(3)),
        call(s.array(3), s.array(3, 2)),
        call(s.array(2, 3), s.array(3, 4)),
        call(s.array(2, 2, 3), s.array(3, 4)),
        call(s.array(2, 3), s.array(2, 3, 2)),
        call(s.array(2, 2, 3), s.array(3)),
        call(s.array(3), s.array(2, 3, 2)),
        call(s.array(2, 1, 2, 3), s.array(4, 3, 2)),
        call(s.array(0, 2, 3), s.array(0, 3, 2)),
        call(s.complex(2, 2, 3), s.complex(2, 3, 2)),
    ],
)
def matmul(m, input: Array, other: Array):
    """Matrix product by rank: dot of vectors, matrix times vector or matrix, batches of matrices with broadcasting.

    A vector on the left counts as a row, on the right as a column, and that dim is dropped again.
    Raises: ShapeError for 0-d operands or sizes that do not fit, DtypeError for mixed dtypes.
    """
    x, y = array_of(input), array_of(other)
    a, b = x.ndim, y.ndim
    if a == 2 and b == 2:
        return m.mm(input, other)
    if a == 0 or b == 0:
        raise ShapeError(f"both arguments to matmul need to be at least 1D, but they are {a}D and {b}D")
    if b == 1:
        if a == 1:
            return m.dot(input, other)
        if a == 2:
            return m.mv(input, other)
        return m.unsafe_view(m.mv(m.reshape(input, (-1, x.shape[-1])), other), x.shape[:-1])
    if a == 1 and b == 2:
        return m.squeeze_result(m.mm(m.unsqueeze(input, 0), other), 0)
    if b == 2 and a > 2:
        folded = m.mm(m.reshape(input, (row_count(x), x.shape[-1])), other)
        return m.unsafe_view(folded, (*x.shape[:-1], y.shape[1]))
    return _batched_matmul(m, input, other, x, y)


def row_count(x):
    """Rows of all matrices of a batch together (a -1 could not tell for empty ones)."""
    return prod(x.shape[:-1])


def _batched_matmul(m, input, other, x, y):
    """The right operand is a batch: a row or matrix on its left is broadcast, then one bmm."""
    row = x.ndim == 1
    if row:
        input, xs = m.unsqueeze(input, 0), (1, *x.shape)
    else:
        xs = x.shape
    ys = y.shape
    if xs[-1] != ys[-2] and xs[:-2] == ys[:-2]:
        batch = prod(xs[:-2])
        raise ShapeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{batch}, {xs[-1]}] "
            f"but got: [{batch}, {ys[-2]}]. The shapes are {list(xs)} and {list(ys)}"
        )
    batch = broadcast_shapes(xs[:-2], ys[:-2])
    size = prod(batch)
    left = _as_batch(m, input, xs, batch, size)
    right = _as_batch(m, other, ys, batch, size)
    if left is input and right is other:
        return m.unsafe_view(m.bmm(left, right), (*batch, xs[-2], ys[-1]))
    out = m.bmm(left, right)
    return m.unsafe_view(out, (*batch, ys[-1]) if row else (*batch, xs[-2], ys[-1]))


def _as_batch(m, x, shape, batch, size):
    """Matrices as one (size, n, k) batch; untouched if they are that already."""
    if len(shape) == 3 and shape[0] == size:
        return x
    if shape[:-2] != batch:
        x = m.expand(x, (*batch, *shape[-2:]))
    return m.reshape(x, (size, *shape[-2:]))


@composite(
    samples=lambda s: [call(s.array(3), s.array(3)), call(s.array(2, 3), s.array(4, 3)), call(s.array(3), s.array())]
)
def inner(m, input: Array, other: Array):
    """Sum of products over the last dims; with a 0-d operand the plain product.  Shapes: (..., k) and (..., k)."""
    if input.ndim == 0 or other.ndim == 0:
        return m.mul(input, other)
    if input.shape[-1] != other.shape[-1]:
        raise ShapeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    if input.ndim == 1 and other.ndim == 1:
        return m.dot(input, other)
    return m.tensordot(input, other, ((-1,), (-1,)))


@composite(aliases=("ger",), samples=lambda s: [call(s.array(2), s.array(3)), call(s.array(0), s.array(3))])
def outer(m, input: Array, vec2: Array):
    """out[i, j] = input[i] * vec2[j] for two vectors; dtypes meet as in a product of tensors."""
    for x, argument in ((input, "self"), (vec2, "vec2")):
        if x.ndim != 1:
            raise ShapeError(f"outer: Expected 1-D argument {argument}, but got {x.ndim}-D")
    return m.mul(m.reshape(input, (input.shape[0], 1)), vec2)
