"""Every public name has a docstring; those that still lack one are listed in a file that may only shrink.

`python tests/conventions/test_docstrings.py` prints what the list should hold now.
"""

import ast
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.conventions.source_tree import Module, read

LIST = Path(__file__).with_name("undocumented.txt")
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def undocumented(modules: dict[str, Module]) -> list[str]:
    """Dotted names of modules, classes, functions and methods that are public and say nothing of themselves."""
    found = [name for name, module in modules.items() if not module.is_package and not ast.get_docstring(module.tree)]
    classes = all_classes(modules)
    for name, module in modules.items():
        if not any(part.startswith("_") for part in name.split(".")):
            found += undocumented_in(module.tree, name, classes)
    return sorted(set(found))


def all_classes(modules: dict[str, Module]) -> dict[str, list[ast.ClassDef]]:
    """The classes of the package by their last name."""
    classes: dict[str, list[ast.ClassDef]] = {}
    for module in modules.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                classes.setdefault(node.name, []).append(node)
    return classes


def inherits_docstring(method: str, scope: ast.ClassDef, classes: dict[str, list[ast.ClassDef]]) -> bool:
    """Whether a class above `scope` says what `method` does, so that an override need not say it again."""
    waiting, seen = [scope], set()
    while waiting:
        current = waiting.pop()
        seen.add(current.name)
        for base in (ast.unparse(base).rpartition(".")[2] for base in current.bases):
            above = classes.get(base, []) if base not in seen else []
            if any(is_told(node, method) for parent in above for node in parent.body):
                return True
            waiting += above
    return False


def is_told(node: ast.stmt, name: str) -> bool:
    """Whether `node` defines `name` with a docstring."""
    return isinstance(node, DEFINITIONS) and node.name == name and bool(ast.get_docstring(node))


def undocumented_in(scope: ast.Module | ast.ClassDef, prefix: str, classes: dict[str, list[ast.ClassDef]]) -> list[str]:
    """Public definitions in `scope` without a docstring; a setter or overload speaks through its first definition."""
    found = []
    for node in scope.body:
        if not isinstance(node, DEFINITIONS) or node.name.startswith("_") or speaks_elsewhere(node):
            continue
        name = f"{prefix}.{node.name}"
        inherited = isinstance(scope, ast.ClassDef) and inherits_docstring(node.name, scope, classes)
        if not ast.get_docstring(node) and not inherited:
            found.append(name)
        if isinstance(node, ast.ClassDef):
            found += undocumented_in(node, name, classes)
    return found


def speaks_elsewhere(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Whether a decorator says that the docstring stands at another definition of the same name."""
    names = (ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list)
    return any(name in ("setter", "deleter", "overload", "override") for name in names)


def listed() -> list[str]:
    """Names in the list of what is still undocumented."""
    return [line for line in LIST.read_text().splitlines() if line and not line.startswith("#")]


def test_no_new_name_is_undocumented():
    new = sorted(set(undocumented(read())) - set(listed()))
    assert not new, "give these a docstring: " + ", ".join(new)


def test_the_list_shrinks():
    done = sorted(set(listed()) - set(undocumented(read())))
    assert not done, f"documented by now, take them out of {LIST.name}: " + ", ".join(done)


def test_a_planted_fault_is_found(tmp_path):
    package = tmp_path / "wengert"
    package.mkdir()
    text = '''"""Module."""
def told():
    """Yes."""
def untold(): pass
def _own(): pass
class Told:
    """Yes."""
    @property
    def value(self):
        """Yes."""
    @value.setter
    def value(self, value): pass
    def method(self): pass
    def __init__(self): pass
class Child(Told):
    """Yes."""
    def value(self): pass
    def method(self): pass
'''
    (package / "shapes.py").write_text(text)
    assert undocumented(read(package)) == [
        f"wengert.shapes.{name}" for name in ("Child.method", "Told.method", "untold")
    ]


if __name__ == "__main__":
    print("\n".join(undocumented(read())))
