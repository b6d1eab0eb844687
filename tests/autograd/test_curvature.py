"""Second derivatives without the dense Hessian, against the dense Hessian and torch's."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from wengert import func

peer = pytest.importorskip("torch")

POINT = [0.4, -0.9, 1.3]
ALONG = [0.3, 1.0, -2.0]


def value(x):
    return (x.sin() * x.cumsum(0)).prod() + (x @ x) ** 2


def two(x, y):
    return (x["a"].exp() * y).sum() + (x["a"] @ y) ** 2 + x["b"] ** 3


def dense():
    return peer.func.hessian(value)(peer.tensor(POINT, dtype=peer.float64)).numpy()


def tensor(values):
    return wg.tensor(values, dtype=wg.float64)


def test_products_with_a_direction():
    wanted = dense() @ np.array(ALONG)
    for product in (func.hvp, func.vhp):
        out, (found,) = product(value, (tensor(POINT),), (tensor(ALONG),))
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-10)
        np.testing.assert_allclose(out.numpy(), value(tensor(POINT)).numpy())


def test_products_on_nests():
    xs = {"a": tensor(POINT), "b": tensor(0.5)}
    y = tensor(ALONG)
    ts = {"a": tensor(ALONG), "b": tensor(2.0)}
    _, (found, across) = func.hvp(two, (xs, y), (ts, wg.zeros_like(y)))
    _, (again, _) = func.vhp(two, (xs, y), (ts, wg.zeros_like(y)))
    np.testing.assert_allclose(found["b"].numpy(), 6 * 0.5 * 2.0)
    np.testing.assert_allclose(found["a"].numpy(), again["a"].numpy(), rtol=1e-12)
    assert across.shape == (3,)


@pytest.mark.parametrize("chunk", [None, 1, 2])
def test_diagonal(chunk):
    found = func.hessian_diagonal(value, chunk_size=chunk)(tensor(POINT))
    np.testing.assert_allclose(found.numpy(), np.diag(dense()), rtol=1e-10)
    nested = func.hessian_diagonal(two, chunk_size=chunk)({"a": tensor(POINT), "b": tensor(0.5)}, tensor(ALONG))
    np.testing.assert_allclose(nested["b"].numpy(), 3.0)
    wanted = np.exp(POINT) * np.array(ALONG) + 2 * np.array(ALONG) ** 2
    np.testing.assert_allclose(nested["a"].numpy(), wanted, rtol=1e-12)


def test_trace_and_laplacian():
    wanted = np.trace(dense())
    np.testing.assert_allclose(func.hessian_trace(value)(tensor(POINT)).numpy(), wanted, rtol=1e-10)
    found = func.laplacian(lambda x: wg.stack([value(x), x[0] ** 3]))(tensor(POINT))
    np.testing.assert_allclose(found.numpy(), [wanted, 6 * 0.4], rtol=1e-10)


def test_estimated_trace_has_the_variance_that_is_stated():
    hessian = dense()
    samples = 400
    variance = 2 * ((hessian**2).sum() - (np.diag(hessian) ** 2).sum()) / samples
    draws = [
        func.hessian_trace(value, samples=samples, generator=wg.Generator().manual_seed(seed))(tensor(POINT)).item()
        for seed in range(30)
    ]
    assert abs(np.mean(draws) - np.trace(hessian)) < 4 * np.sqrt(variance / 30)
    assert 0.4 < np.var(draws) / variance < 2.2
    exact = func.hessian_trace(lambda x: (x**3).sum(), samples=1)(tensor(POINT)).item()
    assert exact == pytest.approx(6 * sum(POINT))


def test_blocks_of_a_module():
    wg.manual_seed(0)
    model = wg.nn.Sequential(wg.nn.Linear(3, 4), wg.nn.Tanh(), wg.nn.Linear(4, 1)).double()
    x, y = wg.randn(5, 3, dtype=wg.float64), wg.randn(5, 1, dtype=wg.float64)
    blocks = func.block_hessian(lambda call: wg.nn.functional.mse_loss(call(x), y), model)
    theirs = peer.nn.Sequential(peer.nn.Linear(3, 4), peer.nn.Tanh(), peer.nn.Linear(4, 1)).double()
    weights = {k: peer.tensor(v.detach().numpy()) for k, v in model.state_dict().items()}
    px, py = peer.tensor(x.numpy()), peer.tensor(y.numpy())

    def loss(parameters):
        return peer.nn.functional.mse_loss(peer.func.functional_call(theirs, parameters, (px,)), py)

    full = peer.func.hessian(loss)(weights)
    assert list(blocks) == ["0", "2"]
    for name, block in blocks.items():
        own = [f"{name}.weight", f"{name}.bias"]
        size = {k: weights[k].numel() for k in own}
        wanted = np.block([[full[a][b].reshape(size[a], size[b]).numpy() for b in own] for a in own])
        np.testing.assert_allclose(block.numpy(), wanted, rtol=1e-8, atol=1e-12)
    assert all(p.grad is None for p in model.parameters())


def test_blocks_of_named_groups():
    parameters = {"a": tensor(POINT), "b": tensor([2.0])}

    def loss(p):
        return (p["a"] ** 3).sum() * p["b"].sum()

    found = func.block_hessian(loss, parameters, {"all": ["b", "a"], "one": ["b"]})
    corner = 12 * np.array(POINT)
    np.testing.assert_allclose(np.diag(found["all"].numpy()), [0, *corner], rtol=1e-12)
    np.testing.assert_allclose(found["all"].numpy()[0, 1:], 3 * np.array(POINT) ** 2, rtol=1e-12)
    np.testing.assert_allclose(found["one"].numpy(), [[0.0]])
    with pytest.raises(NotImplementedError, match="no parameter 'c'"):
        func.block_hessian(loss, parameters, {"g": ["c"]})


def test_errors():
    with pytest.raises(RuntimeError, match="hessian_diagonal: Expected the function to return a scalar Tensor"):
        func.hessian_diagonal(lambda x: x)(tensor(POINT))
    with pytest.raises(RuntimeError, match="Expected f\\(\\*args\\) to return a scalar"):
        func.hvp(lambda x: x, (tensor(POINT),), (tensor(ALONG),))
    with pytest.raises(ValueError, match="`samples` should be at least 1"):
        func.hessian_trace(value, samples=0)


def test_nothing_is_kept_where_nothing_is_swept():
    """The diagonal runs on functions that cannot be differentiated backwards."""

    class Forward(wg.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_forward(*inputs)

        @staticmethod
        def jvp(ctx, t):
            return 2 * ctx.saved_tensors[0] * t

    found = func.hessian_diagonal(lambda x: Forward.apply(x).sum())(tensor(POINT))
    np.testing.assert_allclose(found.numpy(), [2.0, 2.0, 2.0])
