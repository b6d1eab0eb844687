"""Tensors sorted by device and dtype, for operators over lists of them."""

from __future__ import annotations

from typing import Any


def _group_tensors_by_device_and_dtype(
    tensorlistlist: list[list[Any]], with_indices: bool = False
) -> dict[tuple[Any, Any], tuple[list[list[Any]], list[int]]]:
    """(device, dtype) of the first list's tensors -> the parts of all lists that stand at those places, and the places.

    Without `with_indices` the list of places is empty, as in torch.
    """
    found: dict[tuple[Any, Any], tuple[list[list[Any]], list[int]]] = {}
    for i, x in enumerate(tensorlistlist[0]):
        if x is None:
            continue
        parts, places = found.setdefault((x.device, x.dtype), ([[] for _ in tensorlistlist], []))
        for part, values in zip(parts, tensorlistlist, strict=True):
            if values:
                part.append(values[i])
        if with_indices:
            places.append(i)
    return found


def _get_foreach_kernels_supported_devices() -> list[str]:
    return ["cuda", "xpu", "mtia"]


def _get_fused_kernels_supported_devices() -> list[str]:
    return ["mps", "cuda", "xpu", "hpu", "cpu", "mtia"]


def _device_has_foreach_support(device: Any) -> bool:
    return device.type in ("cpu", *_get_foreach_kernels_supported_devices())


def _has_foreach_support(tensors: list[Any], device: Any) -> bool:
    return _device_has_foreach_support(device)


__all__ = [
    "_device_has_foreach_support", "_get_foreach_kernels_supported_devices", "_get_fused_kernels_supported_devices",
    "_group_tensors_by_device_and_dtype", "_has_foreach_support",
]  # fmt: skip
