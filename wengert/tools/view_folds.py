"""Ways to fold a tape: nodes in groups in groups, by loops as they ran, by functions and lines, or by modules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from wengert.tools.view_tape import Tape

WIDEST, PIECES = 100, 40
"""A group with more members than this is cut into about so many pieces, so that opening it shows few boxes."""

LONGEST = 512
"""The longest body of a loop, in members, that is looked for."""

CANDIDATES = 3
"""How many next places of the same operation are tried as the end of a loop's body."""

MOST_LEAVES = 16
"""More leaves than this beside other members of a group get a group of their own."""

GROUP, LOOP, PASS, PIECE, LEAVES = "group", "loop", "pass", "piece", "leaves"


class Group:
    """Some nodes and groups under one label, in the order in which they ran; a member that is a number is a node."""

    __slots__ = ("label", "kind", "line", "members")

    def __init__(self, label: str, kind: str = GROUP, line: int = -1, members: Sequence[Any] = ()) -> None:
        self.label, self.kind, self.line = label, kind, line
        self.members: list[Any] = list(members)


class Fold:
    """One way to fold: parent, label, kind and line of each group (the first holds everything), group of each node."""

    def __init__(self, name: str, title: str, root: Group, tape: Tape) -> None:
        self.name, self.title = name, title
        self.parents: list[int] = []
        self.labels: list[str] = []
        self.kinds: list[str] = []
        self.lines: list[int] = []
        self.of = [0] * len(tape)
        self.enter(root, -1)
        self.place_leaves(tape)

    def enter(self, group: Group, parent: int) -> None:
        """Number a group and all that is in it, groups before their members."""
        waiting = [(group, parent)]
        while waiting:
            group, parent = waiting.pop()
            own = len(self.parents)
            self.parents.append(parent)
            self.labels.append(group.label)
            self.kinds.append(group.kind)
            self.lines.append(group.line)
            for member in narrowed(group.members):
                if member.__class__ is int:
                    self.of[member] = own
                else:
                    waiting.append((member, own))

    def place_leaves(self, tape: Tape) -> None:
        """Put every leaf into the smallest group that holds all that use it."""
        depth = [0] * len(self.parents)
        for group in range(1, len(depth)):
            depth[group] = depth[self.parents[group]] + 1
        home: dict[int, int] = {}
        for index, node in enumerate(tape.nodes):
            for source in node.inputs:
                if not tape.nodes[source].leaf:
                    continue
                a, b = self.of[index], home.get(source, self.of[index])
                while a != b:
                    if depth[a] < depth[b]:
                        b = self.parents[b]
                    else:
                        a = self.parents[a]
                home[source] = a
        crowds: dict[int, list[int]] = {}
        for leaf, group in home.items():
            self.of[leaf] = group
            crowds.setdefault(group, []).append(leaf)
        for group, leaves in crowds.items():
            if len(leaves) > MOST_LEAVES and len(leaves) < len(tape):
                self.enter(Group(f"{len(leaves)} leaves", LEAVES, -1, sorted(leaves)), group)


def narrowed(members: list[Any]) -> list[Any]:
    """The members, or where they are too many, pieces of them."""
    if len(members) <= WIDEST:
        return members
    size = max(-(-len(members) // PIECES), 10)
    pieces = []
    for start in range(0, len(members), size):
        end = min(start + size, len(members))
        pieces.append(Group(f"{start + 1} to {end} of {len(members)}", PIECE, -1, members[start:end]))
    return pieces


def folds_of(tape: Tape, paths: Sequence[str] | None = None) -> list[Fold]:
    """The ways to fold a tape, the best to begin with first; `paths` holds the module of each node, "" for none."""
    found = []
    if paths is not None and any(paths):
        found.append(Fold("module", "modules", by_module(tape, paths), tape))
    found.append(Fold("loop", "loops and lines", by_loop(tape), tape))
    found.append(Fold("function", "functions and lines", by_function(tape), tape))
    return found


def line_label(tape: Tape, line: int) -> str:
    """`model.py:12`."""
    if line < 0:
        return "no line"
    file, number, _ = tape.lines[line]
    return f"{file.replace(chr(92), '/').rpartition('/')[2]}:{number}"


def operations(tape: Tape) -> list[int]:
    """The nodes that are no leaves."""
    return [index for index, node in enumerate(tape.nodes) if not node.leaf]


# ---------------------------------------------------------------- by functions and lines


def by_function(tape: Tape) -> Group:
    """Functions of the program, in each its lines, wherever and however often they ran."""
    functions: dict[Any, Group] = {}
    lines: dict[int, Group] = {}
    for index in operations(tape):
        line = tape.nodes[index].line
        if line not in lines:
            file, _, function = tape.lines[line] if line >= 0 else ("", 0, "no line")
            name = f"{function}()" if function.isidentifier() else function.strip("<>")
            short = file.replace("\\", "/").rpartition("/")[2]
            holder = functions.setdefault((file, function), Group(f"{name}  {short}", GROUP, line))
            lines[line] = Group(line_label(tape, line), GROUP, line)
            holder.members.append(lines[line])
        lines[line].members.append(index)
    return Group("", GROUP, -1, [unwrapped(group) for group in functions.values()])


def unwrapped(group: Group) -> Group:
    """A group whose members that hold one node are that node."""
    group.members = [
        member.members[0] if member.__class__ is Group and len(member.members) == 1 else member
        for member in group.members
    ]
    return group


# ---------------------------------------------------------------- by loops


def by_loop(tape: Tape) -> Group:
    """What ran again and again as loops of passes, the rest by line, all in the order in which it ran."""
    members: list[Any] = list(operations(tape))
    words: list[Any] = [(tape.nodes[index].line, tape.nodes[index].name) for index in members]
    known: dict[Any, int] = {}
    tokens = [known.setdefault(word, len(known)) for word in words]
    lines = [tape.nodes[index].line for index in members]
    # Short bodies first: otherwise the second pass of an outer loop would hide the inner loop of its first.
    longest = 1
    while longest <= LONGEST:
        rolled = rolled_up(tokens, members, lines, known, tape, longest)
        if rolled is None:
            longest *= 2
        else:
            tokens, members, lines = rolled
    return Group("", GROUP, -1, by_line(members, lines, tape))


def rolled_up(
    tokens: list[int], members: list[Any], lines: list[int], known: dict[Any, int], tape: Tape, longest: int
) -> Any:
    """Tokens, members and lines with loops of bodies up to `longest` replaced by one group each; None without any."""
    following = next_places(tokens)
    out: tuple[list[int], list[Any], list[int]] = ([], [], [])
    start, changed = 0, False
    while start < len(tokens):
        period, passes = repetition(tokens, start, following, longest)
        if not passes:
            for column, source in zip(out, (tokens, members, lines)):
                column.append(source[start])  # type: ignore[arg-type]
            start += 1
            continue
        end = start + period * passes
        group = Group(f"loop of {passes} passes", LOOP, lines[start])
        for count, first in enumerate(range(start, end, period)):
            stretch = slice(first, first + period)
            inside = by_line(members[stretch], lines[stretch], tape) if period > 1 else members[stretch]
            group.members.append(inside[0] if period == 1 else Group(f"pass {count + 1}", PASS, lines[first], inside))
        word = ("loop", *tokens[start : start + period])
        out[0].append(known.setdefault(word, len(known)))
        out[1].append(group)
        out[2].append(lines[start])
        start, changed = end, True
    return out if changed else None


def next_places(tokens: Sequence[int]) -> list[int]:
    """For each place the next one with the same token, or the end."""
    last: dict[int, int] = {}
    found = [len(tokens)] * len(tokens)
    for place in range(len(tokens) - 1, -1, -1):
        found[place] = last.get(tokens[place], len(tokens))
        last[tokens[place]] = place
    return found


def repetition(tokens: list[int], start: int, following: list[int], longest: int) -> tuple[int, int]:
    """Length of the body and number of passes of the shortest loop that begins at `start`; (0, 0) for none."""
    place = start
    for _ in range(CANDIDATES):
        place = following[place]
        period = place - start
        if place >= len(tokens) or period > longest:
            break
        body = tokens[start:place]
        passes = 1
        while tokens[start + passes * period : start + (passes + 1) * period] == body:
            passes += 1
        if passes >= 3 and passes * period >= 6:
            return period, passes
    return 0, 0


def by_line(members: list[Any], lines: list[int], tape: Tape) -> list[Any]:
    """The members with neighbours of one line put together, where that leaves more than one group."""
    out: list[Any] = []
    start = 0
    while start < len(members):
        end = start + 1
        while end < len(members) and lines[end] == lines[start]:
            end += 1
        many = end - start > 1 and end - start < len(members)
        if many:
            out.append(Group(line_label(tape, lines[start]), GROUP, lines[start], members[start:end]))
        else:
            out.extend(members[start:end])
        start = end
    return out


# ---------------------------------------------------------------- by modules


def by_module(tape: Tape, paths: Sequence[str]) -> Group:
    """The tree of modules; what belongs to none stands beside them, by line."""
    root = Group("")
    groups: dict[str, Group] = {"": root}
    for index in operations(tape):
        path = paths[index]
        parts = path.split(".") if path else []
        for depth in range(1, len(parts) + 1):
            own = ".".join(parts[:depth])
            if own not in groups:
                groups[own] = Group(own, GROUP, tape.nodes[index].line)
                groups[".".join(parts[: depth - 1])].members.append(groups[own])
        groups[path].members.append(index)
    return root


def paths_from_parameters(tape: Tape) -> list[str]:
    """The module of each node, as the names of parameters tell it.

    What uses `net.0.weight` belongs to `net.0`; what ran between two nodes of a module belongs to that module, and what
    only rearranges elements for a module deeper inside to that one.
    """
    paths = [""] * len(tape)
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for index, node in enumerate(tape.nodes):
        named = [tape.nodes[source].name for source in node.inputs if tape.nodes[source].leaf]
        owners = [name.rpartition(".")[0] for name in named if "." in name]
        if not owners or node.leaf:
            continue
        paths[index] = owners[-1]
        parts = owners[-1].split(".")
        for depth in range(1, len(parts) + 1):
            prefix = ".".join(parts[:depth])
            first.setdefault(prefix, index)
            last[prefix] = index
    return prepared(tape, between(tape, paths, first, last))


def between(tape: Tape, paths: list[str], first: dict[str, int], last: dict[str, int]) -> list[str]:
    """Give nodes without a module the smallest one that ran around them."""
    spans = sorted(first, key=lambda path: (last[path] - first[path], -len(path)))
    narrow = [path for path in spans if last[path] > first[path]]
    taken = [""] * len(paths)
    for path in reversed(narrow):
        for index in range(first[path], last[path] + 1):
            taken[index] = path
    return [path or ("" if tape.nodes[index].leaf else taken[index]) for index, path in enumerate(paths)]


def prepared(tape: Tape, paths: list[str]) -> list[str]:
    """Give nodes that rearrange elements for one module only, a reshape before a product for one, that module."""
    users: list[set[str]] = [set() for _ in paths]
    for index in range(len(paths) - 1, -1, -1):
        node = tape.nodes[index]
        if node.linear and len(users[index]) == 1 and rearranges(tape, index):
            (inner,) = users[index]
            if inner.startswith(f"{paths[index]}." if paths[index] else ""):
                paths[index] = inner
        for source in node.inputs:
            users[source].add(paths[index])
    return paths


def rearranges(tape: Tape, index: int) -> bool:
    """Whether a linear node gives as many elements as it takes, from an operation."""
    node = tape.nodes[index]
    if len(node.inputs) != 1 or tape.nodes[node.inputs[0]].leaf:
        return False
    shapes = (node.shape, tape.nodes[node.inputs[0]].shape)
    return None not in shapes and prod(shapes[0]) == prod(shapes[1])  # type: ignore[arg-type]


def watched(modules: Any, number: Callable[[], Any], run: Callable[[], Any]) -> tuple[Any, list[tuple[int, int, str]]]:
    """What `run()` gives, and for every call of a module in it the numbers before and after, and its name.

    modules: (name, module) pairs.  number: the next place on the tape.
    """
    spans: list[tuple[int, int, str]] = []
    handles = []
    for name, module in modules:
        begun: list[int] = []

        def enter(_: Any, __: Any, begun: list[int] = begun) -> None:
            begun.append(number())

        def leave(_: Any, __: Any, ___: Any, begun: list[int] = begun, name: str = name) -> None:
            spans.append((begun.pop(), number(), name))

        handles += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    try:
        return run(), spans
    finally:
        for handle in handles:
            handle.remove()


def paths_from_calls(tape: Tape, spans: Sequence[tuple[int, int, str]]) -> list[str]:
    """The module of each node: the innermost call during which it was recorded."""
    paths = [""] * len(tape)
    waiting = sorted(spans, key=lambda span: (span[0], -span[1]), reverse=True)
    open_calls: list[tuple[int, int, str]] = []
    for index in sorted(operations(tape), key=lambda index: tape.nodes[index].sequence):
        sequence = tape.nodes[index].sequence
        while waiting and waiting[-1][0] < sequence:
            open_calls.append(waiting.pop())
        while open_calls and open_calls[-1][1] < sequence:
            open_calls.pop()
        paths[index] = open_calls[-1][2] if open_calls else ""
    return paths
