"""Every form that exists for speed gives what the plain form beside it gives."""

from itertools import product

import numpy as np
import pytest

from tests.backend import torch, wengert_only
from wengert.core.arrays import activation, attention, convolution, normalisation, recurrent, softmax
from wengert.core.arrays.generator import Generator

pytestmark = wengert_only
RNG = np.random.default_rng(0)


def normal(*shape, dtype=np.float64):
    return RNG.standard_normal(shape).astype(dtype)


# ---------------------------------------------------------------- choices and activations


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.complex64])
def test_a_choice_by_bits_is_where(dtype):
    condition = RNG.random((40, 60)) > 0.5
    wild = normal(40, 60)
    wild[::3] = np.inf
    wild[1::3] = np.nan
    operands = [wild, normal(60), normal(40, 1), np.asarray(0.0), np.asarray(-0.0), np.asarray(2.5)]
    with np.errstate(invalid="ignore"):
        operands = [x.astype(dtype) for x in operands]
    for a, b in product(operands, operands):
        wanted, found = np.where(condition, a, b), activation.chosen(np, condition, a, b)
        assert found.dtype == wanted.dtype
        assert found.tobytes() == wanted.tobytes()
    turned = activation.chosen(np, condition.T, wild.T, (wild * 2).T).T
    np.testing.assert_array_equal(turned, np.where(condition, wild, wild * 2))


@pytest.mark.parametrize("dtype, near", [(np.float32, 4e-7), (np.float64, 1e-14)])
@pytest.mark.parametrize("bent", [False, True])
@np.errstate(over="ignore")
def test_gelu_by_blocks(dtype, near, bent):
    x, g = normal(3, activation.BLOCK, dtype=dtype) * 3, normal(3, activation.BLOCK, dtype=dtype)
    wide = torch.tensor(x.astype(np.float64), requires_grad=True)
    if bent:
        plain = 0.5 * wide * (1 + torch.tanh((2 / np.pi) ** 0.5 * (wide + 0.044715 * wide**3)))
    else:
        plain = 0.5 * wide * (1 + torch.erf(wide / 2**0.5))
    plain.backward(torch.tensor(g.astype(np.float64)))
    np.testing.assert_allclose(activation.gelu(np, x, bent), plain.detach().numpy(), rtol=near, atol=4 * near)
    np.testing.assert_allclose(
        activation.gelu_gradient(np, g, x, bent), wide.grad.numpy(), rtol=10 * near, atol=20 * near
    )


def test_gelu_at_the_ends():
    with np.errstate(all="ignore"):
        found = activation.gelu(np, np.array([1e20, -1e20, np.inf, np.nan, 50, -50], np.float32), False)
    np.testing.assert_array_equal(found, np.array([1e20, 0, np.inf, np.nan, 50, 0], np.float32))


# ---------------------------------------------------------------- softmax


@pytest.mark.parametrize("scale", [1, 200])
def test_softmax_by_bands(scale):
    x, g = normal(300, 64) * scale, normal(300, 64)
    assert softmax.by_rows(x, 1)
    exact = np.exp(x - x.max(axis=1, keepdims=True))
    exact /= exact.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax.softmax(np, x), exact, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(
        softmax.softmax_gradient(np, g, exact), exact * (g - (g * exact).sum(axis=1, keepdims=True)), atol=1e-13
    )
    log = softmax.log_softmax(np, x)
    centred = x - x.max(axis=1, keepdims=True)
    np.testing.assert_allclose(
        log, centred - np.log(np.exp(centred).sum(axis=1, keepdims=True)), rtol=1e-12, atol=1e-15
    )
    np.testing.assert_allclose(
        softmax.log_softmax_gradient(np, g, log), g - exact * g.sum(axis=1, keepdims=True), atol=1e-12
    )


def test_a_nan_stays_in_its_row():
    x = normal(300, 64)
    x[7, 3] = np.nan
    for form in (softmax.softmax, softmax.log_softmax):
        wrong = np.isnan(form(np, x)).any(axis=1)
        assert np.flatnonzero(wrong).tolist() == [7]


# ---------------------------------------------------------------- convolution by long runs


def convolved(x, w, pairs, dilation):
    """The definition, one position of the kernel after the other."""
    wide = np.pad(x, ((0, 0), (0, 0), *pairs))
    places = [n - d * (k - 1) for n, k, d in zip(wide.shape[2:], w.shape[2:], dilation, strict=True)]
    out = np.zeros((x.shape[0], w.shape[0], *places))
    for position in product(*map(range, w.shape[2:])):
        spans = [slice(k * d, k * d + n) for k, d, n in zip(position, dilation, places, strict=True)]
        out += np.einsum("nc...,oc->no...", wide[(..., *spans)], w[(..., *position)])
    return out


@pytest.mark.parametrize(
    "x, w, padding, dilation",
    [
        ((5, 3, 12, 14), (4, 3, 3, 3), (1, 1), (1, 1)),
        ((2, 2, 30), (3, 2, 5), (2,), (1,)),
        ((3, 2, 9, 10, 11), (2, 2, 2, 3, 2), (1, 1, 1), (1, 1, 1)),
        ((2, 3, 20, 22), (2, 3, 3, 2), (2, 1), (2, 1)),
        ((2, 3, 8, 8), (5, 3, 1, 1), (0, 0), (1, 1)),
        ((1, 40, 90, 90), (2, 40, 3, 3), (1, 1), (1, 1)),
    ],
)
def test_convolution_by_long_runs(x, w, padding, dilation):
    x, w = normal(*x), normal(*w)
    ones, pairs = (1,) * len(padding), tuple((p, p) for p in padding)
    out = convolution.convolve(np, x, w, ones, pairs, dilation, 1)
    np.testing.assert_allclose(out, convolved(x, w, pairs, dilation), atol=1e-10)
    g = normal(*out.shape)
    dw = convolution.weight_gradient(np, g, x, w.shape[2:], ones, pairs, dilation, 1)
    dx = convolution.spread(np, g, w, x.shape[2:], ones, pairs, dilation, 1)
    # Both are linear: the product of g with the result is that of the gradient with what it belongs to.
    for _ in range(3):
        v, u = normal(*w.shape), normal(*x.shape)
        np.testing.assert_allclose((dw * v).sum(), (g * convolved(x, v, pairs, dilation)).sum(), rtol=1e-8)
        np.testing.assert_allclose((dx * u).sum(), (g * convolved(u, w, pairs, dilation)).sum(), rtol=1e-8)


# ---------------------------------------------------------------- attention


@pytest.mark.parametrize("kind", ["plain", "causal", "boolean", "added", "each", "dropped"])
def test_attention_without_maximum(kind, monkeypatch):
    q, k, v = normal(6, 20, 8), normal(6, 24, 8), normal(6, 24, 5)
    masks = {
        "boolean": np.broadcast_to(RNG.random((1, 20, 24)) > 0.3, (6, 20, 24)),
        "added": np.broadcast_to(np.where(RNG.random((1, 20, 24)) > 0.3, normal(1, 20, 24), -np.inf), (6, 20, 24)),
        "each": RNG.random((6, 20, 24)) > 0.3,
    }
    mask = masks.get(kind)
    if mask is not None and mask.dtype == bool:
        mask = mask.copy() if kind == "each" else np.broadcast_to(mask[:1] & (np.arange(20) != 3)[:, None], mask.shape)
    dropped = (RNG.random((6, 20, 24)) > 0.2) / 0.8 if kind == "dropped" else None
    monkeypatch.setattr(attention, "ROOM", 300)

    def both():
        with np.errstate(divide="ignore", invalid="ignore"):
            out, total = attention.attend(np, q, k, v, mask, dropped, 0.3, kind == "causal")
            g, g_total = np.cos(out), np.where(np.isinf(total), 0, np.sin(total))
            parts = attention.gradients(
                np, g, g_total, q, k, v, mask, dropped, out, total, 0.3, kind == "causal", kind == "added"
            )
        return [out, total, *[x for x in parts if x is not None]]

    assert attention.moderate(np, q, k, mask, 0.3)
    fast = both()
    monkeypatch.setattr(attention, "SAFE", -1.0)
    for a, b in zip(fast, both(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_attention_with_large_scores():
    q, k, v = 100 * normal(2, 4, 8), 100 * normal(2, 5, 8), normal(2, 5, 3)
    assert not attention.moderate(np, q, k, None, 1.0)
    out, total = attention.attend(np, q, k, v, None, None, 1.0, False)
    assert np.isfinite(out).all()
    assert np.isfinite(total).all()


# ---------------------------------------------------------------- normalisation


@pytest.mark.parametrize(
    "shape, axes, narrow",
    [
        ((500, 96), (1,), (1, 96)),
        ((6, 5, 4, 8), (0, 2, 3), (1, 5, 1, 1)),
        ((4, 3, 5, 40), (2, 3), (1, 3, 5, 1)),
        ((40, 7), (0,), (1, 7)),
    ],
)
def test_normalising_in_long_runs(shape, axes, narrow):
    x, g = 3 + normal(*shape), normal(*shape)
    weight, bias = normal(*narrow), normal(*narrow)
    out, mean, inverse = normalisation.normalised(np, x, weight, bias, axes, 1e-3)
    centred = x - x.mean(axis=axes, keepdims=True)
    plain = 1 / np.sqrt((centred * centred).mean(axis=axes, keepdims=True) + 1e-3)
    np.testing.assert_allclose(out, centred * plain * weight + bias, atol=1e-12)
    np.testing.assert_allclose(inverse, plain, rtol=1e-12)
    more = normal(*mean.shape), normal(*mean.shape)
    found = normalisation.input_gradient(np, g, *more, x, mean, inverse, weight, axes)
    wanted = normalisation.gradient_images(np, g, *more, x, mean, inverse, weight, axes)
    np.testing.assert_allclose(found, wanted, atol=1e-11)
    over = tuple(i for i, n in enumerate(narrow) if n == 1)
    np.testing.assert_allclose(
        normalisation.weight_gradient(np, g, x, mean, inverse, over),
        (g * centred * plain).sum(axis=over, keepdims=True),
        atol=1e-10,
    )


def test_slopes_of_lstm_by_bands(monkeypatch):
    gates, before, saturated = RNG.random((50, 24)), normal(50, 6), np.tanh(normal(50, 6))
    whole = recurrent.lstm_slopes(np, gates, before, saturated)
    monkeypatch.setattr(recurrent, "BAND", 60)
    for a, b in zip(whole, recurrent.lstm_slopes(np, gates, before, saturated), strict=True):
        np.testing.assert_array_equal(a, b)
    i, f, n, o = np.split(gates, 4, axis=1)
    d = [i * (1 - i) * n, f * (1 - f) * before, i * (1 - n * n), o * (1 - o) * saturated]
    np.testing.assert_allclose(whole[0], np.concatenate(d, axis=1), atol=1e-15)
    np.testing.assert_allclose(whole[1], o * (1 - saturated**2), atol=1e-15)


# ---------------------------------------------------------------- short ways of calls


@pytest.mark.parametrize(
    "equation, left, right",
    [
        ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
        ("ij,kj->ki", (3, 4), (5, 4)),
        ("bhid,bhjd->bijh", (2, 3, 4, 5), (2, 3, 6, 5)),
        ("i,i->", (3,), (3,)),
        ("abc,cd->dba", (2, 3, 4), (4, 5)),
        ("bij,bjk->bik", (2, 3, 0), (2, 0, 5)),
    ],
)
def test_einsum_remembers_how(equation, left, right):
    for _ in range(2):
        a, b = torch.tensor(normal(*left), requires_grad=True), torch.tensor(normal(*right), requires_grad=True)
        out = torch.einsum(equation, a, b)
        np.testing.assert_allclose(out.detach().numpy(), np.einsum(equation, a.detach().numpy(), b.detach().numpy()))
        (out * out).sum().backward()
        terms, result = equation.split("->")
        first, second = terms.split(",")
        wanted = np.einsum(f"{result},{second}->{first}", 2 * out.detach().numpy(), b.detach().numpy())
        np.testing.assert_allclose(a.grad.numpy(), wanted, atol=1e-12)


def test_classes_that_all_count():
    x, y = normal(30, 7), RNG.integers(0, 7, 30)
    for reduction in ("none", "mean", "sum"):
        leaves = [torch.tensor(x, requires_grad=True) for _ in range(2)]
        losses = [
            torch.nn.functional.nll_loss(leaves[0], torch.tensor(y), reduction=reduction),
            torch.nn.functional.nll_loss(leaves[1], torch.tensor(y), torch.ones(7).double(), reduction=reduction),
        ]
        np.testing.assert_allclose(losses[0].detach().numpy(), losses[1].detach().numpy(), rtol=1e-14)
        for loss in losses:
            loss.sum().backward()
        np.testing.assert_allclose(leaves[0].grad.numpy(), leaves[1].grad.numpy(), rtol=1e-14)


def test_few_words_are_the_words_of_many():
    pieces, whole = Generator(), Generator()
    parts = [pieces.words(n) for n in (1, 7, 2048, 3000, 16)]
    np.testing.assert_array_equal(np.concatenate(parts), whole.words(1 + 7 + 2048 + 3000 + 16))
