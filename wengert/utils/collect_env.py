"""What this program runs on, as text for reports (`python -m torch.utils.collect_env`)."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from typing import NamedTuple

from wengert.core.arrays import cupy_backend
from wengert.version import release, torch_interface

PACKAGES = ("numpy", "ml_dtypes", "llvmlite", "scipy-openblas32", "cupy", "mpi4py")
"""Packages whose versions matter."""


class SystemEnv(NamedTuple):
    """The facts, as texts."""

    torch_version: str
    wengert_version: str
    python_version: str
    os: str
    processor: str
    cpu_count: str
    is_cuda_available: str
    packages: dict[str, str]


def version_of(package: str) -> str:
    """Version of a package that is installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def get_env_info() -> SystemEnv:
    """The facts about this process."""
    return SystemEnv(
        torch_version=torch_interface,
        wengert_version=release,
        python_version=sys.version.replace("\n", " "),
        os=platform.platform(),
        processor=platform.processor() or platform.machine(),
        cpu_count=str(os.cpu_count()),
        is_cuda_available=str(cupy_backend.is_available()),
        packages={name: version_of(name) for name in PACKAGES},
    )


def pretty_str(envinfo: SystemEnv) -> str:
    """The facts, one on each line."""
    facts = envinfo._asdict()
    packages = facts.pop("packages")
    lines = [f"{name}: {value}" for name, value in facts.items()]
    return "\n".join([*lines, *(f"[{name}] {version}" for name, version in packages.items())])


def get_pretty_env_info() -> str:
    """The facts about this process, one on each line."""
    return pretty_str(get_env_info())


def main() -> None:
    """Print them."""
    print("Collecting environment information...")
    print(get_pretty_env_info())


if __name__ == "__main__":
    main()
