"""The checks are on trial: each planted fault in a scratch record must be found by the check that is there for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.operators.test_every_operator import judge
from wengert.core.operators.derived import Spec
from wengert.core.operators.kinds import Bilinear, Elementwise, Linear, Opaque, Plain
from wengert.core.operators.record import Array, Op
from wengert.core.operators.samples import call
from wengert.core.tape.core import RECORDED
from wengert.core.tape.plans import make_call


def hyperbolic(np, input: Array):
    """sinh."""
    return np.sinh(input)


def total(np, input: Array, dim: int = 0):
    """Sum along a dim."""
    return input.sum(dim)


def product(np, input: Array, other: Array):
    """Matrix product."""
    return input @ other


def greedy(np, input: Array):
    """Twice the input, in its memory."""
    input *= 2
    return input * 1


def flat(np, input: Array):
    """Reads the memory, not the tensor."""
    return np.ravel(input, order="K").reshape(input.shape) * 1


def matrix(s: Any) -> Any:
    return [call(s.array(3, 4), 0), call(s.array(3, 4), 1)]


def matrices(s: Any) -> Any:
    return [call(s.array(2, 3), s.array(3, 4))]


def spread(m, g, shape, dim):
    return m.expand(m.unsqueeze(g, dim), shape)


FAULTS = {
    "nothing is wrong": (None, hyperbolic, Elementwise(lambda m, input: m.cosh(input)), {}),
    "wrong partial": ("gradient_by_differences", hyperbolic, Elementwise(lambda m, input: m.sinh(input)), {}),
    "partial of wrong sign": ("gradient_by_differences", hyperbolic, Elementwise(lambda m, input: -m.cosh(input)), {}),
    "partial cut off from the tape": (
        "second_gradient_by_differences",
        hyperbolic,
        Elementwise(lambda m, input: m.cosh(input.detach() if m.recorded else input)),
        {},
    ),
    "wrong transpose": (
        "gradient_by_differences",
        total,
        Linear(lambda m, g, shape, dim: spread(m, g, shape, dim) * 2),
        {"samples": matrix},
    ),
    "transpose and operator disagree": (
        "tangent_against_gradient",
        total,
        Linear(lambda m, g, shape, dim: spread(m, g, shape, dim) * 2),
        {"samples": matrix},
    ),
    "adjoints swapped": (
        "gradient_by_differences",
        product,
        Bilinear((lambda m, g, other: m.mm(g, m.t(other)) * 2, lambda m, g, input: m.mm(m.t(input), g))),
        {"samples": matrices},
    ),
    "stated tangent wrong": (
        "tangent_against_gradient",
        hyperbolic,
        Opaque(lambda m, g, input: g * m.cosh(input)),
        {"jvp": lambda m, t, input: t * m.sinh(input), "samples": lambda s: [call(s.array(3))]},
    ),
    "wrong shape stated": (
        "inference",
        total,
        Plain(),
        {"samples": matrix, "shape": lambda input, dim: Spec(input.shape, input.dtype)},
    ),
    "wrong batching rule": (
        "batch_against_loop",
        total,
        Linear(spread),
        {"samples": matrix, "batch": lambda op, m, args, values, batched: m.sum(values[0], args[1])},
    ),
    "input is written": (
        "inputs_untouched",
        greedy,
        Opaque(lambda g: g * 2),
        {"samples": lambda s: [call(s.array(3))]},
    ),
    "layout is seen": ("layouts", flat, Plain(), {"samples": lambda s: [call(s.array(3, 4))]}),
    "reference disagrees": ("forward", hyperbolic, Plain(), {"reference": lambda x: x * 1.0}),
}


def scratch(body: Callable[..., Any], kind: Any, options: dict[str, Any]) -> Op:
    """A record that is in no registry."""
    return Op(f"scratch_{body.__name__}", body, kind, {"space": None, "method": False, **options})


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check, body, kind, options = FAULTS[fault]
    op = scratch(body, kind, dict(options))
    monkeypatch.setattr(RECORDED, op.name, make_call(op), raising=False)
    if check is None:
        assert [judge(name, op) for name in ALL] == [[]] * len(ALL)
    else:
        assert judge(check, op), f"{check} did not see it"


ALL = ("gradient_by_differences", "second_gradient_by_differences", "tangent_against_gradient", "batch_against_loop")
