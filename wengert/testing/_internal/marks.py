"""Decorators that skip tests, expect them to fail, or run them under other settings."""

from __future__ import annotations

import sys
import sysconfig
import unittest
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

import wengert as torch
from wengert.testing._internal import environment as env
from wengert.testing._internal.guards import DeterministicGuard

Decorator = Callable[[Any], Any]


def lazy_skip_if(condition_fn: Callable[[], bool], reason: str) -> Decorator:
    """Skip a test or a class of tests; the condition is asked when the test runs, for a class at once."""

    def decorator(fn: Any) -> Any:
        if isinstance(fn, type):
            return skipped_class(fn, reason) if condition_fn() else fn

        @wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if condition_fn():
                raise unittest.SkipTest(reason)
            return fn(*args, **kwargs)

        return wrapper

    return decorator


def skipped_class(cls: Any, reason: str) -> Any:
    """Mark a class so that unittest skips its tests."""
    cls.__unittest_skip__, cls.__unittest_skip_why__ = True, reason
    return cls


def with_or_without(condition: Callable[[], bool], reason: str) -> Any:
    """A mark that is written `@mark`, `@mark()` or `@mark(msg=...)`."""

    def mark(func: Any = None, *, msg: str = reason) -> Any:
        decorator = lazy_skip_if(condition, msg)
        return decorator if func is None else decorator(func)

    return mark


def with_message(condition: Callable[[], bool], reason: str) -> Any:
    """A mark that is written `@mark()` or `@mark("why")`."""

    def mark(msg: str = reason, condition: Any = condition) -> Decorator:
        if not isinstance(msg, str):
            raise AssertionError("the mark is written with parentheses: @mark() or @mark('why')")
        return lazy_skip_if(condition if callable(condition) else lambda: bool(condition), msg)

    return mark


def never() -> bool:
    """A condition that holds on no machine that runs this library."""
    return False


skipIfRocm = with_or_without(lambda: env.TEST_WITH_ROCM, "test doesn't currently work on the ROCm stack")
skipIfXpu = with_or_without(lambda: env.TEST_XPU, "test doesn't currently work on the XPU stack")
skipIfWindows = with_or_without(lambda: env.IS_WINDOWS, "test doesn't currently work on the Windows stack")
skipIfWindowsXPU = with_or_without(never, "test doesn't currently work on the Windows stack")
skipIfTorchDynamo = with_message(never, "test doesn't currently work with dynamo")
skipIfTorchInductor = with_message(never, "test doesn't currently work with torchinductor")
skipRocmIfTorchInductor = with_message(never, "test doesn't currently work with torchinductor on the ROCm stack")
skipIfLegacyJitExecutor = with_message(never, "test doesn't currently work with legacy JIT executor")
skipIfNNModuleInlined = with_message(never, "test doesn't currently work with nn module inlining")
skipIfFreeThreaded = with_message(
    lambda: sysconfig.get_config_var("Py_GIL_DISABLED") == 1, "Test doesn't work with free-threaded python"
)
skipIfMPS = lazy_skip_if(lambda: env.TEST_MPS, "test doesn't currently work with MPS")
skipIfHpu = lazy_skip_if(lambda: env.TEST_HPU, "test doesn't currently work with HPU")
skipIfCrossRef = lazy_skip_if(lambda: env.TEST_WITH_CROSSREF, "test doesn't currently with crossref")
skipIfNoLapack = lazy_skip_if(lambda: not torch.has_lapack, "PyTorch compiled without Lapack")
skipIfNoSciPy = lazy_skip_if(lambda: not env.TEST_SCIPY, "test require SciPy, but SciPy not found")
skipIfNoDill = unittest.skipIf(not env.TEST_DILL, "no dill")
skipIfNoXNNPACK = unittest.skip("XNNPACK must be enabled for these tests: there is none here")
skipIfNoXPU = lazy_skip_if(lambda: not env.TEST_XPU, "test required PyTorched compiled with XPU")
skipIfCompiledWithoutNumpy = unittest.skipIf(not env.TEST_NUMPY, "PyTorch was compiled without numpy support")
skipIfNoTritonDSL = unittest.skip("Triton DSL not available")
skipIfNoCuteDSL = unittest.skip("CuTeDSL not available")
skipIfNoNvmath = unittest.skip("nvmath-python not available")
skipIfCachingAllocatorDisabled = lazy_skip_if(never, "requires the caching allocator of CUDA")
skipIfSlowGradcheckEnv = unittest.skipIf(
    env.TEST_WITH_SLOW_GRADCHECK, "Tests that don't use gradcheck don't need to run on slow_gradcheck CI"
)
skip_if_pytest = lazy_skip_if(lambda: "PYTEST_CURRENT_TEST" in env.os.environ, "does not work under pytest")
requires_cuda = unittest.skipUnless(env.TEST_CUDA, "Requires CUDA")
requires_mkl = unittest.skipUnless(env.TEST_MKL, "Test requires MKL")
requires_onednn = unittest.skipUnless(env.TEST_ONEDNN, "Test requires OneDNN/MKLDNN")


def xfailIf(condition: Any) -> Decorator:
    """Expect a test to fail if the condition holds."""
    return lambda func: unittest.expectedFailure(func) if condition else func


xfailIfTorchDynamo = xpassIfTorchDynamo_np = xfailIfACL = xfailIf(False)
xfailIfPy312Plus = xfailIf(sys.version_info >= (3, 12))
xfailIfLinux = xfailIf(env.IS_LINUX and not env.TEST_WITH_ROCM and not env.IS_FBCODE)
xfailIfWindows = xfailIf(env.IS_WINDOWS)
xfailIfROCm = xfailIf(env.TEST_WITH_ROCM)
xfailIfS390X = xfailIf(env.IS_S390X)


def skipIfRocmArch(arch: Any) -> Decorator:
    """Skip on these architectures of ROCm: none is here."""
    return lambda fn: fn


def skipIfRocmVersionLessThan(version: Any = None) -> Decorator:
    """Skip on an older ROCm: there is none here."""
    return lambda fn: fn


def runOnRocm(fn: Any) -> Any:
    """Run only on ROCm."""
    return lazy_skip_if(lambda: not env.TEST_WITH_ROCM, "test currently only works on the ROCm stack")(fn)


def runOnRocmArch(arch: Any) -> Decorator:
    """Run only on these architectures of ROCm."""
    return runOnRocm


def skipIfNotMiopenSuggestNHWC(fn: Any) -> Any:
    """Run only where MIOpen prefers channels last."""
    return lazy_skip_if(lambda: True, "test doesn't currently work without MIOpen NHWC activation")(fn)


def skipIfPythonVersionMismatch(predicate: Callable[..., bool]) -> Decorator:
    """Skip unless `predicate(major, minor, micro)` holds."""
    version = sys.version_info
    return lazy_skip_if(lambda: not predicate(version.major, version.minor, version.micro), "Python version mismatch")


def skipIfNotRegistered(op_name: str, message: str) -> Decorator:
    """Skip: the operators of Caffe2 are not here."""
    return unittest.skip("Pytorch is compiled without Caffe2")


def skip_but_pass_in_sandcastle_if(condition: Any, reason: str) -> Decorator:
    """Skip if the condition holds."""
    return unittest.skipIf(bool(condition), reason)


def skip_but_pass_in_sandcastle(reason: str) -> Decorator:
    """Skip."""
    return unittest.skip(reason)


def slowTest(fn: Any) -> Any:
    """Run only where PYTORCH_TEST_WITH_SLOW=1 is set."""
    made = lazy_skip_if(lambda: not env.TEST_WITH_SLOW, "test is slow; run with PYTORCH_TEST_WITH_SLOW to enable test")(
        fn
    )
    made.slow_test = True
    return made


def slowTestIf(condition: Any) -> Decorator:
    """`slowTest` if the condition holds."""
    return slowTest if condition else lambda fn: fn


def serialTest(condition: bool = True) -> Decorator:
    """Mark a test that must not run beside others; a mark for pytest alone."""
    if type(condition) is not bool:
        raise AssertionError(f"expected condition to be bool, got {type(condition)}")
    return lambda fn: sys.modules["pytest"].mark.serial(fn) if condition and "pytest" in sys.modules else fn


def suppress_warnings(fn: Any) -> Any:
    """Run a test without warnings."""

    @wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fn(*args, **kwargs)

    return wrapper


def marked(name: str, condition: Any) -> Decorator:
    """A decorator that writes down that a check of CUDA is not wanted."""

    def decorator(fn: Any) -> Any:
        if getattr(fn, name, True):
            setattr(fn, name, not condition)
        return fn

    return decorator


def skipCUDAMemoryLeakCheckIf(condition: Any) -> Decorator:
    """Do not look for leaked memory of CUDA if the condition holds."""
    return marked("_do_cuda_memory_leak_check", condition)


def skipCUDANonDefaultStreamIf(condition: Any) -> Decorator:
    """Do not run on another stream of CUDA if the condition holds."""
    return marked("_do_cuda_non_default_stream", condition)


def unMarkDynamoStrictTest(cls: Any = None) -> Any:
    """A mark about compiled runs; programs run eagerly here, so it is only written down."""

    def decorator(target: Any) -> Any:
        target.dynamo_strict = False
        return target

    return decorator if cls is None else decorator(cls)


def markDynamoStrictTest(cls_or_func: Any = None, nopython: bool = False) -> Any:
    """A mark about compiled runs; programs run eagerly here, so it is only written down."""

    def decorator(target: Any) -> Any:
        target.dynamo_strict, target.dynamo_strict_nopython = True, nopython
        return target

    return decorator if cls_or_func is None else decorator(cls_or_func)


def make_dynamo_test(fn: Any = None, *args: Any, **kwargs: Any) -> Any:
    """The test itself: there is nothing to compile."""
    return (lambda function: function) if fn is None else fn


def runWithoutCompiledAutograd(msg: str = "test doesn't currently work with compiled autograd") -> Decorator:
    """The test itself: backward passes are never compiled here."""
    return lambda fn: fn


def unchanged(fn: Any) -> Any:
    """A decorator for settings that do not exist here."""
    return fn


setLinalgBackendsToDefaultFinally = setBlasBackendsToDefaultFinally = setSdpaBackendsToDefaultFinally = unchanged
recover_orig_fp32_precision = with_ieee_matmul_precision = gcIfJetson = unchanged
xfailIfNoAcceleratorTriton = unchanged


def wrapDeterministicFlagAPITest(fn: Any) -> Any:
    """Run a test that sets deterministic algorithms, and put the setting back."""

    @wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
        with DeterministicGuard(torch.are_deterministic_algorithms_enabled(), warn_only=warn_only):
            fn(*args, **kwargs)

    return wrapper


def xfail_inherited_tests(tests: Any) -> Decorator:
    """Expect inherited tests of these names to fail."""

    def decorator(cls: Any) -> Any:
        for name in tests:
            inherited = getattr(cls, name)
            setattr(cls, name, unittest.expectedFailure(wraps(inherited)(lambda self, f=inherited: f(self))))
        return cls

    return decorator


def patch_test_members(updates: dict[str, Any]) -> Decorator:
    """Run a test with attributes of its object replaced."""

    def decorator(fn: Any) -> Any:
        @wraps(fn)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            before = {name: getattr(self, name) for name in updates}
            self.__dict__.update(updates)
            try:
                return fn(self, *args, **kwargs)
            finally:
                for name, value in before.items():
                    setattr(self, name, value)

        return wrapper

    return decorator


def scoped_load_inline(func: Any) -> Any:
    """Skip a test that compiles C++ against torch's library."""
    return unittest.skip("extensions in C++ cannot be loaded: there is no libtorch")(func)


def coalescedonoff(f: Any) -> Any:
    """Run a test of sparse tensors twice: with coalesced ones and with others."""

    @wraps(f)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        f(self, *args, **kwargs, coalesced=True)
        f(self, *args, **kwargs, coalesced=False)

    return wrapped


__all__ = [name for name in globals() if name.startswith(("skip", "xfail", "xpass", "run", "requires", "set"))] + [
    "coalescedonoff", "gcIfJetson", "lazy_skip_if", "make_dynamo_test", "markDynamoStrictTest", "patch_test_members",
    "recover_orig_fp32_precision", "scoped_load_inline", "serialTest", "slowTest", "slowTestIf", "suppress_warnings",
    "unMarkDynamoStrictTest", "with_ieee_matmul_precision", "wrapDeterministicFlagAPITest",
]  # fmt: skip
