"""gather and scatter by a vector of positions expanded over the other dims: as by the same positions written out."""

import numpy as np
import pytest

import wengert
from wengert.core.operators.library import positions

SHAPES = [((7, 5), 0, 5), ((7, 5), 1, 7), ((7, 5), 0, 3), ((4, 6, 3), 1, 4), ((4, 6, 3), 2, 2)]


def given(shape, dim, least):
    """A tensor, positions along `dim` that are expanded over the other dims, and a source of the same shape."""
    rng = np.random.default_rng(0)
    extents = [min(n, least) if least < shape[0] else n for n in shape]
    extents[dim] = 11
    vector = wengert.from_numpy(rng.integers(0, shape[dim], 11))
    index = vector.view([-1 if d == dim else 1 for d in range(len(shape))]).expand(*extents)
    x, src = rng.standard_normal(shape), rng.standard_normal(extents)
    return wengert.from_numpy(x).requires_grad_(), index, wengert.from_numpy(src).requires_grad_()


def followed(call, x, index, src):
    """The result, and the gradients of x and the source."""
    y = call(x, index, src)
    weights = wengert.arange(y.numel(), dtype=y.dtype).cos().view(y.shape)
    return [y, *wengert.autograd.grad((y * weights).sum(), (x, src), allow_unused=True)]


CALLS = {
    "gather": lambda dim: lambda x, index, src: x.gather(dim, index),
    "scatter_add": lambda dim: lambda x, index, src: x.scatter_add(dim, index, src),
    **{
        f"{reduce}, {'with' if own else 'without'} self": lambda dim, reduce=reduce, own=own: (
            lambda x, index, src: x.scatter_reduce(dim, index, src, reduce, include_self=own)
        )
        for reduce in ("sum", "prod", "mean", "amax", "amin")
        for own in (True, False)
    },
}


@pytest.mark.parametrize("shape, dim, least", SHAPES)
@pytest.mark.parametrize("name", CALLS)
def test_the_same_as_written_out(name, shape, dim, least):
    x, index, src = given(shape, dim, least)
    call = CALLS[name](dim)
    found, wanted = followed(call, x, index, src), followed(call, x, index.contiguous(), src)
    for one, other in zip(found, wanted, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-12, atol=1e-12)


def test_rows_are_known_by_their_strides():
    index = np.arange(6).reshape(2, 3)
    assert positions.same_in_all_lanes(1, index) is None
    wide = np.broadcast_to(index[0], (4, 3))
    assert positions.same_in_all_lanes(0, wide) is None
    np.testing.assert_array_equal(positions.same_in_all_lanes(1, wide), [0, 1, 2])
    np.testing.assert_array_equal(positions.same_in_all_lanes(0, index[:, :1]), [0, 3])


def test_an_extremum_of_rows_keeps_nan():
    x = wengert.zeros(3, 2)
    src = wengert.tensor([[1.0, float("nan")], [2.0, 5.0], [3.0, 1.0]])
    index = wengert.tensor([1, 1, 2]).view(-1, 1).expand(3, 2)
    found = x.scatter_reduce(0, index, src, "amax").numpy()
    np.testing.assert_array_equal(found, [[0, 0], [2, np.nan], [3, 1]])
