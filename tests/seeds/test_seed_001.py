"""Second seed: tensors, Functions, and one graph worked out by hand."""

import re

import pytest

from tests.backend import edges, torch
from tests.seeds.programs import scalars
from tests.semantics.expectations import warns

pytestmark = pytest.mark.filterwarnings("error")
NOT_A_LEAF = "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed."


class Worked:
    """mean((input·w1 + w2) · (input·w1·w3)), every intermediate kept under the seed's name."""

    def __init__(self):
        self.input = torch.ones([2, 2], requires_grad=False)
        self.w1, self.w2, self.w3 = scalars(2.0, 3.0, 4.0)
        self.l1 = self.input * self.w1
        self.l2 = self.l1 + self.w2
        self.l3 = self.l1 * self.w3
        self.l4 = self.l2 * self.l3
        self.loss = self.l4.mean()

    def intermediates(self):
        return self.l1, self.l2, self.l3, self.l4, self.loss


def test_a_leaf_prints_that_it_requires_grad(capsys):
    print(torch.ones(2, 2, requires_grad=True))
    assert capsys.readouterr().out == "tensor([[1., 1.],\n        [1., 1.]], requires_grad=True)\n"


def test_a_result_prints_what_made_it(capsys):
    print(torch.ones(2, 2, requires_grad=True) + 2)
    assert capsys.readouterr().out == "tensor([[3., 3.],\n        [3., 3.]], grad_fn=<AddBackward0>)\n"


def test_a_longer_chain_prints_its_last_step():
    y = torch.ones(2, 2, requires_grad=True) + 2
    z = y * y * 3
    assert repr(z) == "tensor([[27., 27.],\n        [27., 27.]], grad_fn=<MulBackward0>)"
    assert repr(z.mean()) == "tensor(27., grad_fn=<MeanBackward0>)"


def test_requires_grad_is_off_by_default_and_can_be_set():
    x = torch.ones(2)
    assert x.requires_grad is False
    x.requires_grad = True
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_detach_and_no_grad_stop_tracking():
    x = torch.ones(2, requires_grad=True)
    assert not x.detach().requires_grad
    with torch.no_grad():
        assert not (x + 2).requires_grad


def test_before_backward_nothing_has_a_gradient(capsys):
    graph = Worked()
    print(graph.w1.data, graph.w1.grad, graph.w1.grad_fn)
    assert capsys.readouterr().out == "tensor(2.) None None\n"
    with warns(UserWarning, NOT_A_LEAF):
        print(graph.l1.data, graph.l1.grad, graph.l1.grad_fn)
    node = r"<{} object at 0x[0-9a-fA-F]+>\n"
    pattern = r"tensor\(\[\[2\., 2\.\],\n        \[2\., 2\.\]\]\) None " + node.format("MulBackward0")
    assert re.fullmatch(pattern, capsys.readouterr().out)
    with warns(UserWarning, NOT_A_LEAF):
        print(graph.loss.data, graph.loss.grad, graph.loss.grad_fn)
    assert re.fullmatch(r"tensor\(40\.\) None " + node.format("MeanBackward0"), capsys.readouterr().out)


def test_values_on_the_way():
    graph = Worked()
    found = [tensor.tolist() for tensor in graph.intermediates()]
    assert found == [[[2.0] * 2] * 2, [[5.0] * 2] * 2, [[8.0] * 2] * 2, [[40.0] * 2] * 2, 40.0]


def test_the_graphs_structure():
    graph = Worked()
    assert edges(graph.loss.grad_fn) == ["MulBackward0"]
    assert edges(graph.l4.grad_fn) == ["AddBackward0", "MulBackward0"]
    assert edges(graph.l2.grad_fn) == ["MulBackward0", "AccumulateGrad"]
    assert edges(graph.l3.grad_fn) == ["MulBackward0", "AccumulateGrad"]
    assert graph.l1.grad_fn.next_functions[0] == (None, 0)
    assert edges(graph.l1.grad_fn) == [None, "AccumulateGrad"]
    assert graph.l1.grad_fn.next_functions[1][0].variable is graph.w1
    assert graph.l2.grad_fn.next_functions[0][0] is graph.l1.grad_fn
    assert graph.l3.grad_fn.next_functions[0][0] is graph.l1.grad_fn


def test_backward_gives_the_hand_worked_gradients(capsys):
    graph = Worked()
    graph.loss.backward()
    print(graph.w1.grad, graph.w2.grad, graph.w3.grad)
    assert capsys.readouterr().out == "tensor(28.) tensor(8.) tensor(10.)\n"
    assert graph.input.grad is None
    for tensor in graph.intermediates():
        with warns(UserWarning, NOT_A_LEAF):
            assert tensor.grad is None


def test_the_hand_worked_partials():
    graph = Worked()
    partial = torch.autograd.grad(graph.loss, [graph.l4, graph.l3, graph.l2, graph.l1])
    expected = [0.25, 1.25, 2.0, 7.0]
    assert [found.tolist() for found in partial] == [[[value] * 2] * 2 for value in expected]


def test_retain_grad_and_a_printing_hook(capsys):
    graph = Worked()
    graph.l1.retain_grad()
    graph.l1.register_hook(lambda grad: print("l1 grad: ", grad))
    graph.loss.backward()
    assert capsys.readouterr().out == "l1 grad:  tensor([[7., 7.],\n        [7., 7.]])\n"
    assert graph.l1.grad.tolist() == [[7.0, 7.0], [7.0, 7.0]]
    assert graph.w1.grad.item() == 28.0


def test_retain_grad_and_hooks_come_too_late_after_backward():
    graph = Worked()
    graph.loss.backward()
    seen = []
    graph.l1.retain_grad()
    graph.l1.register_hook(seen.append)
    assert graph.l1.retains_grad and graph.l1.grad is None and seen == []
