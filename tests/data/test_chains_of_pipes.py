"""Settings for whole chains of pipes, beside torch's."""

import importlib

import pytest

from tests.backend import torch, wengert_only

oracle = pytest.importorskip("torch")
LIBRARIES = [torch, oracle]


def parts(lib):
    settings = importlib.import_module(lib.__name__ + ".utils.data.graph_settings")
    graph = importlib.import_module(lib.__name__ + ".utils.data.graph")
    return graph, settings, importlib.import_module(lib.__name__ + ".utils.data.datapipes.iter")


def priorities(lib):
    pipes = parts(lib)[2]
    return (
        getattr(pipes, "SHARDING_PRIORITIES", None)
        or importlib.import_module(pipes.__name__ + ".sharding").SHARDING_PRIORITIES
    )


def chain(lib):
    return parts(lib)[2].IterableWrapper(range(8)).shuffle().sharding_filter()


def test_a_chain_and_what_it_takes_from():
    for lib in LIBRARIES:
        graph, settings, pipes = parts(lib)
        found = graph.traverse_dps(chain(lib))
        names = [type(pipe).__name__ for pipe in settings.get_all_graph_pipes(found)]
        assert names == ["ShardingFilterIterDataPipe", "ShufflerIterDataPipe", "IterableWrapperIterDataPipe"]
        source = pipes.IterableWrapper(range(4))
        left, right = source.fork(2)
        joined = settings.get_all_graph_pipes(graph.traverse_dps(left.zip(right.map(str))))
        assert source in joined and left in joined and right in joined
        with pytest.raises(RuntimeError, match="Expected `IterDataPipe` or `MapDataPipe`, but <class 'int'> is found"):
            graph.traverse_dps(3)


def test_shuffling_of_a_chain():
    orders = []
    for lib in LIBRARIES:
        _, settings, pipes = parts(lib)
        pipe = settings.apply_shuffle_settings(chain(lib), shuffle=False)
        assert list(pipe) == list(range(8))
        settings.apply_shuffle_settings(pipe, shuffle=True)
        settings.apply_random_seed(pipe, lib.Generator().manual_seed(3))
        orders.append(list(pipe))
        with pytest.warns(UserWarning, match="does not contain a `Shuffler`"):
            assert "Shuffler" in repr(settings.apply_shuffle_settings(pipes.IterableWrapper([1]), shuffle=True))
    assert orders[0] == orders[1] != list(range(8))


def test_shards_of_a_chain():
    for lib in LIBRARIES:
        _, settings, pipes = parts(lib)
        groups = priorities(lib)
        plain = pipes.IterableWrapper(range(8)).sharding_filter()
        assert list(settings.apply_sharding(plain, 2, 1)) == [1, 3, 5, 7]
        with pytest.raises(RuntimeError, match="Sharding twice on a single pipeline"):
            settings.apply_sharding(plain.sharding_filter(), 2, 0)
        with pytest.raises(RuntimeError, match="cannot mix DEFAULT and non DEFAULT groups"):
            settings.apply_sharding(plain, 2, 1, groups.DISTRIBUTED)
        nested = pipes.IterableWrapper(range(16)).sharding_filter()
        settings.apply_sharding(nested, 2, 1, groups.DISTRIBUTED)
        settings.apply_sharding(nested, 3, 1, groups.MULTIPROCESSING)
        assert list(nested) == [4, 10] and len(nested) == 2


@wengert_only
def test_settings_are_reached_from_the_package():
    assert torch.utils.data.graph_settings.apply_sharding(chain(torch), 2, 0) is not None
