"""Layers: first weights for a seed, their names, values, gradients, in training and out of it."""

import gc
import weakref

import numpy as np
import pytest

import wengert.tf as tf
from tests.tf import layer_cases
from tests.tf.oracle import outcome, tensorflow  # noqa: F401

keras, layers = tf.keras, tf.keras.layers
ORTHOGONAL = "recurrent_kernel"
"""Weights from a QR decomposition, whose last bit depends on the library of linear algebra."""


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", layer_cases.CASES)
def test_layer_is_tensorflows(name, training, tensorflow):  # noqa: F811
    first, outputs, gradients = layer_cases.run(tf, name, training)
    wanted_first, wanted_outputs, wanted_gradients = layer_cases.run(tensorflow, name, training)
    assert [v[:2] for v in first] == [v[:2] for v in wanted_first]
    for (path, _, a), (_, _, b) in zip(first, wanted_first, strict=True):
        if ORTHOGONAL in path or "moving" in path:
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        else:
            np.testing.assert_array_equal(a, b, err_msg=path)
    for a, b in zip(outputs, wanted_outputs, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)
    for a, b in zip(gradients, wanted_gradients, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", layer_cases.CASES)
def test_gradient_of_a_layer_is_that_of_differences(name):
    """Along one direction through inputs and weights at once, in float64."""
    if name == "Embedding" or "masked" in name or "Masking" in name or "bilinear" in name:
        pytest.skip("whole numbers, steps that are left out and images in float32 have no differences")
    make, arrays, together, options = layer_cases.CASES[name]
    keras.backend.set_floatx("float64")
    try:
        keras.utils.set_random_seed(5)
        layer = make(keras)
        inputs = [tf.Variable(np.asarray(a, np.float64)) for a in arrays]

        def total():
            given = [x.value() for x in inputs]
            outputs = tf.nest.flatten(
                layer([*given] if together else given[0], *([] if together else given[1:]), **options)
            )
            return tf.add_n([tf.reduce_sum(y * layer_cases.weighting(y.shape).astype(np.float64)) for y in outputs])

        total()
        sources = [*inputs, *layer.trainable_variables]
        rng = np.random.default_rng(3)
        directions = [rng.standard_normal(tuple(v.shape)) for v in sources]
        with tf.GradientTape() as tape:
            value = total()
        gradients = tape.gradient(value, sources)
        found = sum(np.sum(np.asarray(g) * d) for g, d in zip(gradients, directions, strict=True))
        ends = []
        starts = [v.numpy() for v in sources]
        for way in (1e-6, -1e-6):
            for v, start, d in zip(sources, starts, directions, strict=True):
                v.assign(start + way * d)
            ends.append(float(total()))
        assert found == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4, abs=1e-4)
    finally:
        keras.backend.set_floatx("float32")


def test_first_weights_of_a_dense_layer_are_tensorflows():
    keras.utils.set_random_seed(11)
    layer = layers.Dense(3)
    layer.build((None, 2))
    wanted = [[-0.13364791870117188, -0.6780434250831604, 0.2628062963485718],
              [-0.36423128843307495, -1.0044292211532593, 0.818872332572937]]  # fmt: skip
    np.testing.assert_array_equal(layer.kernel.numpy(), np.float32(wanted))
    np.testing.assert_array_equal(layer.bias.numpy(), np.zeros(3, np.float32))


def test_batch_normalization_moves_its_means_in_training_only():
    layer = layers.BatchNormalization(momentum=0.5)
    x = tf.constant([[1.0, 10.0], [3.0, 30.0]])
    layer(x, training=False)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), [0, 0])
    layer(x, training=True)
    np.testing.assert_allclose(layer.moving_mean.numpy(), [1.0, 10.0])
    np.testing.assert_allclose(layer.moving_variance.numpy(), [1.0, 50.5])
    layer.trainable = False
    layer(x, training=True)
    np.testing.assert_allclose(layer.moving_mean.numpy(), [1.0, 10.0])


def test_a_mask_reaches_the_layers_behind_an_embedding():
    keras.utils.set_random_seed(1)
    embed, rnn = layers.Embedding(4, 3, mask_zero=True), layers.GRU(2, return_sequences=True)
    full, cut = embed(np.array([[1, 2, 3]])), embed(np.array([[1, 2, 0]]))
    a, b = rnn(full).numpy(), rnn(cut).numpy()
    np.testing.assert_array_equal(a[:, :2], b[:, :2])
    np.testing.assert_array_equal(b[:, 2], b[:, 1])
    assert not np.array_equal(a[:, 2], b[:, 2])


def test_a_stateful_layer_goes_on_where_it_ended():
    keras.utils.set_random_seed(1)
    layer = layers.LSTM(3, stateful=True, return_sequences=True)
    x = tf.random.normal((2, 6, 4), seed=1)
    halves = np.concatenate([layer(x[:, :3]), layer(x[:, 3:])], 1)
    layer.reset_states()
    np.testing.assert_allclose(halves, layer(x).numpy(), rtol=1e-6)


def test_a_frozen_layer_keeps_its_weights_out_of_the_gradients():
    model = keras.Sequential([layers.Dense(3, activation="relu"), layers.Dense(1)])
    model(np.ones((2, 4), np.float32))
    model.layers[0].trainable = False
    assert [v.path.rsplit("/")[-2:] for v in model.trainable_variables] == [
        v.path.rsplit("/")[-2:] for v in model.layers[1].weights
    ]
    assert len(model.non_trainable_variables) == 2 and len(model.weights) == 4


def test_losses_of_layers_are_collected_by_the_model_and_renewed_on_each_call():
    class Penalty(layers.Layer):
        def call(self, x):
            self.add_loss(0.5 * tf.reduce_sum(x))
            return x

    model = keras.Sequential([layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.1), kernel_initializer="ones"),
                              Penalty()])  # fmt: skip
    for _ in range(2):
        model(np.ones((1, 3), np.float32))
        assert sorted(float(x) for x in model.losses) == pytest.approx([0.6, 3.0])


def test_a_layer_dies_with_its_last_name():
    layer = layers.Dense(2)
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(layer(np.ones((1, 2), np.float32)))
    tape.gradient(y, layer.trainable_variables)
    ref = weakref.ref(layer)
    gc.disable()
    try:
        del layer, tape, y
        assert ref() is None
    finally:
        gc.enable()


X = np.ones((2, 4), np.float32)
MISUSE = {
    "units": lambda k: k.layers.Dense(0),
    "rank": lambda k: k.layers.Conv2D(2, 3)(X),
    "one dim": lambda k: k.layers.Dense(2)(np.ones(3, np.float32)),
    "other channels": lambda k: twice(k.layers.Dense(2), X, np.ones((2, 5), np.float32)),
    "kernel": lambda k: k.layers.Conv2D(2, (3, 3, 3)),
    "padding": lambda k: k.layers.Conv2D(2, 3, padding="both"),
    "rate": lambda k: k.layers.Dropout(1.5),
    "activation": lambda k: k.layers.Dense(2, activation="step"),
    "initializer": lambda k: k.layers.Dense(2, kernel_initializer="nothing"),
    "keyword": lambda k: k.layers.Dense(2, width=3),
    "not a layer": lambda k: k.Sequential([3]),
    "add one": lambda k: k.layers.Add()(X),
    "concatenate": lambda k: k.layers.Concatenate()([X, np.ones((3, 4), np.float32)]),
    "reshape": lambda k: k.layers.Reshape((3,))(X),
    "permute": lambda k: k.layers.Permute((0, 1)),
    "merge mode": lambda k: k.layers.Bidirectional(k.layers.LSTM(2), merge_mode="max"),
    "no call": lambda k: k.layers.Layer()(X),
    "no model call": lambda k: k.Model()(X),
    "weights": lambda k: built(k).set_weights([np.ones(3)]),
    "weight shape": lambda k: built(k).set_weights([np.ones((1, 1)), np.ones(2)]),
    "unbuilt": lambda k: k.layers.Dense(3).count_params(),
    "variable shape": lambda k: k.Variable(np.ones(3)).assign(np.ones(2)),
    "same names": lambda k: k.Sequential([k.layers.Dense(1, name="a"), k.layers.Dense(1, name="a")]),
    "no such layer": lambda k: k.Sequential([k.layers.Dense(1, name="a")]).get_layer("b"),
    "input shape": lambda k: functional(k)(np.ones((2, 5), np.float32)),
    "inputs": lambda k: k.Input(),
    "symbolic truth": lambda k: bool(k.Input((3,)) > 0),
    "groups": lambda k: k.layers.GroupNormalization(groups=3)(X),
}


def twice(layer, first, second):
    layer(first)
    return layer(second)


def built(k):
    layer = k.layers.Dense(2)
    layer(X)
    return layer


def functional(k):
    x = k.Input((4,))
    return k.Model(x, k.layers.Dense(1)(x))


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_is_told_in_tensorflows_class_and_words(name, tensorflow):  # noqa: F811
    for module in (keras, tensorflow.keras):
        module.backend.clear_session()
    (kind, words), (wanted, wanted_words) = outcome(MISUSE[name], keras), outcome(MISUSE[name], tensorflow.keras)
    assert kind == wanted, words
    assert words[:25] == wanted_words[:25]


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_is_an_error(name):
    with pytest.raises((ValueError, TypeError, NotImplementedError, AttributeError)):
        MISUSE[name](keras)
