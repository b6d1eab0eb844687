"""Short-time Fourier transforms: the spectra of overlapping pieces of a signal, and the signal back from them.

Source: D. Griffin, J. Lim, "Signal estimation from modified short-time Fourier transform", IEEE Transactions on
Acoustics, Speech, and Signal Processing 32 (1984), 236-243, equation 6.
"""

from __future__ import annotations

from warnings import warn

from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import DimError, DtypeError, MissingError, ShapeError
from wengert.core.operators.kinds import composite, plain
from wengert.core.operators.library.fft import FULL, PLAIN, ROOT
from wengert.core.operators.library.overloads import is_complex
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

_SMALLEST = 1e-11
"""Below this the sum of the squared windows counts as zero: nothing can be divided by it."""


def _kind(x):
    return x.dtype if isinstance(x.dtype, dtypes.dtype) else dtypes.of(x.dtype)


def _word(value):
    """An option as the messages spell it."""
    return int(value) if isinstance(value, bool) else value


def _check_window(described, window, win_length, needed):
    if window is not None and (window.ndim != 1 or window.shape[0] != win_length):
        raise ShapeError(f"{described}{needed}, but got window with size {list(window.shape)}")


def _whole_window(m, window, like, win_length, n_fft):
    """The window in the middle of n_fft places; ones if none was given."""
    if window is None:
        if win_length == n_fft:
            return None
        window = m.ones_of(like, win_length)
    if win_length < n_fft:
        left = (n_fft - win_length) // 2
        window = m.constant_pad_nd(window, (left, n_fft - win_length - left), 0)
    return window


@plain(space=None, method=False, samples=lambda s: [call(s.array(2), 3)])
def ones_of(np, input: Array, count: int):
    """`count` ones in the real dtype of the input."""
    return np.ones(count, input.real.dtype)


# ---------------------------------------------------------------- forward


def _surrounded(m, input, n_fft, mode):
    """The signal with n_fft // 2 elements more at both ends."""
    pad = (n_fft // 2, n_fft // 2)
    if mode == "constant":
        return m.constant_pad_nd(input, pad, 0)
    if mode not in ("reflect", "replicate", "circular"):
        raise MissingError(f"Unrecognised padding mode {mode}: it is constant, reflect, replicate or circular")
    lead = (1,) * (3 - input.ndim)
    padded = m.padded(m.reshape(input, (*lead, *input.shape)), pad, mode)
    return m.reshape(padded, tuple(padded.shape[len(lead) :]))


def _aligned(m, input, n_fft, win_length):
    """The signal with so much added that the first frame's window, in the middle of n_fft places, begins at 0."""
    left = (n_fft - win_length) // 2
    return m.constant_pad_nd(input, (left, n_fft - win_length - left), 0)


def _check_stft(described, input, n_fft, hop_length, win_length, window):
    kind = _kind(input)
    if not (kind.is_floating_point or kind.is_complex):
        raise DtypeError(f"{described} : expected a tensor of floating point or complex values")
    if kind.itemsize < 4:
        raise DtypeError(f"MKL FFT doesn't support tensors of type: {kind.scalar}; transforms take float32 and float64")
    if input.ndim not in (1, 2):
        raise ShapeError(f"{described} : expected a 1D or 2D tensor")
    length = input.shape[-1]
    if not 0 < n_fft <= length:
        raise ShapeError(f"{described} : expected 0 < n_fft < {length}, but got n_fft={n_fft}")
    if hop_length <= 0:
        raise ShapeError(f"{described} : expected hop_length > 0, but got hop_length={hop_length}")
    if not 0 < win_length <= n_fft:
        raise ShapeError(f"{described} : expected 0 < win_length <= n_fft, but got win_length={win_length}")
    needed = f" : expected a 1D window tensor of size equal to win_length={win_length}"
    _check_window(described, window, win_length, needed)


def _returns_complex(input, window, return_complex):
    """Whether the result is complex; raises where a real signal does not say."""
    if return_complex is None:
        if not (is_complex(input) or (window is not None and is_complex(window))):
            raise ShapeError(
                "stft requires the return_complex parameter be given for real inputs: return_complex=True gives a "
                "complex result, and False pairs of real numbers"
            )
        return True
    if not return_complex:
        warn("stft with return_complex=False is deprecated: use torch.view_as_real on the result", stacklevel=4)
    return return_complex


def _stft_samples(s):
    return [
        call(s.array(20), 6, return_complex=True),
        call(s.array(2, 20), 8, 3, 5, s.array(5), return_complex=True),
        call(s.array(2, 20), 8, 3, 5, s.array(5), center=False, onesided=False, return_complex=True),
        call(s.array(20), 7, normalized=True, pad_mode="constant", return_complex=False),
        call(s.complex(2, 20), 6, 2, window=s.array(6)),
    ]


@composite(samples=_stft_samples)
def stft(
    m, input: Array, n_fft, hop_length=None, win_length=None, window: Array | None = None, center=True,
    pad_mode="reflect", normalized=False, onesided=None, return_complex=None, align_to_window=None,
):  # fmt: skip
    """X[k, t] = sum over j of window[j] input[t hop + j] exp(-2 pi i j k / n_fft): spectra of overlapping pieces.

    hop_length: n_fft // 4 unless given.  window: win_length weights (n_fft unless given), placed in the middle of
    n_fft zeros; ones unless given.  center: n_fft // 2 elements are added at both ends first, as `pad_mode` says.
    normalized: times 1 / sqrt(n_fft).  onesided: only bins 0 ... n_fft // 2, the default for a real signal and window.
    Shapes: (length,) or (batch, length) gives (bins, frames) or (batch, bins, frames); return_complex=False gives
    pairs of real numbers in one more dim.
    Raises: ShapeError, DtypeError.
    """
    if center:
        if align_to_window is not None:
            raise ShapeError("stft align_to_window should only be set when center = false, but center is True")
        input = _surrounded(m, input, n_fft, pad_mode)
    hop = n_fft // 4 if hop_length is None else hop_length
    size = n_fft if win_length is None else win_length
    described = (
        f"stft(torch.{_kind(input).scalar}Tensor{list(input.shape)}, n_fft={n_fft}, hop_length={hop}, "
        f"win_length={size}, window={_shown(window)}, normalized={_word(normalized)}, onesided={_word(onesided)}, "
        f"return_complex={_word(return_complex)}, align_to_window={_word(align_to_window)})"
    )
    complex_result = _returns_complex(input, window, return_complex)
    _check_stft(described, input, n_fft, hop, size, window)
    if align_to_window:
        input = _aligned(m, input, n_fft, size)
    frames = m.unfold(input, -1, n_fft, hop)
    weights = _whole_window(m, window, input, size, n_fft)
    out = m.transpose(_spectra(m, frames if weights is None else frames * weights, normalized, onesided), -2, -1)
    return out if complex_result else m.view_as_real(out)


def _spectra(m, frames, normalized, onesided):
    """The transforms along the last dim."""
    scale, last = ROOT if normalized else PLAIN, (frames.ndim - 1,)
    if is_complex(frames):
        if onesided:
            raise ShapeError("Cannot have onesided output if window or input is complex; onesided=False gives all bins")
        return m.fft_c2c(frames, last, scale, True)
    return m.fft_r2c(frames, last, scale, onesided is None or onesided)


def _shown(window):
    """A window as the messages spell it."""
    return None if window is None else f"torch.{_kind(window).scalar}Tensor{{{list(window.shape)}}}"


# ---------------------------------------------------------------- back


def _check_istft(described, input, n_fft, hop, size, window, onesided):
    if not is_complex(input):
        raise DtypeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    if input.ndim < 2:
        span = (-max(input.ndim, 1), max(input.ndim, 1) - 1)
        raise DimError(f"Dimension out of range (expected to be in range of [{span[0]}, {span[1]}], but got -3)")
    if 0 in input.shape:
        raise ShapeError(f"{described} : input tensor cannot be empty.")
    if input.ndim not in (2, 3):
        raise ShapeError(f"{described} : expected a tensor with 3 or 4 dimensions, but got {input.ndim + 1}")
    bins = input.shape[-2]
    if bins != (n_fft // 2 + 1 if onesided else n_fft):
        needed = "n_fft / 2 + 1 when onesided=True" if onesided else "n_fft when onesided=False"
        raise ShapeError(
            f"{described} : expected the frequency dimension (3rd to the last) of the input tensor to match {needed}, "
            f"but got {bins}"
        )
    if not 0 < hop <= size:
        raise ShapeError(f"{described} : expected 0 < hop_length <= win_length")
    if not 0 < size <= n_fft:
        raise ShapeError(f"{described} : expected 0 < win_length <= n_fft")
    if window is not None:
        needed = " : Invalid window shape. window has to be 1D and length of `win_length`"
        _check_window(described, window, size, needed)


def _sides(bins, n_fft, window, onesided, return_complex):
    """Whether the spectra hold half of the bins; raises for what a real result cannot come from."""
    onesided = bins != n_fft if onesided is None else onesided
    if return_complex:
        if onesided:
            raise ShapeError("Cannot have onesided output if window or input is complex: the result is to be complex")
        return False
    if window is not None and is_complex(window):
        raise ShapeError("Complex windows are incompatible with return_complex=False: give return_complex=True")
    return onesided


def _pieces(m, input, n_fft, normalized, onesided, return_complex):
    """The signals (batch, frames, n_fft) of all spectra (batch, bins, frames)."""
    spectra, scale = m.transpose(input, 1, 2), ROOT if normalized else FULL
    if return_complex:
        return m.fft_c2c(spectra, (2,), scale, False)
    if not onesided:
        spectra = m.slice(spectra, 2, 0, n_fft // 2 + 1)
    return m.fft_c2r(spectra, (2,), scale, n_fft)


def _istft_samples(s):
    window = abs(s.array(6)) + 0.5
    return [
        call(s.complex(4, 9), 6, window=window),
        call(s.complex(2, 4, 9), 6, 2, 5, window[:5], normalized=True, length=10),
        call(s.complex(2, 6, 9), 6, 2, 6, window, center=False, onesided=False, return_complex=True),
    ]


@composite(samples=_istft_samples)
def istft(
    m, input: Array, n_fft, hop_length=None, win_length=None, window: Array | None = None, center=True,
    normalized=False, onesided=None, length=None, return_complex=False,
):  # fmt: skip
    """The signal whose `stft` is nearest: pieces overlapped and added, over the sum of the squared windows.

    The options are those of `stft`; length: elements of the result.  Shapes: (bins, frames) or (batch, bins, frames)
    gives (length,) or (batch, length).
    Raises: ShapeError, also where the windows leave a gap; DtypeError for real input.
    """
    hop = n_fft // 4 if hop_length is None else hop_length
    size = n_fft if win_length is None else win_length
    described = (
        f"istft(CPU{_kind(input).scalar}Type{list(input.shape)}, n_fft={n_fft}, hop_length={hop}, win_length={size}, "
        f"window={_shown(window)}, center={_word(center)}, normalized={_word(normalized)}, onesided={_word(onesided)}, "
        f"length={length}, return_complex={_word(return_complex)})"
    )
    half = input.ndim < 2 or not is_complex(input) or _sides(input.shape[-2], n_fft, window, onesided, return_complex)
    _check_istft(described, input, n_fft, hop, size, window, half)
    flat = input.ndim == 2
    pieces = _pieces(m, m.unsqueeze(input, 0) if flat else input, n_fft, normalized, half, return_complex)
    weights = m.ones_of(pieces, n_fft) if window is None and size == n_fft else None
    weights = _whole_window(m, window, pieces, size, n_fft) if weights is None else weights
    count, total = pieces.shape[1], n_fft + hop * (pieces.shape[1] - 1)
    signal = m.unfold_backward(pieces * weights, (pieces.shape[0], total), 1, n_fft, hop)
    squares = m.expand(m.reshape(weights * weights, (1, 1, n_fft)), (1, count, n_fft))
    overlap = m.unfold_backward(squares, (1, total), 1, n_fft, hop)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else total - start
    if not m.covers(m.slice(overlap, 1, start, end)):
        raise ShapeError(f"{described} window overlap add min: 1; somewhere the windows add up to zero")
    out = m.slice(signal, 1, start, end) / m.slice(overlap, 1, start, end)
    if end > total:
        warn("The length of signal is shorter than the length parameter: zeros are added at its end", stacklevel=3)
        out = m.constant_pad_nd(out, (0, end - total), 0)
    return m.squeeze(out, 0) if flat else out


@plain(space=None, method=False, samples=lambda s: [call(s.array(3))])
def covers(np, input: Array):
    """Whether a sum of squared windows is nowhere zero."""
    if not input.size:
        raise ShapeError("min(): Expected reduction dim to be specified for input.numel() == 0. No element is left")
    return abs(input).min() > _SMALLEST
