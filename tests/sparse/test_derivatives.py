"""Derivatives of functions of sparse tensors: against differences, against dense ones, twice."""

import numpy as np
import pytest

from tests.backend import torch, wengert_only

pytestmark = pytest.mark.filterwarnings("ignore")
gradcheck, gradgradcheck = torch.autograd.gradcheck, torch.autograd.gradgradcheck


def matrix(rows=3, columns=4, layout="coo", seed=0):
    generator = np.random.default_rng(seed)
    dense = generator.uniform(0.5, 2, (rows, columns)) * (generator.random((rows, columns)) < 0.6)
    return getattr(torch.tensor(dense), f"to_sparse_{layout}")().requires_grad_()


def factor(rows=4, columns=2):
    return torch.sin(torch.arange(1.0, rows * columns + 1, dtype=torch.float64)).reshape(rows, columns).requires_grad_()


FUNCTIONS = {
    "scaled": lambda s: s * 3,
    "product": lambda s: s * s,
    "sum": lambda s: s + 2 * s,
    "transpose": lambda s: s.t(),
    "dense factor": lambda s: s * factor(3, 4).detach(),
    "addition to a dense one": lambda s: factor(3, 4) + s,
    "matrix product": lambda s: torch.sparse.mm(s, factor()),
    "dense product": lambda s: torch.mm(s, factor()),
    "vector product": lambda s: s @ factor()[:, 0],
    "product from the left": lambda s: factor(2, 3) @ s,
    "sparse sum": lambda s: torch.sparse.sum(s),
    "to_dense": lambda s: s.to_dense(),
}
WITH_WENGERT = {
    "sine": lambda s: s.sin(),
    "square root": lambda s: s.sqrt(),
    "row": lambda s: s[1],
    "rows": lambda s: s.index_select(0, torch.tensor([2, 0, 2])),
    "joined": lambda s: torch.cat([s, 2 * s]),
    "stacked": lambda s: torch.stack([s, s], 1),
    "norm": lambda s: s.norm(),
    "sum of columns": lambda s: s.sum(0),
    "square": lambda s: s @ s.t(),
    "sparse square": lambda s: torch.sparse.mm(s, s.t()),
    "sparse rows": lambda s: torch.sparse.sum(s, 1),
    "softmax": lambda s: torch.sparse.softmax(s, 1),
    "log_softmax": lambda s: torch.sparse.log_softmax(s, 0),
    "compressed": lambda s: s.to_sparse_csr(),
    "by columns": lambda s: s.to_sparse_csc(),
    "blocks": lambda s: s.to_sparse_bsr((1, 2)),
    "power": lambda s: s**3,
    "quotient": lambda s: s / 4,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_first_derivatives(name):
    check = torch.sparse.as_sparse_gradcheck(gradcheck)
    assert check(FUNCTIONS[name], (matrix(),), masked=True)


@wengert_only
@pytest.mark.parametrize("name", WITH_WENGERT)
def test_first_derivatives_that_torch_lacks(name):
    assert torch.sparse.as_sparse_gradcheck(gradcheck)(WITH_WENGERT[name], (matrix(),), masked=True)


@wengert_only
@pytest.mark.parametrize("name", FUNCTIONS | WITH_WENGERT)
def test_second_derivatives(name):
    function = (FUNCTIONS | WITH_WENGERT)[name]

    def dense(s):
        out = function(s)
        return out.to_dense() if out.layout is not torch.strided else out

    assert gradgradcheck(dense, (matrix(),), masked=True)


@wengert_only
@pytest.mark.parametrize("layout", ["csr", "csc"])
@pytest.mark.parametrize(
    "name", ["scaled", "product", "transpose", "matrix product", "dense product", "to_dense", "sine"]
)
def test_compressed_layouts(name, layout):
    function = (FUNCTIONS | WITH_WENGERT)[name]
    assert torch.sparse.as_sparse_gradcheck(gradcheck)(function, (matrix(layout=layout),), masked=True)


def test_products_with_both_operands():
    assert gradcheck(torch.sparse.mm, (matrix(), factor()), masked=True)
    assert gradcheck(
        lambda s, d: torch.sparse.addmm(factor(3, 2), s, d, beta=2, alpha=3), (matrix(), factor()), masked=True
    )


@pytest.mark.parametrize("reduce", ["sum", "mean", "amax", "amin"])
def test_reduced_products(reduce):
    assert gradcheck(lambda d: torch.sparse.mm(matrix(layout="csr").detach(), d, reduce), (factor(),))


def test_sampled_products():
    pattern = matrix(3, 3, "csr").detach()
    for function in (
        lambda a, b: torch.sparse.sampled_addmm(pattern, a, b).to_dense(),
        lambda a, b: torch.sparse.sampled_addmm(pattern, a, b, beta=0.5, alpha=2.0).to_dense(),
    ):
        assert gradcheck(function, (factor(3, 2), factor(2, 3)))


@wengert_only
def test_every_element_counts_unless_masked():
    check = torch.sparse.as_sparse_gradcheck(gradcheck)
    assert check(lambda s: s.to_dense(masked_grad=False), (matrix(),), masked=False)
    assert check(lambda s: s * 2, (matrix(),))


def test_sparse_results_are_refused_by_the_plain_check():
    with pytest.raises(ValueError, match="Sparse output is not supported at gradcheck yet"):
        gradcheck(lambda s: s * 2, (matrix(),), masked=True)


@wengert_only
def test_forward_mode():
    s, direction = matrix().detach(), matrix().detach() * 3
    _, tangent = torch.func.jvp(lambda x: torch.sparse.mm(x, factor().detach()), (s,), (direction,))
    assert torch.allclose(tangent, direction.to_dense() @ factor().detach())


@wengert_only
@pytest.mark.parametrize("with_scipy", [True, False])
def test_products_with_and_without_scipy(with_scipy, monkeypatch):
    from wengert.core.arrays import sparse_products

    if with_scipy:
        pytest.importorskip("scipy")
    else:
        monkeypatch.setattr(sparse_products, "scipy_sparse", lambda: None)
    generator = np.random.default_rng(0)
    for dtype in (torch.float32, torch.float64, torch.complex128, torch.float16, torch.int64):
        places = torch.tensor(generator.integers(0, 60, (2, 500)))
        a = torch.sparse_coo_tensor(places, torch.tensor(generator.integers(-5, 5, 500)).to(dtype), (60, 60))
        b = torch.tensor(generator.integers(-5, 5, (60, 7))).to(dtype)
        for x in (a, a.coalesce(), a.coalesce().to_sparse_csr(), a.coalesce().to_sparse_csc()):
            wide = (a.to_dense().to(torch.complex128) @ b.to(torch.complex128)).to(dtype)
            assert torch.equal(x @ b, wide)
            assert torch.equal(x @ b[:, 0], wide[:, 0])
            assert torch.equal(b.t() @ x.t(), wide.t())
        if dtype is not torch.float16:
            square = (a.to_dense().to(torch.complex128) @ a.to_dense().to(torch.complex128)).to(dtype)
            assert torch.equal(torch.sparse.mm(a, a.coalesce()).to_dense(), square)
    empty = torch.sparse_coo_tensor(torch.zeros(2, 0, dtype=torch.long), torch.zeros(0), (3, 4))
    assert torch.equal(empty @ torch.ones(4, 2), torch.zeros(3, 2))


def test_hooks_keep_the_layout():
    table = torch.ones(3, 2, requires_grad=True)
    table.register_hook(lambda g: g.to_dense())
    with pytest.raises(RuntimeError, match="has changed the type of value .was torch.sparse.FloatTensor got"):
        torch.nn.functional.embedding(torch.tensor([1]), table, sparse=True).sum().backward()
