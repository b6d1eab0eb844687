"""Losses, metrics, initializers, schedules and optimizers: TensorFlow's numbers, names and defaults."""

import numpy as np
import pytest

import wengert.tf as tf
from tests.tf import objective_cases as cases
from tests.tf.oracle import outcome, tensorflow  # noqa: F401

keras = tf.keras


@pytest.mark.parametrize("name", cases.LOSSES)
def test_loss_is_tensorflows(name, tensorflow):  # noqa: F811
    (value, gradient), (wanted, wanted_gradient) = cases.loss(tf, name), cases.loss(tensorflow, name)
    assert value.dtype == wanted.dtype and value.shape == wanted.shape
    np.testing.assert_allclose(value, wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gradient, wanted_gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", [n for n in cases.LOSSES if "edges" not in n])
def test_gradient_of_a_loss_is_that_of_differences(name):
    function, true, pred = cases.LOSSES[name]
    pred = np.asarray(pred, np.float64)

    def total(x):
        out = function(keras, true, x)
        return tf.reduce_sum(out)

    x = tf.constant(pred)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = total(x)
    direction = np.random.default_rng(1).standard_normal(pred.shape)
    # Classes compute in float32, so the step is a coarse one.
    step = 1e-2
    ends = [float(total(tf.constant(pred + way * direction))) for way in (step, -step)]
    slope = (ends[0] - ends[1]) / (2 * step)
    assert np.sum(tape.gradient(y, x).numpy() * direction) == pytest.approx(slope, rel=0.08, abs=0.08)


@pytest.mark.parametrize("name", cases.METRICS)
def test_metric_is_tensorflows(name, tensorflow):  # noqa: F811
    title, variables, found = cases.metric(tf, name)
    wanted_title, wanted_variables, wanted = cases.metric(tensorflow, name)
    assert title == wanted_title and variables == wanted_variables
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", cases.METRICS)
def test_a_metric_begins_anew_after_a_reset(name):
    make, data = cases.METRICS[name]
    batch = (cases.REAL,) if data is None else data
    metric = make(keras)
    first = np.asarray(metric(*batch))
    metric.update_state(*batch)
    metric.reset_state()
    np.testing.assert_array_equal(metric(*batch), first)


@pytest.mark.parametrize("shape", [(5, 5), (3, 3, 2, 4), (7,)])
@pytest.mark.parametrize("name", cases.INITIALIZERS)
def test_initial_values_are_tensorflows_bit_by_bit(name, shape, tensorflow):  # noqa: F811
    if name == "Identity" and len(shape) != 2:
        pytest.skip("a matrix only")
    found, wanted = (np.asarray(cases.INITIALIZERS[name](m.keras.initializers)(shape)) for m in (tf, tensorflow))
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", cases.SCHEDULES)
def test_schedule_is_tensorflows(name, tensorflow):  # noqa: F811
    plans = [cases.SCHEDULES[name](module.keras.optimizers.schedules) for module in (tf, tensorflow)]
    curves = [[float(plan(step)) for step in range(12)] for plan in plans]
    np.testing.assert_allclose(*curves, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", cases.OPTIMIZERS)
def test_optimizer_is_tensorflows(name, tensorflow):  # noqa: F811
    rows = name not in ("LossScaled", "Adam.accumulated")  # where TensorFlow does not take rows of a table
    curve, variables, count = cases.optimized(tf, name, rows=rows)
    wanted, wanted_variables, wanted_count = cases.optimized(tensorflow, name, rows=rows)
    assert variables == wanted_variables and count == wanted_count
    for step, step_wanted in zip(curve, wanted, strict=True):
        for a, b in zip(step, step_wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", cases.OPTIMIZERS)
def test_optimizer_goes_down_and_is_made_again_from_its_config(name):
    x = tf.Variable([3.0, -2.0])
    optimizer = cases.OPTIMIZERS[name](keras.optimizers)
    again = type(optimizer).from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()
    for _ in range(20):
        with tf.GradientTape() as tape:
            loss = optimizer.scale_loss(tf.reduce_sum(x**2))
        optimizer.apply_gradients([(tape.gradient(loss, x), x)])
    assert float(tf.reduce_sum(x**2)) < 13.0


def test_adams_first_step_is_the_rate():
    x = tf.Variable([1.0, -1.0])
    keras.optimizers.Adam(0.25).apply_gradients([(tf.constant([5.0, -0.01]), x)])
    np.testing.assert_allclose(x.numpy(), [0.75, -0.75], rtol=1e-3)


def test_a_rate_can_be_set_and_a_schedule_cannot():
    optimizer = keras.optimizers.SGD(0.5)
    optimizer.learning_rate = 0.25
    x = tf.Variable(1.0)
    optimizer.apply_gradients([(tf.constant(1.0), x)])
    assert float(x) == 0.75 and float(optimizer.learning_rate) == 0.25
    planned = keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5))
    with pytest.raises(TypeError, match="LearningRateSchedule"):
        planned.learning_rate = 0.1


def test_an_optimizer_of_ones_own():
    class Descent(keras.optimizers.Optimizer):
        def __init__(self, learning_rate=0.1):
            super().__init__(learning_rate=learning_rate, name="descent")

        def build(self, variables):
            super().build(variables)
            self.speeds = [self.add_variable_from_reference(v, name="speed") for v in variables]

        def update_step(self, gradient, variable, learning_rate):
            speed = self.speeds[self._get_variable_index(variable)]
            self.assign(speed, 0.5 * speed + gradient)
            self.assign_sub(variable, learning_rate * speed)

    x, optimizer = tf.Variable(1.0), Descent()
    for _ in range(2):
        optimizer.apply_gradients([(tf.constant(1.0), x)])
    assert float(x) == pytest.approx(0.75) and len(optimizer.variables) == 3


def test_a_loss_and_a_metric_of_ones_own():
    class Cubed(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return tf.reduce_mean(tf.abs(y_pred - y_true) ** 3, -1)

    class Largest(keras.metrics.Metric):
        def __init__(self):
            super().__init__(name="largest")
            self.largest = self.add_weight(name="largest", initializer="zeros")

        def update_state(self, values, sample_weight=None):
            self.largest.assign(tf.maximum(self.largest, tf.reduce_max(values)))

        def result(self):
            return self.largest.value

    assert float(Cubed()(tf.zeros((2, 2)), tf.constant([[1.0, 1.0], [2.0, 2.0]]))) == 4.5
    metric = Largest()
    metric.update_state([1.0, 4.0])
    metric.update_state([2.0])
    assert float(metric.result()) == 4.0


MISUSE = {
    "no gradients": lambda tf: tf.keras.optimizers.SGD().apply_gradients([(None, tf.Variable(1.0))]),
    "unknown variable": lambda tf: two_sets(tf),
    "two clips": lambda tf: tf.keras.optimizers.SGD(clipnorm=1.0, clipvalue=1.0),
    "momentum": lambda tf: tf.keras.optimizers.SGD(momentum=2.0),
    "rate": lambda tf: tf.keras.optimizers.Adam("fast"),
    "reduction": lambda tf: tf.keras.losses.MeanSquaredError(reduction="most"),
    "shapes": lambda tf: tf.keras.losses.CategoricalCrossentropy()(np.ones((2, 3)), np.ones((2, 4))),
    "labels": lambda tf: tf.keras.losses.SparseCategoricalCrossentropy()(np.ones(3), np.ones((2, 4))),
    "threshold": lambda tf: tf.keras.metrics.Precision(thresholds=1.5),
    "curve": lambda tf: tf.keras.metrics.AUC(curve="IOU"),
    "scale": lambda tf: tf.keras.initializers.VarianceScaling(scale=-1.0),
    "mode": lambda tf: tf.keras.initializers.VarianceScaling(mode="fan"),
    "decay steps": lambda tf: tf.keras.optimizers.schedules.CosineDecay(0.1, 0),
    "boundaries": lambda tf: tf.keras.optimizers.schedules.PiecewiseConstantDecay([1], [1.0]),
    "unknown loss": lambda tf: tf.keras.losses.get("nothing"),
    "unknown optimizer": lambda tf: tf.keras.optimizers.get("nothing"),
    "regularizer": lambda tf: tf.keras.regularizers.L2(-1.0),
}


def two_sets(tf):
    optimizer = tf.keras.optimizers.SGD()
    for name in "ab":
        optimizer.apply_gradients([(tf.constant(1.0), tf.Variable(1.0, name=name))])


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_is_told_in_tensorflows_class_and_words(name, tensorflow):  # noqa: F811
    (kind, words), (wanted, wanted_words) = outcome(MISUSE[name], tf), outcome(MISUSE[name], tensorflow)
    assert kind == wanted, words
    assert words[:25] == wanted_words[:25]


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_is_an_error(name):
    with pytest.raises((ValueError, TypeError, NotImplementedError)):
        MISUSE[name](tf)
