"""State of random numbers kept through a block (`torch.testing._utils`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import wengert as torch


@contextmanager
def freeze_rng_state() -> Iterator[None]:
    """A block after which the generators of every device are as before."""
    state = torch.get_rng_state()
    elsewhere = torch.cuda.get_rng_state() if torch.cuda.is_available() and torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        if elsewhere is not None:
            torch.cuda.set_rng_state(elsewhere)
        torch.set_rng_state(state)


def wrapper_set_seed(op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function with the generator seeded with 42, and put the generator back."""
    with freeze_rng_state():
        torch.manual_seed(42)
        return op(*args, **kwargs)
