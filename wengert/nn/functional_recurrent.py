"""Stacks of recurrent layers in torch's flat form: `lstm`, `gru`, `rnn_tanh`, `rnn_relu`.

Each takes (input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first), or for packed
sequences (data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional).
"""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import DtypeError, ShapeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.core import TensorBase
from wengert.nn.functional_dropout import dropout as dropped

__all__ = ["gru", "lstm", "rnn_relu", "rnn_tanh"]


def stacked(
    cell: str, x: Any, sizes: Any, states: tuple[Any, ...], params: Any, bias: bool, layers: int, dropout: float,
    train: bool, bidirectional: bool,
) -> tuple[Any, ...]:  # fmt: skip
    """(outputs, last states) of all layers; x is (T, B, F), or packed rows with the batch sizes in `sizes`.

    Dropout follows every layer but the last.
    """
    if sizes is None and not x.shape[0]:
        raise ShapeError("Expected sequence length to be larger than 0 in RNN")
    directions = 2 if bidirectional else 1
    weights = list(params)
    count = len(weights) // (layers * directions)
    lasts: list[list[Any]] = [[] for _ in states]
    for layer in range(layers):
        outs = []
        for direction in range(directions):
            k = layer * directions + direction
            own = weights[k * count : (k + 1) * count]
            check_dtypes(x, own[0])
            results = m.recurrent_layer(
                [x, *[m.select(s, 0, k) for s in states], *own], cell, sizes, direction == 1, bias
            )
            outs.append(results[0])
            for last, value in zip(lasts, results[1:], strict=False):
                last.append(value)
        x = outs[0] if directions == 1 else m.cat(outs, outs[0].ndim - 1)
        if dropout and train and layer < layers - 1:
            x = dropped(x, dropout, True)
    return (x, *[m.stack(last, 0) for last in lasts])


def check_dtypes(x: Any, weight: Any) -> None:
    """One dtype for input and weights."""
    if x.dtype != weight.dtype:
        raise DtypeError(f"expected m1 and m2 to have the same dtype, but got: {x.dtype} != {weight.dtype}")


def run(cell: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Either of torch's two overloads: a block of sequences, or packed rows with batch sizes."""
    if isinstance(args[3], bool):
        x, hx, params, bias, layers, dropout, train, bidirectional, batch_first = args
        sizes = None
    else:
        x, batch_sizes, hx, params, bias, layers, dropout, train, bidirectional = args
        sizes, batch_first = tuple(batch_sizes.tolist()), False
    if batch_first:
        x = m.transpose(x, 0, 1)
    states = (hx,) if isinstance(hx, TensorBase) else tuple(hx)
    out, *lasts = stacked(cell, x, sizes, states, params, bias, layers, dropout, train, bidirectional)
    return (m.transpose(out, 0, 1) if batch_first else out, *lasts)


def lstm(*args: Any) -> tuple[Any, ...]:
    """(outputs, h, c) of long short-term memory layers; hx = (h0, c0), each (layers * directions, B, H)."""
    return run("lstm", args)


def gru(*args: Any) -> tuple[Any, ...]:
    """(outputs, h) of gated recurrent layers."""
    return run("gru", args)


def rnn_tanh(*args: Any) -> tuple[Any, ...]:
    """(outputs, h) of plain recurrent layers with tanh."""
    return run("rnn_tanh", args)


def rnn_relu(*args: Any) -> tuple[Any, ...]:
    """(outputs, h) of plain recurrent layers with relu."""
    return run("rnn_relu", args)
