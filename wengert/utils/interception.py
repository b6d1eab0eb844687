"""Operators seen on their way: inside a block, a handler is asked about every operator that a program runs.

The handlers of the blocks that are open stand in the mode of the tape, so a program without such blocks pays nothing,
and threads do not see each other's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.tape import dispatch
from wengert.core.tape.core import RECORDED
from wengert.core.tape.modes import MODE, current

Run = Callable[[Any, tuple[Any, ...]], Any]


class Handler:
    """Gives the result of each operator: `handler(op, args, run)`, where `run(op, args)` computes one.

    op: the operator's record; args: its full argument tuple.  Operators written in others are seen in their parts,
    except those named in `composites`, whose args are as the caller gave them.
    """

    __slots__ = ("function", "composites")

    def __init__(self, function: Callable[[Any, tuple[Any, ...], Run], Any], composites: frozenset[str]) -> None:
        self.function, self.composites = function, composites


def intercepted(op: Any, args: tuple[Any, ...], *more: Any) -> Any:
    """Run an operator through the innermost handler; what that runs goes to the next one."""
    mode = current()
    token = MODE.set(mode.but(overrides=mode.overrides[:-1]))
    try:
        return mode.overrides[-1].function(op, args, dispatch.apply)
    finally:
        MODE.reset(token)


def composed(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run an operator written in others: the innermost handler is asked if it names it."""
    mode = current()
    body = op.body
    if op.name not in mode.overrides[-1].composites:
        return body(RECORDED, *args, **kwargs)
    token = MODE.set(mode.but(overrides=mode.overrides[:-1]))
    names, count = tuple(kwargs), len(args)
    try:
        return mode.overrides[-1].function(
            op,
            (*args, *kwargs.values()),
            lambda op, given: body(RECORDED, *given[:count], **dict(zip(names, given[count:], strict=True))),
        )
    finally:
        MODE.reset(token)


def install(composites: frozenset[str] = frozenset()) -> None:
    """Let operators ask the handlers of the mode, from the first block on."""
    dispatch.INTERCEPT.update(apply=intercepted, composite=composed)


class interception:
    """A block in which `function(op, args, run)` gives the result of each operator; see Handler.

    The function's own operators do not come back to it.
    """

    def __init__(self, function: Callable[..., Any], composites: frozenset[str] = frozenset()) -> None:
        self.handler = Handler(function, composites)

    def __enter__(self) -> Any:
        install(self.handler.composites)
        mode = MODE.get()
        self.before = mode.overrides
        MODE.set(mode.but(overrides=(*mode.overrides, self.handler)))
        return self

    def __exit__(self, *error: Any) -> Any:
        MODE.set(MODE.get().but(overrides=self.before))


__all__ = ["Handler", "install", "interception"]
