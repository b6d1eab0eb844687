"""`tf.raw_ops`: operations by TensorFlow's own names, with keyword arguments only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.tape.core import RECORDED
from wengert.tf import arrays, conversion, filling, gathering, linalg, math, nn, reductions
from wengert.tf.conversion import tensor_of
from wengert.tf.tensor import dress


def keyword_only(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """An operation that refuses positional arguments, with TypeError."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if args:
            raise TypeError(
                f"{name} only takes keyword args (possible keys: see tf.raw_ops). Please pass these args as "
                "kwargs instead."
            )
        kwargs.pop("name", None)
        return function(**kwargs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = function.__doc__
    return call


def gated(mask: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """The gradient of an activation, which `mask(features or outputs, gradients)` gives."""
    return lambda gradients, features: dress(mask(tensor_of(features), tensor_of(gradients)))


def softmax_and_gradient(features: Any, labels: Any) -> tuple[Any, Any]:
    """Losses of rows of logits, and their gradients."""
    x = tensor_of(features)
    return nn.softmax_cross_entropy_with_logits(labels=labels, logits=x), nn.softmax(x) - tensor_of(
        labels, x._array.dtype
    )


def reduced(function: Callable[..., Any]) -> Callable[..., Any]:
    """A reduction under the names of its operation's arguments."""
    return lambda input, axis, keep_dims=False: function(input, axis, keep_dims)


OPERATIONS: dict[str, Callable[..., Any]] = {
    **{op: getattr(math, public) for public, (op, *_) in math.UNARY.items()},
    **{op: getattr(math, public) for public, (op, *_) in math.BINARY.items()},
    **{op: reduced(getattr(reductions, public)) for public, (op, *_) in reductions.REDUCTIONS.items()},
    "Add": math.add, "Div": math.truediv, "RealDiv": math.realdiv, "Pow": math.pow,
    "Round": math.round, "Mod": math.mod,
    "AddN": math.add_n, "MatMul": linalg.matmul,
    "BatchMatMulV2": lambda x, y, adj_x=False, adj_y=False: linalg.matmul(x, y, adjoint_a=adj_x, adjoint_b=adj_y),
    "Relu": nn.relu, "Relu6": nn.relu6, "Elu": nn.elu, "Selu": nn.selu, "LeakyRelu": nn.leaky_relu,
    "Softplus": nn.softplus, "Softsign": nn.softsign, "Softmax": nn.softmax, "LogSoftmax": nn.log_softmax,
    "ReluGrad": gated(lambda x, g: RECORDED.where(RECORDED.gt(x, 0), g, 0.0)),
    "SigmoidGrad": lambda y, dy: tensor_of(dy) * y * (1.0 - tensor_of(y)),
    "TanhGrad": lambda y, dy: tensor_of(dy) * (1.0 - tensor_of(y) * y),
    "SoftmaxCrossEntropyWithLogits": softmax_and_gradient, "L2Loss": nn.l2_loss,
    "BiasAdd": lambda value, bias, data_format="NHWC": nn.bias_add(value, bias, data_format),
    "Conv2D": lambda input, filter, strides, padding, data_format="NHWC", dilations=None, **rest: nn.conv2d(
        input, filter, strides, padding, data_format, dilations),
    "MaxPool": lambda input, ksize, strides, padding, data_format="NHWC", **rest: nn.max_pool2d(
        input, ksize, strides, padding, data_format),
    "AvgPool": lambda value, ksize, strides, padding, data_format="NHWC": nn.avg_pool2d(
        value, ksize, strides, padding, data_format),
    "Reshape": arrays.reshape, "Transpose": lambda x, perm: arrays.transpose(x, perm), "Shape": arrays.shape,
    "ExpandDims": arrays.expand_dims, "Squeeze": lambda input, axis=(): arrays.squeeze(input, list(axis) or None),
    "ConcatV2": arrays.concat, "Pack": arrays.stack, "Unpack": arrays.unstack, "Tile": arrays.tile, "Slice": (
        lambda input, begin, size: arrays.slice(input, begin, size)),
    "Split": lambda axis, value, num_split: arrays.split(value, num_split, axis),
    "StridedSlice": lambda input, begin, end, strides, **masks: arrays.strided_slice(
        input, begin, end, strides, **masks),
    "Pad": arrays.pad, "PadV2": lambda input, paddings, constant_values: arrays.pad(
        input, paddings, constant_values=constant_values),
    "BroadcastTo": arrays.broadcast_to, "ReverseV2": arrays.reverse, "Roll": arrays.roll, "Where": (
        lambda condition: arrays.where(condition)),
    "SelectV2": lambda condition, t, e: arrays.where(condition, t, e), "OneHot": (
        lambda indices, depth, on_value, off_value, axis=-1: arrays.one_hot(indices, depth, on_value, off_value, axis)),
    "TopKV2": lambda input, k, sorted=True: arrays.top_k(input, k, sorted),
    "GatherV2": lambda params, indices, axis, batch_dims=0: gathering.gather(
        params, indices, axis=axis, batch_dims=batch_dims),
    "GatherNd": gathering.gather_nd, "ScatterNd": gathering.scatter_nd,
    "Identity": conversion.identity, "StopGradient": conversion.stop_gradient,
    "Cast": lambda x, DstT, Truncate=False: conversion.cast(x, DstT), "Fill": filling.fill,
    "ZerosLike": lambda x: filling.zeros_like(x), "OnesLike": lambda x: filling.ones_like(x),
    "Range": filling.range, "LinSpace": lambda start, stop, num: filling.linspace(start, stop, num),
    "Cholesky": linalg.cholesky, "MatrixInverse": linalg.inv, "MatrixDeterminant": linalg.det, "MatrixSolve": (
        lambda matrix, rhs, adjoint=False: linalg.solve(matrix, rhs, adjoint)),
    "ArgMax": lambda input, dimension, output_type=None: reductions.argmax(input, dimension, output_type or "int64"),
    "ArgMin": lambda input, dimension, output_type=None: reductions.argmin(input, dimension, output_type or "int64"),
    "Cumsum": reductions.cumsum, "Cumprod": reductions.cumprod,
}  # fmt: skip
"""TensorFlow's operation -> what runs it."""

globals().update({name: keyword_only(name, function) for name, function in OPERATIONS.items()})
