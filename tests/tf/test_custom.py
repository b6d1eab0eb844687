"""Gradients of one's own, and where gradients end."""

import pytest

import wengert.tf as tf


def gradient(f, *sources):
    with tf.GradientTape() as tape:
        y = f(*sources)
    found = tape.gradient(y, list(sources))
    return [g if g is None else g.numpy().tolist() for g in found]


@tf.custom_gradient
def cubic_slope(x):
    def grad(dy):
        return 3.0 * x * x * dy

    return x * x, grad


def test_the_given_gradient_is_used():
    assert gradient(cubic_slope, tf.Variable([1.0, 2.0])) == [[3.0, 12.0]]
    assert cubic_slope(3.0).numpy() == 9.0 and cubic_slope.__name__ == "cubic_slope"


def test_higher_orders_follow_the_formula_of_the_gradient():
    v = tf.Variable(2.0)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = cubic_slope(v)
        g = inner.gradient(y, v)
    assert [g.numpy(), outer.gradient(g, v).numpy()] == [12.0, 12.0]


def test_higher_orders_go_through_values_taken_from_the_body():
    @tf.custom_gradient
    def f(x):
        z = tf.exp(x)
        return z, lambda dy: z * dy * 2.0

    v = tf.Variable(0.0)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = f(v)
        g = inner.gradient(y, v)
    assert [g.numpy(), outer.gradient(g, v).numpy()] == [2.0, 2.0]


def test_several_results_and_arguments():
    @tf.custom_gradient
    def f(x, y):
        def grad(dx, dy):
            return dx * 2.0, dy * 10.0 + dx

        return (x * x, y), grad

    a, b = tf.Variable(3.0), tf.Variable(4.0)
    with tf.GradientTape(persistent=True) as tape:
        p, q = f(a, b)
        s = p + q
    assert [g.numpy() for g in tape.gradient(s, [a, b])] == [2.0, 11.0]
    assert [g.numpy() for g in tape.gradient(p, [a, b])] == [2.0, 1.0]


def test_variables_read_inside():
    v = tf.Variable(2.0)

    @tf.custom_gradient
    def with_keyword(x):
        def grad(dy, variables=None):
            return dy * 7.0, [dy * 5.0 for _ in variables]

        return x * v, grad

    @tf.custom_gradient
    def without(x):
        return x * v, lambda dy: dy

    @tf.custom_gradient
    def too_few(x):
        return x * v, lambda dy, variables: (dy, [])

    x = tf.Variable(3.0)
    assert gradient(lambda a, b: with_keyword(a), x, v) == [7.0, 5.0]
    with pytest.raises(TypeError, match="@tf.custom_gradient grad_fn must accept keyword argument 'variables'"):
        gradient(without, x)
    with pytest.raises(ValueError, match="Must return gradient for each variable from @custom_gradient grad_fn."):
        gradient(too_few, x)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (lambda dy: (dy, dy), ValueError, "custom_gradient function expected to return 1 gradients, but returned 2 i"),
        (lambda dy: "abc", TypeError, r"the gradient function of .*f\(\) under tf.custom_gradient returned a str"),
        (lambda dy: object(), TypeError, r"the gradient function of .*f\(\) under tf.custom_gradient returned a obje"),
    ],
)  # fmt: skip
def test_wrong_gradients(given, error, words):
    @tf.custom_gradient
    def f(x):
        return x * x, given

    with pytest.raises(error, match=words):
        gradient(f, tf.Variable(3.0))


def test_none_is_no_gradient_and_numbers_are_tensors():
    assert gradient(tf.custom_gradient(lambda x: (x * x, lambda dy: None)), tf.Variable(3.0)) == [None]
    assert gradient(tf.custom_gradient(lambda x: (x * x, lambda dy: 2.0)), tf.Variable(3.0)) == [2.0]


def test_a_function_without_gradient_function_is_told_so():
    with pytest.raises(TypeError, match=r"must return \(result, grad_fn\)"):
        tf.custom_gradient(lambda x: x * x)(tf.ones(2))


def test_methods_and_keyword_arguments():
    class Scale:
        factor = 4.0

        @tf.custom_gradient
        def __call__(self, x, twice=False):
            k = self.factor * (2.0 if twice else 1.0)
            return x * k, lambda dy: dy * -k

    x = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        y = Scale().__call__(x, twice=True)
    assert y.numpy() == 8.0 and tape.gradient(y, x).numpy() == -8.0


def test_stop_gradient():
    assert gradient(lambda v: v * tf.stop_gradient(v * v), tf.Variable(3.0)) == [9.0]


def test_grad_pass_through():
    assert gradient(lambda v: 2.0 * tf.grad_pass_through(tf.round)(v), tf.Variable(3.3)) == [2.0]


def test_recompute_grad_runs_again_and_agrees():
    runs = []
    v = tf.Variable(2.0)

    @tf.recompute_grad
    def f(x):
        runs.append(1)
        return tf.sin(x) * v

    x = tf.Variable(0.5)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = f(x)
        assert len(runs) == 1
        g = inner.gradient(y, [x, v])
    assert len(runs) == 2
    second = outer.gradient(g[0], [x, v])
    wanted = [float(tf.cos(0.5) * 2.0), float(tf.sin(0.5)), float(-tf.sin(0.5) * 2.0), float(tf.cos(0.5))]
    assert [float(t) for t in (*g, *second)] == pytest.approx(wanted)
