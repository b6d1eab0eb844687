"""Calls of the products on AMX with NumPy arrays, when they are worth it, and the test that they must pass.

A call gives None where an element has no exact parts: infinite or nan, close to either end of the range of float32, or
where products might be denormal or sums overflow.  Whether it does depends on the values alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from math import gcd
from typing import Any

import numpy as np

from wengert.core.arrays.dtype import bfloat16
from wengert.core.kernels import multiplying, threads
from wengert.core.kernels.acceptance import Rejected
from wengert.core.kernels.amx import ARGUMENTS, split_text
from wengert.core.kernels.amx_splitting import HIGH, LARGEST, LOW, PANEL, SIDE, SMALLEST, Source
from wengert.core.kernels.host import Target, processor_flags
from wengert.core.kernels.trials import Call

__all__ = ["CALLS", "PRECISIONS", "pays", "possible"]

ROWS = 320
"""Rows of a piece at most: their tiles fill half of a core's second cache."""

LEAST_ROWS = 64
"""Rows of a piece at least, if there are others: all of B is split again for each."""

LEAST = {1: 40, 2: 60, 3: 110}
"""Parts -> multiplications for each element that is split from which tiles are faster."""

MUCH = 1 << 25
"""Multiplications from which pieces are so large that their right sides are split meanwhile."""

_NO_MEMORY = 0xFFFFFFFF
"""What a piece notes that found no memory."""


def pays(m: int, n: int, k: int, parts: int) -> bool:
    """Whether so large a product is computed faster on AMX.

    Splitting costs some time for each of the (m + n) k elements, tiles save some for each of the m n k multiplications.
    What is split on the right, while tiles are multiplied, costs half, if there is enough to do.
    """
    rows = m + n // 2 if m * n * k >= MUCH else m + n
    return m * n > LEAST[parts] * rows and k >= PANEL


@lru_cache(maxsize=1)
def possible() -> bool:
    """Whether the processor has AMX."""
    return {"amx_tile", "amx_bf16"} <= processor_flags()


def suits(marks: Any, k: int) -> bool:
    """Whether the elements that were met have exact parts, and products of ordinary size."""
    a_high, a_low, b_high, b_low = map(int, marks)
    if not a_high or not b_high:
        return a_high < LARGEST and b_high < LARGEST
    if max(a_high, b_high) >= LARGEST or min(a_low, b_low) + 1 < SMALLEST:
        return False
    low, high = [(a >> 23) + (b >> 23) - 254 for a, b in ((a_low + 1, b_low + 1), (a_high, b_high))]
    return low >= LOW and high + k.bit_length() < HIGH


def new_marks() -> Any:
    """What a kernel notes before it has met an element."""
    return np.array([0, 0xFFFFFFFF] * 2, np.uint32)


def layout(x: Any) -> tuple[Any, int, int, int]:
    """(x, distance of matrices, distance of rows or columns, whether columns), copied if neither are neighbours."""
    size = x.itemsize
    if (x.strides[2] != size and x.strides[1] != size) or any(s % size for s in x.strides):
        x = np.ascontiguousarray(x)
    apart, down, along = [s // size for s in x.strides]
    return (x, apart, down, 0) if along == 1 else (x, apart, along, 1)


def pieces(count: int, m: int, n: int) -> tuple[int, int]:
    """Rows, and panels of columns, of a piece: as many pieces as threads can share, each side split few times."""
    workers, panels = threads.count(), -(-n // PANEL)
    down = -(-m // ROWS)
    blocks = count * down
    if blocks % workers == 0 or blocks >= 2 * workers:
        return rounded(m, down), panels
    wanted = -(-blocks // workers) * workers // count
    if m > n and m >= wanted * LEAST_ROWS:
        return rounded(m, wanted), panels
    return rounded(m, down), -(-panels // (workers // gcd(workers, blocks)))


def rounded(m: int, blocks: int) -> int:
    """Rows of a block, whole tiles."""
    return -(-m // (blocks * SIDE)) * SIDE


def split_product(source: Source, checked: bool, run: Any) -> Callable[..., Any]:
    """a @ b (+ bias) in float32 of (count, m, k) and (count, k, n), or None; a dim of stride 0 may repeat a matrix.

    checked: whether elements may have no exact parts; lead: what stands for `count` in the result's shape.
    """

    def call(a: Any, b: Any, bias: Any = None, lead: tuple[int, ...] = ()) -> Any:
        count, m, k = a.shape
        n = b.shape[2]
        a, a_next, a_step, a_turned = layout(a)
        b, b_next, b_step, b_turned = layout(b)
        out = np.empty((*lead, m, n), np.float32)
        marks = new_marks()
        shift = multiplying.NONE if bias is None else np.ascontiguousarray(bias)
        rows, panels = pieces(count, m, n)
        run(
            out, a, b, count, m, n, k, m * n, a_next, b_next, n, a_step, a_turned, b_step, b_turned, rows, panels,
            shift, int(bias is not None), marks,
        )  # fmt: skip
        if int(marks[0]) == _NO_MEMORY:
            return None
        return out if not checked or suits(marks, k) else None

    return call


# ---------------------------------------------------------------- tests

CASES = (
    # count, m, n, k
    (1, 1, 1, 1), (2, 5, 7, 3), (1, 16, 64, 10), (1, 17, 65, 513), (1, 100, 130, 1030), (3, 33, 48, 600),
    (1, 97, 33, 20), (2, 50, 17, 1), (1, 400, 128, 70), (1, 31, 300, 33),
)  # fmt: skip


def try_product(source: Source, call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
    """Found and wanted; of fewer parts than a number has, for numbers with so many digits only."""
    kind = TYPES[source.kind]

    def draw(shape: tuple[int, ...]) -> Any:
        if source.kind == "float" and source.parts < 3:
            return (rng.integers(-127, 128, shape) / 16).astype(kind)
        return rng.standard_normal(shape).astype(kind)

    if source.kind == "float":
        refused(call, rng)
    return multiplying.try_product(call, rng, case, dtype, draw)


def refused(call: Any, rng: Any) -> None:
    """What has no exact parts must be noticed. Raises: Rejected."""
    for x in (np.inf, -np.inf, np.nan, 3e38, 1e-38, 1e-43):
        for side in range(2):
            pair = [rng.standard_normal((1, 40, 40)).astype(np.float32) for _ in range(2)]
            pair[side][0, 37, 39] = x
            if call(*pair) is not None:
                raise Rejected(f"an element {x} was not noticed")


TYPES = {"float": np.float32, "half": np.float16, "bfloat": bfloat16.numpy}
"""LLVM's name -> NumPy's dtype."""

PRECISIONS = {"highest": ("split_product", 3), "high": ("split_product_high", 2), "medium": ("split_product_medium", 1)}
"""What `set_float32_matmul_precision` is told -> kernel, and its parts."""


def text_of(source: Source, target: Target, dtype: str) -> tuple[str, str]:
    """The module, and the name of its function. Raises: Rejected."""
    if not target.amx or dtype != "float":
        raise Rejected("products by parts are for float32 on a processor with AMX")
    return split_text(target, source)


def stated(kind: str, parts: int) -> Call:
    """A kernel of this source."""
    source = Source(kind, parts)
    wrap = partial(split_product, source, source.checked)
    return Call(partial(text_of, source), ARGUMENTS, wrap, partial(try_product, source), CASES, 100)


CALLS: dict[str, Call] = {
    "split_product": stated("float", 3),
    "split_product_high": stated("float", 2),
    "split_product_medium": stated("float", 1),
    "bfloat16_product": stated("bfloat", 1),
    "float16_product": stated("half", 2),
}
"""Name -> kernel."""
