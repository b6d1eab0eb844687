"""Tracing below the tape (`torch.fx.experimental.proxy_tensor`): never under way here."""

from __future__ import annotations

from typing import Any, NoReturn

from wengert.core.base.errors import MissingError


def get_proxy_mode() -> None:
    """None: no such tracing is under way."""


def make_fx(f: Any, *args: Any, **options: Any) -> NoReturn:
    """Not available.

    Raises: MissingError: `torch.fx.symbolic_trace` traces functions.
    """
    raise MissingError("make_fx is not available: trace the function with torch.fx.symbolic_trace")


__all__ = ["get_proxy_mode", "make_fx"]
