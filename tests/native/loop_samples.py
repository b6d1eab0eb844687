"""Calls with which the compiled core's loops are tried besides the records' own samples, and how close they are."""

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
    "clamp_min": [call(S.array(5), 0.3)],
    "clamp_max": [call(S.array(5), 0.3)],
    "rsub": [call(S.array(5), 1.0), call(S.array(2, 2), 3, alpha=2.5)],
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
    "gelu": 30, "mish": 30, "_softmax": 4, "_log_softmax": 8, "softmax_back": 8, "log_softmax_back": 8,
    "layer_norm_kernel": 16, "bmm": 8, "mv": 8, "dot": 8,
}  # fmt: skip
"""Units of the dtype's epsilon, relative and absolute, where the way differs or differences cancel; 2 for the rest."""

WIDE = {"clamp", "clamp_min", "clamp_max", "hardtanh", "relu6", "hardsigmoid", "hardswish", "softshrink", "gelu"}
"""Where the sign of a zero is chance: a choice among equals, or underflow."""

FINITE = {"layer_norm_kernel"}
"""Where an infinite gradient leaves nan in places that depend on the order of the sums."""
