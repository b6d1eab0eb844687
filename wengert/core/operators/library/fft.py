"""Discrete Fourier transforms: X[k] = sum over j of x[j] exp(-2 pi i j k / n), and their inverses.

Three linear records compute everything: complex to complex, real to complex, and half of a
Hermitian-symmetric spectrum to real. The public functions choose sizes, dims and scale.
"""

from __future__ import annotations

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.shape import wrap_dim
from wengert.core.base.errors import DimError, DtypeError, ShapeError
from wengert.core.operators.kinds import composite, linear
from wengert.core.operators.library.overloads import is_complex
from wengert.core.operators.record import Array, Ints
from wengert.core.operators.samples import call

PLAIN, ROOT, FULL = 0, 1, 2
"""Scale of a transform over n points: 1, 1 / sqrt(n), 1 / n."""

_FORWARD = {PLAIN: "backward", ROOT: "ortho", FULL: "forward"}
_BACKWARD = {PLAIN: "forward", ROOT: "ortho", FULL: "backward"}


# ---------------------------------------------------------------- records


@linear(
    transpose=lambda m, g, dim, normalization, forward: m.fft_c2c(g, dim, normalization, not forward),
    space=None,
    method=False,
    backward_name="FftC2CBackward0",
    samples=lambda s: [
        call(s.complex(3, 4), (1,), PLAIN, True),
        call(s.complex(3, 4), (1, 0), ROOT, False),
        call(s.complex(2, 3, 4), (0, 2), FULL, True),
        call(s.complex(3), (), PLAIN, True),
    ],
)
def fft_c2c(np, input: Array, dim: Ints, normalization: int, forward: bool):
    """The transform of complex input along the dims, with exp(-...) if `forward`, else exp(+...)."""
    if not dim or not input.size:
        return input.copy()
    if forward:
        return np.fft.fftn(input, axes=dim, norm=_FORWARD[normalization])
    return np.fft.ifftn(input, axes=dim, norm=_BACKWARD[normalization])


def _real_adjoint(m, g, shape, dim, normalization, onesided):
    if not onesided:
        return m.real(m.fft_c2c(g, dim, normalization, False))
    return m.fft_c2r(m.fft_interior(g, dim[-1], 0.5, shape[dim[-1]]), dim, normalization, shape[dim[-1]])


@linear(
    transpose=_real_adjoint,
    space=None,
    method=False,
    backward_name="FftR2CBackward0",
    samples=lambda s: [
        call(s.array(3, 4), (1,), PLAIN, True),
        call(s.array(3, 5), (0, 1), ROOT, True),
        call(s.array(3, 4), (1, 0), FULL, True),
        call(s.array(3, 4), (1,), ROOT, False),
    ],
)
def fft_r2c(np, input: Array, dim: Ints, normalization: int, onesided: bool):
    """The forward transform of real input; `onesided` keeps bins 0 ... n // 2 of the last of the dims."""
    if not input.size:
        shape = list(input.shape)
        shape[dim[-1]] = shape[dim[-1]] // 2 + 1 if onesided else shape[dim[-1]]
        return np.zeros(shape, np.result_type(input.dtype, np.complex64))
    transform = np.fft.rfftn if onesided else np.fft.fftn
    return transform(input, axes=dim, norm=_FORWARD[normalization])


@linear(
    transpose=lambda m, g, dim, normalization, size: m.fft_interior(
        m.fft_r2c(g, dim, normalization, True), dim[-1], 2.0, size
    ),
    space=None,
    method=False,
    backward_name="FftC2RBackward0",
    samples=lambda s: [
        call(s.complex(3, 3), (1,), PLAIN, 4),
        call(s.complex(3, 3), (0, 1), ROOT, 5),
        call(s.complex(3, 3), (1, 0), FULL, 4),
    ],
)
def fft_c2r(np, input: Array, dim: Ints, normalization: int, size: int):
    """The real backward transform of bins 0 ... size // 2 (last of the dims) of a Hermitian-symmetric spectrum.

    Imaginary parts that symmetry forbids count as 0.
    """
    if not input.size:
        shape = list(input.shape)
        shape[dim[-1]] = size
        return np.zeros(shape, input.real.dtype)
    sizes = [input.shape[d] for d in dim[:-1]] + [size]
    return np.fft.irfftn(input, s=sizes, axes=dim, norm=_BACKWARD[normalization])


@linear(
    transpose=lambda m, g, dim, factor, size: m.fft_interior(g, dim, factor, size),
    space=None,
    method=False,
    samples=lambda s: [
        call(s.complex(2, 3), 1, 2.0, 4),
        call(s.complex(3, 2), 0, 0.5, 5),
        call(s.complex(1), 0, 2.0, 1),
    ],
)
def fft_interior(np, input: Array, dim: int, factor: float, size: int):
    """Half a spectrum of a real signal of `size` points; bins that have a mirror image are multiplied by a factor."""
    out = input.copy()
    out[(slice(None),) * dim + (slice(1, (size + 1) // 2),)] *= factor
    return out


# ---------------------------------------------------------------- arguments


def _scale(norm, forward: bool) -> int:
    """The scale that a `norm` word means for a direction."""
    if norm is None or norm == "backward":
        return PLAIN if forward else FULL
    if norm == "forward":
        return FULL if forward else PLAIN
    if norm == "ortho":
        return ROOT
    raise ShapeError(f'Invalid normalization mode: "{norm}"; it is "backward", "forward" or "ortho"')


def _kind(x):
    """The dtype of a tensor or an array."""
    return x.dtype if isinstance(x.dtype, dtypes.dtype) else dtypes.of(x.dtype)


def _floating(m, x, to_complex: bool):
    """Input as a floating or complex tensor that can be transformed."""
    kind = _kind(x)
    if kind.itemsize < 4 and kind.is_floating_point:
        raise DtypeError(f"Unsupported dtype {_kind(x).scalar}; transforms take single and double precision")
    if not kind.is_floating_point and not kind.is_complex:
        kind = dtypes.get_default_dtype()
        x = m.to_dtype(x, kind.numpy)
    if to_complex and not kind.is_complex:
        x = m.to_dtype(x, kind.to_complex().numpy)
    return x


def _dim(x, dim: int) -> int:
    if not x.ndim:
        raise DimError(f"Dimension specified as {dim} but tensor has no dimensions")
    return wrap_dim(dim, x.ndim)


def _positive(n: int) -> int:
    if n < 1:
        raise ShapeError(f"Invalid number of data points ({n}) specified")
    return n


def _resized(m, x, dims, sizes):
    """Input cut off or padded with zeros at the end of each dim; size -1 leaves a dim as it is."""
    pad = [0] * (2 * x.ndim)
    padded = False
    for d, n in zip(dims, sizes, strict=True):
        if n == -1:
            continue
        _positive(n)
        have = x.shape[d]
        if n < have:
            x = m.slice(x, d, 0, n)
        elif n > have:
            pad[2 * (x.ndim - 1 - d) + 1] = n - have
            padded = True
    return m.constant_pad_nd(x, tuple(pad), 0) if padded else x


def _shape_and_dims(x, s, dim):
    """Sizes (-1: as they are) and dims that `s` and `dim` mean."""
    s = (s,) if isinstance(s, int) else s
    dim = (dim,) if isinstance(dim, int) else dim
    if dim is not None:
        dims = [_dim(x, d) for d in dim]
        if len(set(dims)) != len(dims):
            raise ShapeError(f"FFT dims must be unique: {list(dim)} names one twice")
        if s is not None and len(s) != len(dims):
            raise ShapeError(
                f"When given, dim and shape arguments must have the same length, not {len(dims)}, {len(s)}"
            )
    elif s is not None:
        if len(s) > x.ndim:
            raise ShapeError(f"Got shape with {len(s)} values but input tensor only has {x.ndim} dimensions.")
        dims = list(range(x.ndim - len(s), x.ndim))
    else:
        dims = list(range(x.ndim))
    return ([-1] * len(dims) if s is None else list(s)), dims


def _some(name: str, dims) -> None:
    if not dims:
        raise ShapeError(f"{name} must transform at least one axis")


# ---------------------------------------------------------------- one dimension


def _complex_1d(m, input, n, dim, norm, forward):
    x = _floating(m, input, False)
    d = _dim(x, dim)
    scale = _scale(norm, forward)
    x = _resized(m, x, (d,), (-1 if n is None else _positive(n),))
    _positive(x.shape[d])
    if is_complex(x):
        return m.fft_c2c(x, (d,), scale, forward)
    out = m.fft_r2c(x, (d,), scale, False)
    return out if forward else m.conj(out)


def _real_1d(m, name, input, n, dim, norm, forward):
    if is_complex(input):
        raise DtypeError(f"{name} expects a real input tensor, but got {_kind(input).scalar}")
    x = _floating(m, input, False)
    d = _dim(x, dim)
    x = _resized(m, x, (d,), (-1 if n is None else _positive(n),))
    _positive(x.shape[d])
    out = m.fft_r2c(x, (d,), _scale(norm, forward), True)
    return out if forward else m.conj(out)


def _to_real_1d(m, input, n, dim, norm, forward):
    x = _floating(m, input, True)
    d = _dim(x, dim)
    size = _positive(2 * (x.shape[d] - 1) if n is None else n)
    x = _resized(m, x, (d,), (size // 2 + 1,))
    return m.fft_c2r(m.conj(x) if forward else x, (d,), _scale(norm, forward), size)


def _samples_1d(complex_input):
    def samples(s):
        make = s.complex if complex_input else s.array
        return [
            call(make(3, 4)), call(make(3, 5), dim=0), call(make(3, 4), 6), call(make(3, 5), n=3, dim=-1),
            call(make(3, 4), norm="ortho"), call(make(3, 4), norm="forward"), call(make(3, 4), norm="backward"),
            call(s.array(4)),
        ]  # fmt: skip

    return samples


@composite(space="fft", method=False, samples=_samples_1d(True))
def fft(m, input: Array, n=None, dim: int = -1, norm=None):
    """X[k] = sum over j of x[j] exp(-2 pi i j k / n) along one dim, complex.

    n: points, input is cut off or padded with zeros. norm: "backward" (no factor), "ortho" (1 / sqrt(n)), "forward"
    (1 / n).  Dtype: float32 gives complex64, float64 complex128, integers count as the default float.
    Raises: DtypeError for half precision, ShapeError for n < 1.
    """
    return _complex_1d(m, input, n, dim, norm, True)


@composite(space="fft", method=False, samples=_samples_1d(True))
def ifft(m, input: Array, n=None, dim: int = -1, norm=None):
    """x[j] = 1/n sum over k of X[k] exp(2 pi i j k / n) along one dim: the inverse of `fft`."""
    return _complex_1d(m, input, n, dim, norm, False)


@composite(space="fft", method=False, samples=_samples_1d(False))
def rfft(m, input: Array, n=None, dim: int = -1, norm=None):
    """Bins 0 ... n // 2 of the `fft` of real input; the others are their conjugates.

    Raises: DtypeError for complex input.
    """
    return _real_1d(m, "rfft", input, n, dim, norm, True)


@composite(space="fft", method=False, samples=_samples_1d(True))
def irfft(m, input: Array, n=None, dim: int = -1, norm=None):
    """The inverse of `rfft`: n real values from bins 0 ... n // 2; n is 2 (bins - 1) unless given."""
    return _to_real_1d(m, input, n, dim, norm, False)


@composite(space="fft", method=False, samples=_samples_1d(True))
def hfft(m, input: Array, n=None, dim: int = -1, norm=None):
    """The real `fft` of a Hermitian-symmetric signal given by its values 0 ... n // 2."""
    return _to_real_1d(m, input, n, dim, norm, True)


@composite(space="fft", method=False, samples=_samples_1d(False))
def ihfft(m, input: Array, n=None, dim: int = -1, norm=None):
    """The inverse of `hfft`: values 0 ... n // 2 of the inverse transform of real input."""
    return _real_1d(m, "ihfft", input, n, dim, norm, False)


# ---------------------------------------------------------------- several dimensions


def _complex_nd(m, input, s, dim, norm, forward):
    x = _floating(m, input, True)
    sizes, dims = _shape_and_dims(x, s, dim)
    x = _resized(m, x, dims, sizes)
    for d in dims:
        _positive(x.shape[d])
    return m.fft_c2c(x, tuple(dims), _scale(norm, forward), forward)


def _to_real_sizes(name, x, s, dim):
    """Sizes of the result, sizes of the input that they need, dims."""
    sizes, dims = _shape_and_dims(x, s, dim)
    _some(name, dims)
    last = 2 * (x.shape[dims[-1]] - 1) if s is None or sizes[-1] == -1 else sizes[-1]
    for d, n in zip(dims[:-1], sizes, strict=False):
        _positive(x.shape[d] if n == -1 else n)
    return _positive(last), [*sizes[:-1], last // 2 + 1], dims


def _irfftn(m, input, s, dim, norm):
    x = _floating(m, input, True)
    last, sizes, dims = _to_real_sizes("irfftn", x, s, dim)
    return m.fft_c2r(_resized(m, x, dims, sizes), tuple(dims), _scale(norm, False), last)


def _rfftn(m, input, s, dim, norm):
    if is_complex(input):
        raise DtypeError(f"rfftn expects a real-valued input tensor, but got {_kind(input).scalar}")
    x = _floating(m, input, False)
    sizes, dims = _shape_and_dims(x, s, dim)
    _some("rfftn", dims)
    x = _resized(m, x, dims, sizes)
    for d in dims:
        _positive(x.shape[d])
    return m.fft_r2c(x, tuple(dims), _scale(norm, True), True)


def _hfftn(m, input, s, dim, norm):
    x = _floating(m, input, True)
    last, sizes, dims = _to_real_sizes("hfftn", x, s, dim)
    x = _resized(m, x, dims, sizes)
    scale = _scale(norm, True)
    if len(dims) > 1:
        x = m.fft_c2c(x, tuple(dims[:-1]), scale, True)
    return m.fft_c2r(m.conj(x), (dims[-1],), scale, last)


def _ihfftn(m, input, s, dim, norm):
    sizes, dims = _shape_and_dims(input, s, dim)
    _some("ihfftn", dims)
    if is_complex(input):
        raise DtypeError(f"Only supports floating-point dtypes, but found: {_kind(input).scalar}")
    x = _floating(m, input, False)
    x = _resized(m, x, dims, sizes)
    for d in dims:
        _positive(x.shape[d])
    scale = _scale(norm, False)
    out = m.fft_r2c(x, (dims[-1],), scale, True)
    if len(dims) == 1:
        return m.conj(out)
    return m.fft_c2c(m.conj_physical(out), tuple(dims[:-1]), scale, False)


def _samples_nd(complex_input):
    def samples(s):
        make = s.complex if complex_input else s.array
        return [
            call(make(3, 4)), call(make(2, 3, 4), dim=(0, 2)), call(make(3, 4), (4, 3)), call(make(3, 4), (5, -1)),
            call(make(3, 5), norm="ortho"), call(make(3, 4), norm="forward"), call(make(3, 4), dim=(1, 0)),
        ]  # fmt: skip

    return samples


@composite(space="fft", method=False, samples=_samples_nd(True))
def fftn(m, input: Array, s: Ints | None = None, dim: Ints | None = None, norm=None):
    """`fft` along several dims, all unless `dim` or `s` (the sizes, -1 keeps one) say which.

    Raises: ShapeError for a dim given twice, or sizes and dims of different number.
    """
    return _complex_nd(m, input, s, dim, norm, True)


@composite(space="fft", method=False, samples=_samples_nd(True))
def ifftn(m, input: Array, s: Ints | None = None, dim: Ints | None = None, norm=None):
    """The inverse of `fftn`."""
    return _complex_nd(m, input, s, dim, norm, False)


@composite(space="fft", method=False, samples=_samples_nd(False))
def rfftn(m, input: Array, s: Ints | None = None, dim: Ints | None = None, norm=None):
    """`fftn` of real input, the last of the dims with bins 0 ... n // 2 only."""
    return _rfftn(m, input, s, dim, norm)


@composite(space="fft", method=False, samples=_samples_nd(True))
def irfftn(m, input: Array, s: Ints | None = None, dim: Ints | None = None, norm=None):
    """The inverse of `rfftn`, real."""
    return _irfftn(m, input, s, dim, norm)


@composite(space="fft", method=False, samples=_samples_nd(True))
def hfftn(m, input: Array, s: Ints | None = None, dim: Ints | None = None, norm=None):
    """The real `fftn` of a signal that is Hermitian-symmetric in the last of the dims."""
    return _hfftn(m, input, s, dim, norm)


@composite(space="fft", method=False, samples=_samples_nd(False))
def ihfftn(m, input: Array, s: Ints | None = None, dim: Ints | None = None, norm=None):
    """The inverse of `hfftn`: half of the last of the dims."""
    return _ihfftn(m, input, s, dim, norm)


@composite(space="fft", method=False, samples=_samples_nd(True))
def fft2(m, input: Array, s: Ints | None = None, dim: Ints = (-2, -1), norm=None):
    """`fftn` along two dims."""
    return _complex_nd(m, input, s, dim, norm, True)


@composite(space="fft", method=False, samples=_samples_nd(True))
def ifft2(m, input: Array, s: Ints | None = None, dim: Ints = (-2, -1), norm=None):
    """`ifftn` along two dims."""
    return _complex_nd(m, input, s, dim, norm, False)


@composite(space="fft", method=False, samples=_samples_nd(False))
def rfft2(m, input: Array, s: Ints | None = None, dim: Ints = (-2, -1), norm=None):
    """`rfftn` along two dims."""
    return _rfftn(m, input, s, dim, norm)


@composite(space="fft", method=False, samples=_samples_nd(True))
def irfft2(m, input: Array, s: Ints | None = None, dim: Ints = (-2, -1), norm=None):
    """`irfftn` along two dims."""
    return _irfftn(m, input, s, dim, norm)


@composite(space="fft", method=False, samples=_samples_nd(True))
def hfft2(m, input: Array, s: Ints | None = None, dim: Ints = (-2, -1), norm=None):
    """`hfftn` along two dims."""
    return _hfftn(m, input, s, dim, norm)


@composite(space="fft", method=False, samples=_samples_nd(False))
def ihfft2(m, input: Array, s: Ints | None = None, dim: Ints = (-2, -1), norm=None):
    """`ihfftn` along two dims."""
    return _ihfftn(m, input, s, dim, norm)


# ---------------------------------------------------------------- order of bins


def _shifted(m, x, dim, back: bool):
    dims = tuple(range(x.ndim)) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if not dims:
        raise ShapeError("`shifts` required: there is no dim to shift along")
    sizes = [x.shape[wrap_dim(d, x.ndim)] for d in dims]
    return m.roll(x, tuple((n + 1) // 2 if back else n // 2 for n in sizes), dims)


@composite(
    space="fft", method=False, samples=lambda s: [call(s.array(3, 4)), call(s.array(5), 0), call(s.array(3, 4), (-1,))]
)
def fftshift(m, input: Array, dim: Ints | None = None):
    """Bins in rising order of frequency: negative ones first, zero in the middle."""
    return _shifted(m, input, dim, False)


@composite(
    space="fft", method=False, samples=lambda s: [call(s.array(3, 4)), call(s.array(5), 0), call(s.array(3, 4), (-1,))]
)
def ifftshift(m, input: Array, dim: Ints | None = None):
    """The inverse of `fftshift`."""
    return _shifted(m, input, dim, True)
