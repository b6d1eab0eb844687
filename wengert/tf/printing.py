"""`tf.print`: values in TensorFlow's form."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from wengert.tf.recording import TensorBase
from wengert.tf.slices import IndexedSlices


def number(value: Any) -> str:
    """One element: floats with the digits they need, truth values as 0 and 1."""
    kind = value.dtype.kind
    if kind == "b":
        return str(int(value))
    if kind in "fV":
        text = (
            np.format_float_positional(value, trim="-", unique=True)
            if kind == "f" and 1e-4 <= abs(value) < 1e6
            else f"{float(value):.9g}"
        )
        return "0" if value == 0 else text
    if kind == "c":
        return f"({value.real:g},{value.imag:g})"
    return str(value)


def text_of(a: Any, summarize: int, depth: int = 0) -> str:
    """An array, with the middle of long dims left out."""
    if not a.ndim:
        return number(a[()])
    if summarize >= 0 and len(a) > 2 * summarize:
        parts = [text_of(x, summarize, depth + 1) for x in a[:summarize]] + ["..."]
        parts += [text_of(x, summarize, depth + 1) for x in a[len(a) - summarize :]]
    else:
        parts = [text_of(x, summarize, depth + 1) for x in a]
    between = " " if a.ndim == 1 else "\n" * (a.ndim - 1) + " " * (depth + 1)
    return "[" + between.join(parts) + "]"


def shown(x: Any, summarize: int) -> str:
    """Anything that is printed: tensors bare, structures as Python writes them."""
    if isinstance(x, TensorBase):
        return text_of(np.asarray(x._array), summarize)
    if isinstance(x, IndexedSlices):
        rows = f"indices={shown(x.indices, summarize)}, values={shown(x.values, summarize)}"
        return f"IndexedSlices({rows}, shape={x.shape})"
    if isinstance(x, dict):
        return "{" + ", ".join(f"{k!r}: {inner(v, summarize)}" for k, v in x.items()) + "}"
    if isinstance(x, (list, tuple)):
        parts = ", ".join(inner(v, summarize) for v in x)
        return f"[{parts}]" if isinstance(x, list) else f"({parts}{',' if len(x) == 1 else ''})"
    return str(x)


def inner(x: Any, summarize: int) -> str:
    """A part of a structure."""
    return repr(x) if isinstance(x, str) else shown(x, summarize)


def tf_print(*inputs: Any, **kwargs: Any) -> None:
    """Print values, tensors without shape and dtype.

    output_stream: a stream (standard error by default) or "file://path". summarize: so many elements at either end of a
    dim, 3 by default, -1 for all. sep, end: as of Python's print. Raises ValueError for other arguments.
    """
    stream = kwargs.pop("output_stream", sys.stderr)
    end, sep = kwargs.pop("end", "\n"), kwargs.pop("sep", " ")
    summarize = kwargs.pop("summarize", 3)
    kwargs.pop("name", None)
    if kwargs:
        raise ValueError(f"Unrecognized keyword arguments for tf.print: {kwargs}")
    text = sep.join(shown(x, 3 if summarize is None else summarize) for x in inputs) + end
    if isinstance(stream, str) and stream.startswith("file://"):
        with open(stream.removeprefix("file://"), "a", encoding="utf-8") as file:
            file.write(text)
        return
    target = stream if hasattr(stream, "write") else {"log": sys.stderr}.get(str(stream), sys.stderr)
    target.write(text)
