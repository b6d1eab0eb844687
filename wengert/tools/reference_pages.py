"""Pages about the public names, made from their docstrings: `python -m wengert.tools.reference_pages docs/reference`.

One page for each package, one entry for each class and function with its signature and what its docstring says.
Operators have pages of their own (`operator_pages`), which the entries here lead to.
"""

# Slots of records are filled from a table, which mypy cannot see.
# mypy: disable-error-code="attr-defined"

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from wengert.tools.operator_pages import anchor, escaped, modules, space_name, written

PACKAGES = (
    ("torch", "Tensors, settings, what stands at the top"),
    ("torch.autograd", "Gradients, custom Functions, modes"),
    ("torch.autograd.functional", "Jacobians and Hessians of functions"),
    ("torch.autograd.forward_ad", "Dual numbers: derivatives forwards"),
    ("torch.autograd.graph", "Nodes, edges, hooks on what is saved"),
    ("torch.func", "Transforms of functions"),
    ("torch.nn", "Layers and losses"),
    ("torch.nn.functional", "Layers and losses as functions"),
    ("torch.nn.init", "First values of parameters"),
    ("torch.nn.utils", "Clipping, flattening, packing, parametrization"),
    ("torch.optim", "Optimizers"),
    ("torch.optim.lr_scheduler", "Schedules"),
    ("torch.optim.swa_utils", "Averages of weights"),
    ("torch.utils.data", "Datasets and loaders"),
    ("torch.utils.checkpoint", "Computing again instead of keeping"),
    ("torch.amp", "Mixed precision"),
    ("torch.distributions", "Distributions"),
    ("torch.linalg", "Linear algebra"),
    ("torch.fft", "Fourier transforms"),
    ("torch.special", "Special functions"),
    ("torch.signal.windows", "Windows"),
    ("torch.masked", "Tensors with masks"),
    ("torch.profiler", "Where time and memory go"),
    ("torch.fx", "Programs as graphs"),
    ("torch.overrides", "Classes that answer for functions"),
    ("torch.library", "Operators of your own"),
    ("wengert.tools", "Asking about a tape"),
    ("wengert.torchviz", "Pictures of graphs"),
)
"""The packages that have a page, by the name they have under `wengert run`, and what they are about."""

STANDING = re.compile(r"(?:^ +.*\n?)+|^(?:>>> |==).*\n?(?:.+\n?)*", re.MULTILINE)
"""What stands as it is: indented lines, and examples and tables up to the next empty line."""
WIDTH = 88
"""Columns of a signature on one line."""
PARTS = re.compile(r"\n(?=(?:Cost|Example|Raises|Shapes?|Source)s?:)")
"""Where a docstring begins to tell something else."""


def module_of(package: str) -> ModuleType:
    """The module behind a name that programs use."""
    return import_module(re.sub(r"^torch\b", "wengert", package))


def public_names(module: ModuleType) -> list[str]:
    """What a package offers: its `__all__`, or the functions and classes that stand in it; modules are left out."""
    told = getattr(module, "__all__", None)
    names = dir(module) if told is None else told
    found = []
    for name in dict.fromkeys(names):
        value = getattr(module, name, None)
        if name.startswith("_") or inspect.ismodule(value) or not callable(value):
            continue
        if told is None and not str(getattr(value, "__module__", "")).startswith(module.__name__):
            continue
        found.append(name)
    return sorted(found, key=lambda name: (name.lower(), name))


def entry(package: str, name: str, value: Any, places: dict[str, str]) -> str:
    """One name: a link to its operator's entry, or its signature and what its docstring says."""
    place = places.get(f"{package}.{name}")
    if place is not None:
        return f"- [{name}](../operators/{place})"
    head = f"class {package}.{name}" if inspect.isclass(value) else f"{package}.{name}"
    return f"### {name}\n\n```text\n{folded(head + parameters(value))}\n```\n\n{prose(inspect.getdoc(value) or '')}\n"


def parameters(value: Any) -> str:
    """A call's parameters and their defaults, without annotations; `(...)` where they cannot be known."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return "(...)"
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in found.parameters.values()]
    text = str(found.replace(parameters=bare, return_annotation=inspect.Signature.empty))
    return re.sub(r"<(?:class|function|object)? ?'?([\w.]+)[^>]*>", r"\1", text)


def folded(call: str) -> str:
    """A call on as many lines as it needs, those after the first indented."""
    return "\n".join(
        textwrap.wrap(call, WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
    )


def prose(doc: str) -> str:
    """A docstring as Markdown: paragraphs as they are, the rest as it stands."""
    doc = PARTS.sub("\n\n", doc)
    parts, at = [], 0
    for block in STANDING.finditer(doc):
        parts += [escaped(doc[at : block.start()]), f"\n```text\n{inspect.cleandoc(chr(10) + block.group())}\n```\n"]
        at = block.end()
    return "".join([*parts, escaped(doc[at:])])


def operator_places() -> dict[str, str]:
    """Where the operators' pages tell of a public name, aliases included."""
    found = {}
    for page, operators in modules().items():
        for op in operators:
            if op.space is None:
                continue
            for called in (op.name, *op.aliases):
                space, _, name = called.rpartition(".")
                found[f"{space_name(space or op.space)}.{name}"] = f"{page}.md#{anchor(op.name)}"
    return found


def page(package: str, about: str, places: dict[str, str]) -> str:
    """The page of one package."""
    module = module_of(package)
    entries = [entry(package, name, getattr(module, name), places) for name in public_names(module)]
    linked = [one for one in entries if one.startswith("- ")]
    told = [one for one in entries if not one.startswith("- ")]
    lines = [f"# {package}\n\n{about}.\n"]
    if linked:
        lines.append("## Operators\n\n" + "\n".join(linked) + "\n")
    if told:
        lines.append("## Classes and functions\n\n" + "\n".join(told))
    return "\n".join(lines)


INTRODUCTION = """\
# Public names

Made from the docstrings, package by package, under the names that programs use: `torch` is what `wengert run` or
`import wengert as torch` makes it. What `wengert.tf` and `wengert.array_api` offer is told on [their](../tensorflow.md)
[pages](../array-api.md).

| package | what is in it |
|---|---|
"""


def index() -> str:
    """The first page: the packages, and the list of pages."""
    lines = [f"| [{package}]({package}.md) | {about} |" for package, about in PACKAGES]
    return INTRODUCTION + "\n".join([*lines, "", "```{toctree}", ":hidden:", "", *dict(PACKAGES), "```", ""])


def write(folder: Path) -> int:
    """Write all pages about packages into `folder`; return how many there are."""
    places = operator_places()
    return written(
        folder, {"index.md": index(), **{f"{name}.md": page(name, about, places) for name, about in PACKAGES}}
    )


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference")
    print(f"{write(target)} pages about {len(PACKAGES)} packages in {target}")
