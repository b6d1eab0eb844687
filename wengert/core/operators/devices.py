"""The devices besides `cpu`, announced here and made when they are first asked for."""

from __future__ import annotations

from typing import Any

from wengert.core.arrays.backend import Backend, use_late
from wengert.core.arrays.cupy_backend import CudaBackend, Library, make_cuda, probe
from wengert.core.arrays.device import set_accelerator_probe
from wengert.core.arrays.meta import MetaArray, MetaBackend
from wengert.core.operators.inference import MetaNamespace
from wengert.core.operators.raw import use_library, use_namespace


def meta() -> Backend:
    """The device without elements."""
    use_namespace(MetaArray, MetaNamespace())
    return MetaBackend()


def cuda() -> Backend:
    """NVIDIA's devices, by CuPy."""
    backend: CudaBackend = make_cuda()
    use_library(backend.array_class, Library(backend.library))
    return backend


def announce() -> None:
    """Make the devices known by name."""
    makers: dict[str, Any] = {"meta": meta, "cuda": cuda}
    for name, make in makers.items():
        use_late(name, make)
    set_accelerator_probe(probe)


announce()
