"""Dtypes and promotion: against a stored table, and against PyTorch itself where it is installed."""

import copy
import itertools
import json
import operator
import pickle
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import wengert
from wengert.core.arrays import dtype as dt

TABLE = json.loads((Path(__file__).parent / "promotion_table.json").read_text())
NAMES = list(dt.ALL)
KINDS = ("dim", "zero", "number")
NUMBER_NAMES = {"bool": True, "int64": 3, "float64": 1.5, "complex128": 2j}


@pytest.fixture(autouse=True)
def float32_default():
    yield
    dt.set_default_dtype(dt.float32)


@pytest.fixture(scope="module")
def oracle():
    return pytest.importorskip("torch")


def outcome(function, *arguments):
    """The name of the dtype a call gives, or the class and first words of its error."""
    try:
        return str(function(*arguments)).removeprefix("torch.")
    except (RuntimeError, TypeError) as error:
        built_in = RuntimeError if isinstance(error, RuntimeError) else TypeError
        return f"{built_in.__name__}: {str(error).split(':')[0]}"


def operands():
    return [(name, kind) for kind in KINDS for name in NAMES if kind != "number" or name in NUMBER_NAMES]


def ours(*given):
    return dt.result_type(tuple((dt.ALL[name], kind) for name, kind in given))


def theirs(oracle, name, kind):
    if kind == "number":
        return NUMBER_NAMES[name]
    return oracle.empty((1,) if kind == "dim" else (), dtype=getattr(oracle, name))


# --- Without PyTorch -----------------------------------------------------------------------------------------------


def test_promotion_table():
    assert TABLE["names"] == NAMES
    for a, row in zip(NAMES, TABLE["promote_types"], strict=True):
        for b, code in zip(NAMES, row.split(), strict=True):
            found = outcome(dt.promote_types, dt.ALL[a], dt.ALL[b])
            assert found.startswith("RuntimeError: Promotion for") if code == "!" else found == NAMES[int(code)], (a, b)


@pytest.mark.parametrize("default", ["float32", "float64", "float16", "bfloat16"])
def test_result_type_table(default):
    dt.set_default_dtype(dt.ALL[default])
    rows = TABLE["result_type"][default]
    assert [tuple(operand) for operand in TABLE["operands"]] == operands()
    for a, row in zip(operands(), rows, strict=True):
        for b, code in zip(operands(), row.split(), strict=True):
            found = outcome(ours, a, b)
            assert found.startswith("RuntimeError") if code == "!" else found == NAMES[int(code)], (a, b)


def test_singletons():
    for name, one in dt.ALL.items():
        assert repr(one) == str(one) == f"torch.{name}"
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(one, protocol)) is one
        assert copy.copy(one) is copy.deepcopy(one) is one
        assert dt.ALL[one.name] is one and hash(one) == hash(copy.copy(one))
        with pytest.raises(AttributeError):
            one.itemsize = 3
    with pytest.raises(TypeError, match="cannot create 'torch.dtype' instances"):
        dt.dtype()
    assert dt.ALIASES["float"] is dt.float32 and dt.ALIASES["long"] is dt.int64


def test_numpy_counterparts():
    for one in dt.ALL.values():
        if one is dt.complex32:
            with pytest.raises(NotImplementedError, match="complex32"):
                _ = one.numpy
            continue
        assert one.numpy.itemsize == one.itemsize and dt.of(one.numpy) is one and dt.of(one.numpy.type) is one
    assert dt.of(np.dtype("q")) is dt.of(np.dtype("int64")) is dt.int64
    assert dt.bfloat16.numpy == ml_dtypes.bfloat16 and not hasattr(dt.float32, "other")
    with pytest.raises(ValueError, match="byte order different.*astype"):
        dt.of(np.dtype(">f4") if np.little_endian else np.dtype("<f4"))
    for odd in ("U3", "M8[s]", "O"):
        with pytest.raises(TypeError, match="can't convert np.ndarray of type numpy"):
            dt.of(np.dtype(odd))


def test_as_dtype():
    assert [dt.as_dtype(t) for t in (bool, int, float, complex)] == [dt.bool_, dt.int64, dt.float64, dt.complex128]
    assert dt.as_dtype(dt.int8) is dt.int8
    with pytest.raises(
        TypeError, match=r"^argument 'dtype' must be torch.dtype, not str \('float32'; use torch.float32"
    ):
        dt.as_dtype("float32")
    with pytest.raises(TypeError, match=r"^zeros\(\): argument 'dtype' must be torch.dtype, not type .*torch.int8"):
        dt.as_dtype(np.int8, "zeros(): argument 'dtype'")
    for odd in (None, 3, str, "nonsense", [1], ">f4"):
        with pytest.raises(TypeError, match="must be torch.dtype, not"):
            dt.as_dtype(odd)


def test_tensor_types():
    for one in dt.ALL.values():
        assert dt.TENSOR_TYPES[dt.tensor_type_name(one)] is one
        assert dt.tensor_type(dt.tensor_type_name(one, "cuda")) == (one, "cuda")
    assert dt.tensor_type_name(dt.float32) == "torch.FloatTensor" and dt.scalar_name(dt.uint8) == "Byte"
    assert dt.tensor_type("torch.LongTensor") == (dt.int64, "cpu")
    for odd in ("torch.FooTensor", "", "torch.a.b.FloatTensor", "FloatTensor"):
        with pytest.raises(ValueError, match="invalid type: "):
            dt.tensor_type(odd)


def test_default_dtype():
    assert dt.get_default_dtype() is dt.float32 and dt.default_float() == np.float32
    assert dt.default_complex() == np.complex64
    pair = ((dt.int64, "dim"), (dt.float64, "number"))
    assert dt.result_type(pair) is dt.float32
    dt.set_default_dtype(dt.float64)
    assert dt.default_complex() == np.complex128 and dt.result_type(pair) is dt.float64
    dt.set_default_dtype(dt.bfloat16)
    assert dt.default_float() == ml_dtypes.bfloat16 and dt.default_complex() == np.complex64
    for odd in (float, "float32", None, 3):
        with pytest.raises(TypeError, match="^invalid dtype object: only floating-point types are supported"):
            dt.set_default_dtype(odd)
    with pytest.raises(TypeError, match="^only floating-point types are supported as the default type"):
        dt.set_default_dtype(dt.int32)
    with pytest.raises(TypeError, match="^couldn't find storage object Float8_e5m2Storage"):
        dt.set_default_dtype(dt.float8_e5m2)
    assert dt.get_default_dtype() is dt.bfloat16


def test_result_type_of_many_operands():
    assert dt.result_type(((dt.int8, "zero"), (dt.uint8, "zero"), (dt.bool_, "dim"))) is dt.int16
    assert dt.result_type(((dt.float16, "dim"),) * 10 + ((dt.bfloat16, "dim"),)) is dt.float32
    with pytest.raises(RuntimeError, match="at least one operand"):
        dt.result_type(())


def test_limits_agree_with_numpy():
    for one in (dt.float16, dt.float32, dt.float64):
        found, expected = dt.finfo(one), np.finfo(one.numpy)
        for name in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution"):
            assert getattr(found, name) == pytest.approx(float(getattr(expected, name)), rel=float(expected.eps))
    for one in dt.ALL.values():
        if one.category == dt.INTEGRAL:
            found, expected = dt.iinfo(one), np.iinfo(one.numpy)
            assert (found.bits, found.min, found.max) == (expected.bits, expected.min, expected.max)


# --- Against PyTorch -----------------------------------------------------------------------------------------------


def test_attributes_as_torch(oracle):
    for name, one in dt.ALL.items():
        other = getattr(oracle, name)
        for attribute in ("itemsize", "is_floating_point", "is_complex", "is_signed", "abbr"):
            if hasattr(other, attribute):
                assert getattr(one, attribute) == getattr(other, attribute), (name, attribute)
        for method in ("to_real", "to_complex"):
            assert outcome(operator.methodcaller(method), one) == outcome(operator.methodcaller(method), other)
    for alias, one in dt.ALIASES.items():
        assert repr(getattr(oracle, alias)) == repr(one)


@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_tensor_type_names_as_torch(oracle):
    for name, one in dt.ALL.items():
        assert dt.tensor_type_name(one) == oracle.empty(0, dtype=getattr(oracle, name)).type()


def test_promote_types_and_can_cast_as_torch(oracle):
    for a, b in itertools.product(NAMES, NAMES):
        mine, other = (dt.ALL[a], dt.ALL[b]), (getattr(oracle, a), getattr(oracle, b))
        assert outcome(dt.promote_types, *mine) == outcome(oracle.promote_types, *other)
        assert dt.can_cast(*mine) == oracle.can_cast(*other), (a, b)
    assert outcome(dt.promote_types, float, dt.int32) == outcome(oracle.promote_types, float, oracle.int32)
    for odd in ((1, 2), (None, None)):
        assert outcome(dt.promote_types, *odd) == outcome(oracle.promote_types, *odd)
        assert outcome(dt.can_cast, *odd) == outcome(oracle.can_cast, *odd)


@pytest.mark.filterwarnings("ignore:ComplexHalf")
@pytest.mark.parametrize("default", ["float32", "float64", "float16", "bfloat16"])
def test_result_type_as_torch(oracle, default):
    before = oracle.get_default_dtype()
    values = {operand: theirs(oracle, *operand) for operand in operands()}
    try:
        oracle.set_default_dtype(getattr(oracle, default))
        dt.set_default_dtype(dt.ALL[default])
        for a, b in itertools.product(values, values):
            assert outcome(ours, a, b) == outcome(oracle.result_type, values[a], values[b]), (a, b)
    finally:
        oracle.set_default_dtype(before)


def test_limits_as_torch(oracle):
    for kind, name in itertools.product(("finfo", "iinfo"), NAMES):
        try:
            expected = getattr(oracle, kind)(getattr(oracle, name))
        except TypeError as error:
            with pytest.raises(TypeError) as raised:
                getattr(dt, kind)(dt.ALL[name])
            assert str(raised.value).startswith(str(error))
            continue
        found = getattr(dt, kind)(dt.ALL[name])
        assert repr(found) == repr(expected)
        for attribute in (word for word in dir(expected) if word[0] != "_"):
            mine, other = getattr(found, attribute), getattr(expected, attribute)
            assert (mine, type(mine)) == (other, type(other)), (name, attribute)
    assert repr(dt.finfo()) == repr(oracle.finfo()) and repr(dt.iinfo(int)) == repr(oracle.iinfo(int))
    assert dt.finfo() == dt.finfo(dt.float32) and dt.finfo() != dt.finfo(dt.float64) and dt.finfo() != 3
    with pytest.raises(TypeError, match="unhashable"):
        hash(dt.finfo())


def test_stored_table_as_torch(oracle):
    for a, row in zip(NAMES, TABLE["promote_types"], strict=True):
        for b, code in zip(NAMES, row.split(), strict=True):
            found = outcome(oracle.promote_types, getattr(oracle, a), getattr(oracle, b))
            assert found.startswith("RuntimeError") if code == "!" else found == NAMES[int(code)]


def test_types_that_no_tensor_has():
    for name, size in (("qint8", 1), ("quint8", 1), ("qint32", 4), ("bits16", 2), ("uint1", 1), ("int4", 1)):
        kind = getattr(wengert, name)
        assert repr(kind) == f"torch.{name}" and kind.itemsize == size and not kind.is_floating_point
        assert isinstance(kind, dt.dtype) and pickle.loads(pickle.dumps(kind)) is kind
        with pytest.raises(RuntimeError, match="no tensor can hold it$"):
            wengert.zeros(2, dtype=kind)
