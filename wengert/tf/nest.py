"""Nested structures: lists, tuples, dicts (in the order of their keys) and whatever they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from wengert.tf.shapes import TensorShape


def is_nested(structure: Any) -> bool:
    """Whether something is a structure rather than a leaf."""
    return (isinstance(structure, (list, tuple, Mapping)) and not isinstance(structure, TensorShape)) or attrs(
        structure
    )


def attrs(structure: Any) -> bool:
    """Whether something is an instance of an attrs class."""
    return hasattr(type(structure), "__attrs_attrs__")


def children(structure: Any) -> list[Any]:
    """The parts of a structure; those of a dict by sorted key. Raises TypeError for keys that cannot be sorted."""
    if isinstance(structure, Mapping):
        return [structure[key] for key in keys_of(structure)]
    if attrs(structure):
        return [getattr(structure, field.name) for field in type(structure).__attrs_attrs__]
    return list(structure)


def keys_of(structure: Any) -> list[Any]:
    """Keys of a dict in order. Raises TypeError for keys that cannot be sorted."""
    try:
        return sorted(structure)
    except TypeError:
        raise TypeError(f"nest only supports dicts with sortable keys; got {list(structure)}") from None


def leaves(structure: Any) -> Iterator[Any]:
    """The leaves, from left to right."""
    if not is_nested(structure):
        yield structure
        return
    for part in children(structure):
        yield from leaves(part)


def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """The leaves of a structure as a list; a leaf alone gives a list of one."""
    kind = structure.__class__
    if kind is list or kind is tuple:
        for x in structure:
            if is_nested(x):
                return list(leaves(structure))
        return list(structure)
    return list(leaves(structure))


def rebuilt(structure: Any, parts: Iterator[Any]) -> Any:
    """A structure of the same form with the next leaves from `parts`."""
    if not is_nested(structure):
        return next(parts)
    if isinstance(structure, Mapping):
        found = {key: rebuilt(structure[key], parts) for key in keys_of(structure)}
        ordered = {key: found[key] for key in structure}
        return ordered if type(structure) is dict else remade(structure, ordered)
    values = [rebuilt(part, parts) for part in children(structure)]
    kind: Any = type(structure)
    return kind(*values) if hasattr(structure, "_fields") or attrs(structure) else kind(values)


def remade(structure: Any, items: dict[Any, Any]) -> Any:
    """A mapping of the same class with other values."""
    if hasattr(structure, "default_factory"):
        return type(structure)(structure.default_factory, items)
    return type(structure)(items)


def pack_sequence_as(structure: Any, flat_sequence: Any, expand_composites: bool = False) -> Any:
    """A structure of the same form with the leaves of `flat_sequence`. Raises ValueError for another number of them."""
    if not is_nested(flat_sequence):
        raise TypeError(
            f"Attempted to pack value:\n  {flat_sequence}\ninto a structure, but found incompatible type "
            f"`{type(flat_sequence)}` instead."
        )
    if not is_nested(structure):
        if len(flat_sequence) != 1:
            raise ValueError(
                "The target structure is of type `" + str(type(structure)) + f"`\n  {structure}\nHowever the "
                f"input is a sequence of length {len(flat_sequence)}.\n  {flat_sequence}\nnest cannot guarantee "
                "that it is safe to map one to the other."
            )
        return flat_sequence[0]
    count = len(flatten(structure))
    if count != len(flat_sequence):
        raise ValueError(
            f"Could not pack sequence. Structure had {count} atoms, but flat_sequence had {len(flat_sequence)} "
            f"items.  Structure: {structure}, flat_sequence: {flat_sequence}."
        )
    return rebuilt(structure, iter(flat_sequence))


def assert_same_structure(nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False) -> None:
    """Raise ValueError (TypeError for other classes) unless both have the same form."""
    same(nest1, nest2, check_types, nest1, nest2)


def same(a: Any, b: Any, check_types: bool, first: Any, second: Any) -> None:
    """The work of `assert_same_structure` below the top."""
    if is_nested(a) != is_nested(b):
        raise ValueError(differing(first, second, f"one is a structure where the other is a leaf: {a!r}, {b!r}"))
    if not is_nested(a):
        return
    if check_types and type(a) is not type(b) and not (isinstance(a, Mapping) and isinstance(b, Mapping)):
        raise TypeError(differing(first, second, f"{type(a).__name__} is not {type(b).__name__}"))
    if isinstance(a, Mapping) and keys_of(a) != keys_of(b):
        raise ValueError(differing(first, second, f"keys {list(a)} and {list(b)} differ"))
    x, y = children(a), children(b)
    if len(x) != len(y):
        raise ValueError(differing(first, second, f"{len(x)} and {len(y)} parts"))
    for p, q in zip(x, y, strict=True):
        same(p, q, check_types, first, second)


def differing(first: Any, second: Any, why: str) -> str:
    """The words of an error about two structures; made only then, for values may be large."""
    return (
        f"The two structures don't have the same nested structure.\n\nFirst structure: {first}\n\n"
        f"Second structure: {second}\n\nMore specifically: {why}"
    )


def map_structure(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """`func` on the leaves that stand in the same place; the results in a structure of the same form.

    Raises ValueError or TypeError for structures of different form.
    """
    if not callable(func):
        raise TypeError(f"func must be callable, got: {func}")
    if not structure:
        raise ValueError("Must provide at least one structure")
    check = kwargs.pop("check_types", True)
    kwargs.pop("expand_composites", None)
    for other in structure[1:]:
        assert_same_structure(structure[0], other, check)
    flat = [flatten(x) for x in structure]
    return rebuilt(structure[0], iter([func(*parts) for parts in zip(*flat, strict=True)]))
