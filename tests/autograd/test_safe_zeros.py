"""safe_zeros: the finite correct gradient of masked, clipped and normed programs at their edges."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from tests.autograd.safe_cases import CASES, EDGE

NAMES = [case[0] for case in CASES]


def leaf(values):
    return wg.tensor(values, dtype=wg.float64, requires_grad=True)


def first(function, x, **options):
    return wg.autograd.grad(function(wg, x).sum(), x, allow_unused=True, materialize_grads=True, **options)[0]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_first_order(case):
    _, function, point, expected, _ = case
    with wg.autograd.safe_zeros():
        found = first(function, leaf(point))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("case", [c for c in CASES if c[4] is not None], ids=[c[0] for c in CASES if c[4] is not None])
def test_second_order(case):
    _, function, point, _, expected = case
    x = leaf(point)
    with wg.autograd.safe_zeros():
        slope = first(function, x, create_graph=True)
        found = np.zeros(len(point))
        if slope.requires_grad:
            found = wg.autograd.grad(slope.sum(), x, allow_unused=True, materialize_grads=True)[0].numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_inside_transforms(case):
    """One entry of a batch has the gradient that it has alone."""
    _, function, point, expected, _ = case
    xs = wg.tensor([point, point], dtype=wg.float64)
    try:
        with wg.autograd.safe_zeros():
            found = wg.func.vmap(wg.func.grad(lambda x: function(wg, x).sum()))(xs)
    except RuntimeError as error:
        assert "vmap" in str(error) or "dynamic" in str(error), error
        return
    np.testing.assert_allclose(found.numpy(), [expected, expected], rtol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_forward_mode(case):
    """The tangent along each axis is the gradient's entry, or it is not a number: never another number."""
    _, function, point, expected, _ = case
    x = wg.tensor(point, dtype=wg.float64)
    with wg.autograd.safe_zeros():
        for i, wanted in enumerate(expected):
            v = wg.zeros(len(point), dtype=wg.float64)
            v[i] = 1.0
            found = wg.func.jvp(lambda y: function(wg, y).sum(), (x,), (v,))[1].item()
            if not np.isnan(found):
                np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-15)


def test_hessian_of_a_masked_root():
    with wg.autograd.safe_zeros():
        for outer in (wg.func.jacrev, wg.func.jacfwd):
            for inner in (wg.func.jacrev, wg.func.jacfwd):
                found = outer(inner(lambda x: wg.where(x > 0, x.sqrt(), 0.0).sum()))(wg.tensor(EDGE).double())
                np.testing.assert_allclose(found.numpy(), np.diag([0, -1 / 32, 0]), atol=1e-15)


def test_outside_the_block_values_are_torchs():
    x = leaf(EDGE)
    with wg.autograd.safe_zeros():
        pass
    assert np.isnan(first(CASES[0][1], x).numpy()).tolist() == [True, False, True]


def test_what_matters_stays_infinite():
    """An edge that the result does depend on is not smoothed over."""
    for function, expected in [
        (lambda x: x.sqrt(), np.inf), (lambda x: (x**1.5).sqrt(), np.nan), (lambda x: x.abs().sqrt(), np.nan),
        (lambda x: x.sqrt() ** 2, np.nan), (lambda x: (x * x).log(), np.nan), (lambda x: (x * x) ** (1 / 3), np.nan),
    ]:  # fmt: skip
        x = leaf([0.0])
        with wg.autograd.safe_zeros():
            np.testing.assert_array_equal(wg.autograd.grad(function(x).sum(), x)[0].numpy(), [expected])


def test_a_value_that_is_zero_is_no_structure():
    """The slope 0 of s * s at s = sqrt(0) does not make the slope of the root vanish."""
    x = leaf([0.0, 4.0])
    with wg.autograd.safe_zeros():
        s = x.sqrt()
        found = wg.autograd.grad((s * s).sum(), x)[0].numpy()
    assert np.isnan(found[0]) and found[1] == 1.0


def test_it_decorates_and_nests_and_leaves_hooks_alone():
    seen = []

    @wg.autograd.safe_zeros()
    def slope(x):
        y = x.sqrt()
        y.register_hook(lambda g: seen.append(g.tolist()))
        wg.where(x > 0, y, 0.0).sum().backward()
        return x.grad.tolist()

    assert slope(leaf([0.0, 4.0])) == [0.0, 0.25]
    assert seen == [[0.0, 1.0]]


def test_a_hook_that_wakes_an_entry_is_believed():
    x = leaf([0.0, 4.0])
    y = x.sqrt()
    y.register_hook(lambda g: g + 1)
    with wg.autograd.safe_zeros():
        wg.where(x > 0, y, 0.0).sum().backward()
    assert x.grad.tolist() == [np.inf, 0.5]


def test_the_graph_is_freed_and_can_be_kept():
    x = leaf([0.0, 4.0])
    y = wg.where(x > 0, x.sqrt(), 0.0).sum()
    with wg.autograd.safe_zeros():
        y.backward(retain_graph=True)
        y.backward()
        with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
            y.backward()
    assert x.grad.tolist() == [0.0, 0.5]


def test_it_agrees_with_the_plain_sweep_where_nothing_is_at_an_edge():
    rng = np.random.default_rng(0)
    for _, function, point, _, _ in CASES:
        x = leaf(rng.uniform(0.3, 0.7, len(point)))
        plain = first(function, x).numpy()
        if np.isnan(plain).any():
            continue
        with wg.autograd.safe_zeros():
            np.testing.assert_array_equal(first(function, x).numpy(), plain)
