"""Tensors of the TensorFlow dialect: conversion, strictness, printing, operators, keys, errors."""

import copy
import pickle

import numpy as np
import pytest

import wengert.tf as tf

INVALID = tf.errors.InvalidArgumentError


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1.5, "float32"), (3, "int32"), (2**31, "int64"), (True, "bool"), (1j, "complex128"), ([1, 2.5], "float32"),
        (np.array([1, 2]), "int64"), (np.array([1.0]), "float64"), (np.float16(1), "float16"), ([], "float32"),
    ],
)  # fmt: skip
def test_values_get_tensorflows_dtypes(value, dtype):
    x = tf.constant(value)
    assert x.dtype == dtype and x.dtype is getattr(tf, dtype) and x.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(x.numpy(), np.asarray(value))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: tf.constant(1.5, tf.int32), TypeError, "Cannot convert 1.5 to EagerTensor of dtype int32"),
        (lambda: tf.constant([[1], [1, 2]]), ValueError, "Can't convert non-rectangular Python sequence to Tensor."),
        (lambda: tf.constant(None), ValueError, r"Attempt to convert a value \(None\) with an unsupported type"),
        (lambda: tf.constant([1, 2, 3], shape=(2, 2)), TypeError, "Eager execution of tf.constant with unsupported s"),
        (lambda: tf.convert_to_tensor(tf.constant(1.0), tf.float64), ValueError,
         "Tensor conversion requested dtype float64 for Tensor with dtype float32"),
        (lambda: tf.constant(1.0) + tf.constant(1.0, tf.float64), INVALID,
         r"cannot compute AddV2 as input #1\(zero-based\) was expected to be a float tensor but is a double tensor"),
        (lambda: tf.constant(1) + 1.5, INVALID, "was expected to be a int32 tensor but is a float tensor"),
        (lambda: 1.5 + tf.constant(1), TypeError, "Cannot convert 1.5 to EagerTensor of dtype int32"),
        (lambda: tf.constant(1.0) < tf.constant(1), INVALID, "cannot compute Less"),
        (lambda: tf.constant(True) + tf.constant(True), INVALID, "Value for attr 'T' of bool is not in the list of a"),
        (lambda: tf.sin(1), INVALID, "Value for attr 'T' of int32 is not in the list of allowed values: bfloat16, ha"),
        (lambda: tf.ones((2, 3)) + tf.ones((4, 3)), INVALID, r"Incompatible shapes: \[2,3\] vs. \[4,3\] \[Op:AddV2\]"),
        (lambda: tf.constant([1, 2]) // 0, INVALID, "Integer division by zero"),
        (lambda: tf.constant(2) ** -1, INVALID, "Integers to negative integer powers are not allowed"),
        (lambda: tf.matmul(tf.ones((2, 3)), tf.ones((2, 3))), INVALID,
         r"Matrix size-incompatible: In\[0\]: \[2,3\], In\[1\]: \[2,3\]"),
        (lambda: tf.matmul(tf.ones(3), tf.ones(3)), INVALID, r"In\[0\] ndims must be >= 2"),
        (lambda: tf.reshape(tf.ones(6), (4, 2)), INVALID, "Input to reshape is a tensor with 6 values, but the reque"),
        (lambda: tf.concat([tf.ones((2, 3)), tf.ones((2, 2))], 0), INVALID, "ConcatOp : Dimension 1 in both shapes m"),
        (lambda: tf.stack([tf.ones(2), tf.ones(3)]), INVALID, "Shapes of all inputs must match"),
        (lambda: tf.split(tf.ones(5), 2), INVALID, "Number of ways to split should evenly divide the split dimension"),
        (lambda: tf.gather(tf.range(3), [5]), INVALID, r"indices\[0\] = 5 is not in \[0, 3\)"),
        (lambda: tf.reduce_sum(tf.ones((2, 3)), axis=2), INVALID, r"Invalid reduction dimension \(2 for input with 2"),
        (lambda: tf.zeros((2, -1)), INVALID, "Dimension -1 must be >= 0"),
        (lambda: tf.range(5, delta=0), INVALID, "Requires delta != 0: 0"),
        (lambda: tf.linalg.inv(tf.ones((2, 2))), INVALID, "Input is not invertible."),
        (lambda: tf.nn.conv2d(tf.ones((1, 4, 4, 3)), tf.ones((2, 2, 2, 4)), 1, "SAME"), INVALID,
         "input depth must be evenly divisible by filter depth: 3 vs 2"),
        (lambda: tf.nn.sparse_softmax_cross_entropy_with_logits([5], [[1.0, 2.0]]), INVALID,
         "Received a label value of 5 which is outside the valid range"),
        (lambda: tf.scatter_nd([[5]], [1.0], [3]), INVALID, r"indices\[0\] = \[5\] does not index into shape \[3\]"),
        (lambda: tf.where([True], [1.0]), ValueError, "x and y must both be non-None or both be None."),
        (lambda: tf.random.uniform([2], dtype=tf.int32), ValueError, "Must specify maxval for integer dtype tf.int32"),
        (lambda: tf.debugging.check_numerics(tf.constant([1.0, np.nan]), "here"), INVALID, "here : Tensor had NaN va"),
        (lambda: tf.debugging.assert_equal(1, 2), INVALID, "Condition x == y did not hold."),
        (lambda: tf.ensure_shape(tf.ones((2, 3)), (2, 2)), INVALID, r"Shape of tensor input \[2,3\] is not compatibl"),
        (lambda: tf.as_dtype("foo"), TypeError, "Cannot convert the argument `type_value`: 'foo' to a TensorFlow DTy"),
        (lambda: hash(tf.ones(2)), TypeError, r"Tensor is unhashable. Instead, use tensor.ref\(\) as the key."),
        (lambda: bool(tf.ones(2)), ValueError, "The truth value of an array with more than one element is ambiguous."),
        (lambda: len(tf.ones(())), TypeError, r"Scalar tensor has no `len\(\)`"),
        (lambda: list(tf.ones(())), TypeError, "Cannot iterate over a scalar tensor."),
        (lambda: tf.ones(2)[5], INVALID, "slice index 5 of dimension 0 out of bounds."),
        (lambda: tf.ones((2, 3))[0, 1, 2], INVALID, "Index out of range using input dim 2; input has only 2 dims"),
        (lambda: tf.ones(2)[1.5], TypeError, r"Only integers, slices \(`:`\), ellipsis"),
    ],
)  # fmt: skip
def test_errors_are_tensorflows(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_errors_know_their_operation_and_code():
    with pytest.raises(tf.errors.OpError) as caught:
        tf.constant(1.0) + tf.constant(1)
    error = caught.value
    assert error.error_code == tf.errors.INVALID_ARGUMENT and error.message.endswith("[Op:AddV2] name: ")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_numbers_and_arrays_take_the_dtype_of_the_tensor():
    x = tf.constant([1.0, 2.0])
    for y in (
        x + 1,
        x + np.float64(1),
        x + np.array([1, 1]),
        x + np.array([1.0, 1.0]),
        1 + x,
        np.array([1.0, 1.0]) + x,
    ):
        assert y.dtype is tf.float32 and isinstance(y, tf.Tensor)
        np.testing.assert_array_equal(y, [2.0, 3.0])


def test_division_of_integers():
    x, y = tf.constant([7, -7]), tf.constant([2, 2])
    assert (x / y).dtype is tf.float64 and (tf.cast(x, tf.int16) / tf.cast(y, tf.int16)).dtype is tf.float32
    np.testing.assert_array_equal(x / y, [3.5, -3.5])
    np.testing.assert_array_equal(x // y, [3, -4])
    np.testing.assert_array_equal(x % y, [1, 1])
    np.testing.assert_array_equal(tf.truncatediv(x, y), [3, -3])


def test_equality_is_by_element():
    x = tf.constant([1, 2])
    assert (x == tf.constant([1, 3])).numpy().tolist() == [True, False]
    assert (x != [1, 3]).numpy().tolist() == [False, True]
    assert (x == tf.constant([1, 2, 3])).numpy() is np.False_ or not (x == tf.constant([1, 2, 3])).numpy()
    assert (x == None) is False  # noqa: E711


def test_logic_and_bits():
    t, f = tf.constant([True, True, False]), tf.constant([True, False, False])
    assert (t & f).numpy().tolist() == [True, False, False]
    assert (t | f).numpy().tolist() == [True, True, False]
    assert (t ^ f).numpy().tolist() == [False, True, False]
    assert (~t).numpy().tolist() == [False, False, True]
    assert (tf.constant([6]) & 3).numpy().tolist() == [2] and (~tf.constant([1])).numpy().tolist() == [-2]


@pytest.mark.parametrize(
    "key",
    [0, -1, (1, 2), slice(1, None), slice(None, None, -1), (slice(3, 0, -2), slice(None, None, 2)), (Ellipsis, 1),
     (None, 1), (slice(None), None), (Ellipsis, None, slice(-2, None)), slice(5, 1)],
)  # fmt: skip
def test_keys_are_numpys(key):
    a = np.arange(20.0, dtype=np.float32).reshape(4, 5)
    x = tf.constant(a)
    np.testing.assert_array_equal(x[key], a[key])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(x[key] * x[key])
    wanted = np.zeros_like(a)
    wanted[key] = 2 * a[key]
    np.testing.assert_array_equal(tape.gradient(y, x), wanted)


def test_keys_may_be_tensors_and_masks():
    x = tf.range(5)
    assert x[tf.constant(1) : tf.constant(3)].numpy().tolist() == [1, 2]
    assert x[tf.constant([True, False, True, False, False])].numpy().tolist() == [0, 2]
    assert tf.ones((2, 3))[[0, 1]].shape == ()


def test_tensors_do_not_change():
    x = tf.constant([1.0, 2.0])
    with pytest.raises(
        TypeError, match="'tensorflow.python.framework.ops.EagerTensor' object does not support item assign"
    ):
        x[0] = 5.0
    a = x.numpy()
    a[0] = 9.0
    source = np.array([1.0, 2.0])
    y = tf.constant(source)
    source[0] = 9.0
    z = x
    z += 1.0
    assert x.numpy().tolist() == [1.0, 2.0] and y.numpy().tolist() == [1.0, 2.0] and z.numpy().tolist() == [2.0, 3.0]


def test_printing():
    assert repr(tf.constant(3.0)) == "<tf.Tensor: shape=(), dtype=float32, numpy=3.0>"
    assert repr(tf.constant(0.1)) == "<tf.Tensor: shape=(), dtype=float32, numpy=0.10000000149011612>"
    assert str(tf.constant(0.1)) == "tf.Tensor(0.1, shape=(), dtype=float32)"
    assert repr(tf.ones((2, 2))) == (
        "<tf.Tensor: shape=(2, 2), dtype=float32, numpy=\narray([[1., 1.],\n       [1., 1.]], dtype=float32)>"
    )
    assert str(tf.ones((2, 2))) == "tf.Tensor(\n[[1. 1.]\n [1. 1.]], shape=(2, 2), dtype=float32)"
    assert f"{tf.constant(3.14159):.2f}" == "3.14" and f"{tf.ones(2)}" == "[1. 1.]"
    assert repr(tf.float32) == "tf.float32" and str(tf.float32) == "<dtype: 'float32'>"
    assert repr(tf.ones((2, 3)).shape) == "TensorShape([2, 3])" and str(tf.ones((2, 3)).shape) == "(2, 3)"


def test_tf_print(capsys):
    tf.print("x", tf.constant([1.0, 2.5]), [tf.constant(1), 2], {"a": tf.constant(True)}, tf.range(20), sep="|")
    assert capsys.readouterr().err == "x|[1 2.5]|[1, 2]|{'a': 1}|[0 1 2 ... 17 18 19]\n"


def test_shapes():
    shape = tf.ones((2, 3)).shape
    assert shape == (2, 3) and shape == [2, 3] and shape[0] == 2 and shape[1:] == tf.TensorShape([3])
    assert shape + [1] == (2, 3, 1) and shape.as_list() == [2, 3] and shape.rank == 2 and shape.num_elements() == 6
    open_shape = tf.TensorShape([None, 3])
    assert open_shape.is_compatible_with(shape) and not open_shape.is_fully_defined()
    assert open_shape.merge_with([2, None]) == shape and tf.TensorShape(None).rank is None
    with pytest.raises(ValueError, match=r"Shapes \(2, 3\) and \(4,\) are incompatible"):
        shape.assert_is_compatible_with([4])


def test_copies_and_pickles():
    x = tf.constant([1.0, 2.0])
    for y in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert isinstance(y, tf.Tensor) and y.numpy().tolist() == [1.0, 2.0]
    assert pickle.loads(pickle.dumps(tf.float32)) is tf.float32
    assert {x.ref(): 1}[x.ref()] == 1 and x.ref().deref() is x


def test_mean_and_sum_of_integers_stay_integers():
    x = tf.constant([1, 2, 4])
    assert tf.reduce_mean(x).numpy() == 2 and tf.reduce_mean(x).dtype is tf.int32 and tf.reduce_sum(x).dtype is tf.int32


def test_structures():
    nested = {"b": 1, "a": [2, (3,)]}
    assert tf.nest.flatten(nested) == [2, 3, 1]
    assert tf.nest.pack_sequence_as(nested, [5, 6, 7]) == {"b": 7, "a": [5, (6,)]}
    assert tf.nest.map_structure(lambda x, y: x + y, {"a": 1, "b": [2]}, {"a": 3, "b": [4]}) == {"a": 4, "b": [6]}
    with pytest.raises(ValueError, match="The two structures don't have the same nested structure"):
        tf.nest.assert_same_structure([1, 2], [1])
    assert tf.nest.flatten(tf.TensorShape([1, 2])) == [tf.TensorShape([1, 2])]
