"""IEEE arithmetic without NumPy's floating-point warnings, as torch computes.

`token = hush()` … `restore(token)` is np.errstate(all="ignore") at a fifth of its price:
one context variable, so it is per thread and nests.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    from numpy._core.umath import _extobj_contextvar, _make_extobj  # type: ignore[attr-defined]

    _ignoring = _make_extobj(all="ignore")
    _set = _extobj_contextvar.set
    restore = _extobj_contextvar.reset
    VARIABLE, IGNORING = _extobj_contextvar, _ignoring

    def hush() -> Any:
        """Silence warnings of NumPy's loops from here on; hand the result to `restore`."""
        return _set(_ignoring)

except ImportError:  # an unknown NumPy: the public, slower way
    VARIABLE = IGNORING = None  # type: ignore[assignment]

    def hush() -> Any:
        """Silence warnings of NumPy's loops from here on; hand the result to `restore`."""
        return np.seterr(all="ignore")

    def restore(token: Any) -> None:
        """Undo the matching `hush`."""
        np.seterr(**token)
