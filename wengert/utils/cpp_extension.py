"""Building C++ for torch (`torch.utils.cpp_extension`): there is nothing to build against, and each use says so."""

from __future__ import annotations

from typing import Any, NoReturn

from wengert.core.base.errors import MissingError

CUDA_HOME = ROCM_HOME = SYCL_HOME = None
IS_HIP_EXTENSION = False
IS_WINDOWS = False


def _refuse(name: str) -> NoReturn:
    raise MissingError(
        f"torch.utils.cpp_extension.{name} needs torch's C++ library, which Wengert does not have: write the "
        "operator in Python (torch.autograd.Function, torch.library.custom_op)"
    )


class BuildExtension:
    """The command that builds extensions.

    Raises: MissingError when it is made.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse("BuildExtension")

    @classmethod
    def with_options(cls, **options: Any) -> Any:
        """A command with options; it is refused when it is made."""
        return cls


def CppExtension(*args: Any, **kwargs: Any) -> NoReturn:
    """Not available.  Raises: MissingError."""
    _refuse("CppExtension")


def CUDAExtension(*args: Any, **kwargs: Any) -> NoReturn:
    """Not available.  Raises: MissingError."""
    _refuse("CUDAExtension")


def load(name: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Not available.  Raises: MissingError."""
    _refuse("load")


def load_inline(name: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Not available.  Raises: MissingError."""
    _refuse("load_inline")


def include_paths(device_type: str = "cpu", *args: Any, **kwargs: Any) -> list[str]:
    """Folders with headers: none."""
    return []


def library_paths(device_type: str = "cpu", *args: Any, **kwargs: Any) -> list[str]:
    """Folders with libraries: none."""
    return []


def is_ninja_available() -> bool:
    """False: nothing is built."""
    return False


__all__ = [
    "CUDA_HOME", "BuildExtension", "CUDAExtension", "CppExtension", "include_paths", "is_ninja_available",
    "library_paths", "load", "load_inline",
]  # fmt: skip
