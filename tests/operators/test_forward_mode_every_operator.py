"""Dual tensors through every operator: <g, J t> equals <J^H g, t> on its samples."""

import numpy as np
import pytest

from tests.backend import REAL
from wengert.core.operators.record import REGISTRY
from wengert.core.tape.core import TensorBase, wrap

pytestmark = pytest.mark.skipif(REAL, reason="loops over Wengert's registry")
if not REAL:
    from tests.operators.cases import (
        Run,
        arrays_of,
        differentiable,
        function_of,
        generator,
        inner,
        is_without_gradient,
        mapped,
        number_close,
        random_like,
        samples,
    )  # fmt: skip
    from wengert.autograd import forward_ad


def pushed(op, sample, ts):
    """The operator on duals: (primal, tangent or None) of every result."""
    given = iter(ts)

    def dual(array):
        x = wrap(array.copy(order="K" if array.size else "C"))
        t = next(given)
        return forward_ad.make_dual(x, wrap(t)) if differentiable(array) else x

    args, kwargs = sample
    args = tuple(mapped(x, dual) for x in args)
    out = function_of(op)(*args, **mapped(kwargs, dual))
    outs = out if isinstance(out, (tuple, list)) else (out,)
    return [forward_ad.unpack_dual(y) if isinstance(y, TensorBase) else (y, None) for y in outs]


def compared(op, sample):
    run = Run(op, sample, wants=True)
    if not run.moving:
        return
    rng = generator(op)
    gs = [random_like(y._array, rng) for y in run.moving]
    ts = [random_like(a, rng) for a in arrays_of(sample)]
    try:
        back = run.gradients([wrap(g) for g in gs])
    except Exception as error:
        if is_without_gradient(error):
            return
        raise
    with forward_ad.dual_level():
        found = pushed(op, sample, ts)
    places = [i for i, y in enumerate(run.results) if any(y is z for z in run.moving)]
    left = sum(inner(g, found[i][1]._array) for g, i in zip(gs, places, strict=True) if found[i][1] is not None)
    kept = [t for x, t in zip(run.tensors, ts, strict=True) if x._flags & 1]
    right = sum(inner(a._array, t) for a, t in zip(back, kept, strict=True) if a is not None)
    if np.isnan(left) or np.isnan(right):
        return
    seen = [*arrays_of(sample), *run.arrays()]
    exact = all(str(a.dtype) in ("float64", "complex128") for a in seen if hasattr(a, "dtype") and differentiable(a))
    number_close(left, right, abs(left), (1e-8, 1e-9) if exact else (2e-2, 2e-2), "<g, Jt> against <J'g, t>")
    for i in places:
        if found[i][1] is not None:
            assert found[i][1]._array.shape == run.results[i]._array.shape
            assert found[i][1]._array.dtype == run.results[i]._array.dtype


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_tangents_agree_with_gradients(name):
    op = REGISTRY[name]
    for sample in samples(op)[:3]:
        if any(map(differentiable, arrays_of(sample))):
            compared(op, sample)
