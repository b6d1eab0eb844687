"""Pipes of data, each beside torch's."""

import importlib
import pickle

import pytest

from tests.backend import REAL, torch, wengert_only

oracle = pytest.importorskip("torch")
LIBRARIES = [torch, oracle]


def parts(lib):
    data = importlib.import_module(lib.__name__ + ".utils.data")
    return data, importlib.import_module(data.__name__ + ".datapipes.iter").IterableWrapper


def keyed(lib, given):
    return importlib.import_module(lib.__name__ + ".utils.data.datapipes.map").SequenceWrapper(given)


def numbers(lib, count=10):
    return parts(lib)[1](range(count))


def both(run):
    """The results of a function of the library, errors as their class and first words."""
    found = []
    for lib in LIBRARIES:
        lib.manual_seed(0)
        try:
            found.append(run(lib))
        except Exception as error:
            kind = next(k for k in type(error).__mro__ if k.__module__ == "builtins")
            found.append((kind.__name__, str(error).lstrip("('").partition("\n")[0].partition(",")[0].rstrip("'")))
    return found


def even(x):
    return x % 2 == 0


def doubled(x):
    return 2 * x


def third(x):
    return x % 3


CASES = {
    "map": lambda lib: list(numbers(lib).map(doubled)),
    "map a column": lambda lib: list(numbers(lib).map(lambda x: (x, 1)).map(doubled, input_col=0)),
    "map two columns": lambda lib: list(
        numbers(lib).map(lambda x: [x, 1, 5]).map(lambda a, b: a + b, input_col=[0, 2])
    ),
    "map to the end": lambda lib: list(numbers(lib).map(lambda x: (x, 1)).map(doubled, input_col=0, output_col=-1)),
    "map names": lambda lib: list(numbers(lib).map(lambda x: {"a": x}).map(doubled, input_col="a", output_col="b")),
    "map to nowhere": lambda lib: numbers(lib).map(doubled, output_col=1),
    "filter": lambda lib: list(numbers(lib).filter(even)),
    "filter a column": lambda lib: list(numbers(lib).map(lambda x: (x, 1)).filter(even, input_col=0)),
    "filter without a bool": lambda lib: list(numbers(lib).filter(third)),
    "filter has no length": lambda lib: len(numbers(lib).filter(even)),
    "batch": lambda lib: list(numbers(lib).batch(3)),
    "batch dropped": lambda lib: (list(numbers(lib).batch(3, drop_last=True)), len(numbers(lib).batch(3))),
    "batch text": lambda lib: [str(b) for b in numbers(lib).batch(3)],
    "batch of nothing": lambda lib: numbers(lib).batch(0),
    "unbatch": lambda lib: list(numbers(lib).batch(3).unbatch()),
    "unbatch two": lambda lib: list(numbers(lib).batch(2).batch(2).unbatch(unbatch_level=2)),
    "unbatch all": lambda lib: list(numbers(lib).batch(2).batch(2).unbatch(unbatch_level=-1)),
    "unbatch too far": lambda lib: list(numbers(lib).unbatch()),
    "collate": lambda lib: [x.tolist() for x in numbers(lib).batch(4).collate()],
    "shuffle": lambda lib: [list(numbers(lib).shuffle()), lib.rand(1).item()],
    "shuffle in a buffer": lambda lib: list(numbers(lib, 30).shuffle(buffer_size=5)),
    "shuffle seeded": lambda lib: list(numbers(lib).shuffle().set_seed(3)),
    "shuffle off": lambda lib: list(numbers(lib).shuffle().set_shuffle(False)),
    "shuffle batches": lambda lib: list(numbers(lib).batch(2).shuffle(unbatch_level=1)),
    "concat": lambda lib: (list(numbers(lib, 2).concat(numbers(lib, 3))), len(numbers(lib, 2).concat(numbers(lib)))),
    "concat a list": lambda lib: numbers(lib).concat([1]),
    "zip": lambda lib: (list(numbers(lib, 2).zip(numbers(lib, 3))), len(numbers(lib, 2).zip(numbers(lib, 3)))),
    "mux": lambda lib: (list(numbers(lib, 2).mux(numbers(lib, 3))), len(numbers(lib, 2).mux(numbers(lib, 3)))),
    "fork": lambda lib: [list(x) for x in numbers(lib).fork(2)],
    "fork in step": lambda lib: list(zip(*numbers(lib).fork(3, buffer_size=2), strict=True)),
    "fork apart": lambda lib: list(numbers(lib).fork(2, buffer_size=4)[0]),
    "fork once": lambda lib: list(numbers(lib).fork(1)),
    "fork copies": lambda lib: [
        x[0] is y[0] for x, y in zip(*parts(lib)[1]([[[1]]]).fork(2, copy="shallow"), strict=True)
    ],
    "fork in no way": lambda lib: numbers(lib).fork(0),
    "demux": lambda lib: [list(x) for x in numbers(lib).demux(3, third)],
    "demux dropped": lambda lib: [
        list(x) for x in numbers(lib).demux(2, lambda x: third(x) if third(x) < 2 else None, drop_none=True)
    ],
    "demux outside": lambda lib: [list(x) for x in numbers(lib).demux(2, third)],
    "demux overflow": lambda lib: list(numbers(lib).demux(2, lambda x: x // 9, buffer_size=4)[1]),
    "groupby": lambda lib: list(numbers(lib).groupby(third)),
    "groupby size": lambda lib: list(numbers(lib).groupby(third, group_size=2, keep_key=True)),
    "groupby dropped": lambda lib: list(numbers(lib).groupby(third, group_size=2, drop_remaining=True)),
    "groupby buffer": lambda lib: list(numbers(lib).groupby(third, buffer_size=4)),
    "shards": lambda lib: [list(sharded(lib, k)) for k in range(3)],
    "shards length": lambda lib: [len(sharded(lib, k)) for k in range(3)],
    "texts": lambda lib: (repr(numbers(lib)), str(numbers(lib).map(doubled))),
    "unknown": lambda lib: numbers(lib).nothing,
    "no length": lambda lib: len(parts(lib)[1](iter([1])).map(doubled)),
    "keys": lambda lib: list(keyed(lib, range(4)).map(doubled)),
    "keys batched": lambda lib: (list(keyed(lib, range(5)).batch(2)), len(keyed(lib, range(5)).batch(2))),
    "keys concatenated": lambda lib: list(keyed(lib, [1, 2]).concat(keyed(lib, [3]))),
    "keys zipped": lambda lib: list(keyed(lib, [1, 2]).zip(keyed(lib, [3]))),
    "keys shuffled": lambda lib: (list(keyed(lib, range(9)).shuffle()), lib.rand(1).item()),
    "names": lambda lib: keyed(lib, {"a": 3})["a"],
}


def sharded(lib, k):
    made = numbers(lib).sharding_filter()
    made.apply_sharding(3, k)
    return made


@wengert_only  # both sides would draw from one default generator
@pytest.mark.parametrize("name", CASES)
def test_as_torch(name):
    mine, theirs = both(CASES[name])
    assert mine == theirs


def test_a_class_of_ones_own():
    for lib in LIBRARIES:
        data, wrapper = parts(lib)
        taken = f"plus_{lib.__name__}_{REAL}"
        if taken in data.IterDataPipe.functions:
            continue

        @data.functional_datapipe(taken)
        class Plus(data.IterDataPipe):
            def __init__(self, source, amount):
                self.source, self.amount = source, amount

            def __iter__(self):
                for x in self.source:
                    yield x + self.amount

        assert list(getattr(wrapper([1, 2]), taken)(3)) == [4, 5]
        with pytest.raises(Exception, match=f"Unable to add DataPipe function name {taken} as it is already taken"):
            data.functional_datapipe(taken)(Plus)
        assert data.functional_datapipe("other")(dict) is dict and "other" not in data.IterDataPipe.functions


def test_one_iterator_at_a_time():
    for lib in LIBRARIES:
        pipe = numbers(lib)
        first = iter(pipe)
        assert next(first) == 0
        second = iter(pipe)
        assert next(second) == 0
        with pytest.raises(RuntimeError, match="This iterator has been invalidated because another iterator has been"):
            next(first)
        assert list(pipe) == list(range(10))


def test_pipes_are_datasets():
    data, _ = parts(torch)
    made = data.DataLoader(numbers(torch).map(doubled), batch_size=4)
    assert [x.tolist() for x in made] == [[0, 2, 4, 6], [8, 10, 12, 14], [16, 18]]
    assert isinstance(numbers(torch), data.IterableDataset) and isinstance(keyed(torch, [1]), data.Dataset)
    assert list(pickle.loads(pickle.dumps(numbers(torch).map(doubled)))) == list(range(0, 20, 2))


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_workers_share_a_pipe():
    data, _ = parts(torch)
    pipe = numbers(torch).shuffle().sharding_filter()
    made = data.DataLoader(pipe, None, num_workers=2, multiprocessing_context="fork")
    assert sorted(made) == list(range(10))
