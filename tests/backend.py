"""The library under test: Wengert, or the real torch if WENGERT_TEST_BACKEND=torch (then the tests are on trial)."""

import importlib
import os
import re
import sys
from pathlib import Path

import pytest

REAL = os.environ.get("WENGERT_TEST_BACKEND") == "torch"
torch = importlib.import_module("torch" if REAL else "wengert")
ROOT = Path(__file__).resolve().parents[1]

wengert_only = pytest.mark.skipif(REAL, reason="Wengert does more here than torch does")
torch_only = pytest.mark.skipif(not REAL, reason="Wengert deliberately differs from torch here")


def needs(library, *paths: str):
    """What `paths` name below `library`, such as "nn.Module"; the test is skipped, saying which, if one is not there.

    One path gives the object, several give a tuple.
    """
    found = tuple(resolved(library, path) for path in paths)
    return found[0] if len(found) == 1 else found


def resolved(library, path: str):
    owner, walked = library, library.__name__
    for name in path.split("."):
        walked += "." + name
        if not hasattr(owner, name):
            import_submodule(walked)
        if not hasattr(owner, name):
            pytest.skip(f"needs {walked}, which is not there yet")
        owner = getattr(owner, name)
    return owner


def import_submodule(name: str) -> None:
    """Import `name` if such a module exists; an error inside that module is not hidden."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise


def names_lines(message, *markers: str) -> bool:
    """Whether `message` names the calling file and, for each marker, the line of it that ends in `# marker`."""
    file = Path(sys._getframe(1).f_code.co_filename)
    text = str(message)
    numbers = [marked_line(file, marker) for marker in markers]
    return file.name in text and all(re.search(rf"(?<!\d){number}(?!\d)", text) for number in numbers)


def marked_line(file: Path, marker: str) -> int:
    lines = file.read_text(encoding="utf-8").splitlines()
    (number,) = (number for number, line in enumerate(lines, 1) if line.endswith("# " + marker))
    return number


def edges(node) -> list:
    """The names of the nodes that `node` leads to, None for an input that needs no gradient."""
    return [None if following is None else type(following).__name__ for following, _ in node.next_functions]
