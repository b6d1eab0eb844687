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
ROUNDED_ONCE = "Half precision is computed in `float32` and rounded once, torch rounds after every step."
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
    "cat": "`out=` that is too small and lies beside an input: torch grows it into the input and refuses.",
    "gather": "`out=` that is too small and lies beside an input: torch grows it into the input and refuses.",
    "matrix_exp": "torch's half precision overflows to nan; here it is computed in `float32`.",
    "nn.functional.soft_margin_loss": "torch's half precision overflows to inf; here it is computed in `float32`.",
    "nn.functional.interpolate.bilinear": "torch computes 8-bit images with integer weights, which differ by one.",
    "nn.functional.interpolate.bicubic": "torch computes 8-bit images with integer weights, which differ by one.",
    "nn.functional.upsample_bilinear": "torch computes 8-bit images with integer weights, which differ by one.",
    "linalg.eig": "The order of complex eigenvalues is that of LAPACK, which differs between builds.",
    "linalg.eigvals": "The order of complex eigenvalues is that of LAPACK, which differs between builds.",
    "nn.functional.rrelu": "The slopes are drawn for the whole batch, so they differ from those of one entry.",
    "cholesky_inverse": "An ill-conditioned sample: the two differ in the last digits of a large number.",
}
POLES = "At a pole torch's `float32` gives a large number, here it is inf."


def reason_of(name: str, kind: str, found: str) -> str:
    """Why a row is not right: from the table above, else from what the failure says."""
    if name in REASONS:
        return REASONS[name]
    if "polygamma" in name:
        return POLES
    if "bfloat16" in found or "float16" in found:
        return ROUNDED_ONCE
    return f"Open: {found.replace('|', ' ')}"


def page() -> str:
    """The text of the page."""
    data = json.loads(RATCHET.read_text(encoding="utf-8"))
    counts = data["counts"]
    lines = [
        "# Operators compared with torch",
        "",
        "torch 2.13 has a table of its operators with sample inputs, which its own tests use. Every row that is about",
        f"strided tensors on the CPU runs here too, on the same samples, against torch itself: {counts['entries']} rows;",
        f"{counts['missing']} are missing. A row counts as right in a mode only if all its samples agree.",
        "",
        "| mode | what is compared | right | of |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {kind} | {what} | {counts[kind]['right']} | {counts[kind]['asked']} |" for kind, what in MODES.items()
    ]
    lines += ["", "## What is not right, and why", "", "| row | modes | reason |", "|---|---|---|"]
    rows: dict[tuple[str, str], list[str]] = {
        (name, REASONS.get(name, "Missing.")): ["all"] for name in data["missing"]
    }
    for kind in MODES:
        for name, found in data["failing"][kind].items():
            rows.setdefault((name, reason_of(name, kind, found)), []).append(kind)
    lines += [f"| `{name}` | {', '.join(kinds)} | {reason} |" for (name, reason), kinds in sorted(rows.items())]
    lines += [
        "",
        "Left out of the table: sparse and nested layouts, quantized and jiterated operators, rows of torch's own namespaces,",
        "and rows whose names begin with an underscore.",
        "",
        "`python -m tests.operators.torch_samples --update` counts anew, `python -m tests.operators.coverage_page` writes",
        "this page.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
