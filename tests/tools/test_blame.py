"""`tools.blame` names the operation that brought in the first NaN or infinity: 40 faults, forward and backward."""

import math
from pathlib import Path

import pytest

from tests.backend import marked_line, torch, wengert_only

pytestmark = wengert_only
tools = pytest.importorskip("wengert.tools")
INF, NAN = math.inf, math.nan


class Spoiling(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, forward):
        ctx.forward = forward
        return x * NAN if forward else x * 1

    @staticmethod
    def backward(ctx, g):
        return g * NAN, None


FORWARD = {
    "log of a negative number": (lambda x: (x - 2).log(), "LogBackward0"),
    "log of zero": (lambda x: (x * 0.0).log(), "LogBackward0"),
    "log1p of -1": (lambda x: (x * 0.0 - 1).log1p(), "Log1PBackward0"),
    "log2": (lambda x: (x - 3).log2(), "Log2Backward0"),
    "log10": (lambda x: (x - 3).log10(), "Log10Backward0"),
    "square root": (lambda x: (x - 2).sqrt(), "SqrtBackward0"),
    "reciprocal root": (lambda x: (x * 0.0).rsqrt(), "RsqrtBackward0"),
    "division by zero": (lambda x: x / (x * 0.0), "DivBackward0"),
    "zero by zero": (lambda x: (x * 0.0) / torch.zeros(3), "DivBackward0"),
    "reciprocal of zero": (lambda x: (x * 0.0).reciprocal(), "ReciprocalBackward0"),
    "overflow of exp": (lambda x: (x * 1000).exp(), "ExpBackward0"),
    "overflow of expm1": (lambda x: (x * 1000).expm1(), "Expm1Backward0"),
    "overflow of a power": (lambda x: (x * 1e20) ** 3, "PowBackward0"),
    "root of a negative number": (lambda x: (x - 3) ** 0.5, "PowBackward0"),
    "overflow of a product": (lambda x: (x * 1e30) * (x * 1e30), "MulBackward0"),
    "product with an infinity": (lambda x: (x * 0.0) * torch.tensor([INF, 1.0, 1.0]), "MulBackward0"),
    "arc sine": (lambda x: (x * 2).asin(), "AsinBackward0"),
    "arc cosine": (lambda x: (x * 2).acos(), "AcosBackward0"),
    "arc hyperbolic tangent": (lambda x: (x * 2).atanh(), "AtanhBackward0"),
    "arc hyperbolic cosine": (lambda x: (x * 0.1).acosh(), "AcoshBackward0"),
    "overflow of sinh": (lambda x: (x * 500).sinh(), "SinhBackward0"),
    "overflow of a sum": (lambda x: (x * 3e38).sum(), None),
    "a dot product": (lambda x: (x * 3e38) @ torch.ones(3), None),
    "logit": (lambda x: (x * 2).logit(), "LogitBackward0"),
    "a constant of NaN": (lambda x: (x - torch.tensor([NAN, 1.0, 1.0])) ** 2, "SubBackward0"),
    "variance of one element": (lambda x: x[:1].var(correction=0) / (x[:1] * 0).sum(), "DivBackward0"),
    "mean of nothing": (lambda x: x[:0].mean(), "MeanBackward0"),
    "a custom Function": (lambda x: Spoiling.apply(x * 2, True), "SpoilingBackward"),
}
BACKWARD = {
    "square root at zero": (lambda x: (x * 0.0).sqrt(), "SqrtBackward0"),
    "power at zero": (lambda x: (x * 0.0) ** 0.5, "PowBackward0"),
    "arc cosine at one": (lambda x: (x * 0.0 + 1).acos(), "AcosBackward0"),
    "arc sine at one": (lambda x: (x * 0.0 + 1).asin(), "AsinBackward0"),
    "masked division": (lambda x: torch.where(torch.tensor([True, False, True]), 1 / (x - x.detach()), x), None),
    "masked logarithm": (lambda x: torch.where(x > 1.5, (x - 1).log(), x), "LogBackward0"),
    "masked root": (lambda x: torch.where(x > 1.5, (x - 1).sqrt(), x), "SqrtBackward0"),
    "length of nothing": (lambda x: ((x * 0.0) ** 2).sum().sqrt(), "SqrtBackward0"),
    "deviation of equals": (lambda x: ((x * 0.0).var()).sqrt(), "SqrtBackward0"),
    "cube root": (lambda x: (x * 0.0) ** (1 / 3), "PowBackward0"),
    "a custom Function": (lambda x: Spoiling.apply(x * 2, False), "SpoilingBackward"),
    "a negative power": (lambda x: ((x * 1e-30) ** -1) * 1e-30, "PowBackward0"),
}


def around(program):
    """The program in the middle of a longer one; x is 1, 2, 3."""
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    h = x.sin().cos() * 0 + x
    out = program(h * 1.0)
    return (out * 0.5 + 1).mean()


@pytest.mark.parametrize("name", FORWARD)
def test_faults_of_forward(name):
    program, node = FORWARD[name]
    found = tools.blame(around(program))
    assert found is not None and found.where == "forward", str(found)
    assert node is None or found.operation == node, str(found)
    assert found.file == __file__ and found.line == program.__code__.co_firstlineno, str(found)
    assert not found.result.finite
    assert found.chain[-1][0] == "MeanBackward0"


@pytest.mark.parametrize("name", BACKWARD)
def test_faults_of_backward(name):
    program, node = BACKWARD[name]
    found = tools.blame(around(program))
    assert found is not None
    if name == "masked division":
        assert found.where == "forward"  # 1 / 0 is there, though where() hides it
    elif name == "masked logarithm":
        assert found.where == "forward"
    else:
        assert found.where == "backward", str(found)
    assert node is None or found.operation == node, str(found)
    assert found.file == __file__ and found.line == program.__code__.co_firstlineno, str(found)


def test_all_is_well():
    assert tools.blame(around(lambda x: x.exp())) is None


def test_an_input_that_was_bad_from_the_start():
    x = torch.tensor([1.0, NAN], requires_grad=True)
    found = tools.blame((x * 2).sum())
    assert found.where == "input" and "1 NaN of 2" in str(found)


def test_a_constant_that_was_bad_from_the_start():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    text = str(tools.blame((x * torch.tensor([INF, 1.0])).sum()))
    assert "Its other held such values already, and has no history" in text
    loss = (x / (x * 0.0)).sum()
    assert "has no history" not in str(tools.blame(loss))


def test_the_report_names_operands_line_and_way():
    x = torch.tensor([4.0, -1.0], requires_grad=True)
    y = (x * 2).log()  # logarithm
    loss = (y + 1).sum()
    found = tools.blame(loss)
    assert found.line == marked_line(Path(__file__), "logarithm")
    assert (found.operands[0].low, found.operands[0].high) == (-2.0, 8.0)
    text = str(found)
    assert "operand 0: float32[2] from -2 to 8" in text and "1 NaN of 2" in text
    assert "AddBackward0" in text and "SumBackward0" in text and "y = (x * 2).log()" in text


def test_nothing_is_changed_by_asking():
    x = torch.tensor([0.0, 4.0], requires_grad=True)
    loss = x.sqrt().sum()
    assert tools.blame(loss).where == "backward"
    assert x.grad is None
    loss.backward()
    assert x.grad.tolist() == [INF, 0.25]
    with pytest.raises(RuntimeError, match="freed by a backward"):
        tools.blame(loss)


def test_of_a_tensor_without_history():
    with pytest.raises(RuntimeError, match="no history"):
        tools.blame(torch.ones(2))
    with pytest.raises(TypeError, match="must be Tensor"):
        tools.blame(3)


def test_second_order():
    x = torch.tensor([0.0, 1.0], requires_grad=True)
    (g,) = torch.autograd.grad((x**1.5).sum(), x, create_graph=True)  # first order
    assert torch.isfinite(g).all()
    found = tools.blame(g.sum())
    assert found.where == "backward" and found.operation == "PowBackward0"
    assert found.line == marked_line(Path(__file__), "first order")
