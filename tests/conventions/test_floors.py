"""Each floor imports only floors below it, nothing imports in a circle, and no file outgrows its reader."""

import statistics
import textwrap
from pathlib import Path

import pytest

from tests.conventions.source_tree import Module, imports, read

CORE = ("base", "arrays", "kernels", "operators", "tape", "tensor")
BUILDING, USING, FRONTS = 6, 7, 8
FOLDERS = {"_dynamo": USING, "compiler": USING, "distributed": USING, "tools": USING, "testing": FRONTS, "tf": FRONTS}
FILES = {"__main__": FRONTS, "version": 0, "torchviz": USING}
LINES = 600
LONGER = {"wengert.core.tape.core": 1200, "wengert.core.tape.hot": 800}
"""The hot core is one leaf module on purpose, so that it can be compiled as one."""


def floor(module: str) -> int:
    """The floor on which the module of this dotted name stands."""
    _, *parts = module.split(".")
    if not parts:
        return FRONTS
    if parts[0] == "core":
        return CORE.index(parts[1]) if len(parts) > 1 else len(CORE) - 1
    return {**FOLDERS, **FILES}.get(parts[0], BUILDING)


def upward_imports(modules: dict[str, Module]) -> list[str]:
    """A line for every import of a higher floor."""
    return [
        f"{module.name}:{line} (floor {floor(module.name)}) imports {target} (floor {floor(target)})"
        for module in modules.values()
        for target, line in imports(module, modules)
        if floor(target) > floor(module.name)
    ]


def cycles(modules: dict[str, Module]) -> list[str]:
    """A line for every group of modules that import each other in a circle."""
    graph = {name: {target for target, _ in imports(module, modules)} for name, module in modules.items()}
    reach = {name: reachable(name, graph) for name in graph}
    groups = {
        frozenset(other for other in reach[name] if name in reach[other]) for name in graph if name in reach[name]
    }
    return sorted(" <-> ".join(sorted(group)) for group in groups)


def reachable(start: str, graph: dict[str, set[str]]) -> set[str]:
    """Modules that are imported from `start`, directly or through others."""
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(graph[name])
    return found


def over_long(modules: dict[str, Module]) -> list[str]:
    """A line for every file above its limit."""
    return [
        f"{module.name} has {module.lines} lines, more than {LONGER.get(module.name, LINES)}"
        for module in modules.values()
        if module.lines > LONGER.get(module.name, LINES)
    ]


@pytest.fixture(scope="module")
def package() -> dict[str, Module]:
    return read()


def test_no_import_goes_upward(package):
    assert upward_imports(package) == []


def test_no_import_goes_in_a_circle(package):
    assert cycles(package) == []


def test_no_file_is_over_its_limit(package, capsys):
    median = int(statistics.median(module.lines for module in package.values() if module.lines > 1))
    with capsys.disabled():
        print(f"\n{len(package)} files, {sum(module.lines for module in package.values())} lines, median file {median}")
    assert over_long(package) == []


def test_every_folder_of_the_core_has_a_floor(package):
    assert {name.split(".")[2] for name in package if name.startswith("wengert.core.")} <= set(CORE)


PLANTED = {
    "upward": ("core/base/errors.py", "def late():\n    from wengert.core.arrays import dtype\n", upward_imports),
    "relative": ("core/arrays/dtype.py", "from ...nn import module\n", upward_imports),
    "root": ("nn/module.py", "import wengert\n", upward_imports),
    "dynamic": ("core/base/errors.py", "import importlib\nimportlib.import_module('wengert.nn')\n", upward_imports),
    "front": ("tools/why.py", "from wengert.tf import GradientTape\n", upward_imports),
    "cycle": ("nn/module.py", "def late():\n    from . import functional\n", cycles),
    "long": ("nn/module.py", "pass\n" * (LINES + 1), over_long),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(fault, tmp_path: Path):
    sound = {
        "__init__.py": "from wengert import nn\nfrom wengert.core.arrays import dtype\n",
        "__main__.py": "import wengert\n",
        "core/__init__.py": "",
        "core/base/__init__.py": "",
        "core/base/errors.py": "import sys\n",
        "core/arrays/__init__.py": "from .dtype import float32\n",
        "core/arrays/dtype.py": """
            from typing import TYPE_CHECKING
            from ..base.errors import sys
            if TYPE_CHECKING:
                from wengert.nn import module
            float32 = 1
            """,
        "nn/__init__.py": "from wengert.nn.module import Module\nfrom . import functional\n",
        "nn/module.py": "from wengert.core.base import errors\nclass Module: pass\n",
        "nn/functional.py": "from wengert.nn.module import Module\n",
        "tools/why.py": "from wengert.nn import Module\n",
        "tf/__init__.py": "from wengert.tools import why\nGradientTape = why\n",
    }
    checks = (upward_imports, cycles, over_long)
    write(tmp_path / "wengert", sound)
    assert [check(read(tmp_path / "wengert")) for check in checks] == [[], [], []]
    file, text, check = PLANTED[fault]
    write(tmp_path / "wengert", {file: text})
    found = check(read(tmp_path / "wengert"))
    assert len(found) == 1 and file.removesuffix(".py").replace("/", ".") in found[0]


def write(folder: Path, files: dict[str, str]) -> None:
    """Write `files`, text by path, under `folder`."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
