"""A record of the operators that a program runs, as lines of text (`torch.testing._internal.logging_tensor`).

`LoggingTensorMode` sees what a TorchDispatchMode sees.  `LoggingTensor` has the memory and history of the tensor that
it is made of, and logs the operators that public functions run with it; results are of its class.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from weakref import ref

import wengert as torch
from wengert.utils._python_dispatch import TorchDispatchMode
from wengert.utils._pytree import tree_map

logger = logging.getLogger("LoggingTensor")

_dtype_abbrs = {
    torch.bfloat16: "bf16", torch.float64: "f64", torch.float32: "f32", torch.float16: "f16", torch.complex32: "c32",
    torch.complex64: "c64", torch.complex128: "c128", torch.int8: "i8", torch.int16: "i16", torch.int32: "i32",
    torch.int64: "i64", torch.bool: "b8", torch.uint8: "u8",
}  # fmt: skip


class LoggingTensorMode(TorchDispatchMode):
    """A block that logs every operator with its arguments and results."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        logger.info(f"torch._ops.{func}", args, kwargs, made)
        return made


class _Wrapping(LoggingTensorMode):
    """A block that logs too, and whose results are LoggingTensors."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        with torch._C.DisableTorchFunctionSubclass():
            made = tree_map(as_logging, func(*args, **(kwargs or {})))
        logger.info(f"torch._ops.{func}", args, kwargs, made)
        return made


def as_logging(value: Any) -> Any:
    """A tensor as LoggingTensor, with its history."""
    return value.as_subclass(LoggingTensor) if isinstance(value, torch.Tensor) else value


class LoggingTensor(torch.Tensor):
    """A tensor whose operators are logged."""

    elem: Any
    context = nullcontext

    @staticmethod
    def __new__(cls: Any, elem: Any, *args: Any, **kwargs: Any) -> Any:
        made = torch.Tensor._make_subclass(cls, elem, kwargs.get("requires_grad", elem.requires_grad))
        made.elem = elem.detach() if made.requires_grad else elem
        return made

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        with torch._C.DisableTorchFunctionSubclass():
            return f"LoggingTensor({self.as_subclass(torch.Tensor)!r})"

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        with cls.context(), _Wrapping():
            return super().__torch_function__(func, types, args, kwargs or {})  # type: ignore[misc]


class LoggingTensorReentrant(LoggingTensor):
    """The same: operators that a handler calls are always dispatched again."""


class LoggingTensorHandler(logging.Handler):
    """Writes records as `$2: f32[3] = torch._ops.aten.add.Tensor($0, $1)` to a list.

    Tensors are numbered in the order in which they are first seen.
    """

    def __init__(
        self, log_list: list[str], use_shortid_for_all_tensors: bool, with_type: bool, tracebacks_list: Any
    ) -> None:
        super().__init__()
        self.log_list, self.with_type, self.tracebacks_list = log_list, with_type, tracebacks_list
        self.use_shortid_for_all_tensors = use_shortid_for_all_tensors
        self.seen: dict[int, tuple[Any, int]] = {}
        self.next_id = 0

    def _shortid(self, t: Any) -> int:
        known = self.seen.get(id(t))
        if known is None or known[0]() is not t:
            self.seen[id(t)] = known = (ref(t), self.next_id)
            self.next_id += 1
        return known[1]

    def _fmt(self, a: Any, with_type: bool = False) -> str:
        kind = torch.Tensor if self.use_shortid_for_all_tensors else LoggingTensor
        if not isinstance(a, kind):
            return repr(a)
        sizes = ", ".join(map(str, a.shape))
        told = f": {_dtype_abbrs.get(a.dtype, a.dtype)}[{sizes}]" if with_type and self.with_type else ""
        return f"${self._shortid(a)}{told}"

    def emit(self, record: Any) -> None:
        """Write one record."""
        given, named, made = record.args if len(record.args) == 3 else (record.args[0], {}, None)
        parts = [str(tree_map(self._fmt, x)) for x in given]
        parts += [f"{name}={tree_map(self._fmt, value)}" for name, value in (named or {}).items()]
        results = ", ".join(self._fmt(x, True) for x in (made if isinstance(made, tuple) else (made,)))
        self.log_list.append(f"{results} = {record.msg}({', '.join(parts)})")
        if self.tracebacks_list is not None:
            self.tracebacks_list.append(getattr(record, "traceback", None))


def log_input(name: str, var: Any) -> None:
    """Log that a value comes from outside."""
    logger.info("input", (name,), {}, var)


class GatherTraceback(logging.Filter):
    """Gives records the lines of the program that led to them."""

    def __init__(self, python: bool = True, script: bool = True, cpp: bool = False) -> None:
        super().__init__()

    def filter(self, record: Any) -> bool:
        """Every record passes."""
        record.traceback = traceback.format_stack()
        return True


@contextmanager
def capture_logs(
    is_mode: bool = False, python_tb: bool = False, script_tb: bool = False, cpp_tb: bool = False
) -> Iterator[Any]:
    """A block that gives the list of lines logged in it, and one of tracebacks if they are asked for."""
    lines: list[str] = []
    stacks: list[Any] = []
    wanted = python_tb or script_tb or cpp_tb
    handler = LoggingTensorHandler(lines, is_mode, True, stacks if wanted else None)
    collect = GatherTraceback()
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    if wanted:
        logger.addFilter(collect)
    try:
        yield (lines, stacks) if wanted else lines
    finally:
        logger.removeHandler(handler)
        logger.removeFilter(collect)
        logger.level, logger.propagate = before


@contextmanager
def capture_logs_with_logging_tensor_mode(
    python_tb: bool = False, script_tb: bool = False, cpp_tb: bool = False
) -> Iterator[Any]:
    """`capture_logs` inside a LoggingTensorMode."""
    with LoggingTensorMode(), capture_logs(True, python_tb, script_tb, cpp_tb) as logs:
        yield logs
