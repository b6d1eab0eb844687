"""docs/tape-files.md is a true program."""

from tests.backend import ROOT, wengert_only
from tests.docs.test_examples_run import agree, blocks, printed


@wengert_only
def test_the_page_runs_and_prints_what_it_says():
    names: dict = {"__name__": "__main__"}
    examples = blocks((ROOT / "docs" / "tape-files.md").read_text(encoding="utf-8"))
    assert len(examples) == 7
    for code, wanted in examples:
        got = printed(code, names)
        assert agree(wanted, got), f"after\n{code}the page says\n{wanted}and what is printed is\n{got}"
