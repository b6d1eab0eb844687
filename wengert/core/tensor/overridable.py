"""Public functions that ask `__torch_function__` before they run: of open modes, of classes, of values of any type.

Ordinary programs never meet what is in this file.  When one first opens a function mode or makes a tensor of a class
with a `__torch_function__` of its own, `Exchange.begin` puts an `Overridable` in the place of each public function,
in every namespace where it stands; without modes, `end` puts the functions back.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from threading import RLock
from types import MethodType
from typing import Any

from wengert.core.tape.core import RECORDED, TensorBase
from wengert.core.tensor import protocols
from wengert.core.tensor.overrides import MODES, PUBLIC, has_answer, is_enabled, unanswered, wants_override
from wengert.core.tensor.tensor import Tensor


def takes_part(kind: type) -> bool:
    """Whether values of a class have a `__torch_function__` that wants to be asked."""
    if issubclass(kind, TensorBase):
        return wants_override(kind)
    return has_answer(kind)


def overloaded(values: Iterable[Any]) -> list[Any]:
    """The first value of each class that takes part, subclasses before the classes that they extend."""
    found: list[Any] = []
    for value in values:
        kind = value.__class__
        if kind is not Tensor and takes_part(kind) and all(kind is not other.__class__ for other in found):
            at = next((i for i, other in enumerate(found) if issubclass(kind, other.__class__)), len(found))
            found.insert(at, value)
    return found


def relevant(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """The arguments of a call that may take part: itself, and the elements of lists and tuples among them."""
    values: list[Any] = []
    for value in (*args, *kwargs.values()) if kwargs else args:
        if value.__class__ is list or value.__class__ is tuple:
            values.extend(value)
        else:
            values.append(value)
    return values


def dispatched(function: Any, name: str, found: list[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of a function as the innermost mode, then the classes of `found`, give it.

    Raises: ArgumentError when all of them decline.
    """
    types = tuple(value.__class__ for value in found)
    modes = MODES.get()
    if modes:
        token = MODES.set(modes[:-1])
        try:
            result = modes[-1].__torch_function__(function, types, args, kwargs)
        finally:
            MODES.reset(token)
        if result is not NotImplemented:
            return result
    for value in found:
        result = value.__torch_function__(function, types, args, kwargs)
        if result is not NotImplemented:
            return result
    raise unanswered(name, types, modes[-1] if modes else None)


def spread(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """`einsum(equation, operands)` as `einsum(equation, *operands)`."""
    listed = len(args) == 2 and isinstance(args[1], (list, tuple))
    return (args[0], *args[1]) if listed else args


ARRANGED: dict[str, Callable[[tuple[Any, ...]], tuple[Any, ...]]] = {"torch.einsum": spread}
"""Functions whose handlers are given the arguments in one form, and what brings them into it."""
MODES_ONLY = frozenset({"torch.tensor", "torch.as_tensor", "torch.asarray"})
"""Functions that read values of any class as data: modes see their calls, the classes are not asked."""


class Overridable:
    """A public function that asks modes and classes first; equal to the plain function that it stands for.

    function: the plain one; name: its public name; reported: what handlers are told is called (a Python operator
    reports the method that it is short for).
    """

    def __init__(self, function: Callable[..., Any], name: str, reported: Any = None) -> None:
        self.function, self.name, self.reported = function, name, reported
        self.__name__ = name.rpartition(".")[2]
        self.__doc__ = function.__doc__
        self.__wrapped__ = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        modes = MODES.get()
        asked = is_enabled() and self.name not in MODES_ONLY
        found = overloaded(relevant(args, kwargs)) if asked else []
        if modes or found:
            args = ARRANGED[self.name](args) if self.name in ARRANGED else args
            return dispatched(self.reported or self, self.name, found, args, kwargs)
        return self.function(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)

    def __eq__(self, other: Any) -> bool:
        return self is other or plain(other) is self.function

    def __hash__(self) -> int:
        return hash(self.function)

    def __repr__(self) -> str:
        return repr(self.function)

    def __reduce__(self) -> Any:
        return public_function, (self.name,)


def plain(function: Any) -> Any:
    """The plain function behind a public one."""
    return function.function if isinstance(function, Overridable) else function


def public_function(name: str) -> Any:
    """The function of a public name such as "torch.nn.functional.relu", when it is unpickled."""
    value: Any = sys.modules["wengert"]
    for part in name.split(".")[1:]:
        value = getattr(value, part)
    return value


class AskingOperators:
    """The operators by name, asking first: stands for the namespace `m` of modules that run them."""

    def __init__(self, wrappers: dict[int, Overridable]) -> None:
        self._wrappers = wrappers

    def __getattr__(self, name: str) -> Any:
        function = getattr(RECORDED, name)
        return self._wrappers.get(id(function)) or PUBLIC_WRAPPERS.get(name, function)


PUBLIC_WRAPPERS: dict[str, Overridable] = {}
"""Operator's name -> its public function, asking."""

_SHORT = {
    "__add__": "add", "__radd__": "add", "__sub__": "sub", "__mul__": "mul", "__rmul__": "mul", "__truediv__": "div",
    "__matmul__": "matmul", "__neg__": "neg", "__invert__": "bitwise_not", "__abs__": "abs", "__pos__": "positive",
    "__rdiv__": "__rdiv__",
    **{method: name for method, name in protocols.BINARY.items() if method not in ("__eq__", "__ne__")},
    **protocols.INPLACE,
}  # fmt: skip
"""Python's operators, and the method that each is short for."""
_ASKING = {
    *_SHORT, "__eq__", "__ne__", "__rsub__", "__rtruediv__", "__rpow__", "__rmatmul__", *protocols.REFLECTED,
    "__getitem__", "__setitem__", "__len__", "__bool__", "__float__", "__int__", "__complex__", "__contains__",
    "__format__", "__repr__", "__array__", "__deepcopy__", "__reversed__",
}  # fmt: skip
_SILENT = {
    "as_subclass", "stride", "new", "new_empty", "new_empty_strided", "new_full", "new_ones", "new_tensor",
    "new_zeros", "reinforce",
}  # fmt: skip
"""Methods that ask nobody, as in torch."""


def is_public(name: str) -> bool:
    """Whether a method of Tensor asks: the public ones, and Python's operators."""
    return name in _ASKING or not (name.startswith("__") or name in _SILENT)


class Exchange:
    """The places where public functions stand, and what stands there at present.

    spaces: public name of a namespace -> its functions.
    """

    def __init__(self, spaces: dict[str, dict[str, Any]]) -> None:
        self.lock, self.count = RLock(), 0
        self.wrappers: dict[int, Overridable] = {}
        self.sites: list[tuple[Any, str, Any, Any]] = []
        self.known = 0
        self.own = set(vars(Tensor))
        for space, functions in spaces.items():
            for name, function in functions.items():
                self.add(function, f"{space}.{name}")
        self.methods = {
            name: self.method(name, value)
            for name, value in protocols.members(Tensor).items()
            if is_asking(name, value)
        }
        for name, function in spaces["torch"].items():
            PUBLIC_WRAPPERS[name] = self.wrappers[id(function)]

    def add(self, function: Any, name: str) -> Overridable:
        """The Overridable of a function, made when it is first asked for."""
        key = id(function)
        if key not in self.wrappers:
            self.wrappers[key] = Overridable(function, name)
        return self.wrappers[key]

    def method(self, name: str, function: Any) -> Overridable:
        """The Overridable of a method; Python's operators report the method that they are short for."""
        short = _SHORT.get(name)
        if short is None or short == name:
            return self.add(function, f"torch.Tensor.{name}")
        return Overridable(function, f"torch.Tensor.{short}", self.add(vars(Tensor)[short], f"torch.Tensor.{short}"))

    def places(self) -> list[tuple[Any, str, Any, Any]]:
        """(owner, name, plain, asking) of everything to exchange, looked up again when modules were imported."""
        if self.known != len(sys.modules):
            self.known = len(sys.modules)
            asking = AskingOperators(self.wrappers)
            sites: list[tuple[Any, str, Any, Any]] = [
                (Tensor, name, made.function, made) for name, made in self.methods.items()
            ]
            for module_name, module in list(sys.modules.items()):
                if is_namespace(module_name):
                    for name, value in list(vars(module).items()):
                        if value is RECORDED:
                            sites.append((module, name, value, asking))
                        elif id(value) in self.wrappers:
                            sites.append((module, name, value, self.wrappers[id(value)]))
            self.sites = sites + [site for site in self.sites if site[0] is not Tensor and is_armed(site)]
        return self.sites

    def renew(self) -> None:
        """Take up methods that others have put in place since (sparse tensors guard some when they come in)."""
        for name, made in self.methods.items():
            now = vars(Tensor).get(name)
            if now is not None and now is not made.function and now is not made:
                self.methods[name], self.known = self.method(name, now), 0

    def begin(self) -> None:
        """Let public functions ask; calls nest."""
        with self.lock:
            self.renew()
            self.count += 1
            for owner, name, _, asking in self.places():
                setattr(owner, name, asking)
            PUBLIC.update(PUBLIC_WRAPPERS)

    def end(self) -> None:
        """Undo one `begin`; the last puts the plain functions back."""
        with self.lock:
            self.count -= 1
            if self.count == 0:
                for owner, name, function, asking in self.sites:
                    if owner is Tensor and name not in self.own:
                        delattr(owner, name)
                    elif owner is not Tensor or vars(owner)[name] is asking:
                        setattr(owner, name, function)
                protocols.take_slots(Tensor)
                PUBLIC.clear()


def is_armed(site: tuple[Any, str, Any, Any]) -> bool:
    """Whether the asking form stands at a place now."""
    return vars(site[0]).get(site[1]) is site[3]


def is_asking(name: str, value: Any) -> bool:
    """Whether an attribute of Tensor is a method that asks."""
    return callable(value) and not isinstance(value, (type, staticmethod, classmethod)) and is_public(name)


def is_namespace(module: str) -> bool:
    """Whether public functions are handed out, or used as a program would, in a module of this name."""
    return module in ("wengert", "wengert.functional") or module.startswith(
        ("wengert.nn.", "wengert.linalg", "wengert.special", "wengert.fft")
    )


__all__ = ["Exchange", "Overridable", "dispatched", "overloaded", "plain", "takes_part"]
