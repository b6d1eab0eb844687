"""Shapes with lengths that may be unknown, and specifications of tensors."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

from wengert.tf import dtypes
from wengert.tf.recording import TensorBase


class TensorShape(tuple[Any, ...]):
    """Lengths of a tensor's dims; None for a length that is not known, `TensorShape(None)` for an unknown rank.

    A tuple by inheritance, so that functions of the torch dialect can use it.
    """

    unknown = False

    def __new__(cls, dims: Any) -> TensorShape:
        """Shape of the lengths in `dims`: a sequence, an int, another shape, or None."""
        if dims is None:
            self = super().__new__(cls)
            self.unknown = True
            return self
        if isinstance(dims, TensorShape):
            return dims
        if isinstance(dims, TensorBase):
            dims = dims._array.tolist()
        if isinstance(dims, Iterable):
            return super().__new__(cls, [length(d) for d in dims])
        return super().__new__(cls, [length(dims)])

    @property
    def rank(self) -> int | None:
        """Number of dims, None if it is not known."""
        return None if self.unknown else tuple.__len__(self)

    ndims = rank

    @property
    def dims(self) -> list[int | None] | None:
        """The lengths as a list, None for an unknown rank."""
        return None if self.unknown else list(self)

    def as_list(self) -> list[int | None]:
        """The lengths as a list. Raises ValueError for an unknown rank."""
        if self.unknown:
            raise ValueError("as_list() is not defined on an unknown TensorShape.")
        return list(self)

    def num_elements(self) -> int | None:
        """Product of the lengths, None if one is not known."""
        return prod(self) if self.is_fully_defined() else None

    def numel(self) -> int:
        """Product of the lengths."""
        return prod(self)

    def is_fully_defined(self) -> bool:
        """Whether every length is known."""
        return not self.unknown and None not in tuple(self)

    def assert_is_fully_defined(self) -> None:
        """Raise ValueError unless every length is known."""
        if not self.is_fully_defined():
            raise ValueError(f"Shape {self} is not fully defined")

    def is_compatible_with(self, other: Any) -> bool:
        """Whether some tensor could have both shapes."""
        other = as_shape(other)
        if self.unknown or other.unknown:
            return True
        return self.rank == other.rank and all(
            a is None or b is None or a == b for a, b in zip(self, other, strict=True)
        )

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raise ValueError unless some tensor could have both shapes."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {as_shape(other)} are incompatible")

    def merge_with(self, other: Any) -> TensorShape:
        """What is known from both shapes together. Raises ValueError where they contradict each other."""
        other = as_shape(other)
        self.assert_is_compatible_with(other)
        if self.unknown:
            return other
        if other.unknown:
            return self
        return TensorShape([b if a is None else a for a, b in zip(self, other, strict=True)])

    def most_specific_compatible_shape(self, other: Any) -> TensorShape:
        """What both shapes have in common: None where lengths differ."""
        other = as_shape(other)
        if self.unknown or other.unknown or self.rank != other.rank:
            return TensorShape(None)
        return TensorShape([a if a == b else None for a, b in zip(self, other, strict=True)])

    def is_subtype_of(self, other: Any) -> bool:
        """Whether every tensor of this shape is one of the other too."""
        other = as_shape(other)
        if other.unknown:
            return True
        return self.rank == other.rank and all(b is None or a == b for a, b in zip(self, other, strict=True))

    def concatenate(self, other: Any) -> TensorShape:
        """The lengths of both, one after the other."""
        other = as_shape(other)
        if self.unknown or other.unknown:
            return TensorShape(None)
        return TensorShape([*self, *other])

    def with_rank(self, rank: int) -> TensorShape:
        """The shape, with the rank filled in. Raises ValueError if the rank is another."""
        if self.unknown:
            return TensorShape([None] * rank)
        self.assert_has_rank(rank)
        return self

    def with_rank_at_least(self, rank: int) -> TensorShape:
        """The shape. Raises ValueError for fewer dims than `rank`."""
        if self.rank is not None and self.rank < rank:
            raise ValueError(f"Shape {self} must have rank at least {rank}")
        return self

    def with_rank_at_most(self, rank: int) -> TensorShape:
        """The shape. Raises ValueError for more dims than `rank`."""
        if self.rank is not None and self.rank > rank:
            raise ValueError(f"Shape {self} must have rank at most {rank}")
        return self

    def assert_has_rank(self, rank: int) -> None:
        """Raise ValueError unless there are `rank` dims."""
        if self.rank not in (None, rank):
            raise ValueError(f"Shape {self} must have rank {rank}")

    def assert_same_rank(self, other: Any) -> None:
        """Raise ValueError unless both have as many dims."""
        other = as_shape(other)
        if self.rank is not None and other.rank is not None and self.rank != other.rank:
            raise ValueError(f"Shapes {self} and {other} must have the same rank")

    def __len__(self) -> int:
        if self.unknown:
            raise ValueError("Cannot take the length of shape with unknown rank.")
        return tuple.__len__(self)

    def __bool__(self) -> bool:
        return not self.unknown

    def __getitem__(self, key: Any) -> Any:
        if self.unknown:
            return TensorShape(None) if isinstance(key, slice) else None
        found = tuple.__getitem__(self, key)
        return tuple.__new__(TensorShape, found) if isinstance(key, slice) else found

    def __add__(self, other: Any) -> TensorShape:
        return self.concatenate(other)

    def __radd__(self, other: Any) -> TensorShape:
        return as_shape(other).concatenate(self)

    def __eq__(self, other: Any) -> bool:
        try:
            other = as_shape(other)
        except TypeError:
            return NotImplemented
        return self.unknown == other.unknown and tuple(self) == tuple(other)

    def __ne__(self, other: Any) -> bool:
        found = self.__eq__(other)
        return found if found is NotImplemented else not found

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __reduce__(self) -> Any:
        return TensorShape, (None if self.unknown else tuple(self),)

    def __repr__(self) -> str:
        return f"TensorShape({None if self.unknown else list(self)})"

    def __str__(self) -> str:
        return "<unknown>" if self.unknown else tuple.__repr__(tuple(self))


def length(value: Any) -> int | None:
    """One length as an int or None. Raises TypeError for what is no length, ValueError for a negative one."""
    if value is None:
        return None
    try:
        number = value.__index__()
    except (AttributeError, TypeError):
        raise TypeError(
            f"Dimension value must be integer or None or have an __index__ method, got value '{value!r}'"
            f" with type '{type(value)!r}'"
        ) from None
    if number < 0:
        raise ValueError(f"Dimension {number} must be >= 0")
    return number


def as_shape(value: Any) -> TensorShape:
    """Anything that says a shape, as a TensorShape."""
    return value if isinstance(value, TensorShape) else TensorShape(value)


class TensorSpec:
    """What is known of a tensor beforehand: shape, dtype and name."""

    __slots__ = ("shape", "dtype", "name")

    def __init__(self, shape: Any = None, dtype: Any = dtypes.float32, name: str | None = None):
        self.shape, self.dtype, self.name = as_shape(shape), dtypes.as_dtype(dtype), name

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> TensorSpec:
        """The specification that fits just tensors like `tensor`."""
        return cls(TensorShape(tensor._array.shape), dtypes.OF[tensor._array.dtype], name)

    @classmethod
    def from_spec(cls, spec: TensorSpec, name: str | None = None) -> TensorSpec:
        """A copy, with another name if one is given."""
        return cls(spec.shape, spec.dtype, name or spec.name)

    @property
    def value_type(self) -> type:
        """The class of what is specified."""
        return TensorBase

    def is_compatible_with(self, value: Any) -> bool:
        """Whether a tensor (or another specification) is one of those specified."""
        if isinstance(value, TensorSpec):
            return self.dtype == value.dtype and self.shape.is_compatible_with(value.shape)
        if not isinstance(value, TensorBase):
            return False
        return self.dtype.array == value._array.dtype and self.shape.is_compatible_with(value._array.shape)

    def is_subtype_of(self, other: Any) -> bool:
        """Whether every tensor specified here is specified by `other` too."""
        return self.dtype == other.dtype and self.shape.is_subtype_of(other.shape)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, TensorSpec) and (self.shape, self.dtype, self.name) == (
            other.shape, other.dtype, other.name,
        )  # fmt: skip

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype!r}, name={self.name!r})"
