"""The checks: each takes a record and one of its sample calls and asserts one property.

A check returns False where it does not apply.  None of them knows an operator by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.operators import oracle
from tests.operators.cases import (
    DIFFERENCES,
    EXACT,
    STEP,
    TOLERANCE,
    Run,
    arrays_of,
    changed,
    close,
    differentiable,
    full_arguments,
    function_of,
    generator,
    inner,
    number_close,
    random_like,
)
from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import MissingError
from wengert.core.operators import derived
from wengert.core.operators.kinds import Composite
from wengert.core.operators.record import Op
from wengert.core.tape import dispatch, tangent
from wengert.core.tape.backward import grad
from wengert.core.tape.core import RECORDED, TensorBase, wrap

CHECKS: dict[str, Callable[[Op, Any], Any]] = {}


def check(function: Callable[[Op, Any], Any]) -> Callable[[Op, Any], Any]:
    """Enter a check."""
    CHECKS[function.__name__] = function
    return function


# ---------------------------------------------------------------- values and gradients against torch


@check
def forward(op: Op, sample: Any) -> Any:
    """Values, shapes and dtypes are torch's, or the reference's."""
    function = oracle.oracle_of(op)
    if function is not None:
        wanted = oracle.RealRun(function, sample).arrays()
    elif op.reference is not None:
        wanted = op.reference(*sample[0], **sample[1])
        wanted = [np.asarray(x) for x in (wanted if isinstance(wanted, (tuple, list)) else (wanted,))]
    else:
        return False
    found = Run(op, sample).arrays()
    assert len(found) == len(wanted), f"{len(found)} results instead of {len(wanted)}"
    for i, (a, b) in enumerate(zip(found, wanted, strict=True)):
        close(a, b, what=f"result {i}")


NOT_FOR_ALL = re.compile("is not differentiable with respect to argument|does not support automatic differentiation")
"""torch refuses a gradient, if only for one of several tensors; ours are judged by differences."""


@check
def gradient_as_torch(op: Op, sample: Any) -> Any:
    """First gradients are torch's, also which of them exist."""
    function = oracle.oracle_of(op)
    if function is None or not any(map(differentiable, arrays_of(sample))):
        return False
    theirs, refused = attempt(lambda: oracle.RealRun(function, sample, wants=True))
    if refused is not None and NOT_FOR_ALL.search(str(refused)):
        return False
    if refused is not None:
        raise refused
    ours = Run(op, sample, wants=True)
    compare_moving(ours, theirs)
    rng = generator(op)
    gs = [random_like(y._array, rng) for y in ours.moving]
    wanted, refused = attempt(lambda: theirs.gradients([oracle.to_real(g) for g in gs]))
    found, error = attempt(lambda: ours.gradients([wrap(g) for g in gs]))
    if refused is not None and error is not None:
        assert oracle.same_error(error, refused), f"{type(error).__name__}: {error}; torch: {refused}"
    elif refused is None and error is not None:
        raise AssertionError(f"gradient refused: {type(error).__name__}: {error}")
    elif refused is None:
        compare_gradients(found, wanted, "gradient of tensor")


def compare_moving(ours: Run, theirs: Any) -> None:
    """The same results have a history."""
    found = [bool(y._flags & 1) for y in ours.results if isinstance(y, TensorBase)]
    wanted = [y.requires_grad for y in theirs.results if hasattr(y, "requires_grad")]
    assert found == wanted, f"results with a history: {found} instead of {wanted}"


def compare_gradients(found: list[Any], wanted: list[Any], what: str) -> None:
    """Gradients agree; a missing one counts as zeros."""
    for i, (a, b) in enumerate(zip(found, wanted, strict=True)):
        if a is None or b is None:
            present = a if a is not None else b
            array = present._array if a is not None else (None if b is None else oracle.to_numpy(b))
            assert array is None or np.allclose(array, 0, atol=1e-9), (
                f"{what} {i}: only {'ours' if b is None else 'torch'} has one"
            )
        else:
            close(a._array, oracle.to_numpy(b), what=f"{what} {i}")


@check
def second_gradient_as_torch(op: Op, sample: Any) -> Any:
    """Gradients of <v, gradients> with respect to inputs and g are those of torch's double backward."""
    function = oracle.oracle_of(op)
    if function is None or not any(map(differentiable, arrays_of(sample))):
        return False
    theirs, refused = attempt(lambda: oracle.RealRun(function, sample, wants=True))
    if refused is not None and NOT_FOR_ALL.search(str(refused)):
        return False
    if refused is not None:
        raise refused
    ours = Run(op, sample, wants=True)
    if not ours.moving:
        return False
    rng = generator(op)
    gs = [random_like(y._array, rng) for y in ours.moving]
    vs = [random_like(x._array, rng) for x in ours.inputs]
    found = second(ours, [wrap(g).requires_grad_() for g in gs], [wrap(v) for v in vs])
    try:
        wanted = second(theirs, [oracle.to_real(g).requires_grad_() for g in gs], [oracle.to_real(v) for v in vs])
    except RuntimeError:
        return False  # torch has no second derivative; ours is judged by differences
    compare_gradients(found, wanted, "second gradient of")
    return True


def second(run: Any, gs: list[Any], vs: list[Any]) -> list[Any]:
    """One more sweep through the gradients, started with vs."""
    first = run.gradients(gs, create=True)
    pairs = [(x, v) for x, v in zip(first, vs, strict=True) if x is not None and wants_gradient(x)]
    targets = [*run.inputs, *gs]
    if not pairs:
        return [None] * len(targets)
    swept, given = zip(*pairs, strict=True)
    function = grad if isinstance(targets[0], TensorBase) else oracle.real.autograd.grad
    return list(function(swept, targets, given, allow_unused=True))


def wants_gradient(x: Any) -> bool:
    """Whether a tensor of either library has a history."""
    return bool(x._flags & 1) if isinstance(x, TensorBase) else x.requires_grad


# ---------------------------------------------------------------- gradients against differences


def moved(sample: Any, directions: list[Any], step: float) -> Any:
    """The sample with its differentiable arrays moved along the directions."""
    waiting = iter(directions)

    def shifted(a: Any) -> Any:
        return np.add(a, step * next(waiting), out=np.empty_like(a)) if differentiable(a) else a

    return changed(sample, shifted)


@check
def gradient_by_differences(op: Op, sample: Any) -> Any:
    """<gradient, u> is the central difference of <g, f> along u (inputs without gradient stay where they are)."""
    run = Run(op, sample, wants=True)
    if not run.moving or not double(sample, run):
        return False
    rng = generator(op)
    gs = [random_like(y._array, rng) for y in run.moving]
    places = [i for i, y in enumerate(run.results) if any(y is z for z in run.moving)]
    found = run.gradients([wrap(g) for g in gs])
    us = [random_like(x._array, rng) * (a is not None) for x, a in zip(run.inputs, found, strict=True)]
    slope = sum(inner(a._array, u) for a, u in zip(found, us, strict=True) if a is not None)

    def value(step: float) -> float:
        results = Run(op, moved(sample, us, step)).arrays()
        return sum(inner(g, results[i]) for g, i in zip(gs, places, strict=True))

    if not np.isfinite(value(0.0)):
        return False
    difference = (value(STEP) - value(-STEP)) / (2 * STEP)
    number_close(slope, difference, abs(value(0.0)) * 1e-3, DIFFERENCES, "slope against difference")


def double(sample: Any, run: Run) -> bool:
    """Whether everything that floats is precise enough for differences."""
    arrays = [*arrays_of(sample), *(y._array for y in run.moving)]
    return all(a.dtype.itemsize >= 8 and str(a.dtype) != "complex64" for a in arrays if differentiable(a))


@check
def second_gradient_by_differences(op: Op, sample: Any) -> Any:
    """The slope of <v, gradient(x, g)> along (u, h) is its central difference."""
    run = Run(op, sample, wants=True)
    if not run.moving or not double(sample, run):
        return False
    rng = generator(op)
    gs = [random_like(y._array, rng) for y in run.moving]
    hs = [random_like(g, rng) for g in gs]
    first = run.gradients([wrap(g) for g in gs], retain=True)
    us = [random_like(x._array, rng) * (a is not None) for x, a in zip(run.inputs, first, strict=True)]
    vs = [random_like(x._array, rng) for x in run.inputs]
    found = second(run, [wrap(g).requires_grad_() for g in gs], [wrap(v) for v in vs])
    slope = sum(inner(a._array, u) for a, u in zip(found, [*us, *hs], strict=True) if a is not None)

    def value(step: float) -> float:
        again = Run(op, moved(sample, us, step), wants=True)
        swept = again.gradients([wrap(g + step * h) for g, h in zip(gs, hs, strict=True)])
        return sum(inner(v, a._array) for v, a in zip(vs, swept, strict=True) if a is not None)

    if not np.isfinite(value(0.0)):
        return False
    difference = (value(STEP) - value(-STEP)) / (2 * STEP)
    number_close(slope, difference, abs(value(0.0)) * 1e-3, DIFFERENCES, "slope of the gradient against difference")


@check
def tangent_against_gradient(op: Op, sample: Any) -> Any:
    """<g, J t> = <J^H g, t>."""
    run = Run(op, sample, wants=True)
    if not run.moving or isinstance(op.kind, Composite):
        return False
    rng = generator(op)
    gs = [random_like(y._array, rng) for y in run.moving]
    ts = [random_like(x._array, rng) for x in run.tensors]
    back = run.gradients([wrap(g) for g in gs])
    plain = Run(op, sample)
    args = full_arguments(op, as_call(sample, plain.tensors))
    values = list(op.values(args))
    given = [wrap(t) if differentiable(t) else None for t in ts]
    placed = [next((t for y, t in zip(plain.tensors, given, strict=True) if y is x), None) for x in values]
    out = plain.results[0] if len(plain.results) == 1 else tuple(plain.results)
    forwards = tangent.jvp(op, args, placed, out)
    forwards = list(forwards) if isinstance(forwards, (tuple, list)) else [forwards]
    places = [i for i, y in enumerate(run.results) if any(y is z for z in run.moving)]
    left = sum(inner(g, forwards[i]._array) for g, i in zip(gs, places, strict=True) if forwards[i] is not None)
    kept = [t for x, t in zip(run.tensors, ts, strict=True) if x._flags & 1]
    right = sum(inner(a._array, t) for a, t in zip(back, kept, strict=True) if a is not None)
    if np.isnan(left):
        return False
    number_close(
        left, right, abs(left), (1e-8, 1e-9) if double(sample, run) else (1e-3, 1e-4), "<g, Jt> against <J'g, t>"
    )
    for i in places:
        if forwards[i] is not None:
            assert forwards[i]._array.shape == plain.results[i]._array.shape, "shape of the tangent"


def as_call(sample: Any, tensors: list[Any]) -> Any:
    """The sample with its arrays replaced, in order, by given tensors."""
    waiting = iter(tensors)
    return changed(sample, lambda a: next(waiting))


# ---------------------------------------------------------------- what is derived: batches, shapes, flat forms


@check
def batch_against_loop(op: Op, sample: Any) -> Any:
    """The batching rule gives what one call per entry gives, all tensors batched and only the first."""
    arrays = arrays_of(sample)
    if isinstance(op.kind, Composite) or not arrays or full_arguments(op, sample) is None:
        return False
    rng = generator(op)
    for which in ([True] * len(arrays), [i == 0 for i in range(len(arrays))])[: min(2, len(arrays))]:
        entries = [[varied(a, rng) if b else a for a, b in zip(arrays, which, strict=True)] for _ in range(2)]
        rows = [Run(op, as_call(sample, entry)).arrays() for entry in entries]
        if len({tuple(getattr(x, "shape", ()) for x in row) for row in rows}) > 1:
            return False  # the shape depends on values: no batch can hold it
        if not hasattr(rows[0][0], "dtype"):
            return False
        dims = [(a.ndim if i % 2 else 0) if b else None for i, (a, b) in enumerate(zip(arrays, which, strict=True))]
        stacked = [
            wrap(a if d is None else np.stack([entry[i] for entry in entries], d))
            for i, (a, d) in enumerate(zip(arrays, dims, strict=True))
        ]
        args = full_arguments(op, as_call(sample, stacked))
        order = [
            next(i for i, x in enumerate(stacked) if x is y) if y is not None else None for y in tensors_in(op, args)
        ]
        found, _ = derived.batch(op, RECORDED, args, [None if i is None else dims[i] for i in order], 2)
        found = found if isinstance(found, (tuple, list)) else [found]
        for i, y in enumerate(found):
            close(y._array, np.stack([row[i] for row in rows]), what=f"result {i} of the batch")
    return True


def tensors_in(op: Op, args: Any) -> list[Any]:
    """Tensor arguments; numbers in their place count as None."""
    return [x if isinstance(x, TensorBase) else None for x in op.values(args)]


def varied(array: Any, rng: Any) -> Any:
    """Another array that the operator accepts just as well: close for floats, the same otherwise."""
    return array * (1 + 0.01 * rng.uniform()) if differentiable(array) else array


@check
def inference(op: Op, sample: Any) -> Any:
    """Shapes and dtypes can be told without computing."""
    if isinstance(op.kind, Composite):
        return False
    specs = changed(sample, lambda a: derived.Spec(a.shape, a.dtype))
    try:
        found = derived.infer(op, full_arguments(op, specs))
    except MissingError:
        return False
    found = list(found) if isinstance(found, (tuple, list)) else [found]
    for i, (a, b) in enumerate(zip(found, Run(op, sample).arrays(), strict=True)):
        if hasattr(b, "dtype"):
            assert a == derived.Spec(b.shape, b.dtype), f"result {i}: {a} instead of {derived.Spec(b.shape, b.dtype)}"
    return True


@check
def flat_form(op: Op, sample: Any) -> Any:
    """The flat path of plain calls does what the general path does: values, nodes and gradients."""
    if isinstance(op.kind, Composite):
        return False

    def general(*args: Any, **kwargs: Any) -> Any:
        return dispatch.apply(op, full_arguments(op, (args, kwargs)))

    plain, flat = Run(op, sample, True, general), Run(op, sample, True)
    for a, b in zip(plain.arrays(), flat.arrays(), strict=True):
        close(b, a, EXACT, "flat form")
    gs = [random_like(y._array, generator(op)) for y in plain.moving]
    for a, b in zip(plain.gradients([wrap(g) for g in gs]), flat.gradients([wrap(g) for g in gs]), strict=True):
        assert (a is None) == (b is None), "gradient of the flat form is missing"
        if a is not None:
            close(b._array, a._array, what="gradient of the flat form")
    names = {type(run.moving[0]._node).__name__ for run in (plain, flat) if run.moving}
    assert len(names) <= 1, f"nodes {names}"
    return True


# ---------------------------------------------------------------- dtypes, layouts, edges

DTYPES = ("float32", "float16", "bfloat16", "int64", "bool", "complex64", "uint8")


def cast(sample: Any, dtype: Any) -> Any:
    """The sample with its floating arrays in another dtype."""

    def change(a: Any) -> Any:
        if a.dtype.kind not in "fc":
            return a
        if np.dtype(dtype).kind in "iub":
            return (
                np.abs(np.round(a.real)).astype(dtype)
                if np.dtype(dtype).kind != "i"
                else np.round(a.real).astype(dtype)
            )
        return a.astype(dtype) if a.dtype.kind != "c" or np.dtype(dtype).kind == "c" else a.real.astype(dtype)

    with np.errstate(all="ignore"):
        return changed(sample, change)


def attempt(make: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """What a call gives or raises."""
    try:
        return make(), None
    except (RuntimeError, TypeError, ValueError, IndexError, ArithmeticError) as error:
        return None, error


def dtypes_to_try() -> list[Any]:
    """NumPy dtypes of DTYPES."""
    return [getattr(dtypes, name if name != "bool" else "bool_").numpy for name in DTYPES]


NO_HALF = re.compile("not implemented for '(Half|BFloat16)'")
"""torch's CPU kernels leave some half types out that its GPU kernels have; taking them is no fault."""


@check
def dtype_values(op: Op, sample: Any) -> Any:
    """Where torch accepts a dtype, so do we: same result dtype, close value, gradient of the same dtype."""
    function = oracle.oracle_of(op)
    if function is None or not any(map(differentiable, arrays_of(sample))):
        return False
    for dtype in dtypes_to_try():
        given = cast(sample, dtype)
        theirs, refused = attempt(lambda: oracle.RealRun(function, given).arrays())  # noqa: B023
        if refused is not None:
            continue
        ours, error = attempt(lambda: Run(op, given).arrays())  # noqa: B023
        if isinstance(error, MissingError) and not all(a.size for a in arrays_of(given)):
            continue  # torch reaches no kernel that could refuse
        assert error is None, f"{dtype}: {type(error).__name__}: {error}"
        loose = TOLERANCE.get(str(dtype))
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            close(a, b, loose if hasattr(b, "dtype") and b.dtype.kind not in "iub" else None, f"{dtype}, result {i}")
        if np.dtype(dtype).kind in "fcV":
            dtype_gradient(op, function, given, dtype)
    return True


def dtype_gradient(op: Op, function: Any, given: Any, dtype: Any) -> None:
    """The gradient in a dtype."""
    theirs, refused = attempt(lambda: oracle.RealRun(function, given, wants=True))
    if refused is not None:
        return
    ours = Run(op, given, wants=True)
    compare_moving(ours, theirs)
    rng = generator(op)
    gs = [random_like(y._array, rng) for y in ours.moving]
    wanted, refused = attempt(lambda: theirs.gradients([oracle.to_real(g) for g in gs]))
    if refused is None:
        for i, (a, b) in enumerate(zip(ours.gradients([wrap(g) for g in gs]), wanted, strict=True)):
            if a is not None and b is not None:
                relative, absolute = TOLERANCE[str(dtype)]
                close(a._array, oracle.to_numpy(b), (4 * relative, 8 * absolute), f"{dtype}, gradient of tensor {i}")


@check
def dtype_errors(op: Op, sample: Any) -> Any:
    """Where torch refuses a dtype, so do we, with an error of the same class."""
    function = oracle.oracle_of(op)
    if function is None or not any(map(differentiable, arrays_of(sample))):
        return False
    for dtype in dtypes_to_try():
        given = cast(sample, dtype)
        _, refused = attempt(lambda: oracle.RealRun(function, given))  # noqa: B023
        if refused is None:
            continue
        _, error = attempt(lambda: Run(op, given))  # noqa: B023
        if NO_HALF.search(str(refused)):
            continue
        assert error is not None, f"{dtype} accepted; torch: {type(refused).__name__}: {str(refused)[:100]}"
        assert oracle.same_error(error, refused), (
            f"{dtype}: {type(error).__name__}: {error}; torch: {type(refused).__name__}: {str(refused)[:100]}"
        )
    return True


def transposed(a: Any) -> Any:
    """The same values, stored column by column."""
    return np.asfortranarray(a).reshape(a.shape, order="F")


def strided(a: Any) -> Any:
    """The same values, every second element of something larger."""
    wide = np.full(tuple(2 * n for n in a.shape), -77).astype(a.dtype)
    every = (slice(None, None, 2),) * a.ndim
    wide[every] = a
    return wide[every]


def backwards(a: Any) -> Any:
    """The same values, stored from the end."""
    turn = (slice(None, None, -1),) * a.ndim
    return np.ascontiguousarray(a[turn]).reshape(a.shape)[turn]


@check
def layouts(op: Op, sample: Any) -> Any:
    """Results and gradients do not depend on how the input lies in memory."""
    if not any(a.ndim for a in arrays_of(sample)):
        return False
    plain = Run(op, sample, wants=True)
    gs = [random_like(y._array, generator(op)) for y in plain.moving]
    first = plain.gradients([wrap(g) for g in gs])
    for lay in (transposed, strided, backwards):
        other, error = attempt(lambda: Laid(op, sample, lay))  # noqa: B023
        if error is not None:
            assert refused_by_torch(op, changed(sample, lay)), f"{lay.__name__}: {type(error).__name__}: {error}"
            continue
        for a, b in zip(other.arrays(), plain.arrays(), strict=True):
            if hasattr(b, "dtype"):
                close(a, b, what=f"{lay.__name__} input")
        for a, b in zip(other.gradients([wrap(g) for g in gs]), first, strict=True):
            if b is not None:
                close(a._array, b._array, what=f"gradient of {lay.__name__} input")
    return True


def refused_by_torch(op: Op, sample: Any) -> bool:
    """Whether torch takes no input that lies so either (a view may be impossible)."""
    function = oracle.oracle_of(op)
    if function is None:
        return oracle.real is None  # without torch nobody can tell
    _, refused = attempt(lambda: function(*oracle.laid(sample)[0], **oracle.laid(sample)[1]))
    return refused is not None


class Laid(Run):
    """A Run whose tensors are stored in a given layout (Run copies, and copies forget strides)."""

    def __init__(self, op: Op, sample: Any, lay: Callable[[Any], Any]) -> None:
        function = function_of(op)

        def with_layout(*args: Any, **kwargs: Any) -> Any:
            for x in self.tensors:
                x._array = lay(x._array)
            return function(*args, **kwargs)

        super().__init__(op, sample, True, with_layout)


def emptied(a: Any) -> Any:
    """First dim of size 0."""
    return a[:0] if a.ndim else a


def single(a: Any) -> Any:
    """One element, no dims."""
    return a.reshape(-1)[:1].reshape(())


@check
def edges(op: Op, sample: Any) -> Any:
    """Empty and 0-d tensors: torch's result or torch's error."""
    function = oracle.oracle_of(op)
    if function is None or not arrays_of(sample) or not all(a.size for a in arrays_of(sample)):
        return False
    for edge in (emptied, single):
        given = changed(sample, edge)
        theirs, refused = attempt(lambda: oracle.RealRun(function, given))  # noqa: B023
        ours, error = attempt(lambda: Run(op, given))  # noqa: B023
        if refused is not None:
            assert error is not None, (
                f"{edge.__name__}: accepted; torch: {type(refused).__name__}: {str(refused)[:120]}"
            )
            assert oracle.same_error(error, refused), (
                f"{edge.__name__}: {type(error).__name__}: {error}; torch: {type(refused).__name__}: {refused}"
            )
            continue
        assert error is None, f"{edge.__name__}: {type(error).__name__}: {error}"
        for i, (a, b) in enumerate(zip(ours.arrays(), theirs.arrays(), strict=True)):
            close(a, b, what=f"{edge.__name__}, result {i}")
    return True
