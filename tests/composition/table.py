"""The published table of compositions, made from what the tests assert."""

from __future__ import annotations

from pathlib import Path

from tests.composition.features import FEATURES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "composition.md"

REFUSED = {
    ("reverse", "reentrant checkpoint"): (
        "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad()",
        "a reentrant checkpoint runs a backward of its own, which cannot know which inputs were asked for; as in "
        "torch. `use_reentrant=False` works.",
    ),
    ("vmap", "Function, old style"): (
        "In order to use an autograd.Function with functorch transforms",
        "`forward(ctx, ...)` saves for one call and cannot be run for a batch; as in torch. A separate "
        "`setup_context` works.",
    ),
    ("vmap", "training BatchNorm"): (
        "Batch norm got a batched tensor as input while the running_mean or running_var",
        "the running statistics would be written once for all entries; as in torch. Statistics of its own for each "
        "entry (`stack_module_state`) or `track_running_stats=False` work.",
    ),
}
"""(outer, inner): the leading words of the error, and why there is one."""

HEAD = """# What composes with what

Made by `python -m tests.composition.table`; a test compares it with what the other tests assert.

Every ordered pair of these features is run: the row's feature is applied to a function to which the column's is
applied already, and the result is differentiated by `backward()` once more. Values and gradients are compared with
nested dual numbers on plain Python floats (`tests/composition/reference.py`). `=` means equal to that reference to nine
digits; a number refers to an error that is raised instead, listed below. There is no third outcome.

`reverse` is `func.grad`, `forward` is `func.jvp`, `vmap` sums over a batch of two; hooks and recomputations are
counted, so that a feature that does nothing is noticed. Inside `forward` and `vmap` a checkpoint runs its function once
and keeps what it saves. `no_grad` stops reverse mode; as in torch it does not stop forward mode.

"""


def page() -> str:
    """The text of the page."""
    names = list(FEATURES)
    notes = {pair: i for i, pair in enumerate(REFUSED, 1)}
    lines = ["| outer \\ inner | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for outer in names:
        cells = [str(notes.get((outer, inner), "=")) for inner in names]
        lines.append(f"| {outer} | " + " | ".join(cells) + " |")
    tail = [f"{i}. {outer} of {inner}: {REFUSED[outer, inner][1]}" for (outer, inner), i in notes.items()]
    return HEAD + "\n".join(lines) + "\n\n" + "\n".join(tail) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
