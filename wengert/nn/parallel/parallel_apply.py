"""Several modules run side by side, each in a thread of its own."""

from __future__ import annotations

import threading
from contextvars import copy_context
from typing import Any

from wengert.core.tape.core import TensorBase


def get_a_var(obj: Any) -> Any:
    """The first tensor in nested inputs; None without one."""
    if isinstance(obj, TensorBase):
        return obj
    items = obj.values() if isinstance(obj, dict) else obj if isinstance(obj, (list, tuple)) else ()
    return next((found for found in map(get_a_var, items) if found is not None), None)


def parallel_apply(modules: Any, inputs: Any, kwargs_tup: Any = None, devices: Any = None) -> list[Any]:
    """`[module(*input, **kwargs), ...]`, each in its own thread with this thread's modes; the first error is raised."""
    named = kwargs_tup or [{}] * len(modules)
    assert len(modules) == len(inputs) == len(named)
    results: list[Any] = [None] * len(modules)
    errors: dict[int, Exception] = {}

    def run(i: int) -> None:
        given = inputs[i] if isinstance(inputs[i], (list, tuple)) else (inputs[i],)
        try:
            results[i] = modules[i](*given, **named[i])
        except Exception as error:
            errors[i] = error

    if len(modules) == 1:
        run(0)
    else:
        threads = [threading.Thread(target=copy_context().run, args=(run, i)) for i in range(len(modules))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[min(errors)]
    return results


__all__ = ["get_a_var", "parallel_apply"]
