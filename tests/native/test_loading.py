"""Which form of the core is used: the compiled one if it fits its sources, and never half of it."""

import json
import os
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from wengert.core.base import native

PACKAGE = Path(native.__file__).parents[2]


def copied(tmp_path):
    """The sources that are compiled, and stand-ins for what the compiler made of them."""
    root = tmp_path / "wengert"
    for name in native.MODULES:
        source = PACKAGE.joinpath(*name.split(".")[1:]).with_suffix(".py")
        target = root / source.relative_to(PACKAGE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    folder = root / native.FOLDER
    folder.mkdir()
    for name in native.MODULES:
        (folder / (name + EXTENSION_SUFFIXES[0])).touch()
    manifest = {"suffix": EXTENSION_SUFFIXES[0], "sources": native.signature(str(root))}
    (folder / native.MANIFEST).write_text(json.dumps(manifest))
    return root


def test_what_fits_is_found_under_its_names(tmp_path):
    root = copied(tmp_path)
    finder, reason = native.fitting(str(root))
    assert reason == ""
    spec = finder.find_spec("wengert.core.tape.core")
    expected = root / native.FOLDER / ("wengert.core.tape.core" + EXTENSION_SUFFIXES[0])
    assert spec is not None and spec.origin == str(expected)
    assert finder.find_spec("wengert.core.tape.modes") is None


def test_a_changed_source_puts_all_of_it_out_of_use(tmp_path):
    root = copied(tmp_path)
    with (root / "core/tape/hot.py").open("a") as file:
        file.write("\n")
    assert native.fitting(str(root)) == (None, "its sources have changed since it was built")


def test_a_changed_c_side_does_too(tmp_path):
    root = copied(tmp_path)
    (root / "core/tape/hot.pxd").write_text("# other fields")
    assert native.fitting(str(root)) == (None, "its sources have changed since it was built")


def test_another_interpreter(tmp_path):
    root = copied(tmp_path)
    path = root / native.FOLDER / native.MANIFEST
    path.write_text(path.read_text().replace(EXTENSION_SUFFIXES[0], ".cpython-27.so"))
    assert native.fitting(str(root))[1] == "it was built for another interpreter"


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_broken_manifest(tmp_path, text):
    root = copied(tmp_path)
    (root / native.FOLDER / native.MANIFEST).write_text(text)
    assert native.fitting(str(root))[0] is None


def test_a_missing_part(tmp_path):
    root = copied(tmp_path)
    (root / native.FOLDER / (native.MODULES[0] + EXTENSION_SUFFIXES[0])).unlink()
    assert native.fitting(str(root))[0] is None


def run(wanted, root=None):
    environment = dict(os.environ, WENGERT_NATIVE=wanted, PYTHONPATH=str(root or PACKAGE.parent))
    program = "from wengert.core.base import native; import wengert.core; print(native.active, native.reason)"
    return subprocess.run([sys.executable, "-c", program], env=environment, cwd=root, capture_output=True, text=True)


def test_it_can_be_refused():
    assert run("0").stdout == "False WENGERT_NATIVE=0\n"


def test_it_can_be_demanded(tmp_path):
    for part in ("__init__.py", "base"):
        source, target = PACKAGE / "core" / part, tmp_path / "wengert" / "core" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    (tmp_path / "wengert" / "__init__.py").touch()
    done = run("1", tmp_path)
    assert done.returncode != 0
    assert "ImportError: WENGERT_NATIVE=1 asks for the compiled core, but it was not built" in done.stderr
