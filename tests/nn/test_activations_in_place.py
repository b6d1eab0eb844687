"""Activations in place: where the result tells the slope it is saved, and the input, overwritten, is not kept."""

import pytest

from tests.backend import torch, wengert_only

F = torch.nn.functional
FORMS = {
    "leaky_relu": (lambda x, **k: F.leaky_relu(x, 0.2, **k), "LeakyReluBackward1"),
    "leaky_relu 0": (lambda x, **k: F.leaky_relu(x, 0.0, **k), "LeakyReluBackward1"),
    "elu": (lambda x, **k: F.elu(x, 1.5, **k), "EluBackward1"),
    "elu 0": (lambda x, **k: F.elu(x, 0.0, **k), "EluBackward1"),
    "celu": (lambda x, **k: F.celu(x, 0.7, **k), "CeluBackward1"),
    "selu": (F.selu, "EluBackward1"),
    "rrelu": (F.rrelu, "RreluWithNoiseBackward1"),
    "relu": (F.relu, "ReluBackward0"),
}
VALUES = [-30.0, -2.0, -0.5, -1e-30, -0.0, 0.0, 1e-30, 0.5, 3.0]


def gradients(activation, dtype, **options):
    """First and second derivatives of a weighted sum, at kinks too."""
    x = torch.tensor(VALUES, dtype=dtype, requires_grad=True)
    y = activation(x * 1, **options)
    weights = torch.arange(1, len(VALUES) + 1, dtype=dtype)
    (first,) = torch.autograd.grad((y * y * weights).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    return y, first, second


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", FORMS)
def test_both_forms_have_the_same_derivatives(name, dtype):
    activation, _ = FORMS[name]
    written, plain = gradients(activation, dtype, inplace=True), gradients(activation, dtype)
    for a, b in zip(written, plain, strict=True):
        near = 5e-2 if dtype is torch.bfloat16 else 1e-5  # a rounded result tells as much less of a small slope
        assert torch.allclose(a, b, rtol=near, atol=near / 10 if near < 1e-2 else near)


@pytest.mark.parametrize("name", FORMS)
def test_the_result_is_saved(name):
    activation, node = FORMS[name]
    x = torch.randn(5, requires_grad=True) * 1
    y = activation(x, inplace=True)
    assert y is x and y.grad_fn.name() == node
    assert y.grad_fn._saved_result.data_ptr() == x.data_ptr() and not hasattr(y.grad_fn, "_saved_self")
    y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_a_view_is_written_by_its_result():
    x = torch.tensor([[1.0, -1.0], [-2.0, 2.0]], requires_grad=True)
    y = x * 1
    F.leaky_relu(y[0], 0.5, inplace=True)
    y.sum().backward()
    assert x.grad.tolist() == [[1.0, 0.5], [1.0, 1.0]]


@wengert_only
@pytest.mark.parametrize("activation", [lambda x, **k: F.leaky_relu(x, -0.2, **k), lambda x, **k: F.elu(x, -1.0, **k)])
def test_where_the_result_does_not_tell_the_input_is_kept(activation):
    written, plain = (gradients(activation, torch.float64, inplace=flag) for flag in (True, False))
    assert all(torch.equal(a, b) for a, b in zip(written, plain, strict=True))


@wengert_only
def test_forward_mode_goes_through_both_forms():
    func = pytest.importorskip("wengert.func")
    x, t = torch.tensor(VALUES), torch.ones(len(VALUES))
    for activation, _ in FORMS.values():
        (_, a), (_, b) = (
            func.jvp(lambda x, f=activation, flag=flag: f(x * 1, inplace=flag), (x,), (t,)) for flag in (True, False)
        )
        assert torch.allclose(a, b)
