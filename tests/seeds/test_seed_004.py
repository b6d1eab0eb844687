"""Fifth seed: grad modes, backward hooks, keeping a graph, derivatives of derivatives."""

import os
import subprocess
import sys

import pytest

from tests.backend import ROOT, needs, torch, torch_only, wengert_only
from tests.seeds.programs import scalars
from tests.semantics.expectations import close, raises

pytestmark = pytest.mark.filterwarnings("error")
NO_GRAPH = "element 0 of tensors does not require grad and does not have a grad_fn"


def test_modes_as_statements_change_nothing(capsys):
    for mode in (torch.enable_grad, torch.no_grad):
        mode()
        assert torch.is_grad_enabled()
        x = torch.randn(5, 3, requires_grad=True)
        x.sum().backward()
        print(x.grad)
    ones = "tensor([[1., 1., 1.],\n" + "        [1., 1., 1.],\n" * 3 + "        [1., 1., 1.]])\n"
    assert capsys.readouterr().out == ones * 2


def test_modes_as_blocks_do_what_the_seed_meant():
    x = torch.randn(5, 3, requires_grad=True)
    with torch.no_grad():
        y = x.sum()
    with raises(RuntimeError, NO_GRAPH):
        y.backward()
    assert x.grad is None
    with torch.no_grad(), torch.enable_grad():
        x.sum().backward()
    assert x.grad.tolist() == [[1.0] * 3] * 5


def test_a_hook_limits_the_gradient_that_arrives():
    x = torch.ones(2, requires_grad=True)
    handle = x.register_hook(lambda grad: grad.clamp(-1, 1))
    (x * 5).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    handle.remove()
    (x * 5).sum().backward()
    assert x.grad.tolist() == [6.0, 6.0]


def test_the_hook_does_not_limit_what_has_accumulated():
    x = torch.ones(5, 3, requires_grad=True)
    x.sum().backward()
    x.register_hook(lambda grad: grad.clamp(-1, 1))
    x.sum().backward()
    assert x.grad.tolist() == [[2.0] * 3] * 5


def test_set_grad_enabled_as_a_statement_acts_but_keeps_no_graph():
    torch.set_grad_enabled(True)
    assert torch.is_grad_enabled()
    (x,) = scalars(2.0)
    y = x**3
    y.backward()
    with raises(RuntimeError, "Trying to backward through the graph a second time"):
        y.backward()


def test_retain_graph_keeps_it():
    (x,) = scalars(2.0)
    y = x**3
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 24.0


def test_the_second_derivative_of_a_sum_is_an_error():
    x = torch.randn(5, 3, requires_grad=True)
    torch.set_grad_enabled(True)
    for create_graph in (False, True):
        first = torch.autograd.grad(x.sum().sum(), x, create_graph=create_graph)
        assert first[0].tolist() == [[1.0] * 3] * 5 and not first[0].requires_grad
        with raises(RuntimeError, NO_GRAPH):
            torch.autograd.grad(first, x)


def test_the_second_derivative_of_a_cube():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (first,) = torch.autograd.grad((x**3).sum(), x)
    with raises(RuntimeError, NO_GRAPH):
        torch.autograd.grad(first.sum(), x)
    (first,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
    (third,) = torch.autograd.grad(second.sum(), x)
    assert close(first, [3.0, 12.0]) and close(second, [6.0, 12.0]) and close(third, [6.0, 6.0])


def saved(tmp_path, tensor):
    save, _ = needs(torch, "save", "load")
    path = str(tmp_path / "my_computation_graph.pt")
    save(tensor, path)
    return path


@torch_only
def test_saving_drops_the_graph_in_torch(tmp_path):
    x = torch.ones(5, 3, requires_grad=True)
    y = torch.load(saved(tmp_path, x.sum()))
    assert y.is_leaf and y.requires_grad and y.grad_fn is None
    y.backward()
    assert x.grad is None and y.grad.item() == 1.0


def leaves_below(tensor):
    found, seen, waiting = [], set(), [tensor.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if hasattr(node, "variable"):
            found.append(node.variable)
        waiting.extend(following for following, _ in node.next_functions)
    return found


@wengert_only
def test_saving_keeps_the_graph(tmp_path):
    needs(torch, "autograd.graph.record")
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = torch.load(saved(tmp_path, (x**3).sum()))
    assert y.item() == 9.0 and not y.is_leaf and y.requires_grad
    assert y.grad_fn.name() == "SumBackward0"
    assert y.grad_fn.next_functions[0][0].name() == "PowBackward0"
    (leaf,) = leaves_below(y)
    assert leaf.tolist() == [1.0, 2.0]
    y.backward()
    assert close(leaf.grad, [3.0, 12.0])


@wengert_only
def test_a_loaded_graph_can_be_differentiated_twice(tmp_path):
    needs(torch, "autograd.graph.record")
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = torch.load(saved(tmp_path, (x**3).sum()))
    (leaf,) = leaves_below(y)
    (first,) = torch.autograd.grad(y, leaf, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), leaf)
    assert close(first, [3.0, 12.0]) and close(second, [6.0, 12.0])


@wengert_only
def test_saving_leaves_the_graph_at_hand_alone(tmp_path):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = (x**3).sum()
    saved(tmp_path, y)
    y.backward()
    assert close(x.grad, [3.0, 12.0])


ELSEWHERE = """
import sys
import wengert as torch
y = torch.load(sys.argv[1])
node = y.grad_fn
while not hasattr(node, "variable"):
    node = node.next_functions[0][0]
y.backward()
print(node.variable.grad)
"""


@wengert_only
def test_a_saved_graph_runs_backward_in_a_new_process(tmp_path):
    needs(torch, "autograd.graph.record")
    path = saved(tmp_path, (torch.tensor([1.0, 2.0], requires_grad=True) ** 3).sum())
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, path],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "tensor([ 3., 12.])\n"
