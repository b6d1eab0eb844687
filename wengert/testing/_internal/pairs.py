"""Pairs as `TestCase.assertEqual` compares them: laxer about kinds of numbers, with tolerances set by decorators."""

from __future__ import annotations

import unittest
from enum import Enum
from typing import Any

import numpy as np

import wengert as torch
from wengert.core.base.errors import ValueRangeError
from wengert.testing._comparison import BooleanPair, ErrorMeta, NumberPair, Pair, TensorLikePair, UnsupportedInputs

ARRAYS = (torch.Tensor, np.ndarray)


def only_element(value: Any, what: str, id: tuple[Any, ...]) -> Any:
    """The element of a tensor or array of one."""
    count = value.numel() if isinstance(value, torch.Tensor) else value.size
    if count > 1:
        text = f"Only single element tensor-likes can be compared against a {what}. Got {count} elements instead."
        raise ErrorMeta(ValueRangeError, text, id=id)
    return value.item()


def one_and_other(actual: Any, expected: Any, one: Any, other: Any) -> None:
    """Refuse values unless one is of the first types and the other of the second."""
    if not any(isinstance(a, one) and isinstance(b, other) for a, b in ((actual, expected), (expected, actual))):
        raise UnsupportedInputs


class RelaxedBooleanPair(BooleanPair):
    """A boolean, and a boolean, number or tensor of one element."""

    _supported_number_types = (int, float, complex, np.number)

    def _process_inputs(self, actual: Any, expected: Any, *, id: tuple[Any, ...]) -> Any:
        known = self._supported_types
        one_and_other(actual, expected, known, (*known, *self._supported_number_types, *ARRAYS))
        return [self._to_bool(x, id=id) for x in (actual, expected)]

    def _to_bool(self, bool_like: Any, *, id: tuple[Any, ...]) -> bool:
        if isinstance(bool_like, ARRAYS):
            return bool(only_element(bool_like, "boolean", id))
        if isinstance(bool_like, np.number) or type(bool_like) in self._supported_number_types:
            return bool(bool_like)
        return super()._to_bool(bool_like, id=id)


class RelaxedNumberPair(NumberPair):
    """A number, and a number or tensor of one element; 1 equals 1.0, and floats are as exact as float32."""

    _TYPE_TO_DTYPE = {int: torch.int64, float: torch.float32, complex: torch.complex64}

    def __init__(
        self, actual: Any, expected: Any, *, rtol_override: float = 0.0, atol_override: float = 0.0,
        check_dtype: Any = None, **other_parameters: Any,
    ) -> None:  # fmt: skip
        super().__init__(actual, expected, check_dtype=False, **other_parameters)
        self.rtol, self.atol = max(self.rtol, rtol_override), max(self.atol, atol_override)

    def _process_inputs(self, actual: Any, expected: Any, *, id: tuple[Any, ...]) -> Any:
        one_and_other(actual, expected, self._supported_types, (*self._supported_types, *ARRAYS))
        return [self._to_number(x, id=id) for x in (actual, expected)]

    def _to_number(self, number_like: Any, *, id: tuple[Any, ...]) -> Any:
        if isinstance(number_like, ARRAYS):
            number = only_element(number_like, "number", id)
            return int(number) if isinstance(number, bool) else number
        if isinstance(number_like, Enum):
            return int(number_like)  # type: ignore[call-overload]
        number = super()._to_number(number_like, id=id)
        if type(number) not in self._TYPE_TO_DTYPE:
            raise UnsupportedInputs
        return number


class TensorOrArrayPair(TensorLikePair):
    """Tensors and arrays in any combination."""

    def __init__(
        self, actual: Any, expected: Any, *, rtol_override: float = 0.0, atol_override: float = 0.0,
        **other_parameters: Any,
    ) -> None:  # fmt: skip
        super().__init__(actual, expected, **other_parameters)
        self.rtol, self.atol = max(self.rtol, rtol_override), max(self.atol, atol_override)

    def _process_inputs(self, actual: Any, expected: Any, *, id: tuple[Any, ...], allow_subclasses: bool = True) -> Any:
        self._check_inputs_isinstance(actual, expected, cls=ARRAYS)
        return self._tensors(actual, expected, id)


class TypedStoragePair(TensorOrArrayPair):
    """Two storages, compared as flat tensors."""

    def _process_inputs(self, actual: Any, expected: Any, *, id: tuple[Any, ...], allow_subclasses: bool = True) -> Any:
        self._check_inputs_isinstance(actual, expected, cls=(torch.storage.TypedStorage, torch.storage.UntypedStorage))
        return self._tensors(actual, expected, id)

    def _to_tensor(self, storage: Any) -> Any:
        return torch.tensor(storage.tolist(), dtype=getattr(storage, "dtype", torch.uint8), device=storage.device)


class UnittestPair(Pair):
    """Values of the types `CLS`, compared in the words of unittest."""

    CLS: Any = object
    TYPE_NAME: str | None = None

    def __init__(self, actual: Any, expected: Any, **other_parameters: Any) -> None:
        self._check_inputs_isinstance(actual, expected, cls=self.CLS)
        super().__init__(actual, expected, **other_parameters)

    def compare(self) -> None:
        """Raise ErrorMeta unless unittest's `assertEqual` is content."""
        case = unittest.TestCase()
        try:
            case.assertEqual(self.actual, self.expected)
            return
        except case.failureException as error:
            text = str(error)
        name = self.TYPE_NAME or (self.CLS if isinstance(self.CLS, type) else self.CLS[0]).__name__
        self._fail(AssertionError, f"{name.title()} comparison failed: {text}")


class StringPair(UnittestPair):
    """Two texts."""

    CLS = (str, bytes)
    TYPE_NAME = "string"


class SetPair(UnittestPair):
    """Two sets."""

    CLS = set


class TypePair(UnittestPair):
    """Two classes."""

    CLS = type


class ObjectPair(UnittestPair):
    """Two values of any kind."""

    CLS = object


__all__ = [
    "ObjectPair", "RelaxedBooleanPair", "RelaxedNumberPair", "SetPair", "StringPair", "TensorOrArrayPair", "TypePair",
    "TypedStoragePair", "UnittestPair",
]  # fmt: skip
