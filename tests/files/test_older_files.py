"""Files in the format of torch before 1.6 (`_use_new_zipfile_serialization=False`), read and written."""

import collections
import io

import pytest

from tests.backend import torch, wengert_only

oracle = pytest.importorskip("torch")


def saved(library, value):
    """The bytes of a file."""
    file = io.BytesIO()
    library.save(value, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


def loaded(library, data, **options):
    """The object of a file."""
    return library.load(io.BytesIO(data), **options)


def several(library):
    """Tensors of many kinds, two of which share memory."""
    x = library.arange(6.0).reshape(2, 3)
    return {
        "whole": x,
        "column": x[:, 1],
        "half": library.ones(3, dtype=library.bfloat16),
        "number": library.tensor(3),
        "complex": library.tensor([1 + 2j]),
        "flags": library.tensor([True, False]),
        "none": library.empty(0, 2),
        "weight": library.nn.Parameter(library.tensor([1.0, -1.0])),
        "text": "a word",
        "order": collections.OrderedDict(a=1, b=[1.5, None]),
    }


def told(value):
    """What is in a file, without the library."""
    if isinstance(value, dict):
        return {key: told(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return type(value).__name__, str(value.dtype), value.requires_grad, tuple(value.shape), value.tolist()
    return value


@pytest.mark.parametrize("weights_only", [True, False])
@pytest.mark.parametrize("writer, reader", [(oracle, torch), (torch, oracle), (torch, torch)])
def test_what_one_library_writes_the_other_reads(writer, reader, weights_only):
    found = loaded(reader, saved(writer, several(writer)), weights_only=weights_only)
    assert told(found) == told(several(writer))


def test_shared_memory_is_shared_again():
    found = loaded(torch, saved(oracle, several(oracle)))
    found["whole"][1, 1] = 40.0
    assert found["column"].tolist() == [1.0, 40.0]


def test_paths(tmp_path):
    torch.save([torch.ones(2)], tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert oracle.load(tmp_path / "old.pt")[0].tolist() == [1.0, 1.0]
    assert torch.load(tmp_path / "old.pt")[0].tolist() == [1.0, 1.0]
    with pytest.raises(RuntimeError, match="mmap can only be used with files saved with"):
        torch.load(tmp_path / "old.pt", mmap=True)


def test_state_of_modules_and_modules():
    layers = oracle.nn.Sequential(oracle.nn.Linear(2, 3), oracle.nn.BatchNorm1d(3))
    state = loaded(torch, saved(oracle, layers.state_dict()))
    assert {k: v.tolist() for k, v in state.items()} == {k: v.tolist() for k, v in layers.state_dict().items()}
    data = saved(oracle, layers)
    whole = loaded(torch, data, weights_only=False)
    x = [[0.5, -1.0], [2.0, 0.25]]
    wanted = layers(oracle.tensor(x)).tolist()
    assert torch.allclose(whole(torch.tensor(x)), torch.tensor(wanted), atol=1e-6)


@wengert_only
def test_places():
    data = saved(oracle, {"x": oracle.ones(2)})
    assert loaded(torch, data, map_location="meta")["x"].device.type == "meta"
    assert loaded(torch, data, map_location="cpu")["x"].tolist() == [1.0, 1.0]
    assert loaded(torch, data, map_location=lambda storage, location: storage)["x"].tolist() == [1.0, 1.0]


class Unknown:
    """A class that no file may bring along."""


def test_other_classes_are_refused():
    data = saved(oracle, [Unknown()])
    with pytest.raises(Exception, match="Weights only load failed|Unknown") as found:
        loaded(torch, data, weights_only=True)
    assert type(found.value).__name__ in ("UnpicklingError", "UnsafeFileError")


def test_damaged_files():
    data = saved(oracle, {"x": oracle.arange(4.0)})
    for cut in (2, 40, len(data) // 2):
        with pytest.raises(EOFError):
            loaded(torch, data[:cut])
    with pytest.raises(RuntimeError):
        loaded(torch, data[:-3])
    with pytest.raises(RuntimeError, match="Invalid magic number; corrupt file"):
        loaded(torch, b"\x80\x02K\x01." + data)
    count = (4).to_bytes(8, "little")
    assert data.count(count) == 1
    with pytest.raises(RuntimeError, match="storage"):
        loaded(torch, data.replace(count, (5).to_bytes(8, "little")))
