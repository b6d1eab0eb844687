"""Sparse gradients: of leaves that are sparse or dense, summed, passed through hooks, taken twice."""

import copy

import pytest

from tests.backend import torch

pytestmark = pytest.mark.filterwarnings("ignore:.*[Ss]parse", "ignore:Using backward")

INDICES = [[0, 1, 1, 0], [2, 0, 2, 2]]


def coordinates(values=(3.0, 4.0, 5.0, 6.0), **options):
    return torch.sparse_coo_tensor(torch.tensor(INDICES), torch.tensor(values), (2, 3), **options)


def dense(rows=2, columns=3):
    return torch.arange(1.0, rows * columns + 1).reshape(rows, columns)


class Given(torch.autograd.Function):
    """The identity, whose gradient is what the test says."""

    @staticmethod
    def forward(ctx, x, gradient):
        ctx.gradient = gradient
        return x * 1

    @staticmethod
    def backward(ctx, g):
        return ctx.gradient, None


def test_a_sparse_leaf_has_a_sparse_gradient():
    leaf = coordinates().coalesce().requires_grad_()
    assert leaf.is_leaf and leaf.requires_grad and leaf.grad is None
    (leaf * 3).backward(coordinates().coalesce())
    assert leaf.grad.layout is torch.sparse_coo
    assert leaf.grad.to_dense().tolist() == [[0, 0, 27], [12, 0, 15]]


@pytest.mark.parametrize(
    ("name", "function", "layout"),
    [
        ("to_dense", lambda s, d: s.to_dense(), torch.sparse_coo),
        ("values", lambda s, d: s.coalesce().values(), torch.sparse_coo),
        ("sparse sum", lambda s, d: torch.sparse.sum(s), torch.sparse_coo),
        ("sum", lambda s, d: s.sum(), torch.strided),
        ("mm", lambda s, d: torch.mm(s, d), torch.strided),
        ("sparse mm", lambda s, d: torch.sparse.mm(s, d), torch.sparse_coo),
        ("mv", lambda s, d: s.mv(d[:, 0]), torch.strided),
        ("addition", lambda s, d: d.t() + s, torch.strided),
        ("left product", lambda s, d: d @ s, torch.strided),
        ("sparse addmm", lambda s, d: torch.sparse.addmm(torch.ones(2, 2), s, d), torch.sparse_coo),
    ],
)
def test_the_layout_of_a_gradient_follows_the_operation(name, function, layout):
    leaf, other = coordinates().coalesce().requires_grad_(), dense(3, 2)
    function(leaf, other).sum().backward()
    assert leaf.grad.layout is layout, name
    reference = coordinates().to_dense().requires_grad_()
    {
        "to_dense": lambda: reference.sum(),
        "values": lambda: reference.sum(),
        "sparse sum": lambda: reference.sum(),
        "sum": lambda: reference.sum(),
        "mm": lambda: (reference @ other).sum(),
        "sparse mm": lambda: (reference @ other).sum(),
        "mv": lambda: (reference @ other[:, 0]).sum(),
        "addition": lambda: (other.t() + reference).sum(),
        "left product": lambda: (other @ reference).sum(),
        "sparse addmm": lambda: (reference @ other).sum(),
    }[name]().backward()
    places = tuple(leaf.detach().indices())
    assert torch.allclose(leaf.grad.to_dense()[places], reference.grad[places])


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    ("first", "second", "layout", "kept"),
    [
        ("sparse", "sparse", torch.sparse_coo, True),
        ("sparse", "dense", torch.strided, False),
        ("dense", "sparse", torch.strided, True),
        ("dense", "dense", torch.strided, True),
    ],
)
def test_gradients_of_either_form_add_up(first, second, layout, kept, create_graph):
    gradients = {"sparse": coordinates(), "dense": dense()}
    leaf = torch.zeros(2, 3, requires_grad=True)
    leaf.backward(gradients[first], create_graph=create_graph)
    before = leaf.grad
    leaf.backward(gradients[second], create_graph=create_graph)
    assert leaf.grad.layout is layout
    assert (leaf.grad is before) is (kept and not create_graph)
    expected = sum(gradients[name].to_dense() for name in (first, second))
    assert torch.equal(leaf.grad.to_dense(), expected)


@pytest.mark.parametrize(
    ("kinds", "layout"),
    [
        (("sparse", "sparse"), torch.sparse_coo),
        (("sparse", "dense"), torch.strided),
        (("dense", "sparse"), torch.strided),
    ],
)
def test_gradients_meet_on_the_way(kinds, layout):
    gradients = {"sparse": coordinates(), "dense": dense()}
    leaf = torch.zeros(2, 3, requires_grad=True)
    middle = leaf * 2
    outs = [Given.apply(middle, gradients[kind]) for kind in kinds]
    (outs[0].sum() + outs[1].sum()).backward()
    assert leaf.grad.layout is layout
    assert torch.equal(leaf.grad.to_dense(), 2 * sum(gradients[kind].to_dense() for kind in kinds))


def test_a_custom_function_may_return_sparse_gradients_for_one_leaf_many_times():
    leaf = torch.zeros(2, 3, requires_grad=True)
    total = sum(Given.apply(leaf, g).sum() for g in (coordinates(), coordinates(), dense()))
    total.backward()
    assert torch.equal(leaf.grad, 2 * coordinates().to_dense() + dense())


def test_places_that_differ_are_put_together():
    leaf = torch.zeros(4, 2, requires_grad=True)
    embedding = torch.nn.functional.embedding
    first = embedding(torch.tensor([0, 2, 2]), leaf, sparse=True)
    second = embedding(torch.tensor([3, 2]), leaf, sparse=True)
    (first.sum() + 2 * second.sum()).backward()
    assert leaf.grad.is_sparse and not leaf.grad.is_coalesced()
    assert leaf.grad.coalesce().indices().tolist() == [[0, 2, 3]]
    assert leaf.grad.to_dense().tolist() == [[1, 1], [0, 0], [4, 4], [2, 2]]


def test_of_two_leaves_one_keeps_what_was_computed():
    pointer = {}

    class Both(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, g):
            pointer["given"] = g._values().data_ptr()
            return g, g

    a, b = torch.ones(10, 3, requires_grad=True), torch.ones(10, 3, requires_grad=True)
    indices, offsets = torch.tensor([1, 2, 4, 5, 4, 3, 2, 9]), torch.tensor([0, 4])
    torch.nn.functional.embedding_bag(indices, Both.apply(a, b), offsets, sparse=True).sum().backward()
    own = a.grad._values().data_ptr(), b.grad._values().data_ptr()
    assert own[0] != own[1] and pointer["given"] in own
    a.grad.mul_(2)
    assert torch.equal(a.grad.to_dense(), 2 * b.grad.to_dense())


def test_what_is_not_contiguous_is_copied():
    made = {}

    class Expanded(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, g):
            places, values = torch.ones(1, 1, dtype=torch.long).expand(1, 8), torch.rand(1, 3).expand(8, 3)
            g = made["kept"] = torch.sparse_coo_tensor(places, values, (10, 3))
            return g, g

    a, b = torch.ones(10, 3, requires_grad=True), torch.ones(10, 3, requires_grad=True)
    out = Expanded.apply(a, b).sum()
    for _ in range(3):
        out.backward(retain_graph=True)
        pointers = {x.grad._values().data_ptr() for x in (a, b)} | {made["kept"]._values().data_ptr()}
        assert len(pointers) == 3


def test_hooks_see_and_replace_sparse_gradients():
    table = torch.ones(4, 2, requires_grad=True)
    seen = []
    table.register_hook(lambda g: seen.append((g.is_sparse, g._nnz())))
    table.register_hook(lambda g: g * 10)
    after = []
    table.register_post_accumulate_grad_hook(lambda leaf: after.append(leaf.grad.to_dense()[1, 0].item()))
    torch.nn.functional.embedding(torch.tensor([1, 3, 1]), table, sparse=True).sum().backward()
    assert seen == [(True, 3)] and after == [20.0] and table.grad.is_sparse


def test_a_node_between_keeps_its_sparse_gradient():
    table = torch.ones(4, 2, requires_grad=True)
    middle = table * 3
    middle.retain_grad()
    torch.nn.functional.embedding(torch.tensor([1, 3]), middle, sparse=True).sum().backward()
    assert middle.grad.is_sparse and middle.grad._nnz() == 2
    assert table.grad.to_dense().tolist() == [[0, 0], [3, 3], [0, 0], [3, 3]]


def test_grad_takes_and_gives_sparse_tensors():
    leaf = coordinates().coalesce().requires_grad_()
    out = leaf * leaf
    (g,) = torch.autograd.grad(out, leaf, grad_outputs=torch.ones(2, 3).sparse_mask(leaf.detach()))
    assert g.is_sparse and g.to_dense().tolist() == [[0, 0, 18], [8, 0, 10]]
    assert leaf.grad is None


@pytest.mark.parametrize("masked", [None, True, False])
def test_to_dense_says_which_elements_take_part(masked):
    leaf = coordinates().coalesce().requires_grad_()
    leaf.to_dense(masked_grad=masked).backward(torch.ones(2, 3))
    assert leaf.grad.is_sparse and leaf.grad._nnz() == (6 if masked is False else 3)


def test_a_constructor_hands_gradients_to_each_of_the_same_place():
    values = torch.tensor([3.0, 4.0, 5.0, 6.0], requires_grad=True)
    made = torch.sparse_coo_tensor(torch.tensor(INDICES), values, (2, 3))
    assert "SparseCooTensor" in type(made.grad_fn).__name__
    made.to_dense().backward(dense())
    assert values.grad.tolist() == [3, 4, 6, 3]


def test_dense_dims_lie_in_the_values():
    values = dense(4, 2).requires_grad_()
    made = torch.sparse_coo_tensor(torch.tensor(INDICES), values, (2, 3, 2)).coalesce()
    assert (made.sparse_dim(), made.dense_dim(), made.values().shape) == (2, 1, (3, 2))
    (made.values() * dense(3, 2)).sum().backward()
    assert values.grad.tolist() == [[1, 2], [3, 4], [5, 6], [1, 2]]


def test_second_derivatives_of_a_sparse_gradient():
    table = dense(4, 2).requires_grad_()
    out = torch.nn.functional.embedding(torch.tensor([1, 3, 1]), table, sparse=True)
    (g,) = torch.autograd.grad((out**3).sum(), table, create_graph=True)
    assert g.is_sparse and g.requires_grad
    (again,) = torch.autograd.grad((g.coalesce().values() ** 2).sum(), table)
    rows = dense(4, 2)
    expected = torch.zeros(4, 2)
    expected[1], expected[3] = 4 * 36 * rows[1] ** 3, 36 * rows[3] ** 3
    assert torch.allclose(again.to_dense(), expected)


def test_a_sparse_gradient_of_a_dense_product_is_sparse():
    table, factor = dense(4, 2).requires_grad_(), dense(4, 2)
    torch.nn.functional.embedding(torch.tensor([2]), table * factor, sparse=True).sum().backward()
    assert table.grad.is_sparse and torch.equal(table.grad.to_dense()[2], factor[2])


def test_rules_that_know_dense_gradients_only_are_given_one():
    """torch refuses these; a dense gradient is right as well."""
    table = torch.zeros(4, 2, requires_grad=True)
    try:
        torch.nn.functional.embedding(torch.tensor([2, 2]), table.reshape(2, 4).tanh().reshape(4, 2), sparse=True).sum(
        ).backward()  # fmt: skip
    except (RuntimeError, NotImplementedError) as error:
        assert torch.__name__ == "torch", error
    else:
        assert table.grad.to_dense().tolist() == [[0, 0], [0, 0], [2, 2], [0, 0]]


def test_gather_with_a_sparse_gradient():
    table, places = dense(4, 3).requires_grad_(), torch.tensor([[0, 2], [1, 1]])
    torch.gather(table, 1, places, sparse_grad=True).backward(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert table.grad.is_sparse and table.grad._nnz() == 4
    assert table.grad.to_dense()[:2].tolist() == [[1, 0, 2], [0, 7, 0]]
    number = torch.tensor(2.0, requires_grad=True)
    torch.gather(number, 0, torch.tensor(0), sparse_grad=True).backward()
    assert number.grad.is_sparse and number.grad.to_dense().item() == 1


@pytest.mark.parametrize("mode", ["sum", "mean"])
@pytest.mark.parametrize("weighted", [False, True])
def test_bags_with_a_sparse_gradient(mode, weighted):
    if weighted and mode == "mean":
        pytest.skip("weights go with sums only")
    results = []
    for sparse in (True, False):
        table = torch.sin(dense(6, 3)).requires_grad_()
        weights = torch.arange(1.0, 6.0).requires_grad_() if weighted else None
        out = torch.nn.functional.embedding_bag(
            torch.tensor([0, 2, 2, 5, 1]), table, torch.tensor([0, 3]), mode=mode, sparse=sparse,
            per_sample_weights=weights, padding_idx=5,
        )  # fmt: skip
        (out * dense(2, 3)).sum().backward()
        assert table.grad.is_sparse is sparse
        results.append((table.grad.to_dense(), None if weights is None else weights.grad))
    assert torch.allclose(results[0][0], results[1][0])
    assert not weighted or torch.allclose(results[0][1], results[1][1])


def test_frequencies_do_not_go_with_sparse_gradients():
    table = torch.ones(3, 2, requires_grad=True)
    out = torch.nn.functional.embedding(torch.tensor([1, 1]), table, scale_grad_by_freq=True, sparse=True)
    with pytest.raises(RuntimeError, match="scale_grad_by_freq not supported with sparse gradients"):
        out.sum().backward()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_tables_of_other_dtypes(dtype):
    table = torch.ones(5, 2, dtype=getattr(torch, dtype)).requires_grad_()
    torch.nn.functional.embedding(torch.tensor([1, 4, 1]), table, sparse=True).sum().backward()
    assert table.grad.is_sparse and table.grad.dtype is table.dtype
    assert table.grad.to_dense().float().tolist() == [[0, 0], [2, 2], [0, 0], [0, 0], [1, 1]]


def test_a_gradient_can_be_set_and_cleared():
    table = torch.ones(3, 2, requires_grad=True)
    table.grad = torch.sparse_coo_tensor(torch.tensor([[1]]), torch.ones(1, 2), (3, 2))
    torch.nn.functional.embedding(torch.tensor([1, 2]), table, sparse=True).sum().backward()
    assert table.grad.to_dense().tolist() == [[0, 0], [2, 2], [1, 1]]
    table.grad.zero_()
    assert table.grad._nnz() == 0 and table.grad.shape == (3, 2)


def test_deep_copies_keep_sparse_gradients():
    table = torch.ones(4, 2, requires_grad=True)
    torch.nn.functional.embedding(torch.tensor([1, 3]), table, sparse=True).sum().backward()
    other = copy.deepcopy(table)
    assert other.grad.is_sparse and torch.equal(other.grad.to_dense(), table.grad.to_dense())
    other.grad.mul_(5)
    assert table.grad.to_dense().max().item() == 1
