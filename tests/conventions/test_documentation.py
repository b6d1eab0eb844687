"""The documentation says what the code says: its operators are all there, and what it quotes stands in the library."""

import re
import subprocess
import sys

import pytest

from tests.conventions.source_tree import PACKAGE, ROOT
from wengert.core.operators.kinds import Composite
from wengert.core.operators.record import REGISTRY
from wengert.tools import operator_pages, reference_pages

QUOTING = ("CONTRIBUTING.md", "docs/how-it-works.md", "docs/adding-an-operator.md")
CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("operators")
    operator_pages.write(folder)
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}


def entries(text: str) -> dict[str, str]:
    """The entries of a page by the operator's name."""
    found = re.split(r"^### (\w+)$", text, flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def test_every_operator_has_an_entry(pages):
    told = [name for page in pages.values() for name in entries(page)]
    assert sorted(told) == sorted(REGISTRY)


def test_the_index_leads_to_every_public_operator(pages):
    linked = set(re.findall(r"\[(\w+)\]\(\w+\.md#", pages["index"]))
    assert linked == {name for name, op in REGISTRY.items() if op.space is not None}


def test_an_entry_says_what_the_record_says(pages):
    entry = entries(pages["trigonometric"])["sinh"]
    for part in (
        "torch.sinh(input, *, out=None)",
        "Hyperbolic sine",
        "kind: elementwise",
        "tape keeps: `input`",
        "in place `sinh_`",
        "partial by `input`: `m.cosh(input)`",
    ):
        assert part in entry, part


def test_every_derivative_is_told(pages):
    told = {name: text for page in pages.values() for name, text in entries(page).items()}
    silent = [
        name
        for name, op in REGISTRY.items()
        if op.kind.differentiable
        and not isinstance(op.kind, Composite)
        and not re.search(r"^- (partial by|gradient of) `\w+`: (?!`<lambda>)", told[name], re.MULTILINE)
    ]
    assert silent == []


def test_every_page_stands_in_the_contents():
    text = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    contents = [line for tree in re.findall(r"^```{toctree}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
                for line in tree.splitlines() if line and not line.startswith(":")]  # fmt: skip
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"}
    assert sorted(contents) == sorted([*pages, "operators/index", "reference/index"])


def test_pages_are_written_by_a_command(tmp_path):
    command = [sys.executable, "-m", "wengert.tools.operator_pages", str(tmp_path / "pages")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0 and run.stderr == "", run.stderr
    assert (tmp_path / "pages" / "index.md").exists()


def test_pages_that_are_right_are_left_alone(tmp_path):
    operator_pages.write(tmp_path)
    (tmp_path / "gone.md").write_text("a module that is no more")
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.md")}
    operator_pages.write(tmp_path)
    del before["gone.md"]
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.md")} == before


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    assert reference_pages.write(folder) == len(reference_pages.PACKAGES) + 1
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}


def test_the_reference_tells_every_public_name(reference):
    for package, _ in reference_pages.PACKAGES:
        told = set(re.findall(r"^(?:### |- \[)(\w+)", reference[package], re.MULTILINE))
        assert told == set(reference_pages.public_names(reference_pages.module_of(package))) != set(), package


def test_the_reference_leads_to_entries_that_are_there(reference, pages):
    links = set(re.findall(r"\]\(\.\./operators/(\w+)\.md#(\w+)\)", "".join(reference.values())))
    there = {(page, operator_pages.anchor(name)) for page, text in pages.items() for name in entries(text)}
    assert len(links) > 300 and links <= there


def test_an_entry_of_the_reference_is_signature_and_docstring(reference):
    assert "torch.func.grad(func, argnums=0, has_aux=False)\n" in reference["torch.func"]
    assert "class torch.nn.Linear(in_features, out_features, bias=True" in reference["torch.nn"]
    assert reference_pages.prose("`[a]` and b_c") == "`[a]` and b\\_c"
    assert reference_pages.prose("Sum.\n    x = 1\n      y\nRaises: nothing") == (
        "Sum.\n\n```text\nx = 1\n  y\n```\n\nRaises: nothing"
    )
    assert reference_pages.prose("F.\n\n>>> f(x)\n[1]\n\nEnd_") == "F.\n\n\n```text\n>>> f(x)\n[1]\n```\n\nEnd\\_"
    assert max(map(len, re.findall(r"^(?:class )?torch\..*$", reference["torch.nn"], re.MULTILINE))) <= 88


@pytest.mark.parametrize("document", QUOTING)
def test_what_a_document_quotes_stands_in_the_library(document):
    library = "".join(path.read_text(encoding="utf-8") for path in (PACKAGE / "core/operators/library").glob("*.py"))
    quotes = CODE.findall((ROOT / document).read_text(encoding="utf-8"))
    assert quotes
    assert [quote for quote in quotes if quote not in library] == []
