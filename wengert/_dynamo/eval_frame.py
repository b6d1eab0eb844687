"""The class that a compiled module has in torch (`torch._dynamo.eval_frame`)."""

from __future__ import annotations


class OptimizedModule:
    """What torch makes of a module that it compiles; `compile` hands out the module itself, so none is one."""


__all__ = ["OptimizedModule"]
