"""Whole training loops: TensorFlow's losses step by step, models, files of weights, both dialects in one program."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import wengert as torch
import wengert.tf as tf
from tests.tf import training_cases
from tests.tf.oracle import tensorflow  # noqa: F401

ROOT = Path(__file__).parents[2]
keras, layers = tf.keras, tf.keras.layers
X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)


@pytest.mark.parametrize("name", training_cases.CASES)
def test_losses_are_tensorflows_step_by_step(name, tensorflow):  # noqa: F811
    found, wanted = training_cases.CASES[name](tf), training_cases.CASES[name](tensorflow)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", training_cases.CASES)
def test_a_loop_goes_down_and_repeats_itself(name):
    first, again = training_cases.CASES[name](tf), training_cases.CASES[name](tf)
    assert len(first) == training_cases.STEPS and np.mean(first[-5:]) < np.mean(first[:5])
    np.testing.assert_allclose(first, again, rtol=1e-5)  # sums of a BLAS may differ in their last bit


def model():
    return keras.Sequential([layers.Dense(5, activation="relu"), layers.Dropout(0.5), layers.Dense(2)])


@pytest.mark.parametrize("ending", ["weights.h5", "npz"])
@pytest.mark.filterwarnings("ignore:h5py is not installed")
def test_weights_are_saved_and_loaded(tmp_path, ending):
    path = tmp_path / f"first.{ending}"
    first, second = model(), model()
    for m in (first, second):
        m(X)
    first.save_weights(path)
    assert not np.array_equal(first(X), second(X))
    second.load_weights(path)
    np.testing.assert_array_equal(first(X), second(X))
    smaller = keras.Sequential([layers.Dense(2)])
    smaller(X)
    with pytest.raises(ValueError, match="values are in"):
        smaller.load_weights(path)


def test_weights_need_a_name_that_tells_their_format(tmp_path):
    net = model()
    net(X)
    with pytest.raises(ValueError, match=r"The filename must end in `.weights.h5`."):
        net.save_weights(tmp_path / "weights")


def test_weights_go_from_one_model_to_another_as_arrays():
    first, second = model(), model()
    for m in (first, second):
        m(X)
    second.set_weights(first.get_weights())
    np.testing.assert_array_equal(first(X), second(X))
    assert second.count_params() == 4 * 5 + 5 + 5 * 2 + 2


def test_a_functional_model_shares_layers_and_shows_its_parts():
    shared = layers.Dense(3, name="shared")
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    net = keras.Model([a, b], layers.Subtract()([shared(a), shared(b)]), name="siamese")
    assert len(net.weights) == 2 and net.output_shape == (None, 3)
    np.testing.assert_allclose(net([X, X]).numpy(), np.zeros((6, 3)), atol=1e-6)
    inner = keras.Model(net.inputs[0], net.get_layer("shared").output)
    np.testing.assert_array_equal(inner(X), shared(X))
    with pytest.raises(ValueError, match="No such layer"):
        net.get_layer("other")
    lines = []
    net.summary(print_fn=lines.append)
    assert 'Model: "siamese"' in lines[0] and "Total params: 15" in lines[0]


def test_predict_gives_arrays_in_batches():
    net = model()
    found = net.predict(np.repeat(X, 10, 0), batch_size=7)
    assert isinstance(found, np.ndarray) and found.shape == (60, 2)
    np.testing.assert_allclose(found[:10], np.repeat(net(X[:1]).numpy(), 10, 0), rtol=1e-5)


def test_loops_that_are_not_written_out_are_refused():
    with pytest.raises(RuntimeError, match="GradientTape"):
        model().compile(optimizer="adam", loss="mse")


def test_a_module_of_the_torch_dialect_trains_between_keras_layers():
    torch.manual_seed(0)
    keras.utils.set_random_seed(0)
    first, middle, last = layers.Dense(6, activation="tanh"), torch.nn.Linear(6, 6), layers.Dense(1)
    optimizer, other = keras.optimizers.SGD(0.1), torch.optim.SGD(middle.parameters(), lr=0.1)
    losses = []
    for _ in range(25):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(last(torch.relu(middle(first(X)))) ** 2)
        own = [*first.trainable_variables, *last.trainable_variables]
        gradients = tape.gradient(loss, [*own, *middle.parameters()])
        assert all(g is not None for g in gradients)
        optimizer.apply_gradients(zip(gradients[: len(own)], own, strict=True))
        for p, g in zip(middle.parameters(), gradients[len(own) :], strict=True):
            p.grad = torch.tensor(g.numpy())
        other.step()
        losses.append(float(loss))
    assert losses[-1] < 0.2 * losses[0]


def test_keras_layers_take_part_in_a_backward_of_the_torch_dialect():
    layer = layers.Dense(3, kernel_initializer="ones")
    x = torch.ones(2, 4, requires_grad=True)
    torch.sum(layer(x) * 2.0).backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.full((2, 4), 6.0))


SCRIPT = """
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers
from tensorflow.keras.optimizers import Adam
from tensorflow.keras.losses import MeanSquaredError
import tensorflow.keras.backend as K

keras.utils.set_random_seed(1)
model = keras.Sequential([layers.Dense(8, activation="relu"), layers.Dense(1)])
optimizer, loss_fn = Adam(0.01), MeanSquaredError()
x = tf.random.normal((32, 3), seed=2)
y = tf.reduce_sum(x, axis=1, keepdims=True)

@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True))
    optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
    return loss

for i in range(30):
    loss = step(x, y)
    if i % 10 == 0:
        tf.print("step", i, "loss", tf.round(loss * 1000) / 1000)
print(isinstance(loss, tf.Tensor), keras.__version__ > "3", K.floatx(), tf.__version__)
"""


def test_an_unmodified_program_runs_under_the_command(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = started("-m", "wengert", "run", str(script))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[-2] == f"True True float32 {tf.__version__}"
    assert (done.stdout + done.stderr).count("step") == 3


def started(*arguments):
    """A Python process that has come to its end."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *arguments], env=env, capture_output=True, text=True)


def test_what_is_not_named_is_not_loaded():
    code = "import sys, wengert; print([m for m in sys.modules if m.startswith('wengert.tf')])"
    assert started("-c", code).stdout == "[]\n"
    code = "import sys, wengert.tf; print([m for m in ('keras', 'data', 'image') if f'wengert.tf.{m}' in sys.modules])"
    assert started("-c", code).stdout == "[]\n"
