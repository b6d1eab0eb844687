"""Calls of the convolutions on AMX with NumPy arrays, when they are worth it, and the tests that they must pass.

A call says whether its result is right: it is not where an element has no exact parts (`amx_products.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.kernels import convolving
from wengert.core.kernels.acceptance import Rejected
from wengert.core.kernels.amx_convolutions import ARGUMENTS, SOURCE, split_convolution_text
from wengert.core.kernels.amx_products import new_marks, possible, suits
from wengert.core.kernels.amx_splitting import DEPTH, LINES, PANEL
from wengert.core.kernels.convolutions import IMAGE
from wengert.core.kernels.host import Target
from wengert.core.kernels.trials import Call

__all__ = ["CALLS", "pays"]

CHANNELS, WEIGHT, PLACES = 48, 128, 1024
"""Channels of the result, elements of the weight for each, and places of all results from which tiles are faster."""

_M = [name for _, name in IMAGE].index("m")
"""Place of the argument of the channels of the result, before that of elements of the weight for each."""


def pays(channels: int, weight: int, places: int) -> bool:
    """Whether a convolution is computed faster on AMX; weight: its elements for one channel of the result."""
    return channels >= CHANNELS and weight >= WEIGHT and places >= PLACES and possible()


def room(size: int) -> Any:
    """So many bytes, aligned as tiles are."""
    memory = np.empty(size + LINES, np.uint8)
    start = -memory.ctypes.data % LINES
    return memory[start : start + size]


def with_tiles(make: Any) -> Callable[[Any], Callable[..., bool]]:
    """`convolving.forward` or `backward` for a kernel that wants tiles; the call says whether its result is right."""

    def wrap(run: Any) -> Callable[..., bool]:
        def call(*operands: Any) -> bool:
            right = True

            def one(*given: Any) -> None:
                nonlocal right
                m, k = given[_M : _M + 2]
                marks = new_marks()
                run(*given, room(-(-m // PANEL) * -(-k // DEPTH) * SOURCE.panel), marks)
                right = right and suits(marks, k)

            make(one)(*operands)
            return right

        return call

    return wrap


CASES = (
    *convolving.CASES,
    ((2, 33, 20, 23), 50, (4, 4), (2, 2), (1, 1), (1, 1)),
    ((1, 70, 9, 40), 37, (3, 3), (1, 1), (1, 1), (1, 1)),
    ((2, 5, 9, 9), 330, (3, 3), (1, 1), (0, 0), (1, 1)),
)


def checked(trial: Any) -> Any:
    """A trial whose call must say that its result is right, and must not say so of an infinite element."""

    def try_call(call: Any, rng: Any, case: Any, dtype: Any) -> tuple[Any, Any]:
        said = []
        found, wanted = trial(lambda *operands: said.append(call(*operands)), rng, case, dtype)
        if said != [True]:
            raise Rejected("a right result was called wrong")
        trial(lambda x, w, *rest: said.append(call(x, np.full_like(w, np.inf), *rest)), rng, case, dtype)
        if said[1:] != [False]:
            raise Rejected("an infinite element was not noticed")
        return found, wanted

    return try_call


def text_of(target: Target, dtype: str) -> tuple[str, str]:
    """The module, and the name of its function. Raises: Rejected."""
    if not target.amx or dtype != "float":
        raise Rejected("convolutions by parts are for float32 on a processor with AMX")
    return split_convolution_text(target, dtype)


CALLS: dict[str, Call] = {
    "split_convolution": Call(
        text_of, ARGUMENTS, with_tiles(convolving.forward), checked(convolving.try_forward), CASES, 300
    ),
    "split_convolution_back": Call(
        text_of, ARGUMENTS, with_tiles(convolving.backward), checked(convolving.try_backward), CASES, 300
    ),
}
"""Name -> kernel."""
