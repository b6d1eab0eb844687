"""Convolutions on AMX: their text, when they are used, and what they do with elements that have no exact parts."""

import numpy as np
import pytest

import wengert
from wengert.core.kernels import amx_convolving, large, workshop
from wengert.core.kernels.amx_convolutions import split_convolution_text
from wengert.core.kernels.amx_products import possible
from wengert.core.kernels.host import AMX
from wengert.core.kernels.machine import emit_for

F32 = np.dtype(np.float32)
on_tiles = pytest.mark.skipif(not possible(), reason="a processor without AMX")
CASES = {
    "strided": ((3, 20, 21, 26), (56, 20, 4, 4), dict(stride=2, padding=1)),
    "wide": ((4, 24, 18, 17), (64, 24, 5, 5), dict(padding=2)),
    "line": ((5, 50, 260), (70, 50, 3), dict(padding=2, dilation=2)),
    "groups": ((2, 96, 26, 26), (128, 48, 3, 3), dict(stride=(2, 1), groups=2)),
    "volume": ((2, 30, 6, 12, 13), (52, 30, 2, 3, 3), dict(stride=(1, 2, 2))),
}


def both(name, dtype, backwards=False, value=None):
    """The result of a convolution and its gradients, after the kernels are made."""
    shape, weight, options = CASES[name]
    rng = np.random.default_rng(3)
    values = [rng.standard_normal(s) for s in (shape, weight)]
    if backwards:
        values[1] = values[1].swapaxes(0, 1).copy()
    if value is not None:
        values[0][0, 3, ..., 5] = value
    function = getattr(wengert.nn.functional, f"conv{'_transpose' * backwards}{len(shape) - 2}d")
    for _ in range(2):
        x, w = [wengert.tensor(v, dtype=dtype, requires_grad=True) for v in values]
        out = function(x, w, **options)
        out.backward(wengert.tensor(np.random.default_rng(4).standard_normal(out.shape), dtype=dtype))
        assert workshop.finish()
    return [t.detach().double().numpy() for t in (out, x.grad, w.grad)]


def test_text_is_made_for_a_processor_with_amx():
    pytest.importorskip("llvmlite")
    assembly = emit_for(AMX, split_convolution_text(AMX, "float")[0])
    assert assembly.count("tdpbf16ps") == 6 * 9 and "amx_convolution_piece" in assembly


@on_tiles
def test_when_it_pays():
    assert amx_convolving.pays(64, 800, 5000)
    for few in ((16, 800, 5000), (64, 27, 5000), (64, 800, 100)):
        assert not amx_convolving.pays(*few)


@on_tiles
@pytest.mark.parametrize(
    ("name", "backwards"), [*[(name, False) for name in CASES], *[(name, True) for name in CASES if name != "groups"]]
)
def test_results_and_gradients(name, backwards):
    for found, wanted in zip(
        *[both(name, dtype, backwards) for dtype in (wengert.float32, wengert.float64)], strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5 * abs(wanted).max())


@on_tiles
def test_the_kernels_were_made():
    both("strided", wengert.float32)
    for name in ("split_convolution", "split_convolution_back"):
        assert large.layer(name, F32) is not None


@on_tiles
@pytest.mark.parametrize("value", [np.inf, np.nan, 1e-41])
def test_elements_without_exact_parts_are_computed_without_tiles(value):
    found, wanted = both("wide", wengert.float32, value=value)[0], both("wide", wengert.float64, value=value)[0]
    assert np.array_equal(np.isfinite(found), np.isfinite(wanted))
    fine = np.isfinite(wanted)
    np.testing.assert_allclose(found[fine], wanted[fine], rtol=2e-5, atol=1e-4)
