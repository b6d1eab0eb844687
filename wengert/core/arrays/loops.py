"""Loops for small arrays that stand in for the bodies and rules of records, where the core is compiled.

A NumPy call costs about half a microsecond whatever it computes, so a record whose body makes five of them takes
longer on four elements than everything else the tape does.  `LOOPS[name](args)` computes the operator `name` from its
full tuple of raw arguments in one call, `RULES[name][i](environment)` the gradient of its tensor `i`; either answers
None when the arguments are not its kind (other dtypes, strides, sizes), and then body or rule runs as always.  The
tables are empty uncompiled.  Values agree with the bodies to the last places (tests/native/test_loops.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.arrays import (
    loops_elementwise,
    loops_layers,
    loops_pairs,
    loops_places,
    loops_products,
    loops_reductions,
    loops_rows,
    loops_slopes,
    loops_wholes,
)
from wengert.core.base import uncompiled as cython

LOOPS: dict[str, Callable[[tuple[Any, ...]], Any]] = {}
RULES: dict[str, tuple[Callable[[list[Any]], Any] | None, ...]] = {}

if cython.compiled:
    for part in (
        loops_elementwise,
        loops_rows,
        loops_reductions,
        loops_pairs,
        loops_places,
        loops_layers,
        loops_products,
        loops_wholes,
    ):
        LOOPS.update(part.LOOPS)
    for part in (loops_slopes, loops_rows, loops_reductions, loops_pairs, loops_places, loops_layers, loops_products):
        RULES.update(part.RULES)
