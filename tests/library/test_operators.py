"""Operators by their names in the dispatcher, and operators of one's own."""

import pytest

from tests.backend import torch

library = pytest.importorskip(torch.__name__ + ".library")


def test_operators_are_found_by_name():
    x = torch.tensor([1.0, 2.0])
    aten = torch.ops.aten
    assert aten.add.Tensor(x, x).tolist() == [2.0, 4.0] and aten.add is aten.add
    assert aten.add.Tensor is aten.add.Tensor and str(aten.add.Tensor) == "aten.add.Tensor"
    assert aten.sum.dim_IntList(x, [0]).item() == 3.0
    assert aten._to_copy(x, dtype=torch.float64).dtype == torch.float64
    assert aten.add_.Tensor(x, 1) is x and x.tolist() == [2.0, 3.0]
    with pytest.raises(AttributeError, match="'_OpNamespace' 'aten' object has no attribute 'no_such_operator'"):
        _ = aten.no_such_operator
    with pytest.raises(AttributeError, match="has no overload name 'nothing'"):
        _ = aten.add.nothing


def test_an_operator_of_one_s_own_runs_and_learns():
    @torch.library.custom_op("wengerttest::scaled", mutates_args=())
    def scaled(x: torch.Tensor, factor: float = 2.0) -> torch.Tensor:
        return x.sin() * factor

    x = torch.tensor([0.5], requires_grad=True)
    with pytest.raises(RuntimeError, match="no autograd formula was registered"):
        scaled(x).sum().backward()

    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])
        ctx.factor = inputs[1]

    scaled.register_autograd(
        lambda ctx, g: (g * ctx.saved_tensors[0].cos() * ctx.factor, None), setup_context=setup_context
    )
    torch.ops.wengerttest.scaled(x, 3.0).sum().backward()
    assert torch.allclose(x.grad, 3 * torch.cos(x.detach()))
    assert torch.allclose(torch.ops.wengerttest.scaled.default(x.detach()), 2 * torch.sin(x.detach()))


def test_shapes_without_data_come_from_a_function_for_them():
    @torch.library.custom_op("wengerttest::rows", mutates_args=())
    def rows(x: torch.Tensor) -> torch.Tensor:
        return x.sum(1)

    with pytest.raises(RuntimeError, match="There was no fake impl registered"):
        rows(torch.ones(2, 3, device="meta"))
    rows.register_fake(lambda x: x.new_empty(x.shape[0]))
    assert rows(torch.ones(2, 3, device="meta")).shape == (2,)


def test_a_library_defines_and_implements():
    lib = torch.library.Library("wengertlib", "DEF")
    lib.define("twice(Tensor x) -> Tensor")
    lib.impl("twice", lambda x: x * 2, "CPU")
    assert torch.ops.wengertlib.twice(torch.ones(1)).item() == 2.0
    assert torch.ops.wengertlib.twice.default(torch.ones(1)).item() == 2.0


def test_lists_of_tensors_are_worked_through():
    xs = [torch.ones(2), torch.zeros(1)]
    assert [x.tolist() for x in torch._foreach_add(xs, 2)] == [[3.0, 3.0], [2.0]]
    torch._foreach_mul_(xs, [2.0, 3.0])
    assert xs[0].tolist() == [2.0, 2.0]
    torch._foreach_addcdiv_(xs, [torch.ones(2), torch.ones(1)], [torch.ones(2), torch.ones(1)], value=-1)
    assert xs[0].tolist() == [1.0, 1.0] and xs[1].tolist() == [-1.0]
    assert [round(n.item(), 4) for n in torch._foreach_norm(xs)] == [1.4142, 1.0]
    with pytest.raises(RuntimeError, match="must have the same number of tensors"):
        torch._foreach_add(xs, [torch.ones(2)])
