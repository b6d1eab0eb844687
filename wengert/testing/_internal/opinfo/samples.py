"""Sample calls: what an operator is given in tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import wengert as torch
from wengert.testing._internal.dtype_tables import torch_to_numpy_dtype_dict
from wengert.testing._internal.matrices import is_iterable_of_tensors, noncontiguous_like


class SampleInput:
    """One call: its first argument, `input`, and the others, `args` and `kwargs`."""

    __slots__ = ["input", "args", "kwargs", "output_process_fn_grad", "broadcasts_input", "name"]

    def __init__(
        self, input: Any, *var_args: Any, args: Any = None, kwargs: Any = None, output_process_fn_grad: Any = None,
        broadcasts_input: Any = None, name: Any = None, **var_kwargs: Any,
    ) -> None:  # fmt: skip
        if args is not None or kwargs is not None:
            if var_args or var_kwargs:
                raise AssertionError(
                    "A SampleInput can be constructed 'naturally' with *args and **kwargs or by explicitly setting "
                    "the 'args' and 'kwargs' parameters, but the two methods of construction cannot be mixed!"
                )
        elif (var_args or var_kwargs) and (output_process_fn_grad, broadcasts_input, name) != (None, None, None):
            raise AssertionError(
                "A SampleInput constructed 'naturally' with *args and **kwargs cannot specify additional metadata in "
                "keyword arguments"
            )
        self.input = input
        self.args = var_args if args is None else args
        self.kwargs = var_kwargs if kwargs is None else kwargs
        if not isinstance(self.args, tuple) or not isinstance(self.kwargs, dict):
            raise AssertionError(f"Expected args to be tuple and kwargs to be dict, got {type(self.args)}")
        self.output_process_fn_grad = output_process_fn_grad or (lambda x: x)
        self.broadcasts_input, self.name = bool(broadcasts_input), name or ""

    def with_metadata(
        self, *, output_process_fn_grad: Any = None, broadcasts_input: Any = None, name: Any = None
    ) -> SampleInput:
        """The sample itself, with what it lacks."""
        self.output_process_fn_grad = output_process_fn_grad or self.output_process_fn_grad
        self.broadcasts_input = self.broadcasts_input if broadcasts_input is None else broadcasts_input
        self.name = self.name if name is None else name
        return self

    def _repr_helper(self, formatter: Callable[[Any], Any]) -> str:
        parts = [f"{name}={formatter(getattr(self, name))}" for name in ("input", "args", "kwargs")]
        return f"SampleInput({', '.join(parts)}, broadcasts_input={self.broadcasts_input}, name={self.name!r})"

    def __repr__(self) -> str:
        return self._repr_helper(lambda x: x)

    def summary(self) -> str:
        """The sample with the sizes of tensors instead of their elements."""
        return self._repr_helper(shown)

    def transform(self, f: Callable[[Any], Any]) -> SampleInput:
        """The sample with every tensor and dtype replaced."""
        with torch.no_grad():
            value, args, kwargs = replaced((self.input, self.args, self.kwargs), f)
        return SampleInput(
            value, args=args, kwargs=kwargs, output_process_fn_grad=self.output_process_fn_grad,
            broadcasts_input=self.broadcasts_input, name=f"{self.name}_transformed",
        )  # fmt: skip

    def numpy(self) -> SampleInput:
        """The sample with arrays instead of tensors."""
        return self.transform(as_array)

    def noncontiguous(self) -> SampleInput:
        """The sample with tensors that have gaps in memory."""
        return self.transform(lambda x: noncontiguous_like(x) if isinstance(x, torch.Tensor) else x)


def replaced(value: Any, f: Callable[[Any], Any]) -> Any:
    """The same nest with `f` of every tensor and dtype."""
    if isinstance(value, (torch.Tensor, torch.dtype)):
        return f(value)
    if isinstance(value, dict):
        return {key: replaced(item, f) for key, item in value.items()}
    return type(value)(replaced(item, f) for item in value) if type(value) in (list, tuple) else value


def as_array(value: Any) -> Any:
    """The array of a tensor, the dtype of NumPy for one of this library."""
    if isinstance(value, torch.dtype):
        return torch_to_numpy_dtype_dict[value]
    wide = {torch.bfloat16: torch.float32, torch.complex32: torch.complex64}.get(value.dtype)
    plain = value.detach().cpu()
    return (plain if wide is None else plain.to(wide)).numpy()


def shown(value: Any) -> Any:
    """An argument in short."""
    if isinstance(value, torch.Tensor):
        gap = "" if value.is_sparse or value.is_contiguous() else ", contiguous=False"
        return f'Tensor[size={tuple(value.shape)}, device="{value.device}", dtype={value.dtype}{gap}]'
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    if is_iterable_of_tensors(value):
        return f"TensorList[{', '.join(map(shown, value))}]"
    return f"({','.join(map(str, map(shown, value)))})" if isinstance(value, (list, tuple)) else repr(value)


class ErrorInput:
    """A sample that is refused, with the type of the error and a pattern of its text."""

    __slots__ = ["sample_input", "error_type", "error_regex"]

    def __init__(self, sample_input: Any, *, error_type: Any = RuntimeError, error_regex: str) -> None:
        self.sample_input, self.error_type, self.error_regex = sample_input, error_type, error_regex


def clone_sample(sample: SampleInput, **kwargs: Any) -> SampleInput:
    """The sample with tensors of its own, and other keyword arguments."""

    def clone(x: Any) -> Any:
        return x.detach().clone().requires_grad_(x.requires_grad) if isinstance(x, torch.Tensor) else x

    value, args = replaced((sample.input, sample.args), clone)
    return SampleInput(value, args=args, kwargs=kwargs or replaced(sample.kwargs, clone))


__all__ = ["ErrorInput", "SampleInput", "clone_sample"]
