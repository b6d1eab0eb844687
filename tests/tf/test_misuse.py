"""What programs do wrongly with tapes, tensors and Variables: TensorFlow's class of error and its first words."""

import numpy as np
import pytest

import wengert.tf as tf
from tests.tf.oracle import outcome, tensorflow  # noqa: F401

MISUSE = {}


def case(kind):
    """Enter a misuse with the class of its error, None where it is allowed."""

    def enter(function):
        MISUSE[function.__name__] = function, kind
        return function

    return enter


@case("RuntimeError")
def twice(tf):
    x = tf.Variable(1.0)
    with tf.GradientTape() as g:
        y = x * x
    g.gradient(y, x)
    g.gradient(y, x)


@case(None)
def int_watch(tf):
    x = tf.constant([1, 2])
    with tf.GradientTape() as g:
        g.watch(x)
        y = x * x
    return g.gradient(y, x)


@case("ValueError")
def watch_str(tf):
    with tf.GradientTape() as g:
        g.watch("a")


@case("ValueError")
def watch_np(tf):
    with tf.GradientTape() as g:
        g.watch(np.ones(2))


@case("InvalidArgumentError")
def dtype_mix(tf):
    return tf.constant(1.0) + tf.constant(1.0, tf.float64)


@case("InvalidArgumentError")
def dtype_mix_int(tf):
    return tf.constant(1) * tf.constant(1.0)


@case("InvalidArgumentError")
def int_plus_half(tf):
    return tf.constant(1) + 1.5


@case("InvalidArgumentError")
def matmul_shape(tf):
    return tf.matmul(tf.ones((2, 3)), tf.ones((2, 3)))


@case("InvalidArgumentError")
def matmul_rank(tf):
    return tf.matmul(tf.ones(3), tf.ones(3))


@case("InvalidArgumentError")
def add_shape(tf):
    return tf.ones((2, 3)) + tf.ones((2, 4))


@case(None)
def none_grad(tf):
    x, z = tf.Variable(1.0), tf.Variable(2.0)
    with tf.GradientTape() as g:
        y = x * x
    return [a is None for a in g.gradient(y, [x, z])]


@case("TypeError")
def none_math(tf):
    x, z = tf.Variable(1.0), tf.Variable(2.0)
    with tf.GradientTape() as g:
        y = x * x
    return g.gradient(y, z) * 2.0


@case("TypeError")
def target_none(tf):
    x = tf.Variable(1.0)
    with tf.GradientTape() as g:
        x * x
    return g.gradient(None, x)


@case("TypeError")
def source_none(tf):
    x = tf.Variable(1.0)
    with tf.GradientTape() as g:
        y = x * x
    return g.gradient(y, None)


@case("InvalidArgumentError")
def out_grads_shape(tf):
    x = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as g:
        y = x * x
    return g.gradient(y, x, output_gradients=tf.ones(3))


@case(None)
def out_grads_count(tf):
    x = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as g:
        y = x * x
    return g.gradient([y, y], x, output_gradients=[tf.ones(2)])


@case("ValueError")
def bad_unconnected(tf):
    x = tf.Variable(1.0)
    with tf.GradientTape() as g:
        y = x * x
    return g.gradient(y, x, unconnected_gradients="maybe")


@case("ValueError")
def reenter(tf):
    g = tf.GradientTape()
    with g, g:
        pass


@case("RuntimeError")
def stop_not(tf):
    g = tf.GradientTape()
    with g.stop_recording():
        pass


@case(None)
def grad_in_own(tf):
    x = tf.Variable(2.0)
    with tf.GradientTape() as g:
        y = x * x
        return float(g.gradient(y, x))


@case("ValueError")
def custom_count(tf):
    @tf.custom_gradient
    def f(a, b):
        return a * b, lambda d: d

    x, y = tf.Variable(1.0), tf.Variable(2.0)
    with tf.GradientTape() as g:
        z = f(x, y)
    return g.gradient(z, [x, y])


@case("TypeError")
def custom_var(tf):
    v = tf.Variable(2.0)

    @tf.custom_gradient
    def f(a):
        def grad(d):
            return d

        return a * v, grad

    x = tf.Variable(1.0)
    with tf.GradientTape() as g:
        z = f(x)
    return g.gradient(z, x)


@case("TypeError")
def tensor_assign(tf):
    x = tf.ones(3)
    x[0] = 1.0


@case("RuntimeError")
def var_iadd(tf):
    x = tf.Variable(1.0)
    x += 1.0
    return x


@case("ValueError")
def assign_shape(tf):
    tf.Variable([1.0, 2.0]).assign([1.0])


@case("ValueError")
def assign_dtype(tf):
    tf.Variable(1.0).assign(tf.constant(1.0, tf.float64))


@case("ValueError")
def bool_many(tf):
    return bool(tf.ones(2))


@case("TypeError")
def float_many(tf):
    return float(tf.ones(2))


@case("TypeError")
def hash_t(tf):
    return hash(tf.ones(2))


@case("TypeError")
def iter0(tf):
    return list(tf.constant(1.0))


@case("TypeError")
def len0(tf):
    return len(tf.constant(1.0))


@case("ValueError")
def cast_none(tf):
    return tf.constant(None)


@case("ValueError")
def ragged(tf):
    return tf.constant([[1], [1, 2]])


@case("InvalidArgumentError")
def reshape_bad(tf):
    return tf.reshape(tf.ones(6), (4, 2))


@case("InvalidArgumentError")
def concat_bad(tf):
    return tf.concat([tf.ones((2, 3)), tf.ones((3, 2))], 0)


@case("InvalidArgumentError")
def stack_bad(tf):
    return tf.stack([tf.ones(2), tf.ones(3)])


@case("InvalidArgumentError")
def gather_bad(tf):
    return tf.gather(tf.ones(3), [5])


@case("ValueError")
def batch_jac(tf):
    x = tf.ones((2, 3))
    with tf.GradientTape() as g:
        g.watch(x)
        y = tf.ones((3, 3)) * tf.reduce_sum(x)
    return g.batch_jacobian(y, x)


@case("InvalidArgumentError")
def one_hot_float(tf):
    return tf.one_hot([1.0], 3)


@case("InvalidArgumentError")
def softmax_ce_shape(tf):
    return tf.nn.softmax_cross_entropy_with_logits(labels=tf.ones((2, 3)), logits=tf.ones((2, 4)))


@case("InvalidArgumentError")
def sparse_ce_range(tf):
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[5], logits=tf.ones((1, 3)))


@case("InvalidArgumentError")
def sparse_ce_float(tf):
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[1.0], logits=tf.ones((1, 3)))


@case("InvalidArgumentError")
def conv_bad(tf):
    return tf.nn.conv2d(tf.ones((1, 4, 4, 3)), tf.ones((2, 2, 2, 5)), 1, "SAME")


@case(None)
def while_grad_int(tf):
    x = tf.Variable(3)
    with tf.GradientTape() as g:
        y = tf.cast(x, tf.float32) * 2.0
    return g.gradient(y, x)


@case("TypeError")
def clip_norm(tf):
    return tf.clip_by_global_norm(tf.ones(3), 1.0)


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_is_an_error_of_its_class(name):
    function, kind = MISUSE[name]
    found = outcome(function, tf)
    assert (found[0] if type(found) is tuple else None) == kind


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_is_told_in_tensorflows_words(name, tensorflow):  # noqa: F811
    function, kind = MISUSE[name]
    found, wanted = outcome(function, tf), outcome(function, tensorflow)
    if kind is None:
        assert repr(found) == repr(wanted)
    else:
        assert found[0] == wanted[0] == kind
        assert found[1][:40] == wanted[1][:40]
