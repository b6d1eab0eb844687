"""Names of torch's compiled module that programs use (`torch._C`)."""

from __future__ import annotations

from typing import Any

from wengert._C import _autograd, _functions, _functorch, _nn
from wengert._C._dispatch import (
    DispatchKey,
    DispatchKeySet,
    _AutoDispatchBelowAutograd,
    _ExcludeDispatchKeyGuard,
    _ForceDispatchKeyGuard,
    _IncludeDispatchKeyGuard,
)
from wengert.autograd.anomaly_mode import set_detect_anomaly
from wengert.autograd.engine import ImperativeEngine as _ImperativeEngine
from wengert.autograd.engine import execution_order as _current_graph_task_execution_order
from wengert.autograd.engine import graph_task_id as _current_graph_task_id
from wengert.autograd.engine import will_execute as _will_engine_execute_node
from wengert.autograd.forward_ad import _is_fwd_grad_enabled, _set_fwd_grad_enabled
from wengert.autograd.grad_mode import (
    _force_original_view_tracking,
    inference_mode,
    is_grad_enabled,
    set_grad_enabled,
    set_multithreading_enabled,
)
from wengert.autograd.grad_mode import is_multithreading_enabled as _is_multithreading_enabled
from wengert.autograd.grad_mode import is_view_replay_enabled as _is_view_replay_enabled
from wengert.backends import has_lapack, has_mkl, has_openmp, has_spectral
from wengert.core.arrays.device import device
from wengert.core.arrays.dtype import dtype, get_default_dtype
from wengert.core.arrays.shape import Size
from wengert.core.base.errors import LinAlgError as _LinAlgError
from wengert.core.tape.core import Node as _Node
from wengert.core.tape.core import TensorBase
from wengert.core.tape.levels import open_levels
from wengert.core.tensor.overrides import (
    MODES,
    DisableTorchFunction,
    DisableTorchFunctionSubclass,
    _disabled_torch_function_impl,
)
from wengert.core.tensor.randomness import Generator, default_generator
from wengert.futures import Future
from wengert.jit import ScriptFunction, ScriptModule
from wengert.overrides import has_torch_function as _has_torch_function
from wengert.overrides import has_torch_function_unary as _has_torch_function_unary
from wengert.overrides import has_torch_function_variadic as _has_torch_function_variadic
from wengert.overrides import is_enabled as _is_torch_function_enabled

has_cuda = has_mps = has_mkldnn = has_xpu = False
_GLIBCXX_USE_CXX11_ABI = True


class PyTorchFileReader:
    """torch's compiled reader of archives, for annotations; `torch.load` reads them."""


class PyTorchFileWriter:
    """torch's compiled writer of archives, for annotations; `torch.save` writes them."""


class Value:
    """A value in torch's compiled graphs, for annotations."""


class Graph:
    """torch's compiled graphs, for annotations."""


ScriptMethod = ScriptFunction
ScriptObject = ScriptModule
_TensorBase = TensorBase


def _log_api_usage_once(event: str) -> None:
    """Accepted: nothing is logged."""


def _log_api_usage_metadata(event: str, metadata: Any) -> None:
    """Accepted: nothing is logged."""


def _get_tracing_state() -> None:
    """None: nothing is traced."""


def _is_tracing() -> bool:
    return False


def _get_default_dtype() -> dtype:
    return get_default_dtype()


def _set_grad_enabled(mode: bool) -> None:
    set_grad_enabled(mode)


def _set_multithreading_enabled(enabled: bool) -> None:
    set_multithreading_enabled(enabled)


def _set_view_replay_enabled(enabled: bool) -> None:
    _force_original_view_tracking(enabled)


def set_anomaly_enabled(enabled: bool, check_nan: bool = True) -> None:
    """Anomaly detection on or off."""
    set_detect_anomaly(enabled, check_nan)


def _cuda_isInBadFork() -> bool:
    return False


def _jit_set_profiling_executor(mode: bool) -> bool:
    """Accepted: nothing is compiled."""
    return False


_jit_set_profiling_mode = _jit_override_can_fuse_on_cpu = _jit_override_can_fuse_on_gpu = _jit_set_profiling_executor
_jit_set_texpr_fuser_enabled = _jit_set_nvfuser_enabled = _jit_set_profiling_executor


def _are_functorch_transforms_active() -> bool:
    return bool(open_levels())


def _is_alias_of(x: Any, y: Any) -> bool:
    """Whether two tensors look at the same memory."""
    return bool(x.untyped_storage().data_ptr() == y.untyped_storage().data_ptr())


def _is_torch_function_mode_enabled() -> bool:
    return bool(MODES.get())


_TensorMeta = type(TensorBase)

__all__ = [
    "DispatchKey", "DispatchKeySet", "_ImperativeEngine", "_autograd", "_current_graph_task_execution_order",
    "_current_graph_task_id", "_functions", "_is_fwd_grad_enabled", "_is_multithreading_enabled",
    "_is_view_replay_enabled", "_set_fwd_grad_enabled", "_will_engine_execute_node", "inference_mode",
    "_AutoDispatchBelowAutograd", "_ExcludeDispatchKeyGuard",
    "_ForceDispatchKeyGuard", "_IncludeDispatchKeyGuard", "DisableTorchFunction", "DisableTorchFunctionSubclass",
    "Future", "Generator", "Graph", "PyTorchFileReader", "PyTorchFileWriter", "ScriptFunction", "ScriptMethod",
    "ScriptModule", "ScriptObject", "Size", "TensorBase", "Value", "_LinAlgError", "_Node",
    "_disabled_torch_function_impl", "_has_torch_function", "_has_torch_function_unary",
    "_has_torch_function_variadic", "_functorch", "_is_torch_function_enabled", "_nn", "default_generator",
    "device", "dtype", "is_grad_enabled",
]  # fmt: skip
