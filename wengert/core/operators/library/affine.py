"""Products of matrices added to something, and the layers made of them."""

from __future__ import annotations

from wengert.core.arrays.large import LARGE, SIZE
from wengert.core.arrays.shape import wrap_dim
from wengert.core.base.errors import DtypeError, ShapeError
from wengert.core.operators.kinds import composite, opaque
from wengert.core.operators.library.contraction import check_batches, mm_error, row_count, shapes_error
from wengert.core.operators.library.matrices import array_of, check_has_dims, check_not_bool, product, scalar_of
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

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


def _times(g, factor):
    """A gradient that passed a product with `factor`."""
    return g if factor == 1 else g * factor.conjugate()


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
        call(s.array(2, 4), s.array(2, 3), s.array(3, 4)),
        call(s.array(4), s.array(2, 3), s.array(3, 4), beta=0.5, alpha=2),
        call(s.array(2, 4), s.array(2, 3), s.array(3, 4), beta=0),
    ],
)
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
        raise shapes_error(mat1, mat2)
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
    samples=lambda s: [
        call(s.array(2), s.array(2, 3), s.array(3)),
        call(s.array(1), s.array(2, 3), s.array(3), beta=3, alpha=2),
    ],
)
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
    check_not_bool(mat, "addmv_impl_cpu")
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
    check_has_dims(batch1, 0)
    check_batches(batch1, batch2, "baddbmm")
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
        lambda m, g, batch2, alpha: _times(m.bmm(_over_batch(m, g, batch2.shape[0]), m.conj_transpose(batch2)), alpha),
        lambda m, g, batch1, alpha: _times(m.bmm(m.conj_transpose(batch1), _over_batch(m, g, batch1.shape[0])), alpha),
    ),
    inplace=True,
    samples=lambda s: [call(s.array(3, 2), s.array(2, 3, 4), s.array(2, 4, 2), beta=0.5, alpha=2)],
)
def addbmm(np, input: Array, batch1: Array, batch2: Array, *, beta=1, alpha=1):
    """beta * input + alpha * sum over b of batch1[b] @ batch2[b], input broadcast."""
    check_has_dims(batch1, 1)
    check_batches(batch1, batch2, "addbmm")
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
    samples=lambda s: [
        call(s.array(2, 3), s.array(2), s.array(3)),
        call(s.array(3), s.array(2), s.array(3), beta=0.5, alpha=2),
    ],
)
def addr(np, input: Array, vec1: Array, vec2: Array, *, beta=1, alpha=1):
    """beta * input + alpha * outer(vec1, vec2), input broadcast.  Dtypes meet as in a sum of tensors; booleans stay."""
    for x, argument in ((vec1, "vec1"), (vec2, "vec2")):
        if x.ndim != 1:
            raise ShapeError(f"addr: Expected 1-D argument {argument}, but got {x.ndim}-D")
    _check_expands(input, (vec1.shape[0], vec2.shape[0]))
    if input.dtype.kind in "biu":
        for factor, argument in ((beta, "beta"), (alpha, "alpha")):
            if isinstance(factor, float):
                raise DtypeError(
                    f"For integral input tensors, argument {argument} must not be a floating point number."
                )
    made = _combined(np, input, np.multiply(vec1[:, None], vec2), beta, alpha)
    return made.astype(bool) if input.dtype.kind == "b" else made


# --- Layers --------------------------------------------------------------------------------------------------------


def _batched_linear(op, m, args, values, batched):
    """A batch of inputs for one layer is one larger input."""
    return NotImplemented if any(batched[1:]) else m.linear(*values)


@opaque(
    vjp=(
        lambda m, g, weight: m.mm(g, m.conjugated(weight)),
        lambda m, g, input: m.mm(m.transpose(g, 0, 1), m.conjugated(input)),
        lambda m, g: m.sum(g, 0),
    ),
    space=None,
    method=False,
    backward_name="AddmmBackward0",
    batch=_batched_linear,
    samples=lambda s: [call(s.array(2, 3), s.array(4, 3), s.array(4))],
)
def linear_bias(np, input: Array, weight: Array, bias: Array):
    """input @ weight.T + bias for a matrix and a bias vector, as one node."""
    kind = weight.dtype
    if weight.ndim != 2 or input.shape[-1] != weight.shape[1] or bias.shape != weight.shape[:1]:
        raise _linear_error(input, weight, bias)
    if input.dtype != kind or bias.dtype != kind:
        _same_dtype(bias, weight, input)
    if kind.kind == "b":
        check_not_bool(weight, "addmm_impl_cpu_")
    found = LARGE.dot_bias(input, weight.T, bias) if input.size >= SIZE else None
    if found is not None:
        return found
    out = product(np, input, weight.T)
    out += bias
    return out


def _linear_error(input, weight, bias):
    if weight.ndim > 2:
        return ShapeError(f"t() expects a tensor with <= 2 dimensions, but self is {weight.ndim}D")
    if weight.ndim < 2:
        return ShapeError(f"mat2 must be a matrix, got {weight.ndim}-D tensor")
    if input.shape[-1] != weight.shape[1]:
        return shapes_error(input, weight.T)
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
    batch=_batched_linear,
    samples=lambda s: [call(s.array(2, 3), s.array(4, 3))],
)
def linear_plain(np, input: Array, weight: Array):
    """input @ weight.T for two matrices, as one node."""
    if input.shape[1] != weight.shape[1] or input.dtype != weight.dtype:
        raise mm_error(input, weight.T)
    check_not_bool(weight, "addmm_impl_cpu_")
    return product(np, input, weight.T)


@composite(
    space="nn",
    method=False,
    samples=lambda s: [
        call(s.array(2, 3), s.array(4, 3), s.array(4)),
        call(s.array(2, 3), s.array(4, 3)),
        call(s.array(3), s.array(4, 3)),
        call(s.array(2, 2, 3), s.array(4, 3), s.array(4)),
        call(s.array(2, 2, 3), s.array(4, 3)),
        call(s.array(2, 3), s.array(3)),
        call(s.array(0, 3), s.array(4, 3), s.array(4)),
    ],
)
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
        raise ShapeError(f"both arguments to linear need to be at least 1D, but they are 0D and {w.ndim}D")
    folded = m.linear_bias(m.reshape(input, (row_count(a), a.shape[-1])), weight, bias)
    return m.view_shape(folded, (*a.shape[:-1], w.shape[0]))


@composite(
    name="bilinear",
    space="nn",
    method=False,
    samples=lambda s: [
        call(s.array(2, 3), s.array(2, 4), s.array(5, 3, 4), s.array(5)),
        call(s.array(2, 2, 3), s.array(2, 2, 4), s.array(5, 3, 4)),
        call(s.array(3), s.array(4), s.array(2, 3, 4)),
    ],
)
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
    rows = row_count(array_of(input1))
    left = m.mm(m.reshape(input1, (rows, i)), m.reshape(m.permute(weight, (1, 0, 2)), (i, outputs * j)))
    right = m.reshape(input2, (rows, j, 1))
    out = m.reshape(m.bmm(m.reshape(left, (rows, outputs, j)), right), (*batch, outputs))
    return out if bias is None else m.add(out, bias)
