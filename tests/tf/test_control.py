"""Functions, loops and branches, arrays of tensors, and unmodified programs."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

import wengert.tf as tf


def test_a_function_runs_each_time_and_tells_signatures_apart():
    runs = []

    @tf.function
    def f(x, k=1):
        runs.append(1)
        return x * tf.cast(k, x.dtype)

    f(tf.ones(2))
    f(tf.zeros(2))
    f(tf.ones(3))
    f(tf.ones(3), k=2)
    assert len(runs) == 4 and f.experimental_get_tracing_count() == 3
    assert f.get_concrete_function(tf.TensorSpec([2], tf.float32))(tf.ones(2)).numpy().tolist() == [1.0, 1.0]
    assert f.__name__ == "f" and f.python_function(tf.ones(1)).shape == (1,)


def test_an_input_signature_is_kept():
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def f(x):
        return tf.reduce_sum(x)

    assert f([1, 2, 3]).numpy() == 6.0
    with pytest.raises(TypeError, match="Binding inputs to tf.function failed due to `Can not cast TensorSpec"):
        f(tf.ones((2, 2)))


def test_functions_are_methods_and_return_tensors():
    class Counter:
        def __init__(self):
            self.n = tf.Variable(0)

        @tf.function
        def up(self, by):
            self.n.assign_add(by)
            return 1, {"n": self.n}

    counter = Counter()
    counter.up(2)
    one, rest = counter.up(3)
    assert one.numpy() == 1 and rest["n"].numpy() == 5 and isinstance(rest["n"], tf.Tensor)


def test_gradients_inside_a_function():
    @tf.function
    def f(x):
        c = tf.constant(2.0)
        y = x * x * c
        return tf.gradients(y, [x, c]), tf.hessians(y, x)

    (of_x, of_c), (second,) = f(tf.constant(3.0))
    assert [of_x.numpy(), of_c.numpy(), second.numpy()] == [12.0, 9.0, 4.0]
    with pytest.raises(RuntimeError, match="tf.gradients is not supported when eager execution is enabled."):
        tf.gradients(tf.constant(1.0), tf.constant(1.0))


def test_a_tape_around_a_function_and_inside_one():
    v = tf.Variable(3.0)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = v * v
        v.assign_sub(0.1 * tape.gradient(loss, v))
        return loss

    assert step().numpy() == 9.0 and v.numpy() == pytest.approx(2.4)
    with tf.GradientTape() as tape:
        y = tf.function(lambda a: a * v)(v)
    assert tape.gradient(y, v).numpy() == pytest.approx(4.8)


def test_branches():
    assert tf.cond(tf.constant(1) < 2, lambda: "yes", lambda: 1 / 0) == "yes"
    assert tf.case([(tf.constant(False), lambda: 1), (tf.constant(True), lambda: 2)], default=lambda: 3) == 2
    assert tf.switch_case(tf.constant(7), [lambda: 0, lambda: 1], default=lambda: 9) == 9
    with pytest.raises(TypeError, match="must be callable"):
        tf.cond(True, 1, 2)


def test_while_loop():
    i, total = tf.while_loop(lambda i, t: i < 5, lambda i, t: (i + 1, t + tf.cast(i, tf.float32)), [0, 0.0])
    assert (i.numpy(), total.numpy()) == (5, 10.0)
    i, _ = tf.while_loop(lambda i, t: True, lambda i, t: (i + 1, t), (0, 0.0), maximum_iterations=3)
    assert i.numpy() == 3


def test_a_tensor_array_carries_gradients():
    x = tf.constant([1.0, 2.0])
    array = tf.TensorArray(tf.float32, size=0, dynamic_size=True, clear_after_read=False)
    with tf.GradientTape() as tape:
        tape.watch(x)
        for i in range(3):
            array = array.write(i, x * float(i))
        y = tf.reduce_sum(array.stack() ** 2) + tf.reduce_sum(array.read(2))
    assert tape.gradient(y, x).numpy().tolist() == [12.0, 22.0] and array.size().numpy() == 3
    assert array.unstack(tf.ones((2, 2))).concat().shape == (4,)
    once = tf.TensorArray(tf.float32, size=1).write(0, 1.0)
    once.read(0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Could not read index 0 twice"):
        once.read(0)
    with pytest.raises(tf.errors.OutOfRangeError, match="Tried to write to index 5 but array is not resizeable"):
        once.write(5, 1.0)


def test_vectorized_map_is_one_pass():
    runs = []
    x = tf.constant(np.arange(12.0, dtype=np.float32).reshape(4, 3))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.vectorized_map(lambda row: runs.append(1) or row * tf.reduce_max(row), x, fallback_to_while_loop=False)
    assert len(runs) == 1
    np.testing.assert_allclose(y, x.numpy() * x.numpy().max(1, keepdims=True))
    assert tape.gradient(y, x).shape == (4, 3)


def test_compute_gradient():
    exact, estimated = tf.test.compute_gradient(lambda x: x**3, [tf.constant([1.0, 2.0])])
    np.testing.assert_allclose(exact[0], [[3.0, 0.0], [0.0, 12.0]])
    np.testing.assert_allclose(estimated[0], exact[0], rtol=1e-2, atol=1e-2)


def test_raw_operations_take_keywords_only():
    assert tf.raw_ops.MatMul(a=tf.ones((1, 2)), b=tf.ones((2, 1))).numpy().tolist() == [[2.0]]
    assert tf.raw_ops.Sum(input=[[1.0, 2.0]], axis=1, keep_dims=True).shape == (1, 1)
    with pytest.raises(TypeError, match="only takes keyword args"):
        tf.raw_ops.Add(1.0, 2.0)


def run(tmp_path, program):
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(program))
    done = subprocess.run(
        [sys.executable, "-m", "wengert", "run", str(script)], capture_output=True, text=True, check=False
    )
    return done.stdout, done.stderr


def test_an_unmodified_program_runs(tmp_path):
    out, err = run(
        tmp_path,
        """
        import tensorflow as tf
        from tensorflow import nn
        import tensorflow.math

        @tf.custom_gradient
        def my_linear(x, w, b):
            def grad(dy):
                dw = tf.matmul(tf.transpose(x), dy)
                db = tf.reduce_sum(dy, axis=0)
                dx = tf.matmul(dy, w, transpose_b=True)
                return dx, dw, db
            y = tf.matmul(x, w) + b
            return y, grad

        x = tf.Variable(tf.random.normal((32, 64), dtype=tf.float32))
        W = tf.Variable(tf.random.normal((64, 128), dtype=tf.float32))
        b = tf.Variable(tf.random.normal((128,), dtype=tf.float32))
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(nn.relu(my_linear(x, W, b)))
        for g in tape.gradient(loss, [x, W, b]):
            print(g.shape)
        print(tf.__version__, tf.math is tensorflow.math)
        """,
    )
    assert err == "" and out == "(32, 64)\n(64, 128)\n(128,)\n2.21.0 True\n"


def test_a_missing_name_is_explained(tmp_path):
    _, err = run(tmp_path, "import tensorflow as tf\ntf.lite\n")
    assert "module 'tensorflow' has no attribute 'lite': wengert does not have it yet" in err


def test_wengert_alone_does_not_load_this_dialect():
    code = "import sys, wengert; print('wengert.tf' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
