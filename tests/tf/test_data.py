"""`tf.data`: what datasets give, in which order, and what is known of them beforehand."""

import numpy as np
import pytest

import wengert.tf as tf
from tests.tf import data_cases
from tests.tf.oracle import outcome, plain, tensorflow  # noqa: F401

Dataset = tf.data.Dataset


def integers(dataset):
    return [int(x) for x in dataset]


@pytest.mark.parametrize("name", data_cases.CASES)
def test_dataset_is_tensorflows(name, tensorflow):  # noqa: F811
    spec, count, found = data_cases.elements(data_cases.CASES[name](tf))
    wanted_spec, wanted_count, wanted = data_cases.elements(data_cases.CASES[name](tensorflow))
    assert spec == wanted_spec and count == wanted_count
    assert plain(found) == plain(wanted)


@pytest.mark.parametrize("name", data_cases.CASES)
def test_a_second_pass_and_the_spec_fit_the_elements(name):
    if name == "batched_then_shuffled" or name.startswith("shuffled"):
        pytest.skip("another order on each pass is meant")
    dataset = data_cases.CASES[name](tf)
    first, again = (list(dataset.take(30).as_numpy_iterator()) for _ in range(2))
    assert plain(first) == plain(again)
    for element in dataset.take(30):
        for x, spec in zip(tf.nest.flatten(element), tf.nest.flatten(dataset.element_spec), strict=True):
            assert spec.is_compatible_with(x)
    if int(dataset.cardinality()) >= 0:
        assert len(first) == len(dataset)


def test_orders_by_chance_are_tensorflows():
    tf.random.set_seed(3)
    assert integers(Dataset.range(12).shuffle(5, seed=7)) == [3, 2, 5, 4, 8, 9, 10, 1, 11, 7, 0, 6]
    assert integers(Dataset.range(6).shuffle(6, seed=1).repeat(2)) == [1, 4, 3, 0, 5, 2, 0, 3, 4, 2, 5, 1]
    tf.random.set_seed(3)
    assert integers(Dataset.range(8).shuffle(8)) == [3, 4, 0, 2, 6, 1, 7, 5]
    drawn = Dataset.sample_from_datasets([Dataset.range(4), Dataset.range(10, 14)], weights=[0.3, 0.7], seed=2)
    assert integers(drawn) == [10, 11, 12, 13, 0, 1, 2, 3]


def test_looking_at_the_spec_does_not_move_an_order_on():
    plainly = Dataset.range(20).shuffle(20, seed=5).map(lambda x: x + 1)
    looked_at = Dataset.range(20).shuffle(20, seed=5).map(lambda x: x + 1)
    assert looked_at.element_spec == tf.TensorSpec((), tf.int64)
    assert integers(looked_at) == integers(plainly)


def test_a_pipeline_as_programs_write_it():
    x, y = np.arange(10.0, dtype=np.float32).reshape(5, 2), np.array([0, 1, 2, 1, 0])
    data = (
        Dataset.from_tensor_slices((x, y))
        .map(lambda a, b: (a / 2.0, tf.one_hot(b, 3)))
        .batch(2)
        .prefetch(tf.data.AUTOTUNE)
    )
    assert data.element_spec == (tf.TensorSpec((None, 2), tf.float32), tf.TensorSpec((None, 3), tf.float32))
    assert len(data) == 3
    shapes = [(tuple(a.shape), tuple(b.shape)) for a, b in data]
    assert shapes == [((2, 2), (2, 3)), ((2, 2), (2, 3)), ((1, 2), (1, 3))]
    np.testing.assert_array_equal(next(iter(data))[0], x[:2] / 2)
    assert repr(data).startswith("<_PrefetchDataset element_spec=(TensorSpec(shape=(None, 2), dtype=tf.float32")


def test_elements_are_constants_until_they_are_watched():
    weight = tf.Variable(2.0)
    data = Dataset.from_tensor_slices([1.0, 2.0, 3.0]).map(lambda x: x * x)
    with tf.GradientTape() as tape:
        total = tf.add_n([weight * x for x in data])
    assert float(tape.gradient(total, weight)) == 14.0
    x = next(iter(data.skip(2)))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert float(tape.gradient(y, x)) == 18.0


def test_an_iterator_ends_with_an_error_of_its_own():
    iterator = iter(Dataset.range(1))
    assert int(iterator.get_next()) == 0
    with pytest.raises(tf.errors.OutOfRangeError, match="End of sequence"):
        iterator.get_next()
    assert not bool(iterator.get_next_as_optional().has_value())
    with pytest.raises(StopIteration):
        next(iterator)


def test_a_cache_computes_each_element_once():
    seen = []
    data = Dataset.range(3).map(lambda x: (seen.append(int(x)), x)[1]).cache()
    assert integers(data) == integers(data) == [0, 1, 2]
    assert [x for x in seen if x] == [1, 2]


def test_windows_do_not_wait_for_the_end():
    data = Dataset.counter().window(2, shift=3).flat_map(lambda w: w.batch(2))
    assert [x.numpy().tolist() for x in data.take(2)] == [[0, 1], [3, 4]]


MISUSE = {
    "scalar slices": lambda tf: tf.data.Dataset.from_tensor_slices(3),
    "slices of different lengths": lambda tf: tf.data.Dataset.from_tensor_slices((np.zeros(3), np.zeros(4))),
    "no batch size": lambda tf: tf.data.Dataset.range(3).batch(0),
    "ragged batch": lambda tf: list(tf.data.Dataset.range(1, 4).map(lambda n: tf.fill([n], n)).batch(2)),
    "length of an endless one": lambda tf: len(tf.data.Dataset.range(3).repeat()),
    "length of a filter": lambda tf: len(tf.data.Dataset.range(3).filter(lambda x: x > 0)),
    "no generator": lambda tf: tf.data.Dataset.from_generator(3),
    "no signature": lambda tf: tf.data.Dataset.from_generator(lambda: iter([1])),
    "another shape": lambda tf: list(
        tf.data.Dataset.from_generator(lambda: iter([[1, 2]]), output_signature=tf.TensorSpec((3,), tf.int32))
    ),
    "another structure": lambda tf: list(
        tf.data.Dataset.from_generator(lambda: iter([(1, 2, 3)]), output_signature=(tf.TensorSpec((), tf.int32),) * 2)
    ),
    "several elements": lambda tf: tf.data.Dataset.range(3).get_single_element(),
    "no element": lambda tf: tf.data.Dataset.range(0).get_single_element(),
    "no buffer": lambda tf: list(tf.data.Dataset.range(3).shuffle(0)),
    "no function": lambda tf: tf.data.Dataset.range(3).map(3),
    "end": lambda tf: iter(tf.data.Dataset.range(0)).get_next(),
    "other dtypes": lambda tf: tf.data.Dataset.range(3).concatenate(tf.data.Dataset.range(3, output_type=tf.float32)),
}
CLASSES = {
    "scalar slices": "ValueError", "slices of different lengths": "ValueError", "length of an endless one": "TypeError",
    "length of a filter": "TypeError", "no generator": "TypeError", "no signature": "TypeError",
    "no function": "ValueError", "end": "OutOfRangeError", "other dtypes": "TypeError",
}  # fmt: skip


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_is_an_error_of_tensorflows_class(name):
    assert outcome(MISUSE[name], tf)[0] == CLASSES.get(name, "InvalidArgumentError")


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_is_told_in_tensorflows_words(name, tensorflow):  # noqa: F811
    (kind, words), (wanted, wanted_words) = outcome(MISUSE[name], tf), outcome(MISUSE[name], tensorflow)
    assert kind == wanted
    assert words[:40] == wanted_words[:40]


def test_structures_are_compared_without_printing_their_leaves():
    class Silent:
        def __repr__(self):
            raise AssertionError("a leaf was printed")

    leaves = {"a": (Silent(), Silent())}
    assert tf.nest.flatten(tf.nest.map_structure(lambda a, b: a is b, leaves, leaves)) == [True, True]
    with pytest.raises(ValueError, match="don't have the same nested structure"):
        tf.nest.assert_same_structure([1, 2], [1, [2]])
