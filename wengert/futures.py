"""Results that are not there yet (`torch.futures`)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from wengert.core.base.errors import GraphError

T = TypeVar("T")
S = TypeVar("S")


class Future(Generic[T]):
    """A place for one result or one error, which other threads may wait for.

    devices: accepted; every result is on the device where it was computed.
    """

    def __init__(self, *, devices: Any = None) -> None:
        self._ready = threading.Condition()
        self._done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Future[T]], Any]] = []

    def __repr__(self) -> str:
        return f"<torch.Future object at {id(self):#x}>"

    def done(self) -> bool:
        """Whether there is a result or an error."""
        return self._done

    def wait(self) -> T:
        """The result, as soon as it is there; its error is raised."""
        with self._ready:
            self._ready.wait_for(self.done)
        return self.value()

    def value(self) -> T:
        """The result that is there.

        Raises: GraphError when there is none yet; the error that was set.
        """
        if not self._done:
            raise GraphError("completed() is false: the Future has no value yet; wait() waits for it")
        if self._error is not None:
            raise self._error
        value: T = self._value
        return value

    def set_result(self, result: T) -> None:
        """Put the result in and run the callbacks.

        Raises: GraphError the second time.
        """
        self._complete(result, None)

    def set_exception(self, result: BaseException) -> None:
        """Put an error in, which `wait` and `value` raise."""
        assert isinstance(result, Exception), f"{result} is of type {type(result)}, not an Exception."
        self._complete(None, result)

    def _complete(self, value: Any, error: BaseException | None) -> None:
        with self._ready:
            if self._done:
                raise GraphError(
                    "Attempting to mark a completed Future as complete again. Note that a Future can only be marked "
                    "completed once."
                )
            self._value, self._error, self._done = value, error, True
            callbacks, self._callbacks = self._callbacks, []
            self._ready.notify_all()
        for callback in callbacks:
            callback(self)

    def add_done_callback(self, callback: Callable[[Future[T]], None]) -> None:
        """Call `callback(self)` once there is a result, at once if there is one."""
        with self._ready:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)

    def then(self, callback: Callable[[Future[T]], S]) -> Future[S]:
        """The Future of what `callback(self)` returns; an error in it becomes that Future's error."""
        following: Future[S] = Future()

        def run(done: Future[T]) -> None:
            try:
                result = callback(done)
            except Exception as error:
                following.set_exception(error)
            else:
                following.set_result(result)

        self.add_done_callback(run)
        return following


def collect_all(futures: list[Future[Any]]) -> Future[list[Future[Any]]]:
    """A Future of the list itself, done when all of them are; the first error becomes its own."""
    together: Future[list[Future[Any]]] = Future()
    lock = threading.Lock()
    left = len(futures)

    def count(_: Future[Any]) -> None:
        nonlocal left
        with lock:
            left -= 1
            last = left == 0
        if last:
            finish()

    def finish() -> None:
        error = next((f._error for f in futures if f._error is not None), None)
        together._complete(None if error is not None else futures, error)

    for future in futures:
        future.add_done_callback(count)
    if not futures:
        finish()
    return together


def wait_all(futures: list[Future[Any]]) -> list[Any]:
    """The results of all, in order; the first error is raised."""
    return [future.wait() for future in collect_all(futures).wait()]


__all__ = ["Future", "collect_all", "wait_all"]
