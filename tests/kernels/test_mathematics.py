"""Vector functions against wider arithmetic, over the whole range of their dtype."""

import numpy as np
import pytest

from wengert.core.arrays.erf import erf
from wengert.core.kernels import native
from wengert.core.kernels.elementwise import Loop, loop_text
from wengert.core.kernels.expressions import argument, made
from wengert.core.kernels.host import AVX2, NEON, PRESETS, SSE

# Units in the last place, float32 and float64; the table at the head of mathematics.py says the same.
LIMITS = {
    "exp": (1.5, 1.5),
    "exp2": (1.5, 1.5),
    "expm1": (2, 2),
    "log": (1.5, 1.5),
    "log2": (2.5, 2.5),
    "log10": (2.5, 2.5),
    "log1p": (2, 2),
    "tanh": (3, 3),
    "sin": (2, 2),
    "cos": (2, 2),
    "sqrt": (0.5, 0.5),
}
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0]


def everywhere(dtype):
    """Values of every magnitude, and dense ones where functions turn."""
    rng = np.random.default_rng(0)
    word = np.uint32 if dtype == np.float32 else np.uint64
    bits = rng.integers(0, np.iinfo(word).max, 400_000, dtype=word).view(dtype)
    end = 105 if dtype == np.float32 else 750
    dense = [np.linspace(-end, end, 200_001), np.linspace(-2, 2, 200_001), np.linspace(0.4, 2.5, 100_001)]
    tiny = [np.finfo(dtype).smallest_subnormal, np.finfo(dtype).tiny, np.finfo(dtype).max]
    parts = [bits, *dense, SPECIAL, tiny, [-x for x in tiny]]
    return np.concatenate([np.asarray(part, dtype) for part in parts])


def compiled(factory, name, dtype, count=1, target=None):
    """A ufunc of one function."""
    letter = "float" if dtype == np.float32 else "double"
    result = made(name, *[argument(i, np.dtype(dtype)) for i in range(count)])
    loop = Loop("function", letter, (result,), (False,) * count)
    text = loop_text(target or factory.target, [loop])
    return native.ufunc(name, {letter: factory.machine.build(text, ["function_loop"])[0]}, count, 1)


def worst(found, wanted, dtype):
    """Largest distance in units in the last place of the right result; inf for a wrong nan or infinity."""
    right = wanted.astype(dtype)
    same = (found == right) | (np.isnan(found) & np.isnan(right))
    unit = np.spacing(np.maximum(np.abs(right), np.finfo(dtype).tiny))
    apart = np.abs(found.astype(wanted.dtype) - wanted) / unit
    apart[same & ~np.isfinite(right)] = 0
    return float(np.where(np.isnan(apart), np.inf, apart).max())


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_error_and_edges(factory, name, dtype):
    x = everywhere(dtype)
    with np.errstate(all="ignore"):
        wanted = getattr(np, name)(x.astype(np.float64 if dtype == np.float32 else np.longdouble))
        found = compiled(factory, name, dtype)(x)
        assert worst(found, wanted, dtype) <= LIMITS[name][dtype == np.float64]
        number = ~np.isnan(wanted)
        assert np.array_equal(np.signbit(found[number]), np.signbit(wanted[number]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_error_function(factory, dtype):
    x = everywhere(dtype)
    with np.errstate(all="ignore"):
        wanted = erf(np, x.astype(np.float64))
        found = compiled(factory, "erf", dtype)(x)
        assert worst(found, wanted, dtype) <= 8


@pytest.mark.parametrize("target", [AVX2, SSE], ids=lambda target: target.name)
@pytest.mark.parametrize("name", ["exp", "log", "tanh", "expm1", "log1p", "sin", "cos"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_narrow_vectors(factory, target, name, dtype):
    host = factory.machine.target
    if host.bits < target.bits or not host.triple.startswith("x86_64"):
        pytest.skip("these vectors do not run here")
    x = everywhere(dtype)
    with np.errstate(all="ignore"):
        wanted = getattr(np, name)(x.astype(np.float64 if dtype == np.float32 else np.longdouble))
        found = compiled(factory, name, dtype, target=target)(x)
        assert worst(found, wanted, dtype) <= 4


@pytest.mark.parametrize("target", PRESETS.values(), ids=PRESETS)
def test_text_for_every_target(target):
    from wengert.core.kernels.machine import emit_for

    loops = []
    for letter, dtype in (("float", np.float32), ("double", np.float64)):
        x = argument(0, np.dtype(dtype))
        both = made("maximum", made("tanh", x), made("log1p", made("sin", x)))
        loops.append(Loop(f"f_{letter}", letter, (both, made("erf", x)), (False,)))
    try:
        assembly = emit_for(target, loop_text(target, loops))
    except RuntimeError as error:
        pytest.skip(f"llvmlite here does not know {target.triple}: {error}")
    register = {"avx512": "zmm", "avx2": "ymm", "sse": "xmm", "neon": ".4s"}[target.name]
    assert "f_float_loop" in assembly and register in assembly
    assert not (target is SSE and "ymm" in assembly)


def test_maximum_keeps_nan_and_zero_has_a_sign(factory):
    nan = np.float32("nan")
    greater = compiled(factory, "maximum", np.float32, 2)
    assert np.isnan(greater(np.array([nan, 1], np.float32), np.array([1, nan], np.float32))).all()
    assert np.array_equal(greater(np.float32([1, -5]), np.float32([2, -7])), np.float32([2, -5]))
    assert NEON.lanes("float") == 4


def test_no_warning_for_values_on_the_way(factory):
    x = np.array([np.nan, -1.0, np.inf, 0.0], np.float32)
    with np.errstate(all="raise"):
        compiled(factory, "log", np.float32)(x)
        compiled(factory, "tanh", np.float32)(x)
