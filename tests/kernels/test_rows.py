"""Kernels of rows: each agrees with NumPy (its trial), on other targets its text is right, special values included."""

import numpy as np
import pytest

import wengert
from wengert.core.kernels import rowcalls, workshop
from wengert.core.kernels.acceptance import Rejected
from wengert.core.kernels.host import PRESETS
from wengert.core.kernels.rows import ROWS, row_text
from wengert.core.kernels.threads import pool_text


@pytest.mark.parametrize("name", rowcalls.CALLS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_trial(factory, name, dtype):
    assert callable(factory.call(name, np.dtype(dtype)))


def test_a_wrong_kernel_is_caught(factory, monkeypatch):
    kernel, wrap, trial = rowcalls.CALLS["softmax"]

    def forgets_the_last_row(run):
        def call(x):
            out = wrap(run)(x)
            out[-1] *= 0.999
            return out

        return call

    monkeypatch.setitem(rowcalls.CALLS, "softmax", (kernel, forgets_the_last_row, trial))
    with pytest.raises(Rejected, match="softmax"):
        factory.call("softmax", np.dtype("f4"))


@pytest.mark.parametrize("row", [[np.inf, 1, 2], [-np.inf, 1, 2], [np.nan, 1, 2], [-np.inf] * 3, [1e30, -1e30, 0]])
def test_special_values_of_softmax(factory, row):
    x = np.tile(np.float32(row), (2, 40))
    for name, reference in (("softmax", rowcalls.soft), ("log_softmax", rowcalls.log_soft)):
        with np.errstate(all="ignore"):
            found, wanted = factory.call(name, np.dtype("f4"))(x), reference(x)
        assert np.allclose(found, wanted, rtol=1e-5, atol=1e-6, equal_nan=True)


def test_a_sum_keeps_many_digits(factory):
    x = np.full(3_000_001, 0.1, np.float32)
    assert abs(factory.call("total", np.dtype("f4"))(x) - x.astype(np.float64).sum()) < 0.2


@pytest.mark.parametrize("target", PRESETS.values(), ids=PRESETS)
def test_text_for_every_target(target):
    from wengert.core.kernels.machine import emit_for

    try:
        assert "wengert_parallel" in emit_for(target, pool_text(target))
        for name in ROWS:
            for letter in ("float", "double"):
                text, symbol = row_text(target, letter, name)
                assert symbol in emit_for(target, text)
    except RuntimeError as error:
        pytest.skip(f"llvmlite here does not know {target.triple}: {error}")


@pytest.mark.parametrize("dim", [(2, 3), (-1, 2), (0, 2, 3), (3,), -1, (0, 1, 2), (1, 3), (0, 2), 1, ()])
@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_sums_over_several_dims(dim, keepdim, dtype):
    x = np.random.default_rng(0).standard_normal((5, 6, 17, 19)).astype(dtype)
    axes = dim if dim != () else None
    for _ in range(2):
        total = wengert.from_numpy(x).sum(dim, keepdim).numpy()
        mean = wengert.from_numpy(x).mean(dim, keepdim).numpy()
        workshop.finish()
    assert total.dtype == dtype and np.allclose(total, x.sum(axes, keepdims=keepdim), atol=1e-3)
    assert mean.shape == total.shape and np.allclose(mean, x.mean(axes, keepdims=keepdim), atol=1e-5)


@pytest.mark.parametrize("dim", [(1, 1), (0, 4), (-5, 3)])
def test_dims_that_cannot_be_summed_over(dim):
    for _ in range(2):
        with pytest.raises((RuntimeError, IndexError)):
            wengert.ones(5, 6, 17, 19).sum(dim)
        workshop.finish()
