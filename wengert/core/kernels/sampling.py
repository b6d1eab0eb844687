"""Calls of the random samplers, with the state of NumPy's engine, and the tests that they must pass.

Every sampler takes the state (uint32 of 624 words and the place of the next one), the array that it fills, and
parameters.  All give NumPy's bits: normals and exponentials those of the steps in `arrays/normals.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from wengert.core.arrays.normals import exponentials, normals
from wengert.core.kernels.trials import Call
from wengert.core.kernels.twisters import ARGUMENTS, SAMPLERS, WIDE, sampler_text

__all__ = ["CALLS"]


def wrap(run: Any) -> Callable[..., None]:
    """The sampler as a function of the state, a contiguous array to be filled, and parameters."""

    def call(state: Any, out: Any, *parameters: Any) -> None:
        run(state, out, out.size, *parameters)

    return call


# ---------------------------------------------------------------- what they must agree with


def pairs(words: Any) -> Any:
    """53 bits of two words each."""
    wide = words.astype(np.uint64)
    return (wide[::2] << np.uint64(32) | wide[1::2]) & np.uint64((1 << 53) - 1)


def small(words: Any) -> Any:
    """Fractions of 24 bits."""
    return (words & np.uint32((1 << 24) - 1)).astype(np.float32) * np.float32(2.0**-24)


def blocks(words: Any, dtype: Any, mean: float, std: float) -> Any:
    """Normals in blocks of 16."""
    return normals(pairs(words) * 2.0**-53 if dtype == np.float64 else small(words), std, mean)


PARAMETERS: dict[str, tuple[Any, ...]] = {
    "fractions": ((1 << 24) - 1, 2.0**-24),
    "uniforms": ((1 << 24) - 1, 2.0**-24, -3.0, 7.0, -3.0, 4.0),
    "integers": (10, 2576980378, 1, 3, -5),
    "thresholds": (1 << 52, 1.25),
    "normals": (0.5, 3.3),
    "exponentials": (-2.0,),
}
"""Those of the trial."""

WANTED: dict[str, Callable[..., Any]] = {
    "words": lambda w, dtype: w,
    "fractions": lambda w, dtype, *p: small(w),
    "uniforms": lambda w, dtype, *p: (small(w) * np.float64(7) - 3).astype(np.float32),
    "doubles": lambda w, dtype: pairs(w) * 2.0**-53,
    "integers": lambda w, dtype, *p: w.astype(np.int64) % 10 - 5,
    "thresholds": lambda w, dtype, *p: np.where(pairs(w) < 1 << 52, np.float32(1.25), np.float32(0)),
    "normals": lambda w, dtype, mean, std: blocks(w, dtype, mean, std),
    "exponentials": lambda w, dtype, scale: exponentials(pairs(w) * 2.0**-53, scale),
    "shuffles": lambda w, dtype: swapped(w),
}


def swapped(words: Any) -> Any:
    """A permutation by swaps in turn."""
    found = np.arange(len(words) + 1)
    for i, word in enumerate(words.tolist()):
        other = i + word % (len(found) - i)
        found[[i, other]] = found[[other, i]]
    return found


def try_sampler(name: str, call: Any, rng: Any, case: tuple[int, int], dtype: Any) -> tuple[Any, Any]:
    """Whether what is found is what is wanted, and whether the engine goes on where it should."""
    taken, count = case
    engine, other = (np.random.RandomState(case[0]) for _ in range(2))
    for each in (engine, other):
        each.randint(0, 1 << 32, 1000 + taken, dtype=np.uint32)
    found_state = engine.get_state(legacy=False)["state"]
    state = np.append(found_state["key"], np.uint32(found_state["pos"])).astype(np.uint32)
    wide = name in WIDE or (name == "normals" and dtype == np.float64)
    words = other.randint(0, 1 << 32, count * (2 if wide else 1) - (name == "shuffles"), dtype=np.uint32)
    parameters = (0.0, 1.0) if name == "normals" and not taken else PARAMETERS.get(name, ())
    wanted = WANTED[name](words, dtype, *parameters)
    found = np.arange(wanted.size).astype(wanted.dtype)
    call(state, found, *parameters)
    after = other.get_state(legacy=False)["state"]
    state_agrees = np.append(after["key"], np.uint32(after["pos"])) == state
    agrees = (found == wanted).astype(dtype)
    return (agrees, state_agrees.astype(dtype)), (np.ones(found.shape, dtype), np.ones(state.shape, dtype))


CASES = tuple((taken, count) for taken in (0, 1, 239, 240) for count in (16, 48, 624, 4096, 4112, 10000))
"""Words taken before, numbers wanted."""

CALLS: dict[str, Call] = {
    f"draw_{name}": Call(partial(sampler_text, name), ARGUMENTS[name], wrap, partial(try_sampler, name), CASES, 4)
    for name in SAMPLERS
}
"""Name -> sampler."""
