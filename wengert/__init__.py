"""Wengert: define-by-run automatic differentiation in Python, with torch's names.

`import wengert as torch` and a program written for torch's autograd runs.
"""

from __future__ import annotations

import math as _math
import sys as _sys
from importlib import import_module as _import_module
from typing import Any as _Any

import wengert.core.operators.library  # noqa: F401  (fills the registry)
from wengert.core.arrays import device as _devices
from wengert.core.arrays import dtype as _dtypes
from wengert.core.arrays.device import device, get_default_device, layout, memory_format, set_default_device
from wengert.core.arrays.dtype import dtype, finfo, get_default_dtype, iinfo, set_default_dtype
from wengert.core.arrays.shape import Size
from wengert.core.arrays.shape import common_shape as broadcast_shapes
from wengert.core.base.errors import DeviceError as AcceleratorError
from wengert.core.base.errors import OutOfMemoryError
from wengert.core.operators.raw import LATE as _ABSENT
from wengert.core.tensor.methods import SPACES as _SPACES
from wengert.core.tensor.methods import install_methods as _install_methods
from wengert.core.tensor.numpy_protocols import LATE as _LATE
from wengert.core.tensor.overrides import ARMING as _ARMING
from wengert.core.tensor.overrides import (
    DisableTorchFunction,
    DisableTorchFunctionSubclass,
    _disabled_torch_function_impl,
)
from wengert.core.tensor.printing import get_printoptions, printoptions, set_printoptions
from wengert.core.tensor.randomness import Generator, default_generator
from wengert.core.tensor.tensor import Tensor
from wengert.version import __version__

_install_methods()
_ARMING["arm"] = lambda: _import_module("wengert.overrides").ask_from_now_on()
_LATE["functions"] = lambda: _import_module("wengert.array_api.numpy_shapes")
_LATE["namespace"] = lambda: _import_module("wengert.array_api")
_ABSENT["sparse"] = lambda: _import_module("wengert.core.tensor.sparse_checks").METHODS
globals().update(_SPACES[""])
globals().update(_dtypes.ALL)
globals().update(_dtypes.UNSTORED)
globals().update(_dtypes.ALIASES)
globals().update(_devices.LAYOUTS)
globals().update(_devices.MEMORY_FORMATS)
legacy_contiguous_format = _devices.contiguous_format

from wengert import autograd  # noqa: E402  (needs the operators)
from wengert.autograd.anomaly_mode import is_anomaly_check_nan_enabled, is_anomaly_enabled  # noqa: E402
from wengert.autograd.grad_mode import (  # noqa: E402
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)

inf, nan, pi, e = _math.inf, _math.nan, _math.pi, _math.e
newaxis = None

_LAZY = (
    "_C", "__config__", "_custom_ops", "_dynamo", "_functorch", "_higher_order_ops", "_inductor", "_ops",
    "_subclasses", "_tensor_str", "_utils", "accelerator",
    "amp", "ao", "array_api", "backends", "compiler", "cpu", "cuda", "data", "distributed", "distributions", "export",
    "fft", "func", "functional", "futures", "fx", "hub", "jit", "library", "linalg", "masked", "monitor", "mps", "mtia",
    "multiprocessing", "nn", "onnx", "ops", "optim", "overrides", "profiler", "quasirandom", "random",
    "return_types", "serialization", "signal", "sparse", "special", "storage", "testing", "torch_version", "types",
    "utils", "version", "xpu",
)  # fmt: skip
"""Submodules that are imported when they are first named."""

_ELSEWHERE = {
    "accelerator": ("get_device_module",),
    "amp": (
        "GradScaler", "autocast", "autocast_decrement_nesting", "autocast_increment_nesting", "clear_autocast_cache",
        "get_autocast_dtype", "is_autocast_cache_enabled", "is_autocast_enabled", "set_autocast_cache_enabled",
        "set_autocast_dtype", "set_autocast_enabled",
    ),
    "amp.older_names": (
        "get_autocast_cpu_dtype", "get_autocast_gpu_dtype", "get_autocast_ipu_dtype", "get_autocast_xla_dtype",
        "is_autocast_cpu_enabled", "is_autocast_ipu_enabled", "is_autocast_xla_enabled", "set_autocast_cpu_dtype",
        "set_autocast_cpu_enabled", "set_autocast_gpu_dtype", "set_autocast_ipu_dtype", "set_autocast_ipu_enabled",
        "set_autocast_xla_dtype", "set_autocast_xla_enabled",
    ),
    "backends": ("has_lapack", "has_mkl", "has_openmp", "has_spectral"),
    "_higher_order_ops": ("cond", "while_loop"),
    "cuda": ("Event", "Stream"),
    "types": ("SymBool", "SymFloat", "SymInt"),
    "futures": ("Future",),
    "jit": ("ScriptModule",),
    "_C": ("PyTorchFileReader", "PyTorchFileWriter"),
    "overrides": ("_assert",),
    "compiler": ("compile",),
    "func": ("vmap",),
    "linalg.eigenpairs": ("lobpcg",),
    "linalg.lowrank": ("pca_lowrank", "svd_lowrank"),
    "serialization": ("load", "save"),
    "random": ("fork_rng",),
    "core.tensor.sparse_creation": (
        "_convert_indices_from_coo_to_csr", "_convert_indices_from_csr_to_coo",
        "_validate_sparse_compressed_tensor_args", "_validate_sparse_coo_tensor_args",
        "sparse_bsc_tensor", "sparse_bsr_tensor", "sparse_compressed_tensor", "sparse_coo_tensor", "sparse_csc_tensor",
        "sparse_csr_tensor",
    ),
    "core.tensor.sparse_copies": (
        "ccol_indices_copy", "col_indices_copy", "crow_indices_copy", "indices_copy", "resize_as_sparse_",
        "row_indices_copy", "values_copy",
    ),
    "sparse.products": ("dsmm", "hsmm", "hspmm", "saddmm", "smm", "spmm", "sspaddmm"),
    "nn.functional_native": (
        "affine_grid_generator", "alpha_dropout", "alpha_dropout_", "batch_norm", "binary_cross_entropy_with_logits",
        "cosine_embedding_loss", "ctc_loss", "dropout", "dropout_", "embedding", "embedding_bag", "embedding_renorm_",
        "feature_alpha_dropout", "feature_alpha_dropout_", "feature_dropout", "feature_dropout_", "grid_sampler",
        "grid_sampler_2d", "grid_sampler_3d", "hinge_embedding_loss", "instance_norm", "kl_div",
        "margin_ranking_loss", "native_batch_norm", "native_dropout", "native_group_norm", "native_layer_norm",
        "poisson_nll_loss", "triplet_margin_loss",
    ),
    "nn.functional_recurrent": ("gru", "lstm", "rnn_relu", "rnn_tanh"),
    "nn.functional": (
        "adaptive_avg_pool1d", "adaptive_max_pool1d", "avg_pool1d", "bilinear", "channel_shuffle",
        "conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
        "cosine_similarity", "group_norm", "layer_norm", "max_pool1d",
        "max_pool2d", "max_pool3d", "native_channel_shuffle", "pairwise_distance", "pixel_shuffle", "pixel_unshuffle",
        "rms_norm",
    ),
}  # fmt: skip
_HOME = {name: module for module, names in _ELSEWHERE.items() for name in names}
"""Name in this namespace -> the submodule that it is taken from when it is first named."""


def _found(name: str) -> _Any:
    """The submodule of this name, None where there is none (an error inside one is not hidden)."""
    try:
        return _import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name is None or not f"{__name__}.{name}".startswith(error.name):
            raise
        return None


def __getattr__(name: str) -> _Any:
    """Submodules and their public functions on first use."""
    value = None
    if name == "torch":  # programs get at the package through itself: torch.torch
        value = _sys.modules[__name__ if __name__ in _sys.modules else "wengert"]
    elif name == "ops":
        value = _import_module(f"{__name__}._ops").ops
    elif name in _LAZY:
        value = _found(name)
    elif name in _HOME:
        value = getattr(_found(_HOME[name]), name, None)
    elif name.startswith("_foreach_"):
        value = _import_module(f"{__name__}._foreach").found(name)
    if value is None:
        raise AttributeError(f"module 'torch' has no attribute {name!r}")
    setattr(_sys.modules[__name__], name, value)
    return value


def __dir__() -> list[str]:
    """Every public name, also those that are not loaded yet."""
    return sorted({*globals(), *_LAZY, *_HOME})
