"""Losses and normalisations that are whole kernels: values and gradients of each, against torch, before and after."""

import numpy as np
import pytest

import wengert
from wengert.core.kernels.acceptance import Rejected
from wengert.core.kernels.bunches import CALLS
from wengert.core.kernels.expressions import argument
from wengert.core.kernels.host import PRESETS
from wengert.core.kernels.totals import total_call, total_text
from wengert.core.kernels.trials import accepted
from wengert.core.kernels.workshop import finish, orders

RNG = np.random.default_rng(3)
TARGETS = np.where(np.arange(200) % 7 == 3, -100, np.arange(200) % 50)
MEAN, VARIANCE = RNG.standard_normal(8), RNG.random(8) + 0.5
PAIRS = {
    "mse": (lambda m, F, x, y: F.mse_loss(x, y), ((90, 101), (90, 101))),
    "mse sum": (lambda m, F, x, y: F.mse_loss(x, y, reduction="sum"), ((3, 70001), (3, 70001))),
    "mse none": (lambda m, F, x, y: F.mse_loss(x, y, reduction="none"), ((90, 101), (90, 101))),
    "mse transposed": (lambda m, F, x, y: F.mse_loss(x, y.T), ((90, 101), (101, 90))),
    "huber": (lambda m, F, x, y: F.huber_loss(x, y, delta=0.3), ((90, 101), (90, 101))),
    "huber sum": (lambda m, F, x, y: F.huber_loss(x, y, reduction="sum", delta=2.5), ((90, 101), (90, 101))),
    "smooth l1": (lambda m, F, x, y: F.smooth_l1_loss(x, y, beta=0.4), ((90, 101), (90, 101))),
    "smooth l1 sum": (lambda m, F, x, y: F.smooth_l1_loss(x, y, reduction="sum"), ((90, 101), (90, 101))),
    "bce": (lambda m, F, x, y: F.binary_cross_entropy_with_logits(x, y), ((90, 101), (90, 101))),
    "bce weighted": (
        lambda m, F, x, y: F.binary_cross_entropy_with_logits(x, y, pos_weight=m.full((101,), 2.0, dtype=x.dtype)),
        ((90, 101), (90, 101)),
    ),
}
LAYERS = {
    "group norm": (lambda m, F, x, w, b: F.group_norm(x, 4, w, b), ((4, 8, 20, 20), (8,), (8,))),
    "group norm alone": (lambda m, F, x: F.group_norm(x, 4), ((4, 8, 20, 20),)),
    "group norm of single channels": (lambda m, F, x, w: F.group_norm(x, 8, w), ((4, 8, 200), (8,))),
    "group norm of a view": (lambda m, F, x, w: F.group_norm(x.transpose(2, 3), 2, w), ((4, 8, 20, 30), (8,))),
    "rms norm": (lambda m, F, x, w: F.rms_norm(x, (64,), w), ((10, 20, 64), (64,))),
    "rms norm alone": (lambda m, F, x: F.rms_norm(x, (64,)), ((10, 20, 64),)),
    "rms norm over two": (lambda m, F, x, w: F.rms_norm(x, (20, 64), w, 1e-3), ((10, 20, 64), (20, 64))),
    "logsumexp": (lambda m, F, x: m.logsumexp(x, -1), ((10, 20, 64),)),
    "logsumexp kept": (lambda m, F, x: m.logsumexp(x, (2,), True), ((10, 20, 64),)),
    "logsumexp of others": (lambda m, F, x: m.logsumexp(x, (0, 2)), ((10, 20, 64),)),
    "glu": (lambda m, F, x: F.glu(x), ((30, 400),)),
    "glu of rows": (lambda m, F, x: F.glu(x, 0), ((30, 400),)),
    "glu between": (lambda m, F, x: F.glu(x, 1), ((10, 40, 50),)),
    "glu of a view": (lambda m, F, x: F.glu(x.transpose(0, 2), 1), ((10, 40, 50),)),
    "batch norm by running": (
        lambda m, F, x, w, b: F.batch_norm(x, m.tensor(MEAN, dtype=x.dtype), m.tensor(VARIANCE, dtype=x.dtype), w, b),
        ((4, 8, 20, 20), (8,), (8,)),
    ),
    "batch norm by running alone": (
        lambda m, F, x: F.batch_norm(x, m.tensor(MEAN, dtype=x.dtype), m.tensor(VARIANCE, dtype=x.dtype)),
        ((700, 8),),
    ),
    "smoothed labels": (
        lambda m, F, x: F.cross_entropy(x, m.tensor(TARGETS), label_smoothing=0.1),
        ((200, 50),),
    ),
    "smoothed labels sum": (
        lambda m, F, x: F.cross_entropy(x, m.tensor(TARGETS), label_smoothing=1.0, reduction="sum"),
        ((200, 50),),
    ),
}


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def results(m, statement, arrays):
    """The value and the gradients of all operands."""
    tensors = [m.tensor(a, requires_grad=True) for a in arrays]
    out = statement(m, m.nn.functional, *tensors)
    g = np.random.default_rng(5).standard_normal(tuple(out.shape)).astype(arrays[0].dtype)
    out.backward(m.tensor(g))
    return [out.detach().numpy(), *(t.grad.numpy() for t in tensors)]


@pytest.mark.parametrize("dtype", ("float32", "float64"))
@pytest.mark.parametrize("name", (*PAIRS, *LAYERS))
def test_values_and_gradients_are_torchs(torch, name, dtype):
    statement, shapes = (PAIRS | LAYERS)[name]
    arrays = [RNG.standard_normal(shape).astype(dtype) for shape in shapes]
    wanted = results(torch, statement, arrays)
    for _ in range(2):
        found = results(wengert, statement, arrays)
        for one, other in zip(found, wanted, strict=True):
            assert one.dtype == other.dtype and one.shape == other.shape
            room = (3e-5 if dtype == "float32" else 1e-11) * max(1.0, float(np.abs(other).max()))
            np.testing.assert_allclose(one, other, rtol=3e-5 if dtype == "float32" else 1e-11, atol=room)
        finish()


@pytest.mark.parametrize("name", [n for n in (*PAIRS, *LAYERS) if "none" not in n and "others" not in n])
def test_a_kernel_computes_it(name):
    """No kernel that it asks for is refused."""
    statement, shapes = (PAIRS | LAYERS)[name]
    arrays = [RNG.standard_normal(shape).astype("float32") for shape in shapes]
    for _ in range(2):
        results(wengert, statement, arrays)
        finish()
    words = ("in all", "slope", "group norm", "rms norm", "logsumexp", "glu", "line of channels", "smooth")
    refused = {o.name: o.reason for o in orders() if o.function is None and any(word in o.name for word in words)}
    assert not refused and any(word in o.name for o in orders() for word in words)


def test_a_second_order_is_the_recorded_one(torch):
    """Rules on tensors take no kernels; labels smoothed, a group norm and a loss."""
    for name in ("smoothed labels", "group norm", "huber", "rms norm", "glu", "logsumexp"):
        statement, shapes = (PAIRS | LAYERS)[name]
        arrays = [RNG.standard_normal(shape) for shape in shapes]
        found = []
        for m in (wengert, torch):
            tensors = [m.tensor(a, requires_grad=True) for a in arrays]
            first = m.autograd.grad(statement(m, m.nn.functional, *tensors).sum(), tensors, create_graph=True)
            total = sum((g * g).sum() for g in first)
            found.append(m.autograd.grad(total, tensors[0])[0].numpy())
        np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-11)


def test_special_values_of_losses(torch):
    special = np.tile(np.array([np.nan, np.inf, -np.inf, 0.0, 1e30, -1e30, 0.5, -0.5]), 1000)
    other = np.tile(np.array([0.0, 1.0, -1.0, np.inf, 0.0, 0.5, 0.0, 0.0]), 1000)
    for statement in (PAIRS["huber sum"][0], PAIRS["smooth l1 sum"][0], PAIRS["mse sum"][0]):
        for _ in range(2):
            found, wanted = (results(m, statement, [special, other]) for m in (wengert, torch))
            for one, two in zip(found, wanted, strict=True):
                np.testing.assert_allclose(one, two, rtol=1e-12, equal_nan=True)
            finish()


def test_smoothed_labels_are_named_as_in_torch(torch):
    x, y = RNG.standard_normal((200, 50)), TARGETS
    for smoothing in (0.0, 0.1):
        names = []
        for m in (wengert, torch):
            loss = m.nn.functional.cross_entropy(
                m.tensor(x, requires_grad=True), m.tensor(y), label_smoothing=smoothing
            )
            names.append(type(loss.grad_fn).__name__)
        assert names[0] == names[1]


def test_smoothed_labels_are_mapped(torch):
    x, y = RNG.standard_normal((3, 200, 50)), np.stack([TARGETS] * 3)
    found = []
    for m in (wengert, torch):
        loss = lambda a, b, m=m: m.nn.functional.cross_entropy(a, b, label_smoothing=0.2)  # noqa: E731
        found.append(m.func.vmap(loss)(m.tensor(x), m.tensor(y)).numpy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


def test_sums_of_expressions_for_every_target():
    from wengert.core.kernels.machine import emit_for

    for target in PRESETS.values():
        for letter, kind in (("float", np.float32), ("double", np.float64)):
            x = argument(0, np.dtype(kind))
            text, symbol = total_text(target, letter, x * x + argument(1, np.dtype(kind)), 1, 1)
            try:
                assert symbol in emit_for(target, text)
            except RuntimeError as error:
                pytest.skip(f"llvmlite here does not know {target.triple}: {error}")


def test_a_wrong_sum_is_caught(factory, monkeypatch):
    square = lambda m, x: m.where(x > 3.5, x, x * x) if m is np else x * x  # noqa: E731
    with pytest.raises(Rejected, match="squares"):
        total_call(factory, "squares", square, 1, (), "float")


@pytest.mark.parametrize("name", CALLS)
def test_kernels_of_groups(factory, name):
    from wengert.core.kernels.machine import emit_for

    kernel = CALLS[name]
    for dtype, letter in ((np.float32, "float"), (np.float64, "double")):
        accepted(name, kernel, kernel.wrap(factory.tables(kernel.text, kernel.arguments, letter)), np.dtype(dtype))
        for target in PRESETS.values():
            text, symbol = kernel.text(target, letter)
            try:
                assert symbol in emit_for(target, text)
            except RuntimeError as error:
                pytest.skip(f"llvmlite here does not know {target.triple}: {error}")
