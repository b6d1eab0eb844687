"""The loader's side of worker threads: they are sent tasks and give answers."""

from __future__ import annotations

import queue
import threading
from typing import Any

from wengert.utils.data._utils.worker import Task, Worker, run_thread


class TimedOut(Exception):
    """No answer came in time."""


class ThreadPool:
    """Worker threads: nothing is copied, and Python code of the dataset runs one thread at a time."""

    def __init__(self, task: Task) -> None:
        self.results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.inboxes: list[queue.SimpleQueue[Any]] = [queue.SimpleQueue() for _ in range(task.num_workers)]
        self.workers = [
            threading.Thread(target=run_thread, args=(Worker(task, i, True), inbox, self.results), daemon=True)
            for i, inbox in enumerate(self.inboxes)
        ]
        for thread in self.workers:
            thread.start()

    def send(self, worker: int, place: Any, index: Any) -> None:
        """Give a worker a task."""
        self.inboxes[worker].put((place, index))

    def receive(self, timeout: float | None) -> tuple[Any, Any]:
        """The next answer of any worker. Raises: TimedOut."""
        try:
            return self.results.get(timeout=timeout)
        except queue.Empty:
            raise TimedOut from None

    def shutdown(self) -> None:
        """Let the threads end after the task at hand."""
        for inbox in self.inboxes:
            inbox.put(None)
