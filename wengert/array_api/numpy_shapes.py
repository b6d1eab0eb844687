"""NumPy's functions of shape, of linear algebra and of transforms on recorded tensors, entered in one table."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.array_api import fft, linalg, manipulation
from wengert.array_api.numpy_functions import RECORDED, _own, _tensor, _together
from wengert.array_api.numpy_ufuncs import ufunc_result
from wengert.array_api.types import dialect
from wengert.core.tensor.methods import SPACES

_linalg = SPACES["linalg"]


def _reshape(a: Any, /, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: Any = None) -> Any:
    lengths = shape if shape is not None else newshape
    lengths = (lengths,) if isinstance(lengths, int) else tuple(lengths)
    if order == "F":
        reverse = tuple(reversed(range(a.ndim)))
        out = manipulation.reshape(a.permute(reverse), tuple(reversed(lengths)), copy=copy)
        return out.permute(tuple(reversed(range(out.ndim))))
    return manipulation.reshape(a, lengths, copy=copy)


def _squeeze(a: Any, axis: Any = None) -> Any:
    return dialect.squeeze(a) if axis is None else manipulation.squeeze(a, axis)


def _transpose(a: Any, axes: Any = None) -> Any:
    return dialect.permute(a, tuple(reversed(range(a.ndim))) if axes is None else tuple(axes))


def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    if isinstance(indices_or_sections, int) and ary.shape[axis] % indices_or_sections:
        raise ValueError("array split does not result in an equal division")
    return list(dialect.tensor_split(ary, _places(indices_or_sections), axis))


def _places(sections: Any) -> Any:
    return sections if isinstance(sections, int) else [int(place) for place in sections]


def _like(make: Any) -> Any:
    """zeros_like and its kin: an array's shape and dtype, never history."""

    def own(a: Any, *values: Any, dtype: Any = None, shape: Any = None, fill_value: Any = None, **options: Any) -> Any:
        given = values or (() if fill_value is None else (fill_value,))
        lengths = tuple(a.shape) if shape is None else (shape,) if isinstance(shape, int) else tuple(shape)
        return make(lengths, *given, dtype=a.dtype if dtype is None else _own(dtype), device=a.device)

    return own


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    return _linalg["norm"](_tensor(x), ord, axis, keepdims)


def _lists(function: Any) -> Any:
    """atleast_1d and its kin, of one tensor or of several."""

    def own(*arys: Any) -> Any:
        made = tuple(function(_tensor(x)) for x in arys)
        return made if len(made) != 1 else made[0]

    return own


def _multi_dot(arrays: Any, *, out: Any = None) -> Any:
    return _linalg["multi_dot"](_together(arrays))


def _solve(a: Any, b: Any) -> Any:
    return linalg.solve(*_together((a, b)))


RECORDED.update({
    np.reshape: _reshape, np.squeeze: _squeeze, np.transpose: _transpose, np.split: _split,
    np.array_split: lambda ary, indices_or_sections, axis=0: list(
        dialect.tensor_split(ary, _places(indices_or_sections), axis)
    ),
    np.hsplit: lambda ary, indices_or_sections: _split(ary, indices_or_sections, 0 if ary.ndim == 1 else 1),
    np.vsplit: lambda ary, indices_or_sections: _split(ary, indices_or_sections, 0),
    np.dsplit: lambda ary, indices_or_sections: _split(ary, indices_or_sections, 2),
    np.ravel: lambda a, order="C": a.reshape(-1) if order != "F" else _transpose(a).reshape(-1),
    np.expand_dims: lambda a, axis: manipulation.expand_dims(a, axis),
    np.swapaxes: lambda a, axis1, axis2: dialect.swapaxes(a, axis1, axis2),
    np.moveaxis: lambda a, source, destination: dialect.moveaxis(a, source, destination),
    np.flip: lambda m, axis=None: manipulation.flip(m, axis=axis),
    np.fliplr: dialect.fliplr, np.flipud: dialect.flipud,
    np.rot90: lambda m, k=1, axes=(0, 1): dialect.rot90(m, k, list(axes)),
    np.roll: lambda a, shift, axis=None: manipulation.roll(a, shift, axis=axis),
    np.repeat: lambda a, repeats, axis=None: manipulation.repeat(
        a, repeats if isinstance(repeats, int) else _tensor(repeats), axis=axis
    ),
    np.tile: lambda A, reps: dialect.tile(A, (reps,) if isinstance(reps, int) else tuple(reps)),
    np.broadcast_to: lambda array, shape, subok=False: dialect.broadcast_to(
        array, (shape,) if isinstance(shape, int) else tuple(shape)
    ),
    np.broadcast_arrays: lambda *args, subok=False: tuple(dialect.broadcast_tensors(*map(_tensor, args))),
    np.atleast_1d: _lists(dialect.atleast_1d), np.atleast_2d: _lists(dialect.atleast_2d),
    np.atleast_3d: _lists(dialect.atleast_3d),
    np.copy: lambda a, order="K", subok=False: a.clone(),
    np.diagonal: lambda a, offset=0, axis1=0, axis2=1: dialect.diagonal(a, offset, axis1, axis2),
    np.diag: lambda v, k=0: dialect.diag(v, k), np.diagflat: lambda v, k=0: dialect.diagflat(v, k),
    np.tril: lambda m, k=0: dialect.tril(m, k), np.triu: lambda m, k=0: dialect.triu(m, k),
    np.zeros_like: _like(dialect.zeros), np.ones_like: _like(dialect.ones), np.empty_like: _like(dialect.empty),
    np.full_like: _like(dialect.full),
    np.argmax: lambda a, axis=None, out=None, keepdims=False: dialect.argmax(a, axis, keepdim=keepdims is True),
    np.argmin: lambda a, axis=None, out=None, keepdims=False: dialect.argmin(a, axis, keepdim=keepdims is True),
    np.nonzero: lambda a: dialect.nonzero(a, as_tuple=True),
    np.searchsorted: lambda a, v, side="left", sorter=None: dialect.searchsorted(*_together((a, v)), side=side),
    np.real: lambda val: dialect.real(val), np.imag: lambda val: dialect.imag(val),
    np.angle: lambda z, deg=False: dialect.rad2deg(dialect.angle(z)) if deg else dialect.angle(z),
    np.sinc: lambda x: dialect.sinc(x), np.i0: lambda x: dialect.i0(x),
    np.iscomplexobj: lambda x: x.is_complex(), np.isrealobj: lambda x: not x.is_complex(),
    np.fix: lambda x, out=None: ufunc_result(np.trunc, "__call__", (x,), {}),
    np.isposinf: lambda x, out=None: dialect.isposinf(x), np.isneginf: lambda x, out=None: dialect.isneginf(x),
    np.cov: lambda m, *, ddof=None, bias=False: dialect.cov(m, correction=(0 if bias else 1) if ddof is None else ddof),
    np.corrcoef: lambda x: dialect.corrcoef(x),
    np.vander: lambda x, N=None, increasing=False: dialect.vander(x, N, increasing),
    np.linalg.norm: _norm, np.linalg.multi_dot: _multi_dot, np.linalg.solve: _solve,
    np.linalg.inv: lambda a: linalg.inv(a), np.linalg.det: lambda a: linalg.det(a),
    np.linalg.slogdet: lambda a: linalg.slogdet(a), np.linalg.pinv: lambda a, **options: linalg.pinv(a),
    np.linalg.eigh: lambda a, UPLO="L": linalg.Eigh(*_linalg["eigh"](a, UPLO)),
    np.linalg.eigvalsh: lambda a, UPLO="L": _linalg["eigvalsh"](a, UPLO),
    np.linalg.eig: lambda a: _linalg["eig"](a), np.linalg.eigvals: lambda a: _linalg["eigvals"](a),
    np.linalg.cholesky: lambda a, /, *, upper=False: linalg.cholesky(a, upper=upper),
    np.linalg.qr: lambda a, mode="reduced": linalg.qr(a, mode=mode),
    np.linalg.svd: lambda a, full_matrices=True, compute_uv=True, hermitian=False: (
        linalg.svd(a, full_matrices=full_matrices) if compute_uv else linalg.svdvals(a)
    ),
    np.linalg.matrix_power: lambda a, n: linalg.matrix_power(a, n),
    np.linalg.cond: lambda x, p=None: _linalg["cond"](x, p),
})  # fmt: skip


def _single(own: Any) -> Any:
    """A transform along one axis."""
    return lambda a, n=None, axis=-1, norm=None, out=None: own(a, n=n, axis=axis, norm=norm or "backward")


def _several(own: Any, last: Any) -> Any:
    """A transform along several axes, `last` where none are given."""
    return lambda a, s=None, axes=last, norm=None, out=None: own(a, s, axes, norm)


def _shift(own: Any) -> Any:
    return lambda x, axes=None: own(x, axes=axes)


for _name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
    RECORDED[getattr(np.fft, _name)] = _single(getattr(fft, _name))
for _name in ("fftn", "ifftn", "rfftn", "irfftn", "fft2", "ifft2", "rfft2", "irfft2"):
    RECORDED[getattr(np.fft, _name)] = _several(SPACES["fft"][_name], (-2, -1) if _name.endswith("2") else None)
for _name in ("fftshift", "ifftshift"):
    RECORDED[getattr(np.fft, _name)] = _shift(getattr(fft, _name))
