"""Strides of results: what keeps the order of an operand's dims in memory, and what is row-major whatever comes in."""

import pytest

from tests.backend import torch


def laid(library, kind):
    """A tensor whose elements do not lie row by row."""
    if kind == "images":
        return library.arange(2.0 * 3 * 4 * 5).reshape(2, 3, 4, 5).contiguous(memory_format=library.channels_last)
    if kind == "matrix":
        return library.arange(12.0).reshape(3, 4).t()
    return library.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1)


ROW_MAJOR = {
    "sum": lambda t, x: x.sum(0, keepdim=True),
    "mean": lambda t, x: x.mean(-1),
    "amax": lambda t, x: x.amax(0),
    "var": lambda t, x: x.var(0),
    "std_mean": lambda t, x: t.std_mean(x, 0)[1],
    "prod": lambda t, x: x.prod(0),
    "norm": lambda t, x: t.linalg.vector_norm(x, dim=0),
    "cumsum": lambda t, x: x.cumsum(0),
    "cummax": lambda t, x: x.cummax(0)[0],
    "softmax": lambda t, x: x.softmax(0),
    "log_softmax": lambda t, x: x.log_softmax(-1),
    "gather": lambda t, x: x.gather(0, t.zeros_like(x, dtype=t.int64)),
    "masked_fill": lambda t, x: x.masked_fill(x > 3, 0),
    "tril": lambda t, x: x.tril(),
    "repeat": lambda t, x: x.repeat((1,) * x.dim()),
    "permute_copy": lambda t, x: t.permute_copy(x, tuple(range(x.dim()))),
}
KEPT = {
    "add a number": lambda t, x: x + 1,
    "exp": lambda t, x: x.exp(),
    "gelu": lambda t, x: t.nn.functional.gelu(x),
    "clone": lambda t, x: x.clone(),
    "expand and clone": lambda t, x: x.expand(2, *x.shape).clone(),
    "empty_like": lambda t, x: t.empty_like(x),
    "rand_like": lambda t, x: t.rand_like(x),
    "dropout": lambda t, x: t.nn.functional.dropout(x, 0.5),
    "flip": lambda t, x: x.flip(0),
    "sort": lambda t, x: x.sort(0)[0],
    "where": lambda t, x: t.where(x > 3, x, x),
    "complex": lambda t, x: t.complex(x, x),
    "cast": lambda t, x: x.to(t.float64),
}


@pytest.mark.parametrize("kind", ["images", "matrix", "volume"])
@pytest.mark.parametrize("name", [*ROW_MAJOR, *KEPT])
def test_strides_are_those_of_torch(name, kind):
    real = pytest.importorskip("torch")
    call = {**ROW_MAJOR, **KEPT}[name]
    ours, theirs = call(torch, laid(torch, kind)), call(real, laid(real, kind))
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert tuple(ours.stride()) == tuple(theirs.stride())
    assert ours.is_contiguous() == theirs.is_contiguous()


@pytest.mark.parametrize("name", ROW_MAJOR)
def test_row_major_results_can_be_viewed(name):
    out = ROW_MAJOR[name](torch, laid(torch, "volume"))
    assert out.view(-1).shape == (out.numel(),)


IMAGES = {
    "convolution": lambda t, x: t.nn.functional.conv2d(x, t.ones(4, 3, 2, 2)),
    "by the weight's format": lambda t, x: t.nn.functional.conv2d(
        x.contiguous(), t.ones(4, 3, 2, 2).contiguous(memory_format=t.channels_last)
    ),
    "max_pool": lambda t, x: t.nn.functional.max_pool2d(x, 2),
    "avg_pool": lambda t, x: t.nn.functional.avg_pool2d(x, 2),
    "adaptive_avg_pool": lambda t, x: t.nn.functional.adaptive_avg_pool2d(x, 2),
    "batch_norm": lambda t, x: t.nn.functional.batch_norm(x, None, None, training=True),
    "group_norm": lambda t, x: t.nn.functional.group_norm(x, 3),
    "bilinear": lambda t, x: t.nn.functional.interpolate(x, scale_factor=2, mode="bilinear"),
    "nearest": lambda t, x: t.nn.functional.interpolate(x, scale_factor=2),
    "constant padding": lambda t, x: t.nn.functional.pad(x, (1, 1)),
    "reflection": lambda t, x: t.nn.functional.pad(x, (1, 1, 1, 1), mode="reflect"),
    "cat": lambda t, x: t.cat([x, x], 1),
    "relu": lambda t, x: t.relu(x),
}


@pytest.mark.parametrize("name", IMAGES)
def test_channels_stay_last(name):
    out = IMAGES[name](torch, laid(torch, "images"))
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert not out.is_contiguous()
    assert IMAGES[name](torch, laid(torch, "images").contiguous()).shape == out.shape


@pytest.mark.parametrize("name", IMAGES)
def test_the_values_do_not_depend_on_the_layout(name):
    x = laid(torch, "images").double() / 50
    wide = IMAGES[name](torch, x.float())
    plain = IMAGES[name](torch, x.float().contiguous())
    torch.testing.assert_close(wide.contiguous(), plain.contiguous())


def test_a_new_tensor_in_a_memory_format():
    x = torch.empty(2, 3, 4, 5, memory_format=torch.channels_last)
    assert x.stride() == (60, 1, 15, 3)
    assert (
        torch.zeros(1, 2, 3, 4, 5)
        .contiguous(memory_format=torch.channels_last_3d)
        .is_contiguous(memory_format=torch.channels_last_3d)
    )
    with pytest.raises(RuntimeError, match="required rank 4 tensor to use channels_last format"):
        torch.empty(2, 3, memory_format=torch.channels_last)
    with pytest.raises(RuntimeError, match="required rank 4 tensor to use channels_last format"):
        torch.zeros(2, 3).resize_(2, 2, memory_format=torch.channels_last)


def test_strides_of_sizes_that_are_zero_or_one():
    assert torch.zeros(0, 3).stride() == (3, 1)
    assert torch.zeros(2, 0, 3).add(1).stride() == (3, 3, 1)
    assert torch.zeros(3)[None].stride() == (3, 1)
    assert torch.tensor(3.0)[None].stride() == (1,)
    assert torch.arange(0).stride() == (1,)


DRAWS = {
    "dropout": lambda t, x: t.nn.functional.dropout(x, 0.5),
    "dropout in place": lambda t, x: t.nn.functional.dropout(x.clone(), 0.5, inplace=True),
    "alpha_dropout": lambda t, x: t.nn.functional.alpha_dropout(x, 0.5, True),
    "rand_like": lambda t, x: t.rand_like(x),
    "randn_like": lambda t, x: t.randn_like(x),
    "randint_like": lambda t, x: t.randint_like(x, 2, 9),
    "uniform_": lambda t, x: x.clone().uniform_(),
    "normal_": lambda t, x: x.clone().normal_(),
    "bernoulli_": lambda t, x: x.clone().bernoulli_(0.3),
    "bernoulli_ of tensors": lambda t, x: x.clone().bernoulli_(x / 130),
    "exponential_": lambda t, x: x.clone().exponential_(),
    "random_": lambda t, x: x.clone().random_(10),
    "gumbel_softmax": lambda t, x: t.nn.functional.gumbel_softmax(x),
}


@pytest.mark.parametrize("kind", ["images", "matrix", "volume"])
@pytest.mark.parametrize("name", DRAWS)
def test_samples_are_given_out_in_the_order_of_memory(name, kind):
    real = pytest.importorskip("torch")
    drawn = []
    for library in (torch, real):
        library.manual_seed(3)
        drawn.append(DRAWS[name](library, laid(library, kind)).double().tolist())
    assert close(*drawn)


def close(mine, theirs):
    return abs(real_tensor(mine) - real_tensor(theirs)).max().item() < 1e-5


def real_tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def test_a_transformer_layer_drops_what_torch_drops():
    real = pytest.importorskip("torch")
    found = []
    for library in (torch, real):
        library.manual_seed(1)
        layer = library.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.3, batch_first=True)
        found.append(layer(library.ones(2, 3, 8)).tolist())
    assert close(*found)


@pytest.mark.parametrize(
    ("name", "arguments", "node"),
    [
        ("normal_", (), "NormalBackward0"),
        ("uniform_", (), "UniformBackward0"),
        ("bernoulli_", (0.5,), "BernoulliBackward2"),
        ("exponential_", (), "ExponentialBackward0"),
        ("log_normal_", (), "LogNormalBackward0"),
        ("random_", (), "RandomBackward2"),
        ("random_", (5,), "RandomBackward1"),
        ("random_", (1, 5), "RandomBackward0"),
    ],
)
def test_random_fills_are_named_after_themselves(name, arguments, node):
    y = torch.ones(3, requires_grad=True) * 1
    assert type(getattr(y, name)(*arguments).grad_fn).__name__ == node
