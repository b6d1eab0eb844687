"""Files with sparse tensors are exchanged with torch both ways."""

import io

import pytest

import wengert
from tests.sparse.expressions import names

oracle = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")
NAMES = ("S", "U", "H", "csr", "csc", "bsr", "bsc", "batch")


@pytest.mark.parametrize("weights_only", [True, False])
@pytest.mark.parametrize(("writer", "reader"), [(wengert, oracle), (oracle, wengert), (wengert, wengert)])
def test_exchange(writer, reader, weights_only):
    given = {name: x for name, x in names(writer).items() if name in NAMES}
    given |= {"half": given["S"].half(), "parameter": writer.nn.Parameter(given["S"])}
    file = io.BytesIO()
    writer.save(given, file)
    file.seek(0)
    found = reader.load(file, weights_only=weights_only)
    assert {name: repr(x) for name, x in found.items()} == {name: repr(x) for name, x in given.items()}


def test_places_in_a_file_are_checked():
    wrong = wengert.sparse_coo_tensor([[7]], [1.0], (2,))
    file = io.BytesIO()
    wengert.save(wrong, file)
    file.seek(0)
    with pytest.raises(Exception, match="size is inconsistent with indices"):
        wengert.load(file)


def test_a_module_keeps_a_sparse_buffer():
    def module(lib, matrix):
        made = lib.nn.Linear(3, 2)
        made.register_buffer("adjacency", matrix)
        return made

    first = module(wengert, wengert.eye(3).to_sparse())
    second = module(wengert, wengert.zeros(3, 3).to_sparse())
    second.load_state_dict(first.state_dict())
    assert second.adjacency.to_dense().tolist() == wengert.eye(3).tolist()
    assert second.double().adjacency.dtype is wengert.float64
