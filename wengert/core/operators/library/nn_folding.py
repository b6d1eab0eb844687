"""Windows of images as columns, and columns added up to images: F.unfold and F.fold."""

from __future__ import annotations

from math import prod

from wengert.core.arrays import convolution as arrays
from wengert.core.base.errors import DimError, ShapeError
from wengert.core.operators.kinds import linear
from wengert.core.operators.record import Array, Ints
from wengert.core.operators.samples import call


def pair(value, name):
    """An attribute of two ints."""
    if isinstance(value, int):
        return value, value
    if len(value) == 1:
        return value[0], value[0]
    if len(value) != 2:
        raise ShapeError(f"It is expected {name} equals to 2, but got size {len(value)}")
    return tuple(value)


_TOLD = (("kernel", "kernel size", "_"), ("stride", "stride", "_"), ("dilation", "dilation", "_"))


def _attributes(kernel_size, dilation, padding, stride):
    kernel, dilation = pair(kernel_size, "kernel_size"), pair(dilation, "dilation")
    padding, stride = pair(padding, "padding"), pair(stride, "stride")
    for (word, text, _), values in zip(_TOLD, (kernel, stride, dilation), strict=True):
        if min(values) <= 0:
            raise ShapeError(
                f"{text} should be greater than zero, but got {word}_height: {values[0]} {word}_width: {values[1]}"
            )
    if min(padding) < 0:
        raise ShapeError(f"padding should be non-negative, but got pad_height: {padding[0]} pad_width: {padding[1]}")
    return kernel, dilation, padding, stride


def _places(size, kernel, dilation, padding, stride):
    return tuple(
        [arrays.extent(n, k, s, p, d) for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)]
    )


def _col2im_back(m, g, kernel_size, dilation, padding, stride):
    return m.im2col(g, kernel_size, dilation, padding, stride)


@linear(
    transpose=lambda m, g, shape, kernel_size, dilation, padding, stride: m.col2im(
        g, tuple(shape[-2:]), kernel_size, dilation, padding, stride
    ),
    space=None,
    method=False,
    backward_name="Im2ColBackward0",
    samples=lambda s: [
        call(s.array(2, 3, 5, 4), (2, 3), (1, 1), (0, 1), (2, 1)),
        call(s.array(3, 4, 4), 2, 2, 1, 1),
        call(s.array(0, 2, 3, 3), 2, 1, 0, 1),
    ],
)
def im2col(np, input: Array, kernel_size: Ints, dilation: Ints, padding: Ints, stride: Ints):
    """All windows as columns: (N, C, H, W) -> (N, C kH kW, places); the batch dim may be missing."""
    kernel, dilation, padding, stride = _attributes(kernel_size, dilation, padding, stride)
    n = input.ndim
    if n not in (3, 4):
        if n < 3:
            raise DimError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got 2)")
        raise ShapeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
            f"but got: {list(input.shape)}"
        )
    size = input.shape[-2:]
    places = _places(size, kernel, dilation, padding, stride)
    if min(places) < 1:
        raise ShapeError(
            f"Given input with spatial size {size}, kernel_size={kernel}, dilation={dilation}, padding={padding}, "
            f"calculated shape of the array of sliding blocks as {places}, but its components must be at least one."
        )
    out = arrays.unfolded(np, input if n == 4 else input[None], kernel, stride, padding, dilation)
    return out if n == 4 else out[0]


@linear(
    transpose=_col2im_back,
    space=None,
    method=False,
    backward_name="Col2ImBackward0",
    samples=lambda s: [
        call(s.array(2, 12, 12), (4, 5), (2, 2), (1, 1), (0, 0), (1, 1)),
        call(s.array(8, 16), (4, 4), 2, 2, 1, 1),
    ],
)
def col2im(np, input: Array, output_size: Ints, kernel_size: Ints, dilation: Ints, padding: Ints, stride: Ints):
    """Columns added up where their windows lie: (N, C kH kW, places) -> (N, C, *output_size)."""
    size = pair(output_size, "output_size")
    kernel, dilation, padding, stride = _attributes(kernel_size, dilation, padding, stride)
    n = input.ndim
    if n not in (2, 3):
        raise ShapeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
            f"input, but got: {list(input.shape)}"
        )
    rows, count = input.shape[-2:]
    if rows % prod(kernel):
        raise ShapeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={rows} and kernel_size={kernel}."
        )
    places = _places(size, kernel, dilation, padding, stride)
    if count != prod(places) or min(places) < 1:
        raise ShapeError(
            f"Given output_size={size}, kernel_size={kernel}, dilation={dilation}, padding={padding}, stride={stride}, "
            f"expected size of input's dimension 2 to match the calculated number of sliding blocks "
            f"{places[0]} * {places[1]} = {prod(places)}, but got input.size(2)={count}."
        )
    out = arrays.folded(np, input if n == 3 else input[None], size, kernel, stride, padding, dilation)
    return out if n == 3 else out[0]
