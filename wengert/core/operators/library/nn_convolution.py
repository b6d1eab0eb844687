"""Convolutions: one record for all of them, one for the gradient of its weight; together closed under derivatives."""

from __future__ import annotations

from typing import Any

from wengert.core.arrays import convolution as arrays
from wengert.core.arrays import dtype as dtypes
from wengert.core.base.errors import ArgumentError, DtypeError, ShapeError
from wengert.core.operators.kinds import bilinear, composite, opaque
from wengert.core.operators.library.overloads import refuse
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


def filled(value: Any, rank: int, name: str = "stride") -> tuple[int, ...]:
    """An attribute of a convolution with one entry per spatial dim."""
    if isinstance(value, int):
        return (value,) * rank
    found = tuple(value)
    if len(found) == rank:
        return found
    if len(found) == 1:
        return found * rank
    raise ShapeError(
        f"expected {name} to be a single integer value or a list of {rank} values to match the convolution "
        f"dimensions, but got {name}={list(found)}"
    )


# ---------------------------------------------------------------- checks


def check_positive(stride, padding, dilation, output_padding, groups):
    """Signs of the attributes."""
    if min(stride) <= 0:
        raise ShapeError(f"non-positive stride is not supported, got {list(stride)}")
    if min(padding) < 0:
        raise ShapeError(f"negative padding is not supported, got {list(padding)}")
    if min(dilation) < 0:
        raise ShapeError(f"dilation should be greater than zero, got {list(dilation)}")
    if min(dilation) == 0:
        raise ShapeError(f"non-positive dilation is not supported, got {list(dilation)}")
    if min(output_padding) < 0:
        raise ShapeError(f"negative output_padding is not supported, got {list(output_padding)}")
    if groups <= 0:
        raise ShapeError(f"non-positive groups is not supported, got {groups}")


def check_channels(shape, weight, bias, transposed, groups):
    """Channels of input, weight and bias fit."""
    wide, size = list(weight.shape), list(shape)
    if weight.shape[0] < groups:
        raise ShapeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size "
            f"{wide} instead"
        )
    if weight.shape[0] % groups:
        raise ShapeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
            f"size [{wide}] instead"
        )
    wanted = weight.shape[0] if transposed else weight.shape[1] * groups
    if shape[1] != wanted:
        given = "transposed=1" if transposed else f"groups={groups}"
        raise ShapeError(
            f"Given {given}, weight of size {wide}, expected input{size} to have {wanted} channels, but got "
            f"{shape[1]} channels instead"
        )
    made = weight.shape[1] * groups if transposed else weight.shape[0]
    if bias is not None and tuple(bias.shape) != (made,):
        raise ShapeError(
            f"Given {'transposed=1, ' if transposed else ''}weight of size {wide}, expected bias to be 1-dimensional "
            f"with {made} elements, but got bias of size {list(bias.shape)} instead"
        )


def check_kernel(shape, weight, padding, dilation):
    """The kernel is not empty, and not larger than what it runs over."""
    check_window(weight.shape[2:])
    reach = [d * (k - 1) + 1 for k, d in zip(weight.shape[2:], dilation, strict=True)]
    given = [n + 2 * p for n, p in zip(shape[2:], padding, strict=True)]
    if any(r > n for r, n in zip(reach, given, strict=True)):
        raise ShapeError(
            f"Calculated padded input size per channel: ({' x '.join(map(str, given))}). Kernel size: "
            f"({' x '.join(map(str, reach))}). Kernel size can't be greater than actual input size"
        )


def check_window(window):
    """A kernel has at least one element along each dim."""
    if 0 not in window:
        return
    if len(window) == 3:
        raise ShapeError(f"kernel size should be greater than zero, but got: {' x '.join(map(str, window))} (TxHxW)")
    height, width = (1, *window)[-2:]
    raise ShapeError(f"kernel size should be greater than zero, but got kernel_height: {height} kernel_width: {width}")


_NAMES = {1: ("width",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def check_output_padding(stride, dilation, output_padding):
    """The output padding says which of several input sizes is meant, no more."""
    if any(o >= s and o >= d for o, s, d in zip(output_padding, stride, dilation, strict=True)):
        axes = _NAMES.get(len(stride), tuple(map(str, range(len(stride)))))
        told = " ".join(
            f"{name}_{axis}: {value}"
            for name, values in (("output_padding", output_padding), ("stride", stride), ("dilation", dilation))
            for axis, value in zip(axes, values, strict=True)
        )
        raise ShapeError(f"output padding must be smaller than either stride or dilation, but got {told}")


def check_dtypes(input, weight, bias):
    """One dtype for all."""
    if input.dtype != weight.dtype:
        a, b = dtypes.of(input.dtype).scalar, dtypes.of(weight.dtype).scalar
        raise DtypeError(f"expected scalar type {a} but found {b}: input and weight need one dtype")
    if bias is not None and bias.dtype != input.dtype:
        a, b = dtypes.of(input.dtype), dtypes.of(bias.dtype)
        raise DtypeError(f"Input type ({_short(a)}) and bias type ({_short(b)}) should be the same")


_SPELLINGS = {
    "float32": "float", "float64": "double", "int64": "long int", "int32": "int", "int16": "short int",
    "int8": "signed char", "uint8": "unsigned char",
}  # fmt: skip


def _short(dtype):
    return _SPELLINGS.get(dtype.name, dtype.name)


def _label(rank, transposed, dilation):
    """How torch calls the routine that refuses a dtype."""
    if transposed:
        return f"slow_conv_transpose{max(rank, 2)}d_out_cpu"
    if any(d != 1 for d in dilation):
        return "slow_conv_dilated<>"
    return "compute_columns3d" if rank == 3 else "slow_conv2d_cpu"


# ---------------------------------------------------------------- records


def pairs_of(padding):
    """Symmetric paddings as pairs."""
    return tuple([(p, p) for p in padding])


def transposed_size(size, kernel, stride, padding, dilation, output_padding):
    """Spatial size of a transposed convolution's result."""
    return tuple(
        [
            (n - 1) * s - 2 * p + d * (k - 1) + o + 1
            for n, k, s, p, d, o in zip(size, kernel, stride, padding, dilation, output_padding, strict=True)
        ]
    )


def _cut(m, x, size):
    """x without what a transposed convolution never gave to."""
    for axis, n in enumerate(size):
        if x.shape[axis + 2] != n:
            x = m.slice(x, axis + 2, 0, n)
    return x


def _input_rule(m, g, shape, weight, stride, padding, dilation, transposed, groups):
    """A convolution's gradient is a transposed one and the other way round."""
    if transposed:
        zero = (0,) * len(stride)
        return _cut(m, m.convolution(g, weight, None, stride, padding, dilation, False, zero, groups), shape[2:])
    return _spread(m, g, weight, shape[2:], stride, padding, dilation, groups)


def _spread(m, g, weight, size, stride, padding, dilation, groups):
    """Transposed convolution with a result of spatial size `size`."""
    kernel = tuple(weight.shape[2:])
    least = transposed_size(g.shape[2:], kernel, stride, padding, dilation, (0,) * len(stride))
    more = tuple([n - k for n, k in zip(size, least, strict=True)])
    return m.convolution(g, weight, None, stride, padding, dilation, True, more, groups)


def _weight_rule(m, g, input, weight, stride, padding, dilation, transposed, groups):
    kernel = tuple(weight.shape[2:])
    small, large = (input, g) if transposed else (g, input)
    return m.convolution_weight(small, large, kernel, stride, padding, dilation, groups)


def _bias_rule(m, g):
    return m.sum(g, (0, *range(2, g.ndim)))


def _samples(s):
    one, two = (1, 1), (2, 2)
    return [
        call(s.array(2, 3, 5, 5), s.array(4, 3, 3, 3), s.array(4), one, one, one, False, (0, 0), 1),
        call(s.array(2, 4, 6, 5), s.array(6, 2, 3, 2), None, two, (1, 0), (1, 2), False, (0, 0), 2),
        call(s.array(2, 3, 6), s.array(6, 1, 3), s.array(6), (2,), (1,), (1,), False, (0,), 3),
        call(s.array(2, 3, 4, 4), s.array(3, 2, 3, 3), s.array(2), two, one, one, True, one, 1),
        call(s.array(2, 4, 3, 4), s.array(4, 2, 2, 3), None, one, (0, 1), (2, 1), True, (1, 0), 2),
        call(s.array(2, 3, 4), s.array(3, 1, 3), s.array(3), (2,), (1,), (1,), True, (1,), 3),
        call(
            s.array(1, 2, 4, 3, 4), s.array(3, 2, 2, 2, 2), s.array(3), (1,) * 3, (0,) * 3, (1,) * 3, False, (0,) * 3, 1
        ),
        call(s.array(0, 2, 4), s.array(3, 2, 3), s.array(3), (1,), (1,), (1,), False, (0,), 1),
    ]  # fmt: skip


@opaque(
    vjp=(_input_rule, _weight_rule, _bias_rule),
    method=False,
    samples=_samples,
)
def convolution(np, input: Array, weight: Array, bias: Array | None, stride, padding, dilation, transposed,
                output_padding, groups):  # fmt: skip
    """out[n, o, p] = bias[o] + sum over c, k of weight[o, c, k] * input[n, c, p * stride + k * dilation - padding].

    Shapes: input (N, C, *spatial), weight (O, C / groups, *kernel), bias (O,); transposed: weight (C, O / groups,
    *kernel), the result is the transpose of such a map.  All of one dtype.
    Raises: ShapeError, DtypeError.
    """
    rank = input.ndim - 2
    stride, padding = filled(stride, rank, "stride"), filled(padding, rank, "padding")
    dilation, output_padding = filled(dilation, rank, "dilation"), filled(output_padding, rank, "output_padding")
    check_positive(stride, padding, dilation, output_padding, groups)
    check_channels(input.shape, weight, bias, transposed, groups)
    check_dtypes(input, weight, bias)
    if input.dtype.kind not in "fi":
        plain = not transposed and all(d == 1 for d in dilation)
        refuse(_label(rank, transposed, dilation), "bc" if plain else "bcu", input)
    if transposed:
        size = transposed_size(input.shape[2:], weight.shape[2:], stride, padding, dilation, output_padding)
        if min(size) < 0:
            raise ShapeError(
                f"Given input size {list(input.shape)}, the calculated output size {list(size)} is too small"
            )
        out = arrays.spread(np, input, weight, size, stride, pairs_of(padding), dilation, groups)
    else:
        check_kernel(input.shape, weight, padding, dilation)
        out = arrays.convolve(np, input, weight, stride, pairs_of(padding), dilation, groups)
    if bias is not None:
        out += bias.reshape(-1, *(1,) * rank)
    return out


@bilinear(
    lambda m, g, shape, input, stride, padding, dilation, groups: _cut(
        m, m.convolution(input, g, None, stride, padding, dilation, False, (0,) * len(stride), groups), shape[2:]
    ),
    lambda m, g, grad, input, stride, padding, dilation, groups: _spread(
        m, grad, g, input.shape[2:], stride, padding, dilation, groups
    ),
    space=None,
    method=False,
    backward_name="ConvolutionBackwardBackward0",
    samples=lambda s: [
        call(s.array(2, 4, 3, 3), s.array(2, 3, 5, 5), (3, 3), (2, 2), (1, 1), (1, 1), 1),
        call(s.array(2, 6, 4), s.array(2, 3, 6), (3,), (1,), (0,), (1,), 3),
        call(s.array(2, 4, 2, 4), s.array(2, 4, 5, 5), (2, 2), (2, 1), (0, 0), (2, 1), 2),
    ],
)
def convolution_weight(np, grad: Array, input: Array, kernel, stride, padding, dilation, groups):
    """dw[o, c, k] = sum over n, p of grad[n, o, p] * input[n, c, p * stride + k * dilation - padding]."""
    return arrays.weight_gradient(np, grad, input, kernel, stride, pairs_of(padding), dilation, groups)


# ---------------------------------------------------------------- torch's functions


def _batched(name, rank, input, m, make):
    """Run `make` on a batch; an input without batch dim gets one for the while."""
    n = input.ndim
    if n == rank + 1:
        return m.squeeze(make(m.unsqueeze(input, 0)), 0)
    if n != rank + 2:
        raise ShapeError(
            f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {name}, but got input of size: "
            f"{list(input.shape)}"
        )
    return make(input)


def _check_weight(name, weight, rank, input, padding):
    if not hasattr(weight, "ndim"):
        raise ArgumentError(f"{name}(): argument 'weight' (position 2) must be Tensor, not {type(weight).__name__}")
    wide = weight.ndim
    if wide < 3:
        raise ShapeError(f"weight should have at least three dimensions, {name} got one of size {list(weight.shape)}")
    if wide != rank + 2 and rank > 1 and not isinstance(padding, str):
        raise ShapeError(
            f"expected stride to be a single integer value or a list of {wide - 2} values to match the convolution "
            f"dimensions: the weight of {name} has {wide} dimensions, not {rank + 2}"
        )
    if wide != rank + 2:
        space = "" if isinstance(padding, str) else " "
        raise ShapeError(
            f"Expected {wide}-dimensional input for {wide}-dimensional weight{space}{list(weight.shape)}, but got "
            f"{input.ndim}-dimensional input of size {list(input.shape)} instead"
        )


def convolved(m, rank, input, weight, bias, stride, padding, dilation, groups):
    """conv1d, conv2d and conv3d."""
    name = f"conv{rank}d"
    _check_weight(name, weight, rank, input, padding)
    stride, dilation = _integers(name, stride, rank, "stride"), _integers(name, dilation, rank, "dilation")
    if isinstance(padding, str):
        padding, extra = _named_padding(padding, weight, stride, dilation)
    else:
        padding, extra = _integers(name, padding, rank, "padding"), ()
    zero = (0,) * rank

    def make(x):
        if any(extra):
            x = m.constant_pad_nd(x, extra, 0)
        return _real_or_complex(
            m, x, weight, bias, lambda x, w, b: m.convolution(x, w, b, stride, padding, dilation, False, zero, groups)
        )

    return _batched(name, rank, input, m, make)


def _real_or_complex(m, input, weight, bias, run):
    """Run a real convolution; for complex operands run it on the parts."""
    if getattr(input.dtype, "numpy", input.dtype).kind != "c":
        return run(input, weight, bias)
    a, b, c, d = m.real(input), m.imag(input), m.real(weight), m.imag(weight)
    out = m.complex(run(a, c, None) - run(b, d, None), run(a, d, None) + run(b, c, None))
    return out if bias is None else out + m.reshape(bias, (-1, *(1,) * (input.ndim - 2)))


def _integers(function, value, rank, name):
    if value.__class__ is tuple and len(value) == rank and all([v.__class__ is int for v in value]):
        return value
    values = value if isinstance(value, (tuple, list)) else (value,)
    if any(isinstance(v, float) for v in values):
        raise ArgumentError(
            f"{function}() received an invalid combination of arguments - {name} must be ints, got {value}"
        )
    return filled(value, rank, name)


def _named_padding(padding, weight, stride, dilation):
    """Padding by name: what is padded on both sides, and what more is padded at the ends."""
    rank = len(stride)
    if padding == "valid":
        return (0,) * rank, ()
    if padding != "same":
        raise ShapeError(f"Invalid padding string: '{padding}': it is 'valid' or 'same'")
    if any(s != 1 for s in stride):
        raise ShapeError(f"padding='same' is not supported for strided convolutions, got stride={list(stride)}")
    total = [d * (k - 1) for k, d in zip(weight.shape[2:], dilation, strict=True)]
    extra = [part for t in reversed(total) for part in (0, t % 2)]
    return tuple([t // 2 for t in total]), tuple(extra)


def deconvolved(m, rank, input, weight, bias, stride, padding, output_padding, groups, dilation):
    """conv_transpose1d, conv_transpose2d and conv_transpose3d."""
    name = f"conv_transpose{rank}d"
    _check_weight(name, weight, rank, input, padding)
    stride, padding = _integers(name, stride, rank, "stride"), _integers(name, padding, rank, "padding")
    dilation = _integers(name, dilation, rank, "dilation")
    output_padding = _integers(name, output_padding, rank, "output_padding")
    if min(stride) > 0 and min(dilation) > 0:
        check_output_padding(stride, dilation, output_padding)

    def make(x):
        return _real_or_complex(
            m, x, weight, bias,
            lambda x, w, b: m.convolution(x, w, b, stride, padding, dilation, True, output_padding, groups),
        )  # fmt: skip

    return _batched(name, rank, input, m, make)


def _layer_samples(rank):
    def samples(s):
        x, w = (2, 4, 6, 5, 4)[: rank + 2], (6, 2, 3, 2, 2)[: rank + 2]
        return [
            call(s.array(*x), s.array(w[0], 4, *w[2:])),
            call(s.array(*x), s.array(*w), s.array(6), stride=2, padding=1, groups=2),
            call(s.array(*x[1:]), s.array(*w), padding="same", groups=2),
            call(s.array(*x), s.array(*w), None, 1, "valid", 2 if rank == 1 else 1, 2),
        ]

    return samples


def _transposed_samples(rank):
    def samples(s):
        x, w = (2, 4, 4, 3, 3)[: rank + 2], (4, 3, 3, 2, 2)[: rank + 2]
        return [
            call(s.array(*x), s.array(*w)),
            call(s.array(*x), s.array(*w), s.array(6), stride=2, padding=1, output_padding=1, groups=2),
            call(s.array(*x[1:]), s.array(*w), dilation=2),
        ]

    return samples


@composite(method=False, aliases=("nn.conv1d",), samples=_layer_samples(1))
def conv1d(m, input: Array, weight: Array, bias: Array | None = None, stride=1, padding=0, dilation=1, groups=1):
    """Convolution of (N, C, L) or (C, L) with (O, C / groups, k); padding is ints, "valid" or "
    ""same".  See convolution."""
    return convolved(m, 1, input, weight, bias, stride, padding, dilation, groups)


@composite(method=False, aliases=("nn.conv2d",), samples=_layer_samples(2))
def conv2d(m, input: Array, weight: Array, bias: Array | None = None, stride=1, padding=0, dilation=1, groups=1):
    """Convolution of (N, C, H, W) or (C, H, W) with (O, C / groups, kH, kW); padding is ints, "valid" or "same"."""
    return convolved(m, 2, input, weight, bias, stride, padding, dilation, groups)


@composite(method=False, aliases=("nn.conv3d",), samples=_layer_samples(3))
def conv3d(m, input: Array, weight: Array, bias: Array | None = None, stride=1, padding=0, dilation=1, groups=1):
    """Convolution of (N, C, D, H, W) or (C, D, H, W) with (O, C / groups, kD, kH, kW); padding as in conv2d."""
    return convolved(m, 3, input, weight, bias, stride, padding, dilation, groups)


@composite(method=False, aliases=("nn.conv_transpose1d",), samples=_transposed_samples(1))
def conv_transpose1d(m, input: Array, weight: Array, bias: Array | None = None, stride=1, padding=0, output_padding=0,
                     groups=1, dilation=1):  # fmt: skip
    """Transpose of conv1d: (N, C, L) with weight (C, O / groups, k) gives (N, O, (L-1) s - 2 p + d (k-1) + o + 1)."""
    return deconvolved(m, 1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@composite(method=False, aliases=("nn.conv_transpose2d",), samples=_transposed_samples(2))
def conv_transpose2d(m, input: Array, weight: Array, bias: Array | None = None, stride=1, padding=0, output_padding=0,
                     groups=1, dilation=1):  # fmt: skip
    """Transpose of conv2d: (N, C, H, W) with weight (C, O / groups, kH, kW).  See conv_transpose1d for sizes."""
    return deconvolved(m, 2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@composite(method=False, aliases=("nn.conv_transpose3d",), samples=_transposed_samples(3))
def conv_transpose3d(m, input: Array, weight: Array, bias: Array | None = None, stride=1, padding=0, output_padding=0,
                     groups=1, dilation=1):  # fmt: skip
    """Transpose of conv3d: (N, C, D, H, W) with weight (C, O / groups, kD, kH, kW)."""
    return deconvolved(m, 3, input, weight, bias, stride, padding, output_padding, groups, dilation)


# ---------------------------------------------------------------- time first


def _tbc(m, x):
    return m.permute(x, (1, 2, 0))


def _tbc_back(m, x):
    return m.permute(x, (2, 0, 1))


def _tbc_weight(m, w):
    return m.permute(w, (2, 1, 0))


@opaque(
    vjp=(
        lambda m, g, shape, weight, pad: _tbc_back(
            m, _spread(m, _tbc(m, g), _tbc_weight(m, weight), (shape[0],), (1,), (pad,), (1,), 1)
        ),
        lambda m, g, input, weight, pad: _tbc_weight(
            m, m.convolution_weight(_tbc(m, g), _tbc(m, input), (weight.shape[0],), (1,), (pad,), (1,), 1)
        ),
        lambda m, g: m.sum(g, (0, 1)),
    ),
    method=False,
    aliases=("nn.conv_tbc",),
    samples=lambda s: [
        call(s.array(6, 2, 3), s.array(3, 3, 4), s.array(4)),
        call(s.array(5, 1, 2), s.array(2, 2, 3), s.array(3), 1),
    ],
)
def conv_tbc(np, input: Array, weight: Array, bias: Array, pad: int = 0):
    """Convolution over time of (T, B, C) with weight (k, C, O) and bias (O,): (T + 2 pad - k + 1, B, O)."""
    if input.ndim != 3 or weight.ndim != 3:
        raise ShapeError(f"Input must have 3 dims: time, batch, in_channel; got {list(input.shape)}")
    if input.shape[2] != weight.shape[1]:
        raise ShapeError(
            f"Input dim 2 (input channels) is not == dim 1 in the weight tensor: {input.shape[2]} and {weight.shape[1]}"
        )
    if bias.shape != weight.shape[2:]:
        raise ShapeError(
            "Bias size must equal dim 2 in the weight tensor (output channels). "
            f"They are {list(bias.shape)} and {weight.shape[2]}"
        )
    refuse("addmm_impl_cpu_", "b", input)
    x = arrays.padded(np, input.transpose(1, 2, 0), ((pad, pad),)).transpose(2, 0, 1)
    length = x.shape[0] - weight.shape[0] + 1
    out = np.empty((length, input.shape[1], weight.shape[2]), dtype=input.dtype)
    out[...] = bias
    for k in range(weight.shape[0]):
        out += np.matmul(x[k : k + length], weight[k])
    return out
