"""Steps of recurrent layers on AMX: as exact as vectors, with elements that have no exact parts, for any threads."""

import numpy as np
import pytest

from wengert.core.arrays.recurrent import steps
from wengert.core.kernels import amx_products, large, recurring, threads, workshop

F4 = np.dtype("f4")
pytestmark = pytest.mark.skipif(not amx_products.possible(), reason="a processor without AMX")
SIZE = 96
COUNTS = (40, 40, 37, 20, 5)
KINDS = {"lstm": 4, "gru": 3, "rnn": 1}


@pytest.fixture(autouse=True)
def kernels():
    for name in recurring.CALLS:
        large.layer(name, F4)
    assert workshop.finish()
    if large.layer("lstm", F4) is None:
        pytest.skip("no kernels")


def drawn(kind, seed=1, dtype=F4):
    """What comes from the inputs, steps, the first state and the weight."""
    rng, gates = np.random.default_rng(seed), KINDS[kind]
    given = rng.standard_normal((sum(COUNTS), gates * SIZE)).astype(dtype)
    return given, steps(COUNTS, False), rng.standard_normal((COUNTS[0], SIZE)).astype(dtype), weight_of(rng, gates)


def weight_of(rng, gates):
    return (rng.standard_normal((gates * SIZE, SIZE)) / SIZE**0.5).astype(F4)


def forward(kind, given, parts, state, weight):
    """All that the kernel computes of one layer."""
    call = large.layer(kind, F4)
    if kind == "lstm":
        return call(given.copy(), parts, state, state[::-1], weight)
    if kind == "gru":
        return call(given, parts, state, weight, None)
    return call(False, given.copy(), parts, state, weight)


def backward(kind, results, parts, weight, scale=1.0):
    """Gradients from random ones of the outputs and states."""
    rng = np.random.default_rng(3)
    out, h = results[:2]
    g = [(rng.standard_normal(x.shape) * scale).astype(F4) for x in (out, h, h)]
    before = rng.standard_normal(out.shape).astype(F4)
    call = large.layer(f"{kind}_back", F4)
    if kind == "lstm":
        return call(results[3], results[4], before, g, parts, weight)
    if kind == "gru":
        return call(results[2], before, g[:2], parts, weight)
    return call(False, out, g[:2], parts, weight)


def by_vectors(monkeypatch, function, *given, **options):
    """The same without tiles."""
    with monkeypatch.context() as patch:
        patch.setattr(recurring, "SIZES_TILED", ())
        return function(*given, **options)


def same(found, wanted, tolerance=2e-5):
    for a, b in zip(found, wanted, strict=True):
        assert np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)


@pytest.mark.parametrize("kind", KINDS)
def test_tiles_and_vectors_agree_but_are_not_the_same(kind, monkeypatch):
    given = drawn(kind)
    found, wanted = forward(kind, *given), by_vectors(monkeypatch, forward, kind, *given)
    same(found, wanted)
    assert not all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))
    same(
        backward(kind, wanted, given[1], given[3]), by_vectors(monkeypatch, backward, kind, wanted, given[1], given[3])
    )


@pytest.mark.parametrize("kind", KINDS)
def test_any_number_of_threads_computes_the_same(kind):
    given, before, results = drawn(kind), threads.count(), []
    given[2][7] *= np.float32(1e-32)  # a row without exact parts
    try:
        for workers in (1, 2, 3, 7):
            threads.set_count(workers)
            found = forward(kind, *given)
            results.append([*found, *backward(kind, found, given[1], given[3])])
    finally:
        threads.set_count(before)
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("element", [np.inf, np.nan, 1e-42, 3e38])
def test_elements_without_exact_parts(kind, element, monkeypatch):
    """One sequence, or the weight, holds one: what vectors compute, and no other sequence notices."""
    with np.errstate(all="ignore"):
        given, parts, state, weight = drawn(kind)
        usual = forward(kind, given, parts, state, weight)
        state[18, 5] = element
        found = forward(kind, given, parts, state, weight)
        same(found, by_vectors(monkeypatch, forward, kind, given, parts, state, weight))
        others = np.arange(COUNTS[0]) // 16 != 18 // 16
        assert np.array_equal(found[1][others], usual[1][others])
        weight[3, 4] = element
        found = forward(kind, given, parts, state, weight)
        same(found, by_vectors(monkeypatch, forward, kind, given, parts, state, weight))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_that_vanish_keep_their_digits(kind, monkeypatch):
    given, parts, state, weight = drawn(kind)
    results = forward(kind, given, parts, state, weight)
    for scale in (1e-20, 1e-30, 1e-34):
        found = backward(kind, results, parts, weight, scale)
        wanted = by_vectors(monkeypatch, backward, kind, results, parts, weight, scale)
        same([x / np.float32(scale) for x in found], [x / np.float32(scale) for x in wanted], 1e-4)


def test_errors_are_not_above_those_of_vectors(monkeypatch):
    """A layer of one step that only multiplies and adds, beside float64."""
    rng = np.random.default_rng(8)
    state, weight = rng.standard_normal((64, SIZE)).astype(F4), weight_of(rng, 1) / np.float32(5)
    given = True, np.full((64, SIZE), 9, F4), steps((64,), False), state, weight
    exact = 9 + state.astype("f8") @ weight.T.astype("f8")
    assert (exact > 0).all()
    errors = []
    for run in (lambda call, x, *rest: call(x, *rest), lambda call, x, *rest: by_vectors(monkeypatch, call, x, *rest)):
        found = run(large.layer("rnn", F4), given[0], given[1].copy(), *given[2:])[0]
        errors.append(abs(found - exact))
    assert errors[0].mean() <= errors[1].mean() and errors[0].max() < 1e-5
