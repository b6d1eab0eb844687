"""DataLoader: torch's order and random numbers, workers of both kinds, errors, deaths and interruptions."""

import importlib
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.backend import REAL, ROOT, torch, wengert_only

oracle = pytest.importorskip("torch")
data = importlib.import_module(torch.__name__ + ".utils.data")
judge = importlib.import_module("torch.utils.data")
forking = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
pytestmark = [
    forking,
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs processes"),
]
KINDS = ["process"] if REAL else ["process", "thread"]


def loader(*args, worker="process", **kwargs):
    if not REAL:
        kwargs["worker"] = worker
    if kwargs.get("num_workers") and worker == "process":
        kwargs.setdefault("multiprocessing_context", "fork")
    return data.DataLoader(*args, **kwargs)


class Numbers:
    def __len__(self):
        return 10

    def __getitem__(self, i):
        return i


class Random(Numbers):
    def __getitem__(self, i):
        return (random.random(), np.random.rand(), oracle.rand(1).item() if REAL else torch.rand(1).item())


class JudgedRandom(Numbers):
    def __getitem__(self, i):
        return random.random(), np.random.rand(), oracle.rand(1).item()


class Failing(Numbers):
    def __init__(self, how):
        self.how = how

    def __getitem__(self, i):
        if i == 3:
            self.how()
        return i


class Stream(data.IterableDataset):
    def __init__(self, sharded=False):
        self.sharded = sharded

    def __iter__(self):
        info = data.get_worker_info()
        if info is not None and self.sharded:
            return iter(range(info.id, 7, info.num_workers))
        return iter(range(7))


class Arrays(Numbers):
    """Samples large enough for shared memory."""

    def __getitem__(self, i):
        return torch.full((64, 64), float(i)), {"label": i, "raw": np.full(3, i)}


def lists(batches):
    return [batch.tolist() for batch in batches]


@wengert_only
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("options", [{}, {"batch_size": 3}, {"batch_size": 4, "drop_last": True}])
@pytest.mark.parametrize("own", [False, True])
def test_the_same_order_as_torch(shuffle, options, own):
    torch.manual_seed(1), oracle.manual_seed(1)
    mine = torch.Generator().manual_seed(2) if own else None
    theirs = oracle.Generator().manual_seed(2) if own else None
    a = loader(Numbers(), shuffle=shuffle, generator=mine, **options)
    b = judge.DataLoader(Numbers(), shuffle=shuffle, generator=theirs, **options)
    for _ in range(2):
        assert lists(a) == lists(b) and len(a) == len(b)
    assert torch.rand(1).item() == oracle.rand(1).item()


@wengert_only
@pytest.mark.parametrize("worker", KINDS)
def test_workers_change_nothing(worker):
    for count in (0, 1, 3):
        torch.manual_seed(4), oracle.manual_seed(4)
        found = lists(loader(Numbers(), 3, shuffle=True, num_workers=count, worker=worker))
        assert found == lists(judge.DataLoader(Numbers(), 3, shuffle=True))
        assert torch.rand(1).item() == oracle.rand(1).item()


@wengert_only
def test_workers_draw_the_same_random_numbers_as_torch():
    torch.manual_seed(4), oracle.manual_seed(4)
    mine = list(loader(Random(), None, num_workers=2))
    theirs = list(judge.DataLoader(JudgedRandom(), None, num_workers=2, multiprocessing_context="fork"))
    assert mine == theirs


@wengert_only
def test_worker_threads_have_generators_of_their_own():
    class Own(Numbers):
        def __getitem__(self, i):
            return torch.rand(1, generator=data.get_worker_info().rng.torch_generator).item()

    def run():
        torch.manual_seed(0)
        return list(loader(Own(), None, num_workers=2, worker="thread"))

    assert run() == run()


@pytest.mark.parametrize("worker", KINDS)
def test_batches_arrive_whole(worker):
    batches = list(loader(Arrays(), 5, num_workers=2, worker=worker, prefetch_factor=1))
    for k, (x, facts) in enumerate(batches):
        assert x.shape == (5, 64, 64) and x[:, 0, 0].tolist() == list(range(5 * k, 5 * k + 5))
        assert facts["label"].tolist() == facts["raw"][:, 2].tolist() == list(range(5 * k, 5 * k + 5))
        x.add_(1)


class Large(Numbers):
    """Samples that are sent in shared memory one by one."""

    def __len__(self):
        return 80

    def __getitem__(self, i):
        return torch.full((32, 512), float(i))


@pytest.mark.parametrize("count", [1, 2])
def test_batches_in_use_are_not_written_over(count):
    kept = list(loader(Large(), 2, num_workers=count, prefetch_factor=1))
    assert [batch[:, 0, 0].tolist() for batch in kept] == [[2 * k, 2 * k + 1] for k in range(40)]
    assert all((batch == batch[:, :1, :1]).all() for batch in kept)
    if not REAL:
        # A batch is a storage of its own, whatever came with it.
        assert kept[0].untyped_storage().nbytes() == kept[0].numel() * 4


def test_a_view_keeps_its_batch():
    batches = iter(loader(Large(), 2, num_workers=1, prefetch_factor=1))
    row = next(batches)[1, 3].numpy()
    assert sum(1 for _ in batches) == 39
    assert (row == 1).all()


class Remembering(Large):
    """A dataset that keeps what it collated, as one that caches does."""

    def __init__(self):
        self.kept = {}

    def __getitem__(self, i):
        if i % 4 not in self.kept:
            self.kept[i % 4] = data.default_collate([torch.full((32, 512), float(i))] * 2)
        return self.kept[i % 4]


def test_what_a_worker_keeps_is_not_written_over():
    found = [batch[:, :, 0, 0].tolist() for batch in loader(Remembering(), 2, num_workers=1, prefetch_factor=1)]
    assert found == [[[0, 0], [1, 1]], [[2, 2], [3, 3]]] * 20


def sliced(samples):
    whole = data.default_collate(samples)
    return {"tail": whole[1:], "turned": whole.transpose(0, 1), "other": torch.ones(40_000), "small": whole[0, 0, :2]}


def test_parts_of_batches():
    for k, found in enumerate(loader(Large(), 2, num_workers=1, collate_fn=sliced)):
        assert found["tail"].shape == (1, 32, 512) and (found["tail"] == 2 * k + 1).all()
        assert found["turned"].shape == (32, 2, 512) and (found["turned"][:, 1] == 2 * k + 1).all()
        assert found["other"].sum() == 40_000 and found["small"].tolist() == [2 * k] * 2


@pytest.mark.skipif("forkserver" not in multiprocessing.get_all_start_methods(), reason="needs a fork server")
def test_a_fork_server():
    x = torch.arange(40_000.0).reshape(4, 10_000)
    samples = data.TensorDataset(x, torch.arange(4))
    found = list(loader(samples, 2, num_workers=1, multiprocessing_context="forkserver"))
    assert [y.tolist() for _, y in found] == [[0, 1], [2, 3]]
    assert all(a.equal(b) for (a, _), b in zip(found, x.split(2), strict=True))


@pytest.mark.parametrize("worker", KINDS)
def test_streams(worker):
    whole = loader(Stream(), 3)
    assert lists(whole) == [[0, 1, 2], [3, 4, 5], [6]]
    assert lists(loader(Stream(), 3, drop_last=True)) == [[0, 1, 2], [3, 4, 5]]
    sharded = loader(Stream(True), 2, num_workers=2, worker=worker)
    assert lists(sharded) == [[0, 2], [1, 3], [4, 6], [5]]
    assert lists(loader(Stream(), 4, num_workers=2, worker=worker)) == [[0, 1, 2, 3]] * 2 + [[4, 5, 6]] * 2


def test_a_stream_longer_than_it_said():
    class Short(Stream):
        def __len__(self):
            return 2

    made = loader(Short(), None)
    assert len(made) == 2
    with pytest.warns(UserWarning, match="Length of IterableDataset .* was reported to be 2"):
        list(made)


@pytest.mark.parametrize("worker", KINDS)
def test_persistent_workers(worker):
    made = loader(Numbers(), 5, num_workers=2, persistent_workers=True, worker=worker)
    first = iter(made)
    assert next(first).tolist() == [0, 1, 2, 3, 4]
    second = iter(made)
    assert second is first and lists(second) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    assert lists(made) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    del first, second, made


@pytest.mark.parametrize("worker", KINDS)
def test_worker_info_and_init(worker):
    class Info(Numbers):
        def __getitem__(self, i):
            info = data.get_worker_info()
            return info.id, info.num_workers, info.seed - info.id, info.dataset is self, self.mark

    made = Info()

    def init(worker_id):
        data.get_worker_info().dataset.mark = 7

    found = list(loader(made, None, num_workers=2, worker_init_fn=init, worker=worker))
    assert [row[0] for row in found] == [0, 1] * 5 and len({row[2] for row in found}) == 1
    assert all(row[1] == 2 and row[3] and row[4] == 7 for row in found)
    assert data.get_worker_info() is None


def boom():
    raise ValueError("boom")


def key():
    raise KeyError("boom")


class Odd(Exception):
    def __init__(self, a, b):
        super().__init__(a, b)


def odd():
    raise Odd(1, 2)


@pytest.mark.parametrize("worker", KINDS)
@pytest.mark.parametrize(("how", "kind"), [(boom, ValueError), (key, KeyError), (odd, RuntimeError)])
def test_errors_arrive_with_their_traceback(worker, how, kind):
    batches = iter(loader(Failing(how), 2, num_workers=1, worker=worker))
    assert next(batches).tolist() == [0, 1]
    with pytest.raises(kind) as error:
        next(batches)
    text = str(error.value)
    raised = {boom: "ValueError", key: "KeyError", odd: "Odd"}[how]
    assert text.startswith(f"Caught {raised} in DataLoader worker {worker} 0.\nOriginal Traceback (most recent call")
    assert f"in {how.__name__}" in text and "boom" in text or how is odd
    assert next(batches).tolist() == [4, 5]


def test_an_error_of_init_arrives():
    def init(worker_id):
        raise RuntimeError("init")

    with pytest.raises(RuntimeError, match="Caught RuntimeError in DataLoader worker process 0(.|\n)*init"):
        list(loader(Numbers(), num_workers=1, worker_init_fn=init))


def test_a_dead_worker_is_an_error():
    unexpected = r"DataLoader worker \(pid(\(s\))? \d+\) exited unexpectedly"
    killed = r"DataLoader worker \(pid \d+\) is killed by signal: Killed|" + unexpected
    for how, message in (
        (lambda: os.kill(os.getpid(), signal.SIGKILL), killed),
        (lambda: os._exit(3), unexpected),
    ):
        start = time.monotonic()
        with pytest.raises(RuntimeError, match=message):
            list(loader(Failing(how), num_workers=2))
        assert time.monotonic() - start < 10


def test_the_timeout():
    with pytest.raises(RuntimeError, match="DataLoader timed out after 0.1 seconds"):
        list(loader(Failing(lambda: time.sleep(0.4)), num_workers=1, timeout=0.1))


def test_workers_end_with_the_iterator():
    batches = iter(loader(Numbers(), num_workers=2))
    next(batches)
    workers = list(batches._workers)
    assert all(worker.is_alive() for worker in workers)
    del batches
    deadline = time.monotonic() + 5
    while any(worker.is_alive() for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(worker.is_alive() for worker in workers)


INTERRUPTED = """
import os, signal, sys, time
import wengert as torch
from wengert.utils.data import DataLoader
class Slow:
    def __len__(self):
        return 100
    def __getitem__(self, i):
        time.sleep(0.05)
        return i
batches = iter(DataLoader(Slow(), num_workers=2))
next(batches)
print(*[worker.pid for worker in batches._workers], flush=True)
for batch in batches:
    pass
"""


@wengert_only
def test_an_interrupt_ends_the_workers():
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    pids = [int(pid) for pid in process.stdout.readline().split()]
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode != 0 and "KeyboardInterrupt" in errors
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


SCRIPT = """
import wengert as torch
from wengert.utils.data import DataLoader, Dataset
class Squares(Dataset):
    def __len__(self):
        return 4
    def __getitem__(self, i):
        return i * i
{guard}print([b.tolist() for b in DataLoader(Squares(), 2, num_workers=2, collate_fn={collate})])
"""


@wengert_only
@pytest.mark.parametrize("guard", ["", 'if __name__ == "__main__":\n    '])
@pytest.mark.parametrize("collate", ["None", "lambda batch: torch.tensor(batch)"])
def test_programs_run_unmodified(guard, collate, tmp_path):
    path = tmp_path / "program.py"
    path.write_text(SCRIPT.format(guard=guard, collate=collate))
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout == "[[0, 1], [4, 9]]\n", done.stderr


ARGUMENTS = {
    "batch size": {"batch_size": 0},
    "workers": {"num_workers": -1},
    "prefetch": {"prefetch_factor": 2},
    "persistent": {"persistent_workers": True},
    "timeout": {"timeout": -1},
    "prefetch number": {"num_workers": 1, "prefetch_factor": -1},
    "batch sampler": {"batch_size": 2, "batch_sampler": [[1]]},
    "sampler": {"sampler": [1], "shuffle": True},
    "single": {"batch_size": None, "drop_last": True},
    "context": {"multiprocessing_context": "fork"},
    "context name": {"num_workers": 1, "multiprocessing_context": "bad"},
    "context kind": {"num_workers": 1, "multiprocessing_context": 3},
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments(name):
    texts = []
    for library in (data, judge):
        with pytest.raises((ValueError, TypeError)) as error:
            library.DataLoader(Numbers(), **ARGUMENTS[name])
        texts.append((type(error.value).__name__, str(error.value)))
    assert texts[0] == texts[1]


def test_streams_take_no_order():
    for name, value in {"shuffle": True, "sampler": [1], "batch_sampler": [[1]]}.items():
        with pytest.raises(ValueError, match=f"DataLoader with IterableDataset: expected unspecified {name} option"):
            loader(Stream(), **{name: value})


def test_attributes_are_fixed():
    made = loader(Numbers(), 2)
    with pytest.raises(ValueError, match="batch_size attribute should not be set after DataLoader is initialized"):
        made.batch_size = 3
    with pytest.raises(AssertionError, match="requires timeout == 0"):
        iter(loader(Numbers(), timeout=1))


def test_batch_samplers_and_whole_batches():
    class Whole(Numbers):
        def __getitems__(self, indices):
            return [-i for i in indices]

    assert lists(loader(Whole(), batch_sampler=[[1, 2], [3]])) == [[-1, -2], [-3]]
    assert list(loader(Numbers(), None, sampler=[4, 2])) == [4, 2]
    assert list(loader(Numbers(), 2, collate_fn=tuple))[0] == (0, 1)
