"""All workloads of libraries with the names of torch: Wengert and torch itself run the same code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.kernels import JOBS
from benchmarks.networks import NETWORKS
from benchmarks.transforms import PRODUCTS, TRANSFORMS
from benchmarks.workloads import SMALL

WORKLOADS: dict[str, Callable[[Any], Any]] = {
    **SMALL,
    **NETWORKS,
    **{title: make for title, (make, _) in JOBS.items()},
    **TRANSFORMS,
    **PRODUCTS,
}
"""Title -> function of the library that returns a job; for products, the gradient stands before the check."""
