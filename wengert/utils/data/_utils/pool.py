"""The loader's side of worker processes: they are sent tasks and give answers."""

from __future__ import annotations

import ast
import contextlib
import io
import multiprocessing
import os
import pickle
import signal
import sys
import time
from multiprocessing import connection
from types import FunctionType
from typing import Any

from wengert.utils.data._utils import process
from wengert.utils.data._utils.threads import TimedOut
from wengert.utils.data._utils.transport import Receiver, memory_folder, removed
from wengert.utils.data._utils.worker import Task

_PATIENCE = 1.0  # seconds that workers have to end by themselves
_HARMLESS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
_NOT_FORKED_AFTER = ("mpi4py.MPI", "cupy")  # libraries that do not survive a fork


class ProcessPool:
    """Worker processes, started by `context` (None: chosen by `start_method`)."""

    def __init__(self, task: Task, context: Any) -> None:
        self.owner, self.folder = os.getpid(), memory_folder()
        self.workers: list[Any] = []
        self.receivers: list[Receiver] = []
        self.senders: list[Any] = []
        try:
            context, payload = (context, task) if context is not None else start_method(task)
            for i in range(task.num_workers):
                self.start(context, payload, i)
        except BaseException:
            self.shutdown()
            raise

    def start(self, context: Any, payload: Any, worker: int) -> None:
        """Start one worker."""
        inbox, sender = context.Pipe(duplex=False)
        answers, outbox = context.Pipe(duplex=False)
        made = context.Process(target=process.run, args=(payload, worker, inbox, outbox, self.folder), daemon=True)
        made.start()
        inbox.close()
        outbox.close()
        self.workers.append(made)
        self.senders.append(sender)
        self.receivers.append(Receiver(answers, self.folder, str(worker)))

    def send(self, worker: int, place: Any, index: Any) -> None:
        """Give a worker a task."""
        try:
            self.senders[worker].send((place, self.receivers[worker].slot(), index))
        except (BrokenPipeError, ConnectionResetError):
            raise self.death(self.workers[worker]) from None

    def receive(self, timeout: float | None) -> tuple[Any, Any]:
        """The next answer of any worker. Raises: TimedOut; RuntimeError when a worker is dead."""
        pipes = {receiver.connection: receiver for receiver in self.receivers}
        sentinels = {worker.sentinel: worker for worker in self.workers}
        ready = connection.wait([*pipes, *sentinels], timeout)
        if not ready:
            raise TimedOut
        for found in ready:
            if found in pipes:
                try:
                    return pipes[found].receive()
                except (EOFError, OSError):
                    raise self.death(self.workers[self.receivers.index(pipes[found])]) from None
        raise self.death(next(sentinels[found] for found in ready))

    def death(self, worker: Any) -> RuntimeError:
        """The error for a worker that ended unasked."""
        worker.join(_PATIENCE)
        code = worker.exitcode
        if code is not None and code < 0:
            return RuntimeError(
                f"DataLoader worker (pid {worker.pid}) is killed by signal: {signal.strsignal(-code)}. "
            )
        return RuntimeError(
            f"DataLoader worker (pid {worker.pid}) exited unexpectedly with exit code {code}. Details are lost due to "
            "multiprocessing. Rerunning with num_workers=0 may give better error trace."
        )

    def shutdown(self) -> None:
        """End the workers, those that do not listen by force, and free what they used."""
        if os.getpid() != self.owner:
            return
        for sender in self.senders:
            with contextlib.suppress(OSError, ValueError):
                sender.send(None)
        for pipe in [*self.senders, *(receiver.connection for receiver in self.receivers)]:
            pipe.close()
        patience = time.monotonic() + _PATIENCE
        for worker in self.workers:
            worker.join(max(0.0, patience - time.monotonic()))
        for end in ("terminate", "kill"):
            for worker in self.workers:
                if worker.is_alive():
                    getattr(worker, end)()
                    worker.join(_PATIENCE)
        self.workers, self.senders, self.receivers = [], [], []
        removed(self.folder)


def start_method(task: Task) -> tuple[Any, Any]:
    """The way to start workers, and what is sent to them.

    A fresh process of a fork server is safe whatever threads and libraries this program has started.  It needs a
    dataset that can be pickled, and a main program that can be imported without running; where one of them is missing,
    workers are forks of this process (as torch's are), unless a library that must not be forked is loaded.
    """
    methods = multiprocessing.get_all_start_methods()
    first = "forkserver" if "forkserver" in methods else "spawn"
    forking = "fork" in methods and not any(name in sys.modules for name in _NOT_FORKED_AFTER)
    file = io.BytesIO()
    pickler = TaskPickler(file, 5)
    try:
        pickler.dump(task)
    except Exception:
        if not forking:
            raise
        return multiprocessing.get_context("fork"), task
    if forking and not importable_main(pickler.names):
        return multiprocessing.get_context("fork"), task
    context: Any = multiprocessing.get_context(first)
    if first == "forkserver":
        context.set_forkserver_preload(["__main__", process.__name__])
    return context, file.getvalue()


class TaskPickler(pickle.Pickler):
    """Notes which names of the main program a pickle needs."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.names: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        """Called for every object; functions and classes are written as names."""
        if isinstance(obj, (type, FunctionType)) and obj.__module__ == "__main__":
            self.names.add(obj.__qualname__.partition(".")[0])
        return NotImplemented


def importable_main(names: set[str]) -> bool:
    """Whether another process can import the main program without running it, and then finds these names there."""
    main: Any = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    if path is None:
        return not names
    try:
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
    except (OSError, UnicodeDecodeError, SyntaxError):
        return False
    defined = {getattr(node, "name", None) for node in tree.body}
    guarded = any(isinstance(node, ast.If) and "__name__" in ast.unparse(node.test) for node in tree.body)
    return names <= defined and (guarded or all(isinstance(node, _HARMLESS) for node in tree.body))
