"""Small operators as programs call them, each recorded: what is not in the few that every benchmark has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.kernels import fresh, softmax64
from benchmarks.references import Pairs, plain

Call = Callable[[], Any]
Operator = tuple[Callable[[Any, "Given"], Any], Callable[[Any], Any]]


class Given:
    """Random arguments: float32 arrays, in float64, or tensors of a library."""

    def __init__(self, arrays: dict[str, Any]) -> None:
        self.__dict__.update(arrays)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


def arguments() -> dict[str, Any]:
    """Vectors of 4, a matrix of (4, 4), a batch of (3, 4, 4), indices, a mask."""
    return {
        "x": fresh(4, positive=True), "y": fresh(4, positive=True), "a": fresh(4, 4), "b": fresh(4, 4),
        "c": fresh(3, 4, 4), "i": np.array([2, 0]), "m": np.array([True, False, True, False]),
    }  # fmt: skip


def tensors(lib: Any, arrays: dict[str, Any]) -> Given:
    """The arguments in a library; what is of floating point requires gradients."""
    found = {name: lib.from_numpy(value) for name, value in arrays.items()}
    return Given({name: t.requires_grad_() if t.is_floating_point() else t for name, t in found.items()})


def log_softmax64(x: Any) -> Any:
    """log of softmax over the last dimension."""
    return np.log(softmax64(x))


OPERATORS: dict[str, Operator] = {
    "x * y": (lambda m, g: g.x * g.y, lambda n: n.x * n.y),
    "x + 1.0": (lambda m, g: g.x + 1.0, lambda n: n.x + 1),
    "1.0 - x": (lambda m, g: 1.0 - g.x, lambda n: 1 - n.x),
    "x / y": (lambda m, g: g.x / g.y, lambda n: n.x / n.y),
    "x ** 2": (lambda m, g: g.x**2, lambda n: n.x**2),
    "x ** 1.5": (lambda m, g: g.x**1.5, lambda n: n.x**1.5),
    "-x": (lambda m, g: -g.x, lambda n: -n.x),
    "x > 0.5": (lambda m, g: g.x > 0.5, lambda n: n.x > 0.5),
    "exp": (lambda m, g: g.x.exp(), lambda n: np.exp(n.x)),
    "log": (lambda m, g: g.x.log(), lambda n: np.log(n.x)),
    "sin": (lambda m, g: m.sin(g.x), lambda n: np.sin(n.x)),
    "sqrt": (lambda m, g: g.x.sqrt(), lambda n: np.sqrt(n.x)),
    "abs": (lambda m, g: g.x.abs(), lambda n: np.abs(n.x)),
    "tanh": (lambda m, g: g.x.tanh(), lambda n: np.tanh(n.x)),
    "sigmoid": (lambda m, g: m.sigmoid(g.x), lambda n: 1 / (1 + np.exp(-n.x))),
    "relu": (lambda m, g: m.relu(g.a), lambda n: np.maximum(n.a, 0)),
    "silu": (lambda m, g: m.nn.functional.silu(g.x), lambda n: n.x / (1 + np.exp(-n.x))),
    "clamp": (lambda m, g: g.x.clamp(0.2, 0.9), lambda n: np.clip(n.x, np.float32(0.2), np.float32(0.9))),
    "maximum": (lambda m, g: m.maximum(g.x, g.y), lambda n: np.maximum(n.x, n.y)),
    "where": (lambda m, g: m.where(g.m, g.x, g.y), lambda n: np.where(n.m, n.x, n.y)),
    "sum": (lambda m, g: g.a.sum(), lambda n: n.a.sum()),
    "sum over a dim": (lambda m, g: g.a.sum(1), lambda n: n.a.sum(1)),
    "mean over a dim": (lambda m, g: g.a.mean(0), lambda n: n.a.mean(0)),
    "max over a dim": (lambda m, g: g.a.max(1).values, lambda n: n.a.max(1)),
    "argmax": (lambda m, g: g.a.argmax(1), lambda n: n.a.argmax(1)),
    "std": (lambda m, g: g.a.std(1), lambda n: n.a.std(1, ddof=1)),
    "norm": (lambda m, g: g.x.norm(), lambda n: np.sqrt((n.x**2).sum())),
    "softmax": (lambda m, g: m.softmax(g.a, -1), lambda n: softmax64(n.a)),
    "log_softmax": (lambda m, g: m.nn.functional.log_softmax(g.a, -1), lambda n: log_softmax64(n.a)),
    "mse_loss": (lambda m, g: m.nn.functional.mse_loss(g.x, g.y), lambda n: ((n.x - n.y) ** 2).mean()),
    "a @ b": (lambda m, g: g.a @ g.b, lambda n: n.a @ n.b),
    "a @ x": (lambda m, g: g.a @ g.x, lambda n: n.a @ n.x),
    "bmm": (lambda m, g: m.bmm(g.c, g.c), lambda n: n.c @ n.c),
    "einsum": (lambda m, g: m.einsum("ij,jk->ik", g.a, g.b), lambda n: n.a @ n.b),
    "linear": (lambda m, g: m.nn.functional.linear(g.a, g.b, g.x), lambda n: n.a @ n.b.T + n.x),
    "cat": (lambda m, g: m.cat([g.x, g.y]), lambda n: np.concatenate([n.x, n.y])),
    "stack": (lambda m, g: m.stack([g.x, g.y]), lambda n: np.stack([n.x, n.y])),
    "view": (lambda m, g: g.a.view(-1), lambda n: n.a.reshape(-1)),
    "transpose": (lambda m, g: g.c.transpose(0, 1), lambda n: n.c.swapaxes(0, 1)),
    "unsqueeze": (lambda m, g: g.x.unsqueeze(0), lambda n: n.x[None]),
    "expand": (lambda m, g: g.x.expand(3, 4), lambda n: np.broadcast_to(n.x, (3, 4))),
    "a[0]": (lambda m, g: g.a[0], lambda n: n.a[0]),
    "a[:, 1:3]": (lambda m, g: g.a[:, 1:3], lambda n: n.a[:, 1:3]),
    "a[indices]": (lambda m, g: g.a[g.i], lambda n: n.a[n.i]),
    "index_select": (lambda m, g: g.a.index_select(0, g.i), lambda n: n.a[n.i]),
    "cumsum": (lambda m, g: g.x.cumsum(0), lambda n: np.cumsum(n.x)),
    "sum().backward()": (lambda m, g: backward(g), lambda n: n.y),
}  # fmt: skip
"""Name -> (what is timed, its reference in NumPy)."""


def backward(given: Given) -> Any:
    """A sweep over two nodes; the gradient is `y`."""
    given.x.grad = None
    (given.x * given.y).sum().backward()
    return given.x.grad


def bound(lib: Any, name: str, given: Given) -> Call:
    """One operator on its arguments."""
    function = OPERATORS[name][0]
    return lambda: function(lib, given)


def calls(lib: Any) -> dict[str, Call]:
    """What is timed, by name."""
    given = tensors(lib, arguments())
    return {name: bound(lib, name, given) for name in OPERATORS}


def check(lib: Any) -> dict[str, Pairs]:
    """Results and references of every operator on new arguments."""
    arrays = arguments()
    given = tensors(lib, arrays)
    doubled = Given({name: v.astype(np.float64) if v.dtype == np.float32 else v for name, v in arrays.items()})
    return {
        name: [(plain(run(lib, given)), np.asarray(wanted(doubled), np.float64), 5e-6)]
        for name, (run, wanted) in OPERATORS.items()
    }


TITLE = "mix of 47 small operators"
"""Of the row that sums them up."""
