"""The sigmoid that never reaches 0 or 1, beside torch's."""

import importlib

import pytest

from tests.backend import torch

oracle = pytest.importorskip("torch")


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_it_stays_inside(kind):
    ends = []
    for lib in (torch, oracle):
        clipped = importlib.import_module(lib.__name__ + ".distributions.transforms")._clipped_sigmoid
        ends.append(clipped(lib.tensor([-1000.0, 0.0, 1000.0], dtype=getattr(lib, kind))).tolist())
    assert ends[0] == ends[1] and 0 < ends[0][0] < ends[0][2] < 1
