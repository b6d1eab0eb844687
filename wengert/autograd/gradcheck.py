"""`gradcheck` and `gradgradcheck`: gradients against finite differences.

The numerical Jacobian comes from central differences, (f(x + eps) - f(x - eps)) / (2 eps);
the analytical one from a reverse sweep per output element (slow mode), or one random
direction of each is compared (fast mode).  Complex numbers: the real and the imaginary
part of the output are checked apart, with torch's gradient convention.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.autograd import forward_ad
from wengert.autograd.culprit import culprit
from wengert.autograd.jacobians import (
    _analytical,
    _difference,
    _numerical,
    _sweep,
    _tensors,
)
from wengert.autograd.jacobians import get_analytical_jacobian as get_analytical_jacobian
from wengert.autograd.jacobians import get_numerical_jacobian as get_numerical_jacobian
from wengert.autograd.jacobians import (
    get_numerical_jacobian_wrt_specific_input as get_numerical_jacobian_wrt_specific_input,
)
from wengert.autograd.mismatch import GradcheckError, entry, hint, mismatch, rules
from wengert.core.base.errors import GraphError
from wengert.core.operators.raw import SPARSE
from wengert.core.tape.backward import grad as tape_grad
from wengert.core.tape.batching import entered, whole
from wengert.core.tape.core import wrap
from wengert.core.tape.levels import Level, close_level, open_level
from wengert.core.tape.modes import current, enter, leave
from wengert.core.tensor.tensor import Tensor

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class _Options:
    """The options of one check."""

    def __init__(self, **options: Any) -> None:
        self.__dict__.update(options)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


def _recording(values: Any) -> tuple[Any, ...]:
    """The tensors that require gradients."""
    return tuple(x for x in _tensors(values) if x.requires_grad)


# ---------------------------------------------------------------- inputs and outputs


def _check_inputs(inputs: tuple[Any, ...]) -> None:
    """At least one input records; warn about low precision; refuse memory that overlaps."""
    found = False
    for i, x in enumerate(inputs):
        if not isinstance(x, Tensor) or not x.requires_grad:
            continue
        found = True
        if x._array.dtype not in (np.float64, np.complex128):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check "
                "will likely fail if all the inputs are not of double precision floating point or complex. ",
                UserWarning,
                stacklevel=4,
            )
        strides = x._array.strides
        if x._array.size and any(s == 0 and n > 1 for s, n in zip(strides, x._array.shape, strict=True)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are "
                "non-overlapping to be able to compute the numerical gradients correctly. You should call "
                ".contiguous on the input before passing it to gradcheck."
            )
    if not found:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )


def _outputs_of(func: Callable[..., Any], inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Differentiable outputs of the function."""
    result = func(*inputs)
    if result is None:
        raise GradcheckError(_nothing_returned(func))
    if SPARSE:
        SPARSE["methods"]["refuse_sparse"](_tensors(result))
    return tuple(y for y in _tensors(result) if y._array.dtype.kind in "fcV")


def _of_values(func: Callable[..., Any], items: tuple[Any, ...]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A function of sparse tensors as one of their values, others as they are."""
    if SPARSE and any(SPARSE["kind"](x) for x in items):
        return SPARSE["methods"]["by_values"](func, items)  # type: ignore[no-any-return]
    return func, items


def _nothing_returned(func: Callable[..., Any]) -> str:
    owner = getattr(func, "__self__", None)
    forward = getattr(owner, "forward", func)
    code = getattr(forward, "__code__", None)
    name = getattr(owner, "__name__", getattr(func, "__name__", repr(func)))
    place = "" if code is None else f'\n  File "{code.co_filename}", line {code.co_firstlineno}, in {code.co_name}'
    return f"gradcheck: {name} gave None: its forward has no return statement, or returns None.{place}"


def _units(y: Any) -> list[tuple[complex, str]]:
    """Weights that select the parts of an output, and how messages call them."""
    if y._array.dtype.kind != "c":
        return [(1.0, "")]
    return [
        (1j, "While considering the imaginary part of complex outputs only, "),
        (1.0, "While considering the real part of complex outputs only, "),
    ]


# ---------------------------------------------------------------- comparing


def _close(a: Any, n: Any, options: _Options) -> bool:
    return bool(np.allclose(a, n, rtol=options.rtol, atol=options.atol, equal_nan=True))


def _picker(j: int) -> Callable[[Any], Any]:
    """What takes output j from what a function returned."""
    return lambda result: _floats(result)[j]


def _floats(result: Any) -> tuple[Any, ...]:
    """Differentiable outputs among what a function returned."""
    return tuple(y for y in _tensors(result) if y._array.dtype.kind in "fcV")


def _compare_slow(func: Any, inputs: Any, wanted: Any, outputs: Any, options: _Options) -> None:
    """Every entry of every Jacobian."""
    where = [k for k, x in enumerate(inputs) if any(x is w for w in wanted)]
    live = [(j, y) for j, y in enumerate(outputs)]
    numerical = [_numerical(func, inputs, x, options.eps, len(outputs)) for x in wanted]
    for j, y in live:
        if not y.requires_grad:
            continue
        for unit, prefix in _units(y):
            analytical = _analytical(y, wanted, unit)
            _check_reentrant(analytical, _analytical(y, wanted, unit), options)
            for i, x in enumerate(wanted):
                n = numerical[i][j][1 if unit == 1j else 0]
                a = analytical[i]
                if a.dtype.kind != "c":
                    n = np.real(n)
                if not _close(a, n, options):
                    text = entry(a, n, x, y, options) + hint(y, x, a, n)
                    text += culprit(func, inputs, _picker(j), options)
                    raise mismatch(a, n.astype(a.dtype), where[i], j, prefix, text)


def _check_reentrant(first: Any, second: Any, options: _Options) -> None:
    for a, b in zip(first, second, strict=True):
        if a.size and np.max(np.abs(a - b)) > options.nondet_tol:
            raise GradcheckError(
                "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times "
                "gives different values, although analytical gradient matches numerical gradient. The tolerance for "
                f"nondeterminism was {options.nondet_tol}."
            )


_FAST = (
    "\nThe above quantities relating the numerical and analytical jacobians are computed in fast mode: one random "
    "direction of each is compared. Run with fast_mode=False to see every entry.\n"
)


def _compare_fast(func: Any, inputs: Any, wanted: Any, outputs: Any, options: _Options) -> None:
    """u^T J v for random u and v, per input and output."""
    rng = np.random.default_rng(0)
    where = [k for k, x in enumerate(inputs) if any(x is w for w in wanted)]
    directions = [_direction(rng, x._array) for x in wanted]
    moved = [
        [d / options.eps for d in _difference(func, inputs, x, options.eps * u)]
        for x, u in zip(wanted, directions, strict=True)
    ]
    for j, y in enumerate(outputs):
        if not y.requires_grad:
            continue
        for unit, prefix in _units(y):
            v = np.abs(_direction(rng, np.empty(y._array.shape)))
            weight = wrap((v * unit).astype(y._array.dtype))
            first, second = _sweep(y, wanted, weight), _sweep(y, wanted, weight)
            _check_reentrant(
                [np.zeros(1) if g is None else g for g in first],
                [np.zeros(1) if g is None else g for g in second],
                options,
            )
            for i, x in enumerate(wanted):
                change = moved[i][j].imag if unit == 1j else moved[i][j].real
                n = np.sum(change * v.reshape(-1))
                g = first[i]
                a = 0.0 if g is None else np.sum((np.conj(g) * directions[i]).real)
                if not _close(a, n, _scaled(options, x, y)):
                    rows = _analytical(y, wanted, unit)[i]
                    text = hint(y, x, rows, rows * np.nan)
                    text += culprit(func, inputs, _picker(j), options)
                    raise mismatch(a, n, where[i], j, prefix, text, _FAST)


def _scaled(options: _Options, x: Any, y: Any) -> _Options:
    """Absolute tolerance for a sum over all entries."""
    return _Options(rtol=options.rtol, atol=options.atol * (x._array.size * y._array.size) ** 0.5)


def _direction(rng: Any, like: Any) -> Any:
    """A random unit vector of an array's shape (complex for a complex one)."""
    u = rng.uniform(0.1, 1.0, like.shape)
    if like.dtype.kind == "c":
        u = u + 1j * rng.uniform(0.1, 1.0, like.shape)
    return u / max(np.sqrt(np.sum(np.abs(u) ** 2)), 1e-30)


# ---------------------------------------------------------------- further checks


def _check_zero(func: Any, inputs: Any, wanted: Any, outputs: Any, options: _Options) -> None:
    """Nothing is recorded: then nothing may depend on the inputs."""
    for i, x in enumerate(wanted):
        for j, (real, imag) in enumerate(_numerical(func, inputs, x, options.eps, len(outputs))):
            if np.any(np.abs(real) > options.atol) or np.any(np.abs(imag) > options.atol):
                raise GradcheckError(
                    "Numerical gradient for function expected to be zero: output "
                    f"{j} changes with input {i} although it does not require gradients"
                )


def _check_batched(y: Any, wanted: Any, options: _Options) -> None:
    """`is_grads_batched` gives what a loop gives."""
    rng = np.random.default_rng(1)
    stack = np.stack([_direction(rng, y._array).astype(y._array.dtype) for _ in range(2)])
    try:
        together = tape_grad(y, wanted, wrap(stack), retain_graph=True, allow_unused=True, is_grads_batched=True)
    except RuntimeError as error:
        raise GradcheckError(
            f"While computing batched gradients, got: {error}\n\nThe rules in the history of this output are run on a "
            "batch of gradients (vmap); pass check_batched_grad=False to leave that out."
        ) from error
    for k in range(2):
        apart = _sweep(y, wanted, wrap(stack[k].copy()))
        for a, b in zip(together, apart, strict=True):
            if a is not None and b is not None and not _close(a._array[k], b, options):
                raise GradcheckError(
                    "While testing batched gradients: the gradients of a batch of grad_outputs differ from those of "
                    "one at a time"
                )


def _check_multiplied(y: Any, wanted: Any) -> None:
    """A gradient is linear in the one that it starts from: zeros give zeros."""
    for g in _sweep(y, wanted, wrap(np.zeros_like(y._array))):
        if g is not None and np.any(g):
            raise GradcheckError(
                "backward not multiplied by grad_output: a gradient of zeros led to one that is not zero" + rules(y)
            )


def _check_undefined(outputs: Any) -> None:
    """A custom rule must take None for the gradient of an output that nothing used."""
    for y in outputs:
        node = y.grad_fn
        if node is None or getattr(node, "_forward_cls", None) is None:
            continue
        given: list[Any] = [None] * node.num_outputs
        node.materialize(given)
        token = enter(current().but(grad=False))
        try:
            result = node.rule()(node, *given)
        except RuntimeError as error:
            warnings.warn(UNDEFINED, stacklevel=4)
            raise GradcheckError(
                "Expected backward function to handle undefined output grads. Please look at the rule of "
                f"{type(node).__name__}: it is given None for outputs that nothing used"
            ) from error
        finally:
            leave(token)
        for g in result if isinstance(result, tuple) else (result,):
            if g is not None and np.any(g._array):
                warnings.warn(UNDEFINED, stacklevel=4)
                raise GradcheckError(
                    "Expected all input grads to be undefined or zero when all output grads are undefined or zero. "
                    f"Please look at the rule of {type(node).__name__}: an undefined gradient means zero"
                )


UNDEFINED = (
    "Backwards compatibility: New undefined gradient support checking feature is enabled by default, but it may break "
    "existing callers of this function. If this is true for you, you can call this function with "
    '"check_undefined_grad=False" to disable the feature'
)


def _check_grad_dtypes(outputs: Any, wanted: Any) -> None:
    """A gradient has its input's dtype."""
    for y in outputs:
        if not y.requires_grad:
            continue
        grads = _sweep(y, wanted, wrap(np.ones_like(y._array)))
        for g, x in zip(grads, wanted, strict=True):
            if g is not None and g.dtype != x._array.dtype:
                raise GradcheckError(f"Gradient has dtype mismatch: {g.dtype} for an input of {x._array.dtype}")


def _check_forward(func: Any, inputs: Any, wanted: Any, outputs: Any, options: _Options) -> None:
    """Tangents against differences, per input element."""
    where = [k for k, x in enumerate(inputs) if any(x is w for w in wanted)]
    for place, x in zip(where, wanted, strict=True):
        numerical = _numerical(func, inputs, x, options.eps, len(outputs))
        columns: list[list[Any]] = [[] for _ in outputs]
        for k in range(x._array.size):
            unit = np.zeros(x._array.size, x._array.dtype)
            unit[k] = 1
            for column, t in zip(columns, _pushed(func, inputs, place, unit), strict=True):
                column.append(t)
        for j, (column, y) in enumerate(zip(columns, outputs, strict=True)):
            a = np.array(column)
            n = numerical[j][0].real + (1j * numerical[j][1].real if a.dtype.kind == "c" else 0)
            if a.size and not _close(a, n, options):
                raise mismatch(a, n, place, j, "", entry(a, n, x, y, options) + hint(y, x, a, n), "forward")


def _pushed(func: Any, inputs: Any, place: int, unit: Any) -> list[Any]:
    """The tangents of all outputs where one input moves along `unit`, as flat arrays."""
    outputs = [y._array for y in _outputs_of(func, inputs)]
    moved = _pushed_tensors(func, inputs, place, wrap(unit.reshape(inputs[place]._array.shape)))
    return [(np.zeros_like(y) if t is None else t._array).reshape(-1) for y, t in zip(outputs, moved, strict=True)]


def _pushed_tensors(func: Any, inputs: Any, place: int, tangent: Any) -> list[Any]:
    """The same as tensors, None for what does not move."""
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(inputs[place], tangent)
        given = [dual if i == place else y for i, y in enumerate(inputs)]
        return [forward_ad.unpack_dual(y)[1] for y in _outputs_of(func, tuple(given))]


def _check_batched_forward(func: Any, inputs: Any, wanted: Any, options: _Options) -> None:
    """A batch of tangents gives what one at a time gives."""
    rng = np.random.default_rng(4)
    where = [k for k, x in enumerate(inputs) if any(x is w for w in wanted)]
    for place, x in zip(where, wanted, strict=True):
        stack = np.stack([_direction(rng, x._array).astype(x._array.dtype) for _ in range(2)])
        level = Level(2)
        open_level(level, True)
        try:
            together = _pushed_tensors(func, inputs, place, entered(wrap(stack), 0, level))
            together = [None if t is None else whole(t, level)._array for t in together]
        except RuntimeError as error:
            raise GradcheckError(f"While computing batched gradients, got: {error}") from error
        finally:
            close_level(level)
        for k in range(2):
            for a, b in zip(together, _pushed(func, inputs, place, stack[k].reshape(-1)), strict=True):
                if not _close(0 if a is None else a[k].reshape(-1), b, options):
                    raise GradcheckError(
                        "While testing batched gradients: the tangents of a batch of directions differ from those of "
                        "one at a time"
                    )


def _run(func: Any, inputs: tuple[Any, ...], options: _Options) -> bool:
    if not options.check_backward_ad and not options.check_forward_ad:
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    if options.check_batched_forward_ad and not options.check_forward_ad:
        raise AssertionError("Setting check_batched_forward_ad=True requires check_forward_ad to be True")
    if options.check_batched_grad and not options.check_backward_ad:
        raise AssertionError("Setting check_batched_grad=True requires check_backward_ad to be True")
    _check_inputs(inputs)
    outputs = _outputs_of(func, inputs)
    wanted = _recording(inputs)
    if not any(y.requires_grad for y in outputs):
        _check_zero(func, inputs, wanted, outputs, options)
        return True
    if options.check_forward_ad:
        _check_forward(func, inputs, wanted, outputs, options)
        if options.check_batched_forward_ad:
            _check_batched_forward(func, inputs, wanted, options)
    if not options.check_backward_ad:
        return True
    (_compare_fast if options.fast_mode else _compare_slow)(func, inputs, wanted, outputs, options)
    live = [y for y in outputs if y.requires_grad]
    for y in live:
        _check_multiplied(y, wanted)
    if options.check_batched_grad:
        for y in live:
            _check_batched(y, wanted, options)
    if options.check_grad_dtypes:
        _check_grad_dtypes(outputs, wanted)
    if options.check_undefined_grad:
        _check_undefined(live)
    return True


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_ad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare the gradients of `func(*inputs)` with central differences of step `eps`.

    inputs: a tensor or a tuple; those that require gradients should be float64 or complex128.
    atol, rtol: |analytical - numerical| <= atol + rtol * |numerical|.
    fast_mode: one random direction instead of every entry.
    check_undefined_grad: custom rules must take None for unused outputs.
    Raises: GradcheckError naming input, output, both Jacobians and custom gradients in the history;
    False instead with raise_exception=False.
    Cost: two evaluations per input element and a sweep per output element (fast mode: two and one).
    """
    options = _Options(
        eps=eps, atol=atol, rtol=rtol, nondet_tol=nondet_tol, check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes, check_batched_grad=check_batched_grad,
        check_batched_forward_ad=check_batched_forward_ad, check_forward_ad=check_forward_ad,
        check_backward_ad=check_backward_ad, fast_mode=fast_mode,
    )  # fmt: skip
    func, items = _of_values(func, (inputs,) if isinstance(inputs, Tensor) else tuple(inputs))
    if raise_exception:
        return _run(func, items, options)
    try:
        return _run(func, items, options)
    except GradcheckError:
        return False


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare the second derivatives of `func(*inputs)` with differences of its first ones.

    grad_outputs: weights of the first sweep; random ones that require gradients unless given.
    The other arguments and errors are those of `gradcheck`.
    """
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    func, items = _of_values(func, (inputs,) if isinstance(inputs, Tensor) else tuple(inputs))
    if grad_outputs is None:
        weights = _random_weights(_outputs_of(func, items), gen_non_contig_grad_outputs)
    else:
        weights = (grad_outputs,) if isinstance(grad_outputs, Tensor) else tuple(grad_outputs)
    count = len(weights)

    def slopes(*arguments: Any) -> tuple[Any, ...]:
        xs, vs = arguments[:-count], arguments[-count:]
        outputs = tuple(y for y in _tensors(func(*xs)) if y._array.dtype.kind in "fcV")
        live = [(y, v) for y, v in zip(outputs, vs, strict=True) if y.requires_grad]
        grads = tape_grad(
            tuple(y for y, _ in live), tuple(xs[i] for i in which), tuple(v for _, v in live), create_graph=True,
            allow_unused=True,
        )  # fmt: skip
        return tuple(g for g in grads if g is not None)

    which = [i for i, x in enumerate(items) if isinstance(x, Tensor) and x.requires_grad]
    try:
        return gradcheck(
            slopes, items + weights, eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
            nondet_tol=nondet_tol, check_undefined_grad=check_undefined_grad, check_grad_dtypes=check_grad_dtypes,
            check_batched_grad=check_batched_grad, fast_mode=fast_mode, check_forward_ad=check_fwd_over_rev,
            check_backward_ad=check_rev_over_rev,
        )  # fmt: skip
    except GraphError as error:
        if not str(error).startswith(_NO_SECOND):
            raise
        if not raise_exception:
            return False
        raise GradcheckError(str(error)) from error


_NO_SECOND = ("trying to differentiate twice", "the second derivative of")


def _random_weights(outputs: tuple[Any, ...], strided: bool) -> tuple[Any, ...]:
    """Weights in [-1, 1) that require gradients, one per output."""
    rng = np.random.default_rng(2)
    weights = []
    for y in outputs:
        shape, dtype = y._array.shape, y._array.dtype
        if dtype not in (np.float64, np.complex128):
            dtype = np.dtype(np.complex128 if dtype.kind == "c" else np.float64)
        a = rng.uniform(-1, 1, shape)
        if dtype.kind == "c":
            a = a + 1j * rng.uniform(-1, 1, shape)
        a = np.asarray(a, y._array.dtype)
        if strided and a.ndim:
            a = np.stack([a, a], -1)[..., 0]
        weights.append(wrap(a).requires_grad_())
    return tuple(weights)
