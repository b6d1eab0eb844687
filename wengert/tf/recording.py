"""Which tapes record right now.

Every operation lies on one graph, whoever wants it. What a `GradientTape` adds is a question of when: a tensor counts
as recorded if its node is at least as young as the oldest tape that is running (`floor`); older history is that of
tapes gone by, and a TensorFlow operation takes such a tensor as a constant. With no tape running everything is one,
except what hangs on leaves of the torch dialect, which are recorded with or without a tape.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any
from weakref import WeakSet

from wengert.core.tape import core
from wengert.core.tape.modes import MODE

TensorBase: Any = core.TensorBase
"""The class of tensors of either dialect."""

NEVER = 1 << 62


class Recording:
    """What watches Variables (tapes), which of it records (live), and the first number of a node that can be on one."""

    __slots__ = ("tapes", "floor", "live")

    def __init__(self, tapes: tuple[Any, ...]):
        self.tapes = tapes
        self.live = tuple([tape for tape in tapes if tape.records])
        self.floor = min([tape.first for tape in self.live], default=NEVER)


IDLE = Recording(())
STATE: ContextVar[Recording] = ContextVar("wengert_tf_recording", default=IDLE)
recording = STATE.get

STARTED: WeakSet[Any] = WeakSet()
"""Tapes that still hold a record, running or not."""


def start(tape: Any) -> None:
    """Let `tape` record; recording is switched on if the torch dialect had it off."""
    mode = MODE.get()
    tape.found_off = None if mode.grad else mode
    if not mode.grad:
        MODE.set(mode.but(grad=True))
    STATE.set(Recording((*STATE.get().tapes, tape)))


def stop(tape: Any) -> None:
    """Let `tape` record no longer."""
    STATE.set(without(tape))
    if tape.found_off is not None:
        MODE.set(tape.found_off)
        tape.found_off = None


class Watcher:
    """Notes which Variables are read in its `with` block; nothing is recorded for its sake."""

    automatic, records = True, False

    def __init__(self) -> None:
        self.variables: dict[int, Any] = {}

    def __enter__(self) -> Watcher:
        STATE.set(Recording((*STATE.get().tapes, self)))
        return self

    def __exit__(self, *error: Any) -> None:
        STATE.set(without(self))

    def watched_variables(self) -> tuple[Any, ...]:
        """The Variables in the order in which they were first met."""
        return tuple(self.variables.values())


def without(tape: Any) -> Recording:
    """The state with one tape less."""
    tapes = tuple([x for x in STATE.get().tapes if x is not tape])
    return Recording(tapes) if tapes else IDLE


def paused() -> Recording:
    """Stop all tapes; give what was found to `resumed`."""
    found = STATE.get()
    STATE.set(IDLE)
    return found


def resumed(found: Recording) -> None:
    """Let the tapes that `paused` found record again."""
    STATE.set(found)
