"""Fourth seed: the Autograd guide - workflow, mechanisms, Functions, savings, mistakes, tools, a training loop."""

import importlib.util
import os
import subprocess
import sys

import pytest

from tests.backend import REAL, ROOT, edges, needs, torch
from tests.seeds.programs import MyReLU, Quadratic, scalars
from tests.semantics.expectations import close, raises, warns

pytestmark = pytest.mark.filterwarnings("error")
NO_GRAPH = "element 0 of tensors does not require grad and does not have a grad_fn"


def workflow():
    x, w, b = scalars(2.0, 3.0, 1.0)
    y = w * x + b
    return x, w, b, y, y**2


def test_the_workflow(capsys):
    x, w, b, _, z = workflow()
    z.backward()
    print(f"dz/dx = {x.grad}")
    print(f"dz/dw = {w.grad}")
    print(f"dz/db = {b.grad}")
    assert capsys.readouterr().out == "dz/dx = 42.0\ndz/dw = 28.0\ndz/db = 14.0\n"
    assert repr(x.grad) == "tensor(42.)"


def test_the_graph_can_be_walked():
    x, w, b, y, z = workflow()
    assert z.grad_fn.name() == "PowBackward0"
    assert repr(z.grad_fn).startswith("<PowBackward0 object at 0x")
    assert repr(z.grad_fn.next_functions).startswith("((<AddBackward0 object at 0x")
    assert z.grad_fn.next_functions == ((y.grad_fn, 0),)
    assert edges(y.grad_fn) == ["MulBackward0", "AccumulateGrad"]
    product, bias = (node for node, _ in y.grad_fn.next_functions)
    assert edges(product) == ["AccumulateGrad", "AccumulateGrad"]
    assert [node.variable for node, _ in product.next_functions] == [w, x]
    assert bias.variable is b and bias.name() == "torch::autograd::AccumulateGrad"
    assert bias.next_functions == ()


def test_gradients_accumulate_until_zeroed(capsys):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    x.sum().backward()
    print(x.grad)
    x.sum().backward()
    print(x.grad)
    x.grad.zero_()
    x.sum().backward()
    print(x.grad)
    assert capsys.readouterr().out == "tensor([1., 1.])\ntensor([2., 2.])\ntensor([1., 1.])\n"


def test_vector_jacobian_product(capsys):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = torch.stack([x[0] ** 2, x[1] ** 3])
    print(y)
    assert edges(y.grad_fn) == ["PowBackward0", "PowBackward0"]
    assert edges(y.grad_fn.next_functions[0][0]) == ["SelectBackward0"]
    y.backward(gradient=torch.tensor([1.0, 0.5]))
    print(x.grad)
    assert capsys.readouterr().out == "tensor([1., 8.], grad_fn=<StackBackward0>)\ntensor([2., 6.])\n"


def test_a_vector_needs_a_gradient():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with raises(RuntimeError, "grad can be implicitly created only for scalar outputs"):
        (x * x).backward()


def test_custom_relu():
    x = torch.tensor([-1.0, 2.0, 0.5], requires_grad=True)
    MyReLU.apply(x).backward(torch.tensor([1.0, 1.0, 1.0]))
    assert repr(x.grad) == "tensor([0., 1., 1.])"


def test_quadratic(capsys):
    inputs = scalars(3.0, 2.0, 1.0, 4.0)
    y = Quadratic.apply(*inputs)
    assert repr(y) == "tensor(25., grad_fn=<QuadraticBackward>)"
    y.backward()
    for name, tensor in zip("xabc", inputs, strict=True):
        print(f"dy/d{name} = {tensor.grad}")
    assert capsys.readouterr().out == "dy/dx = 13.0\ndy/da = 9.0\ndy/db = 3.0\ndy/dc = 1.0\n"


def test_no_grad_for_inference():
    (w,) = scalars(3.0)
    with torch.no_grad():
        output = w * 2
    assert not output.requires_grad and output.grad_fn is None and repr(output) == "tensor(6.)"


def test_cuda_is_refused_where_there_is_none():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises((AssertionError, RuntimeError)):
        torch.randn(100, device="cuda", requires_grad=False)


@pytest.mark.parametrize("reentrant", [None, False, True])
def test_checkpointing(reentrant):
    checkpoint = needs(torch, "utils.checkpoint.checkpoint")
    calls = []

    def first(x):
        calls.append("first")
        return (x * 2).sin()

    def second(x):
        calls.append("second")
        return x**2

    def segment(function, x):
        if reentrant is not None:
            return checkpoint(function, x, use_reentrant=reentrant)
        with warns(UserWarning, "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly."):
            return checkpoint(function, x)

    x = torch.tensor([0.5, 1.0], requires_grad=True)
    z = segment(second, segment(first, x))
    assert calls == ["first", "second"]
    assert z.grad_fn.name() == ("PowBackward0" if reentrant is False else "CheckpointFunctionBackward")
    z.sum().backward()
    assert calls == ["first", "second", "second", "first"]
    assert repr(x.grad) == "tensor([ 1.8186, -1.5136])"


def test_accumulating_over_small_batches():
    nn, sgd = needs(torch, "nn", "optim.SGD")
    model, criterion = nn.Linear(2, 1), nn.MSELoss()
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.5, -0.5]]))
        model.bias.zero_()
    optimizer = sgd(model.parameters(), lr=0.1)
    inputs = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
    labels = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    for index in range(4):
        loss = criterion(model(inputs[index : index + 1]), labels[index : index + 1]) / 2
        loss.backward()
        if (index + 1) % 2 == 0:
            optimizer.step()
            optimizer.zero_grad()
            assert model.weight.grad is None
    assert close(model.weight, [[-12.02, -14.8]], 1e-4) and close(model.bias, [-1.78], 1e-5)


def test_mistake_no_requires_grad():
    weights = torch.randn(10, 10)
    loss = weights.matmul(torch.ones(10)).sum()
    with raises(RuntimeError, NO_GRAPH):
        loss.backward()


def test_mistake_in_place_on_a_leaf():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x**2
    with raises(RuntimeError, "a leaf Variable that requires grad is being used in an in-place operation."):
        x.add_(1)
    y.backward(torch.ones(2))
    assert x.grad.tolist() == [2.0, 4.0]


def test_mistake_a_second_backward():
    (x,) = scalars(3.0)
    y = x**2
    y.backward(retain_graph=True)
    y.backward(retain_graph=False)
    assert x.grad.item() == 12.0
    with raises(RuntimeError, "Trying to backward through the graph a second time"):
        y.backward()


def test_is_grad_enabled_tells_the_mode(capsys):
    print(torch.is_grad_enabled())
    with torch.no_grad():
        print(torch.is_grad_enabled())
    assert capsys.readouterr().out == "True\nFalse\n"


def test_a_picture_can_be_drawn_from_what_nodes_say():
    x, w, b, _, z = workflow()
    names = {id(x): "x", id(w): "w", id(b): "b"}
    lines, seen, waiting = set(), set(), [z.grad_fn]
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        for following, _ in node.next_functions:
            variable = getattr(following, "variable", None)
            label = following.name() if variable is None else names[id(variable)]
            lines.add(f"{label} -> {node.name()}")
            waiting.append(following)
    assert lines == {
        "AddBackward0 -> PowBackward0",
        "MulBackward0 -> AddBackward0",
        "b -> AddBackward0",
        "w -> MulBackward0",
        "x -> MulBackward0",
    }
    saved = {name for name in dir(z.grad_fn) if name.startswith("_saved_")}
    assert saved == {"_saved_exponent", "_saved_self"}


DRAWING = """
import torch
from torchviz import make_dot
x, w, b = (torch.tensor(value, requires_grad=True) for value in (2.0, 3.0, 1.0))
z = (w * x + b) ** 2
print(make_dot(z, params={"x": x, "w": w, "b": b}).source)
"""


def test_torchviz_draws_the_graph(tmp_path):
    if importlib.util.find_spec("torchviz") is None:
        pytest.skip("needs torchviz")
    runner = []
    if not REAL:
        if importlib.util.find_spec("wengert.__main__") is None:
            pytest.skip("needs `wengert run`, which is not there yet")
        runner = ["-m", "wengert", "run"]
    script = tmp_path / "drawing.py"
    script.write_text(DRAWING, encoding="utf-8")
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, *runner, str(script)], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths}
    )
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in ("digraph", "PowBackward0", "AddBackward0", "MulBackward0", "x\n"))


def test_gradcheck_in_double_precision():
    inputs = scalars(3.0, 2.0, 1.0, 4.0, dtype=torch.float64)
    assert torch.autograd.gradcheck(Quadratic.apply, inputs, eps=1e-6) is True


class ManualLinear:
    """A layer by hand, no Module."""

    def __init__(self):
        self.weight = torch.tensor([[0.5, -0.25]], requires_grad=True)
        self.bias = torch.tensor([0.1], requires_grad=True)

    def forward(self, x):
        return x @ self.weight.t() + self.bias


EXCLUSIVE_OR = """\
Epoch 0, Loss: 0.404
Epoch 100, Loss: 0.289
Epoch 200, Loss: 0.266
Epoch 300, Loss: 0.257
Epoch 400, Loss: 0.253
Epoch 500, Loss: 0.252
Epoch 600, Loss: 0.251
Epoch 700, Loss: 0.250
Epoch 800, Loss: 0.250
Epoch 900, Loss: 0.250
Predictions: tensor([[0.4891],
        [0.4958],
        [0.5008],
        [0.5075]])
"""


def exclusive_or():
    points = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float32)
    return points, torch.tensor([[0], [1], [1], [0]], dtype=torch.float32)


def test_training_by_hand(capsys):
    model = ManualLinear()
    points, targets = exclusive_or()
    for epoch in range(1000):
        loss = ((model.forward(points) - targets) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            model.weight -= 0.01 * model.weight.grad
            model.bias -= 0.01 * model.bias.grad
        model.weight.grad.zero_()
        model.bias.grad.zero_()
        if epoch % 100 == 0:
            print(f"Epoch {epoch}, Loss: {loss.item():.3f}")
    with torch.no_grad():
        print("Predictions:", model.forward(points))
    assert capsys.readouterr().out == EXCLUSIVE_OR
    assert model.weight.is_leaf and model.weight.requires_grad and model.weight.grad_fn is None


def test_training_with_an_optimizer_gives_the_same(capsys):
    model = ManualLinear()
    optimizer = needs(torch, "optim.SGD")([model.weight, model.bias], lr=0.01)
    points, targets = exclusive_or()
    for epoch in range(1000):
        optimizer.zero_grad()
        loss = ((model.forward(points) - targets) ** 2).mean()
        loss.backward()
        optimizer.step()
        if epoch % 100 == 0:
            print(f"Epoch {epoch}, Loss: {loss.item():.3f}")
    with torch.no_grad():
        print("Predictions:", model.forward(points))
    assert capsys.readouterr().out == EXCLUSIVE_OR
