"""Two tapes as one: what both have, what only one has, and what changed.

Source: E. W. Myers, "An O(ND) difference algorithm and its variations", 1986.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.tools.view_tape import Shown, Tape

SAME, REMOVED, ADDED, CHANGED = 0, 1, 2, 3

EXACT, STRETCH = 2000, 200
"""Sequences of more nodes together than the first are compared in stretches of so many insertions and deletions."""


class Difference:
    """Both tapes in one: `tape`, the state of each of its nodes, and for changed ones what changed, as lines of text.

    rewired: of nodes that read other nodes than before, the state of each input.
    """

    def __init__(self, before: Tape, after: Tape) -> None:
        self.tape = Tape()
        self.states: list[int] = []
        self.remarks: dict[int, str] = {}
        self.rewired: dict[int, list[int]] = {}
        self.places: tuple[dict[int, int], dict[int, int]] = ({}, {})
        pairs = merged(before, after)
        for index, pair in enumerate(pairs):
            for places, own in zip(self.places, pair):
                if own is not None:
                    places[own] = index
        lines: dict[Any, int] = {}
        for index, (a, b) in enumerate(pairs):
            tape, own, side = (before, a, 0) if b is None else (after, b, 1)
            self.enter(tape, tape.nodes[own], self.places[side], lines)  # type: ignore[index]
            self.states.append(ADDED if a is None else REMOVED if b is None else SAME)
            if a is not None and b is not None:
                self.judge(index, before, after, a, b)

    def enter(self, tape: Tape, node: Shown, places: dict[int, int], lines: dict[Any, int]) -> None:
        """Copy a node, with its inputs and line as the merged tape counts them."""
        copy = Shown(node.name, node.leaf, node.sequence)
        for slot in ("form", "attributes", "saved", "size", "marks", "value", "norm", "linear", "shape"):
            setattr(copy, slot, getattr(node, slot))
        copy.inputs = [places[source] for source in node.inputs]
        if node.line >= 0:
            line = tape.lines[node.line]
            if line not in lines:
                lines[line] = len(self.tape.lines)
                self.tape.lines.append(line)
            copy.line = lines[line]
        self.tape.nodes.append(copy)

    def judge(self, index: int, before: Tape, after: Tape, a: int, b: int) -> None:
        """Compare two nodes that stand for each other."""
        old, new = before.nodes[a], after.nodes[b]
        remarks = [
            f"{what}: {x or 'none'}  →  {y or 'none'}"
            for what, x, y in (
                ("name", old.name, new.name),
                ("output", old.form, new.form),
                ("attributes", old.attributes.replace("\n", ", "), new.attributes.replace("\n", ", ")),
            )
            if x != y
        ]
        sources = [[places[source] for source in node.inputs] for node, places in zip((old, new), self.places)]
        if sources[0] != sources[1]:
            remarks.append("inputs: other nodes")
            copy = self.tape.nodes[index]
            gone = [source for source in sources[0] if source not in sources[1]]
            copy.inputs = [*sources[1], *gone]
            self.rewired[index] = [SAME if source in sources[0] else ADDED for source in sources[1]]
            self.rewired[index] += [REMOVED] * len(gone)
        remark = value_remark(old.value, new.value)
        if remark:
            remarks.append(remark)
        if remarks:
            self.states[index] = CHANGED
            self.remarks[index] = "\n".join(remarks)


def value_remark(x: Any, y: Any) -> str:
    """How two values of one node differ, "" for not at all or for values that are not known."""
    if x.__class__ is not np.ndarray or y.__class__ is not np.ndarray or x.shape != y.shape or x.dtype != y.dtype:
        return ""
    if x is y or x.tobytes() == y.tobytes():
        return ""
    if x.dtype.kind not in "fiub":
        return "value: differs"
    with np.errstate(all="ignore"):
        apart = np.abs(x.astype(np.float64) - y.astype(np.float64))
    count = int(np.count_nonzero(~(apart == 0)))
    largest = f", by at most {np.nanmax(apart):.3g}" if not np.isnan(apart).all() else ""
    return f"value: {count} of {x.size} elements differ{largest}"


def merged(before: Tape, after: Tape) -> list[tuple[int | None, int | None]]:
    """Pairs of nodes that stand for each other, in an order that keeps that of both tapes; None for a missing one."""
    out: list[tuple[int | None, int | None]] = []
    for leaf in (True, False):
        rows = [[i for i, node in enumerate(tape.nodes) if node.leaf is leaf] for tape in (before, after)]
        words = [
            [tape.nodes[i].name if leaf else (tape.nodes[i].name, function_of(tape, i)) for i in row]
            for tape, row in zip((before, after), rows)
        ]
        for a, b in aligned(*words):
            out.append((None if a is None else rows[0][a], None if b is None else rows[1][b]))
    return out


def function_of(tape: Tape, index: int) -> str:
    """The function of the program that a node belongs to."""
    line = tape.nodes[index].line
    return tape.lines[line][2] if line >= 0 else ""


def aligned(a: Sequence[Any], b: Sequence[Any]) -> list[tuple[int | None, int | None]]:
    """Pairs of equal places of two sequences and single places of either, with as few single ones as can be."""
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    head: list[tuple[int | None, int | None]] = [(i, i) for i in range(start)]
    middle = shortest_edit(a[start : len(a) - end], b[start : len(b) - end])
    head += [(None if i is None else i + start, None if j is None else j + start) for i, j in middle]
    return head + [(len(a) - i, len(b) - i) for i in range(end, 0, -1)]


def shortest_edit(a: Sequence[Any], b: Sequence[Any]) -> list[tuple[int | None, int | None]]:
    """The same by Myers' search along the diagonals of the edit graph, for long sequences stretch by stretch."""
    limit = len(a) + len(b) if len(a) + len(b) <= EXACT else STRETCH
    out: list[tuple[int | None, int | None]] = []
    x = y = 0
    while x < len(a) or y < len(b):
        history, ahead, below = searched(a, b, x, y, limit)
        for i, j in walked_back(history, ahead, below):
            out.append((None if i is None else i + x, None if j is None else j + y))
        x, y = x + ahead, y + below
    return out


def searched(a: Sequence[Any], b: Sequence[Any], x0: int, y0: int, limit: int) -> tuple[list[dict[int, int]], int, int]:
    """The search from (x0, y0) to the end, or to the furthest place within `limit` insertions and deletions.

    Gives the furthest places on each diagonal before each edit, and the place reached, counted from (x0, y0).
    """
    n, m = len(a) - x0, len(b) - y0
    furthest = {1: 0}
    history: list[dict[int, int]] = []
    for edits in range(limit + 1):
        history.append(dict(furthest))
        best = (-1, 0)
        for k in range(-edits, edits + 1, 2):
            down = k == -edits or (k != edits and furthest.get(k - 1, -1) < furthest.get(k + 1, -1))
            x = furthest[k + 1] if down else furthest[k - 1] + 1
            while x < n and x - k < m and a[x0 + x] == b[y0 + x - k]:
                x += 1
            furthest[k] = x
            if x >= n and x - k >= m:
                return history, n, m
            if x <= n and x - k <= m:
                best = max(best, (2 * x - k, x))
    reached, x = best
    return history, x, reached - x


def walked_back(history: list[dict[int, int]], x: int, y: int) -> list[tuple[int | None, int | None]]:
    """The path that a search found, from its end."""
    out: list[tuple[int | None, int | None]] = []
    for edits in range(len(history) - 1, -1, -1):
        furthest, k = history[edits], x - y
        down = k == -edits or (k != edits and furthest.get(k - 1, -1) < furthest.get(k + 1, -1))
        came = k + 1 if down else k - 1
        before = furthest.get(came, 0)
        while x > max(before, 0) and y > max(before - came, 0):
            x, y = x - 1, y - 1
            out.append((x, y))
        if edits:
            out.append((None, y - 1) if down else (x - 1, None))
            x, y = (x, y - 1) if down else (x - 1, y)
    return out[::-1]
