"""Where an instruction stands in the user's program."""

from __future__ import annotations

from typing import Any


def line_of(code: Any, lasti: int) -> tuple[str, int] | None:
    """File and line of an instruction."""
    if code is None:
        return None
    line = code.co_firstlineno
    for start, _, number in code.co_lines():
        if start > lasti:
            break
        if number is not None:
            line = number
    return code.co_filename, line


def where_text(code: Any, lasti: int) -> str:
    """`File "x.py", line 3, in f` for messages; empty when unknown."""
    found = line_of(code, lasti)
    return "" if found is None else f'File "{found[0]}", line {found[1]}, in {code.co_name}'


__all__ = ["line_of", "where_text"]
