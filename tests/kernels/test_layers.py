"""Kernels of layers: products, convolutions, attention, LSTM, channels - each passes its trial, and beside torch."""

import numpy as np
import pytest

import wengert
from wengert.core.arrays.large import LARGE
from wengert.core.kernels import amx_convolving, amx_products, layers, threads, workshop
from wengert.core.kernels.acceptance import Rejected
from wengert.core.kernels.host import PRESETS

F4 = np.dtype("f4")
TILED = amx_products.CALLS | amx_convolving.CALLS


@pytest.mark.parametrize("name", layers.CALLS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_trial(factory, name, dtype):
    if name in TILED and (dtype == "f8" or not factory.target.amx):
        with pytest.raises(Rejected, match="AMX"):
            factory.layer(name, np.dtype(dtype))
        return
    assert callable(factory.layer(name, np.dtype(dtype)))


@pytest.mark.parametrize("name", layers.CALLS)
def test_a_wrong_kernel_is_caught(factory, name, monkeypatch):
    if name in TILED and not factory.target.amx:
        pytest.skip("a processor without AMX")
    right = layers.CALLS[name]

    def a_little_off(found):
        if isinstance(found, tuple):
            return (
                (*found[:-1], a_little_off(found[-1]))
                if found[-1] is not None
                else (a_little_off(found[0]), *found[1:])
            )
        spoilt = found.copy()
        spoilt.reshape(-1)[-1] += 1
        return spoilt

    def trial(call, rng, case, dtype):
        found, wanted = right.trial(call, rng, case, dtype)
        return a_little_off(found), wanted

    monkeypatch.setitem(layers.CALLS, name, right._replace(trial=trial))
    with pytest.raises(Rejected, match=name):
        factory.layer(name, F4)


@pytest.mark.parametrize("target", PRESETS.values(), ids=PRESETS)
def test_text_for_every_target(target):
    from wengert.core.kernels.machine import emit_for

    texts = {kernel.text for name, kernel in layers.CALLS.items() if name not in TILED}
    try:
        for text in texts:
            for letter in ("float", "double"):
                written, symbol = text(target, letter)
                assert symbol in emit_for(target, written)
    except RuntimeError as error:
        pytest.skip(f"llvmlite here does not know {target.triple}: {error}")


def test_results_do_not_depend_on_the_number_of_threads(factory):
    before, found = threads.count(), {}
    rng = np.random.default_rng(0)

    def draw(*shape):
        return rng.standard_normal(shape).astype(F4)

    x, w, g = draw(5, 7, 30, 31), draw(9, 7, 3, 3), draw(5, 9, 30, 31)
    q, k, v, rows = draw(1, 3, 70, 8), draw(1, 3, 90, 8), draw(1, 3, 90, 8), draw(40, 80)
    try:
        for n in (1, 2, 3, 7):
            threads.set_count(n)
            out = np.empty_like(g)
            factory.layer("convolution", F4)(x, w, None, out, (1, 1), (1, 1), (1, 1))
            results = [out, factory.layer("convolution_weight", F4)(g, x, (3, 3), (1, 1), (1, 1), (1, 1))]
            results += [factory.layer("product", F4)(draw_again(1, 300, 200), draw_again(1, 200, 150))]
            results += factory.layer("attention", F4)(q, k, v, None, None, 0.3, True)
            results += factory.layer("channels_back", F4)(x, w[0, :, 0, 0], w[1, :, 0, 0], x, *w[2:5, :, 0, 0])
            parts = [(0, 20), (20, 40)]
            results += factory.layer("lstm", F4)(rows.copy(), parts, rows[:20, :20], rows[20:, :20], draw_again(80, 20))
            for place, result in enumerate(results):
                found.setdefault(place, set()).add(result.tobytes())
    finally:
        threads.set_count(before)
    assert {len(kinds) for kinds in found.values()} == {1}


def draw_again(*shape):
    """The same numbers every time."""
    return np.random.default_rng(1).standard_normal(shape).astype(F4)


def test_an_infinite_input_reaches_only_the_weights_that_meet_it():
    x = wengert.randn(2, 8, 12, 12)
    x[0, 0, 5, 11] = float("inf")
    w = wengert.randn(8, 8, 3, 3, requires_grad=True)
    for _ in range(2):
        w.grad = None
        wengert.nn.functional.conv2d(x, w, padding=1).backward(wengert.ones(2, 8, 12, 12))
        workshop.finish()
        finite = np.isfinite(w.grad.numpy())
        assert finite[:, 1:].all() and not finite[:, 0, 1, 1].any()


def test_memory_that_ran_out_is_numpys_business(monkeypatch):
    from wengert.core.operators import convolution_kernels

    def poor(*given):
        raise MemoryError

    x, w = wengert.randn(2, 8, 12, 12), wengert.randn(8, 8, 3, 3)
    wanted = wengert.nn.functional.conv2d(x, w)
    monkeypatch.setattr(convolution_kernels, "layer", lambda name, dtype: poor)
    assert np.allclose(wengert.nn.functional.conv2d(x, w).numpy(), wanted.numpy(), atol=1e-4)


def test_a_gradient_that_was_changed_is_summed_anew():
    norm, x = wengert.nn.BatchNorm2d(4), wengert.randn(8, 4, 16, 16, requires_grad=True)
    g = wengert.randn(8, 4, 16, 16)
    for factor in (1, 1, 2):
        norm.zero_grad()
        y = norm(x)
        y.backward(g)
        workshop.finish()
        g.mul_(2)
        assert np.allclose(g.sum((0, 2, 3)).numpy(), g.numpy().sum((0, 2, 3)), atol=1e-2 * factor)
        assert np.allclose(norm.bias.grad.numpy() * 2, g.numpy().sum((0, 2, 3)), atol=1e-2 * factor)


def test_places_of_layers_give_none_for_what_is_not_theirs():
    short, whole = np.ones((2, 2), "f4"), np.ones((90, 90), int)
    assert LARGE.matmul(whole, whole) is None and LARGE.matmul(short, short) is None
    assert LARGE.attend(whole[None, None], whole[None, None], whole[None, None], None, None, 1.0, False) is None
    assert LARGE.channels(whole[:, :, None], None, None, 1e-5) is None
    assert np.array_equal(LARGE.dot(whole, whole), whole @ whole)


# ---------------------------------------------------------------- beside torch


def f(lib):
    return lib.nn.functional


def cases():
    """(name, function of library and tensors, shapes of the tensors)."""
    return [
        ("conv", lambda lib, x, w, b: f(lib).conv2d(x, w, b, padding=1), (4, 8, 12, 13), (16, 8, 3, 3), (16,)),
        ("conv groups", lambda lib, x, w, b: f(lib).conv2d(x, w, b, 2, 2, 1, 2), (4, 8, 12, 13), (16, 4, 3, 3),
         (16,)),
        ("conv dilated", lambda lib, x, w, b: f(lib).conv2d(x, w, b, (2, 3), 3, (1, 2)), (4, 8, 12, 13),
         (16, 8, 5, 2), (16,)),
        ("conv1d", lambda lib, x, w, b: f(lib).conv1d(x, w, b, 2, 3), (4, 8, 200), (16, 8, 7), (16,)),
        ("transposed", lambda lib, x, w, b: f(lib).conv_transpose2d(x, w, b, 2, 1, 1, 2), (4, 8, 9, 13),
         (8, 6, 3, 3), (12,)),
        ("1x1 strided", lambda lib, x, w, b: f(lib).conv2d(x, w, b, 2), (2, 8, 40, 40), (8, 8, 1, 1), (8,)),
        ("channels last", lambda lib, x, w: f(lib).conv2d(x.permute(0, 3, 1, 2), w), (4, 12, 13, 8),
         (16, 8, 3, 3)),
        ("attention", lambda lib, q, k, v: f(lib).scaled_dot_product_attention(q, k, v, is_causal=True),
         (2, 3, 50, 16), (2, 3, 50, 16), (2, 3, 50, 8)),
        ("attention added", lambda lib, q, k, v, m: f(lib).scaled_dot_product_attention(q, k, v, m),
         (2, 3, 50, 16), (2, 3, 70, 16), (2, 3, 70, 8), (50, 70)),
        ("attention flags", lambda lib, q, k, v: f(lib).scaled_dot_product_attention(
            q, k, v, (lib.arange(70) % 3 > 0)[None]), (2, 3, 50, 16), (2, 3, 70, 16), (2, 3, 70, 8)),
        ("attention large", lambda lib, q, k, v: f(lib).scaled_dot_product_attention(q * 50, k, v),
         (2, 3, 50, 16), (2, 3, 70, 16), (2, 3, 70, 8)),
        ("batch norm", lambda lib, x, w, b: f(lib).batch_norm(x, None, None, w, b, True), (4, 8, 9, 31), (8,),
         (8,)),
        ("batch norm bare", lambda lib, x: f(lib).batch_norm(x + 100, None, None, training=True), (4, 8, 300)),
        ("bmm", lambda lib, x, y: lib.bmm(x, y.mT), (7, 60, 50), (7, 80, 50)),
        ("matmul", lambda lib, x, y: x @ y, (200, 150), (150, 90)),
    ]  # fmt: skip


@pytest.mark.parametrize("case", cases(), ids=[case[0] for case in cases()])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_values_and_gradients(case, dtype):
    peer = pytest.importorskip("torch")
    _, function, *shapes = case
    rng = np.random.default_rng(3)
    values = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    results = []
    for lib in (wengert, wengert, peer):
        tensors = [lib.from_numpy(v.copy()).requires_grad_() for v in values]
        y = function(lib, *tensors)
        seed = np.random.default_rng(4).standard_normal(tuple(y.shape)).astype(dtype)
        y.backward(lib.from_numpy(seed))
        results.append([y.detach().numpy(), *[t.grad.numpy() for t in tensors]])
        workshop.finish()
    tolerance = 1e-4 if dtype == "f4" else 1e-10
    for found, wanted in zip(results[1], results[2], strict=True):
        assert found.shape == wanted.shape and found.dtype == wanted.dtype
        assert np.abs(found - wanted).max() <= tolerance * max(np.abs(wanted).max(), 1)
    assert [order.reason for order in workshop.orders() if order.name in READY and order.function is None] == []


READY = {name.replace("_", " ") for name in layers.CALLS}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"proj_size": 5}, {"num_layers": 2, "bias": False}])
def test_lstm(packed, options):
    peer = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    x, weights, results = rng.standard_normal((9, 8, 6)), None, []
    for lib in (wengert, wengert, peer):
        module = lib.nn.LSTM(6, 20, dtype=lib.float64, **options)
        if weights is None:
            weights = [rng.standard_normal(tuple(p.shape)) for p in module.parameters()]
        with lib.no_grad():
            for p, value in zip(module.parameters(), weights, strict=True):
                p.copy_(lib.from_numpy(value))
        given = lib.from_numpy(x.copy()).requires_grad_()
        entry = given
        if packed:
            entry = lib.nn.utils.rnn.pack_padded_sequence(given, [9, 9, 7, 7, 5, 2, 1, 1])
        out, (h, c) = module(entry)
        out = out.data if packed else out
        ((out * out.detach().cos()).sum() + (h * 3).sum() + (c * c).sum()).backward()
        found = [out.detach().numpy(), h.detach().numpy(), c.detach().numpy(), given.grad.numpy()]
        results.append(found + [p.grad.numpy() for p in module.parameters()])
        workshop.finish()
    for found, wanted in zip(results[1], results[2], strict=True):
        assert np.allclose(found, wanted, rtol=1e-9, atol=1e-9)
