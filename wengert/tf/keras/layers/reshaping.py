"""Layers that move, repeat, pad and cut elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.tf.arrays import expand_dims, pad, repeat, reshape, tile, transpose
from wengert.tf.image import resize
from wengert.tf.keras.layers.layer import TensorLayer


class Flatten(TensorLayer):
    """All dims behind the batch as one."""

    def __init__(self, data_format: Any = None, **options: Any):
        super().__init__(**options)

    def call(self, inputs: Any) -> Any:
        """The same elements."""
        shape = inputs._array.shape
        return reshape(inputs, (shape[0], int(np.prod(shape[1:]))))


class Reshape(TensorLayer):
    """The dims behind the batch in another shape. Raises ValueError for another number of elements."""

    def __init__(self, target_shape: Any, **options: Any):
        super().__init__(**options)
        self.target_shape = tuple(target_shape) if isinstance(target_shape, (tuple, list)) else (target_shape,)

    def call(self, inputs: Any) -> Any:
        """The same elements."""
        shape = inputs._array.shape
        known = int(np.prod([n for n in self.target_shape if n != -1]))
        size = int(np.prod(shape[1:]))
        if size % known or (-1 not in self.target_shape and size != known):
            raise ValueError(
                "The total size of the tensor must be unchanged"
                + (", however, the input size cannot by divided by the specified dimensions in target_shape"
                   if -1 in self.target_shape else "")
                + f". Received: input_shape={shape[1:]}, target_shape={self.target_shape}"
            )  # fmt: skip
        return reshape(inputs, (shape[0], *[size // known if n == -1 else n for n in self.target_shape]))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make a layer like this."""
        return {**super().get_config(), "target_shape": self.target_shape}


class Permute(TensorLayer):
    """The dims behind the batch in another order, counted from 1. Raises ValueError for what is no order."""

    def __init__(self, dims: Any, **options: Any):
        super().__init__(**options)
        self.dims = tuple(dims)
        if sorted(dims) != list(range(1, len(dims) + 1)):
            raise ValueError(
                "Invalid permutation argument `dims` for Permute Layer. The set of indices in `dims` must be "
                f"consecutive and start from 1. Received dims={dims}"
            )

    def call(self, inputs: Any) -> Any:
        """The same elements."""
        return transpose(inputs, (0, *self.dims))


class RepeatVector(TensorLayer):
    """A vector n times."""

    ndim = 2

    def __init__(self, n: int, **options: Any):
        super().__init__(**options)
        self.n = n

    def call(self, inputs: Any) -> Any:
        """The copies."""
        return tile(expand_dims(inputs, 1), (1, self.n, 1))


def pairs(value: Any, count: int) -> list[Any]:
    """Margins of spatial dims as pairs."""
    if isinstance(value, int):
        return [(value, value)] * count
    if count == 1:
        return [tuple(value)]
    return [(n, n) if isinstance(n, int) else tuple(n) for n in value]


class ZeroPadding(TensorLayer):
    """Zeros around the spatial dims."""

    ndim = 4

    def __init__(self, padding: Any = 1, data_format: Any = None, **options: Any):
        super().__init__(**options)
        assert self.ndim is not None
        self.data_format, self.padding = data_format, pairs(padding, self.ndim - 2)

    def call(self, inputs: Any) -> Any:
        """The zeros and the input."""
        first = self.data_format == "channels_first"
        return pad(inputs, [(0, 0), *([(0, 0)] if first else []), *self.padding, *([] if first else [(0, 0)])])


class Cropping(ZeroPadding):
    """Spatial dims without their margins."""

    def __init__(self, cropping: Any = 1, data_format: Any = None, **options: Any):
        super().__init__(cropping, data_format, **options)
        self.cropping = self.padding

    def call(self, inputs: Any) -> Any:
        """What is left."""
        spatial = tuple(slice(a, -b or None) for a, b in self.cropping)
        return inputs[(slice(None), slice(None), *spatial) if self.data_format == "channels_first"
                      else (slice(None), *spatial, slice(None))]  # fmt: skip


class UpSampling(TensorLayer):
    """Every entry of the spatial dims several times. Raises ValueError for an interpolation."""

    ndim = 4

    def __init__(self, size: Any = 2, data_format: Any = None, interpolation: str = "nearest", **options: Any):
        super().__init__(**options)
        assert self.ndim is not None
        count = self.ndim - 2
        self.size = (size,) * count if isinstance(size, int) else tuple(size)
        if interpolation not in ("nearest", "bilinear"):
            raise ValueError(
                "`interpolation` argument should be one of 'nearest' or 'bilinear'. "
                f"Received interpolation={interpolation}"
            )
        self.interpolation, self.first = interpolation, data_format == "channels_first"

    def call(self, inputs: Any) -> Any:
        """The copies."""
        if self.interpolation == "bilinear":
            shape = inputs._array.shape
            return resize(inputs, (shape[1] * self.size[0], shape[2] * self.size[1]))
        for dim, n in enumerate(self.size, 2 if self.first else 1):
            inputs = repeat(inputs, n, dim)
        return inputs


def of_rank(base: Any, name: str, ndim: int) -> Any:
    """A layer for a number of dims."""
    return type(name, (base,), {"ndim": ndim, "__module__": __name__, "__doc__": base.__doc__})


ZeroPadding1D, ZeroPadding2D, ZeroPadding3D = (of_rank(ZeroPadding, f"ZeroPadding{n}D", n + 2) for n in (1, 2, 3))
Cropping1D, Cropping2D, Cropping3D = (of_rank(Cropping, f"Cropping{n}D", n + 2) for n in (1, 2, 3))
UpSampling1D, UpSampling2D, UpSampling3D = (of_rank(UpSampling, f"UpSampling{n}D", n + 2) for n in (1, 2, 3))

__all__ = [
    "Cropping1D", "Cropping2D", "Cropping3D", "Flatten", "Permute", "RepeatVector", "Reshape", "UpSampling1D",
    "UpSampling2D", "UpSampling3D", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D",
]  # fmt: skip
