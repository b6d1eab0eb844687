"""What `out=` must satisfy beyond holding the result: option `errors` of a record, asked before anything is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import AliasError, ArgumentError, DtypeError
from wengert.core.operators.library.matrices import array_of, cplusplus_of, scalar_of
from wengert.core.operators.raw import namespace_of

Demand = Callable[[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]], None]
"""(arguments, tensors given as out=, results): raises what is wrong with the tensors given."""


def tensors_of(arguments: Any) -> list[Any]:
    """The tensors among arguments, those of lists too."""
    found = []
    for x in arguments:
        if isinstance(x, (list, tuple)):
            found += tensors_of(x)
        elif hasattr(x, "_array"):
            found.append(x)
    return found


def of_dtype(words: Callable[[Any, Any], str], which: int = -1) -> Demand:
    """The tensors given must have the results' dtypes; `words(result, given)` says that they do not."""

    def demand(arguments: Any, outs: Any, values: Any) -> None:
        for i, (target, value) in enumerate(zip(outs, values, strict=True)):
            if which in (-1, i) and array_of(target).dtype != array_of(value).dtype:
                raise DtypeError(words(value, target))

    return demand


def castable(words: Callable[[Any], str]) -> Demand:
    """The tensors given must be able to hold the results; `words(given)` of an ArgumentError says that they are not."""

    def demand(arguments: Any, outs: Any, values: Any) -> None:
        for target, value in zip(outs, values, strict=True):
            if not dtypes.can_cast(dtypes.of(array_of(value).dtype), dtypes.of(array_of(target).dtype)):
                raise ArgumentError(words(target))

    return demand


def expected_dtype(result: Any, given: Any) -> str:
    """Words of the selections."""
    return f"Expected out tensor to have dtype {cplusplus_of(result)}, but got {cplusplus_of(given)} instead"


def found_dtype(result: Any, given: Any) -> str:
    """Words of functions of one tensor."""
    return f"Found dtype {scalar_of(given)} but expected {scalar_of(result)}"


def matching_dtype(result: Any, given: Any) -> str:
    """Words of the extreme values."""
    return (
        f"Expected the dtype for input and out to match, but got {scalar_of(result)} for input's dtype and "
        f"{scalar_of(given)} for out's dtype."
    )


def root(array: Any) -> Any:
    """What owns the memory."""
    while (owner := getattr(array, "base", None)) is not None:
        array = owner
    return array


def grown(target: Any, value: Any) -> Any:
    """What the tensor given covers once it has the result's shape; only for asking where that lies."""
    strides = [target.itemsize]
    for n in value.shape[:0:-1]:
        strides.insert(0, strides[0] * n)
    as_strided = namespace_of(target).np.lib.stride_tricks.as_strided
    return as_strided(target, value.shape, tuple(strides[: value.ndim]))


def overlapping(x: Any, target: Any, value: Any) -> bool:
    """Whether the input and what the tensor given covers, now or with the result in it, share memory."""
    share = namespace_of(x).np.may_share_memory
    if share(x, target) or (x is target and value.size):
        return True
    return target.shape != value.shape and root(x) is root(target) and share(x, grown(target, value))


def apart(arguments: Any, outs: Any, values: Any) -> None:
    """The tensors given must not share memory with an input, nor grow into one that lies in the same memory."""
    given = [array_of(x) for x in tensors_of(arguments)]
    for target, value in zip(map(array_of, outs), map(array_of, values), strict=True):
        for x in given:
            if x.__class__ is target.__class__ and overlapping(x, target, value):
                raise AliasError(
                    "unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
                    "single memory location. Please clone() the tensor before performing the operation."
                )


def words_of(text: str) -> list[str]:
    """Names that stand in a row."""
    return text.split()


STRICT: dict[str, Demand] = {
    **dict.fromkeys(
        words_of(
            "addmm addmv baddbmm bmm mm mv cross linalg_cross diag diagonal_copy expand_copy index_add index_copy "
            "index_reduce linalg_cholesky linalg_det linalg_eigvalsh linalg_inv linalg_ldl_solve linalg_lu_solve "
            "lu_solve linalg_solve linalg_svdvals linalg_vector_norm log_softmax softmax msort avg_pool2d "
            "avg_pool3d linear permute_copy prod renorm scatter scatter_add scatter_reduce squeeze_copy t_copy "
            "take_along_dim transpose_copy tril triu unfold_copy unsqueeze_copy argmax argmin isin"
        ),
        of_dtype(expected_dtype),
    ),
    **dict.fromkeys(
        words_of(
            "abs ceil floor frac neg round sgn sign trunc conj_physical gelu hardshrink softplus softshrink bitwise_not"
        ),
        of_dtype(found_dtype),
    ),
}
"""Operators whose results are stored in tensors of their own dtype alone, and what is asked."""


def both(*demands: Demand) -> Demand:
    """One demand after another."""

    def demand(arguments: Any, outs: Any, values: Any) -> None:
        for each in demands:
            each(arguments, outs, values)

    return demand
