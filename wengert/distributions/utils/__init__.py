"""What the distributions share: broadcasting of parameters, probabilities and logits, triangles as vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.arrays.dtype import finfo, get_default_dtype
from wengert.core.base.errors import ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tape.modes import current, enter, leave
from wengert.core.tensor import creation, data, randomness
from wengert.core.tensor.tensor import Tensor

euler_constant = 0.57721566490153286060

__all__ = [
    "broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits", "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]  # fmt: skip


def is_tensor(x: Any) -> bool:
    """Whether x is a tensor or stands for one."""
    return isinstance(x, Tensor) or hasattr(x, "__torch_function__")


def broadcast_all(*values: Any) -> tuple[Any, ...]:
    """Numbers and tensors as tensors of one shape; numbers take the dtype of the first tensor, or the default.

    Raises: ValueRangeError for anything else.
    """
    if not all(isinstance(v, (int, float)) or is_tensor(v) for v in values):
        raise ValueRangeError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__."
        )
    first = next((v for v in values if is_tensor(v)), None)
    dtype = get_default_dtype() if first is None else first.dtype
    device = None if first is None else first.device
    tensors = [v if is_tensor(v) else data.tensor(v, dtype=dtype, device=device) for v in values]
    return tuple(m.broadcast_tensors(*tensors))


def _standard_normal(shape: Any, dtype: Any, device: Any) -> Any:
    """Standard normal values."""
    return randomness.normal(
        creation.zeros(shape, dtype=dtype, device=device), creation.ones(shape, dtype=dtype, device=device)
    )


def _sum_rightmost(value: Any, dim: int) -> Any:
    """The sum over the last `dim` dims."""
    return value if dim == 0 else value.reshape(value.shape[: value.dim() - dim] + (-1,)).sum(-1)


def logits_to_probs(logits: Any, is_binary: bool = False) -> Any:
    """sigmoid(logits) for binary events, else softmax over the last dim."""
    return m.sigmoid(logits) if is_binary else m.softmax(logits, -1)


def clamp_probs(probs: Any) -> Any:
    """Probabilities kept eps away from 0 and 1."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Any, is_binary: bool = False) -> Any:
    """log(p / (1 - p)) for binary events, else log(p); p is clamped first."""
    clamped = clamp_probs(probs)
    return m.log(clamped) - m.log1p(-clamped) if is_binary else m.log(clamped)


class lazy_property:
    """A property computed on first use, with gradients, and kept in the object."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        self.__doc__ = wrapped.__doc__
        self.__name__ = wrapped.__name__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return _lazy_property_and_property(self.wrapped)
        token = None if current().grad else enter(current().but(grad=True))
        try:
            value = self.wrapped(instance)
        finally:
            if token is not None:
                leave(token)
        setattr(instance, self.wrapped.__name__, value)
        return value


class _lazy_property_and_property(lazy_property, property):
    """What a lazy property is when it is looked up on the class: documentation tools see a property."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        property.__init__(self, wrapped)


def tril_matrix_to_vec(mat: Any, diag: int = 0) -> Any:
    """The entries on and below a diagonal, row by row: (..., n, n) to (..., n (n + 1) / 2 + ...).

    Raises: ValueRangeError for a diagonal outside the matrix.
    """
    n = mat.shape[-1]
    if diag < -n or diag >= n:
        raise ValueRangeError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    places = creation.arange(n, device=mat.device)
    return mat[..., places < places.view(-1, 1) + (diag + 1)]


def vec_to_tril_matrix(vec: Any, diag: int = 0) -> Any:
    """The inverse of `tril_matrix_to_vec`, zeros above.

    Raises: ValueRangeError when no matrix has that many entries.
    """
    n = (-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * vec.shape[-1] + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2
    if not round(n) - n < finfo(vec.dtype).eps:
        raise ValueRangeError(
            f"The size of last dimension is {vec.shape[-1]} which cannot be expressed as "
            "the lower triangular part of a square D x D matrix."
        )
    size = round(n)
    places = creation.arange(size, device=vec.device)
    keep = places < places.view(-1, 1) + (diag + 1)
    mat = creation.zeros((*vec.shape[:-1], size, size), dtype=vec.dtype, device=vec.device)
    mat[..., keep] = vec
    return mat
