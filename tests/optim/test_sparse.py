"""Tables used with `sparse=True`: the steps are torch's on its sparse gradients."""

import pytest

from tests.backend import torch

oracle = pytest.importorskip("torch")

BATCHES = ([0, 2, 2], [1, 3], [2, 2, 0], [3, 3, 4], [5])
OPTIMIZERS = {
    "sparse adam": lambda lib, p: lib.optim.SparseAdam(p, lr=0.1),
    "sparse adam, maximized": lambda lib, p: lib.optim.SparseAdam(p, lr=0.1, maximize=True),
    "sgd": lambda lib, p: lib.optim.SGD(p, lr=0.1),
    "adagrad": lambda lib, p: lib.optim.Adagrad(p, lr=0.1),
}


def trained(lib, make, bags, padding):
    start = lib.sin(lib.arange(1.0, 19.0)).reshape(6, 3)
    if bags:
        layer = lib.nn.EmbeddingBag.from_pretrained(start, freeze=False, mode="sum", sparse=True)
    else:
        layer = lib.nn.Embedding.from_pretrained(start, freeze=False, sparse=True, padding_idx=padding)
    optimizer = make(lib, list(layer.parameters()))
    for batch in BATCHES:
        optimizer.zero_grad()
        indices = lib.tensor(batch)
        out = layer(indices, lib.tensor([0])) if bags else layer(indices)
        (out * lib.cos(out * 3)).sum().backward()
        optimizer.step()
    return layer.weight.tolist()


@pytest.mark.filterwarnings("ignore:.*Sparse")
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(("bags", "padding"), [(False, None), (False, 2), (True, None)])
def test_steps_are_torchs(name, bags, padding):
    mine = trained(torch, OPTIMIZERS[name], bags, padding)
    for row, expected in zip(mine, trained(oracle, OPTIMIZERS[name], bags, padding), strict=True):
        assert row == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_gradients_hold_the_rows_that_were_used():
    layer = torch.nn.Embedding(4, 2, sparse=True)
    layer(torch.tensor([1, 1, 3])).sum().backward()
    assert layer.weight.grad.is_sparse and layer.weight.grad._nnz() == 3
    assert layer.weight.grad.to_dense().tolist() == [[0, 0], [2, 2], [0, 0], [1, 1]]


def test_other_tensors_are_refused():
    layer = torch.nn.Embedding(4, 2)
    layer(torch.tensor([1, 1, 3])).sum().backward()
    with pytest.raises(RuntimeError, match="SparseAdam does not support dense gradients, please consider Adam instead"):
        torch.optim.SparseAdam(layer.parameters()).step()
