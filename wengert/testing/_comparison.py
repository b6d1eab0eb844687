"""Comparison by pairs: nested values are taken apart into pairs, and each pair says whether its two sides agree.

A class of pairs refuses what it does not know by raising `UnsupportedInputs`, and the next one is tried.  A failure
is an `ErrorMeta`, which knows the type of the error, its text, and the place of the item in the nest.
"""

from __future__ import annotations

import abc
import cmath
import collections.abc
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import numpy as np

import wengert as torch
from wengert.core.base.errors import ArgumentError, ValueRangeError
from wengert.testing._mismatches import Identifier, make_scalar_mismatch_msg, make_tensor_mismatch_msg

Message = str | Callable[[str], str] | None

_DTYPE_PRECISIONS: dict[Any, tuple[float, float]] = {  # the relative and the absolute tolerance
    torch.float16: (1e-3, 1e-5), torch.bfloat16: (1.6e-2, 1e-5), torch.float32: (1.3e-6, 1e-5),
    torch.float64: (1e-7, 1e-7), torch.complex32: (1e-3, 1e-5), torch.complex64: (1.3e-6, 1e-5),
    torch.complex128: (1e-7, 1e-7),
}  # fmt: skip


class ErrorMeta(Exception):
    """A failure before it is raised: the type of the error, its text, and the keys that lead to the item."""

    def __init__(self, type: type[Exception], msg: str, *, id: tuple[Any, ...] = ()) -> None:
        super().__init__(msg)
        self.type, self.msg, self.id = type, msg, id

    def to_error(self, msg: Message = None) -> Exception:
        """The error with its own text, with what `msg` makes of that, or with the text `msg`."""
        if isinstance(msg, str):
            return self.type(msg)
        text = self.msg
        if self.id:
            text += f"\n\nThe failure occurred for item {''.join(f'[{key!r}]' for key in self.id)}"
        return self.type(msg(text) if callable(msg) else text)


class UnsupportedInputs(Exception):
    """Raised by the constructor of a pair that does not know values of this kind."""


def default_tolerances(*inputs: Any, dtype_precisions: Any = None) -> tuple[float, float]:
    """The loosest tolerances (rtol, atol) of the dtypes given, or of the tensors'."""
    table, found = dtype_precisions or _DTYPE_PRECISIONS, []
    for value in inputs:
        if not isinstance(value, (torch.Tensor, torch.dtype)):
            raise ArgumentError(f"Expected a torch.Tensor or a torch.dtype, but got {type(value)} instead.")
        found.append(table.get(value.dtype if isinstance(value, torch.Tensor) else value, (0.0, 0.0)))
    return max(rtol for rtol, _ in found), max(atol for _, atol in found)


def get_tolerances(
    *inputs: Any, rtol: float | None, atol: float | None, id: tuple[Any, ...] = ()
) -> tuple[float, float]:
    """The tolerances given, else those that the dtypes have by default."""
    if (rtol is None) != (atol is None):
        missing = "rtol" if rtol is None else "atol"
        text = f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}."
        raise ErrorMeta(ValueRangeError, text, id=id)
    if rtol is not None and atol is not None:
        return rtol, atol
    return default_tolerances(*inputs)


class Pair(abc.ABC):
    """Two values to compare; subclasses take the options they know and hand the rest on."""

    def __init__(self, actual: Any, expected: Any, *, id: tuple[Any, ...] = (), **unknown_parameters: Any) -> None:
        self.actual, self.expected, self.id = actual, expected, id
        self._unknown_parameters = unknown_parameters

    @staticmethod
    def _inputs_not_supported() -> NoReturn:
        raise UnsupportedInputs

    @staticmethod
    def _check_inputs_isinstance(*inputs: Any, cls: Any) -> None:
        if not all(isinstance(value, cls) for value in inputs):
            raise UnsupportedInputs

    def _fail(self, type: type[Exception], msg: str, *, id: tuple[Any, ...] = ()) -> NoReturn:
        raise ErrorMeta(type, msg, id=id or getattr(self, "id", ()))

    @abc.abstractmethod
    def compare(self) -> None:
        """Raise ErrorMeta unless the two sides agree."""

    def extra_repr(self) -> Sequence[str | tuple[str, Any]]:
        """Names of attributes, or pairs (name, value), that the representation shows besides the two sides."""
        return []

    def __repr__(self) -> str:
        extra = [(part, getattr(self, part)) if isinstance(part, str) else part for part in self.extra_repr()]
        facts = [("id", self.id), ("actual", self.actual), ("expected", self.expected), *extra]
        return "\n".join([f"{type(self).__name__}(", *(f"    {name}={value!s}," for name, value in facts), ")"])


class ObjectPair(Pair):
    """Values of any kind, compared by `==`."""

    def compare(self) -> None:
        """Raise ErrorMeta unless they are equal."""
        try:
            equal = self.actual == self.expected
        except Exception as error:
            text = f"{self.actual} == {self.expected} failed with:\n{error}."
            raise ErrorMeta(ValueError, text, id=self.id) from error
        if not equal:
            self._fail(AssertionError, f"{self.actual} != {self.expected}")


class NonePair(Pair):
    """None on at least one side."""

    def __init__(self, actual: Any, expected: Any, **other_parameters: Any) -> None:
        if actual is not None and expected is not None:
            raise UnsupportedInputs
        super().__init__(actual, expected, **other_parameters)

    def compare(self) -> None:
        """Raise ErrorMeta unless both are None."""
        if self.actual is not self.expected:
            self._fail(AssertionError, f"None mismatch: {self.actual} is not {self.expected}")


class BooleanPair(Pair):
    """Two booleans, of Python or NumPy."""

    def __init__(self, actual: Any, expected: Any, *, id: tuple[Any, ...], **other_parameters: Any) -> None:
        actual, expected = self._process_inputs(actual, expected, id=id)
        super().__init__(actual, expected, id=id, **other_parameters)

    @property
    def _supported_types(self) -> tuple[type, ...]:
        return bool, np.bool_

    def _process_inputs(self, actual: Any, expected: Any, *, id: tuple[Any, ...]) -> Any:
        self._check_inputs_isinstance(actual, expected, cls=self._supported_types)
        return self._to_bool(actual, id=id), self._to_bool(expected, id=id)

    def _to_bool(self, bool_like: Any, *, id: tuple[Any, ...]) -> bool:
        if not isinstance(bool_like, self._supported_types):
            raise ErrorMeta(ArgumentError, f"Unknown boolean type {type(bool_like)}.", id=id)
        return bool(bool_like)

    def compare(self) -> None:
        """Raise ErrorMeta unless they are the same."""
        if self.actual is not self.expected:
            self._fail(AssertionError, f"Booleans mismatch: {self.actual} is not {self.expected}")


class NumberPair(Pair):
    """Two numbers, of Python or NumPy; `check_dtype` asks for the same type of number."""

    _TYPE_TO_DTYPE: dict[type, Any] = {int: torch.int64, float: torch.float64, complex: torch.complex128}
    _NUMBER_TYPES = (int, float, complex)

    def __init__(
        self, actual: Any, expected: Any, *, id: tuple[Any, ...] = (), rtol: float | None = None,
        atol: float | None = None, equal_nan: bool = False, check_dtype: bool = False, **other_parameters: Any,
    ) -> None:  # fmt: skip
        actual, expected = self._process_inputs(actual, expected, id=id)
        super().__init__(actual, expected, id=id, **other_parameters)
        kinds = [self._TYPE_TO_DTYPE[type(x)] for x in (actual, expected)]
        self.rtol, self.atol = get_tolerances(*kinds, rtol=rtol, atol=atol, id=id)
        self.equal_nan, self.check_dtype = equal_nan, check_dtype

    @property
    def _supported_types(self) -> tuple[type, ...]:
        return (*self._NUMBER_TYPES, np.number)

    def _process_inputs(self, actual: Any, expected: Any, *, id: tuple[Any, ...]) -> Any:
        self._check_inputs_isinstance(actual, expected, cls=self._supported_types)
        return self._to_number(actual, id=id), self._to_number(expected, id=id)

    def _to_number(self, number_like: Any, *, id: tuple[Any, ...]) -> Any:
        if isinstance(number_like, np.number):
            return number_like.item()
        if isinstance(number_like, self._NUMBER_TYPES):
            return number_like
        raise ErrorMeta(ArgumentError, f"Unknown number type {type(number_like)}.", id=id)

    def compare(self) -> None:
        """Raise ErrorMeta unless |actual - expected| <= atol + rtol |expected|."""
        a, b = self.actual, self.expected
        if self.check_dtype and type(a) is not type(b):
            self._fail(AssertionError, f"The (d)types do not match: {type(a)} != {type(b)}.")
        if a == b or self.equal_nan and cmath.isnan(a) and cmath.isnan(b):
            return
        difference = abs(a - b)
        if not (cmath.isfinite(difference) and difference <= self.atol + self.rtol * abs(b)):
            self._fail(AssertionError, make_scalar_mismatch_msg(a, b, rtol=self.rtol, atol=self.atol))

    def extra_repr(self) -> Sequence[str]:
        """The options that decide."""
        return "rtol", "atol", "equal_nan", "check_dtype"


_COMPRESSED = {
    torch.sparse_csr: ("CSR", "crow_indices", "col_indices"), torch.sparse_csc: ("CSC", "ccol_indices", "row_indices"),
    torch.sparse_bsr: ("BSR", "crow_indices", "col_indices"), torch.sparse_bsc: ("BSC", "ccol_indices", "row_indices"),
}  # fmt: skip
_LAYOUTS = {torch.strided, torch.sparse_coo, *_COMPRESSED}
_WIDE_UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)


class TensorLikePair(Pair):
    """Two tensors, or values of one type that tensors can be made of: attributes first, then elements."""

    def __init__(
        self, actual: Any, expected: Any, *, id: tuple[Any, ...] = (), allow_subclasses: bool = True,
        rtol: float | None = None, atol: float | None = None, equal_nan: bool = False, check_device: bool = True,
        check_dtype: bool = True, check_layout: bool = True, check_stride: bool = False, **other_parameters: Any,
    ) -> None:  # fmt: skip
        actual, expected = self._process_inputs(actual, expected, id=id, allow_subclasses=allow_subclasses)
        super().__init__(actual, expected, id=id, **other_parameters)
        self.rtol, self.atol = get_tolerances(actual, expected, rtol=rtol, atol=atol, id=id)
        self.equal_nan, self.check_device, self.check_dtype = equal_nan, check_device, check_dtype
        self.check_layout, self.check_stride = check_layout, check_stride

    def _process_inputs(self, actual: Any, expected: Any, *, id: tuple[Any, ...], allow_subclasses: bool) -> Any:
        related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
        if not related or not allow_subclasses and type(actual) is not type(expected):
            raise UnsupportedInputs
        return self._tensors(actual, expected, id)

    def _tensors(self, actual: Any, expected: Any, id: tuple[Any, ...]) -> Any:
        found = self._to_tensor(actual), self._to_tensor(expected)
        for x in found:
            self._check_supported(x, id=id)
        return found

    def _to_tensor(self, tensor_like: Any) -> Any:
        if isinstance(tensor_like, torch.Tensor):
            return tensor_like
        try:
            return torch.as_tensor(tensor_like)
        except Exception:
            raise UnsupportedInputs from None

    def _check_supported(self, tensor: Any, *, id: tuple[Any, ...]) -> None:
        if tensor.layout not in _LAYOUTS:
            raise ErrorMeta(ValueRangeError, f"Unsupported tensor layout {tensor.layout}", id=id)

    def compare(self) -> None:
        """Raise ErrorMeta unless the attributes asked for are the same and the elements close."""
        self._compare_attributes(self.actual, self.expected)
        if "meta" not in (self.actual.device.type, self.expected.device.type):
            self._compare_values(*self._equalize_attributes(self.actual, self.expected))

    def _compare_attributes(self, actual: Any, expected: Any) -> None:
        strided = actual.layout == expected.layout == torch.strided
        facts: list[tuple[bool, str, Callable[[Any], Any]]] = [
            (True, "shape", lambda x: x.shape),
            (self.check_layout, "layout", lambda x: x.layout),
            (self.check_stride and strided, "stride()", lambda x: x.stride()),
            (self.check_device, "device", lambda x: x.device),
            (self.check_dtype, "dtype", lambda x: x.dtype),
        ]
        for asked, name, of in facts:
            if asked and of(actual) != of(expected):
                text = f"The values for attribute '{name}' do not match: {of(actual)} != {of(expected)}."
                self._fail(AssertionError, text)

    def _equalize_attributes(self, actual: Any, expected: Any) -> Any:
        if actual.device != expected.device:
            actual, expected = actual.cpu(), expected.cpu()
        if actual.dtype != expected.dtype:
            kinds = [torch.int64 if x.dtype in _WIDE_UNSIGNED else x.dtype for x in (actual, expected)]
            common = torch.promote_types(*kinds)
            actual, expected = actual.to(common), expected.to(common)
        if actual.layout != expected.layout:
            actual, expected = (x if x.layout == torch.strided else x.to_dense() for x in (actual, expected))
        return actual, expected

    def _compare_values(self, actual: Any, expected: Any) -> None:
        compare: Any = self._compare_regular_values_close
        if actual.layout == torch.sparse_coo:
            compare = self._compare_sparse_coo_values
        elif actual.layout in _COMPRESSED:
            compare = self._compare_sparse_compressed_values
        elif actual.dtype.is_floating_point and actual.dtype.itemsize == 1 and (self.rtol or self.atol):
            text = f"Rtol={self.rtol} and atol={self.atol} are not supported for bitwise comparison of low"
            self._fail(AssertionError, f"{text} dimensional floats. Please use rtol=0.0 and atol=0.0.")
        compare(actual, expected, rtol=self.rtol, atol=self.atol, equal_nan=self.equal_nan)

    def _compare_counts(self, what: str, actual: int, expected: int) -> None:
        if actual != expected:
            self._fail(AssertionError, f"The number of {what} does not match: {actual} != {expected}")

    def _compare_sparse_coo_values(self, actual: Any, expected: Any, **options: Any) -> None:
        self._compare_counts("sparse dimensions in sparse COO tensors", actual.sparse_dim(), expected.sparse_dim())
        self._compare_counts("specified values in sparse COO tensors", actual._nnz(), expected._nnz())
        self._compare_regular_values_equal(actual._indices(), expected._indices(), identifier="Sparse COO indices")
        a, b = actual._values(), expected._values()
        self._compare_regular_values_close(a, b, identifier="Sparse COO values", **options)

    def _compare_sparse_compressed_values(self, actual: Any, expected: Any, **options: Any) -> None:
        name, *methods = _COMPRESSED[actual.layout]
        self._compare_counts(f"specified values in sparse {name} tensors", actual._nnz(), expected._nnz())
        for method in methods:
            a, b = getattr(actual, method)(), getattr(expected, method)()
            common = torch.promote_types(a.dtype, b.dtype)
            self._compare_regular_values_equal(a.to(common), b.to(common), identifier=f"Sparse {name} {method}")
        a, b = actual.values(), expected.values()
        self._compare_regular_values_close(a, b, identifier=f"Sparse {name} values", **options)

    def _compare_regular_values_equal(
        self, actual: Any, expected: Any, *, equal_nan: bool = False, identifier: Identifier = None
    ) -> None:
        self._compare_regular_values_close(actual, expected, rtol=0, atol=0, equal_nan=equal_nan, identifier=identifier)

    def _compare_regular_values_close(
        self, actual: Any, expected: Any, *, rtol: float, atol: float, equal_nan: bool, identifier: Identifier = None
    ) -> None:
        matches = close(actual, expected, rtol, atol, equal_nan)
        if matches.all():
            return
        if actual.ndim:
            text = make_tensor_mismatch_msg(
                actual, expected, matches, rtol=rtol, atol=atol, identifier=identifier
            )  # fmt: skip
        else:
            text = make_scalar_mismatch_msg(actual.item(), expected.item(), rtol=rtol, atol=atol, identifier=identifier)
        self._fail(AssertionError, text)

    def extra_repr(self) -> Sequence[str]:
        """The options that decide."""
        return "rtol", "atol", "equal_nan", "check_device", "check_dtype", "check_layout", "check_stride"


def close(actual: Any, expected: Any, rtol: float, atol: float, equal_nan: bool) -> Any:
    """Where |actual - expected| <= atol + rtol |expected|, as a tensor of booleans without history."""
    a, b = (torch.Tensor.detach(x).as_subclass(torch.Tensor) for x in (actual, expected))
    if a.dtype.is_floating_point and a.dtype.itemsize == 1:  # eight-bit floats only store
        a, b = a.float(), b.float()
    return torch.isclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan)


Types = tuple[type, ...]


def originate_pairs(
    actual: Any, expected: Any, *, pair_types: Sequence[Any], sequence_types: Types = (collections.abc.Sequence,),
    mapping_types: Types = (collections.abc.Mapping,), id: tuple[Any, ...] = (), **options: Any,
) -> list[Pair]:  # fmt: skip
    """The pairs that two nests of values consist of.

    Raises: ErrorMeta for lengths or keys that differ, and where no class of pairs takes the two values.
    """
    kinds: dict[str, Any] = {
        "pair_types": pair_types,
        "sequence_types": sequence_types,
        "mapping_types": mapping_types,
    }
    keys: Iterable[Any]
    if all(isinstance(x, sequence_types) and not isinstance(x, str) for x in (actual, expected)):
        if len(actual) != len(expected):
            text = f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
            raise ErrorMeta(AssertionError, text, id=id)
        keys = range(len(actual))
    elif isinstance(actual, mapping_types) and isinstance(expected, mapping_types):
        keys = common_keys(actual, expected, id)
    else:
        return [first_pair(actual, expected, pair_types, id, options)]
    found: list[Pair] = []
    for key in keys:
        found += originate_pairs(actual[key], expected[key], id=(*id, key), **kinds, **options)
    return found


def common_keys(actual: Any, expected: Any, id: tuple[Any, ...]) -> list[Any]:
    """The keys of two mappings, which must be the same; sorted if they can be."""
    missing, surplus = set(expected.keys()) - set(actual.keys()), set(actual.keys()) - set(expected.keys())
    if missing or surplus:
        text = (
            "The keys of the mappings do not match:\n"
            f"Missing keys in the actual mapping: {in_order(missing)}\n"
            f"Additional keys in the actual mapping: {in_order(surplus)}"
        )
        raise ErrorMeta(AssertionError, text, id=id)
    return in_order(actual.keys())


def in_order(keys: Iterable[Any]) -> list[Any]:
    """Keys sorted, or as they come where they have no order."""
    try:
        return sorted(keys)
    except TypeError:
        return list(keys)


def first_pair(actual: Any, expected: Any, pair_types: Any, id: tuple[Any, ...], options: Any) -> Pair:
    """The pair of the first class that takes the two values."""
    for made in pair_types:
        try:
            pair: Pair = made(actual, expected, id=id, **options)
        except UnsupportedInputs:
            continue
        except ErrorMeta:
            raise
        except Exception as error:
            place = "".join(str([key]) for key in id)
            raise RuntimeError(
                f"Originating a {made.__name__}() at item {place} with\n\n{type(actual).__name__}(): {actual}\n\n"
                f"and\n\n{type(expected).__name__}(): {expected}\n\nresulted in the unexpected exception above."
            ) from error
        return pair
    text = f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
    raise ErrorMeta(ArgumentError, text, id=id)


def not_close_error_metas(
    actual: Any, expected: Any, *, pair_types: Sequence[Any] = (ObjectPair,),
    sequence_types: Types = (collections.abc.Sequence,), mapping_types: Types = (collections.abc.Mapping,),
    **options: Any,
) -> list[ErrorMeta]:  # fmt: skip
    """The failures of all pairs; lengths and keys that differ are raised at once."""
    __tracebackhide__ = True
    kinds: dict[str, Any] = {"sequence_types": sequence_types, "mapping_types": mapping_types}
    try:
        pairs = originate_pairs(actual, expected, pair_types=pair_types, **kinds, **options)
    except ErrorMeta as failure:
        raise failure.to_error() from None
    found = []
    for pair in pairs:
        try:
            pair.compare()
        except ErrorMeta as failure:
            found.append(failure.with_traceback(None))
        except Exception as error:
            raise RuntimeError(f"Comparing\n\n{pair}\n\nresulted in the unexpected exception above.") from error
    return found


def assert_close(
    actual: Any, expected: Any, *, allow_subclasses: bool = True, rtol: float | None = None, atol: float | None = None,
    equal_nan: bool = False, check_device: bool = True, check_dtype: bool = True, check_layout: bool = True,
    check_stride: bool = False, msg: Message = None,
) -> None:  # fmt: skip
    """Assert |actual - expected| <= atol + rtol |expected| everywhere; tensors, arrays, numbers, nested in containers.

    The tolerances depend on the dtype unless both are given; integers and booleans must be equal.
    Raises: AssertionError that says how many elements differ and by how much; ValueRangeError for one tolerance
    without the other; ArgumentError for values that cannot be compared.
    """
    __tracebackhide__ = True
    failures = not_close_error_metas(
        actual, expected, pair_types=(NonePair, BooleanPair, NumberPair, TensorLikePair), rtol=rtol, atol=atol,
        allow_subclasses=allow_subclasses, equal_nan=equal_nan, check_device=check_device, check_dtype=check_dtype,
        check_layout=check_layout, check_stride=check_stride, msg=msg,
    )  # fmt: skip
    if failures:
        raise failures[0].to_error(msg)


def assert_allclose(
    actual: Any, expected: Any, rtol: float | None = None, atol: float | None = None, equal_nan: bool = True,
    msg: str = "",
) -> None:  # fmt: skip
    """The older form of `assert_close`: dtypes and strides may differ, and NaN equals NaN."""
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12: use `torch.testing.assert_close()`.",
        FutureWarning,
        stacklevel=2,
    )
    actual = actual if isinstance(actual, torch.Tensor) else torch.tensor(actual)
    expected = expected if isinstance(expected, torch.Tensor) else torch.tensor(expected, dtype=actual.dtype)
    if rtol is None and atol is None:
        table = {torch.float16: (1e-3, 1e-3), torch.float32: (1e-4, 1e-5), torch.float64: (1e-5, 1e-8)}
        rtol, atol = default_tolerances(actual, expected, dtype_precisions=table)
    assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None)


__all__ = ["assert_allclose", "assert_close"]
