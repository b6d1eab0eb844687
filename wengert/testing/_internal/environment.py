"""What a test run may rely on: the machine, the packages installed, and the switches of the environment."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from enum import Enum
from importlib.util import find_spec
from typing import Any

import wengert as torch

SEED = 1234
GRADCHECK_NONDET_TOL = 1e-12
"""How much two runs of a backward pass that is not deterministic may differ."""


class TestEnvironment:
    """Flags and settings read from environment variables; those that were changed are told in a reproduction line."""

    __test__ = False
    repro_env_vars: dict[str, str] = {}

    @staticmethod
    def def_flag(
        name: str, env_var: str | None = None, default: bool = False, include_in_repro: bool = True,
        enabled_fn: Callable[[Any, bool], bool] | None = None, implied_by_fn: Callable[[], bool] = lambda: False,
    ) -> bool:  # fmt: skip
        """A boolean: from the variable if it is set, else the default; true in any case where it is implied."""
        value = os.getenv(env_var) if env_var else None
        if enabled_fn is not None:
            enabled = bool(enabled_fn(value, default))
        else:
            enabled = value != "0" if default else value == "1"
        enabled = enabled or implied_by_fn()
        if include_in_repro and env_var and value is not None and enabled != default:
            TestEnvironment.repro_env_vars[env_var] = value
        setattr(TestEnvironment, name, enabled)
        return enabled

    @staticmethod
    def def_setting(
        name: str, env_var: str | None = None, default: Any = None, include_in_repro: bool = True,
        parse_fn: Callable[[Any], Any] = lambda value: value,
    ) -> Any:  # fmt: skip
        """A value of any type: what `parse_fn` makes of the variable if it is set, else the default."""
        text = os.getenv(env_var) if env_var else None
        value = default if text is None else parse_fn(text)
        if include_in_repro and env_var and text is not None and value != default:
            TestEnvironment.repro_env_vars[env_var] = text
        setattr(TestEnvironment, name, value)
        return value

    @staticmethod
    def repro_env_var_prefix() -> str:
        """The changed variables as they are written before a command."""
        return " ".join(f"{name}={value}" for name, value in TestEnvironment.repro_env_vars.items())


class ProfilingMode(Enum):
    """How TorchScript programs are run; they are run eagerly here."""

    LEGACY = 1
    SIMPLE = 2
    PROFILING = 3


class LazyVal:
    """A value that is worked out when it is first asked for; stands for it in conditions and comparisons."""

    def __init__(self, callback: Callable[[], Any]) -> None:
        self.callback = callback

    @property
    def value(self) -> Any:
        """The value, kept after the first time."""
        if not hasattr(self, "found"):
            self.found = self.callback()
        return self.found

    def __bool__(self) -> bool:
        return bool(self.value)

    def __eq__(self, other: object) -> bool:
        return bool(self.value == (other.value if isinstance(other, LazyVal) else other))

    def __hash__(self) -> int:
        return hash(self.value)

    def __lt__(self, other: Any) -> bool:
        return bool(self.value < other)

    def __le__(self, other: Any) -> bool:
        return bool(self.value <= other)

    def __gt__(self, other: Any) -> bool:
        return bool(self.value > other)

    def __ge__(self, other: Any) -> bool:
        return bool(self.value >= other)

    def __repr__(self) -> str:
        return repr(self.value)

    def __str__(self) -> str:
        return str(self.value)


def _check_module_exists(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ImportError:
        return False


def split_if_not_empty(text: str) -> list[str]:
    """The parts between commas; none of an empty text."""
    return text.split(",") if text else []


_flag = TestEnvironment.def_flag

IS_LINUX = sys.platform == "linux"
IS_WINDOWS = sys.platform == "win32"
IS_MACOS = sys.platform == "darwin"
IS_PPC = platform.machine() == "ppc64le"
IS_X86 = platform.machine() in ("x86_64", "i386", "AMD64")
IS_ARM64 = platform.machine() in ("arm64", "aarch64", "ARM64")
IS_S390X = platform.machine() == "s390x"
IS_JETSON = False
IS_FILESYSTEM_UTF8_ENCODING = sys.getfilesystemencoding() == "utf-8"
IS_CI = _flag("IS_CI", "CI", include_in_repro=False, enabled_fn=lambda value, _: bool(value))
IS_SANDCASTLE = _flag("IS_SANDCASTLE", "SANDCASTLE", include_in_repro=False)
IS_FBCODE = _flag("IS_FBCODE", "PYTORCH_TEST_FBCODE")
IS_REMOTE_GPU = _flag("IS_REMOTE_GPU", "PYTORCH_TEST_REMOTE_GPU", include_in_repro=False)
IN_RE_WORKER = os.environ.get("INSIDE_RE_WORKER") is not None
IS_AVX512_VNNI_SUPPORTED = IS_CPU_EXT_SVE_SUPPORTED = False
IS_CPU_CAPABILITY_SVE = IS_CPU_CAPABILITY_SVE256 = False
MACOS_VERSION = float(".".join(platform.mac_ver()[0].split(".")[:2]) or -1)
PRINT_REPRO_ON_FAILURE = _flag(
    "PRINT_REPRO_ON_FAILURE", "PYTORCH_PRINT_REPRO_ON_FAILURE", default=True, include_in_repro=False
)
OPINFO_SAMPLE_INPUT_INDEX = TestEnvironment.def_setting(
    "OPINFO_SAMPLE_INPUT_INDEX", "PYTORCH_OPINFO_SAMPLE_INPUT_INDEX", include_in_repro=False, parse_fn=int
)

TEST_NUMPY = True
TEST_SCIPY = _check_module_exists("scipy")
TEST_FAIRSEQ = _check_module_exists("fairseq")
TEST_NUMBA = _check_module_exists("numba")
TEST_TRANSFORMERS = _check_module_exists("transformers")
TEST_DILL = _check_module_exists("dill")
TEST_LIBROSA = _check_module_exists("librosa")
TEST_OPT_EINSUM = _check_module_exists("opt_einsum")
TEST_Z3 = _check_module_exists("z3")
TEST_CUDA = torch.cuda.is_available()
TEST_XPU = torch.xpu.is_available()
TEST_MPS = torch.backends.mps.is_available()
TEST_HPU = False
TEST_MKL = torch.backends.mkl.is_available()
TEST_ONEDNN = TEST_MKLDNN = torch.backends.mkldnn.is_available()
TEST_ACL = False
TEST_ACCELERATOR = LazyVal(lambda: torch.accelerator.is_available())
TEST_MULTIACCELERATOR = LazyVal(lambda: torch.accelerator.device_count() > 1)
ACCELERATOR_TYPE = LazyVal(lambda: getattr(torch.accelerator.current_accelerator(check_available=True), "type", None))
TEST_PRIVATEUSE1 = False
TEST_PRIVATEUSE1_DEVICE_TYPE = "privateuseone"
TEST_CUDA_GRAPH = TEST_CUDA_CUDSS = TEST_CUDA_GRAPH_CONDITIONAL_NODES = TEST_CUDA_PYTHON_BINDINGS = False
TEST_TRITON_DSL = TEST_CUTEDSL = TEST_NVMATH = False
TEST_WITH_ASAN = _flag("TEST_WITH_ASAN", "PYTORCH_TEST_WITH_ASAN")
TEST_WITH_DEV_DBG_ASAN = _flag("TEST_WITH_DEV_DBG_ASAN", "PYTORCH_TEST_WITH_DEV_DBG_ASAN")
TEST_WITH_TSAN = _flag("TEST_WITH_TSAN", "PYTORCH_TEST_WITH_TSAN")
TEST_WITH_UBSAN = _flag("TEST_WITH_UBSAN", "PYTORCH_TEST_WITH_UBSAN")
TEST_WITH_ROCM = torch.version.hip is not None
TEST_WITH_MTIA = False
TEST_WITH_MIOPEN_SUGGEST_NHWC = False
TEST_WITH_SLOW = _flag("TEST_WITH_SLOW", "PYTORCH_TEST_WITH_SLOW")
TEST_SKIP_FAST = _flag("TEST_SKIP_FAST", "PYTORCH_TEST_SKIP_FAST")
TEST_SKIP_CUDAGRAPH = _flag("TEST_SKIP_CUDAGRAPH", "PYTORCH_TEST_SKIP_CUDAGRAPH")
TEST_WITH_CROSSREF = _flag("TEST_WITH_CROSSREF", "PYTORCH_TEST_WITH_CROSSREF")
TEST_WITH_SLOW_GRADCHECK = _flag("TEST_WITH_SLOW_GRADCHECK", "PYTORCH_TEST_WITH_SLOW_GRADCHECK")
TEST_CUDA_MEM_LEAK_CHECK = _flag("TEST_CUDA_MEM_LEAK_CHECK", "PYTORCH_TEST_CUDA_MEM_LEAK_CHECK")
TEST_WITH_TORCHDYNAMO = TEST_WITH_TORCHINDUCTOR = TEST_WITH_AOT_EAGER = TEST_WITH_TV = False
TEST_WITHOUT_COMPILED_AUTOGRAD = True
NOTEST_CPU = "cpu" in split_if_not_empty(os.getenv("PYTORCH_TESTING_DEVICE_EXCEPT_FOR", ""))
EXPANDABLE_SEGMENTS = NO_MULTIPROCESSING_SPAWN = False

NATIVE_DEVICES = ("cpu", "cuda", "xpu", "meta", "mps", "mtia", TEST_PRIVATEUSE1_DEVICE_TYPE)
"""Types of devices whose error messages are checked."""
DEVICE_LIST_SUPPORT_PROFILING_TEST = ("cpu", "cuda", "xpu")
FILE_SCHEMA = "file:///" if IS_WINDOWS else "file://"
ADDRESS_IN_USE = "Address already in use"
CONNECT_TIMEOUT = "connect() timed out."
GRAPH_EXECUTOR = ProfilingMode.SIMPLE

__all__ = [name for name in globals() if name.isupper()] + [
    "LazyVal", "ProfilingMode", "TestEnvironment", "_check_module_exists", "split_if_not_empty",
]  # fmt: skip
