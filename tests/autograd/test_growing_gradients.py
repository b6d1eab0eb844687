"""Gradients that meet in one place are added up there; what somebody else holds stays as it was."""

import numpy as np
import pytest

import wengert

SIZE = 5000
"""Elements from which a gradient that only the sweep holds takes up the next one in place."""


def numbers(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape or (SIZE,))


def test_a_leaf_used_many_times():
    a, factors = numbers(0), [numbers(k) for k in range(1, 6)]
    x = wengert.tensor(a, requires_grad=True)
    sum((x * wengert.tensor(f)).sum() for f in factors).backward()
    np.testing.assert_allclose(x.grad.numpy(), sum(factors), rtol=1e-12)
    sum((x * wengert.tensor(f)).sum() for f in factors).backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * sum(factors), rtol=1e-12)


def test_gradients_that_a_caller_gave_stay():
    seed = wengert.tensor(numbers(1))
    kept = seed.clone()
    x = wengert.ones(SIZE, dtype=wengert.float64, requires_grad=True)
    y, z = x + 0, x + 0
    wengert.autograd.backward([y, z, y], [seed, seed, seed])
    assert seed.equal(kept)
    np.testing.assert_allclose(x.grad.numpy(), 3 * kept.numpy())


def test_gradients_that_hooks_kept_stay():
    seen = []
    x = wengert.tensor(numbers(2), requires_grad=True)
    middle = x * 1
    parts = [middle * float(k) for k in range(1, 5)]
    for part in parts:
        part.register_hook(seen.append)
        part.grad_fn.register_hook(lambda given, arrived: seen.extend(given[:1]))
    middle.retain_grad()
    sum(part.sum() for part in parts).backward()
    for g in seen:
        assert len(np.unique(g.numpy())) == 1
    assert sorted(float(g[0]) for g in seen) == [1.0] * 5 + [2.0, 3.0, 4.0]
    assert middle.grad.eq(10).all() and x.grad.eq(10).all()


def test_gradients_of_views_and_of_what_is_returned():
    x = wengert.tensor(numbers(3, 100, 50), requires_grad=True)
    y = x * 2
    loss = (y.t() * y.t()).sum() + y.reshape(-1).sum() + y[:, :25].sum() + y.sum()
    (g,) = wengert.autograd.grad(loss, y, retain_graph=True)
    first = g.clone()
    loss.backward()
    assert g.equal(first)
    half = np.concatenate([np.ones((100, 25)), np.zeros((100, 25))], 1)
    wanted = 2 * (2 * y.detach().numpy() + 2 + half)
    np.testing.assert_allclose(x.grad.numpy(), wanted, rtol=1e-12)


@pytest.mark.parametrize("dtypes", [("float32", "float32"), ("float32", "float64")])
def test_one_weight_in_a_loop(dtypes):
    first, second = (getattr(wengert, name) for name in dtypes)
    w = wengert.tensor(numbers(4, 80, 70), dtype=first, requires_grad=True)
    steps = [wengert.tensor(numbers(k, 3, 80), dtype=second) for k in range(4)]
    sum((x @ w.to(second)).sum() for x in steps).backward()
    wanted = sum(x.numpy().sum(0)[:, None] for x in steps) * np.ones(70)
    np.testing.assert_allclose(w.grad.numpy(), wanted, rtol=1e-5, atol=1e-5)
