"""Objects on disk: used again, ignored when damaged or foreign, no trouble where nothing can be written."""

import os
import subprocess
import sys

import numpy as np
import pytest

from wengert.core.base.settings import settings
from wengert.core.kernels import cache, objects
from wengert.core.kernels.acceptance import Rejected, accept
from wengert.core.kernels.expressions import ARRAYS
from wengert.core.kernels.factory import Factory
from wengert.core.kernels.machine import Machine

TEXT = "define i64 @answer(i64 %x) {\n  %r = add i64 %x, 41\n  ret i64 %r\n}\n"


@pytest.fixture
def folder(tmp_path):
    with settings.changed(cache=str(tmp_path)):
        yield tmp_path / "kernels"


def answer(address):
    import ctypes

    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)(1)


def test_an_entry_is_used_again(folder, monkeypatch):
    assert answer(Machine().build(TEXT, ["answer"])[0]) == 42
    assert len(list(folder.iterdir())) == 1
    monkeypatch.setattr(Machine, "emit", None)
    assert answer(Machine().build(TEXT, ["answer"])[0]) == 42


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "text", "of another entry"])
def test_a_damaged_entry_is_ignored_and_made_anew(folder, damage, monkeypatch):
    machine = Machine()
    machine.build(TEXT, ["answer"])
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "cut": whole[: len(whole) // 2],
            "flipped": whole[:-10] + bytes([whole[-10] ^ 1]) + whole[-9:],
            "text": b"hello\nworld",
            "of another entry": cache.heading(machine.key, TEXT + "\n", CODE[0]) + CODE[0],
        }[damage]
    )
    remade_without_linking_it(machine, path, whole, monkeypatch)


def remade_without_linking_it(machine, path, whole, monkeypatch):
    """The entry at `path` is not given to LLVM; what is made instead is right and kept."""
    linked = []
    link = Machine.link
    monkeypatch.setattr(Machine, "link", lambda self, code, names: linked.append(code) or link(self, code, names))
    assert answer(Machine().build(TEXT, ["answer"])[0]) == 42
    assert [cache.heading(machine.key, TEXT, code) + code for code in linked] == [whole] == [path.read_bytes()]


CODE = [
    b"no object code at all",
    b"answer",
    b"\x7fELFanswer",
    b"\x7fELF\x02\x01\x01" + bytes(200) + b"answer",
    b"\xcf\xfa\xed\xfe" + bytes(28) + b"answer",
    b"\xcf\xfa\xed\xfe\x07\x00\x00\x01" + b"\xff" * 100 + b"answer",
    b"\x64\x86" + b"\xff" * 100 + b"answer",
]


@pytest.mark.parametrize("code", CODE)
def test_signed_bytes_that_are_no_object_do_not_reach_llvm(folder, code, monkeypatch):
    machine = Machine()
    machine.build(TEXT, ["answer"])
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(cache.heading(machine.key, TEXT, code) + code)
    remade_without_linking_it(machine, path, whole, monkeypatch)


def test_objects_are_read_without_llvm():
    machine = Machine()
    code = machine.emit(TEXT)
    triple = machine.target.triple
    assert objects.is_whole(code, ["answer"], triple)
    assert not objects.is_whole(code, ["question"], triple)
    assert not objects.is_whole(code, ["answer"], "riscv64-unknown-linux-gnu")
    assert not any(objects.is_whole(code[:n], ["answer"], triple) for n in range(len(code)))


@pytest.mark.parametrize("system", ["linux-gnu", "windows-msvc", "apple-darwin"])
@pytest.mark.parametrize("processor", ["x86_64", "aarch64"])
def test_objects_of_every_system(system, processor):
    llvm = Machine().llvm
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    triple = f"{processor}-{'apple' if 'apple' in system else 'pc'}-{system.removeprefix('apple-')}"
    compiler = llvm.Target.from_triple(triple).create_target_machine(reloc="pic")
    text = "declare double @exp(double)\ndefine double @answer(double %x) {\n"
    text += "  %r = call double @exp(double %x)\n  %s = fadd double %r, 0.1\n  ret double %s\n}\n"
    code = compiler.emit_object(llvm.parse_assembly(text))
    assert objects.is_whole(code, ["answer"], triple)
    assert not any(objects.is_whole(code[:n], ["answer"], triple) for n in range(0, len(code) - 8))


def test_a_planted_kernel_of_another_result_is_rejected(tmp_path, monkeypatch):
    """What passes for an entry may still compute something else: the test of every kernel finds out."""
    texts = []
    emit = Machine.emit
    monkeypatch.setattr(Machine, "emit", lambda self, text: texts.append(text) or emit(self, text))
    with settings.changed(cache=str(tmp_path)):
        factory = Factory()
        del texts[:]
        factory.elementwise("right", lambda xs: ARRAYS.exp(xs[0]), 1, ("float",))
        factory.elementwise("wrong", lambda xs: ARRAYS.exp(xs[0]) * 1.001, 1, ("float",))
        right, wrong = texts
        key = factory.machine.key
        assert cache.store(key, right, cache.load(key, wrong))
        planted = Factory().elementwise("planted", lambda xs: ARRAYS.exp(xs[0]), 1, ("float",))
        assert texts == [right, wrong]
        with pytest.raises(Rejected, match=r"planted\(.* gives .*, NumPy "):
            accept("planted", planted, np.exp, 1, [np.dtype(np.float32)])


def test_entries_of_another_machine_are_not_seen(folder):
    machine = Machine()
    machine.build(TEXT, ["answer"])
    assert cache.load(machine.key, TEXT) is not None
    assert cache.load(machine.key + "another processor", TEXT) is None
    assert cache.load(machine.key, TEXT + "\n") is None


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with settings.changed(cache=str(tmp_path / "file")):
        assert not cache.usable()
        assert answer(Machine().build(TEXT, ["answer"])[0]) == 42


def test_a_full_disk_leaves_nothing_behind(folder, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "replace", full)
    assert answer(Machine().build(TEXT, ["answer"])[0]) == 42
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_folder_that_others_may_write_is_not_trusted(folder):
    machine = Machine()
    machine.build(TEXT, ["answer"])
    folder.chmod(0o777)
    assert cache.load(machine.key, TEXT) is None and not cache.usable()


def test_processes_share_a_folder(tmp_path):
    script = """
import numpy as np, wengert as torch
from wengert.core.kernels import workshop
x = torch.linspace(-3, 3, 20_000)
for name in ("sigmoid", "exp", "tanh", "expm1"):
    getattr(torch.special if name == "expm1" else torch, name)(x).sum()
    torch.nn.functional.silu(x)
workshop.finish()
print([order.reason for order in workshop.orders() if order.function is None])
"""
    environment = {**os.environ, "WENGERT_CACHE": str(tmp_path)}
    started = [
        subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [process.communicate(timeout=120)[0].strip() for process in started] == ["[]"] * 4
    assert not [path for path in (tmp_path / "kernels").iterdir() if path.suffix != ".o"]
