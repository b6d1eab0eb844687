"""Anomaly detection: each node keeps the lines that led to it, each rule's gradients are looked at."""

from __future__ import annotations

import linecache
import sys
import warnings
from contextvars import ContextVar
from typing import Any

import numpy as np

from wengert.core.base.errors import GraphError
from wengert.core.tape.core import WATCH, TensorBase, extra_of, line_of, node_name
from wengert.core.tape.dispatch import ANOMALY

RUNNING: ContextVar[Any] = ContextVar("wengert_running_rule", default=None)
"""The node whose rule is running; nodes recorded meanwhile are its children."""

_PACKAGE = __file__[: -len("core/tape/anomaly.py")]


def note(node: Any) -> None:
    """Keep where a node was recorded, and the node whose rule recorded it."""
    extra = extra_of(node)
    frame = sys._getframe(2)
    lines = []
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_PACKAGE):
            lines.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back  # type: ignore[assignment]
    extra.traceback = tuple(reversed(lines))
    extra.parent = RUNNING.get()
    extra.metadata["traceback_"] = [traceback_text((line,)) for line in extra.traceback]
    if extra.parent is not None:
        extra.metadata["parent_"] = extra.parent


def traceback_text(lines: tuple[tuple[Any, int], ...]) -> str:
    """Kept lines in the form of a Python traceback."""
    parts = []
    for code, lasti in lines:
        found = line_of(code, lasti)
        if found is not None:
            source = linecache.getline(*found).strip()
            parts.append(
                f'  File "{found[0]}", line {found[1]}, in {code.co_name}\n' + (f"    {source}\n" if source else "")
            )
    return "".join(parts)


def report(node: Any) -> None:
    """Warn with the lines of a node, and of the nodes whose rules led to it."""
    extra = node._extra
    if extra is None or extra.traceback is None:
        warnings.warn(
            f"Error detected in {node_name(node)}. No forward pass information available. Enable detect anomaly during "
            "forward pass for more information.",
            stacklevel=2,
        )
        return
    warnings.warn(
        f"Error detected in {node_name(node)}. Traceback of forward call that caused the error:\n"
        + traceback_text(extra.traceback),
        stacklevel=2,
    )
    parent = extra.parent
    while parent is not None:
        above = parent._extra
        known = above is not None and above.traceback is not None
        warnings.warn(
            "\n\nPrevious calculation was induced by "
            + node_name(parent)
            + (
                ". Traceback of forward call that induced the previous calculation:\n" + traceback_text(above.traceback)
                if known
                else ". No forward pass information available."
            ),
            stacklevel=2,
        )
        parent = above.parent if known else None


def watched_rule(node: Any, g: Any, create: bool, mode: Any) -> Any:
    """Run a rule; report the node if it fails or brings in a NaN."""
    token = RUNNING.set(node)
    try:
        grads = node.vjp_recorded(g) if create else node.vjp(g)
        if mode.check_nan:
            check_gradients(node, grads)
    except Exception:
        report(node)
        raise
    finally:
        RUNNING.reset(token)
    return grads


def check_gradients(node: Any, grads: Any) -> None:
    """Raise if a gradient that is wanted holds a NaN."""
    for i, (target, g) in enumerate(zip(node._inputs, grads, strict=False)):
        if target is None or g is None:
            continue
        a = np.asarray(g._array if isinstance(g, TensorBase) else g)
        if a.dtype.kind in "fcV" and bool((a != a).any()):
            raise GraphError(f"Function '{node_name(node)}' returned nan values in its {i}th output.")


ANOMALY["note"] = note
WATCH["rule"] = watched_rule
