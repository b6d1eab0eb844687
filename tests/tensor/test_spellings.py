"""Arguments by name, as torch's signatures name them; what is no tensor is refused in torch's words."""

import numpy as np
import pytest

from tests.backend import torch

CALLS = """
zeros(size=(2,))
ones(size=(2, 3), dtype=float64)
empty(size=(2, 0))
rand(size=(2,))
randn(size=(2, 2))
full(size=(2,), fill_value=1)
randint(low=0, high=9, size=(4,))
normal(mean=0.0, std=1.0, size=(3,))
arange(start=0, end=3, step=1)
linspace(start=0, end=1, steps=3)
eye(n=2, m=3)
randperm(n=5)
x.new_zeros(size=(2,))
x.new_ones(size=(2,))
x.new_empty(size=(0, 2))
x.new_full(size=(2,), fill_value=3)
zeros_like(input=x)
ones_like(input=x, dtype=int64)
full_like(input=x, fill_value=2)
rand_like(input=x)
swapaxes(x, axis0=0, axis1=1)
swapdims(x, dim0=0, dim1=1)
x.copy_(other=x + 1)
x.view(dtype=int32)
x.view(size=(3, 2))
x.view((6,))
x.reshape(shape=(3, 2))
x.expand(size=(4, 2, 3))
x.repeat(repeats=(2, 1))
x.tile(dims=(2,))
x.permute(dims=(1, 0))
x.transpose(dim0=0, dim1=1)
x.sum(axis=0, keepdims=True)
x.unflatten(dim=1, sizes=(3, 1))
x.unfold(dimension=1, size=2, step=1)
x.index_select(dim=0, index=zeros(1, dtype=int64))
x.masked_fill(mask=x > 0, value=2)
cat(tensors=[x], dim=0)
stack(tensors=[x])
split(tensor=x, split_size_or_sections=1)
movedim(x, source=0, destination=1)
tensordot(a=x, b=x.T, dims=1)
where(condition=x > 1, input=x, other=-x)
clamp(input=x, min=1)
repeat_interleave(input=x, repeats=2, dim=0)
nn.functional.pad(input=x, pad=(1, 1), mode="constant", value=0)
nn.functional.linear(input=x, weight=x, bias=None)
""".strip().splitlines()


def evaluated(library, expression):
    class Names(dict):
        def __missing__(self, name):
            return getattr(library, name)

    library.manual_seed(3)
    x = library.arange(6, dtype=library.float32).reshape(2, 3).clone()
    return eval(expression, Names(x=x, np=np, __builtins__={}))


@pytest.mark.parametrize("expression", CALLS)
def test_arguments_by_name(expression):
    real = pytest.importorskip("torch")
    assert repr(evaluated(torch, expression)) == repr(evaluated(real, expression))


REFUSED = """
add(x, x, out=np.ones(2))
mul(x, x, out=[x, 3])
where(np.array([True]), x, x)
where(x > 1, np.ones(3), x)
where(x > 1, x, "a")
where(x > 1, x)
x.mul_("a")
x.mul_(np.ones(2))
x.copy_(np.ones(2))
x.copy_("a")
x.add_(None)
x.masked_fill_(x > 0, "s")
x.view()
x.view("a")
x.view(2.0, 3)
x.view((2, 3), float32)
add(x, np.ones((2, 3)))
sub(x, np.ones((2, 3)))
div(x, np.ones((2, 3)))
pow(x, np.ones((2, 3)))
zeros()
ones()
empty()
zeros(-1)
ones(2, -1)
full((2,), "a")
full((2,), None)
full((2,), x)
nn.functional.conv2d(zeros(1, 1, 3, 3), zeros(1, 1, 0, 2))
nn.functional.conv3d(zeros(1, 1, 3, 3, 3), zeros(1, 1, 1, 0, 2))
""".strip().splitlines()


def complaint(library, expression):
    with pytest.raises(Exception) as caught:
        evaluated(library, expression)
    return caught.value


@pytest.mark.parametrize("expression", REFUSED)
def test_what_is_refused(expression):
    real = pytest.importorskip("torch")
    mine, theirs = complaint(torch, expression), complaint(real, expression)
    assert isinstance(mine, type(theirs))
    assert str(mine)[:28] == str(theirs)[:28]


def test_filling_an_expanded_tensor_writes_each_place_once():
    x = torch.zeros(3)
    assert x.expand(4, 3).fill_(2).tolist() == [[2.0] * 3] * 4
    assert x.tolist() == [2.0] * 3
    x[None].expand(2, 3).zero_()
    assert x.tolist() == [0.0] * 3
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        x.expand(4, 3).add_(1)


def test_filling_an_expanded_view_of_a_recorded_tensor():
    leaf = torch.ones(3, requires_grad=True)
    y = leaf * 2
    y[:1].expand(4).fill_(5.0)
    y.sum().backward()
    assert leaf.grad.tolist() == [0.0, 2.0, 2.0]


def test_requires_grad_is_a_bool():
    with pytest.raises(RuntimeError, match="requires_grad must be a bool"):
        torch.ones(2).requires_grad = 3
