"""Two more kinds of comparison for torch's table: tangents, and batches (see torch_samples.py, which hands itself in).

forward mode    the tangent at fixed random directions against torch's; against differences of our results where torch
                has none, or where the two disagree (several right answers, ill-conditioned samples)
batched         `vmap` over two entries against a call for each, and the gradients of both inside and outside

Of the samples with no more than LARGEST elements, up to SAMPLES are taken, evenly spaced among all.
"""

import numpy as np
import torch
from torch.autograd import forward_ad

import wengert
from tests.operators.torch_samples_translation import flat, ours, short, translated, values_of
from wengert.autograd import forward_ad as own_ad

LARGEST = 200
SAMPLES = 6
STEP = 1e-6
MAY_REFUSE = ("vmap", "dynamic", "stack expects", "Cannot access data pointer", "Batching rule not implemented",
              "Batch norm got", "does not currently support same randomness")  # fmt: skip
"""Words of errors with which a batch is refused, here or there."""


def chosen(table, entry, dtype):
    """The samples that are compared."""
    small = []
    for trial in table.trials(entry, dtype, table.COUNT, requires_grad=True):
        if trial.pairs and sum(x.numel() for x in flat(trial.inputs) if isinstance(x, torch.Tensor)) <= LARGEST:
            small.append(trial)
    return small[:: max(1, -(-len(small) // SAMPLES))]


def replaced(value, new, library):
    """Arguments with tensors replaced: `new` maps the identity of the old ones."""
    if isinstance(value, library.Tensor):
        return new.get(id(value), value)
    if isinstance(value, dict):
        return {k: replaced(v, new, library) for k, v in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields") and type(value) in (list, tuple):
        return type(value)(replaced(v, new, library) for v in value)
    return value


def moving(table, results, library):
    """Floating results, without what the sample says is arbitrary."""
    return [x for x in flat(results) if isinstance(x, library.Tensor) and x.dtype.is_floating_point]


def run(table, trial, leaves, library):
    """The floating results of a sample with other leaves in place of its own."""
    side = 0 if library is torch else 1
    old = [pair[side] for pair in trial.pairs]
    inputs = trial.inputs if library is torch else trial.mine
    args, kwargs = replaced(inputs, {id(a): b for a, b in zip(old, leaves, strict=True)}, library)
    function = trial.entry.theirs if library is torch else trial.entry.ours
    process = trial.sample.output_process_fn_grad
    if library is not torch:
        process = translated(process) or process
    return moving(table, process(function(*args, **kwargs)), library)


# ---------------------------------------------------------------- tangents


def tangents(table, trial, directions, library, ad):
    """Tangents of the floating results; None for those that do not move."""
    side = 0 if library is torch else 1
    with ad.dual_level():
        leaves = [ad.make_dual(pair[side].detach(), v) for pair, v in zip(trial.pairs, directions, strict=True)]
        return [ad.unpack_dual(y).tangent for y in run(table, trial, leaves, library)]


def differences(table, trial, directions):
    """Tangents by central differences of our results."""
    sides = []
    for sign in (1, -1):
        leaves = [pair[1].detach() + sign * STEP * v for pair, v in zip(trial.pairs, directions, strict=True)]
        sides.append(run(table, trial, leaves, wengert))
    return [(a - b) / (2 * STEP) for a, b in zip(*sides, strict=True)]


def forward_mode(table, entry, dtype):
    """The first difference of tangents, or ""."""
    for trial in chosen(table, entry, dtype):
        theirs = directions_of(trial)
        directions = ours(theirs)
        try:
            wanted = tangents(table, trial, theirs, torch, forward_ad)
        except Exception:
            wanted = None
        if wanted is None and entry.info.name in table.DRAWN:
            continue
        try:
            found = tangents(table, trial, directions, wengert, own_ad)
        except Exception as error:
            return f"{table.first_line(error)} for ({trial.described()})"
        error = "no tangents" if wanted is None else all_unlike(table, found, wanted, 1e-7)
        if error and (different := from_differences(table, trial, directions, found, wanted is None)):
            return f"{error if wanted is not None else different} for ({trial.described()})"
    return ""


def directions_of(trial):
    """Fixed random directions; symmetric where one triangle of a matrix is read, triangular for a factor."""
    source = torch.Generator().manual_seed(2)
    found = [torch.rand(a.shape, generator=source, dtype=torch.float64) - 0.5 for a, _ in trial.pairs]
    if trial.entry.name == "cholesky_inverse":
        found = [v.triu() if trial.inputs[1].get("upper") else v.tril() for v in found]
    elif any(word in trial.entry.name for word in TRIANGLE):
        found = [v + v.mT if v.ndim > 1 and v.shape[-1] == v.shape[-2] else v for v in found]
    return found


TRIANGLE = ("cholesky", "eigh", "eigvalsh")


def all_unlike(table, found, wanted, tolerance):
    """The first difference between two lists of tangents, or ""."""
    if len(found) != len(wanted):
        return f"{len(found)} tangents, not {len(wanted)}"
    return next((e for a, b in zip(found, wanted, strict=True) if (e := unlike(table, a, b, tolerance))), "")


def from_differences(table, trial, directions, found, alone):
    """How tangents differ from differences, or ""; what has no differences passes if torch has no tangents either."""
    try:
        wanted = differences(table, trial, directions)
    except Exception:
        return "" if alone else "no differences"
    return all_unlike(table, found, wanted, 1e-4)


def unlike(table, a, b, tolerance):
    """How two tangents differ, or ""; None is zero."""
    x = None if a is None else values_of(a)
    y = None if b is None else values_of(b)
    if x is None or y is None:
        rest = y if x is None else x
        return "" if rest is None or not np.any(rest) else "no tangent on one side"
    if x.shape != y.shape:
        return f"shape {x.shape}, not {y.shape}"
    finite = np.abs(y[np.isfinite(y)])
    scale = max(1.0, float(finite.max())) if finite.size else 1.0
    with np.errstate(all="ignore"):
        close = np.isclose(x, y, rtol=tolerance, atol=tolerance * scale, equal_nan=True) | ~np.isfinite(y)
    return "" if close.all() else f"values {short(x[~close])}, not {short(y[~close])}"


# ---------------------------------------------------------------- batches


def refusals(table, trial, error):
    """ "" where torch refuses to batch this as well, else our error."""
    words = str(error)
    try:
        leaves = [torch.stack([a.detach(), a.detach() * 0.9]) for a, _ in trial.pairs]
        torch.vmap(lambda *xs: tuple(run(table, trial, xs, torch)), randomness="same")(*leaves)
    except Exception as theirs:
        if any(w in words for w in MAY_REFUSE) and any(w in str(theirs) for w in MAY_REFUSE):
            return ""
    return f"{table.first_line(error)} for ({trial.described()})"


def batched(table, entry, dtype):
    """The first difference between a batch and its entries one by one, in values and in gradients, or ""."""
    for trial in chosen(table, entry, dtype):
        entries = [[b.detach() for _, b in trial.pairs], [b.detach() * 0.9 for _, b in trial.pairs]]
        try:
            rows = [run(table, trial, entry_leaves, wengert) for entry_leaves in entries]
        except Exception:
            continue  # values that the operator refuses
        if [a.shape for a in rows[0]] != [b.shape for b in rows[1]] or not rows[0]:
            continue
        stacked = [wengert.stack(list(pair)) for pair in zip(*entries, strict=True)]

        def function(*xs):
            return tuple(run(table, trial, xs, wengert))  # noqa: B023

        try:
            found = wengert.vmap(function, randomness="same")(*stacked)
        except Exception as error:
            if error := refusals(table, trial, error):
                return error
            continue
        if error := row_by_row(table, found, rows) or slopes(table, function, stacked, entries):
            return f"{error} for ({trial.described()})"
    return ""


def row_by_row(table, found, rows):
    """Results of a batch against those of its entries."""
    if len(found) != len(rows[0]):
        return f"{len(found)} results of the batch, not {len(rows[0])}"
    for i, y in enumerate(found):
        for k, row in enumerate(rows):
            if error := unlike(table, y[k], row[i], 1e-7):
                return f"entry {k}: {error}"
    return ""


def slopes(table, function, stacked, entries):
    """Gradients of a weighted sum of the results: inside the batch, through it, and entry by entry."""

    def total(*xs):
        outs = [y for y in function(*xs)]
        parts = [(y * wengert.cos(wengert.arange(y.numel(), dtype=y.dtype)).reshape(y.shape)).sum() for y in outs]
        return sum(parts, wengert.zeros((), dtype=wengert.float64))

    numbers = tuple(range(len(stacked)))
    inner = wengert.func.grad(total, numbers)
    try:
        wanted = [inner(*leaves) for leaves in entries]
    except Exception:
        return ""  # no derivative
    try:
        inside = wengert.vmap(inner, randomness="same")(*stacked)
        through = wengert.func.grad(lambda *xs: wengert.vmap(total, randomness="same")(*xs).sum(), numbers)(*stacked)
    except Exception as error:
        return f"gradient: {table.first_line(error)}"
    for i in numbers:
        for k, row in enumerate(wanted):
            for what, got in (("inside", inside), ("through", through)):
                if error := unlike(table, got[i][k], row[i], 1e-6):
                    return f"gradient {what}, entry {k}: {error}"
    return ""
