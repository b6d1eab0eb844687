"""Annotations of torch's compiler (`torch.jit.annotations`): a value, or a list of n of them."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple  # noqa: UP035  (programs take them from here)

from wengert.futures import Future


class BroadcastingListCls:
    """An annotation such as `BroadcastingList2[int]`."""

    def __getitem__(self, types: Any) -> None:
        return None


BroadcastingList1 = BroadcastingList2 = BroadcastingList3 = BroadcastingListCls()
BroadcastingList4 = BroadcastingList5 = BroadcastingList6 = BroadcastingListCls()

__all__ = [
    "BroadcastingList1", "BroadcastingList2", "BroadcastingList3", "BroadcastingListCls", "Dict", "Future", "List",
    "Optional", "Tuple",
]  # fmt: skip
