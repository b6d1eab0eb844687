# cython: annotation_typing=False
"""Modules that hold others: in sequence, as a list, as a dictionary."""

from __future__ import annotations

import operator
import warnings
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from wengert.core.base.errors import ArgumentError, IndexRangeError, ValueRangeError
from wengert.nn.modules.module import Module, _addindent

__all__ = ["Container", "ModuleDict", "ModuleList", "Sequential"]


def place_of(index: Any, length: int) -> int:
    """A place in a sequence, counted from its front."""
    place = operator.index(index)
    if not -length <= place < length:
        raise IndexRangeError(f"index {place} is out of range")
    return place % length


class Container(Module):
    """Old base class of containers: its keyword arguments become submodules."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__()
        warnings.warn(
            "`nn.Container` is deprecated. All of its functionality is now implemented in `nn.Module`: derive from it.",
            FutureWarning,
            stacklevel=2,
        )
        for key, value in kwargs.items():
            self.add_module(key, value)


class Sequential(Module):
    """Modules called one after the other, each with the result of the one before.

    Takes the modules, or one OrderedDict of named ones.
    """

    _modules: dict[str, Module]

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for key, module in args[0].items():
                self.add_module(key, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)

    def forward(self, input: Any) -> Any:
        """The last module's result."""
        for module in self._modules.values():
            input = module(input)
        return input

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, slice):
            return type(self)(OrderedDict(list(self._modules.items())[idx]))
        return self._modules[_key_at(self, idx)]

    def __setitem__(self, idx: Any, module: Module) -> None:
        setattr(self, _key_at(self, idx), module)

    def __delitem__(self, idx: Any) -> None:
        for key in list(self._modules)[idx] if isinstance(idx, slice) else [_key_at(self, idx)]:
            delattr(self, key)
        _renumber(self)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def __dir__(self) -> list[str]:
        return [key for key in super().__dir__() if not key.isdigit()]

    def __add__(self, other: Any) -> Sequential:
        _check_other(self, other)
        return Sequential(*self, *other)

    def __iadd__(self, other: Any) -> Any:
        _check_other(self, other)
        for module in list(other):
            self.append(module)
        return self

    def __mul__(self, other: int) -> Sequential:
        _check_factor(self, other)
        return Sequential(*(list(self) * other))

    __rmul__ = __mul__

    def __imul__(self, other: int) -> Any:
        _check_factor(self, other)
        for module in list(self) * (other - 1):
            self.append(module)
        return self

    def pop(self, key: Any) -> Module:
        """Remove the module at a place and return it."""
        module = self[key]
        del self[key]
        return module

    def append(self, module: Module) -> Any:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Put a module before the one at `index`."""
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        n = len(self)
        if not -n <= index <= n:
            raise IndexRangeError(f"Index out of range: {index}")
        modules = list(self)
        modules.insert(index + n if index < 0 else index, module)
        self.__dict__["_modules"] = {str(i): m for i, m in enumerate(modules)}
        return self

    def extend(self, sequential: Iterable[Module]) -> Any:
        """Add modules at the end."""
        for module in list(sequential):
            self.append(module)
        return self


class ModuleList(Module):
    """A list of modules, all of them registered."""

    _modules: dict[str, Module]  # type: ignore[assignment]

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self += modules

    def _get_abs_string_index(self, idx: Any) -> str:
        return str(place_of(idx, len(self)))

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, slice):
            return self.__class__(list(self._modules.values())[idx])
        return self._modules[self._get_abs_string_index(idx)]

    def __setitem__(self, idx: Any, module: Module) -> None:
        setattr(self, self._get_abs_string_index(idx), module)

    def __delitem__(self, idx: Any) -> None:
        places = range(len(self))[idx] if isinstance(idx, slice) else [int(self._get_abs_string_index(idx))]
        for k in places:
            delattr(self, str(k))
        self.__dict__["_modules"] = {str(i): module for i, module in enumerate(self._modules.values())}

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def __iadd__(self, modules: Iterable[Module]) -> Any:
        return self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        combined = ModuleList()
        for i, module in enumerate([*self, *other]):
            combined.add_module(str(i), module)
        return combined

    def __repr__(self) -> str:
        """Equal neighbours are written once, with their count."""
        if not len(self):
            return self._get_name() + "()"
        blocks: list[list[Any]] = []
        for i, text in enumerate(repr(module) for module in self):
            if blocks and blocks[-1][2] == text:
                blocks[-1][1] = i
            else:
                blocks.append([i, i, text])
        lines = []
        for first, last, text in blocks:
            head = f"({first}): " if first == last else f"({first}-{last}): {last - first + 1} x "
            lines.append(_addindent(head + text, 2))
        return self._get_name() + "(\n  " + "\n  ".join(lines) + "\n)"

    def __dir__(self) -> list[str]:
        return [key for key in super().__dir__() if not key.isdigit()]

    def insert(self, index: int, module: Module) -> None:
        """Put a module before the one at `index`."""
        for i in range(len(self._modules), index, -1):
            self._modules[str(i)] = self._modules[str(i - 1)]
        self._modules[str(index)] = module

    def pop(self, key: Any) -> Module:
        """Remove the module at a place and return it."""
        module = self[key]
        del self[key]
        return module

    def append(self, module: Module | None) -> Any:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add modules at the end."""
        if not isinstance(modules, Iterable):
            raise ArgumentError(
                f"ModuleList.extend should be called with an iterable, but got {type(modules).__name__}"
            )
        for module in list(modules):
            self.append(module)
        return self


def pairs_of(kind: str, word: str, given: Any) -> Iterator[tuple[Any, Any]]:
    """The (key, value) pairs that a dictionary's `update` was given."""
    if not isinstance(given, Iterable):
        raise ArgumentError(
            f"{word}.update should be called with an iterable of key/value pairs, but got {type(given).__name__}"
        )
    if isinstance(given, Mapping) or (hasattr(given, "keys") and hasattr(given, "items")):
        yield from given.items()
        return
    for j, pair in enumerate(given):
        if not isinstance(pair, Iterable):
            raise ArgumentError(f"{kind} update sequence element #{j} should be Iterable; is{type(pair).__name__}")
        values = list(pair)
        if len(values) != 2:
            raise ValueRangeError(f"{kind} update sequence element #{j} has length {len(values)}; 2 is required")
        yield values[0], values[1]


class ModuleDict(Module):
    """A dictionary of modules, all of them registered; keeps the order of insertion."""

    _modules: dict[str, Module]  # type: ignore[assignment]

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Remove a module and return it."""
        module = self[key]
        del self[key]
        return module

    def keys(self) -> Any:
        """The keys."""
        return self._modules.keys()

    def items(self) -> Any:
        """The (key, module) pairs."""
        return self._modules.items()

    def values(self) -> Any:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Any) -> None:
        """Add the modules of a mapping or of (key, module) pairs."""
        for key, module in pairs_of("ModuleDict", "ModuleDict", modules):
            self[key] = module


def _key_at(module: Any, index: Any) -> str:
    return next(islice(module._modules, place_of(index, len(module)), None))


def _renumber(module: Any) -> None:
    modules = list(module._modules.values())
    module.__dict__["_modules"] = {str(i): module for i, module in enumerate(modules)}


def _check_other(module: Any, other: Any) -> None:
    if not isinstance(other, Sequential):
        raise ValueRangeError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")


def _check_factor(module: Any, other: Any) -> None:
    if not isinstance(other, int):
        raise ArgumentError(f"unsupported operand type(s) for *: {type(module)} and {type(other)}")
    if other <= 0:
        raise ValueRangeError(f"Non-positive multiplication factor {other} for {type(module)}")
