"""What the tape does right now: recording or not, inference, saved-value hooks, anomaly.

One immutable Mode at a time, held in a context variable, so the state is per thread
and per task.  `PLAIN` is the ordinary state; anything else sends operators down the
general path, so that features that are off cost one comparison together.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any


class Mode:
    """One state of the tape.

    grad: operations on tensors that require gradients are recorded.
    inference: new tensors are inference tensors (never recorded, no version counter).
    hooks: stack of (pack, unpack) pairs for saved values.
    hooks_refused: message why saved-value hooks may not be used, or None.
    anomaly: keep forward tracebacks and check gradients; `check_nan` looks for NaN.
    trace: notes which results depend on the inputs of a custom Function whose forward is running.
    stealth: in-place writes do not count as changes (allow_mutation_on_saved_tensors and
      writes that keep a value).
    """

    __slots__ = ("grad", "inference", "hooks", "hooks_refused", "anomaly", "check_nan", "overrides", "trace")

    def __init__(
        self,
        grad: bool = True,
        inference: bool = False,
        hooks: tuple[Any, ...] = (),
        hooks_refused: str | None = None,
        anomaly: bool = False,
        check_nan: bool = True,
        overrides: tuple[Any, ...] = (),
        trace: Any = None,
    ) -> None:
        self.grad, self.inference, self.hooks, self.hooks_refused = grad, inference, hooks, hooks_refused
        self.anomaly, self.check_nan, self.overrides, self.trace = anomaly, check_nan, overrides, trace

    def but(self, **changes: Any) -> Mode:
        """The same state with some fields changed; equal plain states are the same object."""
        fields = {name: changes.get(name, getattr(self, name)) for name in Mode.__slots__}
        if not (fields["hooks"] or fields["hooks_refused"] or fields["anomaly"] or fields["inference"]) and not (
            fields["overrides"] or fields["trace"]
        ):
            return PLAIN if fields["grad"] else OFF
        return Mode(**fields)


PLAIN = Mode()
OFF = Mode(grad=False)
MODE: ContextVar[Mode] = ContextVar("wengert_mode", default=PLAIN)
current = MODE.get
enter = MODE.set
leave = MODE.reset
