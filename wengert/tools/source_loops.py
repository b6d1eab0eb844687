"""Statements that repeat with other names and numbers, put into loops.

A written backward pass has a statement for every step of the program.  Where the program ran a loop, or a network has
equal layers, stretches of statements are equal but for the names and numbers in them.  Such a stretch becomes the body
of a `for`: what one round hands to the next is one variable, what differs from round to round comes from the head of
the loop, and what is wanted of every round goes into a list.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

_SLOT = re.compile(r"""("[^"]*"|'[^']*')|(?<![\w.])([^\W\d]\w*)(?!\w|=(?!=))|(?<![\w.])(\d+(?:\.\d*)?(?:e[+-]?\d+)?)""")
"""A string (left alone), a name that is no attribute and no keyword of a call, or a number."""
_ROUNDS, _SAVED = 3, 4
"""A loop has so many rounds at least, and saves so many statements."""
_PERIOD, _TRIES, _WIDTH = 512, 256, 100
_COMMENTS = 3


class Statement:
    """One line: `target = text`, or the text alone; comment: the program's line that it is due to."""

    __slots__ = ("target", "text", "comment")

    def __init__(self, target: str | None, text: str, comment: str) -> None:
        self.target, self.text, self.comment = target, text, comment

    def line(self) -> str:
        """As it is written."""
        return self.text if self.target is None else f"{self.target} = {self.text}"


class Names:
    """The variables of a function, made in it or given to it, and what some are called after a loop."""

    def __init__(self, made: list[str], given: Iterable[str], taken: Iterable[str]) -> None:
        self.made, self.known = set(made), {*made, *given}
        self.taken = {*self.known, *taken}
        self.renamed: dict[str, str] = {}

    def parts(self, text: str) -> tuple[str, list[str]]:
        """A text with holes for variables and numbers, and what fills them."""
        slots: list[str] = []

        def hole(match: re.Match[str]) -> str:
            word = match.group()
            if match.group(1) or match.group(2) and word not in self.known:
                return word
            slots.append(word)
            return "\0" if match.group(2) else "\1"

        return _SLOT.sub(hole, text), slots

    def now(self, text: str) -> str:
        """A text with the variables as they are called after the loops."""
        return _SLOT.sub(lambda match: self.renamed.get(match.group(), match.group()), text) if self.renamed else text

    def new(self, like: str) -> str:
        """A variable that is not taken."""
        short = plain(like)
        name, k = short, 2
        while name in self.taken or keyword.iskeyword(name):
            name, k = f"{short}_{k}", k + 1
        self.taken.add(name)
        return name


def plain(name: str) -> str:
    """A name without its numbers."""
    return re.sub(r"_\d+(?=_|$)", "", name).strip("_").replace("__", "_") or "value"


def filled(slots: Iterable[str], template: str) -> str:
    """A text whose holes are filled again."""
    given = iter(slots)
    return re.sub("[\0\1]", lambda match: next(given), template)


class Loop:
    """Statements as a loop of `period` statements; parts: what Names.parts makes of their texts.

    Raises: ValueError where what a round reads follows no rule.
    """

    def __init__(self, own: list[Statement], parts: list[Any], period: int, names: Names) -> None:
        self.names, self.own, self.period, self.rounds = names, own, period, len(own) // period
        self.made = {s.target: divmod(i, period) for i, s in enumerate(own) if s.target is not None}
        self.templates = [template for template, _ in parts[:period]]
        self.rows = [list(zip(*[slots for _, slots in parts[j::period]], strict=True)) for j in range(period)]
        self.first: dict[int, str] = {}
        self.slots = [[self.slot(column) for column in self.rows[j]] for j in range(period)]

    def slot(self, column: tuple[str, ...]) -> tuple[str, Any]:
        """What stands at one place, round by round: "same" name, "own" or "carried" statement, "given" names."""
        if all(name == column[0] for name in column) and column[0] not in self.made:
            return "same", column[0]
        places = [self.made.get(name) for name in column]
        if all(place == (k, places[0][1]) for k, place in enumerate(places)) if places[0] is not None else False:
            return "own", places[0][1]  # type: ignore[index]
        second = places[1]
        if second is not None and places[0] is None:
            if any(place != (k, second[1]) for k, place in enumerate(places[1:])):
                raise ValueError("a value of several rounds before is read")
            if self.first.setdefault(second[1], column[0]) != column[0]:
                raise ValueError("the first round reads two values where the others read one")
            return "carried", second[1]
        if any(place is not None for place in places):
            raise ValueError("a value of another round is read")
        return "given", column

    # ------------------------------------------------------------ text

    def name(self, used: dict[str, int]) -> None:
        """Give names to what the loop makes; used: how often each variable is read in the whole function."""
        names, period, inside = self.names, self.period, self.uses()
        self.called = [names.new(s.target) if s.target is not None else "" for s in self.own[:period]]
        self.taken_over = self.first_values(used, inside)
        for j, name in self.taken_over.items():
            if name in names.renamed or plain(name) == name:
                self.called[j] = names.now(name)
            names.renamed[name] = self.called[j]
        called = self.called
        self.lists = {
            j: names.new(f"all_{called[j]}") for j in range(period) if called[j] and self.wanted(j, used, inside)
        }
        self.inside = inside
        for j in range(period):
            if called[j] and j not in self.lists:
                names.renamed[str(self.own[-period + j].target)] = called[j]

    def written(self) -> list[str]:
        """The loop and what goes before and after it."""
        names, called, lists = self.names, self.called, self.lists
        given = {what: "" for row in self.slots for how, what in row if how == "given"}
        for column in given:
            given[column] = names.new("n" if column[0][0].isdigit() else column[0])
        # What is read again when the round has its own already.
        early = {j for i, row in enumerate(self.slots) for how, j in row if how == "carried" and j < i}
        before = {j: names.new(called[j] + "_before") for j in sorted(early)}
        lines = [f"{called[j]} = {names.now(name)}" for j, name in self.first.items() if j not in self.taken_over]
        lines += [f"{held} = []" for held in lists.values()]
        lines += self.head(given)
        lines += [f"    {before[j]} = {called[j]}" for j in before]
        for j, template in enumerate(self.templates):
            words = []
            for how, what in self.slots[j]:
                word = names.now(what) if how == "same" else given[what] if how == "given" else called[what]
                words.append(before[what] if how == "carried" and what in early and what < j else word)
            text = filled(words, template)
            if j in lists and not self.inside.get(self.own[j].target or "", 0):
                lines.append(f"    {lists[j]}.append({text})")
                continue
            lines.append("    " + (f"{called[j]} = {text}" if called[j] else text))
            if j in lists:
                lines.append(f"    {lists[j]}.append({called[j]})")
        for j, held in lists.items():
            lines += wrapped("", [names.now(str(s.target)) for s in self.own[j :: self.period]], f" = {held}", ("", ""))
        return lines

    def uses(self) -> dict[str, int]:
        """How often the loop's own statements read each variable."""
        found: dict[str, int] = {}
        for row in self.rows:
            for column in row:
                for name in column:
                    found[name] = found.get(name, 0) + 1
        return found

    def first_values(self, used: dict[str, int], inside: dict[str, int]) -> dict[int, str]:
        """Statement -> the variable of its first value, where nothing else reads that: the loop goes on with it."""
        kept = {what for row in self.slots for how, what in row if how == "same"}
        kept |= {name for row in self.slots for how, what in row if how == "given" for name in what}
        first = list(self.first.values())
        return {
            j: name for j, name in self.first.items()
            if name in self.names.made and used[name] == inside[name] and name not in kept and first.count(name) == 1
        }  # fmt: skip

    def wanted(self, j: int, used: dict[str, int], inside: dict[str, int]) -> bool:
        """Whether what statement j gave in a round that is not the last is read outside."""
        targets = [str(s.target) for s in self.own[j :: self.period]]
        return any(used.get(name, 0) > inside.get(name, 0) for name in targets[:-1])

    def head(self, given: dict[Any, str]) -> list[str]:
        """The line of the `for`, and whose lines of the program its body is."""
        notes = dict.fromkeys(s.comment for s in self.own[: 2 * self.period])
        lines = [f"# {note}" for note in list(notes)[:_COMMENTS]] + ["# ..."] * (len(notes) > _COMMENTS)
        if not given:
            return [*lines, f"for _ in range({self.rounds}):"]
        columns = []
        for column in given:
            steps = stepped(column)
            columns.append([steps] if steps else [self.names.now(name) for name in column])
        if len(columns) == 1:
            (column,) = columns
            start = f"for {next(iter(given.values()))} in "
            return [*lines, f"{start}{column[0]}:"] if len(column) == 1 else lines + wrapped(start, column, ":", "()")
        inner = []
        for column in columns:
            inner += [f"{column[0]},"] if len(column) == 1 else wrapped("", column, ",", "()")
        start = f"for {', '.join(given.values())} in zip("
        short = start + " ".join(inner).rstrip(",") + "):"
        if len(inner) == len(columns) and len(short) <= _WIDTH - 4:
            return [*lines, short]
        return [*lines, start, *[f"    {line}" for line in inner], "):"]


def stepped(column: tuple[str, ...]) -> str:
    """Whole numbers with equal steps as a range; "" for anything else."""
    if not all(word.isdigit() for word in column):
        return ""
    numbers = [int(word) for word in column]
    step = numbers[1] - numbers[0]
    if not step or any(b - a != step for a, b in zip(numbers, numbers[1:], strict=False)):
        return ""
    return f"range({numbers[0]}, {numbers[-1] + (1 if step > 0 else -1)}{'' if step == 1 else f', {step}'})"


def wrapped(start: str, items: list[str], end: str, brackets: Any) -> list[str]:
    """A list in brackets: on one line if it fits, on several filled ones if not."""
    whole = f"{start}{brackets[0]}{', '.join(items)}{brackets[1]}{end}"
    if len(whole) <= _WIDTH:
        return [whole]
    brackets = brackets if brackets[0] else "()"
    lines, row = [start + brackets[0]], "   "
    for item in items:
        if len(row) + len(item) + 2 > _WIDTH:
            lines.append(row)
            row = "   "
        row += f" {item},"
    return [*lines, row, brackets[1] + end]


# ---------------------------------------------------------------- where loops are


def lines_of(statements: list[Statement], names: Names, ends: Iterable[str]) -> tuple[list[str], int]:
    """The statements as lines, with loops; ends: variables read after them.  Also how many statements loops saved."""
    used: dict[str, int] = {name: 1 for name in ends}
    keys: dict[Any, int] = {}
    parts = [names.parts(statement.text) for statement in statements]
    row = []
    for statement, (template, slots) in zip(statements, parts, strict=True):
        row.append(keys.setdefault((statement.target is None, template), len(keys)))
        for name in slots:
            used[name] = used.get(name, 0) + 1
    numbers = np.array(row, np.int64)
    waiting, loops = [(0, len(row))], {}
    while waiting:
        low, high = waiting.pop()
        found = first_loop(statements[low:high], parts[low:high], numbers[low:high], names)
        if found is not None:
            start, loop = low + found[0], found[1]
            loops[start] = loop
            waiting += [(low, start), (start + len(loop.own), high)]
    for start in sorted(loops):
        loops[start].name(used)
    return plain_and_loops(statements, loops, names), sum(len(o.own) - o.period for o in loops.values())


def plain_and_loops(statements: list[Statement], loops: dict[int, Loop], names: Names) -> list[str]:
    """The text, from top to bottom."""
    lines: list[str] = []
    i, last = 0, ""
    while i < len(statements):
        if i in loops:
            lines += loops[i].written()
            i, last = i + len(loops[i].own), ""
            continue
        statement = statements[i]
        if statement.comment != last:
            lines.append(f"# {statement.comment}")
            last = statement.comment
        lines.append(names.now(statement.line()))
        i += 1
    return lines


def first_loop(statements: list[Statement], parts: list[Any], numbers: Any, names: Names) -> tuple[int, Loop] | None:
    """The loop that saves most, and where it starts."""
    tries = 0
    for saved, period, first, starts in sorted(candidates(numbers), key=lambda c: (-c[0], c[1])):
        for start in range(first, first + starts):
            stop = start + saved + period
            try:
                return start, Loop(statements[start:stop], parts[start:stop], period, names)
            except ValueError:
                tries += 1
        if tries >= _TRIES:
            break
    return None


def candidates(numbers: Any) -> Iterator[tuple[int, int, int, int]]:
    """(statements saved, period, first start, number of starts) of every stretch that repeats, with as many rounds as
    there are and with one fewer.
    """
    for period in range(1, min(len(numbers) // _ROUNDS, _PERIOD) + 1):
        equal = np.concatenate([[False], numbers[period:] == numbers[:-period], [False]])
        edges = np.flatnonzero(equal[1:] != equal[:-1])
        for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            length = stop - start + period
            for rounds in (length // period, length // period - 1):
                if rounds >= _ROUNDS and period * (rounds - 1) >= _SAVED:
                    yield period * (rounds - 1), period, start, min(length - rounds * period, period) + 1
