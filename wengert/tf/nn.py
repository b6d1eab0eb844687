"""`tf.nn`: activations, normalisation, dropout, losses on logits; convolutions and pools come from their own file."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.tape import hot
from wengert.core.tape.core import RECORDED
from wengert.tf import math, random
from wengert.tf.arrays import broadcast_to, reshape, top_k
from wengert.tf.calling import checked, invalid, run, sizes, strict, unary, unlisted
from wengert.tf.conversion import cast, convert_to_tensor, tensor_of, whole
from wengert.tf.convolution import (
    atrous_conv2d,
    avg_pool,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    conv1d,
    conv1d_transpose,
    conv2d,
    conv2d_transpose,
    conv3d,
    conv3d_transpose,
    convolution,
    depth_to_space,
    depthwise_conv2d,
    is_last,
    max_pool,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    pool,
    separable_conv2d,
    space_to_depth,
)
from wengert.tf.gathering import embedding_lookup
from wengert.tf.reductions import axes_of, reduce_mean, reduce_sum, zero_fraction
from wengert.tf.rules import ruled
from wengert.tf.tensor import bare, dress, from_array

relu6 = unary("Relu6", "relu6", "real", "min(max(x, 0), 6).", "relu6")
softsign = unary("Softsign", "softsign", "f", "x / (1 + |x|).", "softsign")
SCALE, ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def scaled(x: Any) -> Any:
    """The scaled exponential linear unit; at 0 its gradient is that of the linear side."""

    def rule(g: Any) -> Any:
        below = RECORDED.mul(RECORDED.exp(RECORDED.clamp_max(x, 0.0)), SCALE * ALPHA)
        return (RECORDED.mul(g, RECORDED.where(RECORDED.lt(bare(x), 0), below, SCALE)),)

    return ruled([RECORDED.selu(bare(x))], [x], rule, "Selu")[0]


selu = unary("Selu", scaled, "f", "Scaled exponential linear unit.", "selu")
elu = unary("Elu", "elu", "f", "x where positive, else e^x - 1.", "elu")
log_sigmoid = unary("Softplus", "logsigmoid", "f", "log(sigmoid(x)).", "log_sigmoid")
sigmoid, tanh = math.sigmoid, math.tanh


def relu(features: Any, name: str | None = None) -> Any:
    """max(x, 0); the gradient at 0 is 0."""
    x = checked("Relu", features, "real")
    return dress(hot.relu(x), x)


def leaky_relu(features: Any, alpha: Any = 0.2, name: str | None = None) -> Any:
    """x where positive, else alpha * x."""
    x = tensor_of(features)
    if x._array.dtype.kind in "iu":
        x = cast(x, np.float32)
    return run("LeakyRelu", RECORDED.leaky_relu, (x,), float(alpha))


def gelu(features: Any, approximate: bool = False, name: str | None = None) -> Any:
    """x times the normal distribution function of x, or its approximation by tanh. Raises ValueError for integers."""
    x = tensor_of(features)
    if x._array.dtype.kind not in "fV":
        raise ValueError(f"`features.dtype` must be a floating point tensor.Received:features.dtype={x.dtype}")
    return run("Gelu", RECORDED.gelu, (x,), "tanh" if approximate else "none")


def silu(features: Any, beta: Any = 1.0) -> Any:
    """x * sigmoid(beta * x)."""
    x = checked("Sigmoid", features, "fc")
    if isinstance(beta, (int, float)) and beta == 1.0:
        return run("Silu", RECORDED.silu, (x,))
    return math.multiply(x, math.sigmoid(math.multiply(tensor_of(beta, x._array.dtype), x)))


swish = silu


def softplus(features: Any, name: str | None = None) -> Any:
    """log(1 + e^x)."""
    x = checked("Softplus", features, "f")
    return run("Softplus", RECORDED.softplus, (x,), 1.0, 40.0 if x._array.dtype == np.float64 else 20.0)


def crelu(features: Any, axis: int = -1, name: str | None = None) -> Any:
    """relu of x and of -x, side by side."""
    x = tensor_of(features)
    return relu(dress(RECORDED.cat([x, RECORDED.neg(x)], axis), x))


def softmax(logits: Any, axis: Any = -1, name: str | None = None) -> Any:
    """e^x divided by the sum of e^x along `axis`."""
    x = checked("Softmax", logits, "f")
    return run("Softmax", RECORDED.softmax, (x,), axis_in("Softmax", x, axis))


def log_softmax(logits: Any, axis: Any = -1, name: str | None = None) -> Any:
    """Logarithm of the softmax along `axis`."""
    x = checked("LogSoftmax", logits, "f")
    return run("LogSoftmax", RECORDED.log_softmax, (x,), axis_in("LogSoftmax", x, axis))


def axis_in(op: str, x: Any, axis: Any) -> int:
    """A dim of x. Raises InvalidArgumentError if there is no such dim, or none at all."""
    d = -1 if axis is None else whole(axis)
    rank = x._array.ndim
    if not rank:
        raise invalid(op, "logits must have >= 1 dimension, got []")
    if not -rank <= d < rank:
        raise invalid(op, f"`axis` must be in the range [{-rank}, {rank}); got {d}")
    return d


# ---------------------------------------------------------------- losses


def sigmoid_cross_entropy_with_logits(labels: Any = None, logits: Any = None, name: str | None = None) -> Any:
    """max(x, 0) - x z + log(1 + e^-|x|) for each logit x and label z. Raises ValueError for different shapes."""
    x, z = strict("LogisticLoss", logits, labels)
    if x._array.shape != z._array.shape:
        raise ValueError(f"`logits` and `labels` must have the same shape, received ({x.shape} vs {z.shape}).")
    return run("LogisticLoss", RECORDED.binary_cross_entropy_with_logits, (x, z), reduction="none")


def weighted_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, pos_weight: Any = None, name: str | None = None
) -> Any:
    """The sigmoid cross entropy with the positive part weighted."""
    x, z = strict("LogisticLoss", logits, labels)
    weight = 1.0 + (tensor_of(pos_weight, x._array.dtype) - 1.0) * z
    return (1.0 - z) * x + weight * (math.log1p(math.exp(-math.abs(x))) + relu(-x))


def softmax_cross_entropy_with_logits(labels: Any, logits: Any, axis: Any = -1, name: str | None = None) -> Any:
    """-sum(labels * log_softmax(logits)) along `axis`. The gradient of the logits is softmax - labels.

    Raises InvalidArgumentError for shapes that do not go together.
    """
    x = tensor_of(logits)
    z = tensor_of(labels) if isinstance(labels, type(x)) else tensor_of(labels, x._array.dtype)
    op = "SoftmaxCrossEntropyWithLogits"
    x = checked(op, x, "f")
    z = z if z._array.dtype == x._array.dtype else cast(z, x.dtype)
    d = axis_in(op, x, axis)
    try:
        shape = np.broadcast_shapes(x._array.shape, z._array.shape)
    except ValueError:
        raise invalid(
            op,
            f"logits and labels must be broadcastable: logits_size={sizes(x._array.shape)} "
            f"labels_size={sizes(z._array.shape)}",
        ) from None
    x = x if x._array.shape == shape else broadcast_to(x, shape)
    z = z if z._array.shape == shape else broadcast_to(z, shape)
    scores = RECORDED.log_softmax(x, d)
    scores.__class__ = type(bare(x))
    loss = RECORDED.neg(RECORDED.sum(RECORDED.mul(bare(z), bare(scores)), (d,)))

    def rule(g: Any) -> Any:
        wide = RECORDED.unsqueeze(g, d)
        of_labels = RECORDED.neg(RECORDED.mul(wide, scores)) if z._flags & 1 else None
        return RECORDED.mul(wide, RECORDED.sub(RECORDED.exp(scores), z)), of_labels

    return ruled([loss], [x, z], rule, op)[0]


def sparse_softmax_cross_entropy_with_logits(labels: Any, logits: Any, name: str | None = None) -> Any:
    """-log_softmax(logits)[label] for labels given as numbers of the classes in the last dim.

    Raises InvalidArgumentError for a label outside, ValueError for shapes that do not go together.
    """
    op = "SparseSoftmaxCrossEntropyWithLogits"
    x, z = checked(op, logits, "f"), tensor_of(labels)._array
    shape = x._array.shape
    if z.dtype.name not in ("int32", "int64", "uint8", "int16", "uint16"):
        raise unlisted(op, "Tlabels", z.dtype, ("int32", "int64"))
    if not shape:
        raise ValueError("`logits` cannot be a scalar.")
    if z.shape != shape[:-1]:
        raise ValueError(
            f"`labels.shape` must equal `logits.shape` except for the last dimension. Received: "
            f"labels.shape={z.shape} and logits.shape={shape}"
        )
    bad = z[(z < 0) | (z >= shape[-1])]
    if bad.size:
        raise invalid(
            op,
            f"Received a label value of {bad.flat[0]} which is outside the valid range of [0, {shape[-1]}).  Label "
            f"values: {' '.join(map(str, z.reshape(-1)))}",
        )
    flat = x if len(shape) == 2 else dress(RECORDED.reshape(x, (-1, shape[-1])), x)
    target = from_array(z.reshape(-1).astype(np.int64))
    out = run(op, lambda x: RECORDED.cross_entropy(x, target, reduction="none"), (flat,))
    return out if len(shape) == 2 else reshape(out, shape[:-1])


def log_poisson_loss(targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None) -> Any:
    """e^c - z c for targets z and logarithms c, with Stirling's approximation of log(z!) if asked for."""
    c, z = strict("LogPoisson", log_input, targets)
    out = math.exp(c) - c * z
    if compute_full_loss:
        stirling = z * math.log(z) - z + 0.5 * math.log(2.0 * np.pi * z)
        out = out + dress(RECORDED.where(from_array((z._array >= 0) & (z._array <= 1)), 0.0, stirling), z)
    return out


def l2_loss(t: Any, name: str | None = None) -> Any:
    """Half the sum of squares."""
    x = checked("L2Loss", t, "f")
    return run("L2Loss", lambda x: RECORDED.mul(RECORDED.sum(RECORDED.square(x)), 0.5), (x,))


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None) -> Any:
    """x / sqrt(max(sum(x^2), epsilon)) along `axis`."""
    x = checked("Square", x, "signed")
    squares = math.square(x) if x._array.dtype.kind != "c" else math.square(math.abs(x))
    total = reduce_sum(squares, axis if dim is None else dim, True)
    scale = math.rsqrt(math.maximum(total, epsilon))
    return math.multiply(x, scale if x._array.dtype.kind != "c" else cast(scale, x.dtype))


def scale_regularization_loss(regularization_loss: Any) -> Any:
    """The loss shared among replicas: there is one."""
    return convert_to_tensor(regularization_loss)


def compute_average_loss(
    per_example_loss: Any, sample_weight: Any = None, global_batch_size: Any = None, max_num_replicas: Any = None
) -> Any:
    """Sum of the losses of the examples, weighted, by the size of the batch."""
    x = tensor_of(per_example_loss)
    if not x._array.ndim:
        raise ValueError("per_example_loss must have rank > 0")
    count = x._array.shape[0] if global_batch_size is None else whole(global_batch_size)
    if sample_weight is not None:
        x = math.multiply(x, tensor_of(sample_weight, x._array.dtype))
    return math.divide(reduce_sum(x), tensor_of(float(count), x._array.dtype))


# ---------------------------------------------------------------- normalisation and noise


def moments(x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Mean and variance over the dims `axes`; half precision is computed in float32."""
    given = tensor_of(x)
    half = given._array.dtype == np.float16
    y = cast(given, np.float32) if half else given
    mean = reduce_mean(y, axes, True)
    variance = reduce_mean(math.squared_difference(y, stop(mean)), axes, True)
    if not keepdims:
        dims = axes_of("Mean", axes, y._array.ndim)
        mean, variance = (dress(RECORDED.squeeze(m, dims), m) for m in (mean, variance))
    return (cast(mean, np.float16), cast(variance, np.float16)) if half else (mean, variance)


def stop(x: Any) -> Any:
    """x as a constant."""
    return bare(x)


def weighted_moments(x: Any, axes: Any, frequency_weights: Any, keepdims: bool = False, name: str | None = None) -> Any:
    """Mean and variance with weights."""
    y = tensor_of(x)
    w = tensor_of(frequency_weights, y._array.dtype)
    wide = broadcast_to(w, np.broadcast_shapes(y._array.shape, w._array.shape))
    total = reduce_sum(wide, axes, True)
    mean = math.divide_no_nan(reduce_sum(wide * y, axes, True), total)
    variance = math.divide_no_nan(reduce_sum(wide * math.squared_difference(y, mean), axes, True), total)
    if not keepdims:
        dims = axes_of("Mean", axes, y._array.ndim)
        mean, variance = (dress(RECORDED.squeeze(m, dims), m) for m in (mean, variance))
    return mean, variance


def batch_normalization(
    x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: Any, name: str | None = None
) -> Any:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset."""
    x = tensor_of(x)
    inverse = math.rsqrt(tensor_of(variance) + variance_epsilon)
    if scale is not None:
        inverse = inverse * scale
    shift = -tensor_of(mean) * inverse if offset is None else tensor_of(offset) - tensor_of(mean) * inverse
    return x * cast(inverse, x.dtype) + cast(shift, x.dtype)


def bias_add(value: Any, bias: Any, data_format: str | None = None, name: str | None = None) -> Any:
    """A vector added along the channels. Raises InvalidArgumentError for another length."""
    x, b = strict("BiasAdd", value, bias)
    last = is_last(data_format)
    count = x._array.shape[-1 if last else 1]
    if b._array.ndim != 1 or b._array.shape[0] != count:
        raise invalid(
            "BiasAdd",
            f"Must provide as many biases as the last dimension of the input tensor: {sizes(b._array.shape)} "
            f"vs. {sizes(x._array.shape)}",
        )
    return math.add(x, b if last else reshape(b, (-1, *[1] * (x._array.ndim - 2))))


def dropout(x: Any, rate: Any, noise_shape: Any = None, seed: Any = None, name: str | None = None) -> Any:
    """Elements set to 0 with probability `rate`, others scaled by 1 / (1 - rate). Raises ValueError for a rate."""
    x = tensor_of(x)
    if x._array.dtype.kind not in "fV":
        raise ValueError(
            "`x.dtype` must be a floating point tensor as `x` will be scaled. Received: x_dtype=" + f"{x.dtype}"
        )
    share = float(tensor_of(rate)._array)
    if not 0 <= share < 1:
        raise ValueError(f"`rate` must be a scalar tensor or a float in the range [0, 1). Received: rate={rate}")
    if share == 0:
        return dress(RECORDED.alias(x), x)
    shape = (
        x._array.shape
        if noise_shape is None
        else tuple(n if k is None else int(k) for n, k in zip(x._array.shape, noise_shape, strict=True))
    )
    noise = random.uniform(shape, seed=seed, dtype=x.dtype)
    kept = from_array(np.broadcast_to(noise._array >= share, x._array.shape))
    return run("Dropout", lambda x: RECORDED.where(kept, RECORDED.mul(x, 1.0 / (1.0 - share)), 0.0), (x,))


def local_response_normalization(
    input: Any, depth_radius: int = 5, bias: float = 1, alpha: float = 1, beta: float = 0.5, name: str | None = None
) -> Any:
    """x / (bias + alpha * sum of squares of near channels)^beta."""
    x = checked("LRN", input, "f")
    squares = dress(RECORDED.constant_pad_nd(RECORDED.square(x), (depth_radius, depth_radius), 0.0), x)
    count = x._array.shape[-1]
    near = [RECORDED.narrow(squares, -1, k, count) for k in range(2 * depth_radius + 1)]
    total = near[0]
    for part in near[1:]:
        total = RECORDED.add(total, part)
    return run(
        "LRN", lambda x: RECORDED.div(x, RECORDED.pow(RECORDED.add(RECORDED.mul(total, alpha), bias), beta)), (x,)
    )


lrn = local_response_normalization


def in_top_k(targets: Any, predictions: Any, k: Any, name: str | None = None) -> Any:
    """Whether each target's prediction is among the k largest of its row."""
    p, t = tensor_of(predictions)._array, tensor_of(targets)._array
    own = np.take_along_axis(p, t[:, None].astype(np.int64), 1)
    return from_array(((p > own).sum(1) < whole(k)) & np.isfinite(own[:, 0]))


def normalize_moments(counts: Any, mean_ss: Any, variance_ss: Any, shift: Any, name: str | None = None) -> Any:
    """Mean and variance from sums."""
    divisor = math.reciprocal(tensor_of(counts))
    mean = math.multiply(mean_ss, divisor)
    variance = math.multiply(variance_ss, divisor) - math.square(mean)
    return (mean if shift is None else mean + shift), variance


__all__ = [
    "atrous_conv2d", "avg_pool", "avg_pool1d", "avg_pool2d", "avg_pool3d", "batch_normalization", "bias_add",
    "compute_average_loss", "conv1d", "conv1d_transpose", "conv2d", "conv2d_transpose", "conv3d", "conv3d_transpose",
    "convolution", "crelu", "depth_to_space", "depthwise_conv2d", "dropout", "elu", "embedding_lookup", "gelu",
    "in_top_k",
    "l2_loss", "l2_normalize", "leaky_relu", "local_response_normalization", "log_poisson_loss", "log_softmax", "lrn",
    "max_pool", "max_pool1d", "max_pool2d", "max_pool3d", "moments", "normalize_moments", "pool", "relu", "relu6",
    "scale_regularization_loss", "selu", "separable_conv2d", "sigmoid", "sigmoid_cross_entropy_with_logits", "silu",
    "softmax", "softmax_cross_entropy_with_logits", "softplus", "softsign", "space_to_depth",
    "sparse_softmax_cross_entropy_with_logits", "swish", "tanh", "top_k", "weighted_cross_entropy_with_logits",
    "weighted_moments", "zero_fraction",
]  # fmt: skip
