"""autograd.graph: record, replay, diff, and graphs that are printed and changed."""

import io
import json
import math
import random

import numpy as np
import pytest

from tests.backend import names_lines, torch, wengert_only

pytestmark = [wengert_only, pytest.mark.filterwarnings("error")]
graph = torch.autograd.graph


def bits(x):
    return str(x.dtype), tuple(x.shape), x.detach()._array.tobytes()


class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale, offset):
        ctx.scale = scale
        return x * scale + offset

    @staticmethod
    def backward(ctx, g):
        return g * ctx.scale, None, None


# ---------------------------------------------------------------- record


def test_a_function_is_recorded_with_its_inputs_as_leaves():
    w = torch.randn(3, requires_grad=True)

    def model(batch, steps):
        return torch.tanh(batch @ w) * steps

    found = graph.record(model, torch.ones(2, 3), 4, names={"weight": w})
    assert sorted(found.leaves) == ["batch", "weight"]
    assert [node.operator for node in found.nodes if node.kind == "operator"] == ["mv", "tanh", "mul"]
    assert bits(found.restore()) == bits(model(torch.ones(2, 3), 4))


def test_a_module_is_recorded_under_the_names_of_its_parameters():
    model = torch.nn.Linear(3, 2)
    assert sorted(graph.record(model, torch.ones(1, 3)).leaves) == ["bias", "input", "weight"]


def test_an_input_of_integers_is_no_leaf_and_can_be_replaced():
    weight = torch.arange(6.0).reshape(3, 2).requires_grad_()
    found = graph.record(lambda ids: weight[ids].sum(), torch.tensor([0, 2]))
    assert graph.replay(found).item() == 10.0


def test_a_recorded_graph_keeps_its_values():
    x = torch.ones(2, requires_grad=True)
    found = graph.record((x * 3).exp())
    with torch.no_grad():
        x.fill_(100)
    assert found.leaves["x"].tolist() == [1.0, 1.0]


def test_what_has_no_graph_is_an_error():
    with pytest.raises(RuntimeError, match="none of the tensors has a grad_fn"):
        graph.record(torch.ones(2))
    with pytest.raises(TypeError, match="a graph stands behind a tensor"):
        graph.record(lambda: 3)


def test_a_graph_prints_a_line_for_each_node_and_goes_into_json():
    x = torch.ones(2, 3, requires_grad=True)
    found = graph.record((x.sum(1) * 2).exp())
    lines = str(found).splitlines()
    assert lines[0] == "%0 = leaf x  float32[2, 3]"
    assert lines[1].startswith("%1 = sum(%0; dim=1, keepdim=False, dtype=None)  # test_graphs.py:")
    assert lines[-1] == "return %3"
    structure = json.loads(json.dumps(found.to_json()))
    assert [node["name"] for node in structure["nodes"]][1:] == ["SumBackward1", "MulBackward0", "ExpBackward0"]
    assert repr(found) == "<Graph of 4 nodes, leaves x>"


def test_saving_a_graph_and_reading_it_as_data():
    x = torch.ones(2, requires_grad=True)
    file = io.BytesIO()
    found = graph.record(lambda x: x - torch.full((2,), 0.25), x)
    found.save(file)
    file.seek(0)
    read = graph.load(file)
    assert str(read) == str(found)
    assert graph.replay(read, [torch.tensor([3.0, 4.0])]).tolist() == [2.75, 3.75]


# ---------------------------------------------------------------- replay


def test_replay_runs_forward_again_with_new_leaves_and_records():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    found = graph.record((x**3).sum())
    new = torch.tensor([3.0, 4.0], requires_grad=True)
    y = graph.replay(found, {"x": new})
    assert y.item() == 91.0
    y.backward()
    assert new.grad.tolist() == [27.0, 48.0] and x.grad is None
    graph.replay(found).backward()
    assert found.leaves["x"].grad.tolist() == [3.0, 12.0]


def test_a_constant_that_the_tape_forgot_is_named_and_can_be_given():
    x, target = torch.ones(2, requires_grad=True), torch.tensor([3.0, 4.0])
    found = graph.record(((x - target) ** 2).sum())  # recorded here
    with pytest.raises(RuntimeError, match=r"its operand 'other' wanted no gradient.*keep_operands") as error:
        graph.replay(found)
    assert names_lines(error.value, "recorded here")
    assert graph.replay(found, {"1.other": target}).item() == 13.0


def test_kept_operands_make_a_saved_graph_whole():
    x, target = torch.ones(2, requires_grad=True), torch.tensor([3.0, 4.0])
    with graph.keep_operands():
        y = ((x - target) ** 2).sum()
    target.zero_()
    file = io.BytesIO()
    torch.save(y, file)
    file.seek(0)
    assert graph.replay(graph.load(file), {"x": torch.zeros(2)}).item() == 25.0


def in_a_buffer(x):
    buffer = torch.full((3, 2), 0.5)
    buffer[1] = x
    buffer[0].add_(x * 2)
    return (buffer * torch.arange(6.0).reshape(3, 2)).sum()


def in_place(x):
    h = x * 2
    h[0].mul_(torch.tensor(3.0))
    v = h[1:]
    h.exp_()
    return v * h.sum() + Scaled.apply(x, 2.0, torch.ones(2)).sum()


def several(x):
    parts = torch.stack([x, torch.zeros(2), x.flip(0)]).unbind()
    return parts[0] * parts[1] + torch.where(torch.tensor([True, False]), parts[2], torch.full((2,), 7.0))


@pytest.mark.parametrize("program", [in_a_buffer, in_place, several])
def test_replay_of_writes_functions_and_lists(program):
    x, y = torch.tensor([1.0, 2.0]), torch.tensor([-0.5, 0.25], requires_grad=True)
    found = graph.record(program, x)
    file = io.BytesIO()
    found.save(file)
    file.seek(0)
    for each in (found, graph.load(file)):
        assert bits(graph.replay(each)) == bits(program(x))
        new = graph.replay(each, [y])
        assert bits(new) == bits(program(y))
        mine, theirs = (torch.autograd.grad(z.sum(), y)[0] for z in (new, program(y)))
        assert bits(mine) == bits(theirs)


def test_wrong_values_for_replay():
    x = torch.ones(2, requires_grad=True)
    found = graph.record(x * 2)
    with pytest.raises(TypeError, match="no leaf or input 'z'; it has x"):
        graph.replay(found, {"z": x})
    with pytest.raises(TypeError, match="2 values for 1 leaves"):
        graph.replay(found, [x, x])
    with pytest.raises(TypeError, match="must be a Tensor, not float"):
        graph.replay(found, {"x": 1.0})


# ---------------------------------------------------------------- changing


def test_an_attribute_and_an_operator_can_be_changed():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    found = graph.record(torch.sin(x).sum(1))
    found.nodes[2].attributes["dim"] = (0,)
    found.nodes[1].operator = "cos"
    with pytest.raises(RuntimeError, match="was changed.*replay"):
        found.restore()
    assert bits(graph.replay(found)) == bits(torch.cos(x).sum(0))
    assert "cos" in str(found) and found.nodes[2].attributes["dim"] == (0,)


def test_a_constant_stays_when_the_operator_changes():
    x, c = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([3.0, 5.0])
    found = graph.record(x * c)
    found.nodes[1].operator = "sub"
    assert graph.replay(found).tolist() == [-2.0, -3.0]


def test_changes_without_meaning_are_refused():
    found = graph.record(torch.sin(torch.ones(2, requires_grad=True)))
    with pytest.raises(ValueError, match="takes 2 tensors, sin took 1"):
        found.nodes[1].operator = "mul"
    with pytest.raises(ValueError, match="no single operator"):
        found.nodes[1].operator = "no_such"
    with pytest.raises(ValueError, match="no attribute 'dim'"):
        found.nodes[1].attributes["dim"] = 1
    with pytest.raises(ValueError, match="no operator's node"):
        found.nodes[0].operator = "sin"


# ---------------------------------------------------------------- diff


def test_equal_graphs_do_not_differ():
    x = torch.randn(3, requires_grad=True)
    assert graph.diff(torch.tanh(x * 2), torch.tanh(x * 2)) is None


def test_the_first_operator_attribute_and_constant_that_differ():
    x = torch.randn(2, 3, requires_grad=True)
    a = graph.record(torch.sin(x * 2).sum(0))
    found = graph.diff(a, torch.cos(x * 2).sum(0))  # the other program
    assert found.index == 2 and found.what == "operator" and names_lines(found, "the other program")
    found = graph.diff(a, torch.sin(x * 2).sum(1))
    assert found.index == 3 and found.what == "attribute dim" and found.a == 0 and found.b == 1
    found = graph.diff(a, torch.sin(x * 2.5).sum(0))
    assert found.index == 1 and found.what == "attribute other"
    found = graph.diff(a, torch.sin(x * 2))
    assert found.index == 3 and found.what == "missing"
    found = graph.diff(x * torch.tensor([1.0, 2.0, 3.0]), x * torch.tensor([1.0, 2.0, 4.0]))
    assert found.what == "operand other" and found.position == (2,)


def test_a_leaf_that_differs_comes_first():
    def program(x):
        return torch.tanh(x * 2).sum()

    x = torch.ones(3)
    y = x.clone()
    y[1] = np.nextafter(np.float32(1), np.float32(2)).item()
    found = graph.diff(graph.record(program, x), graph.record(program, y))
    assert (found.index, found.what, found.position, found.ulps) == (0, "value", (1,), 1)
    assert "1 ulp apart" in str(found)


STEPS = [
    lambda h, c: torch.tanh(h), lambda h, c: h + c, lambda h, c: h * c, lambda h, c: h.exp().log1p(),
    lambda h, c: h.t().contiguous(), lambda h, c: h @ c, lambda h, c: torch.softmax(h, 1), lambda h, c: h - h.mean(),
]  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_a_planted_ulp_is_found_where_it_was_planted(seed):
    rng = random.Random(seed)
    steps = [rng.choice(STEPS) for _ in range(12)]
    at = rng.randrange(12)
    element = rng.randrange(16)
    torch.manual_seed(seed)
    x, c = torch.rand(4, 4), torch.rand(4, 4)
    planted = []

    def run(x, plant):
        h = x
        for k, step in enumerate(steps):
            h = step(h, c)
            if plant and k == at:
                flat = h.detach()._array.reshape(-1)
                flat[element] = np.nextafter(flat[element], np.float32(math.inf))
                planted.append(h.grad_fn.name())
        return h.sum()

    a, b = graph.record(lambda x: run(x, False), x), graph.record(lambda x: run(x, True), x)
    found = graph.diff(a, b)
    assert found.what == "value" and found.ulps == 1 and found.node == planted[0]
    count = sum(1 for node in graph.record(lambda x: first_steps(x, c, steps[: at + 1]), x).nodes)
    assert found.index == count - 1


def first_steps(x, c, steps):
    for step in steps:
        x = step(x, c)
    return x
