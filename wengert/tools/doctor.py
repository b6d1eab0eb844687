"""`wengert doctor`: what is installed, what runs here, and what each missing extra would bring."""

import importlib.util
import os
import platform
import re
import sys
from importlib import metadata
from types import ModuleType
from typing import NamedTuple

from wengert.core.base import native
from wengert.core.kernels.workshop import finish, order
from wengert.version import release, torch_interface


class Extra(NamedTuple):
    """An optional power: its modules, their distributions, what it is good for, whether this release uses it."""

    name: str
    modules: tuple[str, ...]
    distributions: tuple[str, ...]
    brings: str
    used: bool = False


EXTRAS = (
    Extra(
        "fast",
        ("llvmlite", "scipy_openblas32", "isal"),
        ("llvmlite", "scipy-openblas32", "isal"),
        "fused CPU kernels, faster GEMM, quick checksums of files",
        True,
    ),
    Extra("gpu", ("cupy",), ("cupy-cuda13x",), "tensors on NVIDIA GPUs (1.8 GB)", True),
    Extra(
        "cudnn",
        ("cudnn",),
        ("nvidia-cudnn-frontend", "nvidia-cudnn-cu13"),
        "convolution and attention of cuDNN (1.4 GB)",
    ),
    Extra("nccl", ("nvidia.nccl",), ("nvidia-nccl-cu13",), "collectives between GPUs"),
    Extra("mpi", ("mpi4py",), ("mpi4py",), "training on several processes or machines"),
    Extra("io", ("safetensors",), ("safetensors",), "reading and writing safetensors files", True),
    Extra("viz", ("pygraphviz",), ("pygraphviz",), "Graphviz's own drawings (pages and DOT need nothing)", True),
    Extra("tensorboard", ("tensorboardX",), ("tensorboardX",), "event files for TensorBoard", True),
    Extra("sparse", ("scipy",), ("scipy",), "faster products of sparse matrices, Sobol points of many dims", True),
    Extra("onnx", ("onnx",), ("onnx",), "export to ONNX"),
)

REQUIRED = (("numpy", (2, 1, 2)), ("ml_dtypes", (0, 5)))


def examine(front: ModuleType) -> int:
    """Print what was found about the package `front`; return 0, or 1 if something required is absent or too old."""
    print(f"wengert {release}, interface of torch {torch_interface}, in {os.path.dirname(str(front.__file__))}")
    print(f"Python {platform.python_version()} ({sys.executable}) on {platform.platform(terse=True)}")
    healthy = True
    for name, needed in REQUIRED:
        version = installed_version(name)
        enough = version is not None and numbers(version) >= needed
        healthy &= enough
        print(f"{name} {version or 'missing'}" + ("" if enough else f" - needs {'.'.join(map(str, needed))} or newer"))
    print(f"\ncpu     {processor_name()}, {os.cpu_count()} threads, hot core {core_form()}")
    print(kernel_line())
    for line in gpu_lines(front):
        print(line)
    print("\nextras  (pip install 'wengert[NAME]')")
    for extra in EXTRAS:
        print(extra_line(extra))
    return 0 if healthy else 1


def installed_version(distribution: str) -> str | None:
    """Version of an installed distribution, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: (2, 4, 6) of "2.4.6rc1"."""
    parts = (re.sub(r"\D.*", "", part) for part in version.split("."))
    return tuple(int(part) for part in parts if part)


def absent_modules(extra: Extra) -> list[str]:
    """Modules of `extra` that cannot be imported here; nothing is imported to find out."""
    absent = []
    for module in extra.modules:
        try:
            found = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            found = None
        if found is None:
            absent.append(module)
    return absent


def extra_line(extra: Extra) -> str:
    """One line about `extra`: there with its versions, or missing, and what it brings."""
    later = "" if extra.used else "; this release does not use it yet"
    if absent_modules(extra):
        return f"  - {extra.name:<12} missing: {extra.brings}{later}"
    versions = (installed_version(distribution) for distribution in extra.distributions)
    named = ", ".join(f"{name} {version}" for name, version in zip(extra.distributions, versions) if version)
    return f"  + {extra.name:<12} {extra.brings}{later}" + (f" ({named})" if named else "")


def processor_name() -> str:
    """Name of the CPU as the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def core_form() -> str:
    """Whether the hot core runs compiled or as plain Python, and why."""
    return "compiled" if native.active else f"in plain Python: {native.reason}"


def kernel_line() -> str:
    """Whether machine code is made for large arrays here, found out by making some; if not, why."""
    done = order("doctor", lambda factory: factory.examined())
    finish()
    if done.function is None:
        return f"kernels none: {done.reason}; NumPy computes large arrays"
    return f"kernels {done.function()}"


def gpu_lines(front: ModuleType) -> list[str]:
    """A line for each GPU that `front` can use, or one that says there is none."""
    cuda = getattr(front, "cuda", None)
    if cuda is None or not cuda.is_available():
        return ["cuda    not available"]
    return [f"cuda:{index}  {cuda.get_device_name(index)}" for index in range(cuda.device_count())]
