"""What is said of two values that should be close and are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import wengert as torch

Identifier = str | Callable[[str], str] | None
"""What the compared values are called: a name, a function of the usual name, or None for the usual one."""


def named(usual: str, identifier: Identifier) -> str:
    """The name under which the values appear."""
    if identifier is None:
        return usual
    return identifier(usual) if callable(identifier) else identifier


def difference_line(kind: str, value: Any, place: Any, allowed: float, exact: bool) -> str:
    """One line: how large the absolute or relative difference is, where, and what was allowed."""
    head = f"{kind.title()} difference: {value}" if place is None else f"Greatest {kind} difference: {value}"
    where = "" if place is None else f" at index {place}"
    return head + where + ("" if exact else f" (up to {allowed} allowed)")


def mismatch_message(
    usual: str, identifier: Identifier, fact: str, absolute: tuple[Any, Any], relative: tuple[Any, Any], rtol: float,
    atol: float,
) -> str:  # fmt: skip
    """The whole text; `absolute` and `relative` are (difference, place)."""
    exact = rtol == 0 and atol == 0
    lines = [
        f"{named(usual, identifier)} are not {'equal' if exact else 'close'}!\n",
        fact,
        difference_line("absolute", *absolute, atol, exact),
        difference_line("relative", *relative, rtol, exact),
    ]
    return "\n".join(lines)


def make_scalar_mismatch_msg(
    actual: Any, expected: Any, *, rtol: float, atol: float, identifier: Identifier = None
) -> str:
    """The text for two numbers."""
    absolute = abs(actual - expected)
    relative = float("inf") if expected == 0 else absolute / abs(expected)
    fact = f"Expected {expected} but got {actual}."
    return mismatch_message("Scalars", identifier, fact, (absolute, None), (relative, None), rtol, atol)


def make_tensor_mismatch_msg(
    actual: Any, expected: Any, matches: Any, *, rtol: float, atol: float, identifier: Identifier = None
) -> str:
    """The text for two tensors of one shape and dtype; `matches` is true where they are close."""
    count = matches.numel()
    wrong = count - int(matches.sum())
    fact = f"Mismatched elements: {wrong} / {count} ({wrong / count:.1%})"
    if actual.dtype.is_floating_point and actual.dtype.itemsize == 1:
        first = tuple((~matches).nonzero()[0].tolist())
        name = named("Tensor-likes", identifier)
        return f"{name} are not 'equal'!\n\n{fact}\nThe first mismatched element is at index {first}."
    a, b = actual.detach().flatten(), expected.detach().flatten()
    if not (a.dtype.is_floating_point or a.dtype.is_complex):
        a, b = a.to(torch.int64), b.to(torch.int64)
    close = matches.flatten()
    absolute = (a - b).abs()
    absolute[close] = 0
    relative = absolute / b.abs()
    relative[close] = 0
    found = [greatest(values, matches.shape) for values in (absolute, relative)]
    return mismatch_message("Tensor-likes", identifier, fact, found[0], found[1], rtol, atol)


def greatest(values: Any, shape: Any) -> tuple[Any, tuple[int, ...]]:
    """The greatest of flat values, and its index in `shape`."""
    value, flat = values.max(0)
    place, rest = [], int(flat)
    for size in reversed(tuple(shape)):
        rest, index = divmod(rest, size)
        place.append(index)
    return value.item(), tuple(reversed(place))


__all__ = ["make_scalar_mismatch_msg", "make_tensor_mismatch_msg"]
