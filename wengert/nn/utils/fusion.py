"""Batch normalisation folded into the layer before it, for inference (`torch.nn.utils.fusion`)."""

from __future__ import annotations

import copy
from typing import Any

from wengert.core.tape.core import RECORDED as m
from wengert.nn.parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]


def _folded(
    weight: Any, bias: Any, mean: Any, variance: Any, eps: float, scale: Any, shift: Any, shape: tuple[int, ...]
) -> tuple[Any, Any]:
    """weight * f and (bias - mean) f + shift with f = scale / sqrt(variance + eps), f seen by weight in `shape`."""
    factor = m.rsqrt(variance + eps)
    factor = factor if scale is None else scale * factor
    moved = -mean if bias is None else bias - mean
    moved = moved * factor if shift is None else moved * factor + shift
    grows = bias is not None and bias.requires_grad
    new_weight = (weight * m.reshape(factor, shape)).to(weight.dtype)
    new_bias = moved.to(weight.dtype if bias is None else bias.dtype)
    return Parameter(new_weight.detach(), weight.requires_grad), Parameter(new_bias.detach(), grows)


def fuse_conv_bn_weights(
    conv_w: Any, conv_b: Any, bn_rm: Any, bn_rv: Any, bn_eps: float, bn_w: Any, bn_b: Any, transpose: bool = False
) -> tuple[Any, Any]:
    """Weight and bias of a convolution that is followed by batch normalisation.

    transpose: the output channels are the second dim of the weight.  None stands for a missing bias, scale or shift.
    """
    ones = (1,) * (conv_w.dim() - 2)
    shape = (1, -1, *ones) if transpose else (-1, 1, *ones)
    return _folded(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, shape)


def fuse_linear_bn_weights(
    linear_w: Any, linear_b: Any, bn_rm: Any, bn_rv: Any, bn_eps: float, bn_w: Any, bn_b: Any
) -> tuple[Any, Any]:
    """Weight and bias of a linear layer that is followed by batch normalisation."""
    return _folded(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, (-1, 1))


def _checked(layer: Any, bn: Any) -> None:
    """Raises: AssertionError for layers in training, or without running statistics."""
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A copy of a convolution that does what it and the batch normalisation after it do in evaluation mode."""
    _checked(conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A copy of a linear layer that does what it and the batch normalisation after it do in evaluation mode.

    Raises: AssertionError, also where the normalisation has neither one channel nor one for each feature.
    """
    _checked(linear, bn)
    if bn.num_features not in (1, linear.out_features):
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got linear.out_features="
            f"{linear.out_features} and bn.num_features={bn.num_features}"
        )
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused
