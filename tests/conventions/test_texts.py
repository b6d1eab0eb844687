"""What no file of this project says, and what no module of it is called."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.conventions.source_tree import PACKAGE, ROOT, Module, read

SUFFIXES = {".py", ".pyi", ".md", ".toml", ".txt", ".cfg", ".yml", ".yaml", ".sh", ".html", ".js", ""}
FORBIDDEN = {
    "a path of one machine": r"(?<![\w./-])/(work|root|opt|mnt|Users|home/\w+)/\w",
    "a folder of one machine's temporary files": r"(?<![\w.])/tmp/\w",
    "a package registry's address": r"(pypi\.org/simple|files\.pythonhosted\.org|file:///\w|--(extra-)?index-url|--find-links)",
    "a word about how the work was organised": r"(?i)\b(before-stop|this (chat|session's brief)|the brief says|"
    r"(sub)?agents? (wrote|was asked)|language model (wrote|generated)|as an ai)\b",
    "a note of something unfinished": r"\b(TODO|FIXME|XXX|HACK)\b",
    "a merge conflict": r"^(<{7}|>{7}) ",
}
BY_OTHERS = PACKAGE / "tools" / "viewer" / "graphviz"
"""A program of others, packed with its licences: compiled code, in which any letters may come together."""
FOREIGN = {"torch", "tensorflow", "jax"}
"""Packages whose interfaces are followed; none is ever imported by ours."""


def texts() -> dict[Path, str]:
    """Every text file that is, or is about to be, under version control, but this one."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        names = [str(path.relative_to(ROOT)) for path in (*PACKAGE.rglob("*"), *(ROOT / "tests").rglob("*.py"))]
    paths = (ROOT / name for name in names if name)
    return {
        path: path.read_text(encoding="utf-8")
        for path in paths
        if path.is_file() and path.suffix in SUFFIXES and path != Path(__file__) and path.parent != BY_OTHERS
    }


def offences(text: str) -> list[str]:
    """What is forbidden in `text`, as "reason: the words found"."""
    return [
        f"{reason}: {match[0]!r} in line {text.count(chr(10), 0, match.start()) + 1}"
        for reason, pattern in FORBIDDEN.items()
        for match in re.finditer(pattern, text, re.MULTILINE)
    ]


def foreign_imports(modules: dict[str, Module]) -> list[str]:
    """Imports of the packages whose interfaces are followed."""
    found = []
    for module in modules.values():
        for node in ast.walk(module.tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            found += [f"{module.name}:{node.lineno} {name}" for name in names if name.split(".")[0] in FOREIGN]
    return found


def names_of_torch() -> set[str]:
    """Functions, types and dtypes at the top level of torch."""
    lines = Path(__file__).with_name("torch_names.txt").read_text().splitlines()
    return {line for line in lines if not line.startswith("#")}


def test_no_file_says_what_it_should_not():
    found = {str(path.relative_to(ROOT)): offences(text) for path, text in texts().items()}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_the_package_imports_no_library_that_it_follows():
    assert foreign_imports(read()) == []


def test_no_module_bears_the_name_of_a_function():
    top = {name.split(".")[1] for name in read() if "." in name}
    assert top & names_of_torch() == set()


@pytest.mark.parametrize(
    "text",
    [
        "see /work/notes.txt",
        "open('/tmp/x.bin')",
        "pip install --extra-index-url https://example.org",
        "# TODO later",
        "first\n<<<<<<< HEAD",
        "path = '/home/somebody/data'",
    ],
)
def test_a_planted_fault_is_found(text):
    assert len(offences(text)) == 1


@pytest.mark.parametrize(
    "text", ["https://example.org/work/page", "a/tmp/b", "pip install wengert", "#!/usr/bin/env bash"]
)
def test_ordinary_text_passes(text):
    assert offences(text) == []


def test_a_planted_import_is_found(tmp_path):
    package = tmp_path / "wengert"
    package.mkdir()
    (package / "module.py").write_text(
        "def late():\n    from torch.nn import Linear\nfrom .torch import x\nimport os, jax\n"
    )
    assert sorted(foreign_imports(read(package))) == ["wengert.module:2 torch.nn", "wengert.module:4 jax"]
