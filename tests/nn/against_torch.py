"""The same expression on Wengert and, where it is installed, on the real torch; comparing all that comes out."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import wengert
import wengert.nn
import wengert.nn.functional

try:
    import torch as real
    import torch.nn.functional as real_functional
except ImportError:
    real = real_functional = None

needs_torch = pytest.mark.skipif(real is None, reason="torch is not installed")


def values(*shape: int) -> np.ndarray:
    """float32 normals that depend on the shape alone."""
    return np.asarray(np.random.RandomState(sum(shape) * 7 + len(shape)).randn(*shape), "float32")


class Library:
    """The names that an expression sees: F, nn, T(*shape) a constant, P(*shape) a leaf that wants a gradient."""

    def __init__(self, torch: Any, functional: Any) -> None:
        self.torch, self.leaves = torch, []
        self.names = {
            "F": functional,
            "nn": torch.nn,
            "torch": torch,
            "T": lambda *shape: torch.tensor(values(*shape)),
            "P": self.leaf,
        }

    def leaf(self, *shape: int) -> Any:
        x = self.torch.tensor(values(*shape)).requires_grad_()
        self.leaves.append(x)
        return x

    def run(self, text: str) -> Any:
        """The value of an expression, or the exception that it raises."""
        self.torch.manual_seed(3)
        with warnings.catch_warnings(action="ignore"):
            try:
                return eval(text, dict(self.names))
            except Exception as error:
                return error


def both(text: str) -> tuple[Any, Any, Library, Library]:
    """Results of an expression in Wengert and in torch, and the libraries with the leaves they made."""
    ours = Library(wengert, wengert.nn.functional)
    theirs = Library(real, real_functional)
    return ours.run(text), theirs.run(text), ours, theirs


def parts(result: Any) -> list[Any]:
    """The tensors of a result."""
    return [x for x in (result if isinstance(result, tuple) else (result,)) if x is not None]


def close(found: Any, wanted: Any, what: str, tolerance: float = 2e-4) -> None:
    """Assert equality of shape, dtype and value."""
    assert tuple(found.shape) == tuple(wanted.shape), f"{what}: shape {tuple(found.shape)}, torch {tuple(wanted.shape)}"
    assert str(found.dtype) == str(wanted.dtype), f"{what}: {found.dtype}, torch {wanted.dtype}"
    a, b = found.detach().numpy(), wanted.detach().numpy()
    size = max(1.0, float(np.abs(b[np.isfinite(b)]).max())) if b.size and np.isfinite(b).any() else 1.0
    assert np.allclose(a, b, rtol=tolerance, atol=tolerance * size, equal_nan=True), (
        f"{what}: {a.ravel()[:4]}, {b.ravel()[:4]}"
    )


def compare(text: str, names: bool = True) -> None:
    """Values, node names and first gradients of an expression are torch's; so is its error."""
    found, wanted, ours, theirs = both(text)
    if isinstance(found, Exception) or isinstance(wanted, Exception):
        compare_errors(found, wanted)
        return
    for i, (a, b) in enumerate(zip(parts(found), parts(wanted), strict=True)):
        close(a, b, f"result {i}")
    a, b = parts(found)[0], parts(wanted)[0]
    assert a.requires_grad == b.requires_grad
    if not b.requires_grad:
        return
    if names:
        assert type(a.grad_fn).__name__ == type(b.grad_fn).__name__
    if a.numel():
        g = values(*a.shape)
        a.backward(wengert.tensor(g))
        b.backward(real.tensor(g))
        for i, (x, y) in enumerate(zip(ours.leaves, theirs.leaves, strict=True)):
            assert (x.grad is None) == (y.grad is None), f"gradient {i}"
            if x.grad is not None:
                close(x.grad, y.grad, f"gradient {i}")


def compare_errors(found: Any, wanted: Any) -> None:
    """Both are errors, of the same built-in class, and the first words agree."""
    assert isinstance(found, Exception), f"accepted; torch raises {type(wanted).__name__}: {wanted}"
    assert isinstance(wanted, Exception), f"{type(found).__name__}: {found}; torch accepts"
    assert isinstance(found, builtin(wanted)), (
        f"{type(found).__name__}: {found}; torch {type(wanted).__name__}: {wanted}"
    )
    lead = " ".join(str(wanted).split()[:4])
    assert " ".join(str(found).split()).startswith(lead), f"{found}; torch: {wanted}"


def builtin(error: Exception) -> type:
    """The built-in class of an error."""
    return next(c for c in type(error).__mro__ if c.__module__ == "builtins")
