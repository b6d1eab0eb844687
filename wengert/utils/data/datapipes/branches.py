"""One stream for several readers: all samples for each (`fork`), or each sample for one (`demux`)."""

from __future__ import annotations

import copy as copying
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from wengert.utils.data.datapipes.datapipe import IterDataPipe, functional_datapipe


class Branches:
    """A stream read once for several children, each with a queue of what it has not taken yet.

    route: sample -> pairs of a child and what it gets; waiting: of the lengths of the queues, at most `room` (if that
    is not negative).
    """

    def __init__(
        self, name: str, datapipe: Any, count: int, room: int, route: Callable[[Any], Any], waiting: Any
    ) -> None:
        self.name, self.datapipe, self.room, self.route, self.waiting = name, datapipe, room, route, waiting
        self.queues: list[deque[Any]] = [deque() for _ in range(count)]
        self.source: Any = None
        self.begun = [False] * count

    def begin(self, child: int) -> None:
        """A child begins a pass; all do when one begins anew."""
        if self.source is None or self.begun[child]:
            self.source = iter(self.datapipe)
            self.begun = [False] * len(self.queues)
            for queue in self.queues:
                queue.clear()
        self.begun[child] = True

    def take(self, child: int) -> Any:
        """The next sample of a child. Raises: StopIteration; BufferError where the others lag too far behind."""
        while not self.queues[child]:
            for place, item in self.route(next(self.source)):
                self.queues[place].append(item)
            others = [len(queue) for k, queue in enumerate(self.queues) if k != child]
            if others and 0 <= self.room < self.waiting(others):
                raise BufferError(f"{self.name} buffer overflow, buffer size {self.room} is insufficient.")
        return self.queues[child].popleft()


class _ChildDataPipe(IterDataPipe[Any]):
    """One of several streams that are read from one."""

    def __init__(self, main: Branches, child: int, sized: bool) -> None:
        self.main_datapipe, self.instance_id, self.sized = main, child, sized

    def reset(self) -> None:
        """Begin a pass."""
        self.main_datapipe.begin(self.instance_id)

    def __iter__(self) -> Iterator[Any]:
        while True:
            try:
                sample = self.main_datapipe.take(self.instance_id)
            except StopIteration:
                return
            yield sample

    def __len__(self) -> int:
        if not self.sized:
            raise self.unsized()
        return self.length_of(self.main_datapipe.datapipe)


def same(sample: Any) -> Any:
    """The sample itself."""
    return sample


def counted(num_instances: int) -> None:
    """Raises: ValueError for less than one stream."""
    if num_instances < 1:
        raise ValueError(f"Expected `num_instances` larger than 0, but {num_instances} is found")


@functional_datapipe("fork")
class ForkerIterDataPipe(IterDataPipe[Any]):
    """A list of num_instances streams that each give all samples, or copies of them ("shallow", "deep").

    One stream without copies is the given one itself, in no list, as in torch.
    buffer_size: by how many samples one may be ahead of another; negative without limit.
    """

    def __new__(cls, datapipe: Any, num_instances: int, buffer_size: int = 1000, copy: str | None = None) -> Any:
        counted(num_instances)
        if num_instances == 1 and copy is None:
            return datapipe
        made: Any = {None: same, "shallow": copying.copy, "deep": copying.deepcopy}.get(copy)
        if made is None:
            raise ValueError(f"Unknown copy method: {copy!r}; there are 'shallow' and 'deep'")
        children = range(num_instances)
        main = Branches(
            cls.__name__, datapipe, num_instances, buffer_size, lambda x: [(k, made(x)) for k in children], max
        )
        return [_ChildDataPipe(main, k, True) for k in children]


@functional_datapipe("demux")
class DemultiplexerIterDataPipe(IterDataPipe[Any]):
    """A list of num_instances streams; classifier_fn gives the number of the one that a sample goes to.

    drop_none: samples of class None are left out.  buffer_size: how many samples may wait in all.
    Raises in a pass: ValueError for other classes.
    """

    def __new__(
        cls, datapipe: Any, num_instances: int, classifier_fn: Callable[[Any], Any], drop_none: bool = False,
        buffer_size: int = 1000,
    ) -> Any:  # fmt: skip
        counted(num_instances)

        def route(sample: Any) -> list[tuple[int, Any]]:
            place = classifier_fn(sample)
            if place is None and drop_none:
                return []
            if place is None or not 0 <= place < num_instances:
                raise ValueError(
                    f"Output of the classification fn should be between 0 and {num_instances - 1}. {place} is returned."
                )
            return [(place, sample)]

        main = Branches(cls.__name__, datapipe, num_instances, buffer_size, route, sum)
        return [_ChildDataPipe(main, k, False) for k in range(num_instances)]
