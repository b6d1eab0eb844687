"""The page `docs/operator-coverage.md`: how much of torch's operator table gives what torch gives, and what does not.

    python -m tests.operators.coverage_page

It is written from the ratchet file of torch_samples.py and the reasons that stand here.
"""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs" / "operator-coverage.md"
RATCHET = FOLDER / "torch_samples_ratchet.json"

MODES = {
    "forward": "results in `float64` (or the first dtype that the row has)",
    "method": "the method of `Tensor`",
    "dtypes": "results in `float32`, `int64`, `bool`, `complex128` and `bfloat16`",
    "all dtypes": "results in every other dtype of the row, a dozen samples each",
    "gradient": "gradients in `float64`",
    "complex": "gradients in `complex128`",
    "second": "second gradients",
    "inplace": "the in-place form, with its gradient",
    "out": "`out=`",
    "errors": "class and leading words of errors",
    "forward mode": "tangents of forward mode",
    "batched": "`vmap`, with gradients inside and outside",
}

NO_HALF_COMPLEX = "NumPy has no complex numbers of half precision, so there is no `complex32`."
REASONS = {
    "chalf": NO_HALF_COMPLEX,
    "complex": NO_HALF_COMPLEX,
    "view_as_complex": NO_HALF_COMPLEX,
    "max_pool2d_with_indices_backward": "An entry of torch's dispatcher without a public name.",
    "native_dropout_backward": "An entry of torch's dispatcher without a public name.",
    "as_strided_scatter": "torch's gradient for what was overwritten is not zero; ours is, as differences show.",
    "as_strided.partial_views": "Strides of the memory below a view: a batch or a tangent has other memory below.",
    "linalg.norm.subgradients_at_zero": "The second derivative of a norm at 0 is 0 here, nan in torch.",
    "addbmm": "torch's `addbmm_` resizes a tensor that is too small; here that is an error, as for every `_` form.",
    "istft": "torch gives no gradient for a window that is a view taken without recording; here it has one.",
    "nn.functional.multi_head_attention_forward": (
        "`bfloat16` is rounded after every step, and softmax of large numbers makes much of the order of additions."
    ),
}


def reason_of(name: str, found: str) -> str:
    """Why a row is not right: from the table above, else what the failure says."""
    return REASONS.get(name) or f"Open: {found.replace('|', ' ')}"


def failing(data: dict) -> set[str]:
    """The rows that some mode of the ratchet file lists."""
    return {name for found in data["failing"].values() for name in found}


def page() -> str:
    """The text of the page."""
    data = json.loads(RATCHET.read_text(encoding="utf-8"))
    counts = data["counts"]
    lines = [
        "# Operators compared with torch",
        "",
        "torch 2.13 has a table of its operators with sample inputs, which its own tests use. Every row about strided",
        f"tensors on the CPU runs here too, on the same samples, against torch itself: {counts['entries']} rows, and",
        f"{counts['missing']} are missing. A row counts as right in a mode only if all its samples agree;",
        f"{counts['entries'] - len(failing(data))} rows are right in every mode.",
        "",
        "Results in half precision are right if they are torch's, or nearer to what torch computes in `float64`: here",
        "most operators compute in `float32` and round once, where torch's kernels round after each step. Tangents and",
        "batches are compared on six small samples of a row; a batch that both libraries refuse counts as right.",
        "",
        "| mode | what is compared | right | of |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {kind} | {what} | {counts[kind]['right']} | {counts[kind]['asked']} |" for kind, what in MODES.items()
    ]
    lines += ["", "## What is not right, and why", "", "| row | modes | reason |", "|---|---|---|"]
    rows: dict[tuple[str, str], list[str]] = {
        (name, reason_of(name, "no such name")): ["all"] for name in data["missing"]
    }
    for kind in MODES:
        for name, found in data["failing"][kind].items():
            rows.setdefault((name, reason_of(name, found)), []).append(kind)
    lines += [f"| `{name}` | {', '.join(kinds)} | {reason} |" for (name, reason), kinds in sorted(rows.items())]
    lines += [
        "",
        "Left out of the table: sparse and nested layouts, quantized and jiterated operators, rows of torch's own",
        "namespaces, and rows whose names begin with an underscore.",
        "",
        "`python -m tests.operators.torch_samples --update` counts anew,",
        "`python -m tests.operators.coverage_page` writes this page.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
