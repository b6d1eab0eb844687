"""3 x 3 convolutions by Winograd's tiles: as precise as plain sums, and never where a tile would spread an infinity."""

import numpy as np
import pytest

import wengert
from wengert.core.arrays import convolution as plain
from wengert.core.kernels import threads, winograding, workshop
from wengert.core.operators import convolution_kernels

ONE = (1, 1)


def draw(*shape, dtype="f4", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def passes(factory, dtype, x, w, g, padding):
    """Result, gradient of the input, gradient of the weight by the kernels."""
    call = {name: factory.layer(name, np.dtype(dtype)) for name in winograding.CALLS}
    out, back = np.full(g.shape, np.nan, dtype), np.full(x.shape, np.nan, dtype)
    assert call["winograd"](x, w, None, out, padding)
    assert call["winograd_back"](g, w, back, padding)
    return out, back, call["winograd_weight"](g, x, padding)


def wanted(x, w, g, padding):
    """The same in double precision by NumPy."""
    x, w, g = (a.astype("f8") for a in (x, w, g))
    pairs = tuple((p, p) for p in padding)
    return (
        plain.convolve(np, x, w, ONE, pairs, ONE, 1),
        plain.spread(np, g, w, x.shape[2:], ONE, pairs, ONE, 1),
        plain.weight_gradient(np, g, x, (3, 3), ONE, pairs, ONE, 1),
    )


def operands(n, c, h, wide, o, padding, dtype="f4"):
    size = [m + 2 * p - 2 for m, p in zip((h, wide), padding, strict=True)]
    return draw(n, c, h, wide, dtype=dtype), draw(o, c, 3, 3, dtype=dtype, seed=1), draw(n, o, *size, dtype=dtype)


@pytest.mark.parametrize("channels", [16, 64, 256])
def test_errors_stay_a_few_roundings_of_the_largest_result(factory, channels):
    x, w, g = operands(2, channels, 16, 16, 64, ONE)
    for found, exact in zip(passes(factory, "f4", x, w, g, ONE), wanted(x, w, g, ONE), strict=True):
        assert np.abs(found - exact).max() <= 2.5e-6 * np.abs(exact).max()


@pytest.mark.parametrize(
    "shape, o, padding",
    [
        ((1, 16, 3, 3), 16, (0, 0)),  # one tile, mostly outside
        ((3, 16, 1, 9), 17, (1, 4)),  # more padding than input
        ((2, 31, 6, 257), 65, (1, 1)),  # more columns than one strip, by one
        ((1, 18, 5, 600), 16, (3, 0)),
        ((1, 16, 3, 4), 16, (2, 300)),  # strips that lie in the padding
        ((7, 130, 5, 6), 20, (1, 2)),
    ],
)
def test_awkward_shapes(factory, shape, o, padding):
    given = operands(*shape, o, padding, dtype="f8")
    for found, exact in zip(passes(factory, "f8", *given, padding), wanted(*given, padding), strict=True):
        assert found.shape == exact.shape
        assert np.abs(found - exact).max() <= 2e-13 * np.abs(exact).max()


def test_operands_in_other_orders_of_memory(factory):
    x, w, g = operands(2, 20, 10, 11, 24, ONE)
    exact = wanted(x, w, g, ONE)
    inside = np.ascontiguousarray(w.transpose(2, 3, 0, 1)).transpose(2, 3, 0, 1)
    turned = np.asfortranarray(x), inside, np.concatenate([g, g], 1)[:, :24]
    for found, right in zip(passes(factory, "f4", *turned, ONE), exact, strict=True):
        assert np.allclose(found, right, atol=1e-4)


def test_results_do_not_depend_on_the_number_of_threads(factory):
    before, found = threads.count(), set()
    given = operands(3, 70, 20, 21, 33, ONE)
    try:
        for n in (1, 2, 3, 7):
            threads.set_count(n)
            found.add(tuple(result.tobytes() for result in passes(factory, "f4", *given, ONE)))
    finally:
        threads.set_count(before)
    assert len(found) == 1


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e38])
@pytest.mark.parametrize("which", ["input", "weight"])
def test_what_is_not_finite_is_noticed(factory, value, which):
    x, w, g = operands(2, 16, 13, 14, 16, ONE)
    (x if which == "input" else w).reshape(-1)[-1] = value
    out = np.empty_like(g)
    assert not factory.layer("winograd", x.dtype)(x, w, None, out, ONE)
    g = x if which == "input" else g
    assert not factory.layer("winograd_back", x.dtype)(g, w, np.empty_like(x), ONE)


def tensors(x, w):
    return [wengert.tensor(a, requires_grad=True) for a in (x, w)]


@pytest.mark.parametrize("place", [(0, 0, 0, 0), (1, 3, 5, 6), (1, 15, 15, 15)])
def test_an_infinity_reaches_only_the_results_that_meet_it(place):
    x, w, _ = operands(2, 16, 16, 16, 16, ONE)
    x[place] = np.inf
    reached = np.zeros((2, 16, 16), bool)
    n, _, i, j = place
    reached[n, max(0, i - 1) : i + 2, max(0, j - 1) : j + 2] = True
    for _ in range(3):  # by NumPy, by the plain kernel, by tiles
        images, weights = tensors(x, w)
        out = wengert.nn.functional.conv2d(images, weights, padding=1)
        out.backward(wengert.ones(2, 16, 16, 16))
        workshop.finish()
        assert np.array_equal((~np.isfinite(out.detach().numpy())).any(1), reached)
        assert np.isfinite(np.delete(weights.grad.numpy(), place[1], 1)).all()


def test_tiles_are_for_many_channels_and_windows_of_three_in_steps_of_one(monkeypatch):
    monkeypatch.setattr(convolution_kernels, "layer", lambda name, dtype: name)

    def chosen(sides=(64, 64), kernel=(3, 3), count=4, size=(32, 32), options=(ONE, ONE, ONE), name="winograd"):
        return convolution_kernels.by_tiles(name, np.dtype("f4"), sides, kernel, count, size, options)

    assert chosen() == "winograd" and chosen(options=(ONE, (3, 0), ONE)) == "winograd"
    assert chosen(sides=(15, 64)) is None and chosen(sides=(64, 3)) is None
    assert chosen(kernel=(3, 1)) is None and chosen(kernel=(5, 5)) is None and chosen(kernel=(3,)) is None
    assert chosen(options=((2, 1), ONE, ONE)) is None and chosen(options=(ONE, ONE, (2, 2))) is None
    assert chosen(count=1, size=(4, 4)) is None  # one tile
    assert chosen(size=(1, 400)) is None  # tiles a quarter full
    assert chosen(sides=(4096, 4096)) is None  # a transformed weight of two gigabytes
    assert chosen(sides=(512, 512), count=2, size=(8, 8)) is None  # the transform of the weight would cost more
    assert chosen(sides=(512, 512), count=2, size=(8, 8), name="winograd_back") == "winograd_back"


def test_a_convolution_asks_for_them(monkeypatch):
    names = []
    there = convolution_kernels.by_tiles
    monkeypatch.setattr(convolution_kernels, "by_tiles", lambda name, *given: names.append(name) or there(name, *given))
    x, w = tensors(draw(4, 32, 20, 20), draw(32, 32, 3, 3))
    for _ in range(2):
        wengert.nn.functional.conv2d(x, w, padding=1).sum().backward()
        workshop.finish()
    assert set(names) == {"winograd", "winograd_back", "winograd_weight"}


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("backwards", [False, True])
def test_beside_torch(groups, backwards):
    torch = pytest.importorskip("torch")
    x, b = draw(3, 64, 19, 18), draw(64, seed=2)
    w = draw(64, 64 // groups, 3, 3, seed=1)
    results = []
    for lib in (wengert, torch):
        for _ in range(3 if lib is wengert else 1):
            images, weights, bias = (lib.tensor(a, requires_grad=True) for a in (x, w, b))
            function = lib.nn.functional.conv_transpose2d if backwards else lib.nn.functional.conv2d
            out = function(images, weights, bias, padding=1, groups=groups)
            out.backward(lib.tensor(draw(*out.shape, seed=3)))
            if lib is wengert:
                workshop.finish()
        results.append([a.detach().numpy() for a in (out, images.grad, weights.grad, bias.grad)])
    for ours, theirs in zip(*results, strict=True):
        assert np.abs(ours - theirs).max() <= 3e-6 * np.abs(theirs).max()
