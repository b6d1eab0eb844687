"""Options of torch's compiler: they can be set and read, and change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

suppress_errors = False
verbose = False
cache_size_limit = recompile_limit = 8
accumulated_cache_size_limit = accumulated_recompile_limit = 256
capture_scalar_outputs = capture_dynamic_output_shape_ops = False
automatic_dynamic_shapes = assume_static_by_default = True
optimize_ddp = True
dynamic_shapes = True
allow_unspec_int_on_nn_module = False
inline_inbuilt_nn_modules = True


@contextmanager
def patch(*args: Any, **changes: Any) -> Iterator[None]:
    """A block with other options."""
    given = {**(args[0] if args and isinstance(args[0], dict) else {}), **changes}
    before = {name: globals().get(name) for name in given}
    globals().update(given)
    try:
        yield
    finally:
        globals().update(before)
