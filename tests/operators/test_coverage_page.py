"""The page about torch's operator table says what the ratchet file says."""

from tests.operators import coverage_page


def test_the_page_is_that_of_the_ratchet_file():
    written = coverage_page.PAGE.read_text(encoding="utf-8")
    assert written == coverage_page.page(), "run `python -m tests.operators.coverage_page`"


def test_every_reason_is_of_a_row_that_is_not_right():
    text = coverage_page.page()
    assert [name for name in coverage_page.REASONS if f"| `{name}` |" not in text] == []
