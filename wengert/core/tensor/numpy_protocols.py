"""NumPy's functions on tensors: `np.sin(tensor)`, `np.sum(tensor)`, `array * tensor`, and the array API's namespace.

Note [Two answers to NumPy]: On tensors that are not recorded, NumPy's functions give what they give where a library
has only `__array__` and `__array_wrap__`: a tensor from a ufunc, an array from most other functions.  On tensors that
are recorded, that way ends in an error; there the functions are computed by our operators, and so have a derivative.
The table of those (array_api.numpy_functions) is loaded when it is first needed.

Note [Operators and calls]: `array * tensor` and `np.multiply(array, tensor)` come in by the same door.  The first means
the tensor's own operator, in which NumPy's numbers are weak; the second is NumPy's.  Only the caller's code tells
which it was: its instruction, or, where that is a call, the names that it mentions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from wengert.core.base.errors import ArgumentError, GraphError, ValueRangeError
from wengert.core.tape.core import TensorBase
from wengert.core.tape.modes import current

LATE: dict[str, Callable[[], Any]] = {}
"""What is loaded when first needed: "functions", the recorded NumPy functions; "namespace", the array API's."""

_REFLECTED = {
    np.add: "__radd__", np.subtract: "__rsub__", np.multiply: "__rmul__", np.true_divide: "__rtruediv__",
    np.floor_divide: "__rfloordiv__", np.remainder: "__rmod__", np.power: "__rpow__", np.matmul: "__rmatmul__",
    np.bitwise_and: "__rand__", np.bitwise_or: "__ror__", np.bitwise_xor: "__rxor__", np.left_shift: "__rlshift__",
    np.right_shift: "__rrshift__", np.less: "__gt__", np.less_equal: "__ge__", np.greater: "__lt__",
    np.greater_equal: "__le__", np.equal: "__eq__", np.not_equal: "__ne__",
}  # fmt: skip
_CALLS = {"__call__", "reduce", "accumulate", "reduceat"}
"""Ways of a ufunc whose result is wrapped; `outer` gives an array and `at` nothing."""


def _operator_codes() -> frozenset[int]:
    """Numbers of the instructions that operators are compiled to."""
    import opcode  # a few hundred bytes of tables, wanted only by programs that mix arrays and tensors

    return frozenset(number for name, number in opcode.opmap.items() if name in ("BINARY_OP", "COMPARE_OP"))


class Instructions:
    """The operators' instruction numbers, found out once."""

    codes: frozenset[int] = frozenset()


_RUNNERS = {"operator", "sum", "prod", "reduce", "accumulate", "map", "starmap"}
"""What runs operators from Python's library: `sum([np.float64(1), tensor])`."""


def is_operator(frame: Any, ufunc: Any) -> bool:
    """Whether the frame stands at an operator, or at a function that runs one, see Note [Operators and calls]."""
    if not Instructions.codes:
        Instructions.codes = _operator_codes()
    code = frame.f_code
    if code.co_code[frame.f_lasti] in Instructions.codes:
        return True
    return ufunc.__name__ not in code.co_names and not _RUNNERS.isdisjoint(code.co_names)


def tensors_in(values: Iterable[Any]) -> list[Any]:
    """The tensors among arguments, also in lists and tuples."""
    found = []
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if isinstance(value, TensorBase):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            waiting.extend(value)
    return found


def recorded(tensors: list[Any]) -> bool:
    """Whether a function of these tensors has a derivative to keep."""
    return any(x.requires_grad for x in tensors) and current().grad


def _others_answer(values: Iterable[Any], protocol: str) -> bool:
    """Whether another class, neither ours nor NumPy's, takes part in the protocol."""
    for value in values:
        kind = value if isinstance(value, type) else value.__class__
        if not issubclass(kind, (TensorBase, np.ndarray)) and getattr(kind, protocol, None) is not None:
            return True
    return False


def array_ufunc(self: Any, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
    """What a ufunc gives on tensors, see Note [Two answers to NumPy]."""
    if (
        method == "__call__"
        and ufunc in _REFLECTED
        and not isinstance(inputs[0], TensorBase)
        and (not options or options.get("out", (None,))[0] is inputs[0])
        and is_operator(sys._getframe(1), ufunc)
        and (not options or recorded(tensors_in(inputs)))
    ):
        left = inputs[0].item() if isinstance(inputs[0], np.generic) else inputs[0]
        return getattr(inputs[1], _REFLECTED[ufunc])(left)
    if _others_answer((x for x in inputs if not isinstance(x, np.generic)), "__array_ufunc__"):
        return NotImplemented
    out = options.get("out", ())
    if any(isinstance(x, TensorBase) for x in out):
        raise ArgumentError("return arrays must be of ArrayType, not Tensor; use the tensor's own function for out=")
    if recorded(tensors_in(inputs)):
        return LATE["functions"]().ufunc_result(ufunc, method, inputs, options)
    return _plain_ufunc(self, ufunc, method, inputs, options)


def _plain_ufunc(self: Any, ufunc: Any, method: str, inputs: Any, options: dict[str, Any]) -> Any:
    """The ufunc on the arrays of the tensors, its results as tensors where no place for them was given."""
    if method == "at" and isinstance(inputs[0], TensorBase):
        raise ArgumentError("first operand must be array, not Tensor; use index_add_ or index_put_")
    given = [x.__array__() if isinstance(x, TensorBase) else x for x in inputs]  # type: ignore[attr-defined]
    if isinstance(options.get("where"), TensorBase):
        options["where"] = options["where"].__array__()
    result = getattr(ufunc, method)(*given, **options)
    if method not in _CALLS:
        return result
    places = options.get("out", ())
    several = result if isinstance(result, tuple) else (result,)
    wrapped = tuple(
        r if any(r is place for place in places) else self.__array_wrap__(r, (ufunc, inputs, i))
        for i, r in enumerate(several)
    )
    return wrapped if isinstance(result, tuple) else wrapped[0]


_NEEDED = {"std", "var", "any", "all", "max", "min", "amax", "amin", "prod", "sum", "mean"}
"""Functions that ask the tensor's method in words it does not have: they are ours for every tensor."""


def array_function(self: Any, function: Any, types: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """What a function of NumPy's gives on tensors, see Note [Two answers to NumPy]."""
    if _others_answer(types, "__array_function__"):
        return NotImplemented
    history = recorded(tensors_in((*args, *kwargs.values())))
    if history or function.__name__ in _NEEDED:
        own = LATE["functions"]().RECORDED.get(function)
        if own is not None and kwargs.get("out") is None:
            return own(*args, **{name: value for name, value in kwargs.items() if name != "out"})
    try:
        return function._implementation(*args, **kwargs)
    except GraphError as error:
        if not history:
            raise
        raise GraphError(f"{error} (np.{function.__name__} is not recorded.)") from None


def array_namespace(self: Any, /, *, api_version: str | None = None) -> Any:
    """The array API standard's functions for tensors: `wengert.array_api`.

    Raises: ValueRangeError for a version that is not there.
    """
    namespace = LATE["namespace"]()
    if api_version not in (None, *namespace.VERSIONS):
        raise ValueRangeError(f"__array_namespace__(): there is no version {api_version!r}; there is 2024.12")
    return namespace


def to_device(self: Any, device: Any, /, *, stream: Any = None) -> Any:
    """The tensor on another device: the array API's name of `to`.

    Raises: ValueRangeError for a stream, which no device here has.
    """
    if stream is not None:
        raise ValueRangeError("to_device(): stream must be None")
    return self.to(device)


METHODS: dict[str, Any] = {
    "__array_ufunc__": array_ufunc, "__array_function__": array_function, "__array_namespace__": array_namespace,
    "to_device": to_device,
}  # fmt: skip
