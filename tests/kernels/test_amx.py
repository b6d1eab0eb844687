"""Products on AMX: their text, when they are used, how exact they are, and what they refuse."""

import numpy as np
import pytest

import wengert
from wengert.core.arrays.dtype import bfloat16
from wengert.core.kernels import amx, amx_products, large, products, workshop
from wengert.core.kernels.acceptance import Rejected
from wengert.core.kernels.amx import split_text
from wengert.core.kernels.amx_products import CALLS, pays, pieces, possible, suits
from wengert.core.kernels.amx_rounds import turns
from wengert.core.kernels.amx_splitting import Source
from wengert.core.kernels.host import AMX, AVX512, of_features
from wengert.core.kernels.machine import emit_for
from wengert.core.kernels.trials import accepted

SOURCES = [("float", 3), ("float", 2), ("float", 1), ("bfloat", 1), ("half", 2)]
F32 = np.dtype(np.float32)
on_tiles = pytest.mark.skipif(not possible(), reason="a processor without AMX")


@pytest.mark.parametrize(("kind", "parts"), SOURCES)
def test_text_is_made_for_a_processor_with_amx(kind, parts):
    pytest.importorskip("llvmlite")
    source = Source(kind, parts)
    assembly = emit_for(AMX, split_text(AMX, source)[0])
    tiles = [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert assembly.count("tdpbf16ps") == len(source.pairs) * sum(down * across for down, across in tiles)
    assert assembly.count("ldtilecfg") == assembly.count("tilerelease") == 1


def test_products_of_parts():
    assert Source("float", 3).pairs == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0)]
    assert Source("float", 2).pairs == [(0, 0), (0, 1), (1, 0)]
    assert len(Source("half", 2).pairs) == 4 and Source("bfloat", 1).pairs == [(0, 0)]
    for kind, parts in SOURCES:
        pairs = Source(kind, parts).pairs
        found = turns(pairs)
        assert sorted(found) == pairs
        assert [i for i, _ in found] == sorted(i for i, _ in pairs)


def test_processors():
    names = {name.removeprefix("+"): True for name in AMX.features.split(",")}
    triple = "x86_64-unknown-linux-gnu"
    assert AMX.amx and not AVX512.amx and not AMX.without_amx().amx
    assert of_features(triple, "sapphirerapids", names).amx
    assert not of_features(triple, "sapphirerapids", names | {"amx-bf16": False}).amx
    assert not of_features(triple, "x", {"avx2": True, "fma": True, "amx-tile": True, "amx-bf16": True}).amx


def bits(*values):
    """The bits of float32."""
    return [int(x) for x in np.array(values, np.float32).view(np.uint32)]


def marks(a_high, a_low, b_high, b_low):
    """What a kernel notes of elements of these sizes; a smallest of 0 is none."""
    low = [0xFFFFFFFF if not x else bits(x)[0] - 1 for x in (a_low, b_low)]
    return [bits(a_high)[0], low[0], bits(b_high)[0], low[1]]


def test_which_elements_suit():
    assert suits(marks(1, 1, 1, 1), 100)
    assert suits(marks(1e9, 1e-25, 1e9, 1e-4), 100) and not suits(marks(1e9, 1e-25, 1e9, 1e-6), 100)
    assert suits(marks(0, 0, 1e38, 1e-40), 100) is False
    assert suits(marks(0, 0, 1e30, 1e-40), 100)  # the other side is all zeros
    for x in (np.inf, np.nan, 3e38):
        assert not suits(marks(x, 1, 1, 1), 100) and not suits(marks(1, 1, x, 1), 100)
    assert not suits(marks(1, 1e-32, 1, 1), 100) and not suits(marks(1, 1, 1, 1e-45), 100)
    assert not suits(marks(1e-15, 1e-15, 1e-15, 1e-15), 100)  # results might be denormal
    assert not suits(marks(1e18, 1, 1e18, 1), 100) and suits(marks(1e18, 1, 1e16, 1), 100)  # or overflow


def test_when_it_pays():
    assert pays(1000, 1000, 1000, 3) and not pays(64, 64, 64, 3) and not pays(1000, 1000, 8, 1)
    assert pays(100, 1000, 1000, 1) and not pays(1, 1000, 1000, 1)


@pytest.mark.parametrize("count", [1, 3, 40])
@pytest.mark.parametrize(("m", "n"), [(1, 1), (33, 700), (1000, 1000), (700, 33), (5000, 64)])
def test_pieces_cover_the_result(monkeypatch, count, m, n):
    for workers in (1, 2, 7, 64):
        monkeypatch.setattr(amx_products.threads, "count", lambda workers=workers: workers)
        rows, panels = pieces(count, m, n)
        assert rows % 16 == 0 and 16 <= rows <= amx_products.ROWS and 1 <= panels <= -(-n // 32)


def kernel(name):
    """The call of a kernel, once it is ready."""
    large.layer(name, F32)
    assert workshop.finish()
    return large.layer(name, F32)


@on_tiles
def test_it_is_as_exact_as_float32():
    """Errors as a part of the sum of the magnitudes are not above those of NumPy."""
    call, rng = kernel("split_product"), np.random.default_rng(1)
    for k in (32, 300, 2000):
        for scale in (0, 6):
            a, b = [(rng.standard_normal(s) * np.exp(rng.uniform(-scale, scale, s))).astype(np.float32)
                    for s in ((1, 70, k), (1, k, 50))]  # fmt: skip
            wide = [x.astype(np.float64) for x in (a, b)]
            room = np.matmul(*map(np.abs, wide)) * 2.0**-24
            tiles, vectors = [np.abs(f(a, b) - np.matmul(*wide)) / room for f in (call, np.matmul)]
            assert tiles.max() < 20 and tiles.mean() < 1.3 * vectors.mean()


@on_tiles
@pytest.mark.parametrize("k", [64, 1100])
def test_a_large_bias_takes_no_digits(k):
    """The bias is added last: beside the result, one rounding more."""
    call, rng = kernel("split_product"), np.random.default_rng(2)
    a, b = [rng.standard_normal(s).astype(np.float32) for s in ((1, 130, k), (1, k, 90))]
    bias = (1e4 * rng.standard_normal(90)).astype(np.float32)
    exact = np.matmul(a.astype(np.float64), b) + bias
    found = np.abs(call(a, b, bias) - exact).mean()
    assert found <= 1.1 * np.abs(np.matmul(a, b) + bias - exact).mean()


@on_tiles
def test_lower_precisions():
    a, b = [wengert.randn(200, 200) for _ in range(2)]
    wanted = a.double() @ b.double()
    errors = {}
    try:
        for precision in ("highest", "high", "medium"):
            wengert.set_float32_matmul_precision(precision)
            assert wengert.get_float32_matmul_precision() == precision
            kernel(amx_products.PRECISIONS[precision][0])
            errors[precision] = float(((a @ b).double() - wanted).abs().max() / wanted.abs().max())
    finally:
        wengert.set_float32_matmul_precision("highest")
    assert errors["highest"] < 1e-6 < errors["high"] < 1e-4 < errors["medium"] < 1e-1


@on_tiles
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 3e38, 1e-36, 1e-42])
def test_elements_without_exact_parts_are_computed_without_tiles(value):
    kernel("split_product")
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 300, 300)).astype(np.float32)
    if abs(value) < 1:
        a *= 1e-30
    a[7, 11] = value
    with np.errstate(all="ignore"):
        found, wanted = products.dot(a, b), np.matmul(a.astype(np.float64), b).astype(np.float32)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=abs(a[np.isfinite(a)]).max() * 1e-4)


@on_tiles
def test_a_row_whose_results_are_tiny_is_as_exact_as_the_others():
    kernel("split_product")
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 300, 300)).astype(np.float32)
    a[7], b = a[7] * np.float32(1e-25), b * np.float32(1e-11)
    found, wanted = products.dot(a, b)[7], a[7].astype(np.float64) @ b
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5 * abs(wanted).max())


@on_tiles
def test_any_number_of_threads_gives_the_same_bits():
    call, rng = kernel("split_product"), np.random.default_rng(0)
    before, found = wengert.get_num_threads(), []
    a, b = (
        rng.standard_normal((2, 400, 1100)).astype(np.float32),
        rng.standard_normal((2, 1100, 200)).astype(np.float32),
    )
    try:
        for n in (1, 2, 5):
            wengert.set_num_threads(n)
            found.append(call(a, b, None, (2,)))
    finally:
        wengert.set_num_threads(before)
    assert all(np.array_equal(found[0], other) for other in found[1:])


@on_tiles
def test_layouts():
    call, rng = kernel("split_product"), np.random.default_rng(0)
    a, b = rng.standard_normal((3, 80, 90)).astype(np.float32), rng.standard_normal((3, 90, 70)).astype(np.float32)
    packed = np.zeros(90, dtype=[("gap", "u1"), ("value", "f4")])["value"]
    packed[:] = b[0, :, 0]
    for x, y in (
        (a[:, ::-1], b), (a, b[:, :, ::-1]), (a[:, ::2, :], b[:, :, ::3]), (a.swapaxes(1, 2).copy().swapaxes(1, 2), b),
        (np.broadcast_to(a[:1], a.shape), b), (a, np.broadcast_to(packed[None, :, None], b.shape)),
    ):  # fmt: skip
        np.testing.assert_allclose(call(x, y, None, (3,)), np.matmul(x, y), rtol=1e-4, atol=1e-4)


@on_tiles
@pytest.mark.parametrize(("dtype", "name"), [(bfloat16.numpy, "bfloat16_product"), (np.float16, "float16_product")])
def test_half_precision_is_rounded_once(dtype, name):
    kernel(name)
    rng = np.random.default_rng(0)
    a, b = [rng.standard_normal((150, 150)).astype(dtype) for _ in range(2)]
    bias = rng.standard_normal(150).astype(dtype)
    for shift in (None, bias):
        found = products.half_product(a, b, shift)
        wide = a.astype(np.float64) @ b.astype(np.float64) + (0 if shift is None else shift.astype(np.float64))
        assert found.dtype == dtype
        digits = 2.0 ** -(8 if name.startswith("b") else 11)
        np.testing.assert_allclose(found.astype(np.float64), wide, rtol=1.01 * digits, atol=1e-4)


@on_tiles
@pytest.mark.parametrize("half", ["bfloat16", "float16"])
def test_a_linear_layer_in_half_precision(half):
    dtype = getattr(wengert, half)
    x, w, b = [wengert.randn(*s).to(dtype).requires_grad_() for s in ((120, 140), (160, 140), (160,))]
    g = wengert.randn(120, 160).to(dtype)
    for _ in range(2):
        grads = wengert.autograd.grad(wengert.nn.functional.linear(x, w, b), (x, w, b), g)
        assert workshop.finish()
    wide = [t.detach().double() for t in (x, w, b)]
    wanted = g.double() @ wide[1], g.double().T @ wide[0], g.double().sum(0)
    for found, other in zip(grads, wanted, strict=True):
        assert found.dtype is dtype
        np.testing.assert_allclose(found.double(), other, rtol=2.0**-7, atol=2e-2)


@on_tiles
def test_a_kernel_that_leaves_a_product_out_is_caught(monkeypatch):
    run = workshop._bench.factory or kernel("split_product") and workshop._bench.factory
    plain = Source("float", 3)

    class Poorer(Source):
        def __init__(self):
            super().__init__("float", 3)
            self.pairs = [(0, 0), (0, 1), (0, 2), (1, 0), (2, 0)]

        symbol = "amx_poorer"

    call = CALLS["split_product"]
    for source, wrong in ((plain, False), (Poorer(), True)):
        built = run.tables(lambda target, dtype, source=source: split_text(target, source), amx.ARGUMENTS, "float")
        if wrong:
            with pytest.raises(Rejected):
                accepted("product", call, call.wrap(built), F32)
        else:
            accepted("product", call, call.wrap(built), F32)
