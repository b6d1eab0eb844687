"""`tf.debugging`: assertions about tensors, which raise InvalidArgumentError at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.tf import dtypes
from wengert.tf.conversion import identity, tensor_of, whole, wholes
from wengert.tf.errors import InvalidArgumentError, invalid
from wengert.tf.recording import TensorBase


def failure(message: Any, lines: list[str]) -> InvalidArgumentError:  # type: ignore[valid-type]
    """The error of an assertion: the caller's message, then what did not hold."""
    return InvalidArgumentError(None, None, "\n".join([str(message)] * bool(message) + lines))


def shown(name: str, a: Any, count: Any) -> str:
    """The first elements of a value for a message."""
    first = a.reshape(-1)[: 3 if count is None else count]
    return f"First {min(a.size, 3 if count is None else count)} elements of {name}:\n{first}"


def comparison(symbol: str, name: str, ufunc: Any) -> Callable[..., None]:
    """An assertion that a comparison holds for all elements."""

    def check(x: Any, y: Any, message: Any = None, summarize: Any = None, name: str | None = None) -> None:
        a = (
            tensor_of(x)._array
            if isinstance(x, TensorBase) or not isinstance(y, TensorBase)
            else tensor_of(x, tensor_of(y)._array.dtype)._array
        )
        b = tensor_of(y)._array if isinstance(y, TensorBase) else tensor_of(y, a.dtype)._array
        try:
            holds = ufunc(a, b)
        except ValueError:
            raise invalid(check.__name__, f"Incompatible shapes: {list(a.shape)} vs. {list(b.shape)}") from None
        if not np.all(holds):
            raise failure(
                message, [f"Condition x {symbol} y did not hold.", shown("x", a, summarize), shown("y", b, summarize)]
            )

    check.__name__ = check.__qualname__ = f"assert_{name}"
    check.__doc__ = f"Raise InvalidArgumentError unless x {symbol} y for all elements."
    return check


assert_equal = comparison("==", "equal", np.equal)
assert_none_equal = comparison("!=", "none_equal", np.not_equal)
assert_less = comparison("<", "less", np.less)
assert_less_equal = comparison("<=", "less_equal", np.less_equal)
assert_greater = comparison(">", "greater", np.greater)
assert_greater_equal = comparison(">=", "greater_equal", np.greater_equal)


def sign_assertion(name: str, text: str, test: Any) -> Callable[..., None]:
    """An assertion about the sign of all elements."""

    def check(x: Any, message: Any = None, summarize: Any = None, name: str | None = None) -> None:
        a = tensor_of(x)._array
        if not np.all(test(a)):
            raise failure(message, [f"Condition {text} did not hold element-wise:", shown("x", a, summarize)])

    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"Raise InvalidArgumentError unless {text} for all elements."
    return check


assert_positive = sign_assertion("assert_positive", "x > 0", lambda a: a > 0)
assert_negative = sign_assertion("assert_negative", "x < 0", lambda a: a < 0)
assert_non_negative = sign_assertion("assert_non_negative", "x >= 0", lambda a: a >= 0)
assert_non_positive = sign_assertion("assert_non_positive", "x <= 0", lambda a: a <= 0)


def assert_near(
    x: Any,
    y: Any,
    rtol: Any = None,
    atol: Any = None,
    message: Any = None,
    summarize: Any = None,
    name: str | None = None,
) -> None:
    """Raise InvalidArgumentError unless |x - y| <= atol + rtol |y| everywhere; ten steps of the dtype by default."""
    a = tensor_of(x)._array
    b = tensor_of(y)._array if isinstance(y, TensorBase) else tensor_of(y, a.dtype)._array
    eps = 10 * float(np.finfo(a.dtype if a.dtype.kind in "fc" else np.float32).eps)
    rtol, atol = (eps if t is None else float(tensor_of(t)._array) for t in (rtol, atol))
    if not np.all(np.abs(a - b) <= atol + rtol * np.abs(b)):
        raise failure(
            message,
            [
                f"x and y not equal to tolerance rtol = {rtol}, atol = {atol}",
                shown("x", a, summarize),
                shown("y", b, summarize),
            ],
        )


def assert_rank(x: Any, rank: Any, message: Any = None, name: str | None = None) -> None:
    """Raise ValueError unless x has `rank` dims."""
    found, wanted = tensor_of(x)._array.ndim, whole(rank)
    if found != wanted:
        raise ValueError(
            f"{message or ''}.  Tensor must have rank {wanted}.  Received rank {found}, shape {tensor_of(x).shape}"
        )


def assert_rank_at_least(x: Any, rank: Any, message: Any = None, name: str | None = None) -> None:
    """Raise ValueError if x has fewer dims than `rank`."""
    found, wanted = tensor_of(x)._array.ndim, whole(rank)
    if found < wanted:
        raise ValueError(
            f"{message or ''}.  Tensor must have rank at least {wanted}.  Received rank {found}, "
            f"shape {tensor_of(x).shape}"
        )


def assert_rank_in(x: Any, ranks: Any, message: Any = None, name: str | None = None) -> None:
    """Raise ValueError unless x has one of these numbers of dims."""
    found, allowed = tensor_of(x)._array.ndim, wholes(ranks)
    if found not in allowed:
        raise ValueError(
            f"{message or ''}.  Tensor must have rank in {allowed}.  Received rank {found}, shape {tensor_of(x).shape}"
        )


def assert_scalar(tensor: Any, name: str | None = None, message: Any = None) -> Any:
    """The tensor. Raises ValueError if it has dims."""
    x = tensor_of(tensor)
    if x._array.ndim:
        raise ValueError(f"{message or ''}Expected scalar shape for Tensor, saw shape: {x.shape}.")
    return x


def assert_integer(x: Any, message: Any = None, name: str | None = None) -> None:
    """Raise TypeError unless the dtype is an integer one."""
    if tensor_of(x)._array.dtype.kind not in "iu":
        raise TypeError(f'{message or ""}  Expected "x" to be integer type.  Found: {tensor_of(x).dtype!r}')


def assert_type(tensor: Any, tf_type: Any, message: Any = None, name: str | None = None) -> None:
    """Raise TypeError unless the dtype is `tf_type`."""
    found, wanted = dtypes.OF[tensor_of(tensor)._array.dtype], dtypes.as_dtype(tf_type)
    if found is not wanted:
        raise TypeError(f"{message or ''}  {tensor!r} must be of type {wanted!r}; got {found!r}")


def assert_same_float_dtype(tensors: Any = None, dtype: Any = None) -> Any:
    """The one floating dtype of all tensors. Raises ValueError if there are several, or another."""
    found = [tensor_of(x).dtype for x in tensors or []] + ([dtypes.as_dtype(dtype)] if dtype is not None else [])
    first = found[0] if found else dtypes.float32
    for d in found:
        if d != first or not d.is_floating:
            raise ValueError(
                f"Expected floating point type, got {d}." if d == first else f"Tensor type {d} does not match {first}."
            )
    return first


def assert_proper_iterable(values: Any) -> None:
    """Raise TypeError for a tensor, an array, a string, or what cannot be gone through."""
    if isinstance(values, (TensorBase, np.ndarray, bytes, str)) or not hasattr(values, "__iter__"):
        raise TypeError(f'Expected argument "values" to be a "proper" iterable.  Found: {type(values)}')


def assert_shapes(
    shapes: Any, data: Any = None, summarize: Any = None, message: Any = None, name: str | None = None
) -> None:
    """Raise ValueError unless tensors have shapes in which equal letters stand for equal lengths."""
    known: dict[Any, int] = {}
    for x, symbols in shapes.items() if isinstance(shapes, dict) else shapes:
        x = x.deref() if hasattr(x, "deref") else x
        shape = tuple(tensor_of(x)._array.shape)
        wanted = tuple(symbols) if isinstance(symbols, (tuple, list, str)) else (symbols,)
        open_front = wanted[:1] in ((Ellipsis,), ("...",))
        wanted = wanted[1:] if open_front else wanted
        if len(shape) < len(wanted) or (not open_front and len(shape) != len(wanted)):
            raise ValueError(
                f"{message or ''}.  Tensor {x} must have rank {len(wanted)}.  Received rank {len(shape)}, shape {shape}"
            )
        for symbol, n in zip(wanted, shape[len(shape) - len(wanted) :], strict=True):
            fixed = (
                symbol if isinstance(symbol, int) else known.setdefault(symbol, n) if symbol not in (None, ".") else n
            )
            if fixed != n:
                raise ValueError(
                    f"{message or ''}.  Tensor {x} dimension {symbol} must have size {fixed}.  Received size "
                    f"{n}, shape {shape}"
                )


def check_numerics(tensor: Any, message: str, name: str | None = None) -> Any:
    """The tensor. Raises InvalidArgumentError if an element is infinite or NaN."""
    a = tensor_of(tensor)._array
    found = [word for word, test in (("Inf", np.isinf), ("NaN", np.isnan)) if np.any(test(a))]
    if found:
        raise invalid("CheckNumerics", f"{message} : Tensor had {' and '.join(found)} values")
    return identity(tensor)


def assert_all_finite(x: Any, message: str, name: str | None = None) -> Any:
    """The tensor. Raises InvalidArgumentError if an element is infinite or NaN."""
    return check_numerics(x, message)


def Assert(condition: Any, data: Any, summarize: Any = None, name: str | None = None) -> None:  # noqa: N802
    """Raise InvalidArgumentError with `data` unless the condition holds."""
    if not bool(tensor_of(condition)._array.all()):
        listed = "\n".join(str(tensor_of(x)._array if isinstance(x, TensorBase) else x) for x in data)
        raise InvalidArgumentError(None, None, f"Expected '{condition}' to be true. Summarized data: {listed}")


def is_numeric_tensor(tensor: Any) -> bool:
    """Whether something is a tensor of numbers."""
    return isinstance(tensor, TensorBase) and tensor._array.dtype.kind in "fViuc"
