"""Named ranges of a profile: a block, a decorator, or two calls."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from wengert.profiler.recorder import RECORDING


class record_function:
    """A block, or decorator, that stands in a profile under `name`; without an open profile it does nothing."""

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = name, args
        self.running: list[Any] = []

    def __enter__(self) -> record_function:
        recorder = RECORDING.get()
        self.running.append(None if recorder is None else (recorder, recorder.enter(self.name)))
        return self

    def __exit__(self, *error: Any) -> None:
        began = self.running.pop()
        if began is not None:
            began[0].leave(began[1])

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """A function that runs inside of such a block."""

        @functools.wraps(func)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name, self.args):
                return func(*args, **kwargs)

        return decorated
