"""Memory exchanged with other libraries by DLPack (`torch.utils.dlpack`)."""

from __future__ import annotations

import enum

from wengert.core.tensor.data import from_dlpack
from wengert.core.tensor.interchange import to_dlpack


class DLDeviceType(enum.IntEnum):
    """DLPack's numbers of device kinds."""

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3
    kDLOpenCL = 4
    kDLVulkan = 7
    kDLMetal = 8
    kDLROCM = 10
    kDLCUDAManaged = 13
    kDLOneAPI = 14


__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]
