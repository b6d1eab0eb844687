"""What cannot be batched says so in torch's words, and names the user's line and a cure."""

import pytest

from tests.backend import REAL, torch

DYNAMIC = "vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over aten::"
BRANCH = "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't support "
ITEM = "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a Tensor"
MASK = (
    "vmap: We do not support batching operators that can support dynamic shape. Attempting to batch over indexing with "
    "a boolean mask."
)
MEMORY = "Cannot access data pointer of Tensor that doesn't have storage"
RANDOM = "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' "

REFUSED = {
    "branch": (lambda x: x if x.sum() > 0 else -x, BRANCH, "torch.where"),
    "assertion": (lambda x: torch._assert(x.sum() > 0, "positive"), BRANCH, "torch.where"),
    "sorted": (lambda x: sorted(x)[0], BRANCH, "torch.where"),
    "item": (lambda x: x.sum().item() * x, ITEM, "0-d tensor"),
    "float": (lambda x: float(x.sum()) * x, ITEM, "0-d tensor"),
    "format": (lambda x: (f"{x.sum():.2f}", x)[1], ITEM, "0-d tensor"),
    "slice bound": (lambda x: x[: int(x[0])], ITEM, "0-d tensor"),
    "tolist": (lambda x: x * x.tolist()[0], MEMORY, "outside"),
    "numpy": (lambda x: x * torch.from_numpy(x.numpy()), MEMORY, "outside"),
    "data_ptr": (lambda x: x * 0 + x.data_ptr(), MEMORY, "outside"),
    "nonzero": (lambda x: x.nonzero(), DYNAMIC + "nonzero", "torch.where"),
    "where": (lambda x: torch.where(x > 0)[0], DYNAMIC + "where", "torch.where"),
    "unique": (lambda x: torch.unique(x), DYNAMIC + "_unique2", "torch.where"),
    "mask": (lambda x: x[x > 0], MASK, "torch.where"),
    "masked_select": (lambda x: torch.masked_select(x, x > 0), "vmap: Attempted to vmap over `mask` in", "torch.where"),
    "random": (lambda x: x + torch.rand(2), RANDOM, ""),
    "dropout": (lambda x: torch.nn.functional.dropout(x, 0.5), RANDOM, ""),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    function, words, cure = REFUSED[case]
    with pytest.raises(RuntimeError) as caught:
        torch.vmap(function)(torch.arange(6.0).reshape(3, 2))
    message = str(caught.value)
    assert message.startswith(words)
    if not REAL and cure:
        assert cure in message
        assert "test_refusals.py" in message


INPLACE = (
    "(self, *extra_args) is not possible because there exists a Tensor `other` in extra_args that has more elements"
)
WRITES = {
    "mul_": (lambda z, x: z.mul_(x), "vmap: inplace arithmetic"),
    "copy_": (lambda z, x: z.copy_(x), "vmap: inplace arithmetic"),
    "item": (lambda z, x: z.__setitem__(0, x[0]), "vmap: inplace arithmetic"),
    "fill_": (lambda z, x: z.fill_(x[0]), "vmap: fill_"),
    "index_put_": (lambda z, x: z.index_put_((torch.tensor([0, 1]),), x), "vmap: index_put_"),
    "index_add_": (lambda z, x: z.index_add_(0, torch.tensor([0, 1]), x), "vmap: index_add_"),
    "scatter_": (lambda z, x: z.scatter_(0, torch.tensor([0, 1]), x), "vmap: aten::scatter_"),
    "addcmul_": (lambda z, x: z.addcmul_(x, x), "vmap: aten::addcmul_"),
    "clamp_": (lambda z, x: z.clamp_(min=x), "vmap: aten::clamp_"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("case", WRITES)
def test_batch_written_into_one_tensor(case):
    write, words = WRITES[case]
    with pytest.raises(RuntimeError) as caught:
        torch.vmap(lambda x: write(torch.zeros(2), x))(torch.rand(3, 2))
    assert str(caught.value).startswith(words + INPLACE)


def test_batch_added_to_one_tensor():
    with pytest.raises(RuntimeError, match=r"output with shape \[2\] doesn't match the broadcast shape \[3, 2\]"):
        torch.vmap(lambda x: torch.zeros(2).add_(x))(torch.rand(3, 2))


def test_one_mask_for_all_entries():
    mask = torch.tensor([True, False, True])
    x = torch.arange(6.0).reshape(2, 3)
    assert torch.equal(torch.vmap(lambda x: x[mask])(x), x[:, mask])
    assert torch.equal(torch.vmap(lambda x: torch.masked_select(x, mask))(x), x[:, mask])


def test_gradients_of_a_normal_sample_are_those_outside():
    def function(mean):
        return torch.normal(mean, 1.0).sum() + (mean**2).sum()

    found = torch.vmap(torch.func.grad(function), randomness="different")(torch.ones(2, 3))
    assert torch.equal(found, torch.full((2, 3), 2.0))
