"""What holds of every sparse tensor, tried on many."""

import subprocess
import sys

import numpy as np
import pytest

from tests.backend import torch, wengert_only

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import given, strategies  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


@strategies.composite
def coordinates(draw, max_dims=3):
    sizes = draw(strategies.lists(strategies.integers(1, 4), min_size=1, max_size=max_dims))
    dense = draw(strategies.lists(strategies.integers(0, 3), max_size=2))
    count = draw(strategies.integers(0, 8))
    places = [[draw(strategies.integers(0, n - 1)) for _ in range(count)] for n in sizes]
    total = count * int(np.prod(dense, dtype=int))
    values = draw(strategies.lists(strategies.integers(-4, 4), min_size=total, max_size=total))
    own = torch.tensor(np.array(values, float).reshape(count, *dense))
    return torch.sparse_coo_tensor(torch.tensor(np.array(places, dtype=np.int64).reshape(len(sizes), count)), own,
                                   (*sizes, *dense))  # fmt: skip


@given(coordinates())
def test_coalescing_changes_no_element(x):
    once = x.coalesce()
    assert torch.equal(once.to_dense(), x.to_dense()) and once.is_coalesced()
    keys = [tuple(column) for column in once.indices().t().tolist()]
    assert keys == sorted(set(keys))


@given(coordinates(), strategies.integers(-3, 3))
def test_arithmetic_is_that_of_dense_tensors(x, number):
    dense = x.to_dense()
    assert torch.equal((x * number).to_dense(), dense * number)
    assert torch.equal((x + x.coalesce()).to_dense(), dense + dense)
    assert torch.equal((x - x * number).to_dense(), dense - dense * number)
    assert torch.equal((x.coalesce() * x.coalesce()).to_dense(), dense * dense)
    assert torch.equal(dense + x, dense + dense)
    assert torch.equal(x.abs().to_dense(), dense.abs())
    assert torch.equal((-x).to_dense(), -dense) and torch.equal(x.sum(), dense.sum())


@given(coordinates())
def test_dense_and_back(x):
    dense = x.to_dense()
    for count in range(1, dense.dim() + 1):
        assert torch.equal(dense.to_sparse(count).to_dense(), dense)


@wengert_only
@given(coordinates(), strategies.data())
def test_parts_are_those_of_dense_tensors(x, data):
    dense = x.to_dense()
    dim = data.draw(strategies.integers(0, dense.dim() - 1))
    if dense.shape[dim]:
        index = data.draw(strategies.integers(-dense.shape[dim], dense.shape[dim] - 1))
        assert torch.equal(x.select(dim, index).to_dense(), dense.select(dim, index))
        places = torch.tensor(data.draw(strategies.lists(strategies.integers(0, dense.shape[dim] - 1), max_size=4)))
        assert torch.equal(x.index_select(dim, places.long()).to_dense(), dense.index_select(dim, places.long()))
    assert torch.equal(x.unsqueeze(dim).to_dense(), dense.unsqueeze(dim))
    assert torch.equal(torch.cat([x, x], dim).to_dense(), torch.cat([dense, dense], dim))
    assert torch.equal(torch.stack([x, x], dim).to_dense(), torch.stack([dense, dense], dim))
    assert torch.equal(torch.sparse.sum(x, dim).to_dense(), dense.sum(dim))


@wengert_only
@given(strategies.integers(0, 5), strategies.integers(0, 5), strategies.randoms(use_true_random=False))
def test_layouts_hold_the_same_matrix(rows, columns, random):
    dense = torch.tensor([[float(random.choice([0, 0, 1, 2])) for _ in range(2 * columns)] for _ in range(2 * rows)])
    dense = dense.reshape(2 * rows, 2 * columns)
    other = torch.arange(6.0 * columns).reshape(2 * columns, 3)
    made = [dense.to_sparse(), dense.to_sparse_csr(), dense.to_sparse_csc()]
    made += [dense.to_sparse_bsr((2, 1)), dense.to_sparse_bsc((1, 2))] if rows and columns else []
    for x in made:
        assert torch.equal(x.to_dense(), dense) and torch.equal(x @ other, dense @ other)
        assert torch.equal(x.t().to_dense(), dense.t()) and torch.equal(x.to_sparse_csc().to_dense(), dense)
        assert torch.equal(x.to_sparse_csr().to_dense(), dense)
        assert torch.equal(torch.sparse.mm(x, x.t()).to_dense(), dense @ dense.t())


@wengert_only
def test_copies_of_parts():
    x = torch.eye(3).to_sparse()
    torch.indices_copy(x)[0, 0] = 2
    torch.values_copy(x)[0] = 7
    assert torch.equal(x.to_dense(), torch.eye(3))
    rows = torch.eye(3).to_sparse_csr()
    assert torch.crow_indices_copy(rows).tolist() == [0, 1, 2, 3]
    assert torch.col_indices_copy(rows).tolist() == [0, 1, 2]


BLOCKS = """
import wengert as torch
from wengert.overrides import TorchFunctionMode

class Mode(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))

def refused(x):
    try:
        x[0, 1] = 2.0
    except TypeError as error:
        return str(error) == "Cannot assign to a sparse tensor" and not x.is_contiguous()

class Asking(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return super().__torch_function__(func, types, args, kwargs or {})

dense = torch.ones(2, 2)
if ARMED:
    dense.as_subclass(Asking)
if BEFORE:
    with Mode():
        dense.is_contiguous()
if INSIDE:
    with Mode():
        x = dense.to_sparse()
        assert refused(x)
else:
    x = dense.to_sparse()
assert refused(x)
with Mode():
    assert refused(x)
assert refused(x) and dense.is_contiguous()
dense[0, 1] = 2.0
assert dense.sum() == 5
"""


@pytest.mark.parametrize("armed", [False, True])
@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("inside", [False, True])
def test_guards_stay_when_modes_open_and_close(armed, before, inside):
    """In a process of its own, because the first sparse tensor changes the class of tensors once.

    armed: a subclass was there first, so that functions ask from then on.
    """
    text = BLOCKS.replace("BEFORE", str(before)).replace("INSIDE", str(inside)).replace("ARMED", str(armed))
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
