"""The examples in the documents run, and print what the documents say they print.

The Python blocks of a document run in their order as one program.  A block marked `output`
that follows one holds what it prints; `...` stands for anything, and long lines may be broken.
"""

import contextlib
import doctest
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUOTING = {"CONTRIBUTING.md", "how-it-works.md", "adding-an-operator.md"}
"""Their Python blocks are statements of the library; tests/conventions compares them with it."""
DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for folder in (ROOT, ROOT / "docs")
    for path in folder.glob("*.md")
    if path.name not in QUOTING and "```python\n" in path.read_text(encoding="utf-8")
)


def blocks(text: str) -> list[tuple[str, str]]:
    """Pairs of a Python block and the output told for it (empty: none is told)."""
    found: list[tuple[str, str]] = []
    for language, body in FENCE.findall(text):
        if language == "python":
            found.append((body, ""))
        elif language == "output":
            found[-1] = (found[-1][0], body)
    return found


def printed(code: str, names: dict) -> str:
    """What a block prints when it runs among `names`; its errors name the lines of `example.py`."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "example.py", "exec"), names)
    return out.getvalue()


def agree(wanted: str, got: str) -> bool:
    """Whether `got` is what the document says, up to line breaks and what `...` stands for."""
    return doctest.OutputChecker().check_output(wanted, got, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)


@pytest.mark.filterwarnings("ignore:Error detected in SqrtBackward0")  # shown on purpose
@pytest.mark.parametrize("document", DOCUMENTS)
def test_examples_run(document, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write files
    names: dict = {"__name__": "__main__"}
    examples = blocks((ROOT / document).read_text(encoding="utf-8"))
    for code, wanted in examples:
        got = printed(code, names)
        assert not wanted or agree(wanted, got), (
            f"{document}: after\n{code}the document says\n{wanted}and what is printed is\n{got}"
        )


def test_every_page_with_examples_is_among_them():
    assert {"README.md", "docs/index.md", "docs/tutorial.md", "docs/viewer.md", "docs/kernels.md"} <= set(DOCUMENTS)


def test_a_planted_fault_is_found():
    code, wanted = blocks("```python\nprint(1)\n```\n\nText.\n\n```output\n2\n```\n")[0]
    assert not agree(wanted, printed(code, {}))
    assert agree("1", printed(code, {}))
