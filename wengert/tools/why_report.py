"""Why a gradient is None, zero or not finite, or a result has no history: the line that cut it, and what to do."""

from __future__ import annotations

import linecache
import os
from typing import Any

import numpy as np

from wengert.core.base.errors import ArgumentError, GraphError
from wengert.core.tape import backward
from wengert.core.tape.core import AccumulateGrad, TensorBase, line_of, node_name
from wengert.tools.why_history import CUTS, HISTORY, Entry, Rule, current_history, history, state

FINE, NOT_LEAF, NO_BACKWARD, UNUSED, FROZEN, CLEARED, HOOK, ZERO, NAN, UNKNOWN = (
    "fine", "not a leaf", "no backward", "unused", "frozen", "cleared", "hook", "zero", "not finite", "unknown",
)  # fmt: skip
NO_GRAD, INTEGER, CONSTANT, MARKED, LEFT = "no_grad", "integer", "not differentiable", "marked", "left the tape"


class Explanation:
    """What is the matter with a gradient.

    kind: one of "detach()", ".data", "no_grad", "integer", "not differentiable", "left the tape", "unused", "frozen",
    "not a leaf", "no backward", "cleared", "hook", "zero", "not finite", "fine", "unknown".  operation: what did it.
    file, line: where.  ancestor, ancestor_line: the nearest operation before it that still had a history.
    text, advice: the same in words.
    """

    def __init__(
        self, kind: str, text: str, advice: str = "", operation: str = "", place: Any = None, ancestor: Any = None
    ) -> None:
        self.kind, self.text, self.advice, self.operation = kind, text, advice, operation
        found = place if place is None or isinstance(place[0], str) else line_of(*place)
        self.file: str | None = None if found is None else found[0]
        self.line: int | None = None if found is None else found[1]
        self.ancestor = None if ancestor is None else (ancestor.operation or "a leaf")
        self.ancestor_line = None if ancestor is None else ancestor.line

    @property
    def source(self) -> str:
        """The line itself."""
        return "" if self.file is None or self.line is None else linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        parts = [self.text]
        if self.file is not None:
            parts.append(f'  File "{self.file}", line {self.line}' + (f"\n    {self.source}" if self.source else ""))
        if self.ancestor is not None:
            where = ""
            if self.ancestor_line is not None:
                where = f" at {os.path.basename(self.ancestor_line[0])}:{self.ancestor_line[1]}"
            parts.append(f"The history reaches to {self.ancestor}{where}.")
        if self.advice:
            parts.append(self.advice)
        return "\n".join(parts)

    __repr__ = __str__


def why(x: Any, of: Any = None) -> Explanation:
    """Why `x.grad` is None, zero or not finite, or why x has no history: printable, with the line that did it.

    of: the result whose backward was meant to reach x; without it, what backward was run on.  Inside of `history()`
    (or after such a block) lines of `detach()`, `no_grad` and the like are known; without one, only what tensors and
    tape still show.

    Raises: ArgumentError for what is no tensor.
    """
    if not isinstance(x, TensorBase):
        raise ArgumentError(f"why(): argument 'x' must be Tensor, not {type(x).__name__}")
    if not x._flags & 1:
        return why_no_history(x)
    if x._node.__class__ is not AccumulateGrad and not x.retains_grad:  # type: ignore[attr-defined]
        return Explanation(
            NOT_LEAF,
            f"x is no leaf: {node_name(x._node)} made it, and gradients are kept for leaves only.",
            "Call x.retain_grad() before backward, or ask for the gradient by torch.autograd.grad.",
            node_name(x._node),
            None if x._node._code is None else (x._node._code, x._node._lasti),
        )
    grad = x.grad  # type: ignore[attr-defined]
    if grad is None:
        return why_none(x, of)
    now = state(grad)
    if now == "zero":
        return why_zero(x)
    if now == "nan":
        return why_not_finite(x)
    return Explanation(FINE, "x has a gradient, finite and not all zero.")


# ---------------------------------------------------------------- no history


def why_no_history(x: Any) -> Explanation:
    """Of a tensor that does not require grad."""
    block = current_history()
    entry = None if block is None else known(block, x)
    if entry is None:
        return Explanation(
            UNKNOWN,
            "x does not require grad, and how it was made was not noted.",
            "Run the program inside of `with wengert.tools.history():` and ask again.",
        )
    found = cut_before(entry)
    if found is not None:
        return cut_text(*found)
    left = last_exit(block, entry.order)
    if left is not None:
        return left
    return Explanation(
        FROZEN,
        "x does not require grad: nothing that it was computed from does.",
        "Call requires_grad_() on what gradients are wanted for, before it is used.",
        *first_step(entry),
    )


def first_step(entry: Entry) -> tuple[str, Any]:
    """The earliest known operation on the way to a tensor."""
    seen, waiting, first = {id(entry)}, [entry], entry
    while waiting:
        now = waiting.pop()
        if now.place is not None and (first.place is None or now.order < first.order):
            first = now
        for parent in now.parents:
            if id(parent) not in seen:
                seen.add(id(parent))
                waiting.append(parent)
    return first.operation, first.place


def known(block: Any, x: Any) -> Entry | None:
    """What a block noted of a tensor."""
    found = block.entries.get(id(x))
    if found is not None and found[0]() is x:
        return found[1]
    return block.leaves.get(x._node._seq) if x._flags & 1 and x._node.__class__ is AccumulateGrad else None


def cut_before(entry: Entry) -> tuple[Entry, Entry] | None:
    """The last step before `entry` whose operand had a history and whose result had none: (operand, result)."""
    seen, waiting, best = {id(entry)}, [entry], None
    while waiting:
        now = waiting.pop()
        for parent in now.parents:
            if parent.live and not now.live and (best is None or now.order > best[1].order):
                best = (parent, now)
            elif not parent.live and id(parent) not in seen:
                seen.add(id(parent))
                waiting.append(parent)
    return best


def cut_text(before: Entry, after: Entry) -> Explanation:
    """In words, how a step cut the history."""
    name = after.operation
    if name in CUTS.values():
        advice = f"Leave {name} out, or use its result only where no gradient is wanted."
        return Explanation(name, f"{name} cut the history of x.", advice, name, after.place, before)
    if not after.grad:
        text = f"{name} ran with recording off (no_grad or inference_mode), so its result has no history."
        return Explanation(NO_GRAD, text, "Move it out of the block.", name, after.place, before)
    if not after.floating:
        text = f"{name} gave {after.dtype} values, and only floating and complex tensors have gradients."
        return Explanation(INTEGER, text, "Keep what needs gradients floating.", name, after.place, before)
    text = f"{name} is not differentiable, so its result has no history."
    return Explanation(CONSTANT, text, "Use a differentiable operation in its place.", name, after.place, before)


def last_exit(block: Any, order: int) -> Explanation | None:
    """The last conversion to numbers or arrays, before a moment, of a tensor with history."""
    found = [
        (when, how, place, entry)
        for _, entry in all_entries(block)
        for how, place, when in entry.exits
        if when < order and (entry.live or cut_before(entry) is not None)
    ]
    if not found:
        return None
    _, how, place, entry = max(found, key=lambda row: row[0])
    if not entry.live:
        cut = cut_before(entry)
        if cut is not None:
            return cut_text(*cut)
    return Explanation(
        LEFT,
        f"{how} turned a tensor with history into plain values, and what is made of those has none.",
        "Compute with the tensor itself; numbers and arrays are not followed.",
        how, place, entry,
    )  # fmt: skip


def all_entries(block: Any) -> list[tuple[int, Entry]]:
    """Every entry that can be reached from those of tensors."""
    seen: dict[int, Entry] = {}
    waiting = [entry for _, entry in block.entries.values()]
    while waiting:
        entry = waiting.pop()
        if id(entry) not in seen:
            seen[id(entry)] = entry
            waiting.extend(entry.parents)
            waiting.extend(entry.children)
    return list(seen.items())


# ---------------------------------------------------------------- no gradient


def why_none(x: Any, of: Any) -> Explanation:
    """Of a tensor whose `.grad` is None."""
    block = current_history()
    if of is not None and isinstance(of, TensorBase) and of._flags & 1 and leads_to(of._node, x._node):
        return Explanation(NO_BACKWARD, "The result depends on x, and no backward has reached it.",
                           "Call backward() on the result.")  # fmt: skip
    entry = None if block is None else known(block, x)
    if block is None or entry is None:
        if block is not None or of is not None:
            return Explanation(UNUSED, "x was not used in what backward was called on.", "Use x, or leave it out.")
        return Explanation(
            UNKNOWN,
            "No backward has brought x a gradient, and what became of x was not noted.",
            "Run the program inside of `with wengert.tools.history():` and ask again.",
        )
    if any(rule.leaf and rule.seq == x._node._seq for rule in block.rules):
        return Explanation(CLEARED, "A backward brought x a gradient, and it was set to None since (zero_grad does).",
                           "Read the gradient before it is cleared.")  # fmt: skip
    target = known(block, of) if isinstance(of, TensorBase) else None
    cut = cut_after(entry, target)
    if cut is not None:
        return cut
    if not block.rules and target is None:
        return Explanation(NO_BACKWARD, "No backward was run.", "Call backward() on the result.")
    uses = entry.children
    if not uses:
        return Explanation(UNUSED, "x was not used.", "Use x in the computation, or leave it out.")
    last = uses[-1]
    return Explanation(
        UNUSED, f"x was used last by {last.operation}, and backward was called on nothing that depends on it.",
        "Call backward on a result that depends on x.", last.operation, last.place, entry,
    )  # fmt: skip


def leads_to(root: Any, end: Any) -> bool:
    """Whether a path of the graph leads from one node to another."""
    seen, waiting = {root}, [root]
    while waiting:
        node = waiting.pop()
        if node is end:
            return True
        for target in node._inputs:
            if target is not None and target not in seen:
                seen.add(target)
                waiting.append(target)
    return False


def cut_after(entry: Entry, target: Entry | None) -> Explanation | None:
    """What cut the history between a leaf and `target` (or at all)."""
    below = None if target is None else behind(target)
    seen, waiting = {id(entry)}, [entry]
    cuts: list[tuple[int, Explanation]] = []
    while waiting:
        now = waiting.pop()
        if below is None or not now.children:
            for how, place, when in now.exits:
                text = f"{how} turned a tensor that depends on x into plain values, and what is made of those has none."
                advice = "Compute with the tensor itself; numbers and arrays are not followed."
                cuts.append((when, Explanation(LEFT, text, advice, how, place, now)))
        for child in now.children:
            if below is not None and id(child) not in below:
                continue
            if now.live and not child.live:
                cuts.append((child.order, cut_text(now, child)))
            elif id(child) not in seen:
                seen.add(id(child))
                waiting.append(child)
    return max(cuts, key=lambda row: row[0])[1] if cuts else None


def behind(entry: Entry) -> set[int]:
    """All entries that one was computed from, and itself."""
    seen, waiting = {id(entry)}, [entry]
    while waiting:
        for parent in waiting.pop().parents:
            if id(parent) not in seen:
                seen.add(id(parent))
                waiting.append(parent)
    return seen


# ---------------------------------------------------------------- zero and not finite


def rules_towards(x: Any) -> list[Rule] | None:
    """The rules through which the last backward came to x, from x upwards; None where none was noted."""
    block = current_history()
    if block is None or not block.rules:
        return None
    wanted, found, number = {x._node._seq}, [], None
    for rule in reversed(block.rules):
        if number is not None and rule.sweep != number:
            break
        if rule.seq in wanted or wanted & rule.sent.keys():
            wanted.add(rule.seq)
            found.append(rule)
            number = rule.sweep
    return found


def why_zero(x: Any) -> Explanation:
    """Of a gradient that is zero everywhere."""
    rules = rules_towards(x)
    if not rules:
        return Explanation(
            UNKNOWN,
            "The gradient of x is zero, and the rules that gave it were not noted.",
            "Run the program and its backward inside of `with wengert.tools.history():` and ask again.",
        )
    sent: dict[int, list[tuple[Rule, str]]] = {}
    for rule in rules:
        for target, how in rule.sent.items():
            sent.setdefault(target, []).append((rule, how))
    towards = {x._node._seq}
    for rule in rules:
        towards.add(rule.seq)
    for rule in rules:
        arrivals = [how for _, how in sent.get(rule.seq, [])]
        if rule.hooked and rule.arrived == "zero" and any(how not in ("zero", "none") for how in arrivals):
            return hook_text(rule)
    guilty = [
        rule for rule in rules
        if rule.arrived != "zero" and any(t in towards and how in ("zero", "none") for t, how in rule.sent.items())
    ]  # fmt: skip
    if not guilty:
        if any(how not in ("zero", "none") for _, how in sent.get(x._node._seq, [])):
            return hook_text(rules[0])
        first = rules[-1]
        return Explanation(ZERO, f"The gradient that {first.name} was given was zero already.",
                           "Look at what backward was called with.", first.name, first.place)  # fmt: skip
    rule = guilty[0]
    at = "".join(f" (operand from {low:.4g} to {high:.4g})" for low, high in rule.operands[:1])
    return Explanation(
        ZERO, f"{rule.name} made the gradient zero: its derivative is 0 at every element here{at}.",
        "Look at the values that it was given; everything before it gets no gradient.", rule.name, rule.place,
    )  # fmt: skip


def hook_text(rule: Rule) -> Explanation:
    """A hook made the gradient zero."""
    text = f"A hook made the gradient at {rule.name} zero."
    return Explanation(HOOK, text, "Look at what the hook returns.", rule.name, rule.place)


def why_not_finite(x: Any) -> Explanation:
    """Of a gradient with NaN or infinite elements."""
    grad = np.asarray(x.grad._array)
    count = int((~np.isfinite(grad)).sum())
    rules = rules_towards(x)
    for rule in reversed(rules or ()):
        if rule.arrived != "nan" and "nan" in rule.sent.values():
            at = "".join(f" (operand from {low:.4g} to {high:.4g})" for low, high in rule.operands[:1])
            return Explanation(
                NAN, f"{count} of {grad.size} elements are not finite: {rule.name} brought them in{at}.",
                "Look at the values that it was given.", rule.name, rule.place,
            )  # fmt: skip
    if rules and rules[-1].arrived == "nan":
        text = f"{count} of {grad.size} elements are not finite: so was the gradient that backward began with."
        return Explanation(NAN, text, "Look at the loss: `wengert.tools.blame(loss)`.", rules[-1].name, rules[-1].place)
    return Explanation(
        NAN, f"{count} of {grad.size} elements of the gradient of x are not finite.",
        "`wengert.tools.blame(loss)` names the operation, or ask again inside of `with wengert.tools.history():`.",
    )  # fmt: skip


# ---------------------------------------------------------------- in the texts of errors

_place, _checked = backward.why_none, backward.checked


def told_place(x: Any) -> str:
    """What the error of a result without history adds; in a block of `history`, what cut it."""
    told = _place(x)
    return told if HISTORY.get() is None else f"{told}\n{why(x)}"


def told_unused(i: int, x: Any, g: Any, allow_unused: bool | None, materialize: bool, create: bool = False) -> Any:
    """The gradient of an input that may not have been reached; in a block, the error says what cut it."""
    try:
        return _checked(i, x, g, allow_unused, materialize, create)
    except GraphError as error:
        if HISTORY.get() is None:
            raise
        raise GraphError(f"{error}\n{why_none(x, None)}") from None


backward.why_none, backward.checked = told_place, told_unused

__all__ = ["Explanation", "history", "why"]
