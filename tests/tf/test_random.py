"""Random numbers are TensorFlow's own, for given seeds."""

import numpy as np
import pytest

import wengert.tf as tf

STREAM = tf.random


def test_stateless_numbers():
    np.testing.assert_array_equal(STREAM.stateless_uniform([3], seed=[1, 2]), np.array(UNIFORM, np.float32))
    np.testing.assert_allclose(STREAM.stateless_normal([3], seed=[3, 4]), NORMAL, rtol=3e-7)
    assert STREAM.stateless_uniform([4], [1, 2], -3, 10, tf.int32).numpy().tolist() == INTEGERS
    assert STREAM.split([1, 2], 2).numpy().tolist() == SPLIT


def test_the_global_stream():
    tf.random.set_seed(5)
    first, second = STREAM.normal([3]), STREAM.normal([3])
    np.testing.assert_allclose(first, FIRST, rtol=3e-7)
    np.testing.assert_allclose(second, SECOND, rtol=3e-7)
    a, b = STREAM.normal([3], seed=7), STREAM.normal([3], seed=7)
    assert not np.array_equal(a, b)
    tf.random.set_seed(5)
    np.testing.assert_array_equal(STREAM.normal([3]), first)
    np.testing.assert_array_equal(STREAM.normal([3], seed=7), a)


def test_shuffle_and_categorical():
    tf.random.set_seed(5)
    assert STREAM.shuffle(tf.range(10)).numpy().tolist() == SHUFFLED
    draws = STREAM.categorical(tf.math.log([[0.7, 0.0, 0.3]]), 2000).numpy()
    assert abs((draws == 0).mean() - 0.7) < 0.05 and not (draws == 1).any()


def test_generators():
    g = STREAM.Generator.from_seed(12)
    np.testing.assert_allclose(g.normal([3]), GENERATED, rtol=3e-7)
    h = STREAM.Generator.from_state(g.state)
    np.testing.assert_array_equal(g.uniform([4]), h.uniform([4]))
    assert not np.array_equal(g.split(2)[0].normal([2]), g.split(2)[1].normal([2]))


@pytest.mark.parametrize("dtype", [tf.float16, tf.float32, tf.float64, tf.bfloat16])
def test_moments_and_ranges(dtype):
    tf.random.set_seed(1)
    u = STREAM.uniform([4000], -1.0, 3.0, dtype=dtype)
    n = STREAM.truncated_normal([4000], 1.0, 2.0, dtype=dtype)
    assert u.dtype is dtype and n.dtype is dtype
    values = u.numpy().astype(np.float64)
    assert values.min() >= -1 and values.max() <= 3 and abs(values.mean() - 1) < 0.1
    values = n.numpy().astype(np.float64)
    assert values.min() >= -3.01 and values.max() <= 5.01 and abs(values.mean() - 1) < 0.1


def test_gradients_reach_mean_and_deviation():
    m, s = tf.Variable(1.0), tf.Variable(2.0)
    tf.random.set_seed(3)
    noise = STREAM.normal([4])
    tf.random.set_seed(3)
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(STREAM.normal([4], m, s))
    of_mean, of_deviation = tape.gradient(y, [m, s])
    assert of_mean.numpy() == 4.0
    np.testing.assert_allclose(of_deviation, noise.numpy().sum(), rtol=1e-6)


def test_dropout_keeps_the_mean_and_masks_the_gradient():
    tf.random.set_seed(1)
    x = tf.Variable(tf.ones([1000]))
    with tf.GradientTape() as tape:
        y = tf.nn.dropout(x, 0.25)
    kept = y.numpy() > 0
    assert abs(kept.mean() - 0.75) < 0.05
    np.testing.assert_allclose(y.numpy()[kept], 1 / 0.75, rtol=1e-6)
    np.testing.assert_array_equal(tape.gradient(y, x).numpy() > 0, kept)


UNIFORM, NORMAL, INTEGERS, SPLIT, FIRST, SECOND, SHUFFLED, GENERATED = (
    [0.8440604209899902, 0.19204533100128174, 0.9962232112884521],
    [-0.17393383383750916, 1.6723546981811523, 0.3481701612472534],
    [7, -3, -2, -2],
    [[1105988140, 1738052849], [-335576002, 370444179]],
    [-0.18030665814876556, -0.9502862691879272, -0.03964049369096756],
    [0.22652864456176758, 0.8106552958488464, 0.7466093897819519],
    [0, 5, 2, 8, 1, 6, 7, 9, 4, 3],
    [-1.0130815505981445, 0.2829171419143677, 1.2132233381271362],
)
"""What TensorFlow 2.21 gives."""
