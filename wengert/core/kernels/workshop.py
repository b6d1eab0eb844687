"""Where kernels are made: a thread that works through orders while NumPy serves.

An order is placed when an operator first meets a large array; its `function` is None until the kernel has been made
and has passed its tests against NumPy.  Whatever goes wrong - no llvmlite, a CPU that is not known, memory that may
not be executed, a kernel that computes something else - leaves it None, and the reason is kept for `wengert doctor`.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections import deque
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from wengert.core.base.settings import settings
from wengert.core.kernels.memory import keep_freed_memory

__all__ = ["LARGE", "OFTEN", "SOME", "Order", "finish", "order", "orders", "possible", "trouble", "wait_for_kernels"]

LARGE = 4096
"""Elements from which a kernel is ordered at once."""

SOME, OFTEN = 256, 500
"""Elements of float32 from which a kernel is faster than NumPy, and which call with fewer than `LARGE` orders it and
waits a moment for it: a short program has no use for kernels, and a longer one, whose kernels are on disk, should
compute alike in every run."""

_PATIENCE = 0.05
"""Seconds that such a call waits at most; afterwards NumPy serves until the kernel is there."""

Maker = Callable[[Any], Callable[..., Any]]


class Order:
    """A kernel that was asked for: its `function` once it is made, else why not."""

    __slots__ = ("name", "make", "function", "reason", "done")

    def __init__(self, name: str, make: Maker) -> None:
        self.name, self.make = name, make
        self.function: Any = None
        self.reason = ""
        self.done = False


class Bench:
    """The state of the workshop in this process."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.waiting: deque[Order] = deque()
        self.changed = threading.Condition()
        self.thread: Any = None
        self.factory: Any = None
        self.trouble = ""
        self.closing = False
        self.patient = False


_bench = Bench()


def order(name: str, make: Maker, awaited: bool = False) -> Order:
    """Ask for a kernel; returns at once if it is not awaited.  `make(factory)` runs in the workshop's thread."""
    placed = Order(name, make)
    with _bench.changed:
        if not _bench.orders and settings.kernels:
            keep_freed_memory()
        _bench.orders.append(placed)
        if not settings.kernels:
            refuse(placed, "switched off by WENGERT_KERNELS=0")
        elif _bench.trouble:
            refuse(placed, _bench.trouble)
        elif not _bench.closing:
            _bench.waiting.append(placed)
            if _bench.thread is None:
                _bench.thread = threading.Thread(target=work, name="wengert kernels", daemon=True)
                _bench.thread.start()
            _bench.changed.notify_all()
    if (_bench.patient or awaited) and _bench.thread is not threading.current_thread():
        finish(60.0 if _bench.patient else _PATIENCE)
    return placed


def wait_for_kernels(wanted: bool) -> None:
    """Whether an order waits until it is done, so that a program computes the same way in every run."""
    _bench.patient = wanted


def refuse(placed: Order, reason: str) -> None:
    """Note why there will be no kernel."""
    placed.reason, placed.done = reason, True


def orders() -> list[Order]:
    """All orders of this process."""
    return list(_bench.orders)


def possible() -> bool:
    """Whether kernels may come, as far as is known."""
    return bool(settings.kernels) and not _bench.trouble and find_spec("llvmlite") is not None


def trouble() -> str:
    """Why no kernel can be made here; empty if nothing is known against it."""
    return _bench.trouble


def finish(seconds: float = 60.0) -> bool:
    """Wait until every order placed so far is done; whether that was in time."""
    with _bench.changed:
        return bool(_bench.changed.wait_for(lambda: all(placed.done for placed in _bench.orders), seconds))


def work() -> None:
    """The workshop's thread: until there is nothing to do for a while."""
    bench = _bench
    while True:
        with bench.changed:
            bench.changed.wait_for(lambda: bench.waiting or bench.closing, 5.0)
            if bench.closing or not bench.waiting:
                bench.thread = None
                return
            placed = bench.waiting.popleft()
        fulfil(bench, placed)
        with bench.changed:
            placed.done = True
            bench.changed.notify_all()


def fulfil(bench: Bench, placed: Order) -> None:
    """Make one kernel."""
    try:
        if bench.factory is None and not bench.trouble:
            bench.factory = open_factory(bench)
        if bench.factory is None:
            placed.reason = bench.trouble
        else:
            placed.function = placed.make(bench.factory)
    except Exception as error:
        placed.reason = f"{type(error).__name__}: {error}"


def open_factory(bench: Bench) -> Any:
    """The factory, which imports llvmlite; None, and the trouble noted, where it cannot work."""
    try:
        # Only now: a program without large arrays need not load what generates code.
        return import_module("wengert.core.kernels.factory").Factory()
    except ImportError as error:
        bench.trouble = f"{error.name or error} is not installed"
    except Exception as error:
        bench.trouble = f"{type(error).__name__}: {error}"
    return None


def close() -> None:
    """At exit: no more work, and the thread out of native code before it is torn down."""
    with _bench.changed:
        _bench.closing = True
        _bench.waiting.clear()
        thread = _bench.thread
        _bench.changed.notify_all()
    if thread is not None:
        thread.join(10.0)


def forked() -> None:
    """In a forked child: kernels that are ready stay; if the thread was at work, no more are made."""
    bench = _bench
    bench.changed = threading.Condition()
    bench.thread = None
    unfinished = [placed for placed in bench.orders if not placed.done]
    bench.waiting.clear()
    # The thread may have been inside llvmlite when the process was copied, and its locks be held for ever.
    for placed in unfinished:
        refuse(placed, "the process was forked while it was made")
    if unfinished:
        bench.trouble = "the process was forked while kernels were made"


atexit.register(close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forked)
