"""Modes that see every operator as torch's dispatcher does (`torch.utils._python_dispatch`).

An operator is named as in `torch.ops.aten`; those that are written in others are seen in their parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from wengert._ops import OpOverload, OpOverloadPacket, overload_of
from wengert.core.tape.core import TensorBase
from wengert.core.tape.modes import MODE, current
from wengert.core.tensor.tensor import Tensor
from wengert.utils.interception import interception


class TorchDispatchMode:
    """A block in which `__torch_dispatch__(func, types, args, kwargs)` gives the result of each operator.

    The block is closed while the method runs, so `func(*args, **kwargs)` there goes to the block outside, or runs.
    """

    def __init__(self, _dispatch_key: Any = None) -> None:
        self._blocks: list[Any] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        raise NotImplementedError

    def __enter__(self) -> Any:
        block = interception(self._seen)
        if not hasattr(self, "_blocks"):
            self._blocks = []
        self._blocks.append(block)
        block.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._blocks.pop().__exit__(kind, error, trace)

    def _seen(self, op: Any, args: tuple[Any, ...], run: Any) -> Any:
        given, named = positional(op, args)
        types = tuple({type(x) for x in op.values(args) if isinstance(x, TensorBase) and type(x) is not Tensor})
        function = Running(op, given, args, run)
        return self.__torch_dispatch__(function, types, given, named)

    @classmethod
    def push(cls, *args: Any, **kwargs: Any) -> Any:
        """A mode of this class: an older spelling of the constructor."""
        return cls(*args, **kwargs)


def positional(op: Any, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The full argument tuple of an operator without the defaults at its end; (positional, named)."""
    named = {
        name: value
        for name, value in zip(op.params[op.positional :], args[op.positional :], strict=True)
        if name not in op.defaults or op.defaults[name] is not value
    }
    plain = list(args[: op.positional])
    while len(plain) > len(op.required) and op.defaults.get(op.params[len(plain) - 1], plain) is plain[-1]:
        plain.pop()
    return tuple(plain), named


class Running(OpOverload):
    """The overload that is being run: called with its own arguments it runs the operator's record."""

    def __init__(self, op: Any, given: tuple[Any, ...], args: tuple[Any, ...], run: Any) -> None:
        try:
            known = overload_of(op.name, given)
        except AttributeError:
            known = OpOverload(OpOverloadPacket("aten", op.name, op.call), "default")
        super().__init__(known.overloadpacket, known._overloadname)
        self.op, self.run = op, run

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        full = list(args)
        for name in self.op.params[len(args) :]:
            full.append(kwargs[name] if name in kwargs else self.op.defaults[name])
        return self.run(self.op, tuple(full))

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, OpOverload) and other.name() == self.name()

    def __hash__(self) -> int:
        return hash(known_overload(self))


def known_overload(function: OpOverload) -> OpOverload:
    """The object that `torch.ops` hands out for the same overload."""
    return getattr(function.overloadpacket, function._overloadname)  # type: ignore[no-any-return]


@contextmanager
def _disable_current_modes() -> Iterator[list[Any]]:
    mode = current()
    token = MODE.set(mode.but(overrides=()))
    try:
        yield []
    finally:
        MODE.reset(token)


def _get_current_dispatch_mode() -> Any:
    handlers = current().overrides
    return handlers[-1] if handlers else None


def is_traceable_wrapper_subclass(t: object) -> bool:
    """Whether a tensor is made of others that compilers may look at: none is here."""
    return False


__all__ = ["TorchDispatchMode", "is_traceable_wrapper_subclass"]
