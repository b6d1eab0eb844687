"""Layers whose result may be written in place: their gradients do not read it (as in every residual network)."""

import pytest

from tests.backend import torch

nn = torch.nn
LAYERS = {
    "batch norm": (lambda: nn.BatchNorm2d(4), (2, 4, 3, 3)),
    "batch norm in evaluation": (lambda: nn.BatchNorm2d(4).eval(), (2, 4, 3, 3)),
    "layer norm": (lambda: nn.LayerNorm(4), (3, 4)),
    "group norm": (lambda: nn.GroupNorm(2, 4), (2, 4, 3)),
    "instance norm": (lambda: nn.InstanceNorm1d(4), (2, 4, 3)),
    "rms norm": (lambda: nn.RMSNorm(4), (3, 4)),
    "max pool": (lambda: nn.MaxPool2d(2), (2, 4, 4, 4)),
    "adaptive max pool": (lambda: nn.AdaptiveMaxPool1d(2), (2, 4, 6)),
    "linear": (lambda: nn.Linear(4, 3), (2, 4)),
    "convolution": (lambda: nn.Conv1d(4, 3, 2), (2, 4, 5)),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_an_activation_in_place_after_a_layer(layer):
    make, shape = LAYERS[layer]
    torch.manual_seed(0)
    module, x = make(), torch.randn(*shape, requires_grad=True)
    (nn.ReLU(inplace=True)(module(x)) ** 2).sum().backward()
    written, x.grad = x.grad, None
    (nn.ReLU()(module(x)) ** 2).sum().backward()
    assert written.abs().sum() > 0 and torch.equal(written, x.grad)


def test_a_loss_divided_in_place():
    logits = torch.randn(4, 3, requires_grad=True)
    loss = nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 0]))
    loss /= 4
    loss.backward()
    divided, logits.grad = logits.grad, None
    (nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 0])) / 4).backward()
    assert torch.equal(divided, logits.grad)
