"""A program for many processes that runs as the only one."""

import pytest

from tests.backend import torch, wengert_only

dist = pytest.importorskip(torch.__name__ + ".distributed")


@pytest.fixture
def world(monkeypatch):
    for name, value in {"MASTER_ADDR": "localhost", "MASTER_PORT": "29571", "RANK": "0", "WORLD_SIZE": "1"}.items():
        monkeypatch.setenv(name, value)
    dist.init_process_group("gloo")
    yield
    dist.destroy_process_group()


def test_nothing_works_before_it_was_set_up():
    assert dist.is_available() and not dist.is_initialized()
    for call in (dist.get_rank, dist.get_world_size, lambda: dist.all_reduce(torch.ones(1))):
        with pytest.raises(ValueError, match="Default process group has not been initialized"):
            call()


def test_the_environment_must_say_rank_and_size(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(ValueError, match="environment variable RANK expected, but not set"):
        dist.init_process_group("gloo")


@wengert_only
def test_more_processes_are_an_error_that_says_so():
    with pytest.raises(NotImplementedError, match="a world of 2 processes was asked for"):
        dist.init_process_group("gloo", rank=0, world_size=2)
    assert not dist.is_initialized()


def test_the_world_has_one_process(world):
    assert (dist.get_rank(), dist.get_world_size(), dist.get_backend()) == (0, 1, "gloo")
    with pytest.raises(ValueError, match="trying to initialize the default process group twice!"):
        dist.init_process_group("gloo")
    group = dist.new_group([0])
    assert dist.get_rank(group) == 0 and dist.get_process_group_ranks(group) == [0]


def test_collectives_have_one_contribution(world):
    x = torch.tensor([1.0, 2.0])
    assert dist.all_reduce(x) is None and dist.all_reduce(x, async_op=True).wait()
    gathered = [torch.zeros(2)]
    dist.all_gather(gathered, x)
    assert torch.equal(gathered[0], x)
    dist.broadcast(x, 0)
    dist.reduce(x, 0)
    dist.gather(x, gathered, 0)
    dist.barrier()
    assert x.tolist() == [1.0, 2.0]
    dist.scatter(x, [torch.tensor([7.0, 8.0])], 0)
    assert x.tolist() == [7.0, 8.0]
    objects = [None]
    dist.all_gather_object(objects, {"a": 1})
    assert objects == [{"a": 1}]


def test_wrong_lists_and_ranks_are_refused(world):
    x = torch.ones(2)
    with pytest.raises(RuntimeError, match="expected length 1, got 0"):
        dist.all_gather([], x)
    with pytest.raises(RuntimeError, match="invalid root rank: 1"):
        dist.broadcast(x, 1)
    with pytest.raises(TypeError, match="Expected parameter `tensor` of type torch.Tensor"):
        dist.all_reduce(3)


def test_a_module_trains_in_the_only_process(world):
    layer = torch.nn.Linear(2, 1)
    model = torch.nn.parallel.DistributedDataParallel(layer)
    with model.no_sync():
        model(torch.ones(1, 2)).sum().backward()
    assert layer.weight.grad.tolist() == [[1.0, 1.0]]
    assert sorted(model.state_dict()) == ["module.bias", "module.weight"]


def test_a_module_needs_a_group():
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(1, 1))


def test_data_parallel_without_devices_is_the_module():
    layer = torch.nn.Linear(2, 1)
    x = torch.ones(3, 2)
    assert torch.equal(torch.nn.DataParallel(layer)(x), layer(x))


@wengert_only
def test_replicas_share_gradients_with_the_module():
    from wengert.nn import parallel

    layer = torch.nn.Sequential(torch.nn.Linear(2, 1))
    replicas = parallel.replicate(layer, ["cpu", "cpu"])
    outputs = parallel.parallel_apply(replicas, parallel.scatter(torch.ones(4, 2), ["cpu", "cpu"]))
    parallel.gather(outputs, "cpu").sum().backward()
    assert layer[0].weight.grad.tolist() == [[4.0, 4.0]]
