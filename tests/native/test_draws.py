"""Random numbers drawn in C are those that the samplers draw, and leave the generator in the same place."""

import numpy as np
import pytest

from wengert.core.arrays import draws, permutations, sampling
from wengert.core.arrays.generator import Generator
from wengert.core.base import native

pytestmark = pytest.mark.skipif(not native.active, reason="the compiled core is not in use")

SHAPES = [(), (1,), (2,), (5,), (15,), (16,), (17,), (31,), (3, 4), (40, 7), (4095,)]
NAMES = ("uniforms", "normals", "integers", "thresholds", "chances")


class Nothing:
    """Stands for `draws` where none of them is for a call."""

    def __getattr__(self, name):
        return lambda *args: None


def both(monkeypatch, sample):
    """What a sampler gives by draws and without them, and where the generators stand after it."""
    found = []
    for module in (draws, Nothing()):
        monkeypatch.setattr(sampling, "draws", module)
        source = Generator().manual_seed(11)
        first = sampling.normal(3, np.float64, generator=source)  # leaves a normal over
        found.append((first, sample(source), sample(source), source.get_state()))
    return found


def same(found, units=0):
    (_, *ours, state), (_, *theirs, wanted) = found
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        if units:
            np.testing.assert_array_max_ulp(a, b, units)
        else:
            assert a.tobytes() == b.tobytes()
    assert np.array_equal(state, wanted)


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-1.0, 1.0), (0.1, 0.7), (3, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("shape", SHAPES)
def test_uniform(monkeypatch, shape, dtype, bounds):
    kind = np.dtype(dtype)
    same(both(monkeypatch, lambda source: sampling.uniform(shape, kind, *bounds, generator=source)))


@pytest.mark.parametrize("moments", [(0.0, 1.0), (1.5, 0.3), (-1e3, 0.0)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_normal(monkeypatch, shape, dtype, moments):
    kind = np.dtype(dtype)
    found = both(monkeypatch, lambda source: sampling.normal(shape, kind, *moments, generator=source))
    if np.prod(shape) < 16:
        return same(found)
    (_, *ours, state), (_, *theirs, wanted) = found
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(
            a, b, rtol=4 * np.finfo(kind).eps, atol=abs(moments[0]) * np.finfo(kind).eps + 1e-300
        )
    assert np.array_equal(state, wanted)


@pytest.mark.parametrize("bounds", [(0, 10), (-5, 5), (0, 2**28 - 1), (0, 2**28), (-(2**62), 2**62), (0, 1)])
@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "int8", "uint8", "float32", "float64", "bool"])
@pytest.mark.parametrize("shape", [(), (3,), (5, 8)])
def test_integers(monkeypatch, shape, dtype, bounds):
    kind = np.dtype(dtype)
    try:
        sampling.randint(*bounds, shape, kind, generator=Generator())
    except sampling.SampleError:
        return  # the dtype does not hold them
    same(both(monkeypatch, lambda source: sampling.randint(*bounds, shape, kind, generator=source)))


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "float32", "float64", "float16"])
def test_whole_range(monkeypatch, dtype):
    kind = np.dtype(dtype)
    same(both(monkeypatch, lambda source: sampling.random_full((4, 5), kind, generator=source)))


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("shape", [(), (3,), (5, 8)])
def test_bernoulli_and_dropout(monkeypatch, shape, dtype, p):
    kind = np.dtype(dtype)
    same(both(monkeypatch, lambda source: sampling.bernoulli(p, shape, kind, source)))
    if kind.kind == "f":
        same(both(monkeypatch, lambda source: sampling.dropout_mask(shape, p, kind, source)))
        each = np.full(shape, p, kind)
        same(both(monkeypatch, lambda source: sampling.bernoulli(each, generator=source)))


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_chances_beyond_one_are_refused(p):
    source = Generator().manual_seed(1)
    with pytest.raises(sampling.SampleError):
        sampling.bernoulli(np.array([0.5, p], np.float32), generator=source)
    assert np.array_equal(source.get_state(), Generator().manual_seed(1).get_state())


def test_permutations_are_those_of_the_sampler():
    import wengert as w

    for n in (0, 1, 2, 5, 64, 65, 1000, 4095):
        ours, theirs = w.Generator().manual_seed(n), Generator().manual_seed(n)
        assert w.randperm(n, generator=ours).tolist() == permutations.randperm(n, generator=theirs).tolist()
        assert np.array_equal(ours.get_state().numpy(), theirs.get_state())


def test_a_state_that_was_set_is_drawn_from():
    source, other = Generator().manual_seed(4), Generator().manual_seed(5)
    sampling.uniform((7,), generator=other)
    source.set_state(other.get_state())
    assert sampling.normal((20,), generator=source).tobytes() == sampling.normal((20,), generator=other).tobytes()
    source.manual_seed(9)
    assert (
        sampling.uniform((5,), generator=source).tolist()
        == sampling.uniform(5, generator=Generator().manual_seed(9)).tolist()
    )


def test_what_draws_are_not_for():
    source = Generator()
    for shape, dtype in [
        ((0,), "float32"),
        ((5000,), "float32"),
        ([3], "float32"),
        ((2,), "complex64"),
        ((2,), "float16"),
    ]:
        assert draws.normals(source, shape, np.dtype(dtype), 0.0, 1.0) is None
    assert draws.uniforms(source, (3,), np.dtype("float64"), 0.0, 2.0, 2.0) is None
