"""Making tensors, in the standard's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.array_api.types import category, complex_of, default_float, dialect, is_tensor, result_type, tensor
from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import DtypeError, ValueRangeError


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Any:
    """The data as a tensor: of a tensor, a number, nested lists, an array, a buffer or an object with `__dlpack__`.

    `copy=None` copies only where it must, `True` always; a tensor's copy is recorded.
    Raises: ValueRangeError where `copy=False` and there is no memory to share.
    """
    if is_tensor(obj):
        target = obj.to(dtype=dtype or obj.dtype, device=obj.device if device is None else device, copy=bool(copy))
        if copy is False and target is not obj:
            raise ValueRangeError("asarray(): copy=False, but another dtype or device needs a copy")
        return target
    if copy is False and (isinstance(obj, (bool, int, float, complex, list, tuple))):
        raise ValueRangeError(f"asarray(): copy=False, but {type(obj).__name__} has no memory to share")
    if isinstance(obj, (list, tuple)) and _holds_tensors(obj):
        out = _stacked(obj)
        return out.to(dtype=dtype or out.dtype, device=out.device if device is None else device)
    if copy:
        made = dialect.asarray(obj, dtype=dtype, device=device)
        return made.clone() if hasattr(obj, "__dlpack__") or not isinstance(obj, (list, tuple)) else made
    made = dialect.asarray(obj, dtype=dtype, device=device)
    if copy is False and dtype is not None and dialect.asarray(obj).dtype is not made.dtype:
        raise ValueRangeError(f"asarray(): copy=False, but dtype {dtype} needs a copy")
    return made


def _holds_tensors(obj: Any) -> bool:
    """Whether a tensor stands somewhere in nested lists."""
    return is_tensor(obj) or isinstance(obj, (list, tuple)) and any(_holds_tensors(each) for each in obj)


def _stacked(obj: Any) -> Any:
    """Nested lists with tensors in them, stacked and so recorded."""
    if not isinstance(obj, (list, tuple)):
        return obj if is_tensor(obj) else dialect.asarray(obj)
    rows = [_stacked(each) for each in obj]
    dtype = result_type(*rows)
    return dialect.stack([row.to(dtype) for row in rows])


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Any:
    """A tensor over the memory that an object offers by DLPack; `copy=True` for memory of its own."""
    out = dialect.from_dlpack(x)
    moved = out if device is None else out.to(device)
    if copy is False and moved is not out:
        raise ValueRangeError(f"from_dlpack(): copy=False, but memory on {out.device} cannot be shared with {device}")
    return moved.clone() if copy and moved is out else moved


def _lengths(shape: Any) -> tuple[int, ...]:
    """A shape given as a number or a sequence."""
    return (shape,) if isinstance(shape, int) else tuple(shape)


def empty(shape: int | Sequence[int], *, dtype: Any = None, device: Any = None) -> Any:
    """A tensor whose elements are whatever its memory held."""
    return dialect.empty(_lengths(shape), dtype=dtype, device=device)


def zeros(shape: int | Sequence[int], *, dtype: Any = None, device: Any = None) -> Any:
    """Zeros."""
    return dialect.zeros(_lengths(shape), dtype=dtype, device=device)


def ones(shape: int | Sequence[int], *, dtype: Any = None, device: Any = None) -> Any:
    """Ones."""
    return dialect.ones(_lengths(shape), dtype=dtype, device=device)


def full(shape: int | Sequence[int], fill_value: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """One value everywhere; its kind gives the dtype where none is given."""
    return dialect.full(_lengths(shape), fill_value, dtype=dtype, device=device)


def empty_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """`empty` in the shape, dtype and device of x."""
    return dialect.empty_like(tensor(x, "empty_like"), dtype=dtype, device=device)


def zeros_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """`zeros` in the shape, dtype and device of x."""
    return dialect.zeros_like(tensor(x, "zeros_like"), dtype=dtype, device=device)


def ones_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """`ones` in the shape, dtype and device of x."""
    return dialect.ones_like(tensor(x, "ones_like"), dtype=dtype, device=device)


def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """`full` in the shape, dtype and device of x."""
    return dialect.full_like(tensor(x, "full_like"), fill_value, dtype=dtype, device=device)


def arange(
    start: float, /, stop: float | None = None, step: float = 1, *, dtype: Any = None, device: Any = None
) -> Any:
    """start, start + step, ... up to but without stop; empty where the step leads away from stop."""
    if stop is None:
        start, stop = 0, start
    if step == 0:
        raise ValueRangeError("arange(): step must be nonzero")
    if (stop - start) * step <= 0:
        whole = all(isinstance(value, int) for value in (start, stop, step))
        return dialect.empty(0, dtype=dtype or (dtypes.ALL["int64"] if whole else default_float()), device=device)
    return dialect.arange(start, stop, step, dtype=dtype, device=device)


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Any:
    """`num` numbers from start to stop at equal distances; without the last where `endpoint` is false.

    Raises: DtypeError for a dtype that is neither real nor complex.
    """
    if dtype is None:
        whole = not isinstance(start, complex) and not isinstance(stop, complex)
        dtype = default_float() if whole else complex_of(default_float())
    elif category(dtype) < 2:
        raise DtypeError(f"linspace(): expected a real or complex floating dtype, not {dtype}")
    if endpoint or num == 0:
        return dialect.linspace(start, stop, num, dtype=dtype, device=device)
    return dialect.linspace(start, stop, num + 1, dtype=dtype, device=device)[:-1]


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Any:
    """Ones on the k-th diagonal of a matrix, zeros elsewhere."""
    columns = n_rows if n_cols is None else n_cols
    out = dialect.zeros(n_rows, columns, dtype=dtype, device=device)
    if -n_rows < k < columns:
        out.diagonal(k).fill_(1)
    return out


def tril(x: Any, /, *, k: int = 0) -> Any:
    """The matrices' elements on and below the k-th diagonal; zeros above."""
    return dialect.tril(tensor(x, "tril"), k)


def triu(x: Any, /, *, k: int = 0) -> Any:
    """The matrices' elements on and above the k-th diagonal; zeros below."""
    return dialect.triu(tensor(x, "triu"), k)


def meshgrid(*arrays: Any, indexing: str = "xy") -> tuple[Any, ...]:
    """Coordinate tensors of a grid from one-dimensional coordinates; "xy" swaps the first two dims, "ij" does not."""
    return tuple(dialect.meshgrid(*arrays, indexing=indexing)) if arrays else ()
