"""`torch._inductor` for programs that set its options: nothing is compiled."""

from __future__ import annotations

from wengert._inductor import config

__all__ = ["config"]
