"""The base of all distributions: shapes, validation, and what every family may offer."""

from __future__ import annotations

import warnings
from typing import Any

from wengert.autograd.grad_mode import no_grad
from wengert.core.arrays.shape import Size
from wengert.core.base.errors import MissingError, ValueRangeError
from wengert.core.tape.core import RECORDED as m
from wengert.core.tensor.tensor import Tensor
from wengert.distributions import constraints
from wengert.distributions.utils import lazy_property

__all__ = ["Distribution"]


class Distribution:
    """A probability distribution over events of `event_shape`, one for each index of `batch_shape`.

    Samples have shape sample_shape + batch_shape + event_shape; log-probabilities sample_shape + batch_shape.
    validate_args: check parameters and values, and say what is wrong with them (slower).
    """

    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions check their arguments unless told otherwise."""
        if value not in (True, False):
            raise ValueRangeError
        Distribution._validate_args = value

    def __init__(self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None) -> None:
        self._batch_shape = Size(batch_shape)
        self._event_shape = Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()
        super().__init__()

    def _check_parameters(self) -> None:
        try:
            wanted = self.arg_constraints
        except NotImplementedError:
            wanted = {}
            warnings.warn(
                f"{self.__class__} does not define `arg_constraints`. Please set `arg_constraints = {{}}` or "
                "initialize the distribution with `validate_args=False` to turn off validation.",
                stacklevel=4,
            )
        for name, constraint in wanted.items():
            if constraints.is_dependent(constraint):
                continue
            if name not in self.__dict__ and isinstance(getattr(type(self), name), lazy_property):
                continue
            value = getattr(self, name)
            if not constraint.check(value).all():
                raise ValueRangeError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution "
                    f"{self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n{value}"
                )

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """This distribution with its batch shape expanded; parameters share memory."""
        raise MissingError(f"{type(self).__name__} does not say how it expands")

    @property
    def batch_shape(self) -> Any:
        """Shape of the independent, differently parametrised distributions."""
        return self._batch_shape

    @property
    def event_shape(self) -> Any:
        """Shape of one event."""
        return self._event_shape

    @property
    def arg_constraints(self) -> dict[str, Any]:
        """The constraint of each parameter."""
        raise MissingError(f"{type(self).__name__} does not state arg_constraints")

    @property
    def support(self) -> Any:
        """The constraint that events meet."""
        raise MissingError(f"{type(self).__name__} does not state its support")

    @property
    def mean(self) -> Any:
        """The expectation."""
        raise MissingError(f"{type(self).__name__} has no mean here")

    @property
    def mode(self) -> Any:
        """The most probable event."""
        raise MissingError(f"{self.__class__} does not implement mode")

    @property
    def variance(self) -> Any:
        """The expected squared distance from the mean."""
        raise MissingError(f"{type(self).__name__} has no variance here")

    @property
    def stddev(self) -> Any:
        """The square root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = Size()) -> Any:
        """Events of shape sample_shape + batch_shape + event_shape, without gradient."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = Size()) -> Any:
        """Events that gradients with respect to the parameters pass through."""
        raise MissingError(f"{type(self).__name__} has no reparametrised samples")

    def sample_n(self, n: int) -> Any:
        """`sample((n,))`, the older name."""
        warnings.warn("sample_n will be deprecated. Use .sample((n,)) instead", UserWarning, stacklevel=2)
        return self.sample(Size((n,)))

    def log_prob(self, value: Any) -> Any:
        """The log of the density (or mass) at `value`."""
        raise MissingError(f"{type(self).__name__} has no log_prob")

    def cdf(self, value: Any) -> Any:
        """The probability of an event up to `value`."""
        raise MissingError(f"{type(self).__name__} has no cdf")

    def icdf(self, value: Any) -> Any:
        """The inverse of `cdf`."""
        raise MissingError(f"{type(self).__name__} has no icdf")

    def enumerate_support(self, expand: bool = True) -> Any:
        """All events of a discrete distribution along a new first dim."""
        raise MissingError(f"{type(self).__name__} cannot enumerate its support")

    def entropy(self) -> Any:
        """The expectation of -log_prob."""
        raise MissingError(f"{type(self).__name__} has no entropy here")

    def perplexity(self) -> Any:
        """exp(entropy)."""
        return m.exp(self.entropy())

    def _extended_shape(self, sample_shape: Any = Size()) -> Any:
        return Size(tuple(sample_shape) + tuple(self._batch_shape) + tuple(self._event_shape))

    def _validate_sample(self, value: Any) -> None:
        """Refuse a value of the wrong shape or outside the support."""
        if not isinstance(value, Tensor):
            raise ValueRangeError("The value argument to log_prob must be a Tensor")
        start = value.dim() - len(self._event_shape)
        if value.shape[start:] != self._event_shape:
            raise ValueRangeError(
                f"The right-most size of value must match event_shape: {value.size()} vs {self._event_shape}."
            )
        own = self._batch_shape + self._event_shape
        for i, j in zip(reversed(value.size()), reversed(own), strict=False):
            if i != 1 and j != 1 and i != j:
                raise ValueRangeError(
                    f"Value is not broadcastable with batch_shape+event_shape: {value.size()} vs {own}."
                )
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(
                f"{self.__class__} does not define `support` to enable sample validation. Please initialize the "
                "distribution with `validate_args=False` to turn off validation.",
                stacklevel=3,
            )
            return
        if not support.check(value).all():
            raise ValueRangeError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the "
                f"support ({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def _get_checked_instance(self, cls: Any, _instance: Any = None) -> Any:
        if _instance is None and type(self).__init__ != cls.__init__:
            raise MissingError(
                f"Subclass {self.__class__.__name__} of {cls.__name__} that defines a custom __init__ method must "
                "also define a custom .expand() method."
            )
        return self.__new__(type(self)) if _instance is None else _instance

    def _expanded(self, cls: Any, names: Any, batch_shape: Any, instance: Any, event_shape: Any = Size()) -> Any:
        """A new instance with the named parameters that exist expanded; unvalidated, as its source was."""
        new = self._get_checked_instance(cls, instance)
        for name in names:
            if name in self.__dict__:
                setattr(new, name, self.__dict__[name].expand(tuple(batch_shape) + tuple(event_shape)))
        return self._finish(new, cls, batch_shape, event_shape)

    def _finish(self, new: Any, cls: Any, batch_shape: Any, event_shape: Any = Size()) -> Any:
        super(cls, new).__init__(Size(batch_shape), Size(event_shape), validate_args=False)  # type: ignore[misc, call-arg]
        new._validate_args = self._validate_args
        return new

    def __repr__(self) -> str:
        given = [(k, self.__dict__[k]) for k in self.arg_constraints if k in self.__dict__]
        parts = [f"{k}: {v if v.numel() == 1 else v.size()}" for k, v in given]
        return self.__class__.__name__ + "(" + ", ".join(parts) + ")"
