"""Programs in both dialects at once: one graph, and gradients cross."""

import gc
import weakref

import numpy as np
import pytest

import wengert as torch
import wengert.nn.functional as F
import wengert.tf as tf


def test_a_torch_function_inside_a_tape():
    x, v = tf.constant([1.0, 2.0, 3.0]), tf.Variable([1.0, 2.0, 3.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = (torch.sin(x * 2.0) * v).sum()
    np.testing.assert_allclose(tape.gradient(y, x), 2 * np.cos([2.0, 4.0, 6.0]) * [1, 2, 3], rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(y, v), np.sin([2.0, 4.0, 6.0]), rtol=1e-5)


def test_a_tf_function_on_torch_leaves():
    w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = tf.reduce_sum(tf.nn.relu(w) * w)
    assert isinstance(y, tf.Tensor) and y.requires_grad
    y.backward()
    assert w.grad.tolist() == [2.0, 4.0, 6.0]
    z = torch.sum(tf.exp(w) * 2.0)
    np.testing.assert_allclose(torch.autograd.grad(z, w)[0], 2 * np.exp([1.0, 2.0, 3.0]), rtol=1e-6)


def test_second_order_of_a_tf_function_in_torch():
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    (g,) = torch.autograd.grad(tf.reduce_sum(w**3), w, create_graph=True)
    assert torch.autograd.grad(g.sum(), w)[0].tolist() == [6.0, 12.0]


def test_a_torch_layer_in_a_tape_gets_gradients_both_ways():
    layer, v = torch.nn.Linear(3, 2), tf.Variable([1.0, 2.0, 3.0])
    with tf.GradientTape(persistent=True) as tape:
        y = tf.reduce_sum(tf.tanh(layer(v * 1.0)) ** 2)
    by_tape = tape.gradient(y, [v, layer.weight, layer.bias])
    y.backward()
    for got, wanted in zip(by_tape, [v.grad, layer.weight.grad, layer.bias.grad], strict=True):
        assert isinstance(got, tf.Tensor)
        np.testing.assert_array_equal(got, wanted)


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 10 * g * x


def test_custom_gradients_of_either_dialect():
    v, w = tf.Variable([1.0, 2.0]), torch.tensor([1.0, 2.0], requires_grad=True)
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(Cube.apply(v * 1.0))
    assert tape.gradient(y, v).numpy().tolist() == [10.0, 20.0]
    tf.custom_gradient(lambda x: (x * x, lambda dy: dy * 7.0))(w).sum().backward()
    assert w.grad.tolist() == [7.0, 7.0]


def test_a_tape_records_under_no_grad():
    v = tf.Variable(3.0)
    with torch.no_grad():
        with tf.GradientTape() as tape:
            y = v * v
        assert tape.gradient(y, v).numpy() == 6.0
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()


def test_a_watched_torch_tensor_is_no_leaf_afterwards():
    x = torch.tensor([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(x * x)
    assert tape.gradient(y, x).numpy().tolist() == [2.0, 4.0]
    assert not x.requires_grad


def test_tf_operations_leave_torch_operands_alone():
    x = torch.tensor([1.0, 2.0])
    for y in (
        tf.identity(x),
        tf.cast(x, tf.float32),
        tf.convert_to_tensor(x),
        tf.math.real(x),
        tf.reshape(x, [2]),
        tf.add_n([x]),
    ):
        assert isinstance(y, tf.Tensor) and type(x) is torch.Tensor and y is not x
    assert isinstance(x * tf.ones(2), tf.Tensor) and isinstance(tf.ones(2) * x, tf.Tensor)
    double = torch.tensor([1.0, 2.0], dtype=torch.float64)
    assert (tf.ones(2) * double).dtype is tf.float64


@pytest.mark.parametrize(
    "function",
    [
        lambda a: F.layer_norm(a, (3,)), lambda a: F.cross_entropy(a, torch.tensor([0, 2])), lambda a: F.gelu(a),
        lambda a: torch.einsum("ij->ji", a), lambda a: torch.fft.rfft(a).abs(), lambda a: torch.linalg.norm(a),
        lambda a: F.conv1d(a[None], torch.ones(1, 2, 2)), lambda a: torch.cat([a, a]), lambda a: a.to(torch.float64),
        lambda a: torch.where(a > 0, a, 0), lambda a: torch.std(a), lambda a: torch.topk(a, 1)[0], lambda a: a.view(-1),
        lambda a: F.mse_loss(a, torch.zeros(2, 3)), lambda a: torch.matmul(a, torch.ones(3)), lambda a: torch.svd(a)[1],
        lambda a: F.batch_norm(a, None, None, training=True), lambda a: a.reshape(3, 2).t(), lambda a: F.pad(a, (1, 1)),
        lambda a: torch.logsumexp(a, 1), lambda a: torch.clamp(a, min=0.0), lambda a: a.expand(4, 2, 3),
    ],
)  # fmt: skip
def test_torch_functions_take_tf_tensors(function):
    a = np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]], np.float32)
    x, leaf = tf.constant(a), torch.tensor(a, requires_grad=True)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    function(leaf).sum().backward()
    np.testing.assert_allclose(tape.gradient(y, x), leaf.grad, rtol=1e-5, atol=1e-6)


def test_a_graph_dies_with_its_tape():
    v = tf.Variable(tf.ones([4]))
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            with tf.GradientTape() as tape:
                y = tf.reduce_sum(tf.tanh(v) * v)
            node = y._node
            alive = weakref.ref(node)
            tape.gradient(y, v)
            del node, y, tape
            assert alive() is None
    finally:
        gc.enable()
