"""Programs traced to graphs: what is written down, what runs, and what cannot be traced."""

import copy
import operator
import pickle

import pytest

from tests.backend import torch

fx = pytest.importorskip(torch.__name__ + ".fx")
F = torch.nn.functional


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(3, 4)
        self.scale = torch.nn.Parameter(torch.ones(4))
        self.rest = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(4, 2))
        self.register_buffer("shift", torch.zeros(1))

    def forward(self, x, factor=2):
        hidden = self.first(x) + self.scale * factor
        joined = torch.cat([hidden, F.relu(hidden).sum(-1, keepdim=True)], dim=-1)
        return self.rest(hidden), joined[:, 1:3] + self.shift, joined.shape[0]


def nodes(graph):
    return [(n.op, n.name) for n in graph.nodes]


def test_the_steps_of_a_module_are_named_as_torch_names_them():
    traced = fx.symbolic_trace(Net())
    assert nodes(traced.graph) == [
        ("placeholder", "x"), ("placeholder", "factor"), ("call_module", "first"), ("get_attr", "scale"),
        ("call_function", "mul"), ("call_function", "add"), ("call_function", "relu"), ("call_method", "sum_1"),
        ("call_function", "cat"), ("call_module", "rest_0"), ("call_module", "rest_1"), ("call_function", "getitem"),
        ("get_attr", "shift"), ("call_function", "add_1"), ("call_function", "getattr_1"),
        ("call_function", "getitem_1"), ("output", "output"),
    ]  # fmt: skip
    targets = {n.name: n.target for n in traced.graph.nodes}
    assert targets["cat"] is torch.cat and targets["mul"] is operator.mul and targets["relu"] is F.relu


def test_the_text_is_torch_s():
    def f(x, *, y: int = 3):
        return torch.add(x, y, alpha=2) - x.T

    assert fx.symbolic_trace(f).code == (
        "\n\n\ndef forward(self, x, y : int = 3):\n"
        "    add = torch.add(x, y, alpha = 2);  y = None\n"
        "    getattr_1 = x.T;  x = None\n"
        "    sub = add - getattr_1;  add = getattr_1 = None\n"
        "    return sub\n    "
    )


def test_a_traced_module_computes_and_learns_as_the_module_does():
    net = Net()
    traced = fx.symbolic_trace(net)
    x = torch.randn(5, 3)
    out, window, rows = traced(x)
    expected, other, _ = net(x)
    assert torch.equal(out, expected) and torch.equal(window, other) and rows == 5
    out.sum().backward()
    assert net.first.weight.grad is not None  # parameters are shared with the module
    assert sorted(traced.state_dict()) == sorted(net.state_dict())


def test_copies_and_pickles_stand_alone():
    traced = fx.symbolic_trace(Net())
    x = torch.randn(2, 3)
    before = traced(x)[0]
    copied, revived = copy.deepcopy(traced), pickle.loads(pickle.dumps(traced))
    with torch.no_grad():
        traced.first.weight.zero_()
    assert torch.equal(copied(x)[0], before) and torch.equal(revived(x)[0], before)
    assert copied.code == traced.code == revived.code


def test_a_graph_can_be_changed_and_compiled_again():
    traced = fx.symbolic_trace(lambda x: torch.relu(x) + 1)
    for node in traced.graph.nodes:
        if node.target is torch.relu:
            node.target = torch.neg
    traced.graph.lint()
    traced.recompile()
    assert traced(torch.tensor([2.0])).item() == -1.0


def test_nodes_are_inserted_and_erased():
    traced = fx.symbolic_trace(lambda x: x.sin().cos())
    sin, cos = (n for n in traced.graph.nodes if n.op == "call_method")
    with pytest.raises(RuntimeError, match="still had 1 users"):
        traced.graph.erase_node(sin)
    with traced.graph.inserting_after(sin):
        new = traced.graph.call_function(torch.exp, (sin,))
    cos.replace_input_with(sin, new)
    traced.recompile()
    x = torch.tensor(0.3)
    assert torch.equal(traced(x), x.sin().exp().cos())
    traced.graph.call_function(torch.neg, (new,))
    assert not [n for n in traced.graph.nodes if n.target is torch.neg and n.users]


def test_unused_steps_go():
    def f(x):
        torch.exp(x)
        return x + 1

    traced = fx.symbolic_trace(f)
    assert traced.graph.eliminate_dead_code()
    assert [n.name for n in traced.graph.nodes] == ["x", "add", "output"]


@pytest.mark.parametrize(
    ("program", "error", "words"),
    [
        (lambda x: x if x.sum() > 0 else -x, ValueError, "symbolically traced variables cannot be used as inputs"),
        (lambda x: [row for row in x], ValueError, "Proxy object cannot be iterated"),
        (lambda x: torch.ones(len(x)), RuntimeError, "'len' is not supported in symbolic tracing"),
    ],
)
def test_control_flow_on_values_cannot_be_traced(program, error, words):
    with pytest.raises(error, match=words):
        fx.symbolic_trace(program)


def test_assignments_to_several_names_are_traced():
    def f(x):
        a, b = torch.chunk(x, 2)
        return a - b

    assert fx.symbolic_trace(f)(torch.tensor([3.0, 1.0])).item() == 2.0


def test_a_tracer_chooses_its_leaves():
    class Through(fx.Tracer):
        def is_leaf_module(self, m, name):
            return isinstance(m, torch.nn.ReLU)

    graph = Through().trace(Net())
    assert [n.target for n in graph.nodes if n.op == "call_module"] == ["rest.0"]
    assert {"first.weight", "rest.1.bias"} <= {n.target for n in graph.nodes if n.op == "get_attr"}


def test_functions_imported_by_name_are_traced():
    space = {"relu": F.relu, "add": torch.add, "softmax": torch.softmax}
    exec("def f(x):\n    return softmax(add(relu(x), 1), -1)", space)
    assert [n.name for n in fx.symbolic_trace(space["f"]).graph.nodes][1:-1] == ["relu", "add", "softmax"]
    assert space["relu"] is F.relu


def test_tensors_of_the_program_become_attributes():
    constant = torch.arange(3.0)
    traced = fx.symbolic_trace(lambda x: x * constant)
    assert torch.equal(traced._tensor_constant0, constant)
    assert torch.equal(traced(torch.ones(3)), constant)


def test_concrete_arguments_are_checked_by_the_program():
    traced = fx.symbolic_trace(lambda x, flag: x + 1 if flag else x - 1, concrete_args={"flag": True})
    assert traced(torch.zeros(1), True).item() == 1.0
    with pytest.raises(AssertionError, match="flag has been specialized to have value True"):
        traced(torch.zeros(1), False)


def test_an_interpreter_runs_node_by_node():
    seen = []

    class Seeing(fx.Interpreter):
        def call_function(self, target, args, kwargs):
            seen.append(target)
            return super().call_function(target, args, kwargs)

    traced = fx.symbolic_trace(lambda x, y=2: torch.exp(x) + y)
    assert Seeing(traced).run(torch.zeros(1)).item() == 3.0
    assert seen == [torch.exp, operator.add]


def test_a_transformer_makes_another_module():
    class Other(fx.Transformer):
        def call_function(self, target, args, kwargs):
            return super().call_function(torch.cos if target is torch.sin else target, args, kwargs)

    net = Other(fx.symbolic_trace(lambda x: torch.sin(x) + 1)).transform()
    assert net(torch.zeros(1)).item() == 2.0 and "torch.cos" in net.code


def test_patterns_are_replaced():
    def program(x, w):
        a = torch.relu(x @ w)
        return torch.relu(a @ w) + torch.relu(x)

    traced = fx.symbolic_trace(program)
    found = fx.replace_pattern(
        traced, lambda a, b: torch.relu(a @ b), lambda a, b: torch.clamp(torch.matmul(a, b), min=0)
    )
    x, w = torch.randn(2, 3), torch.randn(3, 3)
    assert len(found) == 2 and "@" not in traced.code
    assert torch.allclose(traced(x, w), program(x, w))


def test_shapes_are_noted():
    from importlib import import_module

    shape_prop = import_module(torch.__name__ + ".fx.passes.shape_prop")
    traced = fx.symbolic_trace(Net())
    shape_prop.ShapeProp(traced).propagate(torch.ones(5, 3))
    shapes = {n.name: tuple(n.meta["tensor_meta"].shape) for n in traced.graph.nodes if n.op == "call_module"}
    assert shapes == {"first": (5, 4), "rest_0": (5, 4), "rest_1": (5, 2)}


def test_a_table_is_printed(capsys):
    try:
        fx.symbolic_trace(lambda x: x + 1).graph.print_tabular()
    except ImportError as error:
        pytest.skip(f"torch needs another package for tables: {error}")
    assert "opcode" in capsys.readouterr().out
