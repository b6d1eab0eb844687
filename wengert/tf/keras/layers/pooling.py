"""Pools."""

from __future__ import annotations

from typing import Any

from wengert.tf import nn
from wengert.tf.arrays import squeeze, transpose
from wengert.tf.keras.layers.convolutional import lengths
from wengert.tf.keras.layers.layer import TensorLayer
from wengert.tf.reductions import reduce_max, reduce_mean

POOLS = {
    "max": {1: nn.max_pool1d, 2: nn.max_pool2d, 3: nn.max_pool3d},
    "avg": {1: nn.avg_pool1d, 2: nn.avg_pool2d, 3: nn.avg_pool3d},
}


class Pool(TensorLayer):
    """Base of pools."""

    rank, how = 2, "max"

    def __init__(self, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: Any = None,
                 **options: Any):  # fmt: skip
        super().__init__(**options)
        self.pool_size = lengths(pool_size, self.rank, "pool_size")
        self.strides = self.pool_size if strides is None else lengths(strides, self.rank, "strides")
        self.padding, self.first, self.ndim = padding.lower(), data_format == "channels_first", self.rank + 2

    def call(self, inputs: Any) -> Any:
        """The pool."""
        back, front = (0, *range(2, self.rank + 2), 1), (0, self.rank + 1, *range(1, self.rank + 1))
        x = transpose(inputs, back) if self.first else inputs
        out = POOLS[self.how][self.rank](x, self.pool_size, self.strides, self.padding.upper())
        return transpose(out, front) if self.first else out

    def get_config(self) -> dict[str, Any]:
        """Arguments that make a layer like this."""
        keys = ("pool_size", "strides", "padding")
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}


class MaxPool(Pool):
    """The largest of each window."""

    def __init__(self, pool_size: Any = 2, *args: Any, **options: Any):
        super().__init__(pool_size, *args, **options)


class GlobalPool(TensorLayer):
    """Base of pools over all of the spatial dims."""

    rank, how = 2, "max"

    def __init__(self, data_format: Any = None, keepdims: bool = False, **options: Any):
        super().__init__(**options)
        self.keepdims, self.ndim, self.first = keepdims, self.rank + 2, data_format == "channels_first"

    def call(self, inputs: Any) -> Any:
        """The pool."""
        dims = list(range(2, self.rank + 2)) if self.first else list(range(1, self.rank + 1))
        out = (reduce_max if self.how == "max" else reduce_mean)(inputs, dims, True)
        return out if self.keepdims else squeeze(out, dims)


def pools(base: Any, front: str, label: str, how: str) -> list[Any]:
    """The layers of a pool for one, two and three dims."""
    return [type(f"{front}{label}{n}D", (base,), {"rank": n, "how": how, "__module__": __name__,
                                                  "__doc__": base.__doc__}) for n in (1, 2, 3)]  # fmt: skip


MaxPooling1D, MaxPooling2D, MaxPooling3D = pools(MaxPool, "", "MaxPooling", "max")
AveragePooling1D, AveragePooling2D, AveragePooling3D = pools(Pool, "", "AveragePooling", "avg")
GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D = pools(GlobalPool, "Global", "MaxPooling", "max")
GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D = pools(
    GlobalPool, "Global", "AveragePooling", "avg"
)
MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D, GlobalAvgPool3D = (
    GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D,
)  # fmt: skip

__all__ = [
    "AveragePooling1D", "AveragePooling2D", "AveragePooling3D",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D",
    "AvgPool1D", "AvgPool2D", "AvgPool3D",
    "GlobalAvgPool1D", "GlobalAvgPool2D", "GlobalAvgPool3D",
    "MaxPool1D", "MaxPool2D", "MaxPool3D",
    "GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPool3D",
    "MaxPooling1D", "MaxPooling2D", "MaxPooling3D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D",
]  # fmt: skip
