"""Gradients of convolutions as functions of their own (`torch.nn.grad`)."""

from __future__ import annotations

from typing import Any

from wengert.core.base.errors import ShapeError
from wengert.core.operators.library.nn_convolution import filled, transposed_size
from wengert.core.tape.core import RECORDED as m


def _options(rank: int, stride: Any, padding: Any, dilation: Any) -> tuple[tuple[int, ...], ...]:
    return filled(stride, rank), filled(padding, rank, "padding"), filled(dilation, rank, "dilation")


def _input(rank: int, size: Any, weight: Any, grad: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """The gradient of the input: a transposed convolution whose result has the input's size."""
    stride, padding, dilation = _options(rank, stride, padding, dilation)
    spatial = tuple(size)[-rank:]
    least = transposed_size(grad.shape[-rank:], tuple(weight.shape[2:]), stride, padding, dilation, (0,) * rank)
    more = tuple(n - k for n, k in zip(spatial, least, strict=True))
    if any(not 0 <= k < max(s, 1) for k, s in zip(more, stride, strict=True)):
        raise ShapeError(f"a gradient of shape {list(grad.shape)} does not come from an input of shape {list(size)}")
    return m.convolution(grad, weight, None, stride, padding, dilation, True, more, groups)


def _weight(rank: int, input: Any, size: Any, grad: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """The gradient of the weight: products of the output's gradient with windows of the input, summed."""
    stride, padding, dilation = _options(rank, stride, padding, dilation)
    if grad.shape[0] != input.shape[0]:
        raise ShapeError(f"{grad.shape[0]} gradients do not come from {input.shape[0]} inputs")
    return m.convolution_weight(grad, input, tuple(size)[-rank:], stride, padding, dilation, groups)


def conv1d_input(
    input_size: Any, weight: Any, grad_output: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    """Gradient of `conv1d` for its input of shape `input_size`, given that for its result."""
    return _input(1, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv1d_weight(
    input: Any, weight_size: Any, grad_output: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    """Gradient of `conv1d` for its weight of shape `weight_size`, given that for its result."""
    return _weight(1, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv2d_input(
    input_size: Any, weight: Any, grad_output: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    """Gradient of `conv2d` for its input of shape `input_size`, given that for its result."""
    return _input(2, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv2d_weight(
    input: Any, weight_size: Any, grad_output: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    """Gradient of `conv2d` for its weight of shape `weight_size`, given that for its result."""
    return _weight(2, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv3d_input(
    input_size: Any, weight: Any, grad_output: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    """Gradient of `conv3d` for its input of shape `input_size`, given that for its result."""
    return _input(3, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv3d_weight(
    input: Any, weight_size: Any, grad_output: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    """Gradient of `conv3d` for its weight of shape `weight_size`, given that for its result."""
    return _weight(3, input, weight_size, grad_output, stride, padding, dilation, groups)


__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]
