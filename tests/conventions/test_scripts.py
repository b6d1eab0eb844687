"""The commands of the project can be run, and what its documents point to is there."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.conventions.source_tree import ROOT

SCRIPTS = ("check", "demo", ".ci/run")
DOCUMENTS = sorted(path for folder in (ROOT, ROOT / "docs") for path in folder.glob("*.md"))
FENCES = re.compile(r"^(`{3,})\{?(\w*)\}?[^\n]*\n(.*?)^\1", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_can_be_run(name):
    script = ROOT / name
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/usr/bin/env bash\n")
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    for file in (script, ROOT / ".ci/python.sh"):
        assert subprocess.run([bash, "-n", str(file)], capture_output=True).returncode == 0


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_check_explains_itself_and_spares_foreign_folders(tmp_path):
    wrong = subprocess.run([ROOT / "check", "everything"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "--with-torch" in wrong.stderr and wrong.stdout == ""
    (tmp_path / "mine").write_text("kept")
    refused = subprocess.run(
        [ROOT / "check", "lint"], env={**os.environ, "WENGERT_VENV": str(tmp_path)}, capture_output=True, text=True
    )
    assert refused.returncode == 1 and "is no environment" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_stops_at_an_error(name):
    assert re.search(r"^set -euo pipefail$", (ROOT / name).read_text(), re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_names_is_there(document):
    text = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", FENCES.sub("", text))
    commands = re.findall(r"(?<![\w.])\./([\w-]+)", text)
    assert [name for name in links if not (document.parent / name).exists()] == []
    assert [name for name in commands if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_examples_are_python(document):
    for _, language, code in FENCES.findall(document.read_text(encoding="utf-8")):
        if language == "python":
            compile(code, str(document), "exec")


def test_the_license_is_whole():
    text = Path(ROOT / "LICENSE").read_text()
    assert "Apache License" in text and "END OF TERMS AND CONDITIONS" in text


def test_the_metadata_tells_every_licence():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    told = {str(path.relative_to(ROOT)) for pattern in project["license-files"] for path in ROOT.glob(pattern)}
    packed = {str(path.relative_to(ROOT)) for path in (ROOT / "wengert").rglob("*") if path.match("LICENSE*")}
    notices = list((ROOT / "wengert").rglob("NOTICE.md"))
    assert told == {"LICENSE", *packed, *(str(path.relative_to(ROOT)) for path in notices)}
    rows = [line for path in notices for line in path.read_text(encoding="utf-8").splitlines() if "| http" in line]
    named = {line.split("|")[2].split(",")[0].strip() for line in rows}
    assert set(project["license"].split(" AND ")) == {"Apache-2.0", *named}
