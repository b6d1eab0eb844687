"""Every case of `cases`: against differences here, and against TensorFlow where it is installed."""

import importlib.util
import os

import numpy as np
import pytest

import wengert.tf as tf
from tests.tf import cases

PEER = importlib.util.find_spec("tensorflow") is not None
NAN_FOLLOWS_THE_MASK = ("kinks.abs", "kinks.relu", "kinks.relu6")
"""A NaN's own gradient is 0 or passes here, where TensorFlow has NaN or 0."""
STEPS = ("kinks", "reduce_std[[]]", "ties", "clip_by_value", "norm.zero", "l2_normalize.zero", "pow.negative_base",
         "sigmoid_ce",
         "cumulative_logsumexp[True", "unsorted_segment_m")  # fmt: skip
"""Where a function has no derivative, or TensorFlow another one than the limit."""
NOT_THE_DERIVATIVE = ("softmax_ce", "math.floormod", "triangular_solve", "cholesky", "logdet", "dynamic_stitch",
                      "image.float32")  # fmt: skip
"""Rules that are right under conditions the arrays do not keep: labels that sum to 1, symmetric matrices, rows once."""


@pytest.fixture(scope="module")
def tensorflow():
    if not PEER:
        pytest.skip("TensorFlow is not installed")
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow

    return tensorflow


@pytest.mark.parametrize("name", cases.CASES)
def test_value_and_gradient_are_tensorflows(name, tensorflow):
    value, gradients = cases.run(tf, name)
    wanted, wanted_gradients = cases.run(tensorflow, name)
    assert value.dtype == wanted.dtype and value.shape == wanted.shape
    np.testing.assert_allclose(value, wanted, rtol=3e-5, atol=3e-5)
    for g, h in zip(gradients, wanted_gradients, strict=True):
        if g is None or h is None:
            assert g is h
            continue
        assert g.dtype == h.dtype and g.shape == h.shape
        if name in NAN_FOLLOWS_THE_MASK:
            g, h = g[:-1], h[:-1]
        np.testing.assert_allclose(g, h, rtol=3e-5, atol=3e-5)


def differences(function, arrays, i, weights):
    """Gradient at argument i by central differences in float64."""
    out = np.zeros(arrays[i].size)
    for k in range(arrays[i].size):
        ends = []
        for way in (1e-6, -1e-6):
            moved = [a.copy() for a in arrays]
            moved[i].reshape(-1)[k] += way
            ends.append(np.sum(function(tf, *map(tf.constant, moved)).numpy() * weights))
        out[k] = (ends[0] - ends[1]) / 2e-6
    return out.reshape(arrays[i].shape)


@pytest.mark.parametrize("name", [n for n in cases.CASES if not n.startswith(STEPS + NOT_THE_DERIVATIVE)])
def test_gradient_is_that_of_differences(name):
    arrays, function = cases.CASES[name]
    arrays = [np.asarray(a, np.float64) for a in arrays]
    try:
        sources = [tf.constant(a) for a in arrays]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            out = function(tf, *sources)
    except tf.errors.InvalidArgumentError as error:
        assert "(zero-based) was expected to be a" in str(error)  # the case holds float32 of its own
        return
    weights = cases.weights(out.shape, np.float64)
    gradients = tape.gradient(out, sources, output_gradients=tf.constant(weights))
    for i, g in enumerate(gradients):
        wanted = differences(function, arrays, i, weights)
        got = np.zeros_like(wanted) if g is None else tf.convert_to_tensor(g).numpy()
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
