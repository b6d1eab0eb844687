"""What runs in a worker process."""

from __future__ import annotations

import os
import pickle
import queue
import threading
from multiprocessing import connection, parent_process
from typing import Any

from wengert.utils.data._utils import room
from wengert.utils.data._utils.failure import ExceptionWrapper
from wengert.utils.data._utils.transport import Sender, removed
from wengert.utils.data._utils.worker import Worker


def run(payload: Any, worker_id: int, inbox: Any, outbox: Any, folder: str) -> None:
    """Answer tasks until told to stop or the loader's process is gone.

    payload: the Task, pickled unless the process was forked.
    """
    tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
    # Tasks are read by a thread of their own: a loader that sends while this end sends would wait for ever.
    threading.Thread(target=read, args=(inbox, tasks, folder), daemon=True).start()
    sender = Sender(outbox, folder, str(worker_id))
    try:
        worker = started(payload, worker_id)
        while (given := tasks.get()) is not None:
            place, slot, index = given
            room.current.slot = sender.slot(slot)
            respond(sender, place, slot, worker.answer(index))
    except (KeyboardInterrupt, BrokenPipeError, ConnectionResetError):
        return


def started(payload: Any, worker_id: int) -> Any:
    """The worker, ready; one that can only report why it is not, where its dataset cannot be unpickled."""
    try:
        worker = Worker(pickle.loads(payload) if isinstance(payload, bytes) else payload, worker_id, False)
    except Exception:
        return Broken(ExceptionWrapper(where=f"in DataLoader worker process {worker_id}"))
    worker.start()
    return worker


class Broken:
    """Stands for a worker that could not be made."""

    def __init__(self, failure: ExceptionWrapper) -> None:
        self.failure = failure

    def answer(self, index: Any) -> Any:
        """The reason."""
        return self.failure


def respond(sender: Sender, place: Any, slot: int, answer: Any) -> None:
    """Send an answer, or the reason why it cannot be sent."""
    try:
        sender.send(place, slot, answer)
    except (BrokenPipeError, ConnectionResetError):
        raise
    except Exception:
        sender.send(place, slot, ExceptionWrapper(where=f"in DataLoader worker process {sender.name}"))


def read(inbox: Any, tasks: Any, folder: str) -> None:
    """Hand on tasks; end the process when the loader's is gone."""
    parent: Any = parent_process()
    while True:
        if inbox not in connection.wait([inbox, parent.sentinel]):
            removed(folder)
            os._exit(1)
        try:
            given = inbox.recv()
        except (EOFError, OSError):
            given = None
        tasks.put(given)
        if given is None:
            return
