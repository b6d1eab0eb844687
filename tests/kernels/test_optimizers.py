"""Update rules as kernels: many steps of every optimizer beside torch's, changing coefficients, many parameters."""

import numpy as np
import pytest

import wengert
from wengert.core.kernels import workshop
from wengert.optim import fused

peer = pytest.importorskip("torch")

CASES = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "amsgrad": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "betas": (0.3, 0.4)}),
    ("AdamW", {"lr": 0.01}),
    ("RMSprop", {"lr": 0.01, "momentum": 0.5, "centered": True}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.01}),
    ("Adamax", {"lr": 0.1}),
    ("NAdam", {"lr": 0.1}),
    ("RAdam", {"lr": 0.1}),
    ("Adadelta", {}),
    ("Rprop", {}),
    ("ASGD", {}),
]


def trained(lib, name, dtype, options):
    """Parameters after some steps, their sizes on both sides of the limit."""
    rng = np.random.default_rng(0)
    sizes = [(fused.SMALLEST * 3,), (40, 50), (7,)]
    params = [lib.from_numpy(rng.standard_normal(size).astype(dtype)).requires_grad_() for size in sizes]
    optimizer = getattr(lib.optim, name)(params, **options)
    for k in range(9):
        for p in params:
            p.grad = lib.from_numpy(rng.standard_normal(tuple(p.shape)).astype(dtype))
        if k == 5:
            optimizer.param_groups[0]["lr"] *= 0.5
        optimizer.step()
        if lib is wengert:
            workshop.finish()
    return [p.detach().numpy() for p in params]


@pytest.mark.parametrize("name, options", CASES)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_steps(name, options, dtype):
    for found, wanted in zip(trained(wengert, name, dtype, options), trained(peer, name, dtype, options), strict=True):
        tolerance = 2e-5 if dtype == "f4" else 1e-11
        assert np.allclose(found, wanted, rtol=tolerance, atol=tolerance)


def test_kernels_were_made_for_them(monkeypatch):
    monkeypatch.setattr(fused, "_variants", {})
    for name, options in CASES:
        trained(wengert, name, "f4", options)
    placed = [variant.order for known in fused._variants.values() for variant in known]
    assert len(placed) >= len(CASES)
    assert [order.reason for order in placed if order.function is None] == []


def test_another_answer_makes_another_kernel():
    def rule(m, p, g, decay):
        if decay != 0:
            m.add_(p, g, decay)
        else:
            m.mul_(p, 2.0)

    def reference(flat, coefficients):
        p, g = flat
        p[...] = p + g * p.dtype.type(coefficients[0]) if coefficients[0] != 0 else p * 2

    g = np.linspace(0, 1, 5000)
    for decay in (0.5, 0.25, 0.0, 0.5, 0.0):
        for _ in range(2):
            p = np.ones(5000)
            if fused.step(rule, [p, g], (decay,), reference):
                assert np.allclose(p, 1 + decay * g if decay else 2.0)
            else:
                assert (p == 1).all()
            workshop.finish()
    assert len(fused._variants[rule, (g.dtype, g.dtype), (float,)]) == 2


def test_the_version_of_a_stepped_parameter_rises():
    p = wengert.ones(5000, requires_grad=True)
    optimizer = wengert.optim.SGD([p], lr=0.1)
    for _ in range(3):
        loss = (p * p).sum()
        p.grad = wengert.ones(5000)
        optimizer.step()
        workshop.finish()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()
