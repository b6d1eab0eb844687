"""Blocks in which settings, files and the state of the process are others, and are put back."""

from __future__ import annotations

import gc
import io
import os
import random
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest import SkipTest

import numpy as np

import wengert as torch
from wengert.testing._internal.environment import SEED
from wengert.testing._utils import freeze_rng_state
from wengert.utils import deterministic


def set_rng_seed(seed: int | None = None) -> None:
    """Seed the generators of this library, of Python and of NumPy."""
    seed = SEED if seed is None else seed
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)


@contextmanager
def set_default_dtype(dtype: Any) -> Iterator[None]:
    """A block with another default dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def set_default_tensor_type(tensor_type: Any) -> Iterator[None]:
    """A block with another default tensor type."""
    before = torch.get_default_dtype()
    torch.set_default_tensor_type(tensor_type)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def set_warn_always_context(new_val: bool) -> Iterator[None]:
    """A block in which warnings that are given once are given every time, or not."""
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(new_val)
    try:
        yield
    finally:
        torch.set_warn_always(before)


class DeterministicGuard:
    """A block with deterministic algorithms on or off."""

    def __init__(self, deterministic: bool, *, warn_only: bool = False, fill_uninitialized_memory: bool = True) -> None:
        self.wanted = deterministic, warn_only, fill_uninitialized_memory

    def __enter__(self) -> None:
        only = torch.is_deterministic_algorithms_warn_only_enabled()
        self.before = torch.are_deterministic_algorithms_enabled(), only, deterministic.fill_uninitialized_memory
        self._apply(self.wanted)

    def __exit__(self, *error: Any) -> None:
        self._apply(self.before)

    def _apply(self, state: tuple[bool, bool, bool]) -> None:
        torch.use_deterministic_algorithms(state[0], warn_only=state[1])
        deterministic.fill_uninitialized_memory = state[2]


class AlwaysWarnTypedStorageRemoval:
    """A block about a warning for typed storages, which is not given here."""

    def __init__(self, always_warn: bool) -> None:
        if not isinstance(always_warn, bool):
            raise AssertionError(f"expected always_warn to be bool, got {type(always_warn)}")
        self.always_warn = always_warn

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        pass


class CudaSyncGuard:
    """A block with another debugging mode of CUDA, where there is one."""

    def __init__(self, sync_debug_mode: Any) -> None:
        self.mode = sync_debug_mode

    def __enter__(self) -> None:
        if torch.cuda.is_available():
            self.before = torch.cuda.get_sync_debug_mode()
            torch.cuda.set_sync_debug_mode(self.mode)

    def __exit__(self, *error: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.set_sync_debug_mode(self.before)


class CudaNonDefaultStream:
    """A block on other streams of CUDA; arrays are computed on one stream here."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        pass


class CudaMemoryLeakCheck(CudaNonDefaultStream):
    """A block after which no memory of CUDA is lost: what it keeps is the allocator's affair here."""

    def __init__(self, testcase: Any, name: str | None = None) -> None:
        self.testcase, self.name = testcase, name


@contextmanager
def disable_gc() -> Iterator[None]:
    """A block without the collector of cycles."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


@contextmanager
def TemporaryFileName(*args: Any, **kwargs: Any) -> Iterator[str]:
    """The name of a file that is removed after the block."""
    if kwargs.pop("delete", False):
        raise UserWarning("only TemporaryFileName with delete=False is supported on Windows.")
    made: Any = tempfile.NamedTemporaryFile
    file = made(*args, delete=False, **kwargs)
    try:
        file.close()
        yield file.name
    finally:
        with suppress(FileNotFoundError):
            os.unlink(file.name)


@contextmanager
def TemporaryDirectoryName(suffix: str | None = None) -> Iterator[str]:
    """The name of a folder that is removed after the block."""
    path = tempfile.mkdtemp(suffix=suffix)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class BytesIOContext(io.BytesIO):
    """A file in memory that stays open after its block."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: Any) -> None:
        pass


@contextmanager
def set_cwd(path: str) -> Iterator[None]:
    """A block in another folder."""
    before = os.getcwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def skip_exception_type(exc_type: Any) -> Iterator[None]:
    """A block whose errors of this type skip the test."""
    try:
        yield
    except exc_type as error:
        raise SkipTest(f"not implemented: {error}") from error


@contextmanager
def print_repro_on_failure(repro_parts: Any) -> Iterator[None]:
    """A block whose errors keep their own words; how to repeat a test is the runner's to say."""
    yield


@contextmanager
def check_leaked_tensors(limit: int = 1, matched_type: Any = torch.Tensor) -> Iterator[list[Any]]:
    """A block that gives a list: after it, the tensors that only the collector of cycles could free, with a warning."""
    before = gc.get_debug()
    found: list[Any] = []
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield found
        gc.collect()
        found += [x for x in gc.garbage if isinstance(x, matched_type)]
        if found:
            text = f"{len(found)} tensors were found in the garbage. Did you introduce a reference cycle?"
            warnings.warn(text, stacklevel=3)
    finally:
        gc.set_debug(before)
        gc.garbage.clear()


__all__ = [
    "AlwaysWarnTypedStorageRemoval", "BytesIOContext", "CudaMemoryLeakCheck", "CudaNonDefaultStream", "CudaSyncGuard",
    "DeterministicGuard", "TemporaryDirectoryName", "TemporaryFileName", "check_leaked_tensors", "disable_gc",
    "freeze_rng_state", "print_repro_on_failure", "set_cwd", "set_default_dtype", "set_default_tensor_type",
    "set_rng_seed", "set_warn_always_context", "skip_exception_type",
]  # fmt: skip
