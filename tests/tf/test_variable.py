"""Variables: values that are replaced, what gradients follow through that, and Modules that find them."""

import copy
import pickle

import numpy as np
import pytest

import wengert.tf as tf


def test_a_variable_shows_what_it_is():
    v = tf.Variable(3.0, name="hey")
    assert repr(v) == str(v) == "<tf.Variable 'hey:0' shape=() dtype=float32, numpy=3.0>"
    assert (v.name, v.shape, v.dtype, v.trainable) == ("hey:0", (), tf.float32, True)
    assert tf.is_tensor(v) and not isinstance(v, tf.Tensor) and isinstance(v.value(), tf.Tensor)
    assert repr(v.assign(4.0)) == "<tf.Variable 'UnreadVariable' shape=() dtype=float32, numpy=4.0>"
    assert tf.Variable([1, 2], dtype=tf.float32).dtype is tf.float32
    assert tf.Variable(lambda: tf.ones(2), shape=tf.TensorShape([None])).shape.as_list() == [None]


def test_assignment():
    v = tf.Variable([1.0, 2.0, 3.0, 4.0])
    v.assign([4.0, 3.0, 2.0, 1.0])
    v.assign_add(tf.ones(4))
    v.assign_sub([0.5] * 4)
    assert v.numpy().tolist() == [4.5, 3.5, 2.5, 1.5]
    v[1:3].assign([7.0, 8.0])
    v[0].assign(0.0)
    v[::-2].assign([5.0, 6.0])
    assert v.numpy().tolist() == [0.0, 6.0, 8.0, 5.0]
    assert v.assign(v * 2.0, read_value=False) is None
    assert (v.assign([1.0, 1.0, 1.0, 1.0]) * 2.0).numpy().tolist() == [2.0] * 4


def test_scatter():
    v = tf.Variable([1.0, 2.0, 3.0])
    v.scatter_add(tf.IndexedSlices(tf.constant([1.0, 1.0]), tf.constant([0, 0])))
    v.scatter_update(tf.IndexedSlices(tf.constant([9.0]), tf.constant([2])))
    v.scatter_nd_add([[1]], [5.0])
    v.scatter_max(tf.IndexedSlices(tf.constant([4.0]), tf.constant([0])))
    assert v.numpy().tolist() == [4.0, 7.0, 9.0]
    assert v.sparse_read([0]).numpy().tolist() == [4.0] and v.gather_nd([[1]]).numpy().tolist() == [7.0]


@pytest.mark.parametrize(
    ("do", "error", "words"),
    [
        (lambda v: v.assign([1.0]), ValueError, "Cannot assign value to variable ' Variable:0': Shape mismatch.The v"),
        (lambda v: v.assign(tf.ones(2, tf.float64)), ValueError, "Tensor conversion requested dtype float32 for Tens"),
        (lambda v: v.__setitem__(0, 3.0), TypeError, "'ResourceVariable' object does not support item assignment"),
        (lambda v: v.__iadd__(1.0), RuntimeError, r"`variable \+= value` with `tf.Variable`s is not supported."),
        (lambda v: v.__imul__(1.0), RuntimeError, r"`var \*= value` with `tf.Variable`s is not supported."),
        (hash, TypeError, r"Variable is unhashable. Instead, use variable.ref\(\) as the key."),
        (lambda v: tf.Variable(), ValueError, "The `initial_value` arg to `tf.Variable` must be specified"),
        (lambda v: tf.Variable(tf.ones(2), dtype=tf.float64), ValueError, "initial_value: Tensor conversion requeste"),
    ],
)  # fmt: skip
def test_misuse(do, error, words):
    with pytest.raises(error, match=words):
        do(tf.Variable([1.0, 2.0]))


def test_what_was_recorded_keeps_the_old_value():
    v = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = v * v
        v.assign(10.0)
    assert tape.gradient(y, v).numpy() == 6.0


def test_every_use_counts_before_and_after_an_assignment():
    v = tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        a = v * v
        b = v.assign(a)
        y = v * b
        z = v * v
    assert tape.gradient(y, v).numpy() == 18.0 and tape.gradient(z, v).numpy() == 18.0
    assert tape.gradient(z, a) is None and tape.gradient(b, v).numpy() == 1.0


def test_an_update_inside_the_tape():
    v = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        v.assign_add(1.0)
        y = v * v
    assert tape.gradient(y, v).numpy() == 8.0


def test_snapshots_do_not_move():
    v = tf.Variable([1.0, 2.0])
    before = v.read_value()
    v.assign_add([1.0, 1.0])
    assert before.numpy().tolist() == [1.0, 2.0] and (v + 0.0).numpy().tolist() == [2.0, 3.0]


def test_copies_are_variables():
    v = tf.Variable([1.0, 2.0], trainable=False, name="w")
    for w in (copy.deepcopy(v), pickle.loads(pickle.dumps(v))):
        w.assign([5.0, 6.0])
        assert isinstance(w, tf.Variable) and w.name == "w:0" and not w.trainable
    assert v.numpy().tolist() == [1.0, 2.0]


def test_gradient_descent_finds_the_minimum():
    tf.random.set_seed(1)
    x = tf.random.normal([64, 3])
    wanted = tf.constant([[1.0], [-2.0], [0.5]])
    w, b = tf.Variable(tf.zeros([3, 1])), tf.Variable(tf.zeros([1]))
    for _ in range(200):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(x @ w + b - (x @ wanted + 3.0)))
        for v, g in zip((w, b), tape.gradient(loss, (w, b)), strict=True):
            v.assign_sub(0.1 * g)
    np.testing.assert_allclose(w, wanted, atol=1e-3)
    np.testing.assert_allclose(b, [3.0], atol=1e-3)


class Inner(tf.Module):
    def __init__(self):
        super().__init__()
        self.w = tf.Variable(1.0, name="inner")


class TwoPart(tf.Module):
    def __init__(self):
        super().__init__()
        self.z = Inner()
        self.w = tf.Variable(1.0, name="w")
        self.parts = {"b": tf.Variable(2.0, trainable=False, name="b"), "a": [tf.Variable(3.0, name="a")]}


def test_modules_find_their_variables():
    module = TwoPart()
    assert [v.name for v in module.variables] == ["a:0", "b:0", "w:0", "inner:0"]
    assert [v.name for v in module.trainable_variables] == ["a:0", "w:0", "inner:0"]
    assert module.submodules == (module.z,) and module.name == "two_part" and Inner().name == "inner"
