"""Windows and short-time Fourier transforms: known values, round trips, torch's values and errors."""

from __future__ import annotations

import importlib
import math
import warnings

import pytest

import wengert
from tests.backend import REAL, torch

windows = importlib.import_module(f"{torch.__name__}.signal").windows
OPTIONS = {
    "exponential": {"tau": 2.5},
    "gaussian": {"std": 1.7},
    "kaiser": {"beta": 5.0},
    "general_cosine": {"a": [0.5, 0.3, 0.2]},
}
NAMES = windows.__all__


def signal(*shape):
    n = math.prod(shape)
    return torch.sin(torch.arange(n, dtype=torch.float64) * 0.7).reshape(shape) + 0.1


@pytest.mark.parametrize("sym", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_windows_fall_off_from_their_middle(name, sym):
    window = getattr(windows, name)(9, sym=sym, dtype=torch.float64, **OPTIONS.get(name, {}))
    middle = window[4] if sym else window[4:6].max()
    assert window.dtype is torch.float64 and torch.all(window <= middle + 1e-12)
    if sym:
        assert torch.allclose(window, window.flip(0))
    else:
        longer = getattr(windows, name)(10, dtype=torch.float64, **OPTIONS.get(name, {}))
        assert torch.allclose(window, longer[:-1])


@pytest.mark.parametrize("count", [0, 1, 2, 7, 16])
@pytest.mark.parametrize("name", NAMES)
def test_windows_are_those_of_torch(name, count):
    real = pytest.importorskip("torch")
    for sym in (True, False):
        wanted = getattr(real.signal.windows, name)(count, sym=sym, **OPTIONS.get(name, {}))
        found = getattr(windows, name)(count, sym=sym, **OPTIONS.get(name, {}))
        assert found.dtype is torch.float32
        assert found.tolist() == pytest.approx(wanted.tolist(), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: windows.hann(-1), ValueError, "general_cosine requires non-negative window length"),
        (lambda: windows.hann(4, dtype=torch.int64), ValueError, "general_cosine expects float32 or float64"),
        (lambda: windows.gaussian(4, std=0), ValueError, "Standard deviation must be positive"),
        (lambda: windows.exponential(4, tau=-1), ValueError, "Tau must be positive"),
        (lambda: windows.exponential(4, center=1), ValueError, "Center must be None for symmetric windows"),
        (lambda: windows.kaiser(4, beta=-1), ValueError, "beta must be non-negative"),
        (lambda: windows.general_cosine(4, a=[]), ValueError, "Coefficients cannot be empty"),
        (lambda: windows.general_cosine(4, a=3), TypeError, "Coefficients must be a list/tuple"),
    ],
)
def test_windows_refuse(call, error, words):
    with pytest.raises(error, match=f"^{words}"):
        call()


def test_the_number_of_weights_is_an_int():
    with pytest.raises(TypeError):
        windows.hann(2.5)


def test_a_sine_lies_in_its_bin():
    x = torch.cos(2 * math.pi * 3 * torch.arange(64, dtype=torch.float64) / 16)
    spectra = torch.stft(x, 16, center=False, window=torch.ones(16, dtype=torch.float64), return_complex=True)
    assert tuple(spectra.shape) == (9, 13)
    assert spectra.abs().argmax(0).tolist() == [3] * 13
    assert spectra[3, 0].abs().item() == pytest.approx(8)


STFT = [
    {"window": 12}, {"hop_length": 5, "window": 12}, {"win_length": 7, "window": 7}, {"center": False, "window": 12},
    {"normalized": True, "window": 12}, {"onesided": False, "window": 12}, {"pad_mode": "constant", "window": 12},
    {"pad_mode": "replicate", "window": 12}, {"center": False, "align_to_window": True, "win_length": 5, "window": 5},
    {"return_complex": False, "window": 12},
]  # fmt: skip


@pytest.mark.parametrize("options", STFT, ids=str)
@pytest.mark.parametrize("shape", [(40,), (2, 40)])
def test_stft_is_that_of_torch(shape, options):
    real = pytest.importorskip("torch")
    wanted, found = (spectra_of(library, shape, dict(options)) for library in (real, torch))
    for a, b in zip(found, wanted, strict=True):
        assert tuple(a.shape) == tuple(b.shape)
        assert a.flatten().tolist() == pytest.approx(b.flatten().tolist(), rel=1e-9, abs=1e-9)


def spectra_of(library, shape, options):
    """The transform, and the gradients of signal and window."""
    x = library.cos(library.arange(math.prod(shape), dtype=library.float64) ** 1.3).reshape(shape).requires_grad_()
    size = options.pop("window")
    window = (library.arange(size, dtype=library.float64) * 0.1 + 1).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = library.stft(x, 12, window=window, **({"return_complex": True} | options))
    size = out.abs().square() if out.is_complex() else out * out * 0.5
    return out.detach(), *library.autograd.grad(size.sum(), (x, window))


@pytest.mark.parametrize("options", [{}, {"hop_length": 3}, {"win_length": 10}, {"normalized": True}, {"length": 37}])
def test_istft_takes_stft_back(options):
    x = signal(2, 40)
    window = torch.hann_window(options.get("win_length", 12), dtype=torch.float64)
    length = options.get("length", 40)
    shared = {k: v for k, v in options.items() if k != "length"}
    spectra = torch.stft(x, 12, window=window, return_complex=True, **shared)
    back = torch.istft(spectra, 12, window=window, length=length, **shared)
    assert torch.allclose(back, x[:, :length])


def test_complex_signals_keep_all_bins():
    x = torch.complex(signal(40), signal(40).flip(0))
    window = torch.hann_window(8, dtype=torch.float64)
    spectra = torch.stft(x, 8, window=window)
    assert tuple(spectra.shape) == (8, 21)
    back = torch.istft(spectra, 8, window=window, onesided=False, return_complex=True)
    assert torch.allclose(back, x)
    with pytest.raises(RuntimeError, match="^Cannot have onesided output if window or input is complex"):
        torch.stft(x, 8, onesided=True)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: torch.stft(x, 8), "stft requires the return_complex parameter"),
        (lambda x: torch.stft(x, 0, center=False, return_complex=True), r"stft\(torch.DoubleTensor\[2, 20\], n_fft=0"),
        (
            lambda x: torch.stft(x, 8, 0, return_complex=True),
            r"stft\(torch.DoubleTensor\[2, 28\], n_fft=8, hop_length=0",
        ),
        (lambda x: torch.stft(x, 8, align_to_window=True, return_complex=True), "stft align_to_window should only"),
        (lambda x: torch.istft(x, 8), "istft requires a complex-valued input tensor"),
        (
            lambda x: torch.istft(torch.stft(x, 8, return_complex=True), 8, window=torch.hann_window(8), center=False),
            "istft",
        ),
    ],
)
def test_transforms_refuse(call, words):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RuntimeError, match=f"^{words}"):
            call(signal(2, 20))


@pytest.mark.skipif(REAL, reason="a method of our own check")
def test_gradients_of_both_orders():
    window = torch.ones(6, dtype=torch.float64) * 0.5 + torch.arange(6, dtype=torch.float64) * 0.1
    x = signal(14).requires_grad_()

    def there_and_back(x, window):
        spectra = torch.stft(x, 6, window=window, return_complex=True)
        return torch.istft(spectra * spectra, 6, window=window)

    inputs = (x, window.requires_grad_())
    assert wengert.autograd.gradcheck(there_and_back, inputs)
    assert wengert.autograd.gradgradcheck(there_and_back, inputs)
