"""`tf.signal`: Fourier transforms, windows and frames."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.tape.core import RECORDED
from wengert.tf import arrays, dtypes, math
from wengert.tf.calling import refuse_dtype, run
from wengert.tf.conversion import tensor_of, whole, wholes
from wengert.tf.tensor import from_array


def complex_transform(op: str, function: Any, dims: int) -> Any:
    """A transform of complex numbers over the last dims."""

    def transform(input: Any, name: str | None = None) -> Any:
        x = tensor_of(input)
        if x._array.dtype.kind != "c":
            raise refuse_dtype(op, x, "fc")
        axes = tuple(range(-dims, 0))
        return run(op, lambda x: function(x, None, axes), (x,))

    transform.__name__ = op.lower()
    transform.__doc__ = f"The {'inverse ' if op.startswith('I') else ''}Fourier transform over the last {dims} dims."
    return transform


fft, fft2d, fft3d = [complex_transform(op, RECORDED.fftn, n) for op, n in (("FFT", 1), ("FFT2D", 2), ("FFT3D", 3))]
ifft, ifft2d, ifft3d = [
    complex_transform(op, RECORDED.ifftn, n) for op, n in (("IFFT", 1), ("IFFT2D", 2), ("IFFT3D", 3))
]


def real_transform(op: str, function: Any, dims: int) -> Any:
    """A transform from or to real numbers over the last dims."""

    def transform(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Any:
        x = tensor_of(input_tensor)
        sizes = None if fft_length is None else wholes(fft_length)
        axes = tuple(range(-dims, 0))
        return run(op, lambda x: function(x, sizes, axes), (x,))

    transform.__name__ = op.lower()
    transform.__doc__ = (
        f"The {'inverse ' if op.startswith('I') else ''}Fourier transform of real numbers over {dims} dims."
    )
    return transform


rfft, rfft2d, rfft3d = [real_transform(op, RECORDED.rfftn, n) for op, n in (("RFFT", 1), ("RFFT2D", 2), ("RFFT3D", 3))]
irfft, irfft2d, irfft3d = [
    real_transform(op, RECORDED.irfftn, n) for op, n in (("IRFFT", 1), ("IRFFT2D", 2), ("IRFFT3D", 3))
]


def fftshift(x: Any, axes: Any = None, name: str | None = None) -> Any:
    """The entry for frequency 0 moved to the middle."""
    return shifted(tensor_of(x), axes, 1)


def ifftshift(x: Any, axes: Any = None, name: str | None = None) -> Any:
    """The entry for frequency 0 moved back to the front."""
    return shifted(tensor_of(x), axes, -1)


def shifted(x: Any, axes: Any, way: int) -> Any:
    """Half a turn along each dim."""
    dims = tuple(range(x._array.ndim)) if axes is None else wholes(axes)
    shape = x._array.shape
    return arrays.roll(x, [shape[d] // 2 if way > 0 else -(shape[d] // 2) for d in dims], dims)


def raised_cosine(window_length: Any, periodic: bool, dtype: Any, a: float, b: float) -> Any:
    """a - b cos(2 pi n / N)."""
    count = whole(window_length)
    kind = dtypes.as_dtype(dtype).array
    if count == 1:
        return from_array(np.ones(1, kind))
    turn = count - (0 if periodic and count % 2 == 0 else 1)
    return from_array((a - b * np.cos(2 * np.pi * np.arange(count) / turn)).astype(kind))


def hann_window(window_length: Any, periodic: bool = True, dtype: Any = dtypes.float32, name: str | None = None) -> Any:
    """1/2 - cos(2 pi n / N) / 2."""
    return raised_cosine(window_length, periodic, dtype, 0.5, 0.5)


def hamming_window(
    window_length: Any, periodic: bool = True, dtype: Any = dtypes.float32, name: str | None = None
) -> Any:
    """0.54 - 0.46 cos(2 pi n / N)."""
    return raised_cosine(window_length, periodic, dtype, 0.54, 0.46)


def frame(
    signal: Any, frame_length: Any, frame_step: Any, pad_end: bool = False, pad_value: Any = 0, axis: int = -1,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Windows of `frame_length` entries every `frame_step` along `axis`, which becomes two dims."""
    x = tensor_of(signal)
    length, step = whole(frame_length), whole(frame_step)
    d = axis % x._array.ndim
    count = x._array.shape[d]
    frames = -(-count // step) if pad_end else max(0, 1 + (count - length) // step)
    if pad_end:
        missing = max(0, (frames - 1) * step + length - count)
        paddings = [[0, missing if k == d else 0] for k in range(x._array.ndim)]
        x = arrays.pad(x, paddings, constant_values=pad_value)
    places = np.arange(frames)[:, None] * step + np.arange(length)
    flat = run("Frame", RECORDED.index_select, (x,), d, from_array(places.reshape(-1)))
    shape = x._array.shape
    return arrays.reshape(flat, (*shape[:d], frames, length, *shape[d + 1 :]))


def overlap_and_add(signal: Any, frame_step: Any, name: str | None = None) -> Any:
    """Frames in the last two dims laid over each other every `frame_step` entries, and added."""
    x, step = tensor_of(signal), whole(frame_step)
    frames, length = x._array.shape[-2:]
    total = (frames - 1) * step + length
    places = (np.arange(frames)[:, None] * step + np.arange(length)).reshape(-1)
    base = from_array(np.zeros((*x._array.shape[:-2], total), x._array.dtype))
    flat = arrays.reshape(x, (*x._array.shape[:-2], frames * length))
    return run("OverlapAndAdd", lambda f: RECORDED.index_add(base, -1, from_array(places), f), (flat,))


def power_of_two(n: int) -> int:
    """The smallest power of two that is not below n."""
    return 1 << max(n - 1, 0).bit_length()


def stft(
    signals: Any, frame_length: Any, frame_step: Any, fft_length: Any = None, window_fn: Any = hann_window,
    pad_end: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """Fourier transforms of windows of a real signal."""
    length = whole(frame_length)
    framed = frame(signals, length, frame_step, pad_end)
    if window_fn is not None:
        framed = math.multiply(framed, window_fn(length, dtype=framed.dtype))
    return rfft(framed, [power_of_two(length) if fft_length is None else whole(fft_length)])


def inverse_stft(
    stfts: Any,
    frame_length: Any,
    frame_step: Any,
    fft_length: Any = None,
    window_fn: Any = hann_window,
    name: str | None = None,
) -> Any:
    """The signal whose windows have these transforms."""
    length = whole(frame_length)
    frames = irfft(stfts, [power_of_two(length) if fft_length is None else whole(fft_length)])[..., :length]
    if window_fn is not None:
        frames = math.multiply(frames, window_fn(length, dtype=frames.dtype))
    return overlap_and_add(frames, frame_step)


def dct(
    input: Any, type: int = 2, n: Any = None, axis: int = -1, norm: str | None = None, name: str | None = None
) -> Any:
    """The cosine transform of type 1 to 4 over the last dim; norm: None or "ortho". Raises ValueError for others."""
    if type not in (1, 2, 3, 4) or norm not in (None, "ortho") or axis != -1 or (type == 1 and norm == "ortho"):
        raise ValueError(f"Only Types I, II, III and IV (I)DCT are supported. type={type}, norm={norm}, axis={axis}")
    x = tensor_of(input)
    count = x._array.shape[-1] if n is None else whole(n)
    if count < x._array.shape[-1]:
        x = x[..., :count]
    elif count > x._array.shape[-1]:
        x = arrays.pad(x, [[0, 0]] * (x._array.ndim - 1) + [[0, count - x._array.shape[-1]]])
    table = from_array(cosines(type, count, norm).astype(x._array.dtype))
    return run("Dct", RECORDED.matmul, (x, table))


def cosines(type: int, n: int, norm: str | None) -> Any:
    """The matrix of a cosine transform, rows by entry and columns by frequency."""
    rows, columns = np.arange(n)[:, None], np.arange(n)[None]
    if type == 1:
        table = 2 * np.cos(np.pi * rows * columns / (n - 1))
        table[0], table[-1] = 1, np.cos(np.pi * np.arange(n))
        return table
    if type == 2:
        table = 2 * np.cos(np.pi * (rows + 0.5) * columns / n)
        scale = np.sqrt(np.where(columns == 0, 0.25, 0.5) / n)
    elif type == 3:
        table = 2 * np.cos(np.pi * (columns + 0.5) * rows / n)
        if norm is None:
            table[0] = 1
        scale = np.sqrt(np.where(rows == 0, 0.25, 0.5) / n)
    else:
        table = 2 * np.cos(np.pi * (rows + 0.5) * (columns + 0.5) / n)
        scale = np.full((1, 1), np.sqrt(0.5 / n))
    return table * scale if norm == "ortho" else table


def idct(
    input: Any, type: int = 2, n: Any = None, axis: int = -1, norm: str | None = None, name: str | None = None
) -> Any:
    """The inverse cosine transform up to scale: that of type 3 for 2, of type 2 for 3."""
    return dct(input, {1: 1, 2: 3, 3: 2, 4: 4}[type], n, axis, norm)
