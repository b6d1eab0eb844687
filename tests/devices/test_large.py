"""Forms that only large arrays take give the same on the device as on the CPU."""

import pytest

import wengert as torch
from wengert.nn import functional as F

pytestmark = pytest.mark.usefixtures("cuda")

CASES = {
    "softmax": lambda x: F.softmax(x, -1),
    "softmax of large numbers": lambda x: F.softmax(100 * x, -1),
    "log_softmax": lambda x: F.log_softmax(x, -1),
    "gelu": F.gelu,
    "where": lambda x: torch.where(x > 0, x, x * x),
    "relu": lambda x: F.relu(x) * x,
    "layer_norm": lambda x: F.layer_norm(x, (64,)),
    "batch_norm": lambda x: F.batch_norm(x.reshape(25, 8, 16, 16), None, None, training=True),
    "conv2d": lambda x: F.conv2d(x.reshape(25, 8, 16, 16), x.reshape(-1)[: 4 * 8 * 9].reshape(4, 8, 3, 3), padding=1),
    "attention": lambda x: F.scaled_dot_product_attention(*[x.reshape(10, 80, 64)] * 3, is_causal=True),
    "nll_loss": lambda x: F.nll_loss(x, torch.arange(800, device=x.device) % 64),
}


@pytest.mark.parametrize("name", CASES)
def test_large_arrays(name):
    torch.manual_seed(0)
    here = torch.randn(800, 64, dtype=torch.float64)
    there = here.cuda().requires_grad_()
    here.requires_grad_()
    results = [CASES[name](x) for x in (here, there)]
    for y in results:
        torch.cos(y).sum().backward()
    assert results[1].device.type == "cuda"
    torch.testing.assert_close(results[1].cpu(), results[0])
    torch.testing.assert_close(there.grad.cpu(), here.grad)
