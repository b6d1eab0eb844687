"""nn.init: torch's own values for the same seed, gains, and refusals."""

import numpy as np
import pytest

from tests.backend import torch
from tests.nn.against_torch import needs_torch, real

nn = pytest.importorskip(torch.__name__ + ".nn")

CALLS = (
    ("uniform_", (3, 4), {}), ("normal_", (3, 4), {"std": 2.0}), ("trunc_normal_", (30, 4), {"std": 0.02}),
    ("trunc_normal_", (30, 4), {}), ("trunc_normal_", (9,), {"a": -0.1, "b": 0.1}), ("constant_", (2,), {"val": 3.0}),
    ("xavier_uniform_", (3, 4, 2), {"gain": 2.0}), ("xavier_normal_", (5, 4), {}),
    ("kaiming_uniform_", (5, 4), {"a": 1}),
    ("kaiming_normal_", (5, 4), {"mode": "fan_out", "nonlinearity": "relu"}), ("orthogonal_", (5, 4), {}),
    ("orthogonal_", (4, 5, 2), {"gain": 2.0}), ("sparse_", (5, 4), {"sparsity": 0.3}), ("dirac_", (4, 2, 3, 3), {}),
    ("dirac_", (4, 2, 3), {"groups": 2}), ("eye_", (4, 2), {}), ("ones_", (2,), {}), ("zeros_", (2,), {}),
)  # fmt: skip


@needs_torch
@pytest.mark.parametrize(("name", "shape", "options"), CALLS)
def test_values_are_those_of_torch(name, shape, options):
    made = []
    for library in (torch, real):
        library.manual_seed(3)
        made.append(getattr(library.nn.init, name)(library.empty(shape), **options).numpy())
    assert np.allclose(*made, rtol=1e-5, atol=1e-6)


@needs_torch
@pytest.mark.parametrize("word", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"])
def test_gains(word):
    assert nn.init.calculate_gain(word) == real.nn.init.calculate_gain(word)


def test_refusals():
    with pytest.raises(ValueError, match="Unsupported nonlinearity q"):
        nn.init.calculate_gain("q")
    with pytest.raises(ValueError, match="Fan in and fan out can not be computed"):
        nn.init.xavier_uniform_(torch.empty(3))
    with pytest.raises(ValueError, match="Only tensors with 2 dimensions are supported"):
        nn.init.eye_(torch.empty(3))
    with pytest.warns(FutureWarning, match="is now deprecated"):
        nn.init.constant(torch.empty(1), 1.0)
