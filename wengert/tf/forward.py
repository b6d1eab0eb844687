"""`tf.autodiff.ForwardAccumulator`: tangents that travel with tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.tape.core import RECORDED
from wengert.core.tape.levels import Level, close_level, duals_of, open_level, own_duals, set_duals
from wengert.tf import nest
from wengert.tf.conversion import convert_to_tensor
from wengert.tf.recording import TensorBase
from wengert.tf.slices import IndexedSlices
from wengert.tf.tape import UnconnectedGradients, connection
from wengert.tf.tensor import EagerTensor, from_array
from wengert.tf.variable import Variable


class ForwardAccumulator:
    """Derivatives along a direction, computed beside the values of what runs in its `with` block.

    `tangents` has the structure of `primals`. Accumulators nest: the tangent of an inner one has tangents of the outer.
    Raises ValueError for primals given twice, or structures that differ.
    """

    def __init__(self, primals: Any, tangents: Any):
        nest.assert_same_structure(primals, tangents)
        self.primals = nest.flatten(primals)
        self.tangents = [convert_to_tensor(t) for t in nest.flatten(tangents)]
        if len({id(x) for x in self.primals}) < len(self.primals):
            raise ValueError("Tensor in list of primals is repeated: each may be given once")
        self.level = Level()
        self.recording = False
        self.kept: dict[int, tuple[Any, Any]] = {
            id(x): (x, t) for x, t in zip(self.primals, self.tangents, strict=True) if x._array.dtype.kind in "fVc"
        }

    def __enter__(self) -> ForwardAccumulator:
        if self.recording:
            raise ValueError("Accumulator is already recording.")
        open_level(self.level, False)
        self.level.alive = True
        self.recording = True
        for x, t in self.kept.values():
            for place in places_of(x):
                set_duals(place, {**(own_duals(place) or {}), self.level: t})
                place._flags = place._flags | 16
        return self

    def __exit__(self, typ: Any, value: Any, traceback: Any) -> None:
        self.recording = False
        for x, _ in self.kept.values():
            for place in places_of(x):
                rest = {level: t for level, t in (own_duals(place) or {}).items() if level is not self.level}
                set_duals(place, rest)
        close_level(self.level)

    def jvp(self, primals: Any, unconnected_gradients: Any = UnconnectedGradients.NONE) -> Any:
        """The tangents of `primals`, in their structure; None (or zeros) for what does not depend on the direction."""
        zero = connection(unconnected_gradients) is UnconnectedGradients.ZERO
        return nest.map_structure(lambda x: self.tangent(x, zero), primals)

    def tangent(self, x: Any, zero: bool) -> Any:
        """The tangent of one tensor."""
        if isinstance(x, IndexedSlices):
            return IndexedSlices(self.tangent(x.values, zero), x.indices, x.dense_shape)
        known = self.kept.get(id(x))
        if known is not None:
            return known[1]
        before, self.level.alive = self.level.alive, True
        found = duals_of(x).get(self.level) if isinstance(x, TensorBase) else None
        self.level.alive = before
        if found is None:
            return from_array(np.zeros_like(x._array)) if zero else None
        if not isinstance(found, EagerTensor):
            found = RECORDED.alias(found)
            found.__class__ = EagerTensor
        return found


def places_of(x: Any) -> list[Any]:
    """The tensors that stand for a primal: itself, or the snapshots of a Variable."""
    return x.snapshots() if isinstance(x, Variable) else [x]
