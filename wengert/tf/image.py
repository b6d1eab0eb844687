"""`tf.image`: sizes, flips and differences of images `(batch, height, width, channels)`; the batch may be left out."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.tf import math
from wengert.tf.arrays import concat, pad, reverse, stack
from wengert.tf.arrays import transpose as permuted
from wengert.tf.conversion import cast, tensor_of
from wengert.tf.gathering import gather
from wengert.tf.linalg import einsum
from wengert.tf.reductions import reduce_mean, reduce_std, reduce_sum
from wengert.tf.tensor import from_array


class ResizeMethod:
    """Names of the ways to resize."""

    BILINEAR = "bilinear"
    NEAREST_NEIGHBOR = "nearest"


def checked(images: Any) -> Any:
    """Images as a tensor. Raises ValueError for another number of dims than 3 or 4."""
    x = tensor_of(images)
    if x._array.ndim not in (3, 4):
        raise ValueError("'images' must have either 3 or 4 dimensions.")
    return x


def places(n: int, m: int) -> Any:
    """Where the centres of n entries lie among those of m entries."""
    return (np.arange(n) + 0.5) * np.float32(m / n)


def nearest(n: int, m: int) -> Any:
    """The nearest of m entries for each of n."""
    return np.minimum(places(n, m).astype(int), m - 1)


def weights(n: int, m: int) -> Any:
    """The matrix (n, m) of linear interpolation from m entries to n."""
    at = places(n, m).astype(np.float32) - np.float32(0.5)
    low = np.floor(at)
    part = at - low
    out = np.zeros((n, m), np.float32)
    rows = np.arange(n)
    np.add.at(out, (rows, np.clip(low, 0, m - 1).astype(int)), 1 - part)
    np.add.at(out, (rows, np.clip(low + 1, 0, m - 1).astype(int)), part)
    return from_array(out)


def resize(
    images: Any, size: Any, method: Any = ResizeMethod.BILINEAR, preserve_aspect_ratio: bool = False,
    antialias: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """Images of another height and width, float32 but for the nearest neighbour.

    Raises ValueError for a size that is not two numbers, and for ways other than bilinear and nearest.
    """
    x = checked(images)
    lengths = [int(n) for n in np.asarray(tensor_of(size)._array).reshape(-1)]
    if len(lengths) != 2:
        raise ValueError("'size' must be a 1-D Tensor of 2 elements: new_height, new_width")
    if antialias or method not in ("bilinear", "nearest", 0, 1):
        raise ValueError(f"tf.image.resize takes 'bilinear' and 'nearest' without antialias. Received: {method!r}")
    height, width = x._array.shape[-3:-1]
    if preserve_aspect_ratio:
        scale = min(lengths[0] / height, lengths[1] / width)
        lengths = [round(height * scale), round(width * scale)]
    if method in ("nearest", 1):
        rows, columns = (nearest(n, m) for n, m in zip(lengths, (height, width), strict=True))
        return gather(gather(x, rows, axis=x._array.ndim - 3), columns, axis=x._array.ndim - 2)
    if (height, width) == tuple(lengths):
        return cast(x, "float32")
    x = cast(x, "float32")
    return einsum("ij,...jkc,lk->...ilc", weights(lengths[0], height), x, weights(lengths[1], width))


def flip_left_right(image: Any) -> Any:
    """Images with their columns in reverse order."""
    x = checked(image)
    return reverse(x, [x._array.ndim - 2])


def flip_up_down(image: Any) -> Any:
    """Images with their rows in reverse order."""
    x = checked(image)
    return reverse(x, [x._array.ndim - 3])


def transpose(image: Any, name: str | None = None) -> Any:
    """Images with rows as columns."""
    x = checked(image)
    return permuted(x, (1, 0, 2) if x._array.ndim == 3 else (0, 2, 1, 3))


def rot90(image: Any, k: int = 1, name: str | None = None) -> Any:
    """Images turned to the left k times."""
    x = checked(image)
    for _ in range(k % 4):
        x = flip_up_down(transpose(x))
    return x


def crop_to_bounding_box(image: Any, offset_height: int, offset_width: int, target_height: int,
                         target_width: int) -> Any:  # fmt: skip
    """A window of images. Raises ValueError for one that is not inside."""
    x = checked(image)
    height, width = x._array.shape[-3:-1]
    if offset_height < 0 or offset_height + target_height > height:
        raise ValueError("height must be >= target + offset.")
    if offset_width < 0 or offset_width + target_width > width:
        raise ValueError("width must be >= target + offset.")
    rows, columns = (
        slice(offset_height, offset_height + target_height),
        slice(offset_width, offset_width + target_width),
    )
    return x[..., rows, columns, :]


def pad_to_bounding_box(image: Any, offset_height: int, offset_width: int, target_height: int,
                        target_width: int) -> Any:  # fmt: skip
    """Images inside larger ones of zeros. Raises ValueError for a target that is too small."""
    x = checked(image)
    height, width = x._array.shape[-3:-1]
    below, behind = target_height - offset_height - height, target_width - offset_width - width
    if below < 0:
        raise ValueError("height must be <= target - offset")
    if behind < 0:
        raise ValueError("width must be <= target - offset")
    front = [(0, 0)] * (x._array.ndim - 3)
    return pad(x, [*front, (offset_height, below), (offset_width, behind), (0, 0)])


def adjust_brightness(image: Any, delta: Any) -> Any:
    """Images with a number added."""
    return tensor_of(image) + delta


def adjust_contrast(images: Any, contrast_factor: Any) -> Any:
    """Images with their distance from the mean of each channel scaled."""
    x = checked(images)
    mean = reduce_mean(x, [-3, -2], True)
    return (x - mean) * contrast_factor + mean


def per_image_standardization(image: Any) -> Any:
    """Images of mean 0 and variance 1; a deviation counts as no less than 1 / sqrt(number of elements)."""
    x = cast(checked(image), "float32")
    least = float(1.0 / np.sqrt(np.prod(x._array.shape[-3:])))
    dims = [-3, -2, -1]
    return (x - reduce_mean(x, dims, True)) / math.maximum(reduce_std(x, dims, True), least)


def rgb_to_grayscale(images: Any, name: str | None = None) -> Any:
    """One channel of 0.2989 red + 0.587 green + 0.114 blue."""
    x = tensor_of(images)
    return reduce_sum(x * from_array(np.array([0.2989, 0.587, 0.114], x._array.dtype)), -1, True)


def grayscale_to_rgb(images: Any, name: str | None = None) -> Any:
    """The one channel three times."""
    return concat([images] * 3, -1)


def total_variation(images: Any, name: str | None = None) -> Any:
    """Sum of the absolute differences of neighbours, for each image."""
    x = checked(images)
    down, right = x[..., 1:, :, :] - x[..., :-1, :, :], x[..., :, 1:, :] - x[..., :, :-1, :]
    dims = [-3, -2, -1]
    return reduce_sum(math.abs(down), dims) + reduce_sum(math.abs(right), dims)


def image_gradients(image: Any) -> tuple[Any, Any]:
    """Differences to the next row and the next column, 0 for the last. Raises ValueError without a batch."""
    x = tensor_of(image)
    if x._array.ndim != 4:
        raise ValueError(
            "image_gradients expects a 4D tensor [batch_size, h, w, d], not " + f"{tuple(x._array.shape)}."
        )
    down = pad(x[:, 1:] - x[:, :-1], [(0, 0), (0, 1), (0, 0), (0, 0)])
    right = pad(x[:, :, 1:] - x[:, :, :-1], [(0, 0), (0, 0), (0, 1), (0, 0)])
    return down, right


def sobel_edges(image: Any) -> Any:
    """Sobel's differences down and across: `(batch, height, width, channels, 2)`."""
    x = pad(tensor_of(image), [(0, 0), (1, 1), (1, 1), (0, 0)], "REFLECT")
    n, m = x._array.shape[1] - 2, x._array.shape[2] - 2

    def part(i: int, j: int) -> Any:
        return x[:, i : i + n, j : j + m]

    down = part(2, 0) + 2.0 * part(2, 1) + part(2, 2) - part(0, 0) - 2.0 * part(0, 1) - part(0, 2)
    across = part(0, 2) + 2.0 * part(1, 2) + part(2, 2) - part(0, 0) - 2.0 * part(1, 0) - part(2, 0)
    return stack([down, across], -1)


def psnr(a: Any, b: Any, max_val: Any, name: str | None = None) -> Any:
    """Peak signal to noise ratio in decibel, for each image."""
    a, b = cast(tensor_of(a), "float32"), cast(tensor_of(b), "float32")
    error = reduce_mean(math.square(a - b), [-3, -2, -1])
    return 20.0 * float(np.log10(max_val)) - float(10 / np.log(10)) * math.log(error)


__all__ = [
    "ResizeMethod", "adjust_brightness", "adjust_contrast", "crop_to_bounding_box", "flip_left_right", "flip_up_down",
    "grayscale_to_rgb", "image_gradients", "pad_to_bounding_box", "per_image_standardization", "psnr", "resize",
    "rgb_to_grayscale", "rot90", "sobel_edges", "total_variation", "transpose",
]  # fmt: skip
