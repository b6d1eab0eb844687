"""The machine that kernels are generated for: its instruction set and the width of its vectors."""

from __future__ import annotations

import ctypes
import platform
import sys
from typing import NamedTuple

__all__ = ["AMX", "AVX2", "AVX512", "NEON", "PRESETS", "SSE", "Target", "linux", "of_features"]


class Target(NamedTuple):
    """What text is generated for.

    bits: width of a vector register; fused: multiplies and adds with one rounding; scale: has instructions that
    scale by powers of two and take floats apart (AVX-512); pause: the instruction of a waiting loop.
    """

    name: str
    bits: int
    fused: bool
    scale: bool
    pause: str
    triple: str
    cpu: str
    features: str

    @property
    def registers(self) -> int:
        """Vector registers."""
        return 32 if self.name in ("avx512", "neon") else 16

    @property
    def amx(self) -> bool:
        """Whether it multiplies tiles of bfloat16."""
        return self.name == "avx512" and {"+amx-tile", "+amx-bf16"} <= set(self.features.split(","))

    def without_amx(self) -> Target:
        """The same for a process that may not use tiles."""
        return self._replace(features=self.features.replace("+amx-", "-amx-"))

    def lanes(self, dtype: str) -> int:
        """Elements of a vector of "float" or "double"."""
        return self.bits // (32 if dtype == "float" else 64)


_X86 = "x86_64-unknown-linux-gnu"
_PAUSE = "@llvm.x86.sse2.pause()"
_WIDE = ("avx512f", "avx512vl", "avx512dq", "avx512bw", "fma")
AVX512 = Target("avx512", 512, True, True, _PAUSE, _X86, "skylake-avx512", ",".join("+" + name for name in _WIDE))
AMX = AVX512._replace(cpu="sapphirerapids", features=f"{AVX512.features},+amx-tile,+amx-bf16")
AVX2 = Target("avx2", 256, True, False, _PAUSE, _X86, "haswell", "+avx2,+fma")
SSE = Target("sse", 128, False, False, _PAUSE, _X86, "x86-64-v2", "+sse4.2")
NEON = Target("neon", 128, True, False, "@llvm.aarch64.hint(i32 1)", "aarch64-unknown-linux-gnu", "generic", "+neon")
PRESETS = {target.name: target for target in (AVX512, AVX2, SSE, NEON)}


def of_features(triple: str, cpu: str, features: dict[str, bool]) -> Target | None:
    """The widest target that a CPU with these features runs; None for a CPU that nothing is generated for."""
    flat = ",".join(("+" if on else "-") + name for name, on in sorted(features.items()))
    machine = triple.partition("-")[0]
    if machine in ("aarch64", "arm64"):
        found = NEON
    elif machine != "x86_64":
        return None
    elif all(features.get(name) for name in _WIDE):
        found = AVX512
    elif features.get("avx2") and features.get("fma"):
        found = AVX2
    elif features.get("sse4.1"):
        found = SSE
    else:
        return None
    return found._replace(triple=triple, cpu=cpu, features=flat)


def linux() -> bool:
    """Whether threads can be started and put to sleep by the system calls that the pool is written in."""
    return sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64")


_ARCH_PRCTL, _REQUEST, _TILES = 158, 0x1023, 18  # SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA


def tiles_allowed() -> bool:
    """Whether Linux lets this process use the tiles of AMX; it must be asked once, because they make signals larger."""
    if not linux() or platform.machine() != "x86_64":
        return False
    try:
        return bool(ctypes.CDLL(None).syscall(_ARCH_PRCTL, _REQUEST, _TILES) == 0)
    except (OSError, AttributeError):
        return False


def processor_flags() -> frozenset[str]:
    """The CPU's features as Linux lists them; empty elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith(("flags", "Features")):
                    return frozenset(line.partition(":")[2].split())
    except OSError:
        pass
    return frozenset()


def vendor() -> str:
    """The CPU's maker as Linux names it: "AuthenticAMD", "GenuineIntel"; empty elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("vendor_id"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return ""
