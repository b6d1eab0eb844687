"""Gradients against tangents: a check of derivatives at any precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.autograd import forward_ad
from wengert.core.base.errors import GradcheckError
from wengert.core.tape.backward import grad as tape_grad
from wengert.core.tape.core import TensorBase, wrap

__all__ = ["dotcheck"]


def dotcheck(
    func: Callable[..., Any], inputs: Any, *, samples: int = 3, rtol: float | None = None, raise_exception: bool = True
) -> bool:
    """Compare v . (J u), by tangents, with (J^T v) . u, by a sweep, for random directions u and v.

    Unlike differences this loses no digits, so it holds in float32 and float16 as in float64.  It finds a gradient rule
    and a tangent rule that do not fit each other; where both follow from one partial derivative and that is wrong, only
    differences (`gradcheck`) tell.

    inputs: a tensor or a tuple; those that require gradients are moved.  rtol: of the larger of |v||J u| and
    |J^T v||u|; by default 100 roundings of the widest sum that is taken, in the coarsest dtype that is met.
    Raises: GradcheckError naming the output and both numbers; False instead with raise_exception=False.
    Cost: per sample one evaluation with tangents and one sweep.
    Source: J. Claerbout, Earth Soundings Analysis (1992), chapter 5: the dot-product test.
    """
    items = (inputs,) if isinstance(inputs, TensorBase) else tuple(inputs)
    places = [i for i, x in enumerate(items) if isinstance(x, TensorBase) and x._flags & 1]
    if not places:
        raise ValueError("dotcheck expects at least one input tensor to require gradient")
    rng = np.random.default_rng(0)
    for _ in range(samples):
        message = mismatch(func, items, places, rng, rtol)
        if message:
            if raise_exception:
                raise GradcheckError(message)
            return False
    return True


def direction(rng: Any, like: Any) -> Any:
    """A random direction of an array's shape and dtype."""
    u = rng.uniform(-1, 1, like.shape)
    if like.dtype.kind == "c":
        u = u + 1j * rng.uniform(-1, 1, like.shape)
    return np.asarray(u).astype(like.dtype)


def mismatch(func: Any, items: tuple[Any, ...], places: list[int], rng: Any, rtol: float | None) -> str:
    """What is wrong in one sample; "" where nothing is."""
    us = {i: direction(rng, items[i]._array) for i in places}
    with forward_ad.dual_level():
        given = [forward_ad.make_dual(x.detach(), wrap(us[i])) if i in us else x for i, x in enumerate(items)]
        pushed = [forward_ad.unpack_dual(y) for y in outputs_of(func(*given))]
    outs = outputs_of(func(*items))
    for j, (y, (_, t)) in enumerate(zip(outs, pushed, strict=True)):
        v = direction(rng, y._array)
        moved = None if t is None else wide(t._array)
        across = 0.0 if moved is None else np.sum((np.conj(wide(v)) * moved).real)
        size = 0.0 if moved is None else np.linalg.norm(wide(v)) * np.linalg.norm(moved)
        back = 0.0
        if y._flags & 1:
            grads = tape_grad(y, [items[i] for i in places], wrap(v), retain_graph=True, allow_unused=True)
            for i, g in zip(places, grads, strict=True):
                if g is not None:
                    back += np.sum((np.conj(wide(g._array)) * wide(us[i])).real)
                    size = max(size, np.linalg.norm(wide(g._array)) * np.linalg.norm(wide(us[i])))
        allowed = tolerance([y._array, *[items[i]._array for i in places]]) if rtol is None else rtol
        if not abs(across - back) <= allowed * max(size, 1e-30):
            return (
                f"dotcheck: gradient and tangent of output {j} do not fit each other: v . (J u) = {across:.9g} by "
                f"tangents, (J^T v) . u = {back:.9g} by a sweep; they may differ by {allowed * size:.3g}"
            )
    return ""


def outputs_of(result: Any) -> list[Any]:
    """The tensors of floats among results."""
    items = result if isinstance(result, (tuple, list)) else (result,)
    return [y for y in items if isinstance(y, TensorBase) and y._array.dtype.kind in "fcV"]


def wide(array: Any) -> Any:
    """An array in double precision, flat."""
    return np.asarray(array).astype(np.complex128 if array.dtype.kind == "c" else np.float64).reshape(-1)


EPSILONS = {"bfloat16": 2.0**-8, "float16": 2.0**-11, "float32": 2.0**-24, "complex64": 2.0**-24}


def tolerance(arrays: list[Any]) -> float:
    """100 roundings, growing with the root of the number of terms that are summed."""
    epsilon = max(EPSILONS.get(str(a.dtype), 2.0**-53) for a in arrays)
    return 100 * epsilon * max(1.0, max(a.size for a in arrays) ** 0.5)
