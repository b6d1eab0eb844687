"""Histories further out of saved values under hooks.

A pack hook sees values, and what it makes of a batch or of a dual tensor has no history at the levels further out: of
the tensor that holds the batch, of the tangents.  They are noted before, and given to what the unpack hook gives back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.tape.batching import BatchedArray
from wengert.core.tape.core import NR_SHIFT, TensorBase
from wengert.core.tape.levels import BATCHED, DUAL, copy_of, duals_of, set_duals


class Histories:
    """What lies behind a tensor: its own node and output number, and the same of its batch and of its tangents."""

    __slots__ = ("node", "nr", "batch", "tangents")

    def __init__(self, x: Any, own: bool = True) -> None:
        wanted = own and x._flags & 1
        self.node: Any = x._node if wanted else None
        self.nr: int = x._flags >> NR_SHIFT if wanted else 0
        self.batch = Histories(x._array.value) if x._flags & BATCHED else None
        self.tangents = {level: Histories(t) for level, t in duals_of(x).items()} if x._flags & DUAL else {}

    def some(self) -> bool:
        """Whether there is any history."""
        if self.node is not None or self.batch is not None and self.batch.some():
            return True
        return any(h.some() for h in self.tangents.values())

    def given_to(self, x: Any) -> Any:
        """x with these histories, as far as it has the same marks."""
        if not self.some():
            return x
        out = copy_of(x)
        if self.node is not None:
            out._node = self.node
            out._flags = out._flags & ((1 << NR_SHIFT) - 1) | 1 | self.nr << NR_SHIFT
        if self.batch is not None and x._flags & BATCHED:
            array = x._array
            out._array = BatchedArray(self.batch.given_to(array.value), array.dim, array.level)
        if self.tangents and x._flags & DUAL:
            found = duals_of(x).items()
            set_duals(out, {k: self.tangents[k].given_to(t) if k in self.tangents else t for k, t in found})
        return out


def remembering(unpack: Callable[[Any], Any], x: Any) -> Callable[[Any], Any]:
    """An unpack hook whose results have the histories further out of the marked tensor x."""
    histories = Histories(x, own=False)
    if not histories.some():
        return unpack

    def unpacked(made: Any) -> Any:
        out = unpack(made)
        return histories.given_to(out) if isinstance(out, TensorBase) else out

    return unpacked


__all__ = ["remembering"]
