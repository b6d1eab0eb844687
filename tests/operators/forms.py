"""Checks of the forms that every record has: in place and into `out=`, with what is refused there."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.operators import oracle
from tests.operators.cases import Run, arrays_of, changed, close, differentiable, generator, random_like
from tests.operators.checks import attempt, check
from wengert.core.operators.kinds import Composite
from wengert.core.operators.library.destinations import STRICT
from wengert.core.operators.record import Op
from wengert.core.tape import core
from wengert.core.tape.core import RECORDED, TensorBase, wrap
from wengert.core.tape.plans import make_call
from wengert.core.tensor.methods import inplace_call


@check
def in_place(op: Op, sample: Any) -> Any:
    """`x.f_(...)` leaves in x what f gives, counts one version, keeps the memory and the gradient."""
    if not op.inplace or not arrays_of(sample):
        return False
    method = getattr(core.Tensor, op.name + "_", None) or inplace_call(op)
    plain = Run(op, sample, wants=True)
    result, target = plain.results[0], plain.tensors[0]
    if result._array.shape != target._array.shape or result._array.dtype != target._array.dtype:
        _, error = attempt(lambda: Run(op, sample, function=method))
        storable = result._array.shape == target._array.shape
        assert storable or isinstance(error, RuntimeError), (
            f"result {result._array.shape} stored in {target._array.shape}"
        )
        return None
    seen: dict[str, Any] = {}

    def write(*args: Any, **kwargs: Any) -> Any:
        args = list(args)
        place = next(i for i, value in enumerate(args) if isinstance(value, TensorBase))
        x = seen["x"] = RECORDED.clone(args[place])
        seen["array"], seen["version"] = x._array, 0 if x._vc is None else x._vc.n
        seen["result"] = method(*args[:place], x, *args[place + 1 :], **kwargs)
        return seen["result"]

    written = Run(op, sample, True, write)
    x = seen["x"]
    assert seen["result"] is x, "the in-place form returns its tensor"
    assert x._array is seen["array"], "the memory stays"
    assert x._vc is not None and x._vc.n == seen["version"] + 1, "one version is counted"
    close(x._array, result._array, what="written value")
    same_gradients(op, plain, written)
    return True


def same_gradients(op: Op, plain: Run, other: Run) -> None:
    """Two ways to the same result have the same gradients."""
    if not plain.moving:
        return
    assert other.moving, "the history is lost"
    g = random_like(plain.moving[0]._array, generator(op))
    found, wanted = other.gradients([wrap(g)]), plain.gradients([wrap(g)])
    for i, (a, b) in enumerate(zip(found, wanted, strict=True)):
        if a is None or b is None:
            assert a is b, f"gradient of tensor {i}: {a} instead of {b}"
        else:
            close(a._array, b._array, what=f"gradient of tensor {i}")


def takes_out(op: Op) -> Any:
    """torch's function if it documents `out=`, else None."""
    function = oracle.oracle_of(op)
    if (
        function is None
        or op.kind.view
        or isinstance(op.kind, Composite)
        or "Tensor" in getattr(function, "__qualname__", "")
    ):
        return None
    return function if "out=" in (getattr(function, "__doc__", None) or "")[:600] else None


@check
def out_form(op: Op, sample: Any) -> Any:
    """`out=` receives what the plain form returns: resized, cast if safe, refused for tensors that want gradients."""
    if takes_out(op) is None or len(Run(op, sample).results) != 1:
        return False
    wanted = Run(op, sample).arrays()[0]
    call = make_call(op)
    for start in (np.empty_like(wanted), np.empty((0,), wanted.dtype)):
        target = wrap(start)
        run = Run(op, sample, function=lambda *a, **k: call(*a, out=target, **k))  # noqa: B023
        assert run.results[0] is target, "out= is returned"
        close(target._array, wanted, what="out=")
    if differentiable(wanted):
        if any(map(differentiable, arrays_of(sample))):
            _, error = attempt(
                lambda: Run(op, sample, True, lambda *a, **k: call(*a, out=wrap(np.empty_like(wanted)), **k))
            )
            assert isinstance(error, RuntimeError) and "don't support automatic differentiation" in str(error), repr(
                error
            )
        narrow = wrap(np.empty(wanted.shape, np.int64))
        _, error = attempt(lambda: Run(op, sample, function=lambda *a, **k: call(*a, out=narrow, **k)))
        if op.errors is None and op.name not in STRICT:  # else words of their own, see `destinations`
            assert isinstance(error, RuntimeError), repr(error)
            assert "can't be cast to the desired output type" in str(error), repr(error)
    return True


WORDS = 25
"""How many leading characters of a message are compared with torch's."""


@check
def destinations(op: Op, sample: Any) -> Any:
    """What `out=` demands beyond holding the result: torch refuses the same tensors in the same leading words."""
    function = oracle.oracle_of(op)
    if op.errors is None or function is None or not arrays_of(sample):
        return False
    wanted = Run(op, sample).arrays()
    if not all(hasattr(y, "dtype") for y in wanted):
        return False
    call, single = make_call(op), len(wanted) == 1
    for k in range(len(wanted)):
        for dtype in (np.float32, np.int32, np.complex64):
            outs = [np.zeros(y.shape, dtype if i == k else y.dtype) for i, y in enumerate(wanted)]
            mine, theirs = [wrap(y) for y in outs], [oracle.to_real(y) for y in outs]
            refused_alike(
                lambda: Run(op, sample, function=lambda *a, **k: call(*a, out=packed(mine, single), **k)),  # noqa: B023
                lambda: oracle.RealRun(lambda *a, **k: function(*a, out=packed(theirs, single), **k), sample),  # noqa: B023
                f"result {k} given as {np.dtype(dtype)}",
            )
    if single and wanted[0].shape == arrays_of(sample)[0].shape:
        refused_alike(
            lambda: Run(op, sample, function=lambda *a, **k: call(*a, out=first_tensor(a), **k)),
            lambda: oracle.RealRun(lambda *a, **k: function(*a, out=first_tensor(a), **k), sample),
            "the input given",
        )
    return True


def packed(outs: list[Any], single: bool) -> Any:
    """Destinations as `out=` takes them."""
    return outs[0] if single else tuple(outs)


def first_tensor(args: Any) -> Any:
    """The first tensor among arguments, or of the list that comes first."""
    return args[0][0] if isinstance(args[0], (list, tuple)) else args[0]


def refused_alike(ours: Any, theirs: Any, what: str) -> None:
    """Both calls go through, or both raise with the same class and leading words."""
    _, found = attempt(ours)
    _, wanted = attempt(theirs)
    if wanted is None or found is None:
        assert wanted is found, f"{what}: {found!r}; torch: {wanted!r}"
    else:
        alike = oracle.same_error(found, wanted) and str(found).startswith(str(wanted)[:WORDS])
        assert alike, f"{what}: {found!r}; torch: {wanted!r}"


@check
def broadcasting(op: Op, sample: Any) -> Any:
    """Elementwise operators broadcast, and gradients are summed back; shapes that do not fit are refused."""
    arrays = arrays_of(sample)
    if op.kind.name != "elementwise" or len(arrays) < 2 or len(arrays) != len(op.arrays) or arrays[0].ndim < 2:
        return False
    for i in range(len(arrays)):
        given = replaced(sample, i, lambda a: a[..., :1])
        shape = np.broadcast_shapes(*[a.shape for a in arrays_of(given)])
        wide = changed(given, lambda a: np.broadcast_to(a, shape))  # noqa: B023
        narrow_run, wide_run = Run(op, given, wants=True), Run(op, wide, wants=True)
        close(narrow_run.arrays()[0], wide_run.arrays()[0], what=f"tensor {i} broadcast")
        if narrow_run.moving:
            g = random_like(narrow_run.moving[0]._array, generator(op))
            found, whole = narrow_run.gradients([wrap(g)]), wide_run.gradients([wrap(g)])
            summed = [
                None if w is None else sum_to(w._array, x._array.shape)
                for w, x in zip(whole, narrow_run.inputs, strict=True)
            ]
            for a, b in zip(found, summed, strict=True):
                if a is not None:
                    close(a._array, b, what=f"gradient with tensor {i} broadcast")
    wrong = replaced(sample, 1, lambda a: np.concatenate([a, a], -1) if a.shape[-1] > 1 else a)
    if arrays[1].shape[-1:] == arrays[0].shape[-1:] and arrays[0].shape[-1] > 1:
        _, error = attempt(lambda: Run(op, wrong))
        assert isinstance(error, RuntimeError) and str(error).startswith("The size of tensor a"), repr(error)
    return True


def replaced(sample: Any, index: int, change: Any) -> Any:
    """The sample with one of its arrays changed."""
    count = iter(range(1000))
    return changed(sample, lambda a: change(a) if next(count) == index else a)


def sum_to(array: Any, shape: tuple[int, ...]) -> Any:
    """The transpose of broadcasting, written again for the test."""
    while array.ndim > len(shape):
        array = array.sum(0)
    for i, n in enumerate(shape):
        if n != array.shape[i]:
            array = array.sum(i, keepdims=True)
    return array


@check
def inputs_untouched(op: Op, sample: Any) -> Any:
    """The plain form and its gradient write neither inputs, nor results, nor the gradient they are given."""
    run = Run(op, sample, wants=True)
    outs = [y._array for y in run.results if isinstance(y, TensorBase)]
    before = [*arrays_of(sample), *(a.copy() for a in outs)]
    gs = [random_like(y._array, generator(op)) for y in run.moving]
    kept = [g.copy() for g in gs]
    run.gradients([wrap(g) for g in gs])
    after = [*(x._array for x in run.tensors), *outs]
    for a, b in zip([*after, *gs], [*before, *kept], strict=True):
        assert np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"), "an operand was written"
