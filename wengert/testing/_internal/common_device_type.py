# ruff: noqa: F401  (a face: other files take these names from here)
"""Names that test files import from `torch.testing._internal.common_device_type`."""

import wengert as torch
from wengert.testing._internal.common_cuda import TEST_CUDNN, _get_torch_cuda_version, _get_torch_rocm_version
from wengert.testing._internal.common_dtype import get_all_dtypes
from wengert.testing._internal.common_utils import (
    IS_FBCODE,
    IS_MACOS,
    IS_WINDOWS,
    TEST_MKL,
    TEST_WITH_ROCM,
    TestCase,
    parametrize,
    skipIfTorchDynamo,
)
from wengert.testing._internal.device_classes import *  # noqa: F403
from wengert.testing._internal.device_classes import _dtype_test_suffix, _update_param_kwargs
from wengert.testing._internal.device_marks import *  # noqa: F403
from wengert.testing._internal.device_marks import _has_sufficient_memory
from wengert.testing._internal.op_marks import *  # noqa: F403
from wengert.testing._internal.parametrization import _TestParametrizer

e4m3_type, e5m2_type = torch.float8_e4m3fn, torch.float8_e5m2
PYTORCH_CUDA_MEMCHECK = False
E4M3_MAX_POS, E5M2_MAX_POS = 448.0, 57344.0
IS_FLEX_ATTENTION_CPU_PLATFORM_SUPPORTED = True
IS_FLEX_ATTENTION_CUDA_PLATFORM_SUPPORTED = IS_FLEX_ATTENTION_XPU_PLATFORM_SUPPORTED = False
IS_FLEX_ATTENTION_MPS_PLATFORM_SUPPORTED = False
