"""torch.save and torch.load: both directions with torch's files, sharing, safety, damage, interruption."""

import io
import os
import pickle
import random
import struct
import threading
import zipfile
from collections import OrderedDict

import pytest

from tests.backend import REAL, torch, wengert_only

oracle = pytest.importorskip("torch")
Parameter = torch.nn.parameter.Parameter if REAL else pytest.importorskip("wengert.nn.parameter").Parameter
STRIDES_DIFFER = ("empty", "wide", "expanded")


def contents(library, parameter):
    base = library.arange(12, dtype=library.float32).reshape(3, 4)
    made = {
        "base": base, "view": base[1:, ::2], "turned": base.t(), "bf16": library.ones(3).to(library.bfloat16),
        "half": library.ones(2).half(), "uint16": library.ones(3, dtype=library.uint16),
        "fp8": library.ones(3).to(library.float8_e4m3fn), "complex": library.ones(2, dtype=library.complex64),
        "bool": library.tensor([True, False]), "scalar": library.tensor(3.5), "empty": library.empty(0, 3),
        "wide": library.empty(2, 0), "parameter": parameter(library.ones(2)),
        "frozen": parameter(library.ones(2), requires_grad=False), "leaf": library.ones(2, requires_grad=True),
        "result": library.ones(2, requires_grad=True) * 2, "dtype": library.float32, "size": library.Size([1, 2]),
        "device": library.device("cpu"), "ordered": OrderedDict(a=1), "expanded": library.ones(1).expand(5),
        "meta": library.zeros(2, 3, device="meta"), "layout": library.strided, "set": {1, 2}, "number": 1 + 2j,
        "bytes": b"ab", "none": None, "large": 10**30, "nest": [1, (2, 3.5)],
    }  # fmt: skip
    made["attribute"] = library.ones(2)
    made["attribute"].note = 3
    return made


def same(mine, theirs):
    assert mine.keys() == theirs.keys()
    for name, x in mine.items():
        y = theirs[name]
        if not hasattr(x, "stride") or x.device.type == "meta":
            assert repr(x) == repr(y), name
            continue
        assert tuple(x.shape) == tuple(y.shape) and str(x.dtype) == str(y.dtype), name
        assert x.requires_grad == y.requires_grad and y.is_leaf in (x.is_leaf, True), name
        assert name in STRIDES_DIFFER or x.stride() == y.stride(), name
        assert repr(x.detach()) == repr(y.detach()), name


def written(obj, library=torch, **options):
    file = io.BytesIO()
    library.save(obj, file, **options)
    return file.getvalue()


def read(data, library=torch, **options):
    return library.load(io.BytesIO(data), **options)


@pytest.mark.parametrize("weights_only", [True, False])
def test_a_file_of_torch_is_read(weights_only):
    given = contents(oracle, oracle.nn.Parameter)
    found = read(written(given, oracle), weights_only=weights_only)
    same(given, found)
    assert type(found["parameter"]) is Parameter and found["attribute"].note == 3


@pytest.mark.parametrize("weights_only", [True, False])
def test_torch_reads_our_file(weights_only):
    given = contents(torch, Parameter)
    found = read(written(given), oracle, weights_only=weights_only)
    same(given, found)
    assert type(found["parameter"]) is oracle.nn.Parameter and found["attribute"].note == 3
    found["base"].zero_()
    assert found["view"].sum() == 0 and found["turned"].sum() == 0


def test_mapped_files_in_both_directions(tmp_path):
    given = contents(torch, Parameter)
    torch.save(given, tmp_path / "ours.pt")
    oracle.save(contents(oracle, oracle.nn.Parameter), tmp_path / "theirs.pt")
    same(given, oracle.load(tmp_path / "ours.pt", mmap=True))
    for name in ("ours.pt", "theirs.pt"):
        found = torch.load(tmp_path / name, mmap=True)
        same(given, found)
        found["base"].fill_(7)
        assert found["view"].sum() == 28
        same(given, torch.load(tmp_path / name))


def test_generators_keep_their_place():
    mine = torch.Generator().manual_seed(3)
    torch.rand(5, generator=mine)
    with oracle.serialization.safe_globals([oracle._C.Generator]):
        theirs = read(written(mine), oracle)
    for data in (written(mine), written(theirs, oracle)):
        for weights_only in (True, False):
            options = {} if weights_only and REAL else {"weights_only": weights_only}
            if REAL:
                options["weights_only"] = False
            found = read(data, **options)
            assert torch.rand(3, generator=found).tolist() == oracle.rand(3, generator=theirs.clone_state()).tolist()


def test_memory_is_shared_again_and_saved_once():
    base = torch.arange(1000.0)
    data = written([base, base[10:20], base, Parameter(base)])
    assert len(data) < 6500
    first, view, again, parameter = read(data)
    first[10] = -1
    assert view[0] == -1 and again is first and parameter[10] == -1


def test_optimizer_and_module_state():
    model = oracle.nn.Sequential(oracle.nn.Linear(3, 4), oracle.nn.BatchNorm1d(4))
    optimizer = oracle.optim.AdamW(model.parameters())
    model(oracle.ones(2, 3)).sum().backward()
    optimizer.step()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
    found = read(written(state, oracle))
    assert found["epoch"] == 3 and list(found["model"]) == list(state["model"])
    assert found["optimizer"]["state"][0]["exp_avg"].tolist() == state["optimizer"]["state"][0]["exp_avg"].tolist()
    back = read(written(found), oracle)
    model.load_state_dict(back["model"])
    optimizer.load_state_dict(back["optimizer"])


class User:
    def __init__(self):
        self.weight = torch.ones(2, requires_grad=True)


def test_objects_of_the_users_need_trust():
    data = written(User())
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed(.|\n)*User was not an allowed global"):
        read(data)
    assert read(data, weights_only=False).weight.requires_grad
    with torch.serialization.safe_globals([User]):
        assert read(data).weight.tolist() == [1, 1]
        assert User in torch.serialization.get_safe_globals()
    assert User not in torch.serialization.get_safe_globals()
    assert torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(data)) == [f"{__name__}.User"]


def test_map_location():
    data = written({"a": torch.ones(2)})
    assert read(data, map_location="meta")["a"].device.type == "meta"
    assert read(data, map_location={"cpu": "meta"})["a"].device.type == "meta"
    assert read(data, map_location=torch.device("cpu"))["a"].tolist() == [1, 1]
    seen = []
    assert read(data, map_location=lambda storage, place: seen.append((storage.nbytes(), place)))["a"].sum() == 2
    assert seen == [(8, "cpu")]
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
            read(data, map_location="cuda")


def test_arguments():
    data = written(torch.ones(2), pickle_module=pickle, pickle_protocol=4, _use_new_zipfile_serialization=True)
    assert read(data, weights_only=False).tolist() == [1, 1]
    assert read(data, pickle_module=pickle).tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="Can not safely load weights when explicit pickle_module is specified"):
        read(data, pickle_module=pickle, weights_only=True)
    with pytest.raises(ValueError, match="f must be a file path in order to use the mmap argument"):
        read(data, mmap=True)
    with pytest.raises(AttributeError, match="'int' object has no attribute 'seek'"):
        torch.load(3)
    with pytest.raises(AttributeError, match="expected 'f' to be string, path, or a file-like object"):
        torch.save(1, 3)
    with pytest.raises(RuntimeError, match="Parent directory .* does not exist"):
        torch.save(1, os.path.join("nowhere", "to", "be.pt"))
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        x = torch.ones(2)
        written([x, x.view(torch.int32)])
    with pytest.raises(EOFError):
        read(b"")


# ---------------------------------------------------------------- malice


def archive(pickled, storages=()):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("archive/data.pkl", pickled)
        out.writestr("archive/version", "3\n")
        out.writestr("archive/byteorder", "little")
        for i, data in enumerate(storages):
            out.writestr(f"archive/data/{i}", data)
    return file.getvalue()


def named(module, name):
    return b"c" + f"{module}\n{name}\n".encode()


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


MALICIOUS = {
    "call": named("os", "system") + text("echo ran > ran") + b"\x85R.",
    "posix": named("posix", "system") + text("echo ran > ran") + b"\x85R.",
    "eval": named("builtins", "eval") + text("1/0") + b"\x85R.",
    "getattr": named("builtins", "getattr") + named("torch", "Tensor") + text("add") + b"\x86R.",
    "class attribute": named("torch", "Tensor") + b"N}" + text("add") + b"K\x01s\x86b.",
    "function state": named("torch._utils", "_rebuild_tensor_v2") + b"N}" + text("__defaults__") + b"Ns\x86b.",
    "class call": named("torch", "Tensor") + b"K\x05\x85R.",
    "builder attribute": named("torch._utils", "_rebuild_tensor_v2.__globals__") + b".",
    "many bytes": named("builtins", "bytearray") + b"\x8a\x05\x00\x00\x00\x00\x7f\x85R.",
    "extension": b"\x82\x01.",
    "instance": b"(i__main__\nUser\n.",
    "no storage": named("torch._utils", "_rebuild_tensor_v2") + b"(K\x00K\x00))\x89}tR.",
    "stack": b"0.",
    "endless": b"((((",
    "length": b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    "memo": b"h\x07.",
    "codec": named("_codecs", "encode") + text("a") + text("zip") + b"\x86R.",
}


@wengert_only
@pytest.mark.parametrize("name", MALICIOUS)
def test_hostile_pickles_run_nothing(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        read(archive(b"\x80\x02" + MALICIOUS[name]))
    assert os.listdir(tmp_path) == [] and callable(torch.Tensor.add)


def tensor_pickle(count=2, offset=0, size=2, stride=1, kind="FloatStorage"):
    numbers = b"".join(b"J" + struct.pack("<i", n) for n in (offset,))
    storage = b"(" + text("storage") + named("torch", kind) + text("0") + text("cpu") + b"J"
    storage += struct.pack("<i", count) + b"tQ"
    shape = b"J" + struct.pack("<i", size) + b"\x85" + b"J" + struct.pack("<i", stride) + b"\x85"
    return b"\x80\x02" + named("torch._utils", "_rebuild_tensor_v2") + b"(" + storage + numbers + shape + b"\x89}tR."


@wengert_only
@pytest.mark.parametrize(
    "facts",
    [{"size": 3}, {"offset": 1}, {"stride": 5}, {"offset": -1}, {"size": -2}, {"stride": -1}, {"count": 3},
     {"count": -1}, {"size": 2**31 - 1, "stride": 2**31 - 1}],
)  # fmt: skip
def test_tensors_stay_inside_of_their_storage(facts):
    assert read(archive(tensor_pickle(), [bytes(8)])).tolist() == [0, 0]
    with pytest.raises((pickle.UnpicklingError, RuntimeError)):
        read(archive(tensor_pickle(**facts), [bytes(8)]))


@wengert_only
def test_archives_that_lie():
    with pytest.raises(RuntimeError, match="file not found"):
        read(archive(tensor_pickle()))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("archive/data.pkl", b"\x80\x02" + b"N" * 100_000 + b".")
    with pytest.raises(NotImplementedError, match="compressed"):
        read(file.getvalue())
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("hello.txt", "hi")
    with pytest.raises(RuntimeError, match="PytorchStreamReader failed"):
        read(file.getvalue())


@wengert_only
def test_cut_files_are_errors():
    data = written({"a": torch.arange(20.0), "b": "text"})
    for length in sorted({*range(1, 40), *range(40, len(data), 37), len(data) - 1}):
        with pytest.raises((RuntimeError, pickle.UnpicklingError)):
            read(data[:length])


@wengert_only
def test_damaged_files_are_errors_or_say_the_same():
    given = {"a": torch.arange(20.0), "b": ["text", 3, torch.ones(2).half()]}
    data = written(given)
    chance = random.Random(0)
    wrong = 0
    for _ in range(400):
        broken = bytearray(data)
        for _ in range(chance.choice((1, 1, 4))):
            broken[chance.randrange(len(data))] = chance.randrange(256)
        try:
            found = read(bytes(broken))
        except (RuntimeError, pickle.UnpicklingError, EOFError):
            wrong += 1
        else:
            assert repr(found) == repr(given)
    assert wrong > 50


@wengert_only
def test_damaged_pickles_raise_one_kind_of_error():
    data = zipfile.ZipFile(io.BytesIO(written({"a": torch.arange(4.0), "b": [1, "x", (2.5, None)]}))).read(
        "archive/data.pkl"
    )
    chance = random.Random(1)
    for _ in range(600):
        broken = bytearray(data)
        broken[chance.randrange(len(data))] = chance.randrange(256)
        try:
            read(archive(bytes(broken), [bytes(16)]))
        except (RuntimeError, pickle.UnpicklingError):
            pass


# ---------------------------------------------------------------- interruption


class Unwilling:
    def __reduce__(self):
        raise KeyboardInterrupt


@wengert_only
def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    torch.save(torch.ones(2), path)
    with pytest.raises(KeyboardInterrupt):
        torch.save([torch.zeros(2), Unwilling()], path)
    monkeypatch.setattr(os, "replace", lambda *names: (_ for _ in ()).throw(OSError("no")))
    with pytest.raises(OSError, match="no"):
        torch.save(torch.zeros(2), path)
    monkeypatch.undo()
    assert torch.load(path).tolist() == [1, 1] and os.listdir(tmp_path) == ["model.pt"]
    torch.save(torch.zeros(2), path)
    assert torch.load(path).tolist() == [0, 0] and os.listdir(tmp_path) == ["model.pt"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_written_directly(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read_end = []
    reader = threading.Thread(target=lambda: read_end.append(path.read_bytes()))
    reader.start()
    torch.save(torch.ones(2), path) if not REAL else path.write_bytes(written(torch.ones(2)))
    reader.join(5)
    assert read(read_end[0]).tolist() == [1, 1]


def test_plain_errors_of_pickling():
    with pytest.raises((AttributeError, pickle.PicklingError)):
        written(lambda: 0)


@wengert_only
def test_safetensors(tmp_path):
    pytest.importorskip("safetensors")
    from wengert.files import safetensors

    x = torch.arange(6.0).reshape(2, 3)
    given = {"x": x, "turned": x.t(), "half": torch.ones(2).to(torch.bfloat16), "scalar": torch.tensor(2.0)}
    safetensors.save_file(given, tmp_path / "a.safetensors", {"note": "hi"})
    found = safetensors.load_file(tmp_path / "a.safetensors")
    assert {name: repr(t) for name, t in found.items()} == {name: repr(t) for name, t in given.items()}
    assert safetensors.metadata_of(tmp_path / "a.safetensors") == {"note": "hi"}
    with pytest.raises(RuntimeError, match="share memory"):
        safetensors.save({"a": x, "b": x})


@wengert_only
def test_safetensors_reader_checks_the_header():
    import json

    from wengert.files import safetensors

    def file(header, data=bytes(8)):
        packed = json.dumps(header).encode()
        return len(packed).to_bytes(8, "little") + packed + data

    good = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    assert safetensors.load(file({"a": good}))["a"].tolist() == [0, 0]
    for change in ({"shape": [3]}, {"data_offsets": [0, 9]}, {"data_offsets": [8, 16]}, {"dtype": "F99"}, {"shape": 2}):
        with pytest.raises(RuntimeError, match="Error while deserializing header"):
            safetensors.load(file({"a": good | change}))
    with pytest.raises(RuntimeError, match="header too large"):
        safetensors.load((10**9).to_bytes(8, "little") + b"{}")
