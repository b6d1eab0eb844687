"""The real torch as oracle, where it is installed: which function an operator stands for, and calling it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tests.operators.cases import changed, differentiable
from wengert.core.arrays import dtype as dtypes
from wengert.core.operators.record import Op

try:
    import torch as real
except ImportError:
    real = None
else:
    # With the package opt_einsum installed, torch plans products in it, and its errors are raised instead of torch's.
    real.backends.opt_einsum.enabled = False

# Internal records that are one of torch's functions under another name.
INTERNAL = {"view_shape": "Tensor.view"}
NO_ORACLE: dict[str, str] = dict.fromkeys(
    ("linalg_eig", "linalg_eigh", "linalg_svd", "svd"), "vectors have a sign of their own: see test_vectors.py"
)
"""Operators whose torch namesake does something else, and what."""


def oracle_of(op: Op) -> Any:
    """torch's function for a record, or None."""
    if real is None or op.name in NO_ORACLE:
        return None
    for path in paths(op):
        found = resolved(path)
        if found is not None:
            return found
    return None


def paths(op: Op) -> list[str]:
    """Where torch may have it, best first."""
    if op.name in INTERNAL:
        return [INTERNAL[op.name]]
    spaces = {"": [""], "linalg": ["linalg."], "special": ["special."], "fft": ["fft."], "nn": ["nn.functional."]}
    found = [space + op.name for space in spaces.get(op.space, [])]
    if op.method:
        found.append("Tensor." + op.name)
    return found + [alias.replace("nn.", "nn.functional.") for alias in op.aliases]


def resolved(path: str) -> Any:
    """What a dotted path names in torch, or None."""
    found = real
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def to_real(array: np.ndarray) -> Any:
    """An array as a torch tensor of its own."""
    if not array.size:
        return real.zeros(array.shape, dtype=to_real(np.ones(1, array.dtype)).dtype)
    if array.dtype.kind == "V" or str(array.dtype) == "bfloat16":
        return real.from_numpy(np.array(array).view(np.int16)).view(real.bfloat16)
    return real.from_numpy(np.array(array, order="K" if array.size else "C", copy=True))


def laid(sample: Any) -> Any:
    """The sample on torch tensors that lie in memory as its arrays do (negative strides become a copy)."""

    def tensor(array: np.ndarray) -> Any:
        copy = to_real(array)
        if any(stride < 0 or stride % array.itemsize for stride in array.strides):
            return copy
        return real.from_numpy(array)

    args, kwargs = changed(sample, tensor)
    return [attribute(x) for x in args], {key: attribute(value) for key, value in kwargs.items()}


def to_numpy(x: Any) -> Any:
    """A torch tensor as an array; other results as they are."""
    if not isinstance(x, real.Tensor):
        return x
    x = real.zeros(x.shape, dtype=x.dtype) if x._is_zerotensor() else x.detach().resolve_conj().resolve_neg()
    if x.dtype == real.bfloat16:
        return x.contiguous().view(real.int16).numpy().view(dtypes.bfloat16.numpy)
    return x.numpy()


def attribute(value: Any) -> Any:
    """An attribute in torch's words: dtypes by name."""
    if isinstance(value, dtypes.dtype):
        return getattr(real, str(value).removeprefix("torch.").removeprefix("wengert."))
    return value


class RealRun:
    """One call of torch's function on fresh tensors; the mirror image of cases.Run."""

    def __init__(self, function: Any, sample: Any, wants: bool = False) -> None:
        self.tensors: list[Any] = []

        def tensor(array: np.ndarray) -> Any:
            x = to_real(array)
            if wants and differentiable(array):
                x.requires_grad_()
            self.tensors.append(x)
            return x

        args, kwargs = changed(sample, tensor)
        args = [attribute(x) for x in args]
        kwargs = {key: attribute(value) for key, value in kwargs.items()}
        self.inputs = [x for x in self.tensors if x.requires_grad]
        with warnings.catch_warnings(action="ignore"):
            out = function(*args, **kwargs)
        self.results = list(out) if isinstance(out, (tuple, list)) else [out]
        self.moving = [y for y in self.results if isinstance(y, real.Tensor) and y.requires_grad]

    def arrays(self) -> list[Any]:
        """The results as arrays."""
        return [to_numpy(y) for y in self.results]

    def gradients(self, gs: list[Any], create: bool = False) -> list[Any]:
        """Gradients of the inputs, None where nothing arrives."""
        if not self.moving:
            return [None] * len(self.inputs)
        with warnings.catch_warnings(action="ignore"):
            return list(real.autograd.grad(self.moving, self.inputs, gs, create_graph=create, allow_unused=True))


def same_error(ours: BaseException, theirs: BaseException) -> bool:
    """Whether our error is of the built-in class that torch raises."""
    builtin = next(c for c in type(theirs).__mro__ if c.__module__ == "builtins")
    return isinstance(ours, builtin)
