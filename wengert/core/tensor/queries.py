"""Questions about tensors and dtypes, and the process-wide switches that programs set."""

from __future__ import annotations

import math
import os
import warnings
from typing import Any

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays.large import LARGE
from wengert.core.base.errors import ArgumentError
from wengert.core.kernels import blas, threads, workshop
from wengert.core.tape.backward import CYCLES
from wengert.core.tape.core import TensorBase
from wengert.core.tape.modes import current, enter


def is_tensor(obj: Any, /) -> bool:
    """Whether `obj` is a tensor."""
    return isinstance(obj, TensorBase)


def need_tensor(x: Any, name: str) -> Any:
    """The tensor, or torch's complaint."""
    if not isinstance(x, TensorBase):
        raise ArgumentError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(x).__name__}")
    return x


def is_floating_point(input: Any) -> bool:
    """Whether the dtype is a floating one."""
    return need_tensor(input, "is_floating_point").dtype.is_floating_point


def is_complex(input: Any) -> bool:
    """Whether the dtype is a complex one."""
    return need_tensor(input, "is_complex").dtype.is_complex


def is_signed(input: Any) -> bool:
    """Whether the dtype has negative numbers."""
    return need_tensor(input, "is_signed").dtype.is_signed


def is_inference(input: Any) -> bool:
    """Whether the tensor was made in inference mode."""
    return bool(input._flags & 4)


def numel(input: Any) -> int:
    """Number of elements."""
    return need_tensor(input, "numel")._array.size


def is_same_size(input: Any, other: Any) -> bool:
    """Whether two tensors have the same shape."""
    return input._array.shape == other._array.shape


def operand_of(x: Any) -> tuple[Any, str]:
    """A tensor or number as an operand of promotion."""
    if isinstance(x, TensorBase):
        return dtypes.of(x._array.dtype), "dim" if x._array.ndim else "zero"
    for kind in (bool, int, float, complex):
        if isinstance(x, kind):
            return dtypes.NUMBERS[kind], "number"
    raise ArgumentError(f"result_type(): arguments must be Tensor or Number, not {type(x).__name__}")


def result_type(tensor1: Any, tensor2: Any) -> Any:
    """The dtype in which two tensors or numbers are computed together."""
    return dtypes.result_type((operand_of(tensor1), operand_of(tensor2)))


def promote_types(type1: Any, type2: Any) -> Any:
    """The smallest dtype that holds both."""
    return dtypes.promote_types(type1, type2)


def can_cast(from_: Any = None, to: Any = None, **named: Any) -> bool:
    """Whether a result of one dtype may be stored in another."""
    return dtypes.can_cast(named.pop("from", from_), to)


def typename(obj: Any, /) -> str:
    """Legacy type name of a tensor; qualified class name of anything else."""
    if isinstance(obj, TensorBase):
        return dtypes.tensor_type_name(dtypes.of(obj._array.dtype))
    cls = obj if isinstance(obj, type) else type(obj)
    module = cls.__module__
    return cls.__qualname__ if module in (None, "builtins") else f"{module}.{cls.__qualname__}"


def set_default_tensor_type(t: Any, /) -> None:
    """Set the default dtype by a legacy tensor type (`torch.DoubleTensor`)."""
    warnings.warn(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use torch.set_default_dtype() and "
        "torch.set_default_device() as alternatives.",
        UserWarning,
        stacklevel=2,
    )
    legacy = dtypes.tensor_type(t)[0] if isinstance(t, str) else getattr(t, "legacy_dtype", None)
    if legacy is None:
        raise ArgumentError(f"invalid type object: only floating-point types are supported as the default, not {t!r}")
    dtypes.set_default_dtype(legacy)


_threads = {"interop": os.cpu_count() or 1}
_switches: dict[str, Any] = {"deterministic": False, "warn_only": False}


def get_num_threads() -> int:
    """Threads that one operator may use."""
    return threads.count()


def set_num_threads(int: int, /) -> None:
    """Set how many threads one operator may use, in kernels and in products of matrices."""
    if int <= 0:
        raise RuntimeError(
            "Expected num_threads > 0 to be true, but got false. set_num_threads expects a positive integer"
        )
    threads.set_count(int)
    blas.limit_threads(int)


def get_num_interop_threads() -> int:
    """Threads between operators (accepted; operators run one after another)."""
    return _threads["interop"]


def set_num_interop_threads(int: int, /) -> None:
    """Accepted; operators run one after another."""
    _threads["interop"] = int


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Wait for kernels instead of starting with NumPy: then every run of a program rounds in the same places."""
    _switches["deterministic"], _switches["warn_only"] = bool(mode), bool(warn_only)
    workshop.wait_for_kernels(bool(mode))


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` was told."""
    return _switches["deterministic"]


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """The `warn_only` that `use_deterministic_algorithms` was told."""
    return _switches["deterministic"] and _switches["warn_only"]


def set_float32_matmul_precision(precision: str) -> None:
    """Choose how exact large products of float32 matrices must be: "highest" (float32), "high" or "medium".

    Where the processor multiplies bfloat16 on AMX, "high" computes with the first two bfloat16 parts of each number (16
    digits), "medium" with the first one (8 digits); elsewhere every precision is "highest".
    Raises ArgumentError for another word.
    """
    if precision not in ("highest", "high", "medium"):
        raise ArgumentError(f"precision must be highest, high or medium, not {precision!r}")
    LARGE.precision = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was told."""
    return LARGE.precision


def set_flush_denormal(mode: bool, /) -> bool:
    """Not supported: False, and denormal numbers stay."""
    return False


def set_warn_always(b: bool, /) -> None:
    """Whether a warning that otherwise comes once in a process comes each time."""
    CYCLES["always"] = bool(b)


def is_warn_always_enabled() -> bool:
    """What `set_warn_always` was told."""
    return CYCLES["always"]


def compiled_with_cxx11_abi() -> bool:
    """True, as torch's builds say."""
    return True


def is_grad_supported(dtype: Any) -> bool:
    """Whether tensors of a dtype can require gradients."""
    return dtype.is_floating_point or dtype.is_complex


_MODES = {0: "default", 1: "warn", 2: "error"}


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Accepted: "default" or 0, "warn" or 1, "error" or 2; results on the CPU are deterministic in any case."""
    names = {name: number for number, name in _MODES.items()}
    number = names.get(debug_mode) if isinstance(debug_mode, str) else debug_mode
    if number not in _MODES:
        raise RuntimeError(
            f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, 0, 1 or 2, but got {debug_mode}"
        )
    use_deterministic_algorithms(number != 0, warn_only=number == 1)


def get_deterministic_debug_mode() -> int:
    """0, 1 or 2: what `use_deterministic_algorithms` was told."""
    return 0 if not _switches["deterministic"] else 1 if _switches["warn_only"] else 2


def set_anomaly_enabled(enabled: bool, check_nan: bool = True) -> None:
    """Turn anomaly detection on or off for this thread."""
    enter(current().but(anomaly=bool(enabled), check_nan=bool(check_nan)))


def is_vulkan_available() -> bool:
    """False."""
    return False


# ---------------------------------------------------------------- numbers where torch also takes symbolic sizes


def sym_int(a: Any) -> int:
    """The number rounded towards zero."""
    return math.trunc(a)


def sym_float(a: Any) -> float:
    """The number as a float."""
    return float(a)


def sym_not(a: Any) -> bool:
    """Logical not."""
    return not a


def sym_max(a: Any, b: Any) -> Any:
    """The larger one; a float if either is."""
    return float(max(a, b)) if isinstance(a, float) or isinstance(b, float) else max(a, b)


def sym_min(a: Any, b: Any) -> Any:
    """The smaller one; a float if either is."""
    return float(min(a, b)) if isinstance(a, float) or isinstance(b, float) else min(a, b)


def sym_sqrt(a: Any) -> float:
    """Square root of a number."""
    return math.sqrt(a)


def sym_ite(b: Any, t: Any, f: Any) -> Any:
    """t if b else f."""
    return t if b else f


def sym_sum(args: Any) -> Any:
    """Sum of the numbers."""
    return sum(args)


FUNCTIONS = (
    "is_tensor", "is_floating_point", "is_complex", "is_signed", "is_inference", "numel", "is_same_size",
    "result_type", "promote_types", "can_cast", "typename", "set_default_tensor_type", "get_num_threads",
    "set_num_threads", "get_num_interop_threads", "set_num_interop_threads", "use_deterministic_algorithms",
    "are_deterministic_algorithms_enabled", "is_deterministic_algorithms_warn_only_enabled",
    "set_float32_matmul_precision", "get_float32_matmul_precision", "set_flush_denormal", "set_warn_always",
    "is_warn_always_enabled", "compiled_with_cxx11_abi", "set_deterministic_debug_mode",
    "get_deterministic_debug_mode", "set_anomaly_enabled", "is_vulkan_available", "sym_int", "sym_float", "sym_not",
    "sym_max", "sym_min", "sym_sqrt", "sym_ite", "sym_sum",
)  # fmt: skip
__all__ = ["FUNCTIONS"]
