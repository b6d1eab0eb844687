"""Convolutions and pools over channels-last (or channels-first) data, with TensorFlow's SAME and VALID padding."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.tape.core import RECORDED
from wengert.tf.calling import checked, explained, invalid, sizes, strict
from wengert.tf.conversion import tensor_of, wholes
from wengert.tf.tensor import bare, dress, from_array


def spatial(value: Any, count: int, channels_last: bool, what: str) -> tuple[int, ...]:
    """A stride, dilation or window for each spatial dim. Raises ValueError for another number of them."""
    found = wholes(value if value is not None else 1)
    if len(found) == 1:
        return found * count
    if len(found) == count:
        return found
    if len(found) == count + 2:
        return found[1:-1] if channels_last else found[2:]
    raise ValueError(
        f"{what} should be of length 1, {count} or {count + 2}. Received: {what}={value} of length {len(found)}"
    )


def is_last(data_format: str | None) -> bool:
    """Whether channels are the last dim."""
    return data_format is None or not data_format.startswith("NC")


def to_front(x: Any, last: bool) -> Any:
    """Channels as the second dim."""
    n = x._array.ndim
    return RECORDED.permute(x, (0, n - 1, *range(1, n - 1))) if last else x


def to_back(x: Any, last: bool) -> Any:
    """Channels back where they were."""
    n = x._array.ndim
    return RECORDED.permute(x, (0, *range(2, n), 1)) if last else x


def margins(
    op: str, padding: Any, shape: Any, window: Any, strides: Any, dilations: Any, last: bool
) -> list[tuple[int, int]]:
    """What is added before and after each spatial dim. Raises InvalidArgumentError for an unknown padding."""
    if isinstance(padding, (list, tuple)):
        pairs = [tuple(int(v) for v in p) for p in padding]
        return list(pairs[1:-1] if last else pairs[2:])  # type: ignore[arg-type]
    kind = padding.upper()
    if kind == "VALID":
        return [(0, 0)] * len(window)
    if kind != "SAME":
        raise invalid(
            op,
            f'Value for attr \'padding\' of "{padding}" is not in the list of allowed values: "SAME", "VALID", '
            '"EXPLICIT"',
        )
    found = []
    for n, k, s, d in zip(shape, window, strides, dilations, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        found.append((total // 2, total - total // 2))
    return found


def padded(x: Any, pairs: list[tuple[int, int]], value: float = 0.0) -> tuple[Any, tuple[int, ...]]:
    """x with what padding is uneven put on, and the even rest for the operator."""
    if all(a == b for a, b in pairs):
        return x, tuple(a for a, _ in pairs)
    flat = tuple(v for pair in reversed(pairs) for v in pair)
    return RECORDED.constant_pad_nd(x, flat, value), (0,) * len(pairs)


def convolve(
    op: str, count: int, input: Any, filters: Any, strides: Any, padding: Any, data_format: Any, dilations: Any
) -> Any:
    """A convolution with `count` spatial dims; leading batch dims beyond one are folded into it.

    Raises InvalidArgumentError for channels that do not go together.
    """
    x, w = strict(op, input, filters)
    x = checked(op, x, "fc")
    last = is_last(data_format)
    if x._array.ndim < count + 2 or w._array.ndim != count + 2:
        raise invalid(
            op,
            f"{'filter' if x._array.ndim >= count + 2 else 'input'} must be {count + 2}-dimensional: "
            f"{sizes(w._array.shape if x._array.ndim >= count + 2 else x._array.shape)}",
        )
    lead = x._array.shape[: x._array.ndim - count - 1]
    if len(lead) > 1:
        x = dress(RECORDED.reshape(x, (-1, *x._array.shape[len(lead) :])), x)
    s, d = spatial(strides, count, last, "strides"), spatial(dilations, count, last, "dilations")
    front = to_front(x, last)
    depth, wanted = front._array.shape[1], w._array.shape[-2]
    if not wanted or depth % wanted:
        raise invalid(op, f"input depth must be evenly divisible by filter depth: {depth} vs {wanted}")
    pairs = margins(op, padding, front._array.shape[2:], w._array.shape[:count], s, d, last)
    front, even = padded(front, pairs)
    kernel = RECORDED.permute(w, (count + 1, count, *range(count)))
    try:
        out = RECORDED.convolution(front, kernel, None, s, even, d, False, (0,) * count, depth // wanted)
    except RuntimeError as error:
        raise explained(op, (x, w), error) from None
    out = to_back(out, last)
    if len(lead) > 1:
        out = RECORDED.reshape(out, (*lead, *out._array.shape[1:]))
    return dress(out, x, w)


def conv1d(
    input: Any,
    filters: Any,
    stride: Any,
    padding: Any,
    data_format: str = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """Convolution over one spatial dim: input (batch, width, in), filters (width, in, out)."""
    return convolve("Conv2D", 1, input, filters, stride, padding, data_format, dilations)


def conv2d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """Convolution over two spatial dims: input (batch, height, width, in), filters (height, width, in, out)."""
    return convolve("Conv2D", 2, input, filters, strides, padding, data_format, dilations)


def conv3d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NDHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """Convolution over three spatial dims: input (batch, depth, height, width, in), filters (..., in, out)."""
    return convolve("Conv3D", 3, input, filters, strides, padding, data_format, dilations)


def convolution(
    input: Any, filters: Any, strides: Any = None, padding: Any = "VALID",
    data_format: Any = None, dilations: Any = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Convolution over as many spatial dims as `filters` has beside its channels."""
    count = tensor_of(filters)._array.ndim - 2
    return convolve(f"Conv{max(count, 2)}D", count, input, filters, strides, padding, data_format, dilations)


def atrous_conv2d(value: Any, filters: Any, rate: int, padding: Any, name: str | None = None) -> Any:
    """Convolution with `rate - 1` entries left out between those that the filter meets."""
    return conv2d(value, filters, 1, padding, dilations=rate)


def depthwise_conv2d(
    input: Any, filter: Any, strides: Any, padding: Any, data_format: str | None = None, dilations: Any = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Every channel convolved by itself: filter (height, width, in, multiplier) gives in * multiplier channels."""
    w = tensor_of(filter)
    h, v, depth, times = w._array.shape
    flat = dress(RECORDED.reshape(w, (h, v, 1, depth * times)), w)
    return convolve("DepthwiseConv2dNative", 2, input, flat, strides, padding, data_format, dilations)


def separable_conv2d(
    input: Any, depthwise_filter: Any, pointwise_filter: Any, strides: Any, padding: Any,
    data_format: str | None = None,
    dilations: Any = None, name: str | None = None,
) -> Any:  # fmt: skip
    """A depthwise convolution, then one that mixes the channels."""
    inner = depthwise_conv2d(input, depthwise_filter, strides, padding, data_format, dilations)
    return conv2d(inner, pointwise_filter, 1, "VALID", data_format or "NHWC")


def transposed(
    op: str,
    count: int,
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: Any,
    data_format: Any,
    dilations: Any,
) -> Any:
    """The transpose of a convolution: what it makes of an output gradient of shape `input`."""
    x, w = strict(op, input, filters)
    last = is_last(data_format)
    s, d = spatial(strides, count, last, "strides"), spatial(dilations, count, last, "dilations")
    shape = wholes(output_shape)
    if len(shape) == count:
        shape = (
            (x._array.shape[0], *shape, w._array.shape[-2]) if last else (x._array.shape[0], w._array.shape[-2], *shape)
        )
    target = shape[1:-1] if last else shape[2:]
    pairs = margins(op, padding, target, w._array.shape[:count], s, d, last)
    front = to_front(x, last)
    kernel = RECORDED.permute(w, (count + 1, count, *range(count)))
    windows = [(k - 1) * r + 1 for k, r in zip(w._array.shape[:count], d, strict=True)]
    full = [(n - 1) * step + k for n, step, k in zip(front._array.shape[2:], s, windows, strict=True)]
    extra = tuple(max(t + a + b - f, 0) for t, (a, b), f in zip(target, pairs, full, strict=True))
    if any(e >= max(step, r) for e, step, r in zip(extra, s, d, strict=True)):
        raise invalid(
            op,
            f"Size of out_backprop doesn't match computed: output_shape {sizes(shape)} for input "
            f"{sizes(x._array.shape)} with strides {list(s)}",
        )
    out = RECORDED.convolution(front, kernel, None, s, (0,) * count, d, True, extra, 1)
    for dim, ((before, _), n) in enumerate(zip(pairs, target, strict=True), 2):
        if out._array.shape[dim] != n:
            out = RECORDED.narrow(out, dim, before, n)
    return dress(to_back(out, last), x, w)


def conv1d_transpose(
    input: Any, filters: Any, output_shape: Any, strides: Any, padding: Any = "SAME", data_format: str = "NWC",
    dilations: Any = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Transpose of `conv1d`: filters (width, out, in)."""
    return transposed("Conv2DBackpropInput", 1, input, filters, output_shape, strides, padding, data_format, dilations)


def conv2d_transpose(
    input: Any, filters: Any, output_shape: Any, strides: Any, padding: Any = "SAME", data_format: str = "NHWC",
    dilations: Any = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Transpose of `conv2d`: filters (height, width, out, in)."""
    return transposed("Conv2DBackpropInput", 2, input, filters, output_shape, strides, padding, data_format, dilations)


def conv3d_transpose(
    input: Any, filters: Any, output_shape: Any, strides: Any, padding: Any = "SAME", data_format: str = "NDHWC",
    dilations: Any = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Transpose of `conv3d`: filters (depth, height, width, out, in)."""
    return transposed(
        "Conv3DBackpropInputV2", 3, input, filters, output_shape, strides, padding, data_format, dilations
    )


def pooled(op: str, count: int, input: Any, ksize: Any, strides: Any, padding: Any, data_format: Any) -> Any:
    """A pool with `count` spatial dims."""
    x = checked(op, input, "real")
    last = is_last(data_format)
    window, s = spatial(ksize, count, last, "ksize"), spatial(strides, count, last, "strides")
    if x._array.ndim != count + 2:
        raise invalid(op, f"tensor_in must be {count + 2}-dimensional, got shape {sizes(x._array.shape)}")
    front = to_front(x, last)
    pairs = margins(op, padding, front._array.shape[2:], window, s, (1,) * count, last)
    average = op.startswith("Avg")
    if average:
        out = averaged(front, window, s, pairs)
    else:
        front, even = padded(front, pairs, -np.inf if x._array.dtype.kind == "f" else 0)
        out = RECORDED.max_pool_values(front, window, s, even, (1,) * count, False)
    return dress(to_back(out, last), x)


def averaged(x: Any, window: Any, strides: Any, pairs: Any) -> Any:
    """Mean of each window, of what is inside the data only."""
    front, even = padded(x, pairs)
    out = RECORDED.avg_pool(front, window, strides, even, False, False, None)
    if any(a != b for a, b in pairs):
        ones = from_array(np.ones((1, 1, *x._array.shape[2:]), x._array.dtype))
        counts = RECORDED.avg_pool(bare(padded(ones, pairs)[0]), window, strides, even, False, False, None)
        out = RECORDED.div(out, counts)
    return out


def pool_function(name: str, op: str, count: int, doc: str) -> Any:
    """A public pool."""

    def call(
        input: Any, ksize: Any, strides: Any, padding: Any, data_format: Any = None, name: str | None = None
    ) -> Any:
        return pooled(op, count, input, ksize, strides, padding, data_format)

    call.__name__, call.__doc__ = name, doc
    return call


max_pool1d = pool_function("max_pool1d", "MaxPool", 1, "Largest value of each window over one spatial dim.")
max_pool2d = pool_function("max_pool2d", "MaxPool", 2, "Largest value of each window over two spatial dims.")
max_pool3d = pool_function("max_pool3d", "MaxPool3D", 3, "Largest value of each window over three spatial dims.")
avg_pool1d = pool_function("avg_pool1d", "AvgPool", 1, "Mean of each window over one spatial dim.")
avg_pool2d = pool_function("avg_pool2d", "AvgPool", 2, "Mean of each window over two spatial dims.")
avg_pool3d = pool_function("avg_pool3d", "AvgPool3D", 3, "Mean of each window over three spatial dims.")


def max_pool(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: Any = None, name: str | None = None
) -> Any:
    """Largest value of each window, over all dims between batch and channels."""
    return (max_pool1d, max_pool2d, max_pool3d)[tensor_of(input)._array.ndim - 3](
        input, ksize, strides, padding, data_format
    )


def avg_pool(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: Any = None, name: str | None = None
) -> Any:
    """Mean of each window, over all dims between batch and channels."""
    return (avg_pool1d, avg_pool2d, avg_pool3d)[tensor_of(input)._array.ndim - 3](
        input, ksize, strides, padding, data_format
    )


def pool(
    input: Any, window_shape: Any, pooling_type: str, strides: Any = None, padding: Any = "VALID",
    data_format: Any = None, dilations: Any = None, name: str | None = None,
) -> Any:  # fmt: skip
    """A pool of kind "MAX" or "AVG". Raises ValueError for another kind."""
    if pooling_type not in ("MAX", "AVG"):
        raise ValueError(f"pooling_type must be 'MAX' or 'AVG', got {pooling_type!r}")
    return (max_pool if pooling_type == "MAX" else avg_pool)(input, window_shape, strides or 1, padding, data_format)


def depth_to_space(input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None) -> Any:
    """Blocks of channels laid out as squares of `block_size`."""
    x, b = tensor_of(input), block_size
    front = RECORDED.permute(x, (0, 2, 3, 1)) if data_format == "NCHW" else x
    n, h, w, c = front._array.shape
    if c % (b * b):
        raise invalid("DepthToSpace", f"Input depth dimension {c} should be divisible by: {b * b}")
    out = RECORDED.reshape(front, (n, h, w, b, b, c // (b * b)))
    out = RECORDED.reshape(RECORDED.permute(out, (0, 1, 3, 2, 4, 5)), (n, h * b, w * b, c // (b * b)))
    return dress(RECORDED.permute(out, (0, 3, 1, 2)) if data_format == "NCHW" else out, x)


def space_to_depth(input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None) -> Any:
    """Squares of `block_size` laid out as blocks of channels."""
    x, b = tensor_of(input), block_size
    front = RECORDED.permute(x, (0, 2, 3, 1)) if data_format == "NCHW" else x
    n, h, w, c = front._array.shape
    if h % b or w % b:
        raise invalid("SpaceToDepth", f"Image width {w} and height {h} should be divisible by block_size: {b}")
    out = RECORDED.reshape(front, (n, h // b, b, w // b, b, c))
    out = RECORDED.reshape(RECORDED.permute(out, (0, 1, 3, 2, 4, 5)), (n, h // b, w // b, b * b * c))
    return dress(RECORDED.permute(out, (0, 3, 1, 2)) if data_format == "NCHW" else out, x)
