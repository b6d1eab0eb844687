"""Slopes where a function has none, or more than one: kinks, ties, poles and empty sets."""

import math

import pytest

from tests.backend import torch

NAN, INFINITY = math.nan, math.inf


def functional():
    return torch.nn.functional


# What is differentiated, where, and the slopes.
SLOPES = {
    "relu": (lambda x: x.relu(), [0.0, 1.0], [0.0, 1.0]),
    "relu of nan": (lambda x: x.relu(), [NAN], [1.0]),
    "relu6": (lambda x: functional().relu6(x), [0.0, 6.0], [0.0, 0.0]),
    "leaky_relu": (lambda x: functional().leaky_relu(x), [0.0], [0.01]),
    "elu": (lambda x: functional().elu(x), [0.0], [1.0]),
    "hardtanh": (lambda x: functional().hardtanh(x), [-1.0, 1.0], [0.0, 0.0]),
    "hardsigmoid": (lambda x: functional().hardsigmoid(x), [-3.0, 3.0], [0.0, 0.0]),
    "hardswish": (lambda x: functional().hardswish(x), [-3.0, 3.0], [0.0, 1.0]),
    "hardshrink": (lambda x: functional().hardshrink(x), [0.5, -0.5, 0.6], [0.0, 0.0, 1.0]),
    "softshrink": (lambda x: functional().softshrink(x), [0.5], [0.0]),
    "threshold": (lambda x: functional().threshold(x, 1.0, 0.0), [1.0], [0.0]),
    "softplus": (lambda x: functional().softplus(x), [0.0, 30.0], [0.5, 1.0]),
    "abs": (lambda x: x.abs(), [0.0, -2.0], [0.0, -1.0]),
    "sign": (lambda x: x.sign(), [0.0, 1.0], [0.0, 0.0]),
    "clamp from below": (lambda x: x.clamp(min=0), [0.0], [1.0]),
    "clamp": (lambda x: x.clamp(0, 1), [0.0, 1.0, -1.0, 2.0], [1.0, 1.0, 0.0, 0.0]),
    "clamp of nan": (lambda x: x.clamp(0, 1), [NAN], [0.0]),
    "sqrt": (lambda x: x.sqrt(), [0.0], [INFINITY]),
    "log": (lambda x: x.log(), [0.0], [INFINITY]),
    "acos": (lambda x: x.acos(), [1.0], [-INFINITY]),
    "sinc": (lambda x: torch.sinc(x), [0.0], [0.0]),
    "atan2": (lambda x: torch.atan2(x, torch.zeros_like(x)), [0.0], [0.0]),
    "hypot": (lambda x: torch.hypot(x, torch.zeros_like(x)), [0.0], [NAN]),
    "xlogy": (lambda x: torch.xlogy(x, x.detach()), [0.0], [0.0]),
    "copysign": (lambda x: torch.copysign(x, torch.tensor(-1.0)), [0.0, 2.0], [0.0, -1.0]),
    "power zero": (lambda x: x**0, [0.0, 2.0], [0.0, 0.0]),
    "power one half": (lambda x: x**0.5, [0.0], [INFINITY]),
    "power of zero": (lambda x: torch.zeros_like(x) ** x, [0.0, 1.0], [0.0, 0.0]),
    "floor": (lambda x: x.floor(), [1.5], [0.0]),
    "round": (lambda x: x.round(), [1.5], [0.0]),
    "trunc": (lambda x: x.trunc(), [1.5], [0.0]),
    "frac": (lambda x: x.frac(), [1.5], [1.0]),
    "remainder": (lambda x: x % 2, [3.0], [1.0]),
    "fmod": (lambda x: torch.fmod(x, 2.0), [3.0], [1.0]),
    "nan_to_num": (lambda x: torch.nan_to_num(x), [NAN, 1.0, INFINITY], [0.0, 1.0, 0.0]),
    "where does not hide nan": (lambda x: torch.where(x > 0, x.sqrt(), 0.0), [0.0, 4.0], [NAN, 0.25]),
    "max shares a tie": (lambda x: x.max(), [1.0, 3.0, 3.0], [0.0, 0.5, 0.5]),
    "min shares a tie": (lambda x: x.min(), [1.0, 1.0, 3.0], [0.5, 0.5, 0.0]),
    "amax shares a tie": (lambda x: x.amax(), [1.0, 3.0, 3.0], [0.0, 0.5, 0.5]),
    "max over a dimension picks the first": (lambda x: x.max(0).values, [1.0, 3.0, 3.0], [0.0, 1.0, 0.0]),
    "maximum shares a tie": (lambda x: torch.maximum(x, x.detach()), [1.0], [0.5]),
    "max of nan": (lambda x: x.max(), [NAN, 1.0], [1.0, 0.0]),
    "median shares a tie": (lambda x: x.median(), [1.0, 2.0, 2.0, 3.0], [0.0, 0.5, 0.5, 0.0]),
    "sort keeps the order of ties": (lambda x: x.sort(stable=True).values[:1], [2.0, 2.0], [1.0, 0.0]),
    "norm": (lambda x: x.norm(), [0.0, 0.0], [0.0, 0.0]),
    "norm one": (lambda x: x.norm(1), [0.0, -2.0], [0.0, -1.0]),
    "norm three": (lambda x: x.norm(3), [0.0, 0.0], [0.0, 0.0]),
    "norm infinity": (lambda x: x.norm(INFINITY), [3.0, -3.0, 1.0], [0.5, -0.5, 0.0]),
    "dist": (lambda x: torch.dist(x, x.detach()), [1.0], [0.0]),
    "std of equal values": (lambda x: x.std(), [2.0, 2.0], [0.0, 0.0]),
    "product with one zero": (lambda x: x.prod(), [0.0, 2.0, 3.0], [6.0, 0.0, 0.0]),
    "product with two zeros": (lambda x: x.prod(), [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]),
    "running product over a zero": (lambda x: x.cumprod(0), [2.0, 0.0, 3.0], [1.0, 8.0, 0.0]),
    "logsumexp of nothing": (lambda x: x.logsumexp(0), [-INFINITY, -INFINITY], [NAN, NAN]),
    "l1_loss": (lambda x: functional().l1_loss(x, x.detach()), [1.0], [0.0]),
    "smooth_l1_loss": (
        lambda x: functional().smooth_l1_loss(x, torch.zeros_like(x), reduction="sum"),
        [0.0, 1.0, -1.0, 2.0],
        [0.0, 1.0, -1.0, 1.0],
    ),
    "huber_loss": (lambda x: functional().huber_loss(x, torch.zeros_like(x), reduction="sum"), [0.0, 1.0], [0.0, 1.0]),
}


@pytest.mark.parametrize("name", SLOPES)
def test_slope(name):
    function, point, expected = SLOPES[name]
    x = torch.tensor(point, dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(function(x).sum(), x)
    assert found.tolist() == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("reduce, expected", [("sum", 0.0), ("prod", 1.0)])
def test_reducing_nothing(reduce, expected):
    x = torch.ones(0, requires_grad=True)
    y = getattr(x, reduce)()
    assert y.item() == expected
    y.backward()
    assert x.grad.shape == (0,)
