"""Starting several processes and hearing of the first that fails (`torch.multiprocessing.spawn`)."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from multiprocessing import connection
from typing import Any

from wengert.core.base.errors import WengertError


class ProcessException(WengertError):
    """Raised where processes are joined when one has failed; `error_index` says which, `error_pid` its number."""

    def __init__(self, msg: str, error_index: int, pid: int) -> None:
        super().__init__(msg)
        self.msg, self.error_index, self.pid = msg, error_index, pid

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """A process ended with an error; the message holds its traceback."""

    def __init__(self, msg: str, error_index: int, error_pid: int) -> None:
        super().__init__(msg, error_index, error_pid)


class ProcessExitedException(ProcessException):
    """A process ended by a signal or with an exit code."""

    def __init__(
        self, msg: str, error_index: int, error_pid: int, exit_code: int, signal_name: str | None = None
    ) -> None:
        super().__init__(msg, error_index, error_pid)
        self.exit_code, self.signal_name = exit_code, signal_name

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.pid, self.exit_code, self.signal_name)


def run_one(fn: Callable[..., Any], i: int, args: tuple[Any, ...], error_path: str) -> None:
    """What a started process does: `fn(i, *args)`, with its traceback left in a file if it fails."""
    try:
        fn(i, *args)
    except KeyboardInterrupt:
        pass
    except Exception:
        with open(error_path, "wb") as file:
            pickle.dump(traceback.format_exc(), file)
        sys.exit(1)


class ProcessContext:
    """Processes that were started together."""

    def __init__(self, processes: list[Any], error_files: list[str]) -> None:
        self.processes, self.error_files = processes, error_files
        self.sentinels = {process.sentinel: index for index, process in enumerate(processes)}

    def pids(self) -> list[int]:
        """Their numbers."""
        return [int(process.pid) for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait until one ends; whether all have ended well.

        Raises: ProcessRaisedException or ProcessExitedException when one failed; the others are then ended.
        """
        if not self.sentinels:
            return True
        for sentinel in connection.wait(list(self.sentinels), timeout=timeout):
            index = self.sentinels.pop(sentinel)  # type: ignore[arg-type]
            self.processes[index].join()
            if self.processes[index].exitcode != 0:
                self.end(grace_period)
                raise self.error(index)
        if self.sentinels:
            return False
        for process in self.processes:
            process.join()
        self.remove_files()
        return True

    def end(self, grace_period: float | None) -> None:
        """End the processes that still run: asked first, forced after `grace_period` seconds (30)."""
        for process in self.processes:
            if process.is_alive():
                process.terminate()
        for process in self.processes:
            process.join(30 if grace_period is None else grace_period)
            if process.is_alive():
                process.kill()
                process.join()

    def error(self, index: int) -> ProcessException:
        """Why a process failed."""
        process, path = self.processes[index], self.error_files[index]
        try:
            with open(path, "rb") as file:
                told = pickle.load(file)
        except (OSError, EOFError):
            told = None
        self.remove_files()
        if told:
            return ProcessRaisedException(
                f"\n\n-- Process {index} terminated with the following error:\n{told}", index, process.pid
            )
        code = process.exitcode
        if code < 0:
            name = signal.Signals(-code).name
            return ProcessExitedException(
                f"process {index} terminated with signal {name}", index, process.pid, code, name
            )
        return ProcessExitedException(f"process {index} terminated with exit code {code}", index, process.pid, code)

    def remove_files(self) -> None:
        """Remove the files that tracebacks would have been left in."""
        for path in self.error_files:
            if os.path.exists(path):
                os.remove(path)


SpawnContext = ProcessContext


def start_processes(
    fn: Callable[..., Any], args: tuple[Any, ...] = (), nprocs: int = 1, join: bool = True, daemon: bool = False,
    start_method: str = "spawn", **options: Any,
) -> ProcessContext | None:  # fmt: skip
    """Run `fn(i, *args)` in `nprocs` processes, i = 0, 1, ...; join: wait for all, else hand out their context."""
    context = multiprocessing.get_context(start_method)
    folder = tempfile.gettempdir()
    processes, files = [], []
    for i in range(nprocs):
        path = os.path.join(folder, f"wengert-spawn-{os.getpid()}-{os.urandom(6).hex()}")
        process = context.Process(target=run_one, args=(fn, i, args, path), daemon=daemon)  # type: ignore[attr-defined]
        process.start()
        processes.append(process)
        files.append(path)
    together = ProcessContext(processes, files)
    if not join:
        return together
    while not together.join():
        pass
    return None


def spawn(
    fn: Callable[..., Any], args: tuple[Any, ...] = (), nprocs: int = 1, join: bool = True, daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:  # fmt: skip
    """`start_processes` with fresh interpreters, which import the program again."""
    return start_processes(fn, args, nprocs, join, daemon, start_method)


__all__ = [
    "ProcessContext", "ProcessException", "ProcessExitedException", "ProcessRaisedException", "SpawnContext", "spawn",
    "start_processes",
]  # fmt: skip
