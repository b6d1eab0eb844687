"""Overloads from torch's first years, in which a factor stands before the tensor that it multiplies."""

import warnings

import pytest

from tests.backend import torch

CALLS = """
torch.add(x, 3, y)
torch.sub(x, 3, y)
x.add(0.5, y)
x.add_(0.5, y)
x.sub_(2, y)
torch.addcmul(x, 2, y, z)
torch.addcdiv(x, -0.5, y, z)
x.addcmul_(2, y, z)
x.addcdiv_(-0.5, y, z)
torch.addmm(0.5, x, 2, y, z)
torch.addmm(0.5, x, y, z)
x.addmm(0.5, 2, y, z)
x.addmm_(0.5, y, z)
torch.addmv(2, x[0], 3, y, z[0])
x[0].addmv_(2, 3, y, z[0])
torch.addr(2, x, 3, y[0], z[0])
torch.baddbmm(2, x[None], 3, y[None], z[None])
torch.addbmm(2, x, 3, y[None], z[None])
x.mul_(0.9).add_(1 - 0.9, y)
x.data.add_(-0.1, y)
torch.add(x, y, alpha=2)
x.addcmul(y, z, value=2)
torch.add(x, 3)
torch.add(3, x)
""".strip().splitlines()


def evaluated(library, call):
    x, y, z = (library.arange(4.0).reshape(2, 2) + k for k in (1, 2, 5))
    return eval(call, {"torch": library, "x": x, "y": y, "z": z})


@pytest.mark.parametrize("call", CALLS)
def test_as_torch_computes_it(call):
    real = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert evaluated(torch, call).tolist() == evaluated(real, call).tolist()


def test_gradients_know_the_factor():
    x, y = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.add(x, 3, y).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    assert y.grad.tolist() == [3.0, 3.0]


def test_what_is_no_overload_is_still_refused():
    x = torch.ones(2)
    for call in (lambda: torch.add(x, 3, "a"), lambda: x.addcmul_("a", x, x), lambda: torch.addmm(1, x, 2, 3, x)):
        with pytest.raises((TypeError, RuntimeError)):
            call()
