"""Tensor subclasses: `__torch_function__` and what operators return for them.

A subclass that keeps the default `__torch_function__` gets its results as instances of
itself; one that overrides it is asked before every operator; `_disabled_torch_function_impl`
(nn.Parameter) turns both off.  The tensors of such classes carry the OVERRIDE flag, so
plain tensors pay nothing.

Modes, composites and values that are no tensors are served by overridable.py, which steps in when one of them
is first met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

from wengert.core.arrays.shape import Size
from wengert.core.base.errors import ArgumentError
from wengert.core.operators.raw import SPARSE
from wengert.core.operators.record import Op
from wengert.core.tape import core, dispatch
from wengert.core.tape.core import TensorBase
from wengert.core.tape.dispatch import OVERRIDE, TRANSFORMS, apply
from wengert.core.tape.levels import BATCHED
from wengert.core.tensor.facts import method
from wengert.core.tensor.makers import short
from wengert.core.tensor.tensor import Tensor

_enabled: ContextVar[bool] = ContextVar("wengert_torch_function", default=True)
MODES: ContextVar[tuple[Any, ...]] = ContextVar("wengert_function_modes", default=())
"""Function modes that are open in this thread, the innermost last."""
ARMING: dict[str, Callable[[], None]] = {}
""""arm": lets public functions ask `__torch_function__` from now on (set by the floor above)."""
PUBLIC: dict[str, Any] = {}
"""Operator's name -> the public function that stands for it (set by overridable.py)."""


class DisableTorchFunctionSubclass:
    """Context in which `__torch_function__` of classes is not asked; modes still are."""

    def __enter__(self) -> None:
        self.token = _enabled.set(False)

    def __exit__(self, *error: Any) -> None:
        _enabled.reset(self.token)


class DisableTorchFunction(DisableTorchFunctionSubclass):
    """Context in which neither classes nor modes are asked."""

    def __enter__(self) -> None:
        super().__enter__()
        self.modes = MODES.set(())

    def __exit__(self, *error: Any) -> None:
        MODES.reset(self.modes)
        super().__exit__(*error)


def _disabled_torch_function_impl(func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """A `__torch_function__` that calls the function and leaves its result as it is."""
    with DisableTorchFunctionSubclass():
        return func(*args, **(kwargs or {}))


def torch_function(cls: type, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """The default: call the function, return its tensors as instances of `cls`."""
    if not all(issubclass(cls, t) for t in types):
        return NotImplemented
    if cls in types and cls is core.Tensor and not _enabled.get():
        return NotImplemented  # another library's function, which asks again when it is called below
    with DisableTorchFunctionSubclass():
        result = func(*args, **(kwargs or {}))
    return converted(result, cls)


def converted(result: Any, cls: type) -> Any:
    """Tensors of a result as instances of a subclass, sharing node and memory."""
    if isinstance(result, TensorBase):
        if isinstance(result, cls):
            return result
        if result.__class__ is not core.Tensor:
            return result
        result.__class__ = cls
        mark(result)
        return result
    if isinstance(result, (tuple, list)) and result.__class__ is not Size:
        items = [converted(x, cls) for x in result]
        return type(result)(items) if type(result) in (tuple, list) else type(result)(*items)
    return result


def wants_override(cls: type) -> bool:
    """Whether tensors of a class take part in `__torch_function__`."""
    if cls is core.Tensor or not issubclass(cls, TensorBase):
        return False
    implementation = getattr(cls, "__torch_function__", None)
    return getattr(implementation, "__func__", implementation) is not _disabled_torch_function_impl


def mark(x: Any) -> None:
    """Give a subclass instance the flag that makes operators look closer."""
    if wants_override(x.__class__):
        x._flags |= OVERRIDE
        if ARMING and answers_itself(x.__class__):
            ARMING["arm"]()


def answers_itself(cls: type) -> bool:
    """Whether a tensor class has a `__torch_function__` other than the default."""
    implementation = getattr(cls, "__torch_function__", None)
    return getattr(implementation, "__func__", implementation) is not torch_function


def overridden(op: Op, args: tuple[Any, ...]) -> Any:
    """Ask the subclasses among the arguments, the most derived first."""
    if not _enabled.get():
        return without_flag(op, args)
    kinds: list[Any] = []
    for x in op.values(args):
        if x.__class__ not in kinds and (x._flags & OVERRIDE if isinstance(x, TensorBase) else stands_in(x)):
            at = next((i for i, k in enumerate(kinds) if issubclass(x.__class__, k)), len(kinds))
            kinds.insert(at, x.__class__)
    kwargs = dict(zip(op.params[op.positional :], args[op.positional :], strict=True))
    changed = {k: v for k, v in kwargs.items() if k not in op.defaults or op.defaults[k] is not v}
    plain = list(args[: op.positional])
    while plain and len(plain) > len(op.arrays) and op.defaults.get(op.params[len(plain) - 1], plain) is plain[-1]:
        plain.pop()
    function = PUBLIC.get(op.name, op.call)
    found, result = asked(kinds, function, tuple(plain), changed)
    if found:
        return result
    raise unanswered(f"torch.{op.name}", kinds)


def stands_in(x: Any) -> bool:
    """Whether a value that is no tensor takes a tensor's place by a `__torch_function__`."""
    return has_answer(x.__class__)


def has_answer(kind: type) -> bool:
    """Whether a class that is no tensor class of ours has a `__torch_function__` to ask.

    That of torch's own tensors calls the very function that it is asked about, so it has nothing to say here.
    """
    return hasattr(kind, "__torch_function__") and all(base.__module__ != "torch._C" for base in kind.__mro__)


def claimed(values: Iterable[Any]) -> bool:
    """Whether `__torch_function__` should be asked about an argument that is no tensor.

    It is seen here because its function was fetched before any such value was met; from now on functions ask.
    """
    if not _enabled.get() or not any(not isinstance(x, TensorBase) and stands_in(x) for x in values):
        return False
    if ARMING:
        ARMING["arm"]()
    return True


def unanswered(name: str, kinds: Any, mode: Any = None) -> ArgumentError:
    """The error of a function that every class among its arguments, and the open mode, declined."""
    if name.startswith("torch.nn."):
        where = "" if mode is None else f" nor in mode {mode!r}"
        return ArgumentError(
            f"no implementation found for {name!r} on types that implement __torch_function__: {list(kinds)}{where}"
        )
    declined = ([] if mode is None else [f"mode object {mode!r}"]) + [f"tensor subclass {kind!r}" for kind in kinds]
    lines = "".join(f"\n\n  - {one}" for one in declined)
    return ArgumentError(
        f"Multiple dispatch failed for {name!r}; all __torch_function__ handlers returned NotImplemented:{lines}"
    )


def asked(kinds: list[type], function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[bool, Any]:
    """Whether one of the classes answers for a function, and what."""
    for kind in kinds:
        result = kind.__torch_function__(function, tuple(kinds), args, kwargs)  # type: ignore[attr-defined]
        if result is not NotImplemented:
            return True, result
    return False, None


def is_enabled() -> bool:
    """Whether `__torch_function__` of subclasses is asked at present."""
    return _enabled.get()


def aware(function: Callable[..., Any], creates: bool = False, name: str = "") -> Callable[..., Any]:
    """A function that is no operator, made to ask the `__torch_function__` of its first argument.

    creates: it makes a new tensor after the first one's example, for a batched one a batch of them.
    name: the method that it becomes, where that is not what it is called.
    """

    def call(self: Any = None, *args: Any, **kwargs: Any) -> Any:
        if self is None:
            self = kwargs.pop("input", None)
        if isinstance(self, TensorBase) and self._flags & OVERRIDE and _enabled.get():
            kind = self.__class__
            result = kind.__torch_function__(public, (kind,), (self, *args), kwargs)  # type: ignore[attr-defined]
            if result is not NotImplemented:
                return result
        if SPARSE and public.__name__ in SPARSE["methods"] and SPARSE["kind"](self):
            return SPARSE["methods"][public.__name__](self, *args, **kwargs)
        if creates and isinstance(self, TensorBase) and self._flags & BATCHED:
            return TRANSFORMS["like"](self, function(self, *args, **kwargs))
        return function(self, *args, **kwargs)

    call.__name__ = call.__qualname__ = function.__name__
    call.__doc__ = function.__doc__
    public = method(name or function.__name__, short(call))
    return public


def without_flag(op: Op, args: tuple[Any, ...]) -> Any:
    """Run an operator on subclass instances as if they were plain tensors."""
    marked = [x for x in op.values(args) if isinstance(x, TensorBase) and x._flags & OVERRIDE]
    for x in marked:
        x._flags &= ~OVERRIDE
    try:
        return apply(op, args)
    finally:
        for x in marked:
            x._flags |= OVERRIDE


def install_overrides() -> None:
    """Connect subclasses with the operators."""
    dispatch.OVERRIDES["handler"] = overridden
    dispatch.OVERRIDES["claims"] = claimed
    Tensor.__torch_function__ = classmethod(torch_function)  # type: ignore[attr-defined]


FUNCTIONS = ("DisableTorchFunctionSubclass",)
