"""Counting in bins, and covariances of counted observations."""

from __future__ import annotations

from typing import Any
from warnings import warn

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays import return_types
from wengert.core.base.errors import DtypeError, ShapeError
from wengert.core.operators.kinds import composite, plain
from wengert.core.operators.library.overloads import is_number, refuse
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

# ---------------------------------------------------------------- bins


@plain(shape="values", samples=lambda s: [call(s.integers(6)), call(s.integers(6), s.array(6), 5)])
def bincount(np, input: Array, weights: Array | None = None, minlength=0):
    """How often each of 0, 1, 2, ... occurs in a vector of integers, or the sum of the weights where it does.

    int64 without weights; with weights their dtype if float32, else float64.
    Raises: ShapeError for negative values, more than 1 dim, or weights of another length.
    """
    refuse("bincount_cpu", "fcb", input)
    if minlength < 0:
        raise ShapeError(f"minlength should be >= 0, got {minlength}")
    if input.ndim != 1 or (input.size and input.min() < 0):
        raise ShapeError(f"bincount only supports 1-d non-negative integral inputs. Got shape {list(input.shape)}")
    if weights is not None and weights.shape != input.shape:
        raise ShapeError(f"weights should be 1-d and have the same length as input, got {list(weights.shape)}")
    if not input.size:
        return np.zeros(minlength, dtype="int64")
    counts = np.bincount(input.astype("int64"), weights, minlength)
    return counts.astype("float32") if weights is not None and weights.dtype.name == "float32" else counts


def _limits(np: Any, label: str, input: Any, low: float, high: float, margin: float) -> tuple[float, float]:
    """The range of the bins: that of the values if none is given, widened by `margin` if it is a point."""
    if low == high and input.size:
        low, high = float(input.min()), float(input.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ShapeError(f"{label} [{low:g}, {high:g}] is not finite")
    return (low - margin, high + margin) if low == high else (low, high)


def counted(np: Any, x: Any, edges: Any, weights: Any = None) -> Any:
    """Sums of weights (or counts) between edges; the last bin has its upper edge, what is outside does not count."""
    inside = (x >= edges[0]) & (x <= edges[-1])
    x = x[inside]
    bins = edges.shape[0] - 1
    place = np.minimum(np.searchsorted(edges, x, side="right") - 1, bins - 1)
    return np.bincount(place, None if weights is None else weights[inside], bins)


def even_counts(np: Any, x: Any, low: float, high: float, bins: int, weights: Any = None) -> Any:
    """The same for bins of equal width, whose number follows from the value itself."""
    inside = (x >= low) & (x <= high)
    x = x[inside]
    kind = x.dtype.type
    place = ((x - kind(low)) * (kind(bins) / kind(high - low))).astype("int64")
    return np.bincount(np.minimum(place, bins - 1), None if weights is None else weights[inside], bins)


@plain(samples=lambda s: [call(s.array(6), 4), call(s.array(2, 3), 3, -1, 1)])
def histc(np, input: Array, bins=100, min=0, max=0):
    """How many elements fall in each of `bins` equal bins from `min` to `max`, in the dtype of input.

    min = max: the range of the values.  What lies outside is not counted.
    Raises: ShapeError for no bins, max below min or a range that is not finite; MissingError for integers.
    """
    refuse("histogram_cpu", "biuc", input)
    if bins <= 0:
        raise ShapeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    if max < min:
        raise ShapeError(f"torch.histc: max must be larger than min, got {max} and {min}")
    low, high = _limits(np, "torch.histc: range of", input, float(min), float(max), 1)
    return even_counts(np, input.reshape(-1), low, high, bins).astype(input.dtype)


@plain(
    space=None,
    method=False,
    outputs=2,
    samples=lambda s: [
        call(s.array(6), None, 4, None, None, False),
        call(s.array(6), None, 3, (-1, 1), s.array(6), True),
    ],
)
def histogram_parts(np, input: Array, edges: Array | None, bins, range, weight: Array | None, density):
    """Histogram and bin edges."""
    refuse("histogramdd", "biuc", input)
    x = input.reshape(-1)
    weights = None if weight is None else weight.reshape(-1)
    if edges is None:
        if bins <= 0:
            raise ShapeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
        empty = (0.0, 1.0 if not x.size else 0.0)
        low, high = empty if range is None else (float(range[0]), float(range[1]))
        if low > high:
            raise ShapeError(
                f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for dimension 0"
            )
        if range is None:
            low, high = _limits(np, "torch.histogramdd: dimension 0's range", x, low, high, 0.5)
        elif low == high:
            low, high = low - 0.5, high + 0.5
        edges = np.linspace(low, high, bins + 1, dtype=input.dtype)
        counts = even_counts(np, x, low, high, bins, weights)
    else:
        counts = counted(np, x, edges, weights)
    counts = counts.astype(input.dtype)
    return (counts / counts.sum() / np.diff(edges) if density else counts), edges


@composite(samples=lambda s: [call(s.array(6), 4), call(s.array(6), 3, range=(-1.0, 1.0), density=True)])
def histogram(m, input: Array, bins, *, range=None, weight: Array | None = None, density=False):
    """Counts (or sums of weights) in bins, as (hist, bin_edges).  No derivative.

    bins: their number, equal in width over `range` (that of the values if not given), or a tensor of edges.
    density: divided by the sum and the widths.  Raises as `histc`; ShapeError for a weight of another shape.
    """
    if weight is not None and weight.shape != input.shape:
        raise ShapeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor "
            f"excluding its innermost dimension, but got input with shape {list(input.shape)} and weight with shape "
            f"{list(weight.shape)}"
        )
    number = is_number(bins)
    parts = m.histogram_parts(input, None if number else bins, bins if number else None, range, weight, density)
    return return_types.histogram(parts)


# ---------------------------------------------------------------- covariance


def _check_weights(input: Any, fweights: Any, aweights: Any) -> None:
    n = input.shape[-1] if input.ndim else 1
    for name, weights in (("fweights", fweights), ("aweights", aweights)):
        if weights is None:
            continue
        if weights.ndim > 1:
            raise ShapeError(
                f"cov(): expected {name} to have one or fewer dimensions but got {name} with {weights.ndim} dimensions"
            )
        if weights.numel() != n:
            raise ShapeError(
                f"cov(): expected {name} to have the same numel as there are observations in the input but got "
                f"{weights.numel()} != {n}"
            )
        if weights.dtype.is_floating_point == (name == "fweights"):
            kind = "integral" if name == "fweights" else "floating point"
            raise DtypeError(
                f"cov(): expected {name} to have {kind} dtype but got {name} with "
                f"{dtypes.scalar_name(weights.dtype)} dtype"
            )
        if weights.numel() and bool((weights < 0).any()):
            raise ShapeError(f"cov(): {name} cannot be negative; the smallest is {weights.min().item()}")


@composite(
    samples=lambda s: [
        call(s.array(3, 5)),
        call(s.array(4)),
        call(s.array(2, 4), correction=0, aweights=s.array(4, low=0.5)),
    ]
)
def cov(m, input: Array, *, correction=1, fweights: Array | None = None, aweights: Array | None = None):
    """Covariances of variables (rows) over observations (columns): (n, k) to (n, n), (k,) to a number.

    fweights: how often each observation counts; aweights: how much.  Raises: ShapeError for more than 2 dims.
    """
    if input.ndim > 2:
        raise ShapeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    if input.dtype == dtypes.bool_:
        raise DtypeError("cov(): bool dtype is not supported for input")
    _check_weights(input, fweights, aweights)
    rows = m.reshape(input, (1, -1)) if input.ndim < 2 else input
    if not rows.dtype.is_floating_point and not rows.dtype.is_complex:
        rows = rows * 1.0
    count = rows.shape[1]
    w = fweights if aweights is None else aweights if fweights is None else fweights * aweights
    if w is None:
        total: Any = count
        middle = m.sum(rows, 1, True) / count
        norm: Any = count - correction
    else:
        total = m.sum(w)
        middle = m.sum(rows * w, 1, True) / total
        norm = total - correction * (1 if aweights is None else m.sum(w * aweights) / total)
    if not bool(norm > 0):
        warn(
            "cov(): degrees of freedom is <= 0. Correction should be less than the observations",
            UserWarning,
            stacklevel=3,
        )
        norm = 0
    apart = rows - middle
    weighted = apart if w is None else apart * w
    found = m.matmul(weighted, m.transpose(m.conj(apart) if rows.dtype.is_complex else apart, 0, 1)) / norm
    return m.reshape(found, ()) if rows.shape[0] == 1 else found


@composite(samples=lambda s: [call(s.array(3, 5)), call(s.array(4))])
def corrcoef(m, input: Array):
    """Correlations of variables (rows) over observations (columns): covariances over deviations, within [-1, 1]."""
    if input.ndim > 2:
        raise ShapeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    found = m.cov(input)
    if not found.ndim:
        return found / found
    deviations = m.sqrt(m.real(m.diagonal(found)) if found.dtype.is_complex else m.diagonal(found))
    scaled = found / m.unsqueeze(deviations, 1) / m.unsqueeze(deviations, 0)
    if scaled.dtype.is_complex:
        return m.complex(m.clamp(m.real(scaled), -1, 1), m.clamp(m.imag(scaled), -1, 1))
    return m.clamp(scaled, -1, 1)
