"""What operators do with sparse tensors: compositions and functions of arrays by the operator's name (sparse.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays import sparse as arrays
from wengert.core.arrays.compressed import compressed_from
from wengert.core.arrays.shape import broadcast_shapes, wrap_dim, wrap_dims
from wengert.core.arrays.sparse import Pattern, SparseArray
from wengert.core.base.errors import DtypeError, GraphError, MissingError, ShapeError
from wengert.core.tape.backward import TASK
from wengert.core.tape.core import GENERAL, TensorBase, wrap
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.modes import current
from wengert.core.tape.views import written
from wengert.core.tensor.sparse import COMPOSITES, FORWARD, INPLACE, RULES, dense_of, is_sparse, missing, stored

UNARY = (
    "abs", "absolute", "angle", "arcsin", "asin", "asinh", "atan", "atanh", "ceil", "conj_physical", "deg2rad", "erf",
    "erfinv", "expm1", "floor", "frac", "isinf", "isnan", "isneginf", "isposinf", "log1p", "nan_to_num", "rad2deg",
    "relu", "round", "sgn", "sign", "signbit", "sin", "sinh", "sqrt", "square", "tan", "tanh", "threshold", "trunc",
)  # fmt: skip
"""Functions that leave 0 where it is: they are applied to the values."""


# ---------------------------------------------------------------- values and patterns


def pattern_of(x: Any) -> Any:
    """The pattern of a sparse tensor."""
    return x._array.pattern


def values_of(x: Any) -> Any:
    """The values of a sparse tensor, with their history."""
    return m.sparse_values(x, x._array.pattern)


def rebuilt(values: Any, pattern: Any, name: str | None = None) -> Any:
    """The sparse tensor of values, as the result of the operation that `name` says."""
    return m.sparse_of(values, pattern, name)


def coalesced(x: Any) -> Any:
    """The tensor with each place stored once and in order."""
    if x._array.coalesced:
        return x
    pattern, groups = pattern_of(x).unique()
    values = values_of(x)
    if groups is not None:
        values = m.sparse_groups(values, groups)
    return rebuilt(values, pattern, "CoalesceBackward0")


def title(name: str) -> str:
    """torch's name of an operator's node."""
    return "".join(part.title() for part in name.split("_")) + "Backward0"


def unary(name: str) -> Callable[..., Any]:
    """A function of one tensor, applied to the values of a sparse one."""

    shown = "PowBackward0" if name == "square" else title(name)

    def rule(input: Any, *rest: Any) -> Any:
        x = coalesced(input)
        return rebuilt(getattr(m, name)(values_of(x), *rest), pattern_of(x), shown)

    return rule


RULES.update({name: unary(name) for name in UNARY})


def power(input: Any, exponent: Any) -> Any:
    """input ** exponent for a number above 0."""
    if not is_sparse(input) or isinstance(exponent, TensorBase) and exponent._array.ndim:
        raise missing("pow", input, exponent)
    number = exponent._array.item() if isinstance(exponent, TensorBase) else exponent
    if number == 0:
        raise GraphError("pow: cannot raise to zeroth power on sparse tensor; it would make the result dense")
    x = coalesced(input)
    return rebuilt(m.pow(values_of(x), exponent), pattern_of(x), "PowBackward0")


RULES["pow"] = power


# ---------------------------------------------------------------- elementwise, as records of dense tensors


def by(name: str, values: Any, *rest: Any) -> Any:
    """An operator of dense tensors on arrays."""
    given = [wrap(x) if isinstance(x, np.ndarray) else x for x in rest]
    return getattr(m, name)(wrap(values), *given)._array


def same_dtype(a: Any, b: Any) -> tuple[Any, Any]:
    """Two arrays in the dtype in which they meet."""
    if a.dtype == b.dtype:
        return a, b
    operands = [(dtypes.of(x.dtype), "dim" if x.ndim else "zero") for x in (a, b)]
    kind = dtypes.result_type(tuple(operands)).numpy
    return a.astype(kind), b.astype(kind)


def is_number(x: Any) -> bool:
    """Whether an operand is a number or an array without dims."""
    return not isinstance(x, SparseArray) and getattr(x, "ndim", 0) == 0


def add(input: Any, other: Any, alpha: Any = 1) -> Any:
    """input + alpha * other; only in a sweep may a dense tensor stand right of a sparse one."""
    mixed = isinstance(input, SparseArray) and not isinstance(other, SparseArray)
    if mixed and input.layout is not devices.sparse_coo and not is_number(other):
        input, other, alpha, mixed = other * alpha if alpha != 1 else other, input, 1, False
    if mixed and (TASK.get() is None or is_number(other)):
        raise GraphError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
    if is_number(input) and not isinstance(input, np.ndarray):
        raise GraphError("add(number, sparse) is not supported: a sparse tensor has no room for a number everywhere")
    a, b = same_dtype(input, other)
    if a.shape != b.shape and (isinstance(input, SparseArray) or broadcast_shapes(a.shape, b.shape) != a.shape):
        raise ShapeError(f"add: expected sizes of 'self' and 'other' to match, but {list(a.shape)} != {list(b.shape)}")
    if a.dtype.kind == "V" or a.dtype == np.float16:
        wide = arrays.add(a.astype(np.float32), b.astype(np.float32), alpha)
        return wide.astype(a.dtype)
    if isinstance(b, SparseArray) and isinstance(a, np.ndarray) and a.shape != b.shape:
        b = b.dense()
        return a + b * alpha
    return arrays.add(a, b, alpha)


def subtract(input: Any, other: Any, alpha: Any = 1) -> Any:
    """input - alpha * other."""
    return add(input, other, -alpha)


def reversed_difference(input: Any, other: Any, alpha: Any = 1) -> Any:
    """other - alpha * input."""
    return add(other, input, -alpha)


def multiply(input: Any, other: Any) -> Any:
    """input * other: by a number, a dense tensor or a sparse one."""
    if not isinstance(input, SparseArray):
        input, other = other, input
    if is_number(other):
        return SparseArray(input.pattern, by("mul", input.values, other))
    if isinstance(other, SparseArray):
        if input.shape != other.shape:
            raise ShapeError(
                f"mul: expected 'self' and 'other' to have same sizes when both are sparse, but {list(input.shape)} != "
                f"{list(other.shape)}"
            )
        return arrays.common(*same_dtype(input, other))
    shape = broadcast_shapes(input.shape, other.shape)
    if shape != input.shape:
        return by("mul", input.dense(), other)
    taken = arrays.taken(input.pattern, np.broadcast_to(other, shape))
    return SparseArray(input.pattern, by("mul", input.values, taken))


def divide(input: Any, other: Any, rounding_mode: Any = None) -> Any:
    """input / other for a number; in a sweep also for a dense tensor."""
    if not isinstance(input, SparseArray):
        raise MissingError(
            "Could not run 'aten::div.out' with arguments from the 'SparseCPU' backend: a divisor is not sparse"
        )
    if is_number(other):
        if rounding_mode is not None:
            return SparseArray(input.pattern, divided(input.values, other, rounding_mode))
        return SparseArray(input.pattern, by("div", input.values, other))
    if isinstance(other, SparseArray) or TASK.get() is None:
        raise GraphError(
            "Sparse division requires a scalar or zero-dim dense tensor divisor (got shape "
            f"{list(other.shape)} for divisor)"
        )
    return SparseArray(input.pattern, by("div", input.values, arrays.taken(input.pattern, other)))


def divided(values: Any, other: Any, rounding_mode: str) -> Any:
    """A rounded quotient of values."""
    given = wrap(other) if isinstance(other, np.ndarray) else other
    return GENERAL.div(wrap(values), given, rounding_mode=rounding_mode)._array


def floored(input: Any, other: Any) -> Any:
    """input // other for a number."""
    return divide(input, other, "floor")


def each(name: str) -> Callable[..., Any]:
    """A linear function of the values, the stored places as they are."""
    return lambda input, *rest: SparseArray(input.pattern, by(name, input.values, *rest))


def moved(change: Callable[..., Any]) -> Callable[..., Any]:
    """A change of dims of a sparse array."""
    return lambda input, *rest: change(input, *rest)


def permuted(input: Any, dims: Any) -> Any:
    """Dims in another order."""
    given = [wrap_dim(d, input.ndim) for d in dims]
    if sorted(given) != list(range(input.ndim)):
        raise ShapeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {input.ndim} is not equal to len(dims) = {len(given)}"
        )
    return arrays.permuted(input, tuple(given))


def exchanged(input: Any, dim0: int, dim1: int) -> Any:
    """Two dims swapped."""
    dims = list(range(input.ndim))
    first, second = wrap_dim(dim0, input.ndim), wrap_dim(dim1, input.ndim)
    dims[first], dims[second] = dims[second], dims[first]
    return arrays.permuted(input, tuple(dims))


def turned(input: Any) -> Any:
    """The transpose of a matrix."""
    if input.ndim > 2:
        raise ShapeError(f"t() expects a tensor with <= 2 sparse and 0 dense dimensions, but got {input.ndim}D tensor")
    return arrays.transposed(input)


def adjoint(input: Any) -> Any:
    """The conjugate transpose of a matrix."""
    return turned(input.conj() if input.dtype.kind == "c" else input)


FORWARD.update(
    add=add, sub=subtract, rsub=reversed_difference, mul=multiply, div=divide, neg=each("neg"), clone=each("clone"),
    to_dtype=each("to_dtype"), conjugated=each("conjugated"), alias=lambda input: input, t=turned, transpose=exchanged,
    permute=permuted, conj_transpose=adjoint, conjugate_copy=lambda input: input.conj(), floor_divide=floored,
)  # fmt: skip
FORWARD["clone"] = lambda input, memory_format=None: input.copy()


# ---------------------------------------------------------------- products


def check_product(a: Any, b: Any, name: str = "mm") -> None:
    """Whether a sparse matrix and a matrix or vector can be multiplied."""
    if a.dtype != b.dtype:
        raise DtypeError(
            f"expected {'mat1' if name == 'mm' else 'mat'} and mat2 to have the same dtype, but got: "
            f"{dtypes.scalar_name(dtypes.of(a.dtype))} != {dtypes.scalar_name(dtypes.of(b.dtype))}"
        )
    if a.ndim != 2 or b.ndim != (1 if name == "mv" else 2):
        raise ShapeError(f"{name}: two matrices are multiplied here, not tensors of {a.ndim} and {b.ndim} dims")
    if a.shape[1] != b.shape[0]:
        if isinstance(a, SparseArray) and a.layout is devices.sparse_coo and not isinstance(b, SparseArray):
            raise ShapeError(f"{name}: Argument #3 (dense): Expected dim 0 size {a.shape[1]}, got {b.shape[0]}")
        shapes = "x".join(map(str, a.shape)), "x".join(map(str, b.shape))
        raise ShapeError(f"mat1 and mat2 shapes cannot be multiplied ({shapes[0]} and {shapes[1]})")


def part(name: str) -> Callable[..., Any]:
    """Real or imaginary parts, of the values."""
    return lambda input: rebuilt(getattr(m, name)(values_of(input)), pattern_of(input), title(name))


for _name in ("real", "imag"):
    RULES[_name] = COMPOSITES[_name] = part(_name)


def product(input: Any, mat2: Any) -> Any:
    """input @ mat2: dense unless both are sparse."""
    check_product(input, mat2)
    out = input @ mat2
    if isinstance(out, SparseArray) and input.layout is mat2.layout is not devices.sparse_coo:
        return input.pattern.again(out)
    return out


def applied(input: Any, vec: Any) -> Any:
    """A sparse matrix times a vector."""
    if isinstance(vec, SparseArray):
        vec = vec.dense()
    check_product(input, vec, "mv")
    return input @ vec


def added_product(input: Any, mat1: Any, mat2: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta * input + alpha * mat1 @ mat2."""
    if (
        isinstance(input, SparseArray)
        and not (isinstance(mat1, SparseArray) and isinstance(mat2, SparseArray))
        or (isinstance(input, SparseArray) and input.layout is devices.sparse_coo)
    ):
        raise GraphError(
            "addmm_sparse_dense: expected strided result tensor, got tensor with layout "
            + {"sparse_coo": "Sparse"}.get(input.layout.name, input.layout.name)
        )
    check_product(mat1, mat2)
    out = mat1 @ mat2
    out = out if alpha == 1 else out * alpha
    if beta == 0:
        return out
    if isinstance(out, SparseArray):
        return arrays.add(input * beta, out) if isinstance(input, SparseArray) else arrays.add(out, input * beta)
    return out + input * beta if beta != 1 else out + input


def added_vector(input: Any, mat: Any, vec: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta * input + alpha * mat @ vec."""
    return applied(mat, vec) * alpha + input * beta


def batched_product(input: Any, mat2: Any) -> Any:
    """A batch of sparse matrices times a batch of dense ones."""
    if isinstance(mat2, SparseArray):
        raise GraphError("bmm_sparse: Tensor 'mat2' must be dense")
    if input.ndim != 3 or mat2.ndim != 3 or input.shape[0] != mat2.shape[0] or input.shape[2] != mat2.shape[1]:
        raise ShapeError(f"bmm_sparse: shapes {list(input.shape)} and {list(mat2.shape)} do not fit")
    batch, rows, columns = input.shape
    places = input.pattern.elements
    indices = np.stack([places.indices[0] * rows + places.indices[1], places.indices[0] * columns + places.indices[2]])
    flat = SparseArray(Pattern(indices, (batch * rows, batch * columns)), input.element_values())
    return (flat @ mat2.reshape(batch * columns, -1)).reshape(batch, rows, -1)


FORWARD.update(
    mm=product, mv=applied, addmm=added_product, addmv=added_vector, bmm=batched_product,
    linear_plain=lambda input, weight: product(input, arrays.transposed(weight) if is_array(weight) else weight.T),
    linear_bias=lambda input, weight, bias: product(
        input, arrays.transposed(weight) if is_array(weight) else weight.T
    ) + bias,
)  # fmt: skip


def is_array(x: Any) -> bool:
    """Whether an array is sparse."""
    return isinstance(x, SparseArray)


# ---------------------------------------------------------------- sums


def total(input: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """The sum of all elements, a number; over some dims, a sparse tensor of the others."""
    kind = dtype.numpy if dtype is not None else np.dtype(np.int64) if input.dtype.kind in "iub" else None
    values = input.values if kind is None else input.values.astype(kind)
    if dim is None or dim == ():
        made = by("sum", values)
        return made.reshape((1,) * input.ndim) if keepdim else made
    dims = wrap_dims(dim, input.ndim)
    if input.layout is devices.sparse_coo and not input.coalesced:
        return total(input.coalesce(), dim, keepdim, dtype)
    array = input if input.layout is devices.sparse_coo else coordinates(SparseArray(input.pattern, values))
    values = array.values if array is not input else values
    sparse_dim = len(array.pattern.sizes)
    dense = tuple(d - sparse_dim + 1 for d in dims if d >= sparse_dim)
    if dense:
        values = by("sum", values, dense, keepdim)
    kept = [d for d in range(sparse_dim) if d not in dims]
    if len(kept) == sparse_dim:
        return SparseArray(array.pattern, values)
    if not kept:
        made = by("sum", values, (0,))
        return made.reshape((1,) * sparse_dim + made.shape) if keepdim else made
    out = reduced(array.pattern, kept, keepdim).make(values).coalesce()
    if input.layout is devices.sparse_coo:
        return unsaid(out) if keepdim else out
    if not keepdim:
        raise GraphError("reduction operations on CSR tensors with keepdim=False is unsupported")
    return compressed_from(out, input.layout, input.pattern.block)


def unsaid(array: SparseArray) -> SparseArray:
    """An array of which it is not known that it is coalesced."""
    return SparseArray(Pattern(array.pattern.indices, array.pattern.sizes), array.values)


def reduced(pattern: Pattern, kept: list[int], keepdim: bool) -> Pattern:
    """The places of a pattern in some of its dims; the others left out, or of length 1."""
    if not keepdim:
        return Pattern(pattern.indices[kept], tuple(pattern.sizes[d] for d in kept))
    indices = pattern.indices.copy()
    gone = [d for d in range(len(pattern.sizes)) if d not in kept]
    indices[gone] = 0
    return Pattern(indices, tuple(1 if d in gone else n for d, n in enumerate(pattern.sizes)))


def coordinates(array: SparseArray) -> SparseArray:
    """A sparse array as coordinates, in the order of its values."""
    return SparseArray(array.pattern.elements, array.element_values())


FORWARD["sum"] = total


# ---------------------------------------------------------------- composites


def norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The norm of all elements."""
    if dim is not None and tuple(np.atleast_1d(dim)):
        raise missing("norm", input)
    values = values_of(coalesced(input))
    return m.norm(m.reshape(values, (-1,)), p, None, False, dtype=dtype)


def refused(message: str) -> Callable[..., Any]:
    """A composite that there is not for sparse tensors."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise GraphError(message)

    return refuse


COMPOSITES.update(
    norm=norm, reshape=refused("reshape is not implemented for sparse tensors"),
    flatten=refused("reshape is not implemented for sparse tensors"),
    broadcast_to=refused("expand is unsupported for Sparse tensors"),
    contiguous=refused("unsupported memory format option Contiguous"),
)  # fmt: skip


def viewed(input: Any, *shape: Any) -> Any:
    """Sparse tensors have no views of other shapes."""
    raise missing("view", input)


COMPOSITES["view"] = viewed


def expanded(input: Any, size: Any, implicit: bool = False) -> Any:
    """Sparse tensors are not expanded."""
    raise GraphError("expand is unsupported for Sparse tensors")


RULES["expand"] = expanded


# ---------------------------------------------------------------- in place


def add_in_place(input: Any, other: Any, alpha: Any = 1) -> Any:
    """input += alpha * other; a dense tensor is written only where the sparse one has values."""
    if is_sparse(input) or not is_sparse(other) or (input._flags | other._flags) & 1 and current().grad:
        return stored(input, added(input, other, alpha))
    array = other._array
    if input._array.shape != array.shape:
        raise ShapeError(
            f"add: expected 'self' to be as large as the sparse tensor, but {list(input.shape)} != {list(other.shape)}"
        )
    array = SparseArray(array.pattern, by("mul", array.values, alpha)) if alpha != 1 else array
    arrays.add_into(input._array, array.astype(input._array.dtype, copy=False))
    written(input, 5)
    return input


def added(input: Any, other: Any, alpha: Any) -> Any:
    """input + alpha * other."""
    return GENERAL.add(input, other, alpha=alpha)


def subtract_in_place(input: Any, other: Any, alpha: Any = 1) -> Any:
    """input -= alpha * other."""
    return add_in_place(input, other, -alpha)


def multiply_in_place(input: Any, other: Any) -> Any:
    """input *= other; a dense tensor keeps its layout."""
    out = m.mul(input, other)
    return stored(input, dense_of(out) if is_sparse(out) and not is_sparse(input) else out)


def zero_in_place(input: Any) -> Any:
    """No element is stored any more."""
    pattern = pattern_of(input)
    if pattern.layout is not devices.sparse_coo:
        none = m.index_select(values_of(input), pattern.plain.ndim - 1, wrap(np.zeros(0, np.int64)))
        return stored(input, rebuilt(none, pattern.emptied(), "ZeroBackward0"))
    empty = Pattern(np.zeros((len(pattern.sizes), 0), np.int64), pattern.sizes, True)
    none = m.index_select(values_of(input), 0, wrap(np.zeros(0, np.int64)))
    return stored(input, rebuilt(none, empty, "ZeroBackward0"))


def copy_in_place(input: Any, other: Any, non_blocking: bool = False) -> Any:
    """The elements of another sparse tensor, its places included."""
    if not is_sparse(other) or not is_sparse(input):
        raise GraphError(
            "copy_() between dense and sparse Tensors is not implemented! Found self type = "
            f"{input.type()} and src type = {other.type()}"
        )
    copied = m.clone(other) if other.dtype is input.dtype else m.to_dtype(other, input._array.values.dtype)
    return stored(input, copied)


def fill_in_place(input: Any, value: Any) -> Any:
    """A number for every value of a compressed tensor; coordinates cannot be filled."""
    if input._array.layout is devices.sparse_coo:
        raise missing("fill_", input)
    return stored(input, rebuilt(wrap(np.full_like(input._array.values, value)), pattern_of(input), None))


INPLACE.update(fill=fill_in_place, fill_number=fill_in_place)
INPLACE.update(mul=multiply_in_place, add=add_in_place, sub=subtract_in_place, zero=zero_in_place, copy=copy_in_place)
