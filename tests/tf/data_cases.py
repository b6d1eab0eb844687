"""Datasets by name, each made with a given module: this library or TensorFlow."""

import collections

import numpy as np

CASES = {}
Pair = collections.namedtuple("Pair", "first second")


def case(function):
    """Enter a dataset under its function's name."""
    CASES[function.__name__] = function
    return function


def grid(rows, columns):
    """Numbers that all differ."""
    return np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)


@case
def slices(tf):
    return tf.data.Dataset.from_tensor_slices(grid(4, 3))


@case
def slices_of_a_dict(tf):
    return tf.data.Dataset.from_tensor_slices({"b": grid(4, 2), "a": [1, 2, 3, 4]})


@case
def slices_of_a_named_tuple(tf):
    return tf.data.Dataset.from_tensor_slices(Pair([1, 2], ([3.0, 4.0], [5, 6])))


@case
def one_element(tf):
    return tf.data.Dataset.from_tensors((grid(2, 2), 3))


@case
def numbers(tf):
    return tf.data.Dataset.range(10, 0, -3)


@case
def numbers_of_a_dtype(tf):
    return tf.data.Dataset.range(3, output_type=tf.float32)


@case
def map_of_a_tuple(tf):
    return tf.data.Dataset.from_tensor_slices((grid(4, 2), [0, 1, 2, 3])).map(lambda x, y: (x * 2.0, tf.one_hot(y, 4)))


@case
def map_to_a_dict(tf):
    return tf.data.Dataset.range(3).map(lambda i: {"x": i, "y": tf.cast(i, tf.float32) / 2.0})


@case
def map_of_batches(tf):
    return tf.data.Dataset.range(7).batch(3).map(lambda x: x + 1, num_parallel_calls=tf.data.AUTOTUNE)


@case
def batches(tf):
    return tf.data.Dataset.from_tensor_slices((grid(5, 2), np.arange(5))).batch(2)


@case
def whole_batches(tf):
    return tf.data.Dataset.range(7).batch(3, drop_remainder=True)


@case
def batches_of_batches(tf):
    return tf.data.Dataset.range(8).batch(2).batch(2)


@case
def padded(tf):
    return tf.data.Dataset.range(1, 6).map(lambda n: tf.fill([n], n)).padded_batch(2, padded_shapes=[None])


@case
def padded_to_a_shape(tf):
    return (
        tf.data.Dataset.range(1, 4)
        .map(lambda n: (tf.fill([n], n), n))
        .padded_batch(2, padded_shapes=([5], []), padding_values=(tf.constant(-1, tf.int64), tf.constant(0, tf.int64)))
    )


@case
def unbatched(tf):
    return tf.data.Dataset.from_tensor_slices(grid(3, 2)).batch(2).unbatch()


@case
def rebatched(tf):
    return tf.data.Dataset.range(9).batch(2).rebatch(4)


@case
def shuffled(tf):
    return tf.data.Dataset.range(40).shuffle(8, seed=5)


@case
def shuffled_with_a_global_seed(tf):
    tf.random.set_seed(3)
    return tf.data.Dataset.range(20).shuffle(20)


@case
def shuffled_again_on_each_pass(tf):
    return tf.data.Dataset.range(10).shuffle(10, seed=1).repeat(3)


@case
def shuffled_alike_on_each_pass(tf):
    return tf.data.Dataset.range(10).shuffle(10, seed=1, reshuffle_each_iteration=False).repeat(2)


@case
def shuffled_then_mapped_and_batched(tf):
    data = tf.data.Dataset.range(12).shuffle(12, seed=2).map(lambda x: x * x)
    assert data.element_spec.dtype == tf.int64  # looking does not move the order on
    return data.batch(5).prefetch(1)


@case
def batched_then_shuffled(tf):
    return tf.data.Dataset.range(9).batch(2).shuffle(4, seed=11)


@case
def repeated(tf):
    return tf.data.Dataset.range(3).repeat(2)


@case
def repeated_without_end(tf):
    return tf.data.Dataset.range(3).repeat().take(7)


@case
def taken_and_skipped(tf):
    return tf.data.Dataset.range(10).skip(2).take(5).skip(1)


@case
def skipped_wholly(tf):
    return tf.data.Dataset.range(10).skip(-1)


@case
def sharded(tf):
    return tf.data.Dataset.range(10).shard(3, 1)


@case
def filtered(tf):
    return tf.data.Dataset.range(10).filter(lambda x: x % 3 == 0)


@case
def taken_while(tf):
    return tf.data.Dataset.range(10).take_while(lambda x: x < 4)


@case
def zipped(tf):
    return tf.data.Dataset.zip((tf.data.Dataset.range(3), tf.data.Dataset.range(5, 10)))


@case
def zipped_in_a_dict(tf):
    return tf.data.Dataset.zip(
        {"x": tf.data.Dataset.range(3), "y": (tf.data.Dataset.range(2), tf.data.Dataset.range(4))}
    )


@case
def zipped_by_place(tf):
    return tf.data.Dataset.zip(tf.data.Dataset.range(3), tf.data.Dataset.range(5, 10).batch(2))


@case
def concatenated(tf):
    return tf.data.Dataset.range(3).concatenate(tf.data.Dataset.range(10, 12))


@case
def enumerated(tf):
    return tf.data.Dataset.from_tensor_slices([1.0, 2.0]).enumerate(start=5)


@case
def windows(tf):
    return tf.data.Dataset.range(7).window(3, shift=2, stride=2).flat_map(lambda w: w.batch(3))


@case
def whole_windows(tf):
    return tf.data.Dataset.range(7).window(3, shift=1, drop_remainder=True).flat_map(lambda w: w.batch(3))


@case
def windows_of_an_endless_dataset(tf):
    return tf.data.Dataset.range(3).repeat().window(4, shift=5).take(3).flat_map(lambda w: w.batch(4))


@case
def windows_of_tuples(tf):
    data = tf.data.Dataset.from_tensor_slices((np.arange(5), grid(5, 2))).window(2)
    return data.flat_map(lambda a, b: tf.data.Dataset.zip((a.batch(2), b.batch(2))))


@case
def flat(tf):
    return tf.data.Dataset.range(1, 4).flat_map(lambda n: tf.data.Dataset.from_tensors(n).repeat(n))


@case
def interleaved(tf):
    return tf.data.Dataset.range(1, 6).interleave(
        lambda n: tf.data.Dataset.from_tensors(n).repeat(6), cycle_length=2, block_length=4
    )


@case
def interleaved_unevenly(tf):
    return tf.data.Dataset.range(0, 7).interleave(
        lambda n: tf.data.Dataset.from_tensors(n).repeat(n), cycle_length=3, block_length=2
    )


@case
def scanned(tf):
    return tf.data.Dataset.range(5).scan(tf.constant(0, tf.int64), lambda total, x: (total + x, total * 10))


@case
def once_each(tf):
    return tf.data.Dataset.from_tensor_slices([1, 37, 2, 37, 2, 1]).unique()


@case
def cached_after_a_shuffle(tf):
    return tf.data.Dataset.range(6).shuffle(6, seed=4).cache().repeat(2)


@case
def chosen(tf):
    parts = [tf.data.Dataset.range(i, i + 3) for i in (0, 10, 20)]
    return tf.data.Dataset.choose_from_datasets(parts, tf.data.Dataset.range(3).repeat(2))


@case
def from_a_generator(tf):
    def made():
        for i in range(4):
            yield np.full(i, i), i

    return tf.data.Dataset.from_generator(
        made, output_signature=(tf.TensorSpec((None,), tf.float32), tf.TensorSpec((), tf.int32))
    )


@case
def from_a_generator_by_types(tf):
    return tf.data.Dataset.from_generator(lambda n: iter(range(n)), tf.int64, tf.TensorShape([]), args=(4,))


@case
def from_a_generator_of_dicts(tf):
    return tf.data.Dataset.from_generator(
        lambda: ({"a": i, "b": [i, i + 1]} for i in range(3)),
        output_signature={"a": tf.TensorSpec((), tf.int32), "b": tf.TensorSpec((2,), tf.float32)},
    ).batch(2)


@case
def applied(tf):
    return tf.data.Dataset.range(6).apply(lambda d: d.filter(lambda x: x > 1)).batch(2)


@case
def endless(tf):
    return tf.data.Dataset.range(2).repeat()


@case
def asserted(tf):
    return tf.data.Dataset.range(4).filter(lambda x: x > 0).apply(tf.data.experimental.assert_cardinality(3))


def elements(dataset, limit=60):
    """The first elements as NumPy's values, with what is known before a pass is started."""
    spec = repr(dataset.element_spec)
    count = int(dataset.cardinality())
    return spec, count, list(dataset.take(limit).as_numpy_iterator())
