"""A node is visited when everything that used it has been visited, whatever kinds of nodes used it."""

import pytest

from tests.backend import torch

USERS = {
    "one result": lambda h: h * 2,
    "several results": lambda h: torch.stack(h.unbind()),
    "a normalisation": lambda h: torch.nn.functional.layer_norm(h, (3,)),
    "a product": lambda h: h @ h,
}


@pytest.mark.parametrize("first", USERS)
@pytest.mark.parametrize("second", USERS)
def test_a_value_used_twice_around_a_node_of_each_kind(first, second):
    torch.manual_seed(0)
    x = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)

    def program(x):
        h = torch.tanh(x)
        return (h + USERS[first](h)) * USERS[second](h)

    assert torch.autograd.gradcheck(program, x)
    program(x).sum().backward()
    (expected,) = torch.autograd.grad(program(x).sum(), x, create_graph=True)
    assert torch.allclose(x.grad, expected)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("swapped", [False, True])
def test_a_shortcut_around_a_node_of_each_kind(user, swapped):
    x = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
    h = torch.tanh(x)
    parts = (USERS[user](h), h) if swapped else (h, USERS[user](h))
    (parts[0] + parts[1]).sum().backward()
    around = (1 - h**2).detach() * (1 + torch.autograd.grad(USERS[user](d := h.detach().requires_grad_()).sum(), d)[0])
    assert torch.allclose(x.grad, around)
