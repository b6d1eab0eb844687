"""What the namespace can do, asked by programs: the standard's inspection functions."""

from __future__ import annotations

from typing import Any

from wengert.array_api.types import NAMES, complex_of, default_float, isdtype
from wengert.core.arrays import device as devices
from wengert.core.arrays import dtype as dtypes


class Info:
    """Capabilities, devices and dtypes of the namespace."""

    def capabilities(self) -> dict[str, Any]:
        """Masks as indices, shapes that depend on data, and the largest number of dims."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> Any:
        """Where new tensors are made."""
        return devices.get_default_device()

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """The dtypes of new tensors, which follow `set_default_dtype`."""
        floating, whole = default_float(), dtypes.ALL["int64"]
        return {
            "real floating": floating, "complex floating": complex_of(floating), "integral": whole, "indexing": whole,
        }  # fmt: skip

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        """The dtypes of a kind by name; all for None."""
        every = {name: dtypes.ALL[name] for name in NAMES}
        return every if kind is None else {name: each for name, each in every.items() if isdtype(each, kind)}

    def devices(self) -> list[Any]:
        """The devices there are."""
        return [devices.device("cpu"), devices.device("meta")]


def __array_namespace_info__() -> Info:  # noqa: N807
    """What this namespace can do."""
    return Info()
