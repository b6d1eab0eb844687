"""Storages: one memory, many tensors."""

import pytest

from tests.backend import torch, wengert_only
from tests.semantics.expectations import raises


def test_views_share_a_storage():
    x = torch.arange(6.0).reshape(2, 3)
    for view in (x[1], x.t(), x[:, 1], x.view(-1)):
        assert view.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
        assert view.untyped_storage()._cdata == x.untyped_storage()._cdata
    assert x.clone().untyped_storage().data_ptr() != x.untyped_storage().data_ptr()
    assert x[1].storage_offset() == 3 and x[1].data_ptr() == x.data_ptr() + 12


def test_bytes():
    storage = torch.arange(6.0).untyped_storage()
    assert len(storage) == storage.size() == storage.nbytes() == 24 and storage.element_size() == 1
    assert storage[6:8].tolist() == [128, 63] and not storage.is_shared() and storage.device == torch.device("cpu")
    storage.fill_(0)
    assert torch.UntypedStorage(5).nbytes() == 5
    with pytest.raises(IndexError):
        storage[24]


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_elements():
    x = torch.arange(6.0)
    storage = x.storage()
    assert (len(storage), storage.nbytes(), storage.element_size(), storage[1]) == (6, 24, 4, 1.0)
    assert storage.dtype == torch.float32 and isinstance(storage, torch.FloatStorage)
    assert not isinstance(storage, torch.LongStorage)
    storage[1] = 9.0
    assert x.tolist() == storage.tolist() == [0.0, 9.0, 2.0, 3.0, 4.0, 5.0]
    assert repr(storage).endswith("[torch.storage.TypedStorage(dtype=torch.float32, device=cpu) of size 6]")
    assert torch.is_storage(storage) and torch.is_storage(x.untyped_storage()) and not torch.is_storage(x)
    assert torch.FloatStorage([1.0, 2.0]).tolist() == [1.0, 2.0]


def test_a_storage_makes_a_tensor():
    x = torch.arange(4.0)
    y = torch.FloatTensor().set_(x.untyped_storage(), 1, (3,))
    y[0] = 8.0
    assert x.tolist() == [0.0, 8.0, 2.0, 3.0]


@wengert_only
def test_a_storage_is_not_outgrown():
    with raises(RuntimeError, "setStorage: sizes [9]"):
        torch.zeros(0).set_(torch.arange(4.0).untyped_storage(), 0, (9,), (1,))


def test_bytes_of_a_file(tmp_path):
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(8)))
    own = torch.UntypedStorage.from_file(str(path), False, 4)
    own[0] = 7
    assert own.tolist() == [7, 1, 2, 3] and own.filename is None and path.read_bytes() == bytes(range(8))
    shared = torch.UntypedStorage.from_file(str(path), True, 12)
    shared[0] = 9
    assert shared.filename == str(path) and path.read_bytes() == bytes([9, *range(1, 8), 0, 0, 0, 0])
    values = torch.asarray(own[0:4], dtype=torch.uint8).view(torch.int16)
    assert values.tolist() == [263, 770]
    with pytest.raises(RuntimeError, match=r"^file <.*> size <12> is smaller than the required mapping size <40>"):
        torch.UntypedStorage.from_file(str(path), False, 40)
    with pytest.raises(RuntimeError, match=r"^unable to open file <.*> in read-only mode: No such file or directory"):
        torch.UntypedStorage.from_file(str(tmp_path / "none"), False, 4)
