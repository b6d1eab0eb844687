"""In-place forms of plain tensors take a short way: same values, versions, refusals and history as the long one."""

import numpy as np
import pytest

import wengert as wg
from wengert.profiler import profile

SIZES = [1, 4, 255, 300, 4096, 5000, 40000]
FORMS = {
    "relu": (),
    "clamp": (-0.5, 0.7),
    "clamp_min": (0.1,),
    "neg": (),
    "abs": (),
    "sigmoid": (),
    "tanh": (),
    "exp": (),
    "erf": (),
    "erfc": (),
    "round": (),
    "pow": (2,),
    "lerp": ("other", 0.25),
    "addcmul": ("other", "third"),
    "addcdiv": ("other", "third"),
    "masked_fill": ("mask", 3.0),
    "mul": ("other",),
    "sub": ("other",),
}


def operands(size: int, dtype: str, seed: int = 0) -> dict:
    """A tensor to write and what it meets."""
    rng = np.random.default_rng(seed)
    found = {name: wg.tensor(rng.uniform(0.5, 2, size).astype(dtype) * s) for name, s in (("other", -1), ("third", 1))}
    found["input"] = wg.tensor(rng.standard_normal(size).astype(dtype))
    found["mask"] = wg.tensor(rng.random(size) < 0.5)
    return found


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", sorted(FORMS))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_written_tensor_holds_what_the_function_gives(name, size, dtype):
    given = operands(size, dtype)
    x = given["input"]
    args = [given[a] if isinstance(a, str) else a for a in FORMS[name]]
    expected = getattr(wg, name)(x, *args).numpy()
    memory, version = x.numpy(), x._version
    assert getattr(x, name + "_")(*args) is x
    assert x._version == version + 1
    assert np.shares_memory(memory, x.numpy())
    np.testing.assert_allclose(memory, expected, rtol=1e-6 if dtype == "float32" else 1e-12, atol=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_a_factor_and_the_tensor_itself(size):
    given = operands(size, "float32")
    x, y, start = given["input"], given["other"], given["input"].numpy().copy()
    x.add_(y, alpha=2)
    np.testing.assert_array_equal(x.numpy(), start + 2 * y.numpy())
    x.sub_(x, alpha=3)
    np.testing.assert_allclose(x.numpy(), -2 * (start + 2 * y.numpy()), rtol=1e-6)
    x.sub_(other=y)
    np.testing.assert_allclose(x.numpy(), -2 * (start + 2 * y.numpy()) - y.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", SIZES[1:])
def test_what_is_read_lies_partly_in_what_is_written(size):
    start = operands(size, "float32")["input"].numpy()
    for write, expected in (
        (lambda a, b: a.add_(b, alpha=2), start[1:] + 2 * start[:-1]),
        (lambda a, b: a.addcmul_(b, b), start[1:] + start[:-1] * start[:-1]),
        (lambda a, b: a.mul_(b), start[1:] * start[:-1]),
    ):
        x = wg.tensor(start)
        write(x[1:], x[:-1])
        np.testing.assert_allclose(x[1:].numpy(), expected, rtol=1e-6, atol=1e-6)
        assert x._version == 1


def test_whole_numbers_stay_whole():
    x = wg.arange(600)
    assert x.add_(5) is x and x[0] == 5 and x.dtype is wg.int64
    x.mul_(x).clamp_(max=100)
    assert x.max() == 100 and x._version == 3
    with pytest.raises(RuntimeError, match="result type Float can't be cast"):
        x.add_(0.5)
    with pytest.raises(RuntimeError, match="result type Float can't be cast"):
        x.sqrt_()
    assert x._version == 3


def test_views_see_the_write_and_are_written():
    base = wg.zeros(4, 8)
    row, turned = base[1], base.T
    row.sub_(2).abs_()
    assert base[1].sum() == 16 and base.sum() == 16
    turned.neg_()
    assert base.sum() == -16
    base.relu_()
    assert row.sum() == 0
    assert base._version == row._version == turned._version == 4


def test_what_does_not_fit_is_refused_and_nothing_is_written():
    x = wg.zeros(4)
    with pytest.raises(RuntimeError, match=r"output with shape \[4\] doesn't match the broadcast shape \[3, 4\]"):
        x.addcmul_(wg.ones(3, 4), wg.ones(4))
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        wg.zeros(1).expand(4).sigmoid_()
    with pytest.raises(TypeError):
        x.sigmoid_(1, 2)
    with pytest.raises(TypeError):
        x.clamp_(lowest=1)
    assert x._version == 0 and x.sum() == 0


def test_leaves_and_saved_tensors_are_guarded():
    leaf = wg.ones(4, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        leaf.sigmoid_()
    square = wg.ones(4)
    y = (leaf * square).sum()
    square.neg_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
    with wg.no_grad():
        leaf.neg_()
    assert leaf._version == 1 and leaf.is_leaf and leaf.sum() == -4


def test_history_is_written_where_another_tensor_wants_a_gradient():
    x, w = wg.ones(4), wg.full((4,), 3.0, requires_grad=True)
    x.addcmul_(w, w)
    assert x.requires_grad
    x.sum().backward()
    assert w.grad.tolist() == [6.0] * 4


def test_observers_see_the_write():
    x = wg.ones(300)
    with profile() as seen:
        x.sigmoid_()
    assert any("sigmoid" in event.key for event in seen.key_averages())
