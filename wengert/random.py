"""The default random generator by functions (`torch.random`), and a block that leaves it untouched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wengert.core.tensor.forms import thread_safe_generator
from wengert.core.tensor.generators import Generator, default_generator
from wengert.core.tensor.randomness import get_rng_state, initial_seed, manual_seed, seed, set_rng_state


@contextmanager
def fork_rng(
    devices: Any = None, enabled: bool = True, _caller: str = "fork_rng", _devices_kw: str = "devices",
    device_type: str = "cuda",
) -> Iterator[None]:  # fmt: skip
    """A block after which the default generator stands where it stood before."""
    if not enabled:
        yield
        return
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)


__all__ = [
    "Generator", "default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed",
    "set_rng_state", "thread_safe_generator",
]  # fmt: skip
