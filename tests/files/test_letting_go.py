"""What was loaded goes with its last reference: no cycle keeps the storages of a file for the garbage collector."""

import gc
import io
import weakref

import pytest

import wengert as torch


def lives_after(make):
    """Whether what `make` gives, a tensor, outlives its last reference."""
    gc.collect()
    gc.disable()
    try:
        tensor = make()
        found = weakref.ref(tensor.untyped_storage()), weakref.ref(tensor)
        array = weakref.ref(tensor._array if tensor._array.base is None else owner(tensor._array))
        del tensor
        return [x() is not None for x in (*found, array)]
    finally:
        gc.enable()


def owner(array):
    """The array whose memory it is."""
    while getattr(array, "base", None) is not None and hasattr(array.base, "shape"):
        array = array.base
    return array


def saved(value, **options):
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file


def loaded(file, pick, **options):
    file.seek(0)
    return pick(torch.load(file, **options))


@pytest.mark.parametrize("restricted", [True, False])
def test_a_state_dict(restricted):
    file = saved(torch.nn.Linear(3, 2).state_dict())
    assert lives_after(lambda: loaded(file, lambda d: d["weight"], weights_only=restricted)) == [False] * 3


@pytest.mark.parametrize("restricted", [True, False])
def test_a_mapped_file(restricted, tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"a": torch.rand(1000)}, path)
    assert lives_after(lambda: torch.load(path, mmap=True, weights_only=restricted)["a"]) == [False] * 3


def test_a_module():
    file = saved(torch.nn.Sequential(torch.nn.Linear(3, 2)))
    assert lives_after(lambda: loaded(file, lambda m: m[0].weight.data, weights_only=False)) == [False] * 3


def test_a_graph():
    x = torch.rand(3, requires_grad=True)
    file = saved((x * 2).exp())
    assert lives_after(lambda: loaded(file, lambda y: y, weights_only=False)) == [False] * 3


@pytest.mark.parametrize("restricted", [True, False])
def test_the_file_itself(restricted):
    file = saved(torch.rand(3))
    found = weakref.ref(file)
    gc.collect()
    gc.disable()
    try:
        loaded(file, lambda x: x, weights_only=restricted)
        del file
        assert found() is None
    finally:
        gc.enable()


def test_a_damaged_file_keeps_nothing():
    file = saved({"a": torch.rand(100), "b": torch.rand(100)})
    data = bytearray(file.getvalue())
    place = data.find(torch.load(io.BytesIO(bytes(data)))["b"].numpy().tobytes())
    data[place] ^= 1
    gc.collect()
    before = sum(type(x) is torch.UntypedStorage for x in gc.get_objects())
    gc.disable()
    try:
        with pytest.raises(RuntimeError, match="checksum"):
            torch.load(io.BytesIO(bytes(data)))
        assert sum(type(x) is torch.UntypedStorage for x in gc.get_objects()) == before
    finally:
        gc.enable()


def test_pickles_and_copies():
    import copy
    import pickle

    assert lives_after(lambda: pickle.loads(pickle.dumps(torch.rand(5)))) == [False] * 3
    assert lives_after(lambda: copy.deepcopy(torch.rand(5))) == [False] * 3
