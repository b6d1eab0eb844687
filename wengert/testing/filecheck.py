"""`FileCheck`: whether lines of text come in the order that is asked for."""

from __future__ import annotations

import re
from typing import Any


class FileCheck:
    """A list of demands on a text, read from above: `FileCheck().check("add").check_next("mul").run(text)`.

    Each demand looks on from where the one before it matched; `{{...}}` inside a pattern given in comments of the form
    `# CHECK: ...` is a regular expression.
    Raises: RuntimeError from `run` that names the demand which is not met.
    """

    def __init__(self) -> None:
        self.demands: list[tuple[str, str, int]] = []

    def _with(self, kind: str, text: str, count: int = 1) -> FileCheck:
        self.demands.append((kind, str(text), count))
        return self

    def check(self, text: str) -> FileCheck:
        """The text occurs after the demand before."""
        return self._with("CHECK", text)

    def check_not(self, text: str) -> FileCheck:
        """The text does not occur between the demands before and after."""
        return self._with("CHECK-NOT", text)

    def check_next(self, text: str) -> FileCheck:
        """The text occurs on the line after the match before."""
        return self._with("CHECK-NEXT", text)

    def check_same(self, text: str) -> FileCheck:
        """The text occurs on the same line as the match before."""
        return self._with("CHECK-SAME", text)

    def check_count(self, text: str, count: int, exactly: bool = False) -> FileCheck:
        """The text occurs `count` times, and no more if `exactly`."""
        self._with("CHECK-COUNT", text, count)
        return self._with("CHECK-NOT", text) if exactly else self

    def check_dag(self, text: str) -> FileCheck:
        """The text occurs, in any order among neighbours of this kind."""
        return self._with("CHECK-DAG", text)

    def check_regex(self, text: str) -> FileCheck:
        """The regular expression matches after the demand before."""
        return self._with("CHECK-REGEX", text)

    def check_source_highlighted(self, text: str) -> FileCheck:
        """The text occurs, and the line below it underlines it with ~ or ^."""
        return self._with("CHECK-SOURCE-HIGHLIGHTED", text)

    def run(self, checks_file: Any, test_file: Any = None) -> None:
        """Check a text; with two arguments the first holds further demands as comments."""
        demands = list(self.demands)
        if test_file is None:
            text = str(checks_file)
        else:
            demands, text = demands + written(str(checks_file)), str(test_file)
        if not demands:
            raise RuntimeError(f"Could not find any checks: a FileCheck without demands was run on\n{text}")
        read(demands, text)


def written(source: str) -> list[tuple[str, str, int]]:
    """The demands in comments `# CHECK: ...`, `# CHECK-NEXT: ...`, `# CHECK-COUNT-2: ...`."""
    found: list[tuple[str, str, int]] = []
    for line in source.splitlines():
        known = re.match(r"\s*#\s*(CHECK(?:-[A-Z]+)*?)(?:-(\d+))?(-EXACTLY)?\s*:\s*(.*?)\s*$", line)
        if known is None:
            continue
        kind, count, exactly, text = known.groups()
        kind = "CHECK-WILD" if kind == "CHECK" and "{{" in text else kind
        found.append((kind, text, int(count or 1)))
        if exactly:
            found.append(("CHECK-NOT", text, 1))
    return found


def pattern(kind: str, text: str) -> re.Pattern[str]:
    """What is looked for."""
    if kind == "CHECK-REGEX":
        return re.compile(text)
    parts = re.split(r"\{\{(.*?)\}\}", text) if kind == "CHECK-WILD" else [text]
    return re.compile("".join(part if i % 2 else re.escape(part) for i, part in enumerate(parts)))


def fail(kind: str, text: str, source: str, start: int) -> None:
    """Raise for a demand that is not met."""
    raise RuntimeError(
        f'Expected to find "{text}" but did not find it\nSearched string:\n{source[start:]}\nFrom {kind}'
    )


def refuse(between: list[tuple[str, str, int]], source: str, start: int, end: int) -> None:
    """None of the texts that must not occur stands between two places."""
    for kind, text, _ in between:
        if text in source[start:end]:
            raise RuntimeError(f'Expected to not find "{text}" but found it\nSearched string:\n{source}\nFrom {kind}')


def read(demands: list[tuple[str, str, int]], source: str) -> None:
    """Go through the demands; raise at the first that is not met."""
    here, unwanted, first = 0, [], True
    k = 0
    while k < len(demands):
        kind, text, count = demands[k]
        if kind == "CHECK-NOT":
            unwanted.append(demands[k])
            k += 1
            continue
        group = [demands[k]]
        if kind == "CHECK-DAG":
            while k + 1 < len(demands) and demands[k + 1][0] == "CHECK-DAG":
                k += 1
                group.append(demands[k])
        begin, end = found(group, source, here, first)
        refuse(unwanted, source, here, begin)
        here, unwanted, first = end, [], False
        k += 1
    refuse(unwanted, source, here, len(source))


def found(group: list[tuple[str, str, int]], source: str, here: int, first: bool) -> tuple[int, int]:
    """Where the demands of a group begin and end in the text after `here`."""
    begin, end = len(source), here
    for kind, text, count in group:
        where = here
        for _ in range(count):
            limit = len(source)
            if kind == "CHECK-SAME":
                limit = line_end(source, where)
            elif kind == "CHECK-NEXT" and not first:
                where = min(line_end(source, where) + 1, len(source))
                limit = line_end(source, where)
            match = pattern(kind, text).search(source, where, limit)
            if match is None:
                fail(kind, text, source, where)
            assert match is not None
            begin, where = min(begin, match.start()), match.end()
            if kind == "CHECK-SOURCE-HIGHLIGHTED":
                below = source[line_end(source, where) + 1 : line_end(source, line_end(source, where) + 1)]
                if not re.search(r"[~^]", below):
                    fail(kind, text, source, match.start())
        end = max(end, where)
    return begin, end


def line_end(source: str, place: int) -> int:
    """Where the line that holds `place` ends."""
    end = source.find("\n", place)
    return len(source) if end < 0 else end


__all__ = ["FileCheck"]
