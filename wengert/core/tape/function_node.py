# cython: annotation_typing=False
"""The node of a custom Function, as far as the tape alone is concerned; its user's half is in function.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.base import uncompiled as cython
from wengert.core.tape.core import Node, TensorBase, fit_raw, to_array, wrap

_ndarray = np.ndarray


@cython.trashcan(True)
@cython.cclass
class FunctionFields(Node):
    """What the tape keeps of one call of a Function, and the plain half of its sweep.

    _metas: (shape, dtype) of each output, None for what is no tensor.  _fits: the same per
    tensor input.  _places: which arguments are tensors, None if all are.
    """

    __slots__ = ("_metas", "_fits", "_places", "needs_input_grad")

    def vjp(self, g: Any) -> Any:
        """Run the user's rule on tensors that record nothing."""
        if self._outputs == 1:
            given: list[Any] = [g if g is None else wrap(g if type(g) is _ndarray else to_array(g))]
            if g is None:
                self.materialize(given)
        else:
            given = [part if part is None else wrap(to_array(part)) for part in g]
            self.materialize(given)
        rule = self.rule()
        result = rule(self, given) if self._forward_cls.boxed_grads_call else rule(self, *given)
        del given
        if type(result) is not tuple:
            result = (result,)
        fits: Any = self._fits
        if self._places is not None or len(result) != len(fits):
            result = self.at_tensors(result)
        grads: list[Any] = []
        for i in range(len(result)):
            value = result[i]
            if value is None:
                grads.append(None)
                continue
            if not isinstance(value, TensorBase):
                raise self.type_error(value)
            x = value
            a = x._array
            shape, dtype = fits[i]
            if a.dtype is not dtype or a.shape != shape:
                self.check_fit(i, a, shape, dtype)
                a = fit_raw(a, shape, dtype)
            grads.append(a)
        return grads

    def release(self) -> None:
        """Forget the saved tensors; attributes stay."""
        self._saved = None
