"""Edges of operators that samples seldom reach: integral ranges, unsigned numbers, demands on `out=`, grids of bins."""

from __future__ import annotations

import math

import pytest

from tests.backend import REAL, torch


def test_integral_ranges_forget_fractions_first():
    assert torch.arange(0.0, -8.000001, -4.0, dtype=torch.int64).tolist() == [0, -4]
    assert torch.arange(0.0, -8.000001, -4.0, dtype=torch.int32).tolist() == [0, -4, -8]
    assert torch.linspace(0.7, 3.9, 5, dtype=torch.int64).tolist() == [0, 0, 1, 2, 3]
    assert torch.logspace(0.5, 3.7, 6, dtype=torch.int64).tolist() == [1, 3, 15, 63, 251, 1000]
    with pytest.raises(ValueError, match="^step must be nonzero"):
        torch.arange(0, 64, 0.5, dtype=torch.int64)
    with pytest.raises(RuntimeError, match="^linspace only supports 0-dimensional start and end tensors"):
        torch.linspace(torch.ones(2), 3, 2)


def test_unsigned_tensors_take_negative_numbers():
    x = torch.tensor([9, 10], dtype=torch.uint8)
    assert torch.full((2,), -5, dtype=torch.uint8).tolist() == [251, 251]
    assert torch.add(x, torch.ones(2, dtype=torch.uint8), alpha=-3).tolist() == [6, 7]
    assert torch.sub(x, torch.ones(2, dtype=torch.uint8), alpha=-3).tolist() == [12, 13]
    assert x.index_add(0, torch.tensor([0]), torch.ones(1, dtype=torch.uint8), alpha=-1).tolist() == [8, 10]
    with pytest.raises(RuntimeError, match="^value cannot be converted to type uint8_t without overflow"):
        torch.full((1,), 300, dtype=torch.uint8)


SHARED = r"^unsupported operation: some elements of the input tensor and the written-to tensor"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: torch.take(x, torch.tensor([0, 1]), out=x), SHARED),
        (lambda x: torch.gather(x, 0, torch.tensor([0, 1, 2, 3]), out=x), SHARED),
        (lambda x: torch.masked_select(x, x > 1, out=x), SHARED),
        (lambda x: torch.cat([x, x], out=x), SHARED),
        (lambda x: torch.amax(x, 0, out=torch.zeros((), dtype=torch.float64)), "^Expected the dtype for input and out"),
        (
            lambda x: torch.gather(x, 0, torch.tensor([0]), out=torch.zeros(1, dtype=torch.float64)),
            "^Expected out tensor to have dtype float, but got double instead",
        ),
        (lambda x: torch.multinomial(x + 1, 2, out=x), "^multinomial expects Long tensor out, got: Float"),
    ],
)
def test_out_is_asked_before_it_is_written(call, words):
    x = torch.arange(4.0)
    with pytest.raises(RuntimeError, match=words):
        call(x)
    assert x[:4].tolist() == [0, 1, 2, 3]


@pytest.mark.filterwarnings("ignore:An output with one or more elements was resized")
def test_out_must_not_grow_into_an_input():
    x = torch.zeros(4, 6)
    for out in (x[:2], torch.zeros(0)):
        with pytest.raises(RuntimeError, match=SHARED):
            torch.cat([x, x] if out.numel() else [out, x], out=out)
    assert torch.cat([x, x], out=torch.zeros(4, 6)[:2]).shape == (8, 6)
    with pytest.raises(TypeError, match=r"^torch\.cat\(\): input types can't be cast to the desired output type Int"):
        torch.cat([x, x], out=torch.zeros(8, 6, dtype=torch.int32))


def test_lists_of_tensors_say_what_is_no_tensor():
    with pytest.raises(TypeError, match="^expected Tensor as element 1 in argument 0, but got NoneType"):
        torch.cat([torch.ones(1), None])
    with pytest.raises(TypeError, match=r"^stack\(\): argument 'tensors' \(position 1\) must be tuple of Tensors, not"):
        torch.stack(torch.ones(2))


def test_histogram_of_points():
    points = torch.tensor([[0.1, 0.1], [0.9, 0.2], [0.9, 0.9], [1.0, 0.5], [2.0, 0.5]])
    counts, edges = torch.histogramdd(points, [2, 2], range=[0.0, 1.0, 0.0, 1.0])
    assert counts.tolist() == [[1, 0], [1, 2]]
    assert [e.tolist() for e in edges] == [[0, 0.5, 1], [0, 0.5, 1]]
    weighted = torch.histogramdd(points, edges, weight=torch.arange(5.0)).hist
    assert weighted.tolist() == [[0, 0], [1, 5]]
    density = torch.histogramdd(points, list(edges), density=True).hist
    assert density.sum().item() / 4 == pytest.approx(1)
    for bins, words in (
        ([1, 1, 1], "histogramdd: The size of bins"),
        ([1, 0], r"torch\.histogram\(\): bins must be > 0"),
    ):
        with pytest.raises(RuntimeError, match=f"^{words}"):
            torch.histogramdd(points, bins)


def test_samples_of_a_normal_distribution_carry_a_zero_gradient():
    mean, std = torch.zeros(3, requires_grad=True), torch.ones(3, requires_grad=True)
    out = torch.normal(mean, std)
    assert type(out.grad_fn).__name__ == "NormalBackward3"
    out.sum().backward()
    assert mean.grad.tolist() == std.grad.tolist() == [0, 0, 0]
    assert type(torch.normal(mean, 2.0).grad_fn).__name__ == "NormalBackward1"


def test_complex_tensors_are_filled_in_pairs():
    torch.manual_seed(0)
    x = torch.zeros(4000, dtype=torch.complex128).normal_(2, 3)
    assert x.real.mean().item() == pytest.approx(2, abs=0.2) and x.imag.mean().item() == pytest.approx(2, abs=0.2)
    assert (x.real.var() + x.imag.var()).item() == pytest.approx(9, abs=0.8)
    x.uniform_(-1, 3)
    parts = torch.view_as_real(x)
    assert parts.min().item() >= -1 and parts.max().item() < 3 and parts.mean().item() == pytest.approx(1, abs=0.1)


def test_complex_logcumsumexp_keeps_its_branch():
    x = torch.tensor([1 + 3j, 2 - 3j], dtype=torch.complex128)
    found = torch.logcumsumexp(x, 0)[1]
    assert torch.exp(found).item() == pytest.approx((torch.exp(x[0]) + torch.exp(x[1])).item())
    assert found.imag.item() == pytest.approx(-3.0758, abs=1e-4)


def test_hash_is_the_exclusive_or_of_the_bits():
    x = torch.tensor([[1.0, 2.0], [1.0, 4.0]])
    assert torch.hash_tensor(x, 0).tolist() == [0, 0x4000000000000000 ^ 0x4010000000000000]
    assert torch.hash_tensor(torch.tensor([5, 3])).item() == 6
    assert torch.hash_tensor(x).dtype is torch.uint64


def test_grid_samplers_take_modes_as_numbers():
    image = torch.arange(9.0).reshape(1, 1, 3, 3)
    theta = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    grid = torch.affine_grid_generator(theta, [1, 1, 3, 3], True)
    assert torch.allclose(torch.grid_sampler_2d(image, grid, 0, 0, True), image)
    assert torch.allclose(torch.grid_sampler(image, grid, 1, 1, True), image)
    with pytest.raises(RuntimeError, match=r"^grid_sampler\(\): expected 5D input and grid with same number of dim"):
        torch.grid_sampler_3d(image, grid, 0, 0, True)


@pytest.mark.skipif(REAL, reason="torch looks for a first element")
def test_an_empty_vector_is_normalised_to_nothing():
    x = torch.zeros(0, requires_grad=True)
    torch.nn.functional.batch_norm(x, None, None, torch.ones(0), torch.ones(0), training=True).sum().backward()
    assert tuple(x.grad.shape) == (0,)


def test_dropout_of_attention_is_drawn_for_all_heads():
    torch.manual_seed(0)
    q, k = torch.zeros(4, 3, 8), torch.zeros(2, 4, 6, 8)
    out = torch.nn.functional.scaled_dot_product_attention(q, k, torch.ones(2, 4, 6, 8), dropout_p=0.5)
    assert tuple(out.shape) == (2, 4, 3, 8)
    assert not torch.equal(out[0], out[1])
    assert math.isfinite(out.sum().item())


BYTES = {
    "bilinear": [[31, 81, 94], [100, 150, 92], [169, 113, 55]],
    "bicubic": [[28, 83, 94], [99, 176, 94], [173, 111, 52]],
    "antialias": [[95, 107], [129, 94]],
}


def test_images_of_bytes_are_resampled_in_whole_numbers():
    image = (torch.arange(48) * 37 % 256).to(torch.uint8).reshape(1, 3, 4, 4)
    resize = torch.nn.functional.interpolate
    assert resize(image, (3, 3), mode="bilinear")[0, 0].tolist() == BYTES["bilinear"]
    assert resize(image, (3, 3), mode="bicubic")[0, 0].tolist() == BYTES["bicubic"]
    assert resize(image, (2, 2), mode="bilinear", antialias=True)[0, 0].tolist() == BYTES["antialias"]
    flat = torch.full((1, 1, 5, 5), 255, dtype=torch.uint8)
    assert resize(flat, (7, 3), mode="bicubic").unique().tolist() == [255]


def test_booleans_have_no_reflection():
    x = torch.ones(1, 4, dtype=torch.bool)
    for mode, kernel in (("reflect", "reflection_pad1d"), ("replicate", "replication_pad1d")):
        with pytest.raises(NotImplementedError, match=f"^\"{kernel}\" not implemented for 'Bool'"):
            torch.nn.functional.pad(x, (1, 1), mode=mode)
    assert torch.nn.functional.pad(x, (1, 1), mode="circular").shape == (1, 6)


def test_trigamma_is_large_at_its_poles():
    x = torch.tensor([-1, -2, -3])
    assert torch.polygamma(1, x).tolist() == pytest.approx([1.2914e15, 3.2284e14, 1.7351e16], rel=1e-3)
    assert torch.polygamma(1, x.double()).isfinite().all()
    assert torch.polygamma(1, torch.zeros(1)).item() == math.inf


@pytest.mark.skipif(REAL, reason="torch cannot batch it")
def test_slopes_of_a_batch_are_those_of_its_entries():
    entry = torch.tensor([1.0, -1.0, -2.0, 3.0, -4.0])
    torch.manual_seed(3)
    wanted = torch.nn.functional.rrelu(entry, 0.1, 0.9, True)
    torch.manual_seed(3)
    batch = torch.vmap(lambda x: torch.nn.functional.rrelu(x, 0.1, 0.9, True), randomness="same")
    assert torch.allclose(batch(torch.stack([entry, entry * 2])), torch.stack([wanted, wanted * 2]))
