"""Fourier transforms against torch: values, dtypes, node names, first and second gradients, errors."""

from __future__ import annotations

import numpy as np
import pytest

import wengert

torch = pytest.importorskip("torch")

ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
MANY = ("fft2", "ifft2", "rfft2", "irfft2", "hfft2", "ihfft2", "fftn", "ifftn", "rfftn", "irfftn", "hfftn", "ihfftn")
CALLS_ONE = [
    {},
    {"n": 3},
    {"n": 6},
    {"dim": 0},
    {"norm": "ortho"},
    {"norm": "forward"},
    {"n": 0},
    {"dim": 7},
    {"norm": "x"},
]
CALLS_MANY = [
    {}, {"s": (3, 4)}, {"s": (-1, 6)}, {"dim": (0,)}, {"dim": (1, 0)}, {"norm": "ortho"}, {"dim": (0, 0)},
    {"dim": ()}, {"s": (2,)}, {"s": (1, 1, 2), "dim": (0, 1)},
]  # fmt: skip


def outcome(library, name, values, options):
    """Result, node name, gradient, second gradient; or the class and first words of the error."""
    x = library.tensor(values)
    if x.is_floating_point() or x.is_complex():
        x.requires_grad_()
    try:
        out = getattr(library.fft, name)(x, **options)
    except Exception as error:
        kind = next(c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins")
        return kind, str(error)[:22]
    results = [np.asarray(out.detach().resolve_conj())]
    if x.requires_grad:
        total = (out.abs() ** 2).sum() if out.is_complex() else (out**3).sum()
        (first,) = library.autograd.grad(total, x, create_graph=True)
        (second,) = library.autograd.grad((first.abs() ** 2).sum(), x)
        results += [np.asarray(g.detach().resolve_conj()) for g in (first, second)]
        results.append(out.grad_fn.name())
    return results


@pytest.mark.parametrize("kind", ["f4", "f8", "c8", "c16", "i8"])
@pytest.mark.parametrize("name", ONE + MANY)
def test_against_torch(name, kind):
    rng = np.random.default_rng(0)
    for shape in ((4,), (3, 4), (2, 3, 5)):
        values = rng.standard_normal(shape) * 2
        values = (values + (1j * rng.standard_normal(shape) if kind[0] == "c" else 0)).astype(kind)
        for options in CALLS_ONE if name in ONE else CALLS_MANY:
            found, wanted = (outcome(library, name, values, options) for library in (wengert, torch))
            if isinstance(wanted, tuple):
                assert found == wanted, (shape, options)
                continue
            for mine, other in zip(found, wanted, strict=True):
                if isinstance(mine, str):
                    assert mine == other
                else:
                    assert mine.dtype == other.dtype and mine.shape == other.shape
                    tolerance = 1e-3 if kind in ("f4", "c8", "i8") else 1e-8
                    np.testing.assert_allclose(mine, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("n", [1, 4, 5, 7])
def test_frequencies_and_shifts(n):
    for name in ("fftfreq", "rfftfreq"):
        for d in (1.0, 0.3):
            found, wanted = (np.asarray(getattr(library.fft, name)(n, d)) for library in (wengert, torch))
            assert found.dtype == wanted.dtype and np.array_equal(found, wanted)
    for name in ("fftshift", "ifftshift"):
        for dim in (None, 0, -1, (0, 1)):
            values = np.arange(3.0 * n).reshape(3, n)
            found, wanted = (
                np.asarray(getattr(library.fft, name)(library.tensor(values), dim)) for library in (wengert, torch)
            )
            assert np.array_equal(found, wanted)


def test_half_precision_is_refused():
    with pytest.raises(RuntimeError, match="Unsupported dtype Half"):
        wengert.fft.fft(wengert.ones(3, dtype=wengert.float16))
