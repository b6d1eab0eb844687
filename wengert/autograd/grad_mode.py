# cython: annotation_typing=False
"""Switching recording off and on: as a block, as a decorator, as a statement.

Every class here is a context manager and a decorator.  A decorated generator function has the
mode only while it runs, not while its caller does.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from wengert.core.base.errors import ArgumentError
from wengert.core.tape.core import TensorBase
from wengert.core.tape.modes import MODE, OFF, PLAIN
from wengert.core.tape.views import counter_of

__all__ = [
    "enable_grad",
    "enforce_grad_layout_policy",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
    "set_multithreading_enabled",
]

_GENERATOR = 0x20


def switch(grad: bool) -> None:
    """Record from now on, or stop recording."""
    mode = MODE.get()
    if mode is PLAIN or mode is OFF:
        MODE.set(PLAIN if grad else OFF)
    else:
        MODE.set(mode.but(grad=grad))


class _DecoratorContextManager:
    """A mode that may also decorate a function; each call enters a fresh copy of it."""

    def __call__(self, func: Any) -> Any:
        if isinstance(func, type):
            warnings.warn(
                "Decorating classes is deprecated and will be disabled in future versions. You should only decorate "
                "functions or methods. Decorate `__init__` for the same effect.",
                FutureWarning,
                stacklevel=2,
            )
            func.__init__ = self(func.__init__)  # type: ignore[misc]
            return func
        code = getattr(func, "__code__", None)
        if code is not None and code.co_flags & _GENERATOR:
            return decorated_generator(func, self.clone)

        @functools.wraps(func)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return func(*args, **kwargs)

        return decorated

    def __enter__(self) -> Any:
        raise NotImplementedError

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        raise NotImplementedError

    def clone(self) -> Any:
        """A fresh mode of the same kind."""
        return self.__class__()


class _unsafe_preserve_version_counter(_DecoratorContextManager):
    """A block whose in-place writes to `tensors` (one or a tuple) do not count as changes: nothing checks them."""

    def __init__(self, tensors: Any) -> None:
        self.tensors = (tensors,) if isinstance(tensors, TensorBase) else tensors
        if not isinstance(self.tensors, tuple):
            raise AssertionError(f"Expected tensors to be a tuple, but got {type(tensors).__name__}")
        self.versions = [counter_of(x).n for x in self.tensors]

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        for x, version in zip(self.tensors, self.versions, strict=True):
            counter_of(x).n = version


class _NoParamDecoratorContextManager(_DecoratorContextManager):
    """A mode without arguments: `@no_grad` means `@no_grad()`."""

    def __new__(cls, orig_func: Any = None) -> Any:
        return object.__new__(cls) if orig_func is None else object.__new__(cls)(orig_func)


def decorated_generator(func: Callable[..., Any], clone: Callable[[], Any]) -> Callable[..., Any]:
    """A generator function each of whose steps runs in the mode."""

    @functools.wraps(func)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        walk = func(*args, **kwargs)
        step, given = walk.send, None
        while True:
            try:
                with clone():
                    response = step(given)
            except StopIteration as stop:
                return stop.value
            try:
                step, given = walk.send, (yield response)
            except GeneratorExit:
                with clone():
                    walk.close()
                raise
            except BaseException as error:
                step, given = walk.throw, error

    return decorated


class no_grad(_NoParamDecoratorContextManager):
    """Results have `requires_grad=False`, whatever their inputs: nothing is recorded.

    Factories with a `requires_grad` argument still make leaves that require gradients.
    """

    def __init__(self) -> None:
        self.prev = False

    def __enter__(self) -> None:
        self.prev = MODE.get().grad
        switch(False)

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        switch(self.prev)


class enable_grad(_NoParamDecoratorContextManager):
    """Operations are recorded again inside `no_grad`."""

    def __enter__(self) -> None:
        self.prev = MODE.get().grad
        switch(True)

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        switch(self.prev)


class set_grad_enabled(_DecoratorContextManager):
    """Recording on or off, from the statement `set_grad_enabled(mode)` on or inside `with set_grad_enabled(mode):`."""

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise TypeError(
                f"set_grad_enabled(): argument 'enabled' (position 1) must be bool, not {type(mode).__name__}"
            )
        self.prev = MODE.get().grad
        self.mode = mode
        switch(mode)

    def __call__(self, func: Any) -> Any:
        switch(self.prev)
        return super().__call__(func)

    def __enter__(self) -> None:
        switch(self.mode)

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        switch(self.prev)

    def __repr__(self) -> str:
        return f"torch.autograd.grad_mode.{type(self).__name__}(mode={self.mode})"

    def clone(self) -> Any:
        """The same switch again."""
        return self.__class__(self.mode)


class inference_mode(_DecoratorContextManager):
    """Recording off for good: new tensors are inference tensors, which can never be recorded or saved for backward.

    mode: False switches ordinary recording on inside an inference block.
    """

    def __new__(cls, mode: Any = True) -> Any:
        return object.__new__(cls) if isinstance(mode, bool) else object.__new__(cls).decorating(mode)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode

    def decorating(self, func: Any) -> Any:
        """`@inference_mode` without parentheses."""
        self.mode = True
        return self(func)

    def __enter__(self) -> None:
        mode = MODE.get()
        self.prev = (mode.grad, mode.inference)
        MODE.set(mode.but(grad=not self.mode, inference=self.mode))

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        grad, inference = self.prev
        MODE.set(MODE.get().but(grad=grad, inference=inference))

    def clone(self) -> Any:
        """The same mode again."""
        return self.__class__(self.mode)


class _Flag(_DecoratorContextManager):
    """A statement or block that sets a flag without effect here."""

    enabled = True

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise ArgumentError(
                f"{type(self).__name__}(): argument 'enabled' (position 1) must be bool, not {type(mode).__name__}"
            )
        self.mode = mode
        self.prev = type(self).enabled
        type(self).enabled = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        type(self).enabled = self.prev

    def clone(self) -> Any:
        """The same flag again."""
        return self.__class__(self.mode)


class set_multithreading_enabled(_Flag):
    """Accepted for torch's sake: backward runs in the thread that asks for it, whatever the flag."""


class _force_original_view_tracking(_Flag):
    """Accepted for torch's sake: a view is always made anew by the view operators that led to it."""

    enabled = False


class enforce_grad_layout_policy(_Flag):
    """Accepted for torch's sake: the gradient of a dense leaf has the leaf's layout, whatever the flag."""


def is_grad_enabled() -> bool:
    """Whether operations on tensors that require gradients are recorded."""
    return MODE.get().grad


def is_inference_mode_enabled() -> bool:
    """Whether the inference mode is on."""
    return MODE.get().inference


def is_view_replay_enabled() -> bool:
    """The flag of `_force_original_view_tracking`."""
    return _force_original_view_tracking.enabled


def is_multithreading_enabled() -> bool:
    """The flag of `set_multithreading_enabled`."""
    return set_multithreading_enabled.enabled
