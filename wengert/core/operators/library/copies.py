"""View operators as copies: `permute_copy(x, dims)` is `permute(x, dims).clone()`."""

from __future__ import annotations

from wengert.core.arrays.device import contiguous_format
from wengert.core.operators.kinds import composite
from wengert.core.operators.record import Array, Ints
from wengert.core.operators.samples import call


def _copied(m, view):
    """A row-major copy of a view."""
    return m.clone(view, memory_format=contiguous_format)


@composite(method=False, aliases=("detach_copy",), samples=lambda s: [call(s.array(2, 3)), call(s.array())])
def alias_copy(m, input: Array):
    """A copy of the input."""
    return m.clone(input)


@composite(method=False, samples=lambda s: [call(s.array(3, 1), (3, 4)), call(s.array(), (2,))])
def expand_copy(m, input: Array, size: Ints, *, implicit=False):
    """A copy of the input stretched to `size`."""
    return _copied(m, m.expand(input, size))


@composite(method=False, samples=lambda s: [call(s.array(2, 3, 4), (2, 0, 1))])
def permute_copy(m, input: Array, dims: Ints):
    """A copy of the input with its dims in another order."""
    return _copied(m, m.permute(input, dims))


@composite(method=False, samples=lambda s: [call(s.array(3, 4), 1, 2), call(s.array(3), 0, -1)])
def select_copy(m, input: Array, dim: int, index: int):
    """A copy of the slice at `index` along `dim`."""
    return _copied(m, m.select(input, dim, index))


@composite(method=False, samples=lambda s: [call(s.array(5, 2), 0, 1, 4, 2), call(s.array(4))])
def slice_copy(m, input: Array, dim: int = 0, start=None, end=None, step: int = 1):
    """A copy of input[start:end:step] along `dim`."""
    return _copied(m, m.slice(input, dim, start, end, step))


@composite(method=False, samples=lambda s: [call(s.array(2, 1, 3)), call(s.array(2, 1), 1)])
def squeeze_copy(m, input: Array, dim: Ints | None = None):
    """A copy of the input without its dims of size 1."""
    return _copied(m, m.squeeze(input, dim))


@composite(method=False, samples=lambda s: [call(s.array(2, 3)), call(s.array(3))])
def t_copy(m, input: Array):
    """A copy of a matrix's transpose."""
    return _copied(m, m.t(input))


@composite(method=False, samples=lambda s: [call(s.array(2, 3, 4), 0, -1)])
def transpose_copy(m, input: Array, dim0: int, dim1: int):
    """A copy of the input with two dims swapped."""
    return _copied(m, m.transpose(input, dim0, dim1))


@composite(method=False, samples=lambda s: [call(s.array(5), 0, 3, 1), call(s.array(2, 5), 1, 2, 2)])
def unfold_copy(m, input: Array, dimension: int, size: int, step: int):
    """A copy of the windows of `size` along a dim, every `step` places."""
    return _copied(m, m.unfold(input, dimension, size, step))


@composite(method=False, samples=lambda s: [call(s.array(2, 3), 1), call(s.array(), 0)])
def unsqueeze_copy(m, input: Array, dim: int):
    """A copy of the input with a dim of size 1 put in."""
    return _copied(m, m.unsqueeze(input, dim))


@composite(method=False, samples=lambda s: [call(s.complex(3))])
def view_as_real_copy(m, input: Array):
    """A copy of complex numbers as pairs of real ones."""
    return _copied(m, m.view_as_real(input))


@composite(method=False, outputs=2, samples=lambda s: [call(s.array(4, 2), 2)])
def split_copy(m, input: Array, split_size: int, dim: int = 0):
    """Copies of the pieces of `split_size` along `dim`."""
    return tuple(_copied(m, part) for part in m.split(input, split_size, dim))


@composite(method=False, outputs=2, samples=lambda s: [call(s.array(4, 2), (1, 3))])
def split_with_sizes_copy(m, input: Array, split_sizes: Ints, dim: int = 0):
    """Copies of the pieces of the given sizes along `dim`."""
    return tuple(_copied(m, part) for part in m.split_with_sizes(input, split_sizes, dim))


@composite(method=False, outputs=2, samples=lambda s: [call(s.array(2, 3)), call(s.array(3, 2), 1)])
def unbind_copy(m, input: Array, dim: int = 0):
    """Copies of the slices along `dim`."""
    return tuple(_copied(m, part) for part in m.unbind(input, dim))
