"""Tensors that several processes see, and processes that are started together."""

import pytest

from tests.backend import torch

mp = pytest.importorskip(torch.__name__ + ".multiprocessing")


def send_back(given, ready, results):
    given[1] = 5.0
    results.put(torch.full((2,), 3.0))
    results.put(torch.nn.Parameter(torch.ones(1)))
    ready.wait(30)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_what_one_process_writes_the_other_sees(method):
    context = mp.get_context(method)
    shared = torch.zeros(3).share_memory_()
    ready, results = context.Event(), context.Queue()
    process = context.Process(target=send_back, args=(shared, ready, results))
    process.start()
    sent, parameter = results.get(timeout=60), results.get(timeout=60)
    ready.set()
    process.join()
    assert shared.tolist() == [0.0, 5.0, 0.0]
    assert sent.tolist() == [3.0, 3.0] and sent.is_shared()
    assert isinstance(parameter, torch.nn.Parameter) and parameter.requires_grad


def test_sharing_keeps_values_strides_and_gradients():
    x = torch.arange(6.0).reshape(2, 3).t()
    before = x.clone()
    x.share_memory_()
    assert x.is_shared() and torch.equal(x, before) and x.stride() == (1, 3)
    assert not torch.ones(1).is_shared()
    layer = torch.nn.Linear(2, 1)
    layer.share_memory()
    layer(torch.ones(1, 2)).sum().backward()
    assert layer.weight.is_shared() and layer.weight.grad.tolist() == [[1.0, 1.0]]


def test_a_tensor_with_history_is_not_sent():
    from multiprocessing import reduction

    y = torch.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf tensor"):
        reduction.ForkingPickler.dumps(y)


def write_own(i, shared):
    shared[i] = i + 1


def fail(i):
    raise ValueError("no such luck")


def test_processes_are_started_together():
    shared = torch.zeros(2).share_memory_()
    mp.spawn(write_own, args=(shared,), nprocs=2)
    assert shared.tolist() == [1.0, 2.0]


def test_the_traceback_of_a_process_arrives():
    with pytest.raises(mp.ProcessRaisedException, match="no such luck"):
        mp.spawn(fail, nprocs=1)


def test_strategies_are_named():
    before = mp.get_sharing_strategy()
    mp.set_sharing_strategy("file_system")
    assert mp.get_sharing_strategy() == "file_system"
    mp.set_sharing_strategy(before)
    assert mp.get_all_sharing_strategies() == {"file_descriptor", "file_system"}
