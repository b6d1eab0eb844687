"""Padding by the input's own elements: reflected, replicated, repeated in a circle."""

from __future__ import annotations

from wengert.core.base.errors import MissingError, ShapeError
from wengert.core.operators.kinds import linear
from wengert.core.operators.record import Array, Ints
from wengert.core.operators.samples import call

_KERNELS = {"reflect": "reflection_pad", "replicate": "replication_pad"}
_NAMES = {"reflect": "ReflectionPad{}DBackward0", "replicate": "ReplicationPad{}DBackward0", "circular": "CopySlices"}


def _sources(np, n, before, after, mode):
    """For each place of a padded dim of size n, the place it is copied from."""
    places = np.arange(-before, n + after)
    if mode == "replicate":
        return np.clip(places, 0, n - 1)
    if mode == "circular":
        first, last = max(-before, 0), n - max(-after, 0)  # what is cut off does not come back at the other end
        return first + (places - first) % (last - first)
    places = np.abs(places)
    return (n - 1) - np.abs((n - 1) - places)


def _check(shape, pad, mode):
    dims = len(pad) // 2
    if len(pad) % 2 or dims not in (1, 2, 3) or len(shape) not in (dims + 1, dims + 2):
        raise MissingError(
            f"Padding size {len(pad)} is not supported for {len(shape)}D input tensor.\n"
            "Non-constant padding takes 2 numbers per padded dim: the last dim of a 2-d or 3-d input, the last two of "
            "a 3-d or 4-d one, the last three of a 4-d or 5-d one"
        )
    lead = len(shape) - dims
    if 0 in shape[1 if lead == 2 else 0 :]:
        raise ShapeError(
            f"Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(shape)}"
        )
    for k in range(dims):
        d = len(shape) - 1 - k
        n, before, after = shape[d], pad[2 * k], pad[2 * k + 1]
        if mode == "reflect" and (before >= n or after >= n):
            raise ShapeError(
                f"Argument #{4 + 2 * k}: Padding size should be less than the corresponding input dimension, but got: "
                f"padding ({before}, {after}) at dimension {d} of input {list(shape)}"
            )
        if mode == "circular" and (before > n or after > n):
            raise ShapeError(
                f"Padding value causes wrapping around more than once: ({before}, {after}) at dimension {d} of "
                f"{list(shape)}"
            )
        if n + before + after < 1:
            raise ShapeError(f"input ({'WHD'[k]}: {n}) is too small. Calculated output: {n + before + after}")


def _samples(s):
    return [
        call(s.array(2, 4), (1, 2), "reflect"),
        call(s.array(1, 2, 4), (2, -1), "replicate"),
        call(s.array(2, 3), (3, 1), "circular"),
        call(s.array(2, 3, 4), (1, 2, 0, 1), "reflect"),
        call(s.array(1, 2, 3, 2), (1, 0, 2, 1), "circular"),
    ]


@linear(
    transpose=lambda m, g, shape, pad, mode: m.unpadded(g, shape, pad, mode),
    space=None,
    method=False,
    backward_name=lambda args: _NAMES[args[2]].format(len(args[1]) // 2),
    samples=_samples,
)
def padded(np, input: Array, pad: Ints, mode):
    """The input surrounded by its own elements: pad = (before, after) of the last dim, then of the one before, ...

    mode: "reflect" (without the edge), "replicate" (the edge), "circular" (the other end).  Negative padding cuts off.
    Raises: MissingError for numbers of dims and pads that do not go together, and for booleans unless the mode is
    "circular"; ShapeError for pads that are too wide.
    """
    _check(input.shape, pad, mode)
    if input.dtype.kind == "b" and mode in _KERNELS:
        raise MissingError(
            f"\"{_KERNELS[mode]}{len(pad) // 2}d\" not implemented for 'Bool'; pad numbers of another dtype"
        )
    out = input
    for k in range(len(pad) // 2):
        d = input.ndim - 1 - k
        out = np.take(out, _sources(np, input.shape[d], pad[2 * k], pad[2 * k + 1], mode), axis=d)
    return out


@linear(
    transpose=lambda m, g, pad, mode: m.padded(g, pad, mode),
    space=None,
    method=False,
    samples=lambda s: [
        call(s.array(2, 7), (2, 4), (1, 2), "reflect"),
        call(s.array(2, 5), (2, 4), (2, -1), "replicate"),
        call(s.array(2, 7), (2, 3), (3, 1), "circular"),
    ],
)
def unpadded(np, grad: Array, size, pad: Ints, mode):
    """The transpose of `padded`: every element added to the place it was copied from."""
    out = grad
    for k in range(len(pad) // 2):
        d = len(size) - 1 - k
        out = _folded(np, out, d, size[d], pad[2 * k], _sources(np, size[d], pad[2 * k], pad[2 * k + 1], mode))
    return out


def _folded(np, grad, d, n, before, sources):
    """One dim of `unpadded`: the middle as a slice, the few places of the edges one by one."""
    grad = np.moveaxis(grad, d, 0)
    out = np.zeros((n, *grad.shape[1:]), dtype=grad.dtype)
    start, stop = max(before, 0), min(before + n, grad.shape[0])
    out[start - before : stop - before] = grad[start:stop]
    for place in [*range(start), *range(stop, grad.shape[0])]:
        out[int(sources[place])] += grad[place]
    return np.moveaxis(out, 0, d)
