"""Decorators of tests that take a device: for which devices and dtypes they run, and how exactly."""

from __future__ import annotations

import os
import unittest
from collections import namedtuple
from collections.abc import Callable
from functools import wraps
from typing import Any

import wengert as torch
from wengert.testing._internal.environment import NATIVE_DEVICES, TEST_MKL, TEST_ONEDNN
from wengert.testing._internal.marks import unchanged


def when(condition: Callable[[Any], str | None]) -> Callable[[Any], Any]:
    """Skip a test for the reason that `condition(object of the test)` gives."""

    def decorator(fn: Any) -> Any:
        @wraps(fn)
        def wrapper(slf: Any, *args: Any, **kwargs: Any) -> Any:
            reason = condition(slf)
            if reason is not None:
                raise unittest.SkipTest(reason)
            return fn(slf, *args, **kwargs)

        return wrapper

    return decorator


class skipIf:
    """Skip on a type of device, on several, or on all, if `dep` holds: a bool, or the name of an attribute."""

    def __init__(self, dep: Any, reason: str, device_type: Any = None) -> None:
        self.dep, self.reason, self.device_type = dep, reason, device_type

    def __call__(self, fn: Any) -> Any:
        return when(self._reason)(fn)

    def _reason(self, slf: Any) -> str | None:
        kinds = (self.device_type,) if isinstance(self.device_type, str) else self.device_type
        if kinds is not None and slf.device_type not in kinds:
            return None
        held = getattr(slf, self.dep, True) if isinstance(self.dep, str) else self.dep is True
        return self.reason if held else None


def skips_on(name: str, *devices: str) -> Any:
    """A class `skipXIf` for these types of devices."""

    def __init__(self: Any, dep: Any, reason: str) -> None:
        skipIf.__init__(self, dep, reason, device_type=devices if len(devices) > 1 else devices[0])

    kinds = " and ".join(devices)
    return type(name, (skipIf,), {"__init__": __init__, "__doc__": f"Skip on {kinds}.", "__module__": __name__})


skipCPUIf, skipCUDAIf, skipXPUIf = (
    skips_on("skipCPUIf", "cpu"),
    skips_on("skipCUDAIf", "cuda"),
    skips_on("skipXPUIf", "xpu"),
)
skipGPUIf, skipLazyIf = skips_on("skipGPUIf", "cuda", "xpu", "mps"), skips_on("skipLazyIf", "lazy")
skipMetaIf, skipMPSIf = skips_on("skipMetaIf", "meta"), skips_on("skipMPSIf", "mps")
skipHPUIf, skipXLAIf = skips_on("skipHPUIf", "hpu"), skips_on("skipXLAIf", "xla")
skipPRIVATEUSE1If = skips_on("skipPRIVATEUSE1If", "privateuseone")
skipLazy = skipLazyIf(True, "test doesn't work with lazy tensors")
skipMeta = skipMetaIf(True, "test doesn't work with meta tensors")
skipXLA = skipXLAIf(True, "Marked as skipped for XLA")
skipMPS = skipMPSIf(True, "test doesn't work on MPS backend")
skipHPU = skipHPUIf(True, "test doesn't work on HPU backend")
skipXPU = skipXPUIf(True, "test doesn't work on XPU backend")
skipPRIVATEUSE1 = skipPRIVATEUSE1If(True, "test doesn't work on privateuse1 backend")
skipCPUIfNoLapack = skipCPUIf(not torch.has_lapack, "PyTorch compiled without Lapack")
skipCPUIfNoFFT = skipCPUIf(False, "PyTorch is built without FFT support")
skipCPUIfNoMkl = skipCPUIf(not TEST_MKL, "PyTorch is built without MKL support")
skipCPUIfNoMklSparse = skipCPUIf(not TEST_MKL, "PyTorch is built without MKL support")
skipCPUIfNoMkldnn = skipCPUIf(not TEST_ONEDNN, "PyTorch is built without mkldnn support")
skipCUDAIfNoMagma = skipCUDAIfNoCusolver = skipCUDAIfNoMagmaAndNoCusolver = skipCUDAIfNoMagmaAndNoLinalgsolver = (
    unchanged
)
skipCUDAIfNoCusolverROCMIfNoMagma = skipCUDAIfNoCusparseGeneric = skipCUDAIfNoHipsparseGeneric = unchanged
skipCUDAIfNoSparseGeneric = unchanged
skipCUDAIfMiopen = skipCUDAIf(False, "Marked as skipped for MIOpen")
skipCUDAIfNoMiopen = skipCUDAIf(True, "MIOpen is not available")
skipCUDAIfNotRocm = skipCUDAIf(True, "test doesn't currently work on the CUDA stack")
skipCUDAIfNotMiopenSuggestNHWC = skipCUDAIf(True, "test doesn't currently work without MIOpen NHWC activation")


def written_either_way(*args: Any, **kwargs: Any) -> Any:
    """A mark about something that is not here, written `@mark`, `@mark()` or `@mark(msg=...)`."""
    return args[0] if args and callable(args[0]) else unchanged


skipCUDAIfRocm = skipCUDAIfNoCudnn = written_either_way
skipCUDAIfRocmVersionLessThan = skipCUDAIfRocmHipBlasltVersionLessThan = skipCUDAIfCudnnVersionLessThan = (
    written_either_way
)
disablecuDNN = disableMkldnn = unchanged


def skipCUDAVersionIn(versions: Any = None) -> Any:
    """Skip on these versions of CUDA."""
    found = tuple(int(part) for part in (torch.version.cuda or "0.0").split(".")[:2])
    return skipCUDAIf(found != (0, 0) and found in (versions or []), f"test skipped for CUDA version {found}")


def skipCUDAIfVersionLessThan(versions: Any = None) -> Any:
    """Skip on older versions of CUDA."""
    found = tuple(int(part) for part in (torch.version.cuda or "0.0").split(".")[:2])
    return skipCUDAIf(found != (0, 0) and found < tuple(versions or ()), f"test skipped for CUDA versions < {versions}")


class onlyOn:
    """Run on one type of device, or on several."""

    def __init__(self, device_type: Any) -> None:
        self.device_type = device_type

    def __call__(self, fn: Any) -> Any:
        return when(self._reason)(fn)

    def _reason(self, slf: Any) -> str | None:
        known = slf.device_type in self.device_type or getattr(slf, "bypass_device_restrictions", False)
        return None if known else f"Only runs on {self.device_type}"


onlyCPU, onlyCUDA, onlyMPS, onlyXPU, onlyHPU = (onlyOn(kind) for kind in ("cpu", "cuda", "mps", "xpu", "hpu"))
onlyPRIVATEUSE1 = onlyOn("privateuseone")
onlyCUDAAndPRIVATEUSE1 = onlyOn(["cuda", "privateuseone"])
onlyAccelerator = when(lambda slf: "onlyAccelerator: doesn't run on cpu" if slf.device_type == "cpu" else None)


def onlyNativeDeviceTypesAnd(devices: Any = None) -> Any:
    """Run on the types of devices that this library knows, and on these."""
    known = (*NATIVE_DEVICES, *(devices or ()))
    return when(
        lambda slf: (
            None
            if slf.device_type in known
            else f"onlyNativeDeviceTypesAnd {devices} : doesn't run on {slf.device_type}"
        )
    )


onlyNativeDeviceTypes = when(
    lambda slf: (
        None if slf.device_type in NATIVE_DEVICES else f"onlyNativeDeviceTypes: doesn't run on {slf.device_type}"
    )
)


class expectedFailure:
    """Expect a test to fail on a type of device, and for a dtype if one is given."""

    def __init__(self, device_type: Any, dtype: Any = None) -> None:
        self.device_type, self.dtype = device_type, dtype

    def __call__(self, fn: Any) -> Any:
        @wraps(fn)
        def wrapper(slf: Any, *args: Any, **kwargs: Any) -> Any:
            kind = getattr(slf, "device_type", None) or slf.device
            dtype = kwargs.get("dtype", getattr(slf, "dtype", None))
            if self.device_type not in (None, kind) or self.dtype not in (None, dtype):
                return fn(slf, *args, **kwargs)
            try:
                fn(slf, *args, **kwargs)
            except Exception:
                return None
            return slf.fail("expected test to fail, but it passed")

        return wrapper


expectedFailureCPU, expectedFailureCUDA, expectedFailureXPU = (expectedFailure(kind) for kind in ("cpu", "cuda", "xpu"))
expectedFailureMeta, expectedFailureXLA, expectedFailureHPU = (expectedFailure(kind) for kind in ("meta", "xla", "hpu"))
expectedFailureMPS = expectedFailure("mps")
expectedFailureMPSComplex = expectedFailureMPSPre14 = expectedFailureMPSPre15 = unchanged


class deviceCountAtLeast:
    """Run where there are so many devices of a type; the test takes `devices`."""

    def __init__(self, num_required_devices: int) -> None:
        self.num_required_devices = num_required_devices

    def __call__(self, fn: Any) -> Any:
        if hasattr(fn, "num_required_devices"):
            raise AssertionError(f"deviceCountAtLeast redefinition for {fn.__name__}")
        fn.num_required_devices = self.num_required_devices

        @wraps(fn)
        def wrapper(slf: Any, devices: Any, *args: Any, **kwargs: Any) -> Any:
            if len(devices) < self.num_required_devices:
                raise unittest.SkipTest(f"fewer than {self.num_required_devices} devices detected")
            return fn(slf, devices, *args, **kwargs)

        return wrapper


def _has_sufficient_memory(device: Any, size: int) -> bool:
    """Whether a device has this much memory left."""
    if torch.device(device).type == "cuda":
        return torch.cuda.is_available() and torch.cuda.mem_get_info()[0] >= size
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >= size
    except (AttributeError, OSError, ValueError):
        return False


def largeTensorTest(size: Any, device: Any = None, inductor: bool = False) -> Any:
    """Run where there is so much memory: a number of bytes, "12GB", or a function of the test's arguments."""
    if isinstance(size, str):
        if not size.endswith(("GB", "gb")):
            raise AssertionError(f"only bytes or GB supported, got {size!r}")
        size = 1024**3 * int(size[:-2])

    def decorator(fn: Any) -> Any:
        @wraps(fn)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            wanted = size(self, *args, **kwargs) if callable(size) else size
            place = device or (self.get_primary_device() if hasattr(self, "get_primary_device") else self.device)
            if not _has_sufficient_memory(place, wanted):
                raise unittest.SkipTest(f"Insufficient {place} memory")
            return fn(self, *args, **kwargs)

        return wrapper

    return decorator


tol = namedtuple("tol", ["atol", "rtol"])


def check_table(table: Any, name: str, kind: str, value: Any = object) -> None:
    """Refuse what is not a dictionary from dtypes to such values."""
    if not isinstance(table, dict) or not all(isinstance(x, value) for x in table.values()):
        raise AssertionError(f"{name} not given a dtype : {kind} dict!")
    for dtype in table:
        if not isinstance(dtype, torch.dtype):
            raise AssertionError(f"{name} given unknown dtype {dtype}")


class precisionOverride:
    """The least absolute tolerance of `assertEqual` in a test, by dtype: {torch.half: 1e-2}."""

    def __init__(self, d: dict[Any, float]) -> None:
        check_table(d, "precisionOverride", "precision")
        self.d = d

    def __call__(self, fn: Any) -> Any:
        fn.precision_overrides = self.d
        return fn


class toleranceOverride:
    """The least tolerances of `assertEqual` in a test, by dtype: {torch.half: tol(atol=1e-2, rtol=0)}."""

    def __init__(self, d: dict[Any, Any]) -> None:
        check_table(d, "toleranceOverride", "tol", tol)
        self.d = d

    def __call__(self, fn: Any) -> Any:
        fn.tolerance_overrides = self.d
        return fn


class dtypes:
    """A test for each dtype, which it takes as `dtype`; for each tuple of them, which it takes as `dtypes`."""

    def __init__(self, *args: Any, device_type: str = "all") -> None:
        several = bool(args) and isinstance(args[0], (list, tuple))
        for arg in args:
            if several and not isinstance(arg, (list, tuple)):
                raise AssertionError(
                    "When one dtype variant is a tuple or list, all dtype variants must be. "
                    f"Received non-list non-tuple dtype {arg}"
                )
            if not all(isinstance(dtype, torch.dtype) for dtype in (arg if several else [arg])):
                raise AssertionError(f"Unknown dtype in {arg if several else args}")
        self.args, self.device_type = args, device_type

    def __call__(self, fn: Any) -> Any:
        table = getattr(fn, "dtypes", {})
        if self.device_type in table:
            raise AssertionError(f"dtypes redefinition for {self.device_type}")
        table[self.device_type] = self.args
        fn.dtypes = table
        return fn


def dtypes_on(name: str, device: str) -> Any:
    """A class `dtypesIfX`: the dtypes on one type of device."""

    def __init__(self: Any, *args: Any) -> None:
        dtypes.__init__(self, *args, device_type=device)

    return type(name, (dtypes,), {"__init__": __init__, "__doc__": f"The dtypes on {device}.", "__module__": __name__})


dtypesIfCPU, dtypesIfCUDA, dtypesIfXPU = (dtypes_on(f"dtypesIf{kind.upper()}", kind) for kind in ("cpu", "cuda", "xpu"))
dtypesIfMPS, dtypesIfHPU = (dtypes_on(f"dtypesIf{kind.upper()}", kind) for kind in ("mps", "hpu"))
dtypesIfPRIVATEUSE1 = dtypes_on("dtypesIfPRIVATEUSE1", "privateuseone")


def has_cusolver() -> bool:
    """Whether cuSOLVER is used: it is not."""
    return False


has_hipsolver = has_cusolver


def get_all_device_types() -> list[str]:
    """The types of devices of this machine."""
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def flex_attention_supported_platform(fn: Any) -> Any:
    """The test itself: flexible attention runs wherever NumPy does."""
    return fn


__all__ = [
    name
    for name in globals()
    if name.startswith(("skip", "only", "dtypesIf", "expectedFailure", "disable", "has_")) and name != "skips_on"
] + [
    "deviceCountAtLeast", "dtypes", "flex_attention_supported_platform", "get_all_device_types", "largeTensorTest",
    "precisionOverride", "tol", "toleranceOverride",
]  # fmt: skip
