"""An inference tensor is not changed, and does not become a parameter, outside inference mode."""

import pytest

from tests.backend import torch


@pytest.fixture
def frozen():
    with torch.inference_mode():
        return torch.ones(2, 2)


CHANGES = {
    "out": lambda x: torch.add(torch.ones(2, 2), 1, out=x),
    "set_": lambda x: x.set_(torch.ones(2)),
    "resize_": lambda x: x.resize_(1),
    "unsqueeze_": lambda x: x.unsqueeze_(0),
    "add_": lambda x: x.add_(1),
}


@pytest.mark.parametrize("name", CHANGES)
def test_it_is_not_changed(frozen, name):
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside InferenceMode is not allowed"):
        CHANGES[name](frozen)
    assert frozen.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    with torch.inference_mode():
        CHANGES[name](frozen)


def test_it_becomes_no_parameter(frozen):
    with pytest.raises(RuntimeError, match="Setting requires_grad=True on inference tensor outside InferenceMode"):
        torch.nn.Parameter(frozen)
    with torch.inference_mode():
        assert torch.nn.Parameter(frozen).is_inference()
    assert torch.nn.Parameter(frozen.clone()).requires_grad
