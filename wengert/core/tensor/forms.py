"""Functions and methods that are no operators of their own: other argument orders, old names, tuples of results."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays import histogram, return_types
from wengert.core.arrays.device import contiguous_format
from wengert.core.base.errors import ArgumentError, DtypeError, ShapeError
from wengert.core.tape.core import RECORDED, TensorBase, wrap
from wengert.core.tape.refusals import INTS, refuse_kind, tensor_or_none, tensors_only, type_name
from wengert.core.tensor.creation import arange, check_target, empty_strided
from wengert.core.tensor.data import finish
from wengert.core.tensor.interchange import host


def where(self: Any, condition: Any, other: Any) -> Any:
    """self where condition holds, else other."""
    return RECORDED.where(condition, self, other)


def float_power_(self: Any, exponent: Any) -> Any:
    """In-place form of `float_power`, for tensors of float64 or complex128.

    Raises: DtypeError for other dtypes.
    """
    needs = dtypes.complex128 if self.is_complex() or isinstance(exponent, complex) else dtypes.float64
    if self.dtype is not needs:
        raise DtypeError(
            f"the base given to float_power_ has dtype {self.dtype.scalar} but the operation's result requires dtype "
            f"{needs.scalar}"
        )
    return self.pow_(exponent)


def zero_(input: Any) -> Any:
    """Fill with zeros."""
    return input.zero_()


def range_(start: Any = 0, end: Any = None, step: Any = 1, *, out: Any = None, dtype: Any = None, layout: Any = None,
           device: Any = None, requires_grad: bool = False) -> Any:  # fmt: skip
    """start, start + step, ... up to and including `end`; deprecated in torch in favour of `arange`."""
    if end is None:
        start, end = 0, start
    kind = dtypes.get_default_dtype() if dtype is None else dtype
    count = int((end - start) / step) + 1
    made = arange(start, start + step * count - step / 2, step, dtype=kind, device=device)
    if out is not None:
        return out.resize_(made.shape).copy_(made)
    return made.requires_grad_() if requires_grad else made


range_.__name__ = range_.__qualname__ = "range"


def empty_permuted(size: Any, physical_layout: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
                   requires_grad: bool = False, pin_memory: bool = False) -> Any:  # fmt: skip
    """Uninitialised memory whose dims lie in the order `physical_layout`, the slowest first.

    Raises: ShapeError unless that is an order of all dims.
    """
    refuse_kind("empty_permuted", "size", 1, INTS, size)
    refuse_kind("empty_permuted", "physical_layout", 2, INTS, physical_layout)
    count = len(size)
    if len(physical_layout) != count:
        raise ShapeError(
            f"Number of dimensions in size does not match the length of the physical_layout: {list(size)} and "
            f"{list(physical_layout)}"
        )
    for i, dim in enumerate(physical_layout):
        if not 0 <= dim < count:
            raise ShapeError(
                f"Dimension out of range (expected to be between 0 and {count - 1}, but got {dim} at index {i})"
            )
        if dim in physical_layout[:i]:
            raise ShapeError(f"Duplicate dim not allowed: {dim} stands twice in {list(physical_layout)}")
    strides, step = [0] * len(size), 1
    for dim in reversed(physical_layout):
        strides[dim] = step
        step *= max(size[dim], 1)
    return empty_strided(size, strides, dtype=dtype, device=device, requires_grad=requires_grad)


range_of = range


def histogramdd(input: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """Counts of the rows of `input` (n, d) in a grid of d dims, and the edges along each dim.

    `bins` is a number for all dims, one number a dim, or one tensor of edges a dim.
    """
    tensors_only("histogramdd", input=input)
    tensor_or_none("histogramdd", weight=weight)
    if isinstance(bins, (list, tuple)) and any(isinstance(b, TensorBase) for b in bins):
        for k, part in enumerate(bins):
            if not isinstance(part, TensorBase):
                raise ArgumentError(f"expected Tensor as element {k} in argument 1, but got {type_name(part)}")
    if not isinstance(bins, (int, list, tuple)) or not_numbers(bins):
        raise ArgumentError("histogramdd() received an invalid combination of arguments - bins are ints or tensors")
    given = host(input)
    weights = None if weight is None else host(weight)
    histogram.check_points(given, weights)
    points = given.reshape(-1, given.shape[-1])
    listed = [bins] * points.shape[1] if isinstance(bins, int) else list(bins)
    even = not any(hasattr(b, "_array") for b in listed)
    if even:
        edges = histogram.even_edges(points, listed, range)
    else:
        edges = [host(b) for b in listed]
        histogram.check_edges(points, edges)
    counts = histogram.histogram(points, edges, even, None if weights is None else weights.reshape(-1), density)
    return return_types.CLASSES["histogramdd"]((wrap(counts), tuple(wrap(line.copy()) for line in edges)))


def not_numbers(bins: Any) -> bool:
    """Whether there is a word among the numbers of bins."""
    return isinstance(bins, (list, tuple)) and any(isinstance(b, str) for b in bins)


def diagonal_copy(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1, *, out: Any = None) -> Any:
    """A copy of the diagonal of dims `dim1` and `dim2`."""
    return delivered(RECORDED.diagonal_copy(input, offset, dim1, dim2), out)


def row_major(view: Any) -> Any:
    """A row-major copy of a view."""
    return RECORDED.clone(view, memory_format=contiguous_format)


def delivered(value: Any, out: Any) -> Any:
    """A result, put into `out=` if that is given."""
    return value if out is None else check_target(out).resize_(value.shape).copy_(value)


def as_strided_copy(input: Any, size: Any, stride: Any, storage_offset: int | None = None, *, out: Any = None) -> Any:
    """A copy of the input's storage seen with given sizes and strides (in elements)."""
    return delivered(row_major(RECORDED.as_strided(input, size, stride, storage_offset)), out)


def as_strided_scatter(self: Any, src: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """A copy of self with `src` written where `as_strided(size, stride, storage_offset)` looks."""
    result = RECORDED.clone(self)
    RECORDED.as_strided(result, size, stride, storage_offset).copy_(src)
    return result


def view_copy(input: Any, size: Any, *, out: Any = None) -> Any:
    """A copy of the input under another shape, or, given a dtype, of its memory read as that dtype."""
    shaped = RECORDED.view if hasattr(size, "itemsize") else RECORDED.reshape
    return delivered(row_major(shaped(input, size)), out)


def view_as_complex_copy(input: Any, *, out: Any = None) -> Any:
    """A copy of pairs of real numbers as complex ones."""
    return delivered(RECORDED.clone(RECORDED.view_as_complex(input)), out)


def thread_safe_generator() -> Any:
    """None: the default generator serves every thread."""
    return None


def from_file(filename: str, shared: bool = False, size: int = 0, *, dtype: Any = None, requires_grad: bool = False,
              device: Any = None, layout: Any = None, pin_memory: bool = False) -> Any:  # fmt: skip
    """A 1-d tensor over a file mapped into memory; `shared` writes go to the file, which is made if missing."""
    kind = (dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)).numpy
    if shared:
        with open(filename, "ab") as file:
            file.truncate(max(size * kind.itemsize, file.tell()))
    mapped = np.memmap(filename, kind, "r+" if shared else "c", shape=(size,))
    return finish(np.asarray(mapped), requires_grad)


def chalf(self: Any, memory_format: Any = None) -> Any:
    """complex32 has no array library that computes it; raises."""
    raise ArgumentError("chalf(): torch.complex32 has no NumPy counterpart, so no tensor can hold it; use cfloat()")


def is_all_true(self: Any) -> Any:
    """Whether all elements of a tensor of booleans are true, as a tensor.

    Raises: DtypeError for other dtypes.
    """
    return RECORDED.all(of_booleans(self))


def is_any_true(self: Any) -> Any:
    """Whether an element of a tensor of booleans is true, as a tensor.

    Raises: DtypeError for other dtypes.
    """
    return RECORDED.any(of_booleans(self))


def of_booleans(x: Any) -> Any:
    """The tensor, which must hold booleans."""
    if x._array.dtype.kind != "b":
        raise DtypeError(f"a tensor of booleans is needed, not of {x.dtype}")
    return x


def addmm_activation(self: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1, use_gelu: bool = False) -> Any:
    """relu, or gelu, of `addmm`."""
    out = RECORDED.addmm(self, mat1, mat2, beta=beta, alpha=alpha)
    return RECORDED.gelu(out) if use_gelu else RECORDED.relu(out)


def lazy_clone(self: Any) -> Any:
    """A copy."""
    return RECORDED.clone(self)


def neg_view(self: Any) -> Any:
    """-self, computed at once."""
    return RECORDED.neg(self)


def view_func(self: Any, new_base: Any) -> Any:
    """What this view shows of its base, shown of another base; None for no view, or a base of another layout."""
    base = self._base
    if base is None or tuple(new_base.shape) != tuple(base.shape) or new_base.stride() != base.stride():
        return None
    offset = self.storage_offset() - base.storage_offset() + new_base.storage_offset()
    return RECORDED.as_strided(new_base, tuple(self.shape), self.stride(), offset)


METHODS: dict[str, Any] = {"where": where, "_is_all_true": is_all_true, "_is_any_true": is_any_true,
                           "_addmm_activation": addmm_activation, "_lazy_clone": lazy_clone, "_neg_view": neg_view,
                           "_view_func": view_func, "float_power_": float_power_, "chalf": chalf,
                           "as_strided_scatter": as_strided_scatter}  # fmt: skip
FUNCTIONS: dict[str, Any] = {
    "zero_": zero_, "range": range_, "empty_permuted": empty_permuted, "histogramdd": histogramdd,
    "diagonal_copy": diagonal_copy, "as_strided_copy": as_strided_copy, "as_strided_scatter": as_strided_scatter,
    "view_copy": view_copy, "view_as_complex_copy": view_as_complex_copy,
    "float_power_": float_power_, "thread_safe_generator": thread_safe_generator, "from_file": from_file,
}  # fmt: skip
