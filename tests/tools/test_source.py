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
    if np.array_equal(a, b):
        return True
    return native.active and np.allclose(a, b, rtol=1e-12, atol=1e-12 * np.abs(b).max(initial=0))


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


def second_order(y, leaves_of_y, directions):
    """What the engine gives: the Hessian times the directions."""
    firsts = torch.autograd.grad(y, leaves_of_y, create_graph=True, allow_unused=True)
    pairs = [
        (g, v) for g, v in zip(firsts, directions, strict=True) if g is not None and (g.requires_grad or g.grad_fn)
    ]
    if not pairs:
        return [None] * len(leaves_of_y)
    outs, vectors = zip(*pairs, strict=True)
    return torch.autograd.grad(outs, leaves_of_y, vectors, allow_unused=True)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_backward_of_backward_to_the_bit(name):
    x, w = leaves()
    generator = torch.Generator().manual_seed(5)
    along = [torch.randn(3, 3, generator=generator, dtype=torch.float64) for _ in range(2)]
    expected = second_order(PROGRAMS[name](x, w), [x, w], along)
    written = tools.source(PROGRAMS[name](x, w), {"x": x, "w": w}, order=2)
    found = written.run({"x": along[0].numpy(), "w": along[1].numpy()})
    for key, right in zip("xw", expected, strict=True):
        if right is None:
            assert key not in found
        else:
            assert equal(found[key], right.numpy()), f"{key} of\n{written}"
    assert x.grad is None and w.grad is None


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
    assert "d_tanh_3_2 = d_tanh_3 + d_mul_4 * tanh_3" in lines
    slope = "d_mm_2 = d_tanh_3_2 * ({} - tanh_3 * tanh_3)"
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


def recurrent(x, w, rounds):
    h, total = x, 0.0
    for _ in range(rounds):
        h = torch.tanh(h @ w + x)
        total = total + h.sum()
    return total


def by_rows(x, w, rounds):
    """A recurrence that reads another row, and writes another row, in every round."""
    rows = x.repeat(rounds, 1)
    out = torch.zeros(rounds, 3, dtype=torch.float64)
    h = w[0]
    for k in range(rounds):
        h = torch.sin(h * rows[k])
        out[k] = h
    return (out**2).sum()


def gated(x, w, rounds):
    h, c = x, w
    for _ in range(rounds):
        z = (h @ w).sigmoid()
        c = z * c + (1 - z) * torch.tanh(x * h)
        h = c.tanh() * z
    return h.sum()


def network(x, w, rounds):
    torch.manual_seed(1)
    layers = [part for _ in range(rounds) for part in (torch.nn.Linear(3, 3), torch.nn.ReLU(), torch.nn.LayerNorm(3))]
    return torch.nn.Sequential(*layers).double()(x * w).square().mean()


def attention(x, w, rounds):
    h = x
    for _ in range(rounds):
        h = h + torch.softmax(h @ w @ h.t() / 3**0.5, dim=-1) @ h
    return h.mean()


def loop(body):
    def program(x, w, rounds):
        h = x
        for _ in range(rounds):
            h = body(h, w)
        return h.sum()

    return program


LOOPS = {
    "recurrent": recurrent, "by rows": by_rows, "gated": gated, "network": network, "attention": attention,
    "residual": loop(lambda h, w: h + torch.tanh(h @ w)), "power": loop(lambda h, w: h @ w / (h @ w).norm()),
    "root by Newton": loop(lambda h, w: 0.5 * (h + w.abs() / (h.abs() + 1))), "Horner": loop(lambda h, w: h * w + 0.5),
    "Euler": loop(lambda h, w: h + 0.01 * torch.sin(h * w)), "in place": loop(lambda h, w: (h * w).mul_(0.5).add_(w)),
    "branches": loop(lambda h, w: torch.where(h > 0, h * w, h - w)),
    "midpoint": loop(lambda h, w: h + 0.1 * torch.cos(h + 0.05 * torch.cos(h @ w)) * w),
    "normed": loop(lambda h, w: F.layer_norm(h @ w, (3,)).relu()),
}  # fmt: skip


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", LOOPS)
def test_what_repeats_is_a_loop(name, order):
    written = {}
    for rounds in (8, 16):
        x, w = leaves()
        written[rounds] = tools.source(LOOPS[name](x, w, rounds), {"x": x, "w": w}, order)
    more = written[16].statements - written[8].statements
    assert more >= 8
    assert written[16].rolled - written[8].rolled >= 0.8 * more, str(written[16])
    assert "    for " in written[16].text

    found = written[16].run()
    x, w = leaves()
    y = LOOPS[name](x, w, 16)
    if order == 2:
        expected = second_order(y, [x, w], [torch.ones_like(x), torch.ones_like(w)])
    else:
        expected = torch.autograd.grad(y, [x, w])
    for key, right in zip("xw", expected, strict=True):
        assert equal(found[key], right.numpy()), f"{key} of\n{written[16]}"


def test_the_text_of_a_loop():
    x, w = leaves()
    text = str(tools.source(steps(x, w), {"x": x, "w": w}))
    assert (
        text[text.index("    for ") :].splitlines()
        == [
            "    for tanh, add in zip((tanh_12, tanh_9, tanh_6, tanh_3), (add_10, add_7, add_4, x)):",
            "        d_mm = d_add * (1.0 - tanh * tanh)",
            "        d_add = d_add + np.dot(d_mm, w.T)",
            "        d_w = d_w + np.dot(add.T, d_mm)",
            '    return {"w": d_w, "x": d_add}',
        ]
        or native.active
    )


def test_writes_through_views():
    x, w = leaves()
    h = x * 2
    h[1] = w[0] * w[1]
    h[:, 1:].mul_(3)
    h.diagonal().copy_(w[2])
    h[2].zero_()
    y = (h**2).sum()
    found = tools.source(y, {"x": x, "w": w}).run()
    y.backward()
    assert np.array_equal(found["x"], x.grad.numpy()) and np.array_equal(found["w"], w.grad.numpy())


def test_comments_of_second_order_name_the_forward_lines():
    x, w = leaves()
    h = torch.tanh(x @ w)
    text = str(tools.source((h * h).sum(), order=2))
    assert "backward of test_source.py:" in text and ": h = torch.tanh(x @ w)" in text


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
    with pytest.raises(TypeError, match="'order' must be 1 or 2"):
        tools.source(x * w, order=3)
    with pytest.raises(RuntimeError, match="only for scalar outputs"):
        tools.source(x * w, order=2)
    y = (x * w).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        tools.source(y)
