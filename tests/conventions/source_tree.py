"""The package read as text: its modules, what each imports, and how long it is. Nothing is imported."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "wengert"


class Import(NamedTuple):
    """One module of the package named in an import, and the line where that is written."""

    target: str
    line: int


class Module(NamedTuple):
    """A source file: dotted name, place, tree, number of lines, whether it is a package's `__init__`."""

    name: str
    path: Path
    tree: ast.Module
    lines: int
    is_package: bool


def read(package: Path = PACKAGE) -> dict[str, Module]:
    """Every module under the folder `package`, by dotted name."""
    modules = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        text = path.read_text(encoding="utf-8")
        modules[name] = Module(name, path, ast.parse(text, str(path)), text.count("\n"), is_package)
    return modules


def imports(module: Module, modules: dict[str, Module]) -> list[Import]:
    """What `module` imports from its own package, wherever that is written; imports for types alone are left out."""
    found = []
    for node in run_time_nodes(module.tree):
        for target in targets(node, module):
            known = longest_known(target, modules)
            if known is not None and known != module.name:
                found.append(Import(known, getattr(node, "lineno", 0)))
    return found


def run_time_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes of `tree` but those under `if TYPE_CHECKING:`."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting.extend(node.orelse)
        else:
            waiting.extend(ast.iter_child_nodes(node))


def targets(node: ast.AST, module: Module) -> list[str]:
    """Dotted names that `node` imports; for `from a import b` that is `a.b`, which may be a module or a name in one."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            package = module.name.split(".")
            package = package[: len(package) - node.level + module.is_package]
            base = ".".join([*package, *([node.module] if node.module else [])])
        return [f"{base}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
        return [argument.value for argument in node.args[:1] if is_text(argument)]
    return []


def is_text(node: ast.expr) -> bool:
    """Whether `node` is a string literal."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def longest_known(name: str, modules: dict[str, Module]) -> str | None:
    """The longest leading part of the dotted `name` that is a module of the package."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name or None
