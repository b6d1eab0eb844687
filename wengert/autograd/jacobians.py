"""Jacobians as the gradient checks form them, under torch's old names."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.autograd.mismatch import GradcheckError
from wengert.core.base.errors import ArgumentError, ValueRangeError
from wengert.core.tape.backward import grad as tape_grad
from wengert.core.tape.core import TensorBase, wrap
from wengert.core.tensor.tensor import Tensor

__all__ = ["get_analytical_jacobian", "get_numerical_jacobian", "get_numerical_jacobian_wrt_specific_input"]


def _tensors(values: Any) -> tuple[Any, ...]:
    """The tensors among inputs or outputs."""
    items = values if isinstance(values, (tuple, list)) else (values,)
    return tuple(x for x in items if isinstance(x, Tensor))


# ---------------------------------------------------------------- numerical side


def _evaluate(func: Callable[..., Any], inputs: tuple[Any, ...]) -> list[Any]:
    """Outputs as flat arrays."""
    outputs = _tensors(func(*inputs))
    return [np.array(y._array).reshape(-1) for y in outputs if y._array.dtype.kind in "fcV"]


def _difference(func: Callable[..., Any], inputs: tuple[Any, ...], x: Any, step: Any) -> list[Any]:
    """(f(x + step) - f(x - step)) / 2 with x moved in place and put back."""
    a = x._array
    saved = a.copy()
    try:
        a[...] = saved + step
        above = _evaluate(func, inputs)
        a[...] = saved - step
        below = _evaluate(func, inputs)
    finally:
        a[...] = saved
    return [(p - m) / 2 for p, m in zip(above, below, strict=True)]


def _numerical(func: Callable[..., Any], inputs: tuple[Any, ...], x: Any, eps: float, outputs: int) -> list[Any]:
    """Per output (d real part, d imaginary part) of shape (x.numel, y.numel)."""
    rows: list[list[tuple[Any, Any]]] = [[] for _ in range(outputs)]
    size = x._array.size
    is_complex = x._array.dtype.kind == "c"
    for k in range(size):
        unit = np.zeros(size, x._array.dtype)
        unit[k] = eps
        unit = unit.reshape(x._array.shape)
        along = [d / eps for d in _difference(func, inputs, x, unit)]
        across = [d / eps for d in _difference(func, inputs, x, unit * 1j)] if is_complex else None
        for j in range(outputs):
            real, imag = along[j].real, along[j].imag
            if across is not None:
                real, imag = real + 1j * across[j].real, imag + 1j * across[j].imag
            rows[j].append((real, imag))
    return [
        (
            np.array([r for r, _ in row]).reshape(size, -1 if size else 0),
            np.array([i for _, i in row]).reshape(size, -1 if size else 0),
        )
        for row in rows
    ]


# ---------------------------------------------------------------- analytical side


def _sweep(y: Any, inputs: tuple[Any, ...], weight: Any) -> tuple[Any, ...]:
    """Gradients of one output under one weight, as arrays; None where no path leads."""
    found = tape_grad(y, inputs, weight, retain_graph=True, allow_unused=True)
    return tuple(None if g is None else g._array for g in found)


def _analytical(y: Any, inputs: tuple[Any, ...], unit: complex) -> list[Any]:
    """Per input the Jacobian (x.numel, y.numel) from sweeps with `unit` at one output element each."""
    size = y._array.size
    columns: list[list[Any]] = [[] for _ in inputs]
    for k in range(size):
        weight = np.zeros(size, y._array.dtype)
        weight[k] = unit
        grads = _sweep(y, inputs, wrap(weight.reshape(y._array.shape)))
        for column, g, x in zip(columns, grads, inputs, strict=True):
            if g is not None and g.shape != x._array.shape:
                raise GradcheckError("Analytical gradient has incorrect size")
            column.append(np.zeros(x._array.size, x._array.dtype) if g is None else np.array(g).reshape(-1))
    return [
        np.array(column).T if column else np.zeros((x._array.size, 0), x._array.dtype)
        for column, x in zip(columns, inputs, strict=True)
    ]


# ---------------------------------------------------------------- under the old names


def deprecated(name: str, grad_out: Any) -> None:
    """Say that a function was never meant to be public, and refuse what it no longer takes."""
    warnings.warn(
        f"`{name}` was part of PyTorch's private API and not meant to be exposed. It is kept for old programs.",
        FutureWarning,
        stacklevel=3,
    )
    if grad_out != 1.0:
        raise ValueRangeError(f"Expected grad_out to be 1.0. {name} no longer supports values of grad_out != 1.0.")


def outputs_of(values: Any) -> tuple[Any, ...]:
    """What a function returned, as a tuple."""
    return tuple(values) if isinstance(values, (tuple, list)) else (values,)


def get_numerical_jacobian(
    fn: Callable[[Any], Any], inputs: Any, target: Any = None, eps: float = 1e-3, grad_out: float = 1.0
) -> tuple[Any, ...]:
    """Per input of `target` (default: of `inputs`) that requires grad the Jacobian (numel of input, numel of output).

    fn is given the tuple of inputs; its outputs must all be real.  From central differences with step `eps`.
    """
    deprecated("get_numerical_jacobian", grad_out)
    items = outputs_of(inputs)
    outputs = outputs_of(fn(items))
    if any(y._array.dtype.kind == "c" for y in outputs):
        raise ValueRangeError("Expected output to be non-complex. get_numerical_jacobian no longer supports it.")
    wanted = [x for x in outputs_of(items if target is None else target) if isinstance(x, TensorBase) and x._flags & 1]
    found = [_numerical(lambda *xs: fn(xs), items, x, eps, len(outputs)) for x in wanted]
    return tuple([wrap(parts[0][0]) for parts in found])


def get_numerical_jacobian_wrt_specific_input(
    fn: Callable[..., Any], input_idx: int, inputs: Any, outputs: Any, eps: float, input: Any = None,
    is_forward_ad: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """Per output the Jacobian (numel of input, numel of output) by input `input_idx`, from central differences."""
    items = outputs_of(inputs)
    x = items[input_idx] if input is None else input
    return tuple([wrap(real) for real, _ in _numerical(fn, items, x, eps, len(outputs_of(outputs)))])


def get_analytical_jacobian(
    inputs: Any, output: Any, nondet_tol: float = 0.0, grad_out: float = 1.0
) -> tuple[tuple[Any, ...], bool, bool, bool]:
    """(Jacobians from sweeps, whether two sweeps agree, whether sizes are right, whether dtypes are)."""
    deprecated("get_analytical_jacobian", grad_out)
    if output._array.dtype.kind == "c":
        raise ArgumentError("Expected output to be non-complex. get_analytical_jacobian no longer supports it.")
    wanted = tuple([x for x in outputs_of(inputs) if isinstance(x, TensorBase) and x._flags & 1])
    first, second = _analytical(output, wanted, 1.0), _analytical(output, wanted, 1.0)
    same = all(np.allclose(a, b, rtol=0, atol=nondet_tol) for a, b in zip(first, second, strict=True))
    fits = all(a.dtype == x._array.dtype for a, x in zip(first, wanted, strict=True))
    return tuple([wrap(a) for a in first]), same, True, fits
