"""Kernels that move, convert and add up along a dim: copies in another order, half precision, running sums."""

import numpy as np
import pytest

import wengert
from wengert.core.arrays.large import LARGE
from wengert.core.arrays.powers import power_slope, powered
from wengert.core.kernels import workshop
from wengert.core.kernels.squares import squares

peer = pytest.importorskip("torch")


def ordered(function):
    """What the function gives once its kernels are ready."""
    function()
    assert workshop.finish()
    return function()


def served(word):
    """Whether a kernel of this name is at work."""
    return any(order.function is not None and word in order.name for order in workshop.orders())


@pytest.mark.parametrize("order", [(2, 1, 0), (0, 2, 1), (2, 0, 1)])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "c8", "i4"])
def test_copies_in_another_order(order, dtype):
    x = np.arange(40 * 30 * 20).reshape(40, 30, 20).astype(dtype)
    x = x[:, 3:, 1:].transpose(order)
    found = ordered(lambda: LARGE.row_major(x))
    assert np.array_equal(found, x) and found.flags.c_contiguous and found.base is None
    assert served("arranged")


def test_what_squares_are_not_for():
    x = np.zeros((200, 300))
    kept = [
        x, x.reshape(20, 10, 300).swapaxes(0, 1), x[::-1].T, x[:, ::2], np.broadcast_to(x[0], (200, 300)),
        x.astype(bool).T, x.astype(object).T,
    ]  # fmt: skip
    assert all(squares(a) is None for a in kept)
    assert squares(np.zeros((2, 40000)).T) is None, "too narrow"
    assert squares(x.T) is not None and squares(x[3:, 5:].T) is not None


def test_a_copy_of_objects_stays_with_numpy():
    x = np.array([[object() for _ in range(200)] for _ in range(150)]).T
    found = ordered(lambda: LARGE.row_major(x))
    assert all(a is b for a, b in zip(found.reshape(-1), x.reshape(-1), strict=True))


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_half_precision_and_back(half):
    rng = np.random.default_rng(1)
    values = rng.integers(0, 2**32, 9001, dtype=np.uint32).view(np.float32)
    ours, theirs = wengert.from_numpy(values), peer.from_numpy(values)
    found = ordered(lambda: ours.to(getattr(wengert, half)))
    wanted = theirs.to(getattr(peer, half))
    assert served(f"to {half}")
    back, same = ordered(lambda: found.to(wengert.float32)), wanted.to(peer.float32)
    assert served(f"of {half}")
    assert np.array_equal(back.numpy(), same.numpy(), equal_nan=True)


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_a_sum_of_halves_and_its_gradient(half):
    values = np.random.default_rng(2).standard_normal((2, 80, 90)).astype(np.float32)

    def run(lib):
        x, y = (lib.from_numpy(v).to(getattr(lib, half)).requires_grad_() for v in values)
        z = x * y + x
        z.backward(lib.ones_like(z))
        return [t.detach().to(lib.float32).numpy() for t in (z, x.grad, y.grad)]

    for found, wanted in zip(ordered(lambda: run(wengert)), run(peer), strict=True):
        assert np.array_equal(found, wanted)


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_running_sums_are_kept_in_double(dim):
    x = np.random.default_rng(3).standard_normal((20, 30, 40)).astype(np.float32) * 1e4
    x[3, 4, 5], x[7, 8, 9] = np.inf, -np.inf
    for last in (False, True):
        given = np.flip(x, dim) if last else x
        wanted = np.cumsum(given, dim, dtype=np.float64)
        wanted = np.flip(wanted, dim) if last else wanted
        found = ordered(lambda last=last: LARGE.running_sum(x, dim, last))
        assert found.dtype == np.float32 and served("running")
        assert np.allclose(found, wanted, rtol=1e-6, atol=1e-3, equal_nan=True)
    assert LARGE.running_sum(x.astype(np.float64), dim, False) is None
    assert LARGE.running_sum(x.transpose(), dim, False) is None


@pytest.mark.parametrize("exponent", [-3, -2, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 4, 7, 1e20, float("inf")])
@pytest.mark.parametrize("size", [23, 9200])
def test_powers_beside_torch(exponent, size):
    special = np.array([0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan, -3, 1e-40, -1e-40, 1e30], np.float32)
    x = np.resize(np.concatenate([special, np.linspace(-2, 2, 12, dtype=np.float32)]), size)
    theirs = peer.from_numpy(x.copy()).requires_grad_()
    wanted = theirs**exponent
    wanted.backward(peer.full_like(wanted, 0.5))

    def run():
        return powered(np, x, exponent), power_slope(np, np.full_like(x, 0.5), x, exponent)

    with np.errstate(all="ignore"):
        found, slope = ordered(run)
    assert np.allclose(found, wanted.detach().numpy(), rtol=1e-5, atol=0, equal_nan=True)
    assert np.array_equal(np.signbit(found[found == 0]), np.signbit(wanted.detach().numpy()[found == 0]))
    assert np.allclose(slope, theirs.grad.numpy(), rtol=1e-5, atol=0, equal_nan=True)


def test_a_product_may_be_kept_as_a_gradient():
    """What a kernel makes is no view: a leaf takes it without copying."""
    a, b = np.ones((200, 300), np.float32), np.ones((300, 100), np.float32)
    bias = np.ones(100, np.float32)
    for make in (
        lambda: LARGE.dot(a, b),
        lambda: LARGE.dot_bias(a, b, bias),
        lambda: LARGE.matmul(np.ones((4, 2, 100, 80), np.float32), np.ones((4, 2, 80, 60), np.float32)),
    ):
        found = ordered(make)
        assert found.base is None and found.max() in (80, 300, 301)
