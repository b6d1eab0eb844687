"""Dictionaries that do not keep their keys alive and tell them apart by identity (`torch.utils.weak`).

Tensors compare element by element, so that the dictionaries of the standard library cannot have them as keys.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, MutableMapping
from typing import Any

from wengert.core.tape.core import TensorBase


class WeakIdRef(weakref.ref):  # type: ignore[type-arg]
    """A weak reference that equals another to the same object, alive or not."""

    __slots__ = ("identity",)

    def __init__(self, key: Any, callback: Any = None) -> None:
        super().__init__(key, callback)  # type: ignore[call-arg]
        self.identity = id(key)

    def __hash__(self) -> int:
        return self.identity

    def __eq__(self, other: object) -> bool:
        mine = self()
        if mine is not None and isinstance(other, WeakIdRef):
            return mine is other()
        return self is other


class WeakIdKeyDictionary(MutableMapping):  # type: ignore[type-arg]
    """A mapping whose entries go when their keys do; keys are the same if they are one object."""

    def __init__(self, entries: Any = None) -> None:
        self.data: dict[WeakIdRef, Any] = {}
        if entries is not None:
            self.update(entries)

    def __getitem__(self, key: Any) -> Any:
        return self.data[WeakIdRef(key)]

    def __setitem__(self, key: Any, value: Any) -> None:
        owner = weakref.ref(self)

        def forget(reference: WeakIdRef) -> None:
            mapping = owner()
            if mapping is not None:
                mapping.data.pop(reference, None)

        self.data[WeakIdRef(key, forget)] = value

    def __delitem__(self, key: Any) -> None:
        del self.data[WeakIdRef(key)]

    def __contains__(self, key: object) -> bool:
        return WeakIdRef(key) in self.data

    def __iter__(self) -> Iterator[Any]:
        for reference in list(self.data):
            key = reference()
            if key is not None:
                yield key

    def __len__(self) -> int:
        return len(self.data)


class WeakTensorKeyDictionary(WeakIdKeyDictionary):
    """A WeakIdKeyDictionary of tensors.

    Raises: TypeError for a key that is no tensor.
    """

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, TensorBase):
            raise TypeError(f"the keys are tensors, not {type(key).__name__}")
        super().__setitem__(key, value)


__all__ = ["WeakIdKeyDictionary", "WeakIdRef", "WeakTensorKeyDictionary"]
