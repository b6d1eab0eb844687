"""Normalisation layers as fused nodes: batch, layer, group and root-mean-square.

Each of them looks at its input as an array `wide` that is normalised over `axes`, with a weight
that broadcasts in the shape `narrow`; one pair of rules serves all.
"""

from __future__ import annotations

from math import prod

from wengert.core.arrays import dtype as dtypes
from wengert.core.arrays import normalisation as arrays
from wengert.core.base.errors import ArgumentError, DimError, DtypeError, ShapeError, ValueRangeError
from wengert.core.operators.kinds import composite, opaque, plain
from wengert.core.operators.library.overloads import refuse
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


def _kept(shape, axes):
    return tuple([1 if i in axes else n for i, n in enumerate(shape)])


def _constant(wide, narrow):
    """The axes along which a weight of shape `narrow` is constant."""
    narrow = (1,) * (len(wide) - len(narrow)) + tuple(narrow)
    return tuple([i for i, n in enumerate(narrow) if n == 1])


def _over(x, shape):
    return x.reshape(shape) if x is not None else None


# ---------------------------------------------------------------- layouts


def batch_layout(shape):
    """Each channel over batch and space."""
    return tuple(shape), (0, *range(2, len(shape))), (1, shape[1], *(1,) * (len(shape) - 2))


def layer_layout(shape, normalized_shape):
    """Each leading index over the last dims."""
    n, k = len(shape), len(normalized_shape)
    return tuple(shape), tuple(range(n - k, n)), (1,) * (n - k) + tuple(normalized_shape)


def group_layout(shape, groups):
    """Each group of channels over its channels and space."""
    n, c = shape[:2]
    wide = (n, groups, c // groups, prod(shape[2:]))
    return wide, (2, 3), (1, groups, c // groups, 1)


# ---------------------------------------------------------------- rules


def _sample_pieces(s):
    x = s.array(2, 3, 4)
    _, mean, inverse = arrays.normalised(_numpy(x), x, None, None, (2,), 1e-5)
    return x, mean, inverse


def _numpy(x):
    return x.__array_namespace__()


@plain(
    space=None,
    method=False,
    samples=lambda s: [
        call(s.array(2, 3, 4), s.array(2, 3, 1), s.array(2, 3, 1), *_sample_pieces(s), s.array(1, 1, 4), (2,)),
        call(s.array(2, 3, 4), s.array(2, 3, 1), s.array(2, 3, 1), *_sample_pieces(s), None, (2,)),
    ],
)
def normalised_back(np, grad: Array, grad_mean: Array, grad_inverse: Array, input: Array, mean: Array, inverse: Array,
                    weight: Array | None, axes):  # fmt: skip
    """Gradient of a normalisation over `axes` with respect to its input: first order only, one pass after the other."""
    return arrays.input_gradient(np, grad, grad_mean, grad_inverse, input, mean, inverse, weight, axes)


@plain(
    space=None,
    method=False,
    samples=lambda s: [call(s.array(2, 3, 4), *_sample_pieces(s), (0, 1))],
)
def normalised_weight_back(np, grad: Array, input: Array, mean: Array, inverse: Array, axes):
    """Gradient of a normalisation with respect to its weight: the sum of grad * normalised input over `axes`."""
    return arrays.weight_gradient(np, grad, input, mean, inverse, axes)


def _normal(m, x, axes, eps):
    """(normalised x, 1 / sqrt(variance + eps)) in operators, so that every order follows."""
    centred = x - m.mean(x, axes, True)
    inverse = m.rsqrt(m.mean(centred * centred, axes, True) + eps)
    return centred * inverse, inverse


def _shaped_as(m, x, shape):
    """x in another shape; no view where it has it."""
    shape = tuple(shape)
    return x if x.shape == shape else m.reshape(x, shape)


def _input_gradient(m, g, out, input, weight, layout, eps):
    wide, axes, narrow = layout
    kept = _kept(wide, axes)
    x, given = _shaped_as(m, input, wide), _shaped_as(m, g[0], wide)
    g_mean, g_inverse = _shaped_as(m, g[1], kept), _shaped_as(m, g[2], kept)
    w = None if weight is None else _shaped_as(m, weight, narrow)
    if not m.recorded:
        mean, inverse = _shaped_as(m, out[1], kept), _shaped_as(m, out[2], kept)
        return _shaped_as(m, m.normalised_back(given, g_mean, g_inverse, x, mean, inverse, w, axes), tuple(input.shape))
    count = prod([wide[i] for i in axes])
    normal, inverse = _normal(m, x, axes, eps)
    given = given if w is None else given * w
    found = inverse * (given - m.mean(given, axes, True) - normal * m.mean(given * normal, axes, True))
    found = found + (g_mean - g_inverse * inverse * inverse * normal) / count
    return _shaped_as(m, found, tuple(input.shape))


def _weight_gradient(m, g, out, input, weight, layout, eps):
    wide, axes, narrow = layout
    x, given = _shaped_as(m, input, wide), _shaped_as(m, g[0], wide)
    over = _constant(wide, narrow)
    if m.recorded:
        found = _summed(m, given * _normal(m, x, axes, eps)[0], over)
    else:
        kept = _kept(wide, axes)
        found = m.normalised_weight_back(given, x, _shaped_as(m, out[1], kept), _shaped_as(m, out[2], kept), over)
    return _shaped_as(m, found, tuple(weight.shape))


def _bias_gradient(m, g, bias, layout):
    wide, _, narrow = layout
    return _shaped_as(m, _summed(m, _shaped_as(m, g[0], wide), _constant(wide, narrow)), tuple(bias.shape))


def _summed(m, x, over):
    return m.sum(x, over, True) if over else x


def check_dtypes(input, *others):
    """Weights of the input's dtype, or of float32 with half precision."""
    for x in others:
        if x is not None and x.dtype != input.dtype:
            raise DtypeError(
                f"mixed dtype (CPU): all inputs must share same datatype. Got {_name(input)} and {_name(x)}"
            )


def _name(x):
    return dtypes.of(x.dtype).name


# ---------------------------------------------------------------- batch norm


def check_elements(name, x, channels):
    """One element per channel."""
    if x is not None and tuple(x.shape) != (channels,):
        raise ShapeError(f"{name} should contain {channels} elements not {prod(x.shape)}")


def _shaped(m, x, ndim):
    return m.reshape(x, (1, -1, *(1,) * (ndim - 2)))


def _inverse(m, running_var, eps, ndim):
    return _shaped(m, m.rsqrt(running_var + eps), ndim)


def _batch_input(m, g, out, input, weight, running_var, training, eps):
    if training:
        return _input_gradient(m, g, out, input, weight, batch_layout(input.shape), eps)
    factor = _inverse(m, running_var, eps, input.ndim)
    return g[0] * (factor if weight is None else factor * _shaped(m, weight, input.ndim))


def _batch_weight(m, g, out, input, weight, running_mean, running_var, training, eps):
    layout = batch_layout(input.shape)
    if training:
        return _weight_gradient(m, g, out, input, weight, layout, eps)
    n = input.ndim
    return m.sum(g[0] * ((input - _shaped(m, running_mean, n)) * _inverse(m, running_var, eps, n)), layout[1])


def _batch_samples(s):
    c, positive = (s.array(3), s.array(3)), s.array(3, low=0.5, high=2)
    return [
        call(s.array(4, 3), *c, None, None, True, 1e-5),
        call(s.array(2, 3, 4), *c, s.array(3), positive, True, 1e-3),
        call(s.array(2, 3, 2, 2), None, None, None, None, True, 1e-5),
        call(s.array(2, 3, 2, 2), *c, s.array(3), positive, False, 1e-5),
        call(s.array(2, 3), None, c[0], s.array(3), positive, False, 1e-5),
    ]


@opaque(
    vjp=(_batch_input, _batch_weight, lambda m, g, bias, shape: _bias_gradient(m, g, bias, batch_layout(shape))),
    space=None,
    method=False,
    outputs=3,
    reads=(1, 2),
    backward_name="NativeBatchNormBackward0",
    samples=_batch_samples,
)
def batch_norm_kernel(np, input: Array, weight: Array | None, bias: Array | None, running_mean: Array | None,
                      running_var: Array | None, training, eps):  # fmt: skip
    """(result, mean, 1 / sqrt(variance + eps)): each channel of (N, C, *) normalised and scaled.

    With `training` by its own mean and (biased) variance, else by the running ones; then the statistics are empty.
    Source: S. Ioffe, C. Szegedy, Batch normalization (2015), algorithm 1.
    """
    channels = input.shape[1]
    if not training:
        for name, x in (("running_mean", running_mean), ("running_var", running_var)):
            if x is None:
                raise ShapeError(f"{name} must be defined in evaluation mode")
    for name, x in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)):
        check_elements(name, x, channels)
    refuse("batch_norm", "biuc", input)
    check_dtypes(input, weight, bias, running_mean, running_var)
    _, axes, narrow = batch_layout(input.shape)
    if training:
        if not input.size:
            return input.copy(), np.zeros(channels, dtype=input.dtype), np.ones(channels, dtype=input.dtype)
        out, mean, inverse = arrays.normalised(np, input, _over(weight, narrow), _over(bias, narrow), axes, eps)
        return out, mean.reshape(channels), inverse.reshape(channels)
    factor = 1 / np.sqrt(running_var + input.dtype.type(eps))
    factor = factor if weight is None else factor * weight
    shift = running_mean * -factor
    if bias is not None:
        shift += bias
    out = input * factor.reshape(narrow)
    out += shift.reshape(narrow)
    return out, np.empty(0, dtype=input.dtype), np.empty(0, dtype=input.dtype)


# ---------------------------------------------------------------- layer norm


def check_normalized(input, normalized_shape, *named):
    """The last dims of the input, and the weights, have the normalised shape."""
    if isinstance(normalized_shape, int):
        raise ArgumentError("layer_norm(): argument 'normalized_shape' (position 2) must be tuple of ints, not int")
    shape = list(normalized_shape)
    if not shape:
        raise ShapeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            f"normalized_shape = {shape}"
        )
    for name, x in named:
        if x is not None and list(x.shape) != shape:
            raise ShapeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape {list(x.shape)} and "
                f"normalized_shape = {shape}"
            )


def _unfitting(input, shape, comma):
    given = comma.join(["*", *map(str, shape)]) if comma else "*" + ", ".join(map(str, shape))
    return ShapeError(
        f"Given normalized_shape={list(shape)}, expected input with shape [{given}], but got input of size"
        f"{list(input.shape)}"
    )


def _layer_samples(s):
    return [
        call(s.array(3, 4), (4,), s.array(4), s.array(4), 1e-5),
        call(s.array(2, 3, 4), (3, 4), s.array(3, 4), None, 1e-3),
        call(s.array(2, 3, 4), (4,), None, None, 1e-5),
        call(s.array(5), (5,), None, s.array(5), 1e-5),
        call(s.array(0, 4), (4,), s.array(4), s.array(4), 1e-5),
    ]


@opaque(
    vjp=(
        lambda m, g, out, input, weight, normalized_shape, eps: _input_gradient(
            m, g, out, input, weight, layer_layout(input.shape, normalized_shape), eps
        ),
        lambda m, g, out, input, weight, normalized_shape, eps: _weight_gradient(
            m, g, out, input, weight, layer_layout(input.shape, normalized_shape), eps
        ),
        lambda m, g, shape, bias, normalized_shape: _bias_gradient(m, g, bias, layer_layout(shape, normalized_shape)),
    ),
    space=None,
    method=False,
    outputs=3,
    reads=(1, 2),
    backward_name="NativeLayerNormBackward0",
    samples=_layer_samples,
)
def layer_norm_kernel(np, input: Array, normalized_shape, weight: Array | None, bias: Array | None, eps):
    """(result, mean, 1 / sqrt(variance + eps)) over the last dims, which have normalized_shape.

    Source: J. L. Ba et al., Layer normalization (2016).
    """
    check_normalized(input, normalized_shape, ("weight", weight), ("bias", bias))
    shape = tuple(normalized_shape)
    if input.shape[max(input.ndim - len(shape), 0) :] != shape:
        raise _unfitting(input, shape, ", ")
    refuse("LayerNormKernelImpl", "biuc", input)
    check_dtypes(input, weight, bias)
    axes = tuple(range(input.ndim - len(shape), input.ndim))
    if not input.size:
        kept = _kept(input.shape, axes)
        return input.copy(), np.zeros(kept, dtype=input.dtype), np.zeros(kept, dtype=input.dtype)
    return arrays.normalised(np, input, _wide(weight, input), _wide(bias, input), axes, eps)


def _wide(x, input):
    return None if x is None else x.reshape((1,) * (input.ndim - x.ndim) + x.shape)


@composite(method=False, aliases=("nn.layer_norm",), samples=lambda s: [
    call(s.array(3, 4), (4,)), call(s.array(2, 3, 4), [3, 4], s.array(3, 4), s.array(3, 4)),
])  # fmt: skip
def layer_norm(m, input: Array, normalized_shape, weight: Array | None = None, bias: Array | None = None, eps=1e-05):
    """(input - mean) / sqrt(variance + eps) * weight + bias over the last dims, whose shape is normalized_shape."""
    shape = normalized_shape if isinstance(normalized_shape, int) else tuple(normalized_shape)
    return m.layer_norm_kernel(input, shape, weight, bias, eps)[0]


# ---------------------------------------------------------------- group norm


def _group_samples(s):
    return [
        call(s.array(2, 4, 3), s.array(4), s.array(4), 2, 1e-5),
        call(s.array(2, 6, 2, 2), None, None, 3, 1e-3),
        call(s.array(3, 4), s.array(4), None, 2, 1e-5),
    ]


@opaque(
    vjp=(
        lambda m, g, out, input, weight, groups, eps: _input_gradient(
            m, g, out, input, weight, group_layout(input.shape, groups), eps
        ),
        lambda m, g, out, input, weight, groups, eps: _weight_gradient(
            m, g, out, input, weight, group_layout(input.shape, groups), eps
        ),
        lambda m, g, shape, bias, groups: _bias_gradient(m, g, bias, group_layout(shape, groups)),
    ),
    space=None,
    method=False,
    outputs=3,
    reads=(1, 2),
    backward_name="NativeGroupNormBackward0",
    samples=_group_samples,
)
def group_norm_kernel(np, input: Array, weight: Array | None, bias: Array | None, groups, eps):
    """(result, mean, 1 / sqrt(variance + eps)) of each group of channels of (N, C, *).

    Source: Y. Wu, K. He, Group normalization (2018).
    """
    refuse("GroupNormKernelImpl", "biuc", input)
    check_dtypes(input, weight, bias)
    wide, axes, narrow = group_layout(input.shape, groups)
    kept = (input.shape[0], groups)
    if not input.size:
        return input.copy(), np.zeros(kept, dtype=input.dtype), np.zeros(kept, dtype=input.dtype)
    out, mean, inverse = arrays.normalised(
        np, input.reshape(wide), _over(weight, narrow), _over(bias, narrow), axes, eps
    )
    return out.reshape(input.shape), mean.reshape(kept), inverse.reshape(kept)


@composite(method=False, aliases=("nn.group_norm",), samples=lambda s: [
    call(s.array(2, 4, 3), 2), call(s.array(2, 4, 3, 2), 4, s.array(4), s.array(4)),
])  # fmt: skip
def group_norm(m, input: Array, num_groups, weight: Array | None = None, bias: Array | None = None, eps=1e-05):
    """Each of num_groups groups of channels of (N, C, *) normalised; weight and bias (C,)."""
    if not input.ndim:
        raise DimError("Dimension specified as 0 but tensor has no dimensions")
    if input.ndim < 2:
        raise ShapeError(f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    n, c, *rest = input.shape
    if (n * c // num_groups) * prod(rest) == 1 and n == 1 or n * prod((c // num_groups, *rest)) == 1:
        raise ValueRangeError(
            f"Expected more than 1 value per channel when training, got input size {list(input.shape)}"
        )
    if num_groups < 0 or c % num_groups:
        raise ShapeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(input.shape)} and num_groups={num_groups}"
        )
    for name, x in (("weight", weight), ("bias", bias)):
        if x is not None and tuple(x.shape) != (c,):
            raise ShapeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of "
                f"shape {list(x.shape)} and input of shape {list(input.shape)}"
            )
    return m.group_norm_kernel(input, weight, bias, num_groups, eps)[0]


# ---------------------------------------------------------------- root mean square


def _rms_input(m, g, out, input, weight, normalized_shape, eps):
    axes = layer_layout(input.shape, normalized_shape)[1]
    eps = least(input, eps)
    inverse = m.rsqrt(m.mean(input * input, axes, True) + eps) if m.recorded else out[1]
    given = g[0] if weight is None else g[0] * weight
    normal = input * inverse
    found = inverse * (given - normal * m.mean(given * normal, axes, True))
    count = prod(normalized_shape)
    return found - g[1] * inverse * inverse * normal / count


def _rms_weight(m, g, out, input, normalized_shape, eps):
    wide, axes, narrow = layer_layout(input.shape, normalized_shape)
    inverse = m.rsqrt(m.mean(input * input, axes, True) + least(input, eps)) if m.recorded else out[1]
    over = tuple(range(len(wide) - len(normalized_shape)))
    return m.sum(g[0] * (input * inverse), over) if over else g[0] * (input * inverse)


def least(input, eps):
    """The default eps: what one and the next larger number differ by."""
    if eps is not None:
        return eps
    dtype = getattr(input.dtype, "numpy", input.dtype)
    return 2.220446049250313e-16 if dtype.itemsize == 8 else 1.1920928955078125e-07


@opaque(
    vjp=(_rms_input, _rms_weight),
    space=None,
    method=False,
    outputs=2,
    reads=(1,),
    backward_name="MulBackward0",
    samples=lambda s: [
        call(s.array(3, 4), (4,), s.array(4), 1e-5),
        call(s.array(2, 3, 4), (3, 4), None, None),
        call(s.array(2, 3, 4), (4,), s.array(4), None),
    ],
)
def rms_norm_kernel(np, input: Array, normalized_shape, weight: Array | None, eps):
    """(result, 1 / sqrt(mean of squares + eps)) over the last dims.

    Source: B. Zhang, R. Sennrich, Root mean square layer normalization (2019), equation 4.
    """
    refuse("rms_norm", "biu", input)
    axes = tuple(range(input.ndim - len(normalized_shape), input.ndim))
    mean = arrays.mean_product(np, input, input.conj() if input.dtype.kind == "c" else input, axes)
    inverse = 1 / np.sqrt(mean + mean.dtype.type(least(input, eps)))
    out = input * inverse
    if weight is not None:
        out = out * weight
    return out, inverse


@composite(method=False, aliases=("nn.rms_norm",), samples=lambda s: [
    call(s.array(3, 4), (4,)), call(s.array(2, 3, 4), [3, 4], s.array(3, 4), 1e-3),
])  # fmt: skip
def rms_norm(m, input: Array, normalized_shape, weight: Array | None = None, eps=None):
    """input / sqrt(mean of squares + eps) * weight over the last dims; eps None: the dtype's own."""
    if isinstance(normalized_shape, int):
        raise ArgumentError("rms_norm(): argument 'normalized_shape' (position 2) must be tuple of ints, not int")
    check_normalized(input, normalized_shape, ("weight", weight))
    if not input.ndim:
        raise ValueRangeError("Input tensor must have at least 1 dimensions, but got 0")
    shape = tuple(normalized_shape)
    if tuple(input.shape[max(input.ndim - len(shape), 0) :]) != shape:
        raise _unfitting(input, shape, "")
    if input.dtype.is_complex:
        # torch's square of a complex number is x * x, not |x|^2.
        axes = tuple(range(input.ndim - len(shape), input.ndim))
        added = 1.1920928955078125e-07 if eps is None and input.dtype.itemsize == 8 else least(input, eps)
        out = input * m.rsqrt(m.mean(input * input, axes, True) + added)
        return out if weight is None else out * weight
    return m.rms_norm_kernel(input, shape, weight, eps)[0]
