"""Wengert: define-by-run automatic differentiation in Python, with torch's names."""

from __future__ import annotations

import wengert.core.operators.library  # noqa: F401
from wengert.core.operators.record import REGISTRY
from wengert.core.tape.core import RECORDED
from wengert.core.tensor.methods import install_methods
from wengert.core.tensor.tensor import Tensor

install_methods()
for _op in REGISTRY.values():
    if _op.space == "":
        globals()[_op.name] = getattr(Tensor, _op.name, None) if _op.method else getattr(RECORDED, _op.name)
del _op
