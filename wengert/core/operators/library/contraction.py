"""Products of matrices and vectors: the bilinear records, and what is written in them."""

from __future__ import annotations

from wengert.core.arrays.shape import broadcast_shapes, wrap_dim
from wengert.core.base.errors import DtypeError, ShapeError
from wengert.core.operators.kinds import bilinear, composite, linear, opaque
from wengert.core.operators.library.matrices import (
    array_of,
    check_not_bool,
    cplusplus_of,
    product,
    scalar_of,
)
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

# --- Records -------------------------------------------------------------------------------------------------------


def _mm_error(a, b):
    """What is wrong with the operands of mm."""
    if a.ndim != 2:
        return ShapeError(f"self must be a matrix, got shape {list(a.shape)}")
    if b.ndim != 2:
        return ShapeError(f"mat2 must be a matrix, got shape {list(b.shape)}")
    if a.shape[1] != b.shape[0]:
        return _shapes_error(a, b)
    return DtypeError(f"expected m1 and m2 to have the same dtype, but got: {cplusplus_of(a)} != {cplusplus_of(b)}")


def _shapes_error(a, b):
    return ShapeError(
        f"mat1 and mat2 shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]}): "
        "the columns of the first must be as many as the rows of the second"
    )


@bilinear(
    lambda m, g, mat2: m.mm(g, m.conj_transpose(mat2)),
    lambda m, g, input: m.mm(m.conj_transpose(input), g),
    samples=lambda s: [call(s.array(2, 3), s.array(3, 4)), call(s.array(0, 3), s.array(3, 2)), call(s.complex(2, 2), s.complex(2, 3))],
)  # fmt: skip
def mm(np, input: Array, mat2: Array):
    """out[i, j] = sum over k of input[i, k] * mat2[k, j].

    Shapes: (n, k) and (k, p) give (n, p).  Both operands have one dtype; half precision sums in float32.
    Raises: ShapeError for other ranks or sizes, DtypeError for mixed dtypes.
    """
    if input.ndim != 2 or mat2.ndim != 2 or input.shape[1] != mat2.shape[0] or input.dtype != mat2.dtype:
        raise _mm_error(input, mat2)
    check_not_bool(input, "addmm_impl_cpu_")
    return product(np, input, mat2)


def _bmm_check(a, b, name="bmm"):
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


@bilinear(
    lambda m, g, mat2: m.bmm(g, m.conj_transpose(mat2)),
    lambda m, g, input: m.bmm(m.conj_transpose(input), g),
    samples=lambda s: [call(s.array(2, 3, 4), s.array(2, 4, 2)), call(s.array(0, 3, 4), s.array(0, 4, 2))],
)
def bmm(np, input: Array, mat2: Array):
    """out[b] = input[b] @ mat2[b].

    Shapes: (b, n, k) and (b, k, p) give (b, n, p); nothing is broadcast.  Both operands have one dtype.
    Raises: ShapeError, DtypeError.
    """
    _bmm_check(input, mat2)
    return product(np, input, mat2)


def _mv_check(mat, vec):
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


@bilinear(
    lambda m, g, vec: m.mul(m.unsqueeze(g, 1), m.conjugated(vec)),
    lambda m, g, input: m.mv(m.conj_transpose(input), g),
    samples=lambda s: [call(s.array(2, 3), s.array(3)), call(s.array(0, 3), s.array(3))],
)
def mv(np, input: Array, vec: Array):
    """out[i] = sum over k of input[i, k] * vec[k].  Shapes: (n, k) and (k,) give (n,).  Raises: ShapeError, DtypeError."""
    _mv_check(input, vec)
    return product(np, input, vec)


def _dot_check(a, b, name):
    if a.ndim != 1 or b.ndim != 1:
        raise ShapeError(f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors")
    if a.dtype != b.dtype:
        raise DtypeError(
            f"dot : expected both vectors to have same dtype, but found {scalar_of(a)} and {scalar_of(b)}"
        )
    if a.shape != b.shape:
        raise ShapeError(
            f"inconsistent tensor size, expected tensor [{a.shape[0]}] and src [{b.shape[0]}] to have the same number "
            f"of elements, but got {a.shape[0]} and {b.shape[0]} elements respectively"
        )
    check_not_bool(a, name)


@bilinear(
    lambda m, g, tensor: m.mul(g, m.conjugated(tensor)),
    lambda m, g, input: m.mul(g, m.conjugated(input)),
    samples=lambda s: [call(s.array(3), s.array(3)), call(s.array(0), s.array(0)), call(s.complex(2), s.complex(2))],
)
def dot(np, input: Array, tensor: Array):
    """Sum of input[i] * tensor[i], without conjugation.  Two vectors of one length and dtype give a 0-d result."""
    _dot_check(input, tensor, "dot")
    return product(np, input, tensor)


@bilinear(
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
        call(s.array(3), s.array(3)), call(s.array(2, 3), s.array(3)), call(s.array(3), s.array(3, 2)),
        call(s.array(2, 3), s.array(3, 4)), call(s.array(2, 2, 3), s.array(3, 4)), call(s.array(2, 3), s.array(2, 3, 2)),
        call(s.array(2, 2, 3), s.array(3)), call(s.array(3), s.array(2, 3, 2)),
        call(s.array(2, 1, 2, 3), s.array(4, 3, 2)), call(s.array(0, 2, 3), s.array(0, 3, 2)),
        call(s.complex(2, 2, 3), s.complex(2, 3, 2)),
    ],
)  # fmt: skip
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
        folded = m.mm(m.reshape(input, (_rows(x), x.shape[-1])), other)
        return m.unsafe_view(folded, (*x.shape[:-1], y.shape[1]))
    return _batched_matmul(m, input, other, x, y)


def _rows(x):
    """Rows of all matrices of a batch together (a -1 could not tell for empty ones)."""
    rows = 1
    for n in x.shape[:-1]:
        rows *= n
    return rows


def _batched_matmul(m, input, other, x, y):
    """The right operand is a batch: a row or matrix on its left is broadcast, then one bmm."""
    row = x.ndim == 1
    if row:
        input, xs = m.unsqueeze(input, 0), (1, *x.shape)
    else:
        xs = x.shape
    ys = y.shape
    if xs[-1] != ys[-2] and xs[:-2] == ys[:-2]:
        batch = 1
        for n in xs[:-2]:
            batch *= n
        raise ShapeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{batch}, {xs[-1]}] "
            f"but got: [{batch}, {ys[-2]}]. The shapes are {list(xs)} and {list(ys)}"
        )
    batch = broadcast_shapes(xs[:-2], ys[:-2])
    size = 1
    for n in batch:
        size *= n
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


@composite(samples=lambda s: [call(s.array(3), s.array(3)), call(s.array(2, 3), s.array(4, 3)), call(s.array(3), s.array())])
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


@composite(
    aliases=("ger",), samples=lambda s: [call(s.array(2), s.array(3)), call(s.array(0), s.array(3))]
)
def outer(m, input: Array, vec2: Array):
    """out[i, j] = input[i] * vec2[j] for two vectors; dtypes meet as in a product of tensors."""
    for x, argument in ((input, "self"), (vec2, "vec2")):
        if x.ndim != 1:
            raise ShapeError(f"outer: Expected 1-D argument {argument}, but got {x.ndim}-D")
    return m.mul(m.view_shape(input, (input.shape[0], 1)) if _contiguous(input) else m.unsqueeze(input, 1), vec2)


def _contiguous(x):
    return array_of(x).flags.c_contiguous


# --- Products added to something -----------------------------------------------------------------------------------


def _scaled(x, factor):
    """x * factor, with whole factors for integers as torch takes them."""
    if factor == 1:
        return x
    return x * int(factor) if x.dtype.kind in "iu" else x * factor


def _combined(np, input, value, beta, alpha):
    """beta * input + alpha * value; beta 0 ignores the input, nan and all."""
    value = _scaled(value, alpha)
    if beta == 0:
        return value
    return value + _scaled(input, beta)


def _times(x, factor):
    return x if factor == 1 else x * factor


def _same_dtype(input, mat2, other=None):
    if input.dtype != mat2.dtype:
        raise DtypeError(f"self and mat2 must have the same dtype, but got {scalar_of(input)} and {scalar_of(mat2)}")
    if other is not None and other.dtype != mat2.dtype:
        raise DtypeError(f"mat1 and mat2 must have the same dtype, but got {scalar_of(other)} and {scalar_of(mat2)}")


def _check_expands(input, size):
    """Raise unless `input` can be broadcast to the shape of the product."""
    shape = input.shape
    if len(shape) > len(size):
        raise ShapeError(
            f"expand(torch.{scalar_of(input)}Tensor{{{list(shape)}}}, size={list(size)}): the number of sizes provided "
            f"({len(size)}) must be greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    for back in range(1, len(shape) + 1):
        if shape[-back] != size[-back] and shape[-back] != 1:
            raise ShapeError(
                f"The expanded size of the tensor ({size[-back]}) must match the existing size ({shape[-back]}) at "
                f"non-singleton dimension {len(size) - back}.  Target sizes: {list(size)}.  Tensor sizes: {list(shape)}"
            )


@opaque(
    vjp=(
        lambda g, beta: _times(g, beta),
        lambda m, g, mat2, alpha: _times(m.mm(g, m.conj_transpose(mat2)), alpha),
        lambda m, g, mat1, alpha: _times(m.mm(m.conj_transpose(mat1), g), alpha),
    ),
    inplace=True,
    samples=lambda s: [
        call(s.array(2, 4), s.array(2, 3), s.array(3, 4)), call(s.array(4), s.array(2, 3), s.array(3, 4), beta=0.5, alpha=2),
        call(s.array(2, 4), s.array(2, 3), s.array(3, 4), beta=0),
    ],
)  # fmt: skip
def addmm(np, input: Array, mat1: Array, mat2: Array, *, beta=1, alpha=1):
    """beta * input + alpha * (mat1 @ mat2).

    Shapes: mat1 (n, k), mat2 (k, p), input broadcast to (n, p).  One dtype.  With beta 0 nan in input is ignored.
    Raises: ShapeError, DtypeError.
    """
    for x, argument in ((mat1, "mat1"), (mat2, "mat2")):
        if x.ndim != 2:
            raise ShapeError(f"{argument} must be a matrix, got {x.ndim}-D tensor")
    _same_dtype(input, mat2, mat1)
    if mat1.shape[1] != mat2.shape[0]:
        raise _shapes_error(mat1, mat2)
    check_not_bool(mat1, "addmm_impl_cpu_")
    size = (mat1.shape[0], mat2.shape[1])
    if input.shape != size:
        _check_expands(input, size)
    return _combined(np, input, product(np, mat1, mat2), beta, alpha)


@opaque(
    vjp=(
        lambda g, beta: _times(g, beta),
        lambda m, g, vec, alpha: _times(m.mul(m.unsqueeze(g, 1), m.conjugated(vec)), alpha),
        lambda m, g, mat, alpha: _times(m.mv(m.conj_transpose(mat), g), alpha),
    ),
    inplace=True,
    samples=lambda s: [call(s.array(2), s.array(2, 3), s.array(3)), call(s.array(1), s.array(2, 3), s.array(3), beta=3, alpha=2)],
)  # fmt: skip
def addmv(np, input: Array, mat: Array, vec: Array, *, beta=1, alpha=1):
    """beta * input + alpha * (mat @ vec).  Shapes: mat (n, k), vec (k,), input broadcast to (n,).  One dtype."""
    if mat.ndim != 2 or vec.ndim != 1 or input.ndim > 1:
        raise ShapeError(f"vector + matrix @ vector expected, got {input.ndim}, {mat.ndim}, {vec.ndim}")
    n, k = mat.shape
    own = input.shape[0] if input.ndim else 1
    if k != vec.shape[0] or own not in (1, n):
        raise ShapeError(f"size mismatch, got input ({own}), mat ({n}x{k}), vec ({vec.shape[0]})")
    if not input.dtype == mat.dtype == vec.dtype:
        kinds = f"{scalar_of(input)}, {scalar_of(mat)}, and {scalar_of(vec)}"
        raise DtypeError(f"addmv input tensors must have the same dtype, but got {kinds}")
    return _combined(np, input, product(np, mat, vec), beta, alpha)


@opaque(
    vjp=(
        lambda g, beta: _times(g, beta),
        lambda m, g, batch2, alpha: _times(m.bmm(g, m.conj_transpose(batch2)), alpha),
        lambda m, g, batch1, alpha: _times(m.bmm(m.conj_transpose(batch1), g), alpha),
    ),
    inplace=True,
    samples=lambda s: [
        call(s.array(2, 3, 2), s.array(2, 3, 4), s.array(2, 4, 2)),
        call(s.array(3, 1), s.array(2, 3, 4), s.array(2, 4, 2), beta=0.5, alpha=2),
    ],
)
def baddbmm(np, input: Array, batch1: Array, batch2: Array, *, beta=1, alpha=1):
    """beta * input + alpha * bmm(batch1, batch2), input broadcast.  With beta 0 nan in input is ignored."""
    _bmm_check(batch1, batch2, "baddbmm")
    if input.dtype != batch1.dtype:
        raise DtypeError(f"Input dtypes must be the same, got: input {scalar_of(input)}, batch1 {scalar_of(batch1)}")
    size = (batch1.shape[0], batch1.shape[1], batch2.shape[2])
    if input.shape != size:
        _check_expands(input, size)
    return _combined(np, input, product(np, batch1, batch2), beta, alpha)


def _over_batch(m, g, count):
    """One gradient matrix for every matrix of a batch."""
    return m.expand(m.unsqueeze(g, 0), (count, *g.shape))


@opaque(
    vjp=(
        lambda g, beta: _times(g, beta),
        lambda m, g, batch2, alpha: _times(
            m.bmm(_over_batch(m, g, batch2.shape[0]), m.conj_transpose(batch2)), alpha
        ),
        lambda m, g, batch1, alpha: _times(
            m.bmm(m.conj_transpose(batch1), _over_batch(m, g, batch1.shape[0])), alpha
        ),
    ),
    inplace=True,
    samples=lambda s: [call(s.array(3, 2), s.array(2, 3, 4), s.array(2, 4, 2), beta=0.5, alpha=2)],
)
def addbmm(np, input: Array, batch1: Array, batch2: Array, *, beta=1, alpha=1):
    """beta * input + alpha * sum over b of batch1[b] @ batch2[b], input broadcast."""
    _bmm_check(batch1, batch2, "addbmm")
    _same_dtype(input, batch1)
    _check_expands(input, (batch1.shape[1], batch2.shape[2]))
    total = product(np, batch1, batch2).sum(axis=0, dtype=batch1.dtype)
    return _combined(np, input, total, beta, alpha)


@opaque(
    vjp=(
        lambda g, beta: _times(g, beta),
        lambda m, g, vec2, alpha: _times(m.mv(g, m.conjugated(vec2)), alpha),
        lambda m, g, vec1, alpha: _times(m.mv(m.transpose(g, 0, 1), m.conjugated(vec1)), alpha),
    ),
    promote="common",
    inplace=True,
    samples=lambda s: [call(s.array(2, 3), s.array(2), s.array(3)), call(s.array(3), s.array(2), s.array(3), beta=0.5, alpha=2)],
)  # fmt: skip
def addr(np, input: Array, vec1: Array, vec2: Array, *, beta=1, alpha=1):
    """beta * input + alpha * outer(vec1, vec2), input broadcast.  Dtypes meet as in a sum of tensors."""
    for x, argument in ((vec1, "vec1"), (vec2, "vec2")):
        if x.ndim != 1:
            raise ShapeError(f"addr: Expected 1-D argument {argument}, but got {x.ndim}-D")
    _check_expands(input, (vec1.shape[0], vec2.shape[0]))
    return _combined(np, input, np.multiply(vec1[:, None], vec2), beta, alpha)


# --- Layers --------------------------------------------------------------------------------------------------------


@opaque(
    vjp=(
        lambda m, g, weight: m.mm(g, m.conjugated(weight)),
        lambda m, g, input: m.mm(m.transpose(g, 0, 1), m.conjugated(input)),
        lambda m, g: m.sum(g, 0),
    ),
    space=None,
    method=False,
    backward_name="AddmmBackward0",
    samples=lambda s: [call(s.array(2, 3), s.array(4, 3), s.array(4))],
)
def linear_bias(np, input: Array, weight: Array, bias: Array):
    """input @ weight.T + bias for a matrix and a bias vector, as one node."""
    if weight.ndim != 2 or input.shape[-1] != weight.shape[1] or bias.shape != weight.shape[:1]:
        raise _linear_error(input, weight, bias)
    _same_dtype(bias, weight, input)
    out = product(np, input, weight.T)
    out += bias
    return out


def _linear_error(input, weight, bias):
    if weight.ndim > 2:
        return ShapeError(f"t() expects a tensor with <= 2 dimensions, but self is {weight.ndim}D")
    if weight.ndim < 2:
        return ShapeError(f"mat2 must be a matrix, got {weight.ndim}-D tensor")
    if input.shape[-1] != weight.shape[1]:
        return _shapes_error(input, weight.T)
    try:
        _check_expands(bias, (input.shape[0], weight.shape[0]))
    except ShapeError as error:
        return error
    return ShapeError(f"linear(): bias of shape {list(bias.shape)} for {weight.shape[0]} outputs")


@opaque(
    vjp=(
        lambda m, g, weight: m.mm(g, m.conjugated(weight)),
        lambda m, g, input: m.mm(m.transpose(g, 0, 1), m.conjugated(input)),
    ),
    space=None,
    method=False,
    backward_name="MmBackward0",
    samples=lambda s: [call(s.array(2, 3), s.array(4, 3))],
)
def linear_plain(np, input: Array, weight: Array):
    """input @ weight.T for two matrices, as one node."""
    if input.shape[1] != weight.shape[1] or input.dtype != weight.dtype:
        raise _mm_error(input, weight.T)
    return product(np, input, weight.T)


@composite(
    space="nn",
    method=False,
    samples=lambda s: [
        call(s.array(2, 3), s.array(4, 3), s.array(4)), call(s.array(2, 3), s.array(4, 3)), call(s.array(3), s.array(4, 3)),
        call(s.array(2, 2, 3), s.array(4, 3), s.array(4)), call(s.array(2, 2, 3), s.array(4, 3)), call(s.array(2, 3), s.array(3)),
        call(s.array(0, 3), s.array(4, 3), s.array(4)),
    ],
)  # fmt: skip
def linear(m, input: Array, weight: Array, bias: Array | None = None):
    """input @ weight.T + bias.

    Shapes: input (..., k), weight (n, k), bias (n,) give (..., n); weight (k,) gives (...).  One dtype.
    Raises: ShapeError, DtypeError.
    """
    a, w = array_of(input), array_of(weight)
    if bias is None:
        if a.ndim == 2 and w.ndim == 2:
            return m.linear_plain(input, weight)
        return m.matmul(input, m.t(weight))
    if a.ndim == 2:
        if w.ndim == 2 and array_of(bias).ndim != 1:
            return m.addmm(bias, input, m.t(weight))
        return m.linear_bias(input, weight, bias)
    if a.ndim == 0:
        raise ShapeError("both arguments to linear need to be at least 1D, but they are 0D and {}D".format(w.ndim))
    folded = m.linear_bias(m.reshape(input, (_rows(a), a.shape[-1])), weight, bias)
    return m.view_shape(folded, (*a.shape[:-1], w.shape[0]))


@composite(
    name="bilinear",
    space="nn",
    method=False,
    samples=lambda s: [
        call(s.array(2, 3), s.array(2, 4), s.array(5, 3, 4), s.array(5)),
        call(s.array(2, 2, 3), s.array(2, 2, 4), s.array(5, 3, 4)), call(s.array(3), s.array(4), s.array(2, 3, 4)),
    ],
)  # fmt: skip
def bilinear_form(m, input1: Array, input2: Array, weight: Array, bias: Array | None = None):
    """out[..., o] = sum of input1[..., i] * weight[o, i, j] * input2[..., j] + bias[o]."""
    if input1.ndim != input2.ndim:
        raise ShapeError(f"bilinear(): input dimensions do not match: got {input1.ndim} and {input2.ndim}")
    for dim, (a, b) in enumerate(zip(input1.shape[:-1], input2.shape[:-1], strict=True)):
        if a != b:
            raise ShapeError(f"bilinear(): input batch dimensions do not match at dim {dim}: got {a} and {b}")
    outputs, i, j = weight.shape[0], weight.shape[wrap_dim(1, weight.ndim)], weight.shape[wrap_dim(2, weight.ndim)]
    for x, wanted, number in ((input1, i, 1), (input2, j, 2)):
        if x.shape[-1] != wanted:
            raise ShapeError(
                f"bilinear(): input{number} size does not match weight size: got {x.shape[-1]} but expected {wanted}"
            )
    batch = tuple(input1.shape[:-1])
    rows = _rows(array_of(input1))
    left = m.mm(m.reshape(input1, (rows, i)), m.reshape(m.permute(weight, (1, 0, 2)), (i, outputs * j)))
    right = m.reshape(input2, (rows, j, 1))
    out = m.reshape(m.bmm(m.reshape(left, (rows, outputs, j)), right), (*batch, outputs))
    return out if bias is None else m.add(out, bias)


