"""Calls with which the compiled core's loops are tried besides the records' own samples, and how close they are."""

import numpy as np

from wengert.core.operators.samples import Sampler, call

S = Sampler(3)

CALLS = {
    "pow": [call(S.array(3, 4, low=0.1), e) for e in (0, 1, 2, 3, 0.5, -1, -0.5, 1.7, -2)],
    "clamp": [
        call(S.array(5), -0.5, 0.7),
        call(S.array(5), None, 0.2),
        call(S.array(5), 1, None),
        call(S.array(3), 2, 1),
    ],
    "any": [call(S.booleans(3, 4), 1), call(S.booleans(3, 4)), call(S.booleans(0)), call(S.booleans(2, 0), 1, True)],
    "all": [call(S.booleans(3, 4), 1), call(S.booleans(3, 4)), call(S.booleans(0)), call(S.booleans(2, 0), 1, True)],
    "to_dtype": [call(S.array(7), np.dtype(t)) for t in ("float32", "float64", "bool")]
    + [call(x, np.dtype(t)) for x in (S.booleans(5), S.integers(5)) for t in ("float32", "float64")],
    "add": [call(S.integers(3, 4), S.integers(4)), call(S.integers(3), 5), call(S.integers(3), S.integers())]
    + [call(S.array(3, 40), S.array(3, 40), alpha=2.5)],
    "sub": [call(S.integers(3, 4), S.integers(4)), call(S.integers(3), 5), call(S.integers(3), S.integers())]
    + [call(S.array(3, 40), S.array(3, 40), alpha=2.5)],
    "mul": [call(S.integers(3, 4), S.integers(4)), call(S.integers(3), 5), call(S.integers(3), S.integers())],
    "sum": [call(S.array(2, 3, 4, 5), (0, 2)), call(S.array(2, 3, 4, 5), (3, 1), True), call(S.booleans(3, 4), 1)]
    + [call(S.integers(3, 4), 1), call(S.integers(3, 4))],
    "mean": [call(S.array(2, 3, 4, 5), (0, 2)), call(S.array(2, 3, 4, 5), (3, 1), True)],
    "eq": [call(S.integers(3, 4), S.integers(3, 4)), call(S.integers(9), 2), call(S.array(3, 20), S.array(20))],
    "lt": [call(S.integers(3, 4), S.integers(3, 4)), call(S.integers(9), 2), call(S.array(3, 20), S.array())],
    "clamp_min": [call(S.array(5), 0.3)],
    "clamp_max": [call(S.array(5), 0.3)],
    "rsub": [call(S.array(5), 1.0), call(S.array(2, 2), 3, alpha=2.5)],
    "sigmoid": [call(S.array(250, low=-95, high=95))],
    "silu": [call(S.array(250, low=-80, high=80))],
    "addcdiv": [call(S.array(40), S.array(40), S.array(40, low=0.5), value=v) for v in (1, -2.5)],
    "gelu": [call(S.array(3, 4), approximate="tanh"), call(S.array(3, 4))],
    "softplus": [call(S.array(20, low=-9, high=9), 2.0, 3.0)],
    "elu": [call(S.array(20), 0.7)],
    "leaky_relu": [call(S.array(20), 0.3)],
    "hardtanh": [call(S.array(20), -0.5, 1)],
    "_softmax": [call(S.array(2, 30), 1), call(S.array(4), 0), call(S.array(3, 1), 0)],
    "_log_softmax": [call(S.array(2, 30), 1), call(S.array(4), 0)],
    "softmax_back": [call(S.array(2, 3, 4), S.array(2, 3, 4), dim) for dim in (0, 1, 2)],
    "log_softmax_back": [call(S.array(2, 3, 4), S.array(2, 3, 4), dim) for dim in (0, 1, 2)],
}

LOOSE = {
    "gelu": 30, "mish": 30, "silu": 4, "_softmax": 4, "_log_softmax": 8, "softmax_back": 8, "log_softmax_back": 8,
    "layer_norm_kernel": 16, "sum": 4, "mean": 4, "prod": 4, "bmm": 8, "mv": 8, "dot": 8,
}  # fmt: skip
"""Units of the dtype's epsilon, relative and absolute, where the way differs or differences cancel; 2 for the rest."""

WIDE = {"clamp", "clamp_min", "clamp_max", "hardtanh", "relu6", "hardsigmoid", "hardswish", "softshrink", "gelu"}
"""Where the sign of a zero is chance: a choice among equals, or underflow."""

FINITE = {"layer_norm_kernel"}
"""Where an infinite gradient leaves nan in places that depend on the order of the sums."""
