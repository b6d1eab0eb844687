"""Devices, layouts, memory formats: forms, errors, identity, the default device."""

import copy
import pickle
import threading

import pytest

from wengert.core.arrays import device as dv
from wengert.core.arrays.device import device

FORMS = [
    (("cpu",), {}),
    (("cuda:0",), {}),
    (("cuda",), {}),
    (("cuda", 0), {}),
    (("cuda", None), {}),
    (("cpu:1",), {}),
    (("mps:1",), {}),
    (("meta:0",), {}),
    ((), {"type": "cuda", "index": 1}),
    (("cuda",), {"index": 1}),
    ((), {"type": "cuda"}),
    ((), {"device": "cuda:1"}),
    (("foo",), {}),
    (("foo:0",), {}),
    (("CUDA",), {}),
    (("npu",), {}),
    (("",), {}),
    ((":0",), {}),
    (("cuda:",), {}),
    (("cuda:-1",), {}),
    (("cuda:01",), {}),
    (("cuda:a",), {}),
    (("cuda:0:1",), {}),
    (("cuda: 0",), {}),
    (("cuda:0", 0), {}),
    (("cuda", -1), {}),
    (("cuda", 1.0), {}),
    (("cuda", "0"), {}),
    ((-1,), {}),
]
BAD_COMBINATIONS = [((None,), {}), ((), {}), ((1.0,), {}), ((True,), {}), ((), {"index": 0}), (("cpu", 0, 0), {})]


@pytest.fixture(scope="module")
def oracle():
    return pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def defaults():
    yield
    dv.set_default_device(None)
    dv.set_accelerator_probe(None)


def outcome(kind, arguments, keywords):
    try:
        made = kind(*arguments, **keywords)
    except (RuntimeError, TypeError) as error:
        return RuntimeError if isinstance(error, RuntimeError) else TypeError, str(error)
    return repr(made), str(made), made.type, made.index


def test_forms_as_torch(oracle):
    for form in FORMS:
        mine, other = outcome(device, *form), outcome(oracle.device, *form)
        if isinstance(other[0], type):
            assert mine[0] is other[0] and mine[1].startswith(other[1]), form
        else:
            assert mine == other, form
    for form in BAD_COMBINATIONS:
        mine, other = outcome(device, *form), outcome(oracle.device, *form)
        assert mine[0] is other[0] is TypeError
        assert mine[1].split(" - got")[0] == other[1].split(" - got")[0], form


@pytest.mark.filterwarnings("ignore")
def test_known_types_as_torch(oracle):
    for name in dv.DEVICE_TYPES:
        assert repr(device(name)) == repr(oracle.device(name))
    with pytest.raises(RuntimeError) as theirs:
        oracle.device("foo")
    with pytest.raises(RuntimeError) as ours:
        device("foo")
    assert str(ours.value) == str(theirs.value)


def test_equal_devices_are_one_object():
    assert device("cuda:0") is device("cuda", 0) is device(device("cuda:0")) is device(type="cuda", index=0)
    assert device("cuda") != device("cuda:0") and device("cpu") != "cpu" and device("cpu") != device("cpu:0")
    assert len({device("cpu"), device("cpu"), device("meta")}) == 2
    assert repr(device("cpu")) == "device(type='cpu')" and repr(device("cuda", 1)) == "device(type='cuda', index=1)"
    assert str(device("cuda:1")) == "cuda:1"
    for one in (device("cpu"), device("cuda:1")):
        assert copy.deepcopy(one) is one
        assert all(pickle.loads(pickle.dumps(one, p)) is one for p in range(pickle.HIGHEST_PROTOCOL + 1))
    with pytest.raises(AttributeError, match="attribute 'index' of 'torch.device' objects is not writable"):
        device("cpu").index = 1


@pytest.mark.parametrize("form", BAD_COMBINATIONS)
def test_bad_arguments(form):
    with pytest.raises(TypeError, match="^device\\(\\) received an invalid combination of arguments - got \\("):
        device(*form[0], **form[1])


def test_bare_index_needs_an_accelerator():
    with pytest.raises(RuntimeError, match="^Cannot access accelerator device when none is available."):
        device(0)
    dv.set_accelerator_probe(lambda: "cuda")
    assert device(1) is device("cuda:1") and dv.as_device(0) is device("cuda:0")


def test_as_device():
    assert dv.as_device(None) is device("cpu") and dv.as_device("meta") is device("meta")
    assert dv.as_device(device("meta")) is device("meta")
    with pytest.raises(TypeError, match=r"^zeros\(\): argument 'device' must be torch.device, not float"):
        dv.as_device(3.5, "zeros(): argument 'device'")


def test_default_device():
    assert dv.get_default_device() is device("cpu")
    with device("meta") as entered:
        assert entered is dv.get_default_device() is dv.as_device(None) is device("meta")
        with device("cpu"):
            assert dv.get_default_device() is device("cpu")
        assert dv.get_default_device() is device("meta")
    dv.set_default_device("cuda:1")
    with pytest.raises(KeyError), device("cpu"):
        raise KeyError
    assert dv.get_default_device() is device("cuda:1")
    with device("meta"):
        dv.set_default_device("cpu")
        assert dv.get_default_device() is device("cpu")
    assert dv.get_default_device() is device("cpu")
    with pytest.raises(TypeError):
        dv.set_default_device(3.5)


def test_default_device_is_per_thread():
    seen = []
    dv.set_default_device("meta")
    thread = threading.Thread(target=lambda: seen.append(dv.get_default_device()))
    thread.start()
    thread.join()
    assert dv.get_default_device() is device("meta") and len(seen) == 1


def test_layouts_and_memory_formats():
    for one in (*dv.LAYOUTS.values(), *dv.MEMORY_FORMATS.values()):
        assert repr(one) == str(one) == f"torch.{one.name}"
        assert copy.deepcopy(one) is one and pickle.loads(pickle.dumps(one)) is one
        with pytest.raises(AttributeError):
            one.name = "other"
    assert dv.legacy_contiguous_format is dv.contiguous_format
    for kind in (dv.layout, dv.memory_format):
        with pytest.raises(TypeError, match=f"cannot create 'torch.{kind.__name__}' instances"):
            kind()


def test_layout_names_as_torch(oracle):
    assert {repr(getattr(oracle, name)) for name in dv.LAYOUTS} == {repr(one) for one in dv.LAYOUTS.values()}
    assert {repr(getattr(oracle, name)) for name in dv.MEMORY_FORMATS} == set(map(repr, dv.MEMORY_FORMATS.values()))
