"""Tensors from numbers, nested sequences and arrays: dtype, shape, values and refusals are torch's."""

import array
import datetime
import fractions
import itertools
import warnings

import numpy as np
import pytest

import wengert as w

torch = pytest.importorskip("torch", reason="the reference of this comparison is not installed")

NUMBERS = {
    "1": 1, "1.0": 1.0, "True": True, "1j": 1j, "float64": np.float64(1), "float32": np.float32(1),
    "float16": np.float16(1), "int32": np.int32(1), "int8": np.int8(1), "uint8": np.uint8(1), "bool": np.bool_(True),
    "complex64": np.complex64(1), "complex128": np.complex128(1), "0-d array": np.array(1.0),
    "0-d tensor": lambda t: t.tensor(1.0, dtype=t.float64),
}  # fmt: skip
OTHERS = {
    "array": np.array([1.0, 2.0]), "int8 array": np.array([1, 2], "int8"), "range": range(3), "text": "ab",
    "bytes": b"ab", "None": None, "object": object(), "date": np.datetime64("2020-01-01"),
    "text of NumPy": np.str_("a"),
    "objects": np.array([1, None], object), "long double": np.longdouble(1), "empty": [], "2**63": 2**63,
    "2**70": 2**70,
    "-2**63": -(2**63), "dates": np.array(["2020"], "M8[D]"), "other byte order": np.array([1.0, 2.0], ">f8"),
    "reversed": np.arange(3.0)[::-1], "records": np.zeros(2, [("a", "f4")]), "matrix": np.ones((1, 2)).view(np.matrix),
    "texts": np.array(["a", "b"]), "memory": memoryview(b"ab"), "set": {1, 2}, "dict": {1: 2}, "array.array":
    array.array("d", [1, 2]), "fraction": fractions.Fraction(1, 2), "time": datetime.timedelta(1),
    "ragged": [[1], [2, 3]],
    "deep": [[1.0, 2], [True, 4]], "1-d tensor": lambda t: t.tensor([1.0, 2.0]), "masked": np.ma.array([1.0, 2.0]),
}  # fmt: skip


def made(library, function, data):
    """(dtype, shape, values) of what a function gives, or (class, leading words) of what it raises."""

    def own(value):
        if isinstance(value, list):
            return [own(each) for each in value]
        return value(library) if callable(value) and not isinstance(value, type) else value

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            out = getattr(library, function)(own(data))
        except Exception as error:
            kinds = (TypeError, ValueError, OverflowError, NotImplementedError, RuntimeError)
            return next(kind for kind in kinds if isinstance(error, kind)), str(error).split("\n")[0][:24]
    return str(out.dtype), tuple(out.shape), out.tolist()


def same(function, data):
    ours, theirs = made(w, function, data), made(torch, function, data)
    if isinstance(theirs[0], type):
        assert ours[0] is theirs[0] and ours[1].startswith(theirs[1][:14])
    else:
        assert ours == theirs


@pytest.mark.parametrize("function", ["tensor", "as_tensor", "asarray"])
@pytest.mark.parametrize("name", [*NUMBERS, *OTHERS])
def test_one_value(function, name):
    if function == "asarray" and name in ("text of NumPy", "array.array", "memory"):
        pytest.skip("told apart below")
    value = {**NUMBERS, **OTHERS}[name]
    same(function, value)
    if name != "masked":  # torch reads the mask there
        same(function, [value])


@pytest.mark.parametrize("first", NUMBERS)
def test_the_dtype_of_several_is_what_they_promote_to(first):
    for second in NUMBERS:
        same("tensor", [NUMBERS[first], NUMBERS[second]])
        same("tensor", [[NUMBERS[first]], [NUMBERS[second]]])


def test_rows_may_be_arrays():
    rows = [np.array([1, 2], "int16"), np.array([3, 4], "int16")]
    for data in (rows, [rows[0], [5, 6]], [[5, 6], rows[0]], [rows[0], (1.5, 2)], [rows[0], np.arange(3)]):
        same("tensor", data)
    for left, right in itertools.product(rows, [[1.0, 2.0], [True, False]]):
        same("tensor", [list(left), right])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "int64", "uint8", "bool", "complex64", "bfloat16"])
def test_an_asked_dtype_converts(dtype):
    for data in ([1, np.float64(2)], [np.float64(1.5), True], [np.int8(3)], np.float64(2.5), [np.array([1.0, 2.0])]):
        ours, theirs = (t.tensor(data, dtype=getattr(t, dtype)) for t in (w, torch))
        assert str(ours.dtype) == str(theirs.dtype)
        assert ours.tolist() == theirs.tolist()


def test_the_default_dtype_counts_for_python_floats():
    w.set_default_dtype(w.float64)
    try:
        assert w.tensor([1.0, np.float32(2)]).dtype == w.float64 and w.tensor([np.float32(2)]).dtype == w.float32
    finally:
        w.set_default_dtype(w.float32)


def test_any_buffer_is_read_as_memory():
    numbers = array.array("d", [1.0, 2.0])
    x = w.asarray(numbers, dtype=w.float64)
    x[0] = 5.0
    assert numbers[0] == 5.0 and w.asarray(np.float64(1)).dtype == w.float64
    assert w.asarray(memoryview(bytearray(b"ab")), dtype=w.uint8).tolist() == [97, 98]


def test_no_array_class_stays_inside():
    x = w.as_tensor(np.ma.array([1.0, 2.0], mask=[False, True]))
    assert type(x.numpy()) is np.ndarray and (x * 2).tolist() == [2.0, 4.0]


def test_a_python_type_names_a_dtype_to_read_memory_as():
    for t in (w, torch):
        assert t.ones(2, dtype=t.complex128).view(float).shape == (4,)


REFUSED = {
    "a field of records": lambda t: t.from_numpy(np.zeros(3, [("a", "i1"), ("b", "f4")])["b"]),
    "another dtype without a copy": lambda t: t.asarray(np.zeros(2), dtype=t.float32, copy=False),
    "a list without a copy": lambda t: t.asarray([1], copy=False),
    "a float of NumPy's as an integer": lambda t: t.tensor([np.float32(1.5)], dtype=t.int64),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    errors = []
    for library in (w, torch):
        with pytest.raises((TypeError, ValueError)) as caught:
            REFUSED[case](library)
        errors.append(caught)
    assert isinstance(errors[0].value, errors[1].type) and str(errors[0].value)[:28] == str(errors[1].value)[:28]


def test_unsigned_dtypes_take_negative_numbers_down_to_minus_their_largest():
    assert torch.tensor([-1, 255], dtype=torch.uint8).tolist() == [255, 255]
    assert torch.tensor([-255], dtype=torch.uint8).tolist() == [1]
    with pytest.raises(RuntimeError, match="value cannot be converted to type uint8 without overflow"):
        torch.tensor([-256], dtype=torch.uint8)


@pytest.mark.parametrize("value", [1e10, float("inf"), float("nan"), 2**31])
def test_numbers_beyond_an_integer_dtype_are_refused(value):
    with pytest.raises(RuntimeError, match="value cannot be converted to type int32 without overflow"):
        torch.tensor([value], dtype=torch.int32)


def test_complex_numbers_are_no_real_ones():
    with pytest.raises(TypeError, match="must be real number, not complex"):
        torch.tensor([1j], dtype=torch.float32)
    assert torch.tensor(1j, dtype=torch.bool).item() is True


@pytest.mark.parametrize("other", [1, torch.tensor([1]), torch.tensor(1.5), True])
def test_nothing_is_subtracted_from_booleans_or_they_from_it(other):
    mask = torch.tensor([True, False])
    for pair in ((mask, other), (other, mask)):
        with pytest.raises(RuntimeError, match="Subtraction, the `-` operator, with (a|two) bool"):
            pair[0] - pair[1]


def test_larger_elements_start_at_whole_multiples_of_their_size():
    x = torch.arange(6.0)
    with pytest.raises(RuntimeError, match=r"self.storage_offset\(\) must be divisible by 2"):
        x[1:5].view(torch.float64)
    assert x[2:6].view(torch.float64).shape == (2,)


def test_lists_of_tensors_hold_tensors_only():
    x = torch.tensor(1)
    for call in (
        lambda: torch.hstack([x, "a"]),
        lambda: torch.broadcast_tensors(x, "a"),
        lambda: torch.meshgrid(x, "a"),
    ):
        with pytest.raises(TypeError, match="expected Tensor as element 1 in argument 0, but got str"):
            call()
