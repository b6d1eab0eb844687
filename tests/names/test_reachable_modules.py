"""Modules that torch loads on import are there without an import of their own, as in `torch.cuda.amp.autocast()`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import wengert

pytest.importorskip("torch")
FOLDER = Path(wengert.__file__).parent
SCRIPT = """
import importlib, json, sys, types
library, found = importlib.import_module(sys.argv[1]), []
for name in json.loads(sys.stdin.read()):
    place = library
    for part in name.split("."):
        place = getattr(place, part, None)
    if isinstance(place, types.ModuleType):
        found.append(name)
print(json.dumps(found))
"""


def own_modules():
    """Every module below the package, but the core and the other dialect."""
    paths = [path.relative_to(FOLDER).with_suffix("") for path in FOLDER.rglob("*.py")]
    names = {".".join(path.parts).removesuffix(".__init__") for path in paths}
    return sorted(name for name in names if name != "__init__" and name.split(".")[0] not in ("core", "tf"))


def reached(library, names):
    """Those that a fresh process gets at through the attributes of a library."""
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, library]
    done = subprocess.run(command, input=json.dumps(names), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_what_torch_reaches_is_reached():
    names = own_modules()
    theirs = reached("torch", names)
    assert len(theirs) > 200
    assert theirs - reached("wengert", names) == {"ops"}  # an object here, not a module


def test_a_name_that_is_no_module():
    for package in (wengert.cuda, wengert.utils, wengert.nn, wengert.optim):
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            package.nothing  # noqa: B018


def test_what_a_submodule_lacks_is_an_import_error(tmp_path, monkeypatch):
    from wengert.core.base.submodules import on_demand

    (tmp_path / "outer").mkdir()
    (tmp_path / "outer" / "__init__.py").touch()
    (tmp_path / "outer" / "inner.py").write_text("import not_installed_anywhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="not_installed_anywhere"):
        on_demand("outer")("inner")
