"""vmap: against torch.func."""

import pytest

import wengert
from tests.func.oracle import both, refused


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * 2,
        lambda x: x.sum(),
        lambda x: x.sum(0),
        lambda x: x.t() @ x,
        lambda x: x[0],
        lambda x: x[:, 1:],
        lambda x: x.reshape(-1),
        lambda x: x.transpose(0, 1).contiguous().view(6),
        lambda x: x.softmax(-1),
        lambda x: x.max(1).values,
        lambda x: x.sort(0),
        lambda x: x.unsqueeze(0).expand(4, 2, 3),
        lambda x: x.permute(1, 0),
        lambda x: x.mean(),
        lambda x: x.var(),
        lambda x: x.cumsum(1),
        lambda x: x.flatten().norm(),
        lambda x: x.split(1),
        lambda x: x.unbind(1),
        lambda x: x.argmax(),
        lambda x: (x > 0).any(),
        lambda x: x.to(x.dtype).float(),
        lambda x: x.diagonal(),
        lambda x: x.repeat(2, 1),
        lambda x: x.flip(0),
        lambda x: x.roll(1, 0),
        lambda x: x.tril(),
        lambda x: x.masked_fill(x > 0, 0.0),
        lambda x: x.logsumexp(0),
        lambda x: x.new_zeros(2) + x[:, 0],
    ],
    ids=range(30),
)  # fmt: skip
def test_functions_of_one_tensor(f):
    both(lambda torch, x: torch.vmap(f)(x), (5, 2, 3))
    both(lambda torch, x: torch.vmap(f, in_dims=2)(x), (2, 3, 5))


def test_two_tensors_and_dims():
    def program(torch, x, y):
        return (
            torch.vmap(torch.dot, in_dims=(0, 1))(x, y),
            torch.vmap(lambda a, b: a @ b, in_dims=(None, 1))(x, y),
            torch.vmap(lambda a, b: a * b, in_dims=(0, 1), out_dims=1)(x, y),
            torch.vmap(lambda a, b: (a, b), in_dims=(0, None), out_dims=(-1, 0))(x, y),
            torch.vmap(lambda t: {"s": t["a"] + t["b"][0]}, in_dims=({"a": 0, "b": [None]},))({"a": x, "b": [y[:, 0]]}),
        )

    both(program, (4, 3), (3, 4))


def test_nested():
    def program(torch, x, y):
        pairs = torch.vmap(torch.vmap(torch.dot, (None, 0)), (0, None))(x, y)
        return (
            pairs,
            torch.vmap(torch.vmap(lambda a: a * 2 + 1))(x),
            torch.vmap(lambda a: torch.vmap(lambda b: a * b)(y))(x),
        )

    both(program, (4, 3), (5, 3))


def test_numbers_and_promotion():
    def program(torch, x):
        ints = x.long()
        f = lambda a, b: (a + 2.5, b + 1, b * 1.5, a * b, b / 2, 3 - a, torch.where(a > 0, a, 0.0))  # noqa: E731
        return torch.vmap(f)(x, ints), torch.vmap(f)(x[:, 0], ints[:, 0]), torch.vmap(f)(x[:, 0].float(), ints[:, 0])

    both(program, (4, 3))


def test_chunks():
    both(lambda torch, x: torch.vmap(lambda x: (x.sum(), x * 2), out_dims=(0, 1), chunk_size=2)(x), (5, 3))


def test_losses_and_indices():
    def program(torch, x, y):
        nn, target = torch.nn.functional, (x[:, 0] > 0).long()
        pick = lambda row, i: (row[i], row.gather(0, i[None]), row.index_select(0, i[None]))  # noqa: E731
        return (
            torch.vmap(nn.mse_loss)(x, y),
            torch.vmap(nn.cross_entropy)(x, target),
            torch.vmap(lambda a, t: nn.cross_entropy(a[None], t[None]))(x, target),
            torch.vmap(lambda a, t: nn.nll_loss(a[None], t[None], reduction="sum"))(x, target),
            torch.vmap(pick)(x, target),
            torch.vmap(lambda i: x[i])(target),
            torch.vmap(lambda i, j: x[i, j])(target, target),
        )

    both(program, (4, 3), (4, 3))


def test_in_place():
    def program(torch, x):
        def f(row):
            y = row.clone()
            y.add_(1)
            y[0] = 5.0
            y[1:].mul_(row[0])
            z = torch.zeros_like(row)
            z.copy_(y)
            return z

        out = torch.vmap(f)(x)
        y = x.clone()
        torch.vmap(lambda row: row.mul_(2))(y)
        return out, y

    both(program, (4, 3))


def test_in_place_on_one_tensor_for_all_is_refused():
    found = refused(lambda torch, x: torch.vmap(lambda a: x[0].copy_(a))(x), (4, 3))
    assert "out-of-place" in str(found)


@pytest.mark.parametrize("randomness", ["same", "different"])
def test_randomness(randomness):
    def program(torch, x):
        torch.manual_seed(3)
        f = lambda x: (x + torch.rand(20), torch.randn(20), torch.randint(5, (2,)), torch.rand_like(x))  # noqa: E731
        return torch.vmap(f, randomness=randomness)(x)

    both(program, (3, 20))


def test_randomness_must_be_asked_for():
    refused(lambda torch, x: torch.vmap(lambda x: x + torch.rand(3))(x), (2, 3))


@pytest.mark.parametrize(
    "program",
    [
        lambda torch, x: torch.vmap(lambda x: x[0].item())(x),
        lambda torch, x: torch.vmap(lambda x: x if x.sum() > 0 else -x)(x),
        lambda torch, x: torch.vmap(lambda x: float(x[0]))(x),
        lambda torch, x: torch.vmap(lambda x: 3)(x),
        lambda torch, x: torch.vmap(lambda x: x, in_dims=2)(x),
        lambda torch, x: torch.vmap(lambda x: x, in_dims=(0, 0))(x),
        lambda torch, x: torch.vmap(lambda x: x, in_dims=None)(x),
        lambda torch, x: torch.vmap(lambda x: x, in_dims="a")(x),
        lambda torch, x: torch.vmap(lambda x: x)(3),
        lambda torch, x: torch.vmap(lambda x: x)(),
        lambda torch, x: torch.vmap(lambda x: x, out_dims=5)(x),
        lambda torch, x: torch.vmap(lambda x: x, out_dims=(0, 0))(x),
        lambda torch, x: torch.vmap(lambda x: x, out_dims="a")(x),
        lambda torch, x: torch.vmap(lambda x: x, out_dims=None)(x),
        lambda torch, x: torch.vmap(lambda x, y: x)(x, x[:2]),
        lambda torch, x: torch.vmap(lambda x: x, randomness="x")(x),
        lambda torch, x: torch.vmap(lambda x: x, chunk_size=0)(x),
    ],
)
def test_errors(program):
    refused(program, (4, 3))


def test_control_flow_on_values_names_the_line_and_the_cure():
    with pytest.raises(RuntimeError, match=r"torch.where\(condition, a, b\)") as found:
        wengert.vmap(lambda x: x if x > 0 else -x)(wengert.ones(2))
    assert "test_vmap.py" in str(found.value)


def test_shapes_are_those_of_one_entry():
    seen = []

    def f(x):
        seen.append(
            (tuple(x.shape), x.dim(), x.size(0), x.stride(), x.numel(), len(x), x.is_contiguous(), str(x.dtype))
        )
        return x

    wengert.vmap(f, in_dims=1)(wengert.zeros(3, 5, 2))
    assert seen == [((3, 2), 2, 3, (10, 1), 6, 3, False, "torch.float32")]


def test_printing():
    seen = []
    wengert.vmap(lambda x: seen.append(repr(x)) or x)(wengert.ones(2))
    assert seen == ["BatchedTensor(lvl=1, bdim=0, value=\n    tensor([1., 1.])\n)"]
