"""How a failed gradient check describes what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.base.errors import GradcheckError as _Base
from wengert.core.tape.core import wrap


class GradcheckError(_Base):
    """A gradient is wrong; the message shows both Jacobians, the entry that is furthest off, and the operation."""


def mismatch(a: Any, n: Any, i: int, j: int, prefix: str, remarks: str, fast: str = "") -> GradcheckError:
    """The error of two Jacobians that differ: of output j with respect to input i, numerical n, analytical a."""
    mode = "Jacobian computed with forward mode mismatch" if fast == "forward" else "Jacobian mismatch"
    return GradcheckError(
        f"{prefix}{mode} for output {j} with respect to input {i},\n"
        f"numerical:{shown(n)}\nanalytical:{shown(a)}\n"
        f"{fast if fast != 'forward' else ''}{remarks}"
    )


def shown(values: Any) -> str:
    """A Jacobian as a tensor, a single number as itself."""
    values = np.asarray(values)
    return repr(wrap(values)) if values.ndim else repr(values.item())


def entry(a: Any, n: Any, x: Any, y: Any, options: Any) -> str:
    """The entry that is furthest off, by its places in the input and the output, and how many are off."""
    apart = np.abs(a - n) - options.rtol * np.abs(n)
    if not apart.size:
        return ""
    off = ~(apart <= options.atol)
    row, column = np.unravel_index(np.argmax(np.where(np.isnan(apart), np.inf, apart)), apart.shape)
    into = [int(k) for k in np.unravel_index(row, x._array.shape)] if x._array.ndim else []
    out = [int(k) for k in np.unravel_index(column, y._array.shape)] if y._array.ndim else []
    return (
        f"{int(off.sum())} of {off.size} entries are off, most at element {out} of the output with respect to element "
        f"{into} of the input: numerical {n[row, column]:.6g}, analytical {a[row, column]:.6g}."
    )


def suspects(y: Any) -> list[Any]:
    """Custom Functions in the history of an output."""
    found, seen, stack = [], set(), [y.grad_fn]
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        cls = getattr(node, "_forward_cls", None)
        if cls is not None and cls not in found:
            found.append(cls)
        stack.extend(target for target, _ in node.next_functions)
    return found


def hint(y: Any, x: Any, a: Any, n: Any) -> str:
    """What a mismatch looks like, and where the custom gradients are defined."""
    text = ""
    shape = x._array.shape
    if np.size(a) and not np.any(a):
        text = "\nThe gradient is zero everywhere: a backward returned None (or has no return statement)."
    elif len(shape) == 2 and shape[0] == shape[1] and np.ndim(a) == 2 and a.shape == n.shape:
        turned = a.reshape(*shape, -1).swapaxes(0, 1).reshape(a.shape)
        if np.allclose(turned, n, rtol=1e-3, atol=1e-4):
            text = "\nThe gradient is the transpose of the right one."
    for cls in suspects(y):
        code = getattr(cls.backward, "__code__", None) or getattr(getattr(cls, "vjp", None), "__code__", None)
        if code is not None:
            text += (
                f"\nCustom gradient in this history: {cls.__name__}.{code.co_name}, "
                f'File "{code.co_filename}", line {code.co_firstlineno}'
            )
    return text


def rules(y: Any) -> str:
    """Where the custom rules in a history are defined."""
    return hint(y, y, np.ones(1), np.ones(1))
