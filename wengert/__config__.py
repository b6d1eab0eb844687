"""What this installation computes with (`torch.__config__`)."""

from __future__ import annotations

import numpy as np

from wengert.core.tensor.queries import get_num_threads
from wengert.version import release


def show() -> str:
    """The libraries underneath, in lines."""
    return f"Wengert {release}, built with:\n  - NumPy {np.__version__}\n"


def parallel_info() -> str:
    """How many threads an operator may use."""
    return f"Wengert parallelism:\n\twengert.get_num_threads() : {get_num_threads()}\n"


__all__ = ["parallel_info", "show"]
