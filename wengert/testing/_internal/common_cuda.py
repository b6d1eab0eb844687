"""What is known of CUDA (`torch.testing._internal.common_cuda`); nothing is initialised by the import."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import wengert as torch
from wengert.testing._internal.environment import TEST_CUDA, LazyVal
from wengert.testing._internal.marks import unchanged


def capability(test: Callable[[tuple[int, int]], bool]) -> LazyVal:
    """Whether there is a GPU whose compute capability passes a test."""
    return LazyVal(lambda: torch.cuda.is_available() and test(tuple(torch.cuda.get_device_capability())))


def at_least(major: int, minor: int) -> LazyVal:
    """Whether there is a GPU of this compute capability or a later one."""
    return capability(lambda found: found >= (major, minor))


def exactly(major: int, minor: int) -> LazyVal:
    """Whether there is a GPU of this very compute capability."""
    return capability(lambda found: found == (major, minor))


CUDA_ALREADY_INITIALIZED_ON_IMPORT = torch.cuda.is_initialized()
TEST_MULTIGPU = TEST_CUDA and torch.cuda.device_count() >= 2
CUDA_DEVICE = torch.device("cuda:0") if TEST_CUDA else None
TEST_CUDNN = False
TEST_CUDNN_VERSION = 0
ROCM_VERSION = (0, 0)
TEST_MAGMA = TEST_CUSPARSE_GENERIC = TEST_HIPSPARSE_GENERIC = TEST_NUMBA_CUDA = False
TEST_WITH_ROCM = torch.version.hip is not None
SM53OrLater, SM60OrLater, SM70OrLater, SM75OrLater = at_least(5, 3), at_least(6, 0), at_least(7, 0), at_least(7, 5)
SM80OrLater, SM89OrLater, SM90OrLater = at_least(8, 0), at_least(8, 9), at_least(9, 0)
SM100OrLater, SM120OrLater = at_least(10, 0), at_least(12, 0)
IS_SM89, IS_SM90, IS_SM100 = exactly(8, 9), exactly(9, 0), exactly(10, 0)
IS_SM10X, IS_SM12X = capability(lambda found: found[0] == 10), capability(lambda found: found[0] == 12)
IS_JETSON = IS_THOR = False
PLATFORM_SUPPORTS_FLASH_ATTENTION = PLATFORM_SUPPORTS_MEM_EFF_ATTENTION = PLATFORM_SUPPORTS_CUDNN_ATTENTION = False
PLATFORM_SUPPORTS_FUSED_ATTENTION = PLATFORM_SUPPORTS_FUSED_SDPA = PLATFORM_SUPPORTS_CK_SDPA = False
PLATFORM_SUPPORTS_BF16 = at_least(8, 0)
PLATFORM_SUPPORTS_BF16_ATOMICS = PLATFORM_SUPPORTS_HALF_ATOMICS = PLATFORM_SUPPORTS_GREEN_CONTEXT = False
PLATFORM_SUPPORTS_WORKQUEUE_CONFIG = PLATFORM_SUPPORTS_FP8 = PLATFORM_SUPPORTS_FP8_SPARSE = False
PLATFORM_SUPPORTS_FP8_GROUPED_GEMM = PLATFORM_SUPPORTS_MX_GEMM = PLATFORM_SUPPORTS_MXFP8_GROUPED_GEMM = False


def CDNA2OrLater() -> bool:
    """Whether there is a GPU of this series of AMD's."""
    return False


CDNA3OrLater = CDNA2OrLater


def initialize_cuda_context_rng() -> None:
    """Make the generators of every GPU."""
    for i in range(torch.cuda.device_count() if TEST_CUDA else 0):
        torch.randn(1, device=f"cuda:{i}")


@contextmanager
def matmul_precision(wanted: bool) -> Iterator[None]:
    """A block in which matrix products may be rounded to ten bits, or not."""
    matmul = torch.backends.cuda.matmul
    before, matmul.allow_tf32 = matmul.allow_tf32, wanted
    try:
        yield
    finally:
        matmul.allow_tf32 = before


def tf32_off() -> Any:
    """A block without the shorter floats of tensor cores."""
    return matmul_precision(False)


@contextmanager
def tf32_on(self: Any, tf32_precision: float = 1e-5) -> Iterator[None]:
    """A block with the shorter floats of tensor cores, and a tolerance for them."""
    before, self.precision = self.precision, tf32_precision
    try:
        with matmul_precision(True):
            yield
    finally:
        self.precision = before


def tf32_enabled() -> Any:
    """A block with the shorter floats of tensor cores."""
    return matmul_precision(True)


def tf32_is_not_fp32() -> bool:
    """Whether the GPU has shorter floats for matrix products."""
    return bool(at_least(8, 0))


def tf32_on_and_off(tf32_precision: float = 1e-5, *, only_if: bool = True) -> Any:
    """The test itself: arrays on the CPU have no shorter floats."""
    return unchanged


def with_tf32_off(f: Any) -> Any:
    """The test without the shorter floats of tensor cores."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with tf32_off():
            return f(*args, **kwargs)

    wrapped.__name__, wrapped.__doc__ = f.__name__, f.__doc__
    wrapped.__dict__.update(f.__dict__)
    return wrapped


def _get_torch_cuda_version() -> tuple[int, int]:
    version = torch.version.cuda
    return (0, 0) if version is None else tuple(int(part) for part in version.split(".")[:2])  # type: ignore


def _get_magma_version() -> tuple[int, int]:
    return 0, 0


def _get_torch_rocm_version() -> tuple[int, int]:
    return 0, 0


xfailIfSM89 = xfailIfSM90 = xfailIfSM89PreCUDA13 = xfailIfSM100OrLater = xfailIfSM120OrLater = xfailIfSM12X = unchanged
xfailIfDistributedNotSupported = xfailCUDAIfSM89OrLaterOnWindows = unchanged


def _create_scaling_models_optimizers(
    device: Any = "cuda", optimizer_ctor: Any = None, optimizer_kwargs: Any = None
) -> tuple[Any, ...]:
    made = [torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Linear(8, 8)).to(device) for _ in range(2)]
    with torch.no_grad():
        for a, b in zip(made[0].parameters(), made[1].parameters()):
            b.copy_(a)
    options = {"lr": 1.0, **(optimizer_kwargs or {})}
    return (*made, *((optimizer_ctor or torch.optim.SGD)(model.parameters(), **options) for model in made))


def _create_scaling_case(
    device: Any = "cuda", dtype: Any = torch.float, optimizer_ctor: Any = None, optimizer_kwargs: Any = None
) -> tuple[Any, ...]:
    def pair() -> tuple[Any, Any]:
        return tuple(torch.randn((8, 8), dtype=dtype, device=device) for _ in range(2))  # type: ignore

    data = [pair() for _ in range(4)]
    return *_create_scaling_models_optimizers(device, optimizer_ctor, optimizer_kwargs), data, torch.nn.MSELoss(), 2
