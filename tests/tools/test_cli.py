"""The `wengert` command: its answers and exit codes."""

import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from wengert.tools import cli, demo, doctor
from wengert.version import __version__, release, torch_interface

ROOT = Path(__file__).resolve().parents[2]
FRONT = SimpleNamespace(__file__=str(ROOT / "wengert" / "__init__.py"))


def test_version(capsys):
    assert cli.dispatch(FRONT, ["--version"]) == 0
    assert capsys.readouterr().out.startswith(f"wengert {release} (interfaces: torch {torch_interface}")
    assert __version__ == f"{torch_interface}+wengert.{release}"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["help"]])
def test_help(capsys, arguments):
    assert cli.dispatch(FRONT, arguments) == 0
    assert "wengert run script.py" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["dance"], ["run"], ["run", "-m"], ["run", "--fast"], ["doctor", "x"], ["-q"]])
def test_wrong_usage(capsys, arguments):
    assert cli.dispatch(FRONT, arguments) == 2
    answer = capsys.readouterr()
    assert answer.out == "" and "usage: wengert" in answer.err


def test_doctor(capsys):
    assert cli.dispatch(FRONT, ["doctor"]) == 0
    out = capsys.readouterr().out
    assert "numpy" in out and "ml_dtypes" in out and "cuda    not available" in out
    for extra in doctor.EXTRAS:
        assert f" {extra.name} " in out


def test_doctor_on_a_gpu(capsys):
    cuda = SimpleNamespace(is_available=lambda: True, device_count=lambda: 1, get_device_name=lambda index: "A GPU")
    assert doctor.examine(SimpleNamespace(__file__=FRONT.__file__, cuda=cuda)) == 0
    assert "cuda:0  A GPU" in capsys.readouterr().out


@pytest.mark.parametrize("version", ["2.1.1", None])
def test_doctor_finds_old_and_missing_requirements(capsys, monkeypatch, version):
    monkeypatch.setattr(doctor, "installed_version", lambda name: version)
    assert cli.dispatch(FRONT, ["doctor"]) == 1
    assert f"numpy {version or 'missing'} - needs 2.1.2 or newer" in capsys.readouterr().out


def test_doctor_knows_every_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert {extra.name for extra in doctor.EXTRAS} == set(extras) - {"all", "demo", "docs", "dev"}
    required = {name: ".".join(map(str, version)) for name, version in doctor.REQUIRED}
    assert project["dependencies"] == [f"{name}>={version}" for name, version in required.items()]


@pytest.mark.parametrize("lacking", ["sklearn", "matplotlib", "tqdm"])
def test_demo_names_what_it_lacks(capsys, monkeypatch, lacking):
    monkeypatch.setattr(demo, "find_spec", lambda name: None if name == lacking else "found")
    assert cli.dispatch(FRONT, ["demo"]) == 2
    answer = capsys.readouterr()
    assert answer.err == f"wengert demo needs {lacking}: pip install 'wengert[demo]'\n" and answer.out == ""


@pytest.mark.parametrize("library", ["wengert", "torch"])
def test_demo_learns(library, tmp_path):
    for needed in ("sklearn", "matplotlib", "tqdm"):
        pytest.importorskip(needed)
    module = pytest.importorskip(library)
    result = demo.run(module, tmp_path / "demo.png", quiet=True)
    assert result.accuracy >= 0.97 and result.seconds < 60
    assert result.losses[-1] < 0.2 * result.losses[0]
    assert result.picture.read_bytes().startswith(b"\x89PNG")


def test_demo_agrees_with_torch():
    torch, wengert = pytest.importorskip("torch"), pytest.importorskip("wengert")
    pytest.importorskip("sklearn")
    pytest.importorskip("tqdm")
    ours, theirs = (demo.run(library, epochs=2, quiet=True).losses for library in (wengert, torch))
    assert ours[:10] == pytest.approx(theirs[:10], rel=1e-3)
    assert ours == pytest.approx(theirs, rel=5e-2)
