"""Values rounded as a tensor of small integers would hold them, and kept as floats (for training with quantization)."""

from __future__ import annotations

from typing import Any

from wengert.core.arrays.shape import wrap_dim
from wengert.core.base.errors import DtypeError, ShapeError, ValueRangeError
from wengert.core.operators.kinds import composite, opaque
from wengert.core.operators.library.matrices import array_of, scalar_of
from wengert.core.operators.library.overloads import refuse
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


def _through(m: Any, g: Any, out: Any) -> Any:
    """The gradient passes where the value was within the range (straight through)."""
    return m.where(out[1], g[0], 0)


def _rounded(np: Any, input: Any, scale: Any, zero_point: Any, low: int, high: int) -> Any:
    """Values on the grid, and whether each lay within it."""
    places = zero_point + np.rint(input * (1 / scale))
    inside = (places >= low) & (places <= high)
    held = np.where(np.isnan(places), low, np.minimum(np.maximum(places, low), high))
    return ((held - zero_point) * scale).astype(input.dtype), inside


def _check_range(low: int, high: int) -> None:
    if low > high:
        raise ShapeError(f"`quant_min` should be less than or equal to `quant_max`, not {low} above {high}")


def _check_zero(inside: bool) -> None:
    if not inside:
        raise ShapeError("`zero_point` must be between `quant_min` and `quant_max`.")


_KERNEL = "fake_quantize_tensor_cachemask_kernel_type_handling"


@opaque(
    vjp=_through,
    space=None,
    method=False,
    outputs=2,
    reads=(1,),
    backward_name="FakeQuantizePerTensorAffineCachemaskBackward0",
    samples=lambda s: [call(s.array(3, 4), 0.25, 3, 0, 8), call(s.array(2), 1.0, 0, -2, 2)],
)
def fake_quantized(np, input: Array, scale: float, zero_point: int, quant_min: int, quant_max: int):
    """Values rounded to (i - zero_point) * scale for quant_min <= i <= quant_max, and whether each lay within."""
    refuse(_KERNEL, "biuc", input)
    return _rounded(np, input, scale, zero_point, quant_min, quant_max)


@opaque(
    vjp=(_through, None, None),
    space=None,
    method=False,
    outputs=2,
    reads=(1,),
    backward_name="FakeQuantizePerTensorAffineCachemaskTensorQparamsBackward0",
    samples=lambda s: [call(s.array(3, 4), s.array(low=0.25, high=0.5), s.integers(low=1, high=2), 0, 8)],
)
def fake_quantized_by_tensors(np, input: Array, scale: Array, zero_point: Array, quant_min: int, quant_max: int):
    """`fake_quantized` with scale and zero point in tensors, which have no gradients."""
    refuse(_KERNEL, "biuc", input)
    return _rounded(np, input, scale.reshape(()), zero_point.reshape(()), quant_min, quant_max)


@opaque(
    vjp=(_through, None, None),
    space=None,
    method=False,
    outputs=2,
    reads=(1,),
    backward_name="FakeQuantizePerChannelAffineCachemaskBackward0",
    samples=lambda s: [call(s.array(3, 4), s.array(4, low=0.25, high=0.5), s.integers(4), 1, 0, 8)],
)
def fake_quantized_channels(
    np, input: Array, scale: Array, zero_point: Array, axis: int, quant_min: int, quant_max: int
):
    """`fake_quantized` with a scale and a zero point for each place along a dim."""
    refuse("fake_quantize_channel_cachemask_cpu_type_handling", "biuc", input)
    shape = [1] * input.ndim
    shape[axis] = -1
    whole = zero_point.dtype.kind == "i"
    if whole:
        _check_zero(bool((zero_point >= quant_min).all() and (zero_point <= quant_max).all()))
    zeros = zero_point if whole else np.rint(zero_point)
    return _rounded(np, input, scale.reshape(shape), zeros.reshape(shape), quant_min, quant_max)


@composite(method=False, samples=lambda s: [call(s.array(3, 4), 0.25, 3, 0, 8)])
def fake_quantize_per_tensor_affine(m, input: Array, scale, zero_point, quant_min: int, quant_max: int):
    """(clamp(round(input / scale) + zero_point, quant_min, quant_max) - zero_point) * scale.

    scale and zero_point: numbers, or tensors of one element each.  The gradient passes unchanged where nothing was
    clamped, and is 0 elsewhere.  Raises: ShapeError for a zero point outside the range; MissingError for integers.
    Source: B. Jacob et al., Quantization and training of neural networks for efficient inference (2018).
    """
    _check_range(quant_min, quant_max)
    if not hasattr(scale, "_array"):
        _check_zero(quant_min <= zero_point <= quant_max)
        return m.fake_quantized(input, float(scale), int(zero_point), quant_min, quant_max)[0]
    for x in (scale, zero_point):
        if array_of(x).size != 1:
            raise ValueRangeError(f"a Tensor with {array_of(x).size} elements cannot be converted to Scalar")
    return m.fake_quantized_by_tensors(input, scale, zero_point, quant_min, quant_max)[0]


def _channel_samples(s: Any) -> Any:
    scale, zero = s.array(4, low=0.25, high=0.5).astype("float32"), s.integers(4).astype("int32")
    return [call(s.array(3, 4), scale, zero, 1, 0, 8)]


@composite(method=False, samples=_channel_samples)
def fake_quantize_per_channel_affine(
    m, input: Array, scale: Array, zero_point: Array, axis: int, quant_min: int, quant_max: int
):
    """`fake_quantize_per_tensor_affine` with a scale and a zero point for each place along dim `axis`.

    Raises: ShapeError where their numbers do not fit; DtypeError for a scale or zero point of another dtype.
    """
    scales, zeros = array_of(scale), array_of(zero_point)
    if scales.dtype.name != "float32":
        raise DtypeError(f"Scale must be Float, found {scalar_of(scale)}")
    if zeros.dtype.name not in ("int32", "float32", "float16"):
        raise DtypeError(f"Zero-point must be Int32, Float or Half, found {scalar_of(zero_point)}")
    if scales.ndim != 1 or zeros.ndim != 1:
        raise ShapeError("scale should be a 1-D tensor, and zero point should be a 1-D tensor")
    if scales.size != zeros.size:
        raise ShapeError(f"scale and zero-point need to have the same dimensions: {scales.size} and {zeros.size}")
    wrap_dim(axis, input.ndim)
    if axis < 0:
        raise ShapeError(f"`axis` must be between 0 and number of dimensions of input, not {axis}")
    if scales.size != input.shape[axis]:
        raise ShapeError("dimensions of scale and zero-point are not consistent with input tensor")
    _check_range(quant_min, quant_max)
    return m.fake_quantized_channels(input, scale, zero_point, axis, quant_min, quant_max)[0]
