"""Resampling: interpolation between the elements of an image, by a fixed scale or at the places of a grid."""

from __future__ import annotations

from itertools import product
from math import prod

from wengert.core.arrays import grid as places
from wengert.core.arrays.resampling import resampled, resampled_bytes
from wengert.core.base.errors import DtypeError, ShapeError
from wengert.core.operators.kinds import elementwise, linear, opaque, plain
from wengert.core.operators.library.overloads import refuse, scalar_name
from wengert.core.operators.raw import namespace_of
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call

# ---------------------------------------------------------------- by a fixed scale


def _rules():
    return [
        (("linear", 4, 7, False, None), ("linear", 5, 3, True, None)),
        (("cubic", 4, 6, False, None), ("cubic", 5, 9, True, None)),
        (("smooth", 4, 2, False, None, 2), ("smooth", 5, 3, False, None, 4)),
        (("nearest", 4, 6, 1.5, False, True), ("nearest", 5, 2, None, True, False)),
    ]


@linear(
    transpose=lambda m, g, rules, label: m.resample_back(g, rules, label),
    space=None,
    method=False,
    backward_name=lambda args: f"{args[2]}Backward0",
    samples=lambda s: (
        [call(s.array(2, 3, 4, 5), rules, "UpsampleBilinear2D") for rules in _rules()]
        + [call(s.array(2, 1, 4), (("linear", 4, 8, False, 2.0),), "UpsampleLinear1D")]
    ),
)
def resample(np, input: Array, rules, label):
    """Each of the last dims resampled by its rule (see core/arrays/resampling.py); label: how the node is called."""
    narrow = len(rules) == 1 and rules[0][0] != "nearest"
    if input.dtype.kind not in "fV" and (input.dtype != np.uint8 or narrow):
        refuse(_routine(label), "biuc", input)
    if input.dtype.kind == "u" and len(rules) == 2 and rules[0][0] != "nearest":
        return resampled_bytes(np, input, rules)
    if input.dtype.kind == "u" and rules[0][0] != "nearest":
        found = resampled(np, input.astype(np.float32), rules, False)
        return np.clip(np.floor(found + 0.5), 0, 255).astype(np.uint8)
    return resampled(np, input, rules, False)


def _routine(label):
    """How torch calls the routine in a refusal: upsample_bilinear2d_channels_last."""
    words = "".join(f"_{c.lower()}" if c.isupper() else c for c in label[: -len("2D")]).strip("_")
    rank = label[-2]
    return f"{words}{rank}d" + ("" if rank == "1" else "_channels_last")


@linear(
    transpose=lambda m, g, rules, label: m.resample(g, rules, label),
    space=None,
    method=False,
    backward_name=lambda args: f"{args[2]}BackwardBackward0",
    samples=lambda s: [
        call(s.array(2, 3, *(rule[2] for rule in rules)), rules, "UpsampleBilinear2D") for rules in _rules()
    ],
)
def resample_back(np, input: Array, rules, label):
    """Transpose of resample."""
    return resampled(np, input, rules, True)


# ---------------------------------------------------------------- coordinates


@plain(
    space=None,
    method=False,
    samples=lambda s: [call(s.array(3, 4), 5, mode, align) for mode in _PADDINGS for align in (False, True)],
)
def grid_slope(np, input: Array, size, mode, align):
    """Derivative of grid_coordinate."""
    return places.slope(np, input, size, mode, align)


_PADDINGS = ("zeros", "border", "reflection")


@elementwise(
    d=lambda m, g, input, size, mode, align: g * m.grid_slope(input, size, mode, align),
    space=None,
    method=False,
    inplace=False,
    samples=lambda s: [call(s.array(3, 4), 5, mode, align) for mode in _PADDINGS for align in (False, True)],
)
def grid_coordinate(np, input: Array, size, mode, align):
    """[-1, 1] as coordinates of `size` elements, brought inside as the padding mode says."""
    return places.coordinate(np, input, size, mode, align)


@plain(
    space=None,
    method=False,
    samples=lambda s: [call([s.array(2, 3), s.array(2, 3)], (0, 1), (4, 5), "border", False)],
)
def grid_index(np, lows: list[Array], offsets, sizes, mode, align):
    """Index of the element at whole coordinates `lows` plus offsets; -1 outside."""
    return places.flat_index(np, lows, offsets, sizes, mode, align)


@linear(
    transpose=lambda m, g, shape, index: m.lay_down(g, index, shape[2]),
    space=None,
    method=False,
    samples=lambda s: [call(s.array(2, 3, 5), s.integers(2, 4, low=-1, high=5))],
)
def look_up(np, input: Array, index: Array):
    """(N, C, S) at index (N, P): (N, C, P), 0 where the index is -1."""
    return places.looked_up(np, input, index)


@linear(
    transpose=lambda m, g, index: m.look_up(g, index),
    space=None,
    method=False,
    samples=lambda s: [call(s.array(2, 3, 4), s.integers(2, 4, low=-1, high=5), 5)],
)
def lay_down(np, input: Array, index: Array, count):
    """Transpose of look_up: (N, C, P) added up at index (N, P), to (N, C, count)."""
    return places.laid_down(np, input, index, count)


# ---------------------------------------------------------------- at the places of a grid


def _cubic(m, t):
    """Weights of the four neighbours and their derivatives, a = -0.75."""
    a = -0.75
    u = 1 - t
    far = [((a * x - 5 * a) * x + 8 * a) * x - 4 * a for x in (t + 1, u + 1)]
    near = [((a + 2) * x - (a + 3)) * x * x + 1 for x in (t, u)]
    far_slope = [(3 * a * x - 10 * a) * x + 8 * a for x in (t + 1, u + 1)]
    near_slope = [(3 * (a + 2) * x - 2 * (a + 3)) * x for x in (t, u)]
    return [far[0], near[0], near[1], far[1]], [far_slope[0], near_slope[0], -near_slope[1], -far_slope[1]]


def _corners(m, grid, sizes, mode, padding_mode, align):
    """Per dim the weights and slopes of the neighbours, and their offsets from the whole coordinates `lows`."""
    n, rank = grid.shape[0], len(sizes)
    flat = m.reshape(grid, (n, prod(grid.shape[1:-1]), rank))
    inner = "zeros" if mode == "bicubic" else padding_mode
    lows, weights, slopes = [], [], []
    for i, size in enumerate(sizes):
        c = m.grid_coordinate(m.select(flat, 2, rank - 1 - i), size, inner, align)
        low = m.round(c) if mode == "nearest" else m.floor(c)
        t = c - low
        lows.append(low)
        if mode == "nearest":
            weights.append([None])
            slopes.append([None])
        elif mode == "bilinear":
            weights.append([1 - t, t])
            slopes.append([-1, 1])
        else:
            w, d = _cubic(m, t)
            weights.append(w)
            slopes.append(d)
    return lows, weights, slopes, (-1 if mode == "bicubic" else 0)


def _neighbours(m, sizes, lows, weights, begin, mode, padding_mode, align):
    """(which neighbour along each dim, its index) of all neighbours."""
    again = padding_mode if mode == "bicubic" else None
    for which in product(*[range(len(w)) for w in weights]):
        yield which, m.grid_index(lows, tuple([k + begin for k in which]), tuple(sizes), again, align)


def _weight(which, weights, skip=-1):
    """Product of the weights of a neighbour, all dims but `skip`."""
    found = None
    for i, k in enumerate(which):
        w = weights[i][k]
        if i != skip and w is not None:
            found = w if found is None else found * w
    return found


def _sampled(m, input, grid, mode, padding_mode, align):
    """grid_sample in operators."""
    sizes = tuple(input.shape[2:])
    n, c = input.shape[:2]
    lows, weights, _, begin = _corners(m, grid, sizes, mode, padding_mode, align)
    flat = m.reshape(input, (n, c, prod(sizes)))
    out = None
    for which, index in _neighbours(m, sizes, lows, weights, begin, mode, padding_mode, align):
        part = m.look_up(flat, index)
        weight = _weight(which, weights)
        part = part if weight is None else part * m.unsqueeze(weight, 1)
        out = part if out is None else out + part
    return m.reshape(out, (n, c, *grid.shape[1:-1]))


def _input_rule(m, g, shape, grid, mode, padding_mode, align):
    sizes = tuple(shape[2:])
    n, c = shape[:2]
    lows, weights, _, begin = _corners(m, grid, sizes, mode, padding_mode, align)
    flat = m.reshape(g, (n, c, prod(grid.shape[1:-1])))
    out = None
    for which, index in _neighbours(m, sizes, lows, weights, begin, mode, padding_mode, align):
        weight = _weight(which, weights)
        part = m.lay_down(flat if weight is None else flat * m.unsqueeze(weight, 1), index, prod(sizes))
        out = part if out is None else out + part
    return m.reshape(out, tuple(shape))


def _grid_rule(m, g, input, grid, mode, padding_mode, align):
    if mode == "nearest":
        return m.zero_like(grid)
    sizes = tuple(input.shape[2:])
    n, c = input.shape[:2]
    count = prod(grid.shape[1:-1])
    lows, weights, slopes, begin = _corners(m, grid, sizes, mode, padding_mode, align)
    flat, given = m.reshape(input, (n, c, prod(sizes))), m.reshape(g, (n, c, count))
    found = [None] * len(sizes)
    for which, index in _neighbours(m, sizes, lows, weights, begin, mode, padding_mode, align):
        met = m.sum(m.look_up(flat, index) * given, 1)
        for i, k in enumerate(which):
            rest = _weight(which, weights, i)
            part = met * slopes[i][k] if rest is None else met * rest * slopes[i][k]
            found[i] = part if found[i] is None else found[i] + part
    inner = "zeros" if mode == "bicubic" else padding_mode
    points = m.reshape(grid, (n, count, len(sizes)))
    parts = []
    for j in range(len(sizes)):
        i = len(sizes) - 1 - j
        parts.append(found[i] * m.grid_slope(m.select(points, 2, j), sizes[i], inner, align))
    return m.reshape(m.stack(parts, 2), tuple(grid.shape))


def _check_grid(input, grid):
    if input.dtype != grid.dtype:
        raise DtypeError(
            f"expected scalar type {scalar_name(input)} but found {scalar_name(grid)}: input and grid need one dtype"
        )
    if input.shape[0] != grid.shape[0]:
        raise ShapeError(
            "grid_sampler(): expected grid and input to have same batch size, but got input with sizes "
            f"{list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if grid.shape[-1] != input.ndim - 2:
        raise ShapeError(
            f"grid_sampler(): expected grid to have size {input.ndim - 2} in last dimension, but got grid with sizes "
            f"{list(grid.shape)}"
        )
    for i in range(2, input.ndim):
        if input.shape[i] == 0:
            raise ShapeError(
                "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "
                f"{list(input.shape)} with dimension {i} being empty"
            )
    if input.ndim not in (4, 5) or grid.ndim != input.ndim:
        raise ShapeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes "
            f"{list(input.shape)} and grid with sizes {list(grid.shape)}"
        )


def _grid_samples(s):
    inside = (s.array(2, 3, 2, 2, low=-1, high=1), s.array(2, 3, 2, 2, low=-1.9, high=1.9))
    return [
        call(s.array(2, 3, 4, 5), inside[0], "bilinear", "zeros", False),
        call(s.array(2, 3, 4, 5), inside[1], "bilinear", "zeros", True),
        call(s.array(2, 1, 4, 5), inside[1], "bilinear", "border", False),
        call(s.array(2, 1, 4, 5), inside[1], "bilinear", "reflection", True),
        call(s.array(2, 1, 4, 5), inside[1], "bicubic", "reflection", False),
        call(s.array(2, 1, 4, 5), inside[1], "bicubic", "zeros", True),
        call(s.array(2, 2, 4, 5), inside[1], "nearest", "border", False),
        call(s.array(1, 2, 3, 4, 3), s.array(1, 2, 2, 2, 3, low=-1.5, high=1.5), "bilinear", "border", False),
    ]


@opaque(
    vjp=(_input_rule, _grid_rule),
    space=None,
    method=False,
    backward_name=lambda args: f"GridSampler{args[0].ndim - 2}DBackward0",
    samples=_grid_samples,
)
def sample_grid(np, input: Array, grid: Array, mode, padding_mode, align):
    """out[n, c, p] = input[n, c] between the elements around grid[n, p], a point (x, y) or (x, y, z) in [-1, 1].

    mode: bilinear, nearest or bicubic (4-D only); padding_mode: zeros, border or reflection; align: whether -1 and 1
    are the middles of the outer elements or their edges.
    Source: M. Jaderberg et al., Spatial transformer networks (2015), equation 3.
    """
    _check_grid(input, grid)
    if mode == "bicubic" and input.ndim == 5:
        raise ShapeError("grid_sampler(): bicubic interpolation only supports 4D input")
    refuse("grid_sampler_2d_cpu" if input.ndim == 4 else "grid_sampler3d_cpu", "biuc", input)
    return _sampled(namespace_of(input), input, grid, mode, padding_mode, align)


# ---------------------------------------------------------------- affine grids


def base_grid(np, size, align, dtype):
    """Homogeneous coordinates (prod(size), rank + 1) of the elements, x first."""
    rank = len(size)
    out = np.ones((*size, rank + 1), dtype=dtype)
    for i, n in enumerate(size):
        line = np.linspace(-1, 1, n, dtype=dtype) if n > 1 else np.zeros(1, dtype=dtype)
        if not align:
            line = line * dtype.type((n - 1) / n)
        out[..., rank - 1 - i] = line.reshape(-1, *(1,) * (rank - 1 - i))
    return out.reshape(-1, rank + 1)


@linear(
    transpose=lambda m, g, size, align_corners: m.affine_grid_back(g, size, align_corners),
    space=None,
    method=False,
    backward_name="AffineGridGeneratorBackward0",
    samples=lambda s: [call(s.array(2, 2, 3), (2, 1, 3, 4), False), call(s.array(1, 3, 4), (1, 2, 2, 3, 2), True)],
)
def affine_grid_generator(np, theta: Array, size, align_corners):
    """Grid (N, *size[2:], rank) of the points that theta (N, rank, rank + 1) maps the elements to."""
    rank = len(size) - 2
    if theta.shape[0] != size[0]:
        raise ShapeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{size[0]}, {rank + 1}] but got: "
            f"[{theta.shape[0]}, {rank + 1}]."
        )
    base = base_grid(np, size[2:], align_corners, theta.dtype)
    return np.matmul(base, theta.swapaxes(1, 2)).reshape(size[0], *size[2:], rank)


@linear(
    transpose=lambda m, g, size, align_corners: m.affine_grid_generator(g, size, align_corners),
    space=None,
    method=False,
    samples=lambda s: [call(s.array(2, 3, 4, 2), (2, 1, 3, 4), False)],
)
def affine_grid_back(np, grid: Array, size, align_corners):
    """Transpose of affine_grid_generator."""
    rank = len(size) - 2
    base = base_grid(np, size[2:], align_corners, grid.dtype)
    return np.matmul(grid.reshape(size[0], -1, rank).swapaxes(1, 2), base)
