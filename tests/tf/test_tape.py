"""GradientTape: what is recorded, for whom, and what is asked of it."""

import gc
import logging
import weakref

import numpy as np
import pytest

import wengert.tf as tf


def values(structure):
    return tf.nest.map_structure(lambda x: x if x is None else x.numpy().tolist(), structure)


def test_a_watched_tensor_and_a_variable_get_gradients():
    x, v = tf.constant([1.0, 2.0]), tf.Variable([3.0, 4.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(x * v * v)
    assert values(tape.gradient(y, [x, v])) == [[9.0, 16.0], [6.0, 16.0]]


def test_a_tensor_that_nobody_watches_has_no_gradient():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        y = x * x
    assert tape.gradient(y, x) is None


def test_unconnected_gradients_may_be_zeros():
    v, w = tf.Variable([1.0, 2.0]), tf.Variable([[3.0]])
    with tf.GradientTape(persistent=True) as tape:
        y = v * v
    assert tape.gradient(y, w) is None
    assert values(tape.gradient(y, w, unconnected_gradients="zero")) == [[0.0]]
    assert values(tape.gradient(y, w, unconnected_gradients=tf.UnconnectedGradients.ZERO)) == [[0.0]]
    with pytest.raises(ValueError, match="Unknown value for unconnected_gradients: 'some'"):
        tape.gradient(y, w, unconnected_gradients="some")


def test_a_tape_is_used_once_unless_it_is_persistent():
    v = tf.Variable(3.0)
    with tf.GradientTape() as once, tf.GradientTape(persistent=True) as often:
        y = v * v
    assert values(once.gradient(y, v)) == 6.0
    with pytest.raises(RuntimeError, match="A non-persistent GradientTape can only be used to compute one set of"):
        once.gradient(y, v)
    assert values([often.gradient(y, v), often.gradient(y, v)]) == [6.0, 6.0]


def test_a_tape_that_never_ran_has_no_gradient():
    with pytest.raises(RuntimeError, match="A non-persistent GradientTape can only be used"):
        tf.GradientTape().gradient(tf.constant(1.0), tf.constant(1.0))


def test_what_runs_after_the_tape_is_not_on_it():
    v = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = v * v
    z = y * 2.0
    assert tape.gradient(z, v) is None
    assert z._node is None


def test_what_runs_while_the_tape_pauses_is_not_on_it():
    v = tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        y = v * v
        with tape.stop_recording():
            z = v * v
        w = y * z
    assert tape.gradient(z, v) is None
    assert values(tape.gradient(w, v)) == 6.0 * 9.0
    with (
        pytest.raises(RuntimeError, match="Trying to stop recording a tape which is not recording."),
        tape.stop_recording(),
    ):
        raise AssertionError("never reached")


def test_reset_forgets():
    v = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = v * v
        tape.reset()
        z = y * v
    assert values(tape.gradient(z, [v, y])) == [9.0, None]


def test_entering_twice_is_an_error_and_entering_again_goes_on():
    v = tf.Variable(3.0)
    tape = tf.GradientTape()
    with tape:
        y = v * v
        with pytest.raises(ValueError, match="Tape is still recording"):
            tape.__enter__()
    with tape:
        z = y * v
    assert values(tape.gradient(z, v)) == 27.0


def test_gradients_at_intermediate_values():
    v = tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        y = v * v
        z = y * y * v
    assert values(tape.gradient(z, [y, v])) == [54.0, 9.0 * 9.0 + 2 * 9.0 * 6.0 * 3.0]
    assert values(tape.gradient(y, y)) == 1.0


def test_several_targets_are_summed_and_weighted():
    v = tf.Variable([1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        y, z = v * v, v * 3.0
    assert values(tape.gradient([y, z], v)) == [5.0, 7.0]
    assert values(tape.gradient({"a": y, "b": z}, v)) == [5.0, 7.0]
    weighted = tape.gradient([y, z], v, output_gradients=[tf.constant([10.0, 0.0]), tf.constant([0.0, 1.0])])
    assert values(weighted) == [20.0, 3.0]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"Incompatible shapes: \[3\] vs. \[2\]"):
        tape.gradient(y, v, output_gradients=tf.constant([1.0, 2.0, 3.0]))


def test_sources_keep_their_structure():
    a, b = tf.Variable(2.0), tf.Variable(5.0)
    with tf.GradientTape() as tape:
        y = a * b
    assert values(tape.gradient(y, {"b": b, "rest": (a, [b])})) == {"b": 2.0, "rest": (5.0, [2.0])}


def test_watch_accessed_variables_may_be_off():
    v, w = tf.Variable(2.0), tf.Variable(3.0)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(v)
        y = v * w
    assert values(tape.gradient(y, [v, w])) == [3.0, None]
    assert tape.watched_variables() == (v,) or tape.watched_variables()[0] is v


def test_untrainable_variables_are_watched_only_when_asked():
    v = tf.Variable(2.0, trainable=False)
    with tf.GradientTape(persistent=True) as tape:
        y = v * v
        tape.watch(v)
        z = v * v
    assert tape.gradient(y, v) is None
    assert values(tape.gradient(z, v)) == 4.0


def test_watched_variables_in_the_order_met():
    v, w = tf.Variable(2.0), tf.Variable(3.0)
    with tf.GradientTape() as tape:
        w * v * w  # noqa: B018
    assert [x is y for x, y in zip(tape.watched_variables(), (w, v), strict=True)] == [True, True]


def test_second_order_by_nested_tapes():
    v = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = v**3
        g = inner.gradient(y, v)
    assert values([g, outer.gradient(g, v)]) == [[3.0, 12.0], [6.0, 12.0]]


def test_third_order_by_nested_tapes():
    x = tf.constant(2.0)
    with tf.GradientTape() as t3:
        t3.watch(x)
        with tf.GradientTape() as t2:
            t2.watch(x)
            with tf.GradientTape() as t1:
                t1.watch(x)
                y = x**4
            first = t1.gradient(y, x)
        second = t2.gradient(first, x)
    assert values([first, second, t3.gradient(second, x)]) == [32.0, 48.0, 48.0]


def test_a_gradient_inside_its_own_tape():
    v = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = v * v
        g = tape.gradient(y, v)
    assert values(g) == 6.0


def test_a_persistent_tape_records_its_own_gradients_and_says_so(caplog):
    from wengert.tf import tape as module

    module.WARNED.clear()
    v = tf.Variable(3.0)
    with caplog.at_level(logging.WARNING, "tensorflow"), tf.GradientTape(persistent=True) as tape:
        g = tape.gradient(v**3, v)
    assert "on a persistent tape inside its context" in caplog.text
    assert values(tape.gradient(g, v)) == 18.0


def test_nested_tapes_see_only_what_they_watch():
    x, v = tf.constant(3.0), tf.Variable([1.0, 2.0])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            y = x * x
            z = y * v
        assert values(inner.gradient(z, [x, y, v])) == [None, None, [9.0, 9.0]]
    assert values(outer.gradient(z, [x, y, v])) == [18.0, 3.0, [9.0, 9.0]]


def test_watching_later_starts_there():
    x = tf.constant(3.0)
    with tf.GradientTape(persistent=True) as tape:
        y = x * x
        tape.watch(x)
        z = x * y
    assert tape.gradient(y, x) is None
    assert values(tape.gradient(z, x)) == 9.0


def test_an_intermediate_of_an_old_tape_can_be_watched_anew():
    v = tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as first:
        y = v * v
        z = y * y
    with tf.GradientTape() as second:
        second.watch(y)
        w = y * y * y
    assert values(second.gradient(w, y)) == 243.0
    assert values(first.gradient([z, y], [v, y])) == [2 * 9.0 * 6.0 + 6.0, 19.0]


def test_without_watching_an_old_intermediate_is_a_constant():
    v = tf.Variable(3.0)
    with tf.GradientTape():
        y = v * v
    with tf.GradientTape() as tape:
        z = y * v
    assert values(tape.gradient(z, [v, y])) == [9.0, None]


def test_a_state_carried_from_step_to_step_does_not_grow():
    v, state, total = tf.Variable([0.5]), tf.zeros([1]), tf.constant(0.0)
    refs = []
    for _ in range(4):
        with tf.GradientTape() as tape:
            state = tf.tanh(state + v)
            loss = tf.reduce_sum(state)
        tape.gradient(loss, v)
        total = total + loss
        refs.append(weakref.ref(loss._node))
    del tape, loss
    gc.collect()
    assert total._node is None
    assert sum(ref() is not None for ref in refs) == 0


def test_integers_have_no_gradient_and_a_warning_says_so(caplog):
    from wengert.tf import tape as module

    module.WARNED.clear()
    x = tf.constant(3)
    with caplog.at_level(logging.WARNING, "tensorflow"), tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert "The dtype of the watched tensor must be floating (e.g. tf.float32), got tf.int32" in caplog.text
    assert tape.gradient(y, x) is None
    assert "The dtype of the target tensor must be floating" in caplog.text


@pytest.mark.parametrize("wrong", ["abc", 3.0])
def test_only_tensors_can_be_watched(wrong):
    with tf.GradientTape() as tape, pytest.raises(ValueError, match=f"Passed in object {wrong} of type"):
        tape.watch(wrong)


def test_what_is_no_tensor_is_refused():
    v = tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        y = v * v
    with pytest.raises(TypeError, match="Argument `target` should be a list or nested structure"):
        tape.gradient(None, v)
    with pytest.raises(AttributeError, match="'float' object has no attribute 'dtype'"):
        tape.gradient(3.0, v)
    with pytest.raises(TypeError, match="Cannot convert the argument `type_value`: 'abc'"):
        tape.gradient(y, "abc")


@pytest.mark.parametrize("together", [True, False])
def test_jacobian(together):
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.stack([[x[0] * x[1], x[0] ** 2], [tf.sin(x[1]), x[1]]])
    wanted = [[[2.0, 1.0], [2.0, 0.0]], [[0.0, np.cos(2.0)], [0.0, 1.0]]]
    found = tape.jacobian(y, [x], experimental_use_pfor=together)
    assert isinstance(found, list) and found[0].shape == (2, 2, 2)
    np.testing.assert_allclose(found[0], wanted, rtol=1e-6)


@pytest.mark.parametrize("together", [True, False])
def test_batch_jacobian(together):
    x = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.stack([x[:, 0] * x[:, 1], x[:, 0] ** 2, x[:, 1]], 1)
    found = tape.batch_jacobian(y, x, experimental_use_pfor=together)
    np.testing.assert_allclose(found, [[[b, a], [2 * a, 0], [0, 1]] for a, b in x.numpy()])
    with pytest.raises(ValueError, match="must have rank at least 2"):
        tape.batch_jacobian(y, x[0])
    with pytest.raises(ValueError, match="Need first dimension of target shape .* and source shape .* to match"):
        tape.batch_jacobian(y[:2], x)


def test_a_jacobian_of_a_gradient_is_a_hessian():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = x[0] ** 3 * x[1]
        g = inner.gradient(y, x)
    np.testing.assert_allclose(outer.jacobian(g, x), [[12.0, 3.0], [3.0, 0.0]])


def test_lookups_give_indexed_slices():
    table = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    with tf.GradientTape(persistent=True) as tape:
        y = tf.gather(table, [0, 0, 2])
        z = tf.nn.embedding_lookup(table, [1])
        w = y + table
        inner = tf.gather(table * 2.0, [0])
    g = tape.gradient(y, table)
    assert isinstance(g, tf.IndexedSlices)
    assert values([g.values, g.indices, g.dense_shape]) == [[[1.0, 1.0]] * 3, [0, 0, 2], [3, 2]]
    assert values(tf.convert_to_tensor(g)) == [[2.0, 2.0], [0.0, 0.0], [1.0, 1.0]]
    both = tape.gradient([y, z], table)
    assert isinstance(both, tf.IndexedSlices)
    assert values(tf.convert_to_tensor(both)) == [[2.0, 2.0], [1.0, 1.0], [1.0, 1.0]]
    assert values(tape.gradient(w, table)) == [[3.0, 3.0], [1.0, 1.0], [2.0, 2.0]]
    assert values(tape.gradient(inner, table)) == [[2.0, 2.0], [0.0, 0.0], [0.0, 0.0]]


def test_lookups_keep_their_second_derivative():
    table = tf.Variable([[1.0], [2.0], [3.0]])
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = tf.gather(table, [1, 1]) ** 3
        g = inner.gradient(y, table)
        s = tf.reduce_sum(g.values)
    assert isinstance(g, tf.IndexedSlices)
    assert values(tf.convert_to_tensor(outer.gradient(s, table))) == [[0.0], [24.0], [0.0]]


def test_forward_mode_agrees_with_reverse():
    x = tf.constant([1.0, 2.0])
    with tf.autodiff.ForwardAccumulator(x, tf.constant([1.0, 0.5])) as accumulator:
        y = tf.sin(x) * x
        z = tf.nn.softmax(y)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        again = tf.nn.softmax(tf.sin(x) * x)
    np.testing.assert_allclose(accumulator.jvp(z), tf.linalg.matvec(tape.jacobian(again, x), [1.0, 0.5]), rtol=1e-5)
    assert accumulator.jvp(tf.constant(1.0)) is None
    assert values(accumulator.jvp(tf.constant(1.0), unconnected_gradients="zero")) == 0.0
    assert accumulator.jvp(y * 2.0) is None
    with tf.autodiff.ForwardAccumulator(x, tf.constant([0.0, 1.0])) as accumulator:
        w = x * x
    assert values(accumulator.jvp(w)) == [0.0, 4.0]


def test_forward_over_forward_and_forward_over_reverse():
    x, v = tf.constant(2.0), tf.Variable([1.0, 2.0])
    one = tf.constant(1.0)
    with tf.autodiff.ForwardAccumulator(x, one) as outer:
        with tf.autodiff.ForwardAccumulator(x, one) as inner:
            y = x**4
        d = inner.jvp(y)
    assert values([d, outer.jvp(d), outer.jvp(y)]) == [32.0, 48.0, 32.0]
    with tf.autodiff.ForwardAccumulator(v, tf.constant([1.0, 0.0])) as accumulator:
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(v**3)
        g = tape.gradient(y, v)
    assert values([accumulator.jvp(g), accumulator.jvp(y)]) == [[6.0, 0.0], 3.0]
