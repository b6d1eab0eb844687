"""`tools.source` writes a backward pass out; what is written computes the engine's gradients to the bit."""

import subprocess
import sys

import numpy as np
import pytest

from tests.backend import torch, wengert_only

pytestmark = wengert_only
tools = pytest.importorskip("wengert.tools")
native = pytest.importorskip("wengert.core.base.native")
F = torch.nn.functional


def steps(x, w):
    h = x
    for _ in range(5):
        h = torch.tanh(h @ w) + h
    return h.sum()


PROGRAMS = {
    "sum": lambda x, w: (x * w).sum(), "mean": lambda x, w: (x + w).mean(), "square": lambda x, w: (x**2 - w).sum(),
    "power": lambda x, w: (x.abs() ** 1.5 * w).sum(), "product": lambda x, w: (x @ w).sum(),
    "tanh": lambda x, w: torch.tanh(x @ w).sum(), "steps": steps, "exp": lambda x, w: (x.exp() / w).sum(),
    "log": lambda x, w: (x.abs() + 1).log().mul(w).sum(), "sigmoid": lambda x, w: (x.sigmoid() * w.sigmoid()).mean(),
    "sine": lambda x, w: (x.sin() * w.cos()).sum(), "sinh": lambda x, w: (x.sinh() - w.cosh()).sum(),
    "root": lambda x, w: (x.abs() + 0.5).sqrt().mul(w).sum(), "relu": lambda x, w: (x.relu() @ w).sum(),
    "softplus": lambda x, w: F.softplus(x @ w).sum(), "gelu": lambda x, w: F.gelu(x * w).sum(),
    "softmax": lambda x, w: (torch.softmax(x, 1) * w).sum(), "log softmax": lambda x, w: (x.log_softmax(1) * w).sum(),
    "logsumexp": lambda x, w: (x * w).logsumexp(1).sum(), "norm": lambda x, w: (x @ w).norm(),
    "row mean": lambda x, w: ((x - x.mean(1, keepdim=True)) * w).sum(), "variance": lambda x, w: (x * w).var(1).sum(),
    "broadcast": lambda x, w: (x[:, :1] * w + x[0]).sum(), "transpose": lambda x, w: (x.t() * w).sum(),
    "reshape": lambda x, w: (x.reshape(-1) * w.reshape(-1)).sum(), "slice": lambda x, w: (x[1:] * w[:-1]).sum(),
    "column": lambda x, w: (x[:, 1] * w[0]).sum(), "join": lambda x, w: torch.cat([x, w], 1).pow(2).sum(),
    "stack": lambda x, w: torch.stack([x, w]).sin().sum(), "where": lambda x, w: torch.where(x > w, x, w * 2).sum(),
    "clamp": lambda x, w: (x.clamp(-0.5, 0.5) * w).sum(), "maximum": lambda x, w: torch.maximum(x, w).sum(),
    "minimum": lambda x, w: (torch.minimum(x, w) * x).sum(), "atan2": lambda x, w: torch.atan2(x, w).sum(),
    "cumsum": lambda x, w: (x.cumsum(1) * w).sum(), "prod": lambda x, w: (x.prod(1) * w[0]).sum(),
    "max": lambda x, w: (x.max() * w).sum(), "row max": lambda x, w: (x.amax(1) * w[0]).sum(),
    "einsum": lambda x, w: torch.einsum("ij,jk->ik", x, w).sin().sum(), "bmm": lambda x, w: (x[None] @ w[None]).sum(),
    "linear": lambda x, w: F.linear(x, w, w[0]).relu().sum(), "square loss": lambda x, w: F.mse_loss(x @ w, w * 2),
    "cross entropy": lambda x, w: F.cross_entropy(x @ w, torch.tensor([0, 2, 1])),
    "erf": lambda x, w: torch.erf(x * w).sum(),
    "layer norm": lambda x, w: (F.layer_norm(x, (3,)) * w).sum(), "diag": lambda x, w: ((x @ w).diagonal() ** 2).sum(),
    "triangle": lambda x, w: ((x @ w).tril() * w).sum(), "roll": lambda x, w: (x.roll(1, 0) * w).sum(),
    "expand": lambda x, w: (x[:1].expand(3, 3) * w).sum(), "flip": lambda x, w: (x.flip(0) * w).sum(),
    "index": lambda x, w: (x[torch.tensor([0, 0, 2])] * w).sum(),
    "inverse": lambda x, w: torch.linalg.inv(x + 5 * w).sum(),
    "convolution": lambda x, w: F.conv2d(x[None, None], w[None, None, :2, :2]).tanh().sum(),
    "several results": lambda x, w: sum((k + 1) * part.sin().sum() for k, part in enumerate((x * w).split(1))),
    "division": lambda x, w: (x / (1 + w.abs()) - (x - (w - x))).pow(2).sum(),
    "reused": lambda x, w: (x * x * x * w * x).sum(),
}  # fmt: skip


def leaves():
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(3, 3, generator=generator, dtype=torch.float64, requires_grad=True) for _ in range(2)]


def equal(a, b):
    """To the bit; the compiled core's own rules cannot be read, and a quotient's rounds unlike its record's."""
    return np.array_equal(a, b) or native.active and np.allclose(a, b, rtol=1e-15, atol=0)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_written_function_gives_the_gradients_to_the_bit(name):
    x, w = leaves()
    y = PROGRAMS[name](x, w)
    written = tools.source(y, {"x": x, "w": w})
    found = written.run()
    y.backward()
    for key, leaf in (("x", x), ("w", w)):
        if leaf.grad is None:
            assert key not in found
        else:
            assert equal(found[key], leaf.grad.numpy()), f"{key} of\n{written}"
    assert "test_source.py:" in written.text


def test_most_need_nothing_but_numpy():
    alone = []
    for program in PROGRAMS.values():
        x, w = leaves()
        alone.append(tools.source(program(x, w), {"x": x, "w": w}).numpy_only)
    assert len(alone) >= 50 and sum(alone) >= 0.8 * len(alone), [
        n for n, a in zip(PROGRAMS, alone, strict=True) if not a
    ]


def test_the_text_is_what_one_would_write():
    x, w = leaves()
    h = torch.tanh(x @ w)
    y = (h * h).sum()
    lines = [line.strip() for line in tools.source(y).text.splitlines()]
    assert "def backward(d_out, tanh_3, x, w):" in lines
    assert "d_tanh_3 = d_mul_4 * tanh_3" in lines
    slope = "d_mm_2 = (d_tanh_3 + d_tanh_3_2) * ({} - tanh_3 * tanh_3)"
    assert slope.format("1") in lines or slope.format("1.0") in lines
    assert any(line.endswith(": h = torch.tanh(x @ w)") for line in lines if line.startswith("#"))
    assert lines[-1] in ('return {"w": d_w, "x": d_x}', 'return {"x": d_x, "w": d_w}')


def test_a_saved_module_runs_without_this_library(tmp_path):
    x, w = leaves()
    y = steps(x, w)
    tools.source(y, {"x": x, "w": w}).save(tmp_path / "backward.py")
    y.backward()
    code = (
        "import sys, numpy as np; from backward import backward; saved = dict(np.load('backward.npz'));"
        "found = backward(np.float64(1), **saved); print(found['w'].tobytes().hex());"
        "assert not any(name.startswith('wengert') for name in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == w.grad.numpy().tobytes().hex()


def test_another_first_gradient():
    x, w = leaves()
    y = x @ w
    written = tools.source(y)
    g = torch.arange(9.0, dtype=torch.float64).reshape(3, 3)
    expected = torch.autograd.grad(y, [x, w], g)
    found = written.run(g.numpy())
    assert np.array_equal(found["x"], expected[0].numpy()) and np.array_equal(found["w"], expected[1].numpy())


def test_a_network_by_the_names_of_its_parameters():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1)).double()
    loss = model(torch.randn(5, 4, dtype=torch.float64)).square().mean()
    found = tools.source(loss, model).run()
    loss.backward()
    assert set(found) == {"_0_weight", "_0_bias", "_2_weight", "_2_bias"}
    for name, p in model.named_parameters():
        assert np.array_equal(found["_" + name.replace(".", "_")], p.grad.numpy())


def test_half_precision_calls_the_rules():
    x = torch.tensor([1.0, 2.0], dtype=torch.float16, requires_grad=True)
    y = (x.exp() * x).sum()
    found = tools.source(y).run()
    y.backward()
    assert found["x"].dtype == np.float16 and np.array_equal(found["x"], x.grad.numpy())


def test_a_long_sum_into_one_leaf():
    x, w = leaves()
    y = x
    total = 0.0
    for _ in range(1500):
        y = y + w
        total = total + w.sum()
    loss = y.sum() + total
    found = tools.source(loss).run()
    loss.backward()
    assert np.array_equal(found["w"], w.grad.numpy())


def test_refusals():
    class Own(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x, w = leaves()
    with pytest.raises(RuntimeError, match="OwnBackward"):
        tools.source(Own.apply(x))
    with pytest.raises(RuntimeError, match="no history"):
        tools.source(torch.ones(2))
    with pytest.raises(TypeError, match="must be Tensor"):
        tools.source(1)
    y = (x * w).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        tools.source(y)
