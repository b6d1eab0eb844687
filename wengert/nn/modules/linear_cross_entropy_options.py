"""How a linear layer and its cross entropy are to be computed in pieces (`torch.nn.LinearCrossEntropyOptions`)."""

from __future__ import annotations

import re
from typing import Any, NoReturn

from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import ValueRangeError

_FIELDS = ("allow_retain_graph", "batch_chunk_size", "chunking_method", "acc_policy", "acc_dtype")
_POLICIES = ("accurate", "balanced", "compact", "auto")
_FLOATS = (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64)


class LinearCrossEntropyOptions:
    """Options of `linear_cross_entropy`; what is computed is the same whatever they say.

    batch_chunk_size: how many rows at a time.  chunking_method: how that number is chosen where it is not given.
    acc_policy, acc_dtype: in which dtype gradients are summed.  Instances cannot be changed.
    Raises: ValueRangeError for values that mean nothing.
    """

    __slots__ = _FIELDS

    def __init__(
        self, allow_retain_graph: bool = False, batch_chunk_size: int | None = None,
        chunking_method: str | None = "auto", acc_policy: str = "auto", acc_dtype: Any = None,
    ) -> None:  # fmt: skip
        if batch_chunk_size is not None and (not isinstance(batch_chunk_size, int) or batch_chunk_size <= 0):
            raise ValueRangeError(f"batch_chunk_size must be positive int or None, got {batch_chunk_size}")
        if chunking_method is not None and not re.fullmatch(r"auto|aspect_ratio(:[\d.]+)?", str(chunking_method)):
            raise ValueRangeError(f"invalid chunking_method: {chunking_method!r}")
        if acc_policy not in _POLICIES:
            raise ValueRangeError(f"invalid acc_policy: {acc_policy!r}")
        if acc_dtype is not None and acc_dtype not in _FLOATS:
            raise ValueRangeError(f"acc_dtype must be one of {{None, {', '.join(map(str, _FLOATS))}}}, got {acc_dtype}")
        given = (allow_retain_graph, batch_chunk_size, chunking_method, acc_policy, acc_dtype)
        for name, value in zip(_FIELDS, given, strict=True):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"cannot assign to field {name!r}")

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in _FIELDS)

    def __repr__(self) -> str:
        parts = ", ".join(f"{name}={value!r}" for name, value in zip(_FIELDS, self._values(), strict=True))
        return f"LinearCrossEntropyOptions({parts})"

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if isinstance(other, LinearCrossEntropyOptions) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._values())

    def __reduce__(self) -> Any:
        return LinearCrossEntropyOptions, self._values()


__all__ = ["LinearCrossEntropyOptions"]
