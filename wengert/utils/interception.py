"""Operators seen on their way: inside a block, a handler is asked about every operator that a program runs.

The handlers of the blocks that are open stand in the mode of the tape, so a program without such blocks pays nothing,
and threads do not see each other's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.operators.kinds import Composite
from wengert.core.operators.record import REGISTRY
from wengert.core.tape import calls
from wengert.core.tape.modes import MODE, current

Run = Callable[[Any, tuple[Any, ...]], Any]
_uninterrupted: Any = calls.apply


class Handler:
    """Gives the result of each operator: `handler(op, args, run)`, where `run(op, args)` computes one.

    op: the operator's record; args: its full argument tuple.  Operators written in others are seen in their parts,
    except those named in `composites`, whose args are as the caller gave them.
    """

    __slots__ = ("function", "composites")

    def __init__(self, function: Callable[[Any, tuple[Any, ...], Run], Any], composites: frozenset[str]) -> None:
        self.function, self.composites = function, composites


def intercepted(op: Any, args: tuple[Any, ...], *more: Any) -> Any:
    """Run an operator through the innermost handler."""
    mode = current()
    if not mode.overrides:
        return _uninterrupted(op, args, *more)
    outer = mode.overrides[:-1]
    token = MODE.set(mode.but(overrides=outer))
    try:
        return mode.overrides[-1].function(op, args, intercepted if outer else _uninterrupted)
    finally:
        MODE.reset(token)


def watched(op: Any, body: Callable[..., Any]) -> Callable[..., Any]:
    """The body of an operator written in others, for handlers that name it."""

    def run(m: Any, *args: Any, **kwargs: Any) -> Any:
        mode = current()
        if not mode.overrides or op.name not in mode.overrides[-1].composites:
            return body(m, *args, **kwargs)
        token = MODE.set(mode.but(overrides=mode.overrides[:-1]))
        names = tuple(kwargs)
        try:
            return mode.overrides[-1].function(
                op,
                (*args, *kwargs.values()),
                lambda op, given: body(m, *given[: len(args)], **dict(zip(names, given[len(args) :], strict=True))),
            )
        finally:
            MODE.reset(token)

    return run


_watched: set[str] = set()


def install(composites: frozenset[str]) -> None:
    """Let operators look for handlers, from the first block on."""
    if calls.apply is not intercepted:
        calls.apply = intercepted  # type: ignore[assignment]
    for name in composites - _watched:
        op = REGISTRY.get(name)
        if op is None or not isinstance(op.kind, Composite) or op.call is None:
            continue
        # The functions have been handed out everywhere, so what they call is exchanged, not they.
        cells = dict(zip(op.call.__code__.co_freevars, op.call.__closure__ or (), strict=True))
        if "body" in cells:
            cells["body"].cell_contents = watched(op, cells["body"].cell_contents)
    _watched.update(composites)


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
