"""Kernels behind norms, gated linear units and logsumexp: their bodies, and their rules on arrays.

Large contiguous cases go to a kernel that is ready, everything else to the record.
"""

from __future__ import annotations

from copy import copy
from functools import update_wrapper
from math import prod
from typing import Any

import numpy

from wengert.core.kernels import large as kernels
from wengert.core.kernels.workshop import LARGE, SOME, Order, order
from wengert.core.operators.record import FIRST, GRADIENT, REGISTRY, RESULT
from wengert.core.operators.row_kernels import NARROW, bias_rule, large, last, ready, row_size, suits

__all__ = ["install"]

_ndarray = numpy.ndarray
_broad: dict[Any, Order] = {}


def rule_on_arrays(op: Any, index: int, found: Any, least: int = LARGE) -> None:
    """Give a rule a way for arrays from a size on: `found(environment)`, or None where it is not for them."""
    rule = op.rules[index]
    old = copy(rule)

    def faster(environment: list[Any]) -> Any:
        if environment[FIRST].__class__ is _ndarray and environment[FIRST].size >= least:
            made = found(environment)
            if made is not None:
                return made
        return old(environment)

    rule.function, rule.single, rule.pick = faster, False, lambda environment: (environment,)


def same(g: Any, x: Any) -> bool:
    """Whether a gradient is a plain contiguous array like x."""
    return g.__class__ is _ndarray and g.dtype is x.dtype and g.shape == x.shape and g.flags.c_contiguous


# ---------------------------------------------------------------- group norm


def group_norm(body: Any) -> Any:
    """The body of group norm."""

    def faster(np: Any, input: Any, weight: Any, bias: Any, groups: int, eps: float) -> Any:
        if input.size >= LARGE and large(input) and kernels.alike((input, weight, bias)):
            kernel = kernels.layer("group_norm", input.dtype)
            if kernel is not None:
                return kernel(input, weight, bias, groups, eps)
        return body(np, input, weight, bias, groups, eps)

    return faster


def group_norm_back(op: Any) -> Any:
    """The rule of group norm's input; what it finds for weight and bias is kept for their rules."""
    weight_at, groups_at = op.position("weight"), op.position("groups")

    def found(environment: list[Any]) -> Any:
        input, weight, g = environment[FIRST], environment[weight_at], environment[GRADIENT]
        if not large(input) or not same(g[0], input) or not kernels.alike((input, weight, g[1], g[2])):
            return None
        kernel = kernels.layer("group_norm_back", input.dtype)
        if kernel is None:
            return None
        _, mean, inverse = environment[RESULT]
        dx, slopes, shifts = kernel(*g, input, mean, inverse, weight, environment[groups_at])
        kernels.SUMS.put(g[0], input, slopes, shifts)
        return dx

    return found


def kept_slopes(environment: list[Any]) -> Any:
    """The gradient of a weight, if the input's rule has found it."""
    return kernels.SUMS.slopes(environment[GRADIENT][0], environment[FIRST])


# ---------------------------------------------------------------- batch norm by running statistics


def line_of_channels(m: Any, x: Any, factor: Any, shift: Any) -> Any:
    """x factor + shift."""
    return x * factor + shift


def broad(name: str, formula: Any, *operands: Any) -> Any:
    """A function of operands that broadcast, by a kernel that is ready, or None."""
    dtype = operands[0].dtype
    placed = _broad.get((name, dtype))
    if placed is None:

        def make(factory: Any) -> Any:
            def trace(xs: Any) -> Any:
                return formula(factory.arrays, *xs)

            def plain(*xs: Any) -> Any:
                return formula(numpy, *xs)

            letter = "float" if dtype == numpy.float32 else "double"
            return factory.spread(name, trace, len(operands), letter, plain, (), (-4.0, 4.0))

        placed = _broad[name, dtype] = order(f"{name} of several shapes", make)
    return None if placed.function is None else placed.function(*operands)


def batch_norm(body: Any) -> Any:
    """The body of batch norm; with `training` it is for `LARGE.channels`."""

    def faster(
        np: Any, input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, eps: float
    ) -> Any:
        if not training and input.size >= LARGE and large(input) and input.ndim > 1:
            given, channels = (weight, bias, running_mean, running_var), input.shape[1]
            suits = running_mean is not None and running_var is not None and kernels.alike((input, *given))
            if suits and all(x is None or x.shape == (channels,) for x in given):
                factor = 1 / numpy.sqrt(running_var + input.dtype.type(eps))
                factor = factor if weight is None else factor * weight
                shift = running_mean * -factor if bias is None else running_mean * -factor + bias
                narrow = (channels,) + (1,) * (input.ndim - 2)
                operands = (input, factor.reshape(narrow), shift.reshape(narrow))
                found = broad("a line of channels", line_of_channels, *operands)
                if found is not None:
                    return found, numpy.empty(0, input.dtype), numpy.empty(0, input.dtype)
        return body(np, input, weight, bias, running_mean, running_var, training, eps)

    return faster


def batch_norm_back(op: Any) -> Any:
    """The rule of its input by running statistics."""
    weight_at, eps_at, training_at = (op.position(name) for name in ("weight", "eps", "training"))
    variance_at = op.position("running_var")

    def found(environment: list[Any]) -> Any:
        input, g, weight = environment[FIRST], environment[GRADIENT][0], environment[weight_at]
        variance = environment[variance_at]
        if environment[training_at] or not same(g, input) or not kernels.alike((input, weight, variance)):
            return None
        factor = 1 / numpy.sqrt(variance + input.dtype.type(environment[eps_at]))
        factor = factor if weight is None else factor * weight
        scaled = factor.reshape((-1,) + (1,) * (input.ndim - 2))
        return broad("channels times numbers", lambda m, x, y: x * y, g, scaled)

    return found


# ---------------------------------------------------------------- gated linear units


def gate(m: Any, a: Any, b: Any) -> Any:
    """a sigmoid(b)."""
    return a / (1 + m.exp(-b))


def gate_slopes(m: Any, g: Any, a: Any, b: Any) -> Any:
    """Gradients of a and b."""
    s = 1 / (1 + m.exp(-b))
    first = g * s
    return first, first * a * (1 - s)


def gates(name: str, formula: Any, count: int, dtype: Any) -> Any:
    """The ufunc of a formula, or None."""
    placed = _broad.get((name, dtype))
    if placed is None:
        letter = "float" if dtype == numpy.float32 else "double"

        def make(factory: Any) -> Any:
            kernel = factory.elementwise(name, lambda xs: formula(factory.arrays, *xs), count, (letter,))
            factory.accept(name, kernel, lambda *xs: formula(numpy, *xs), count, (letter,), (-4.0, 4.0))
            return kernel

        placed = _broad[name, dtype] = order(name, make)
    return placed.function


def halved(x: Any, dim: Any) -> Any:
    """The halves of an array along a dim, if they consist of long stretches of memory, else None."""
    if dim.__class__ is not int or not -x.ndim <= dim < x.ndim:
        return None
    half, dim = x.shape[dim] // 2, dim % x.ndim
    if x.shape[dim] % 2 or half * prod(x.shape[dim + 1 :]) < NARROW:
        return None
    lead = (slice(None),) * dim
    return x[(*lead, slice(half))], x[(*lead, slice(half, None))]


def glu(body: Any) -> Any:
    """The body of glu."""

    def faster(np: Any, input: Any, dim: int = -1) -> Any:
        if input.size >= LARGE and large(input) and kernels.alike((input,)):
            halves = halved(input, dim)
            kernel = None if halves is None else gates("glu", gate, 2, input.dtype)
            if kernel is not None and halves is not None:
                return kernel(*halves)
        return body(np, input, dim)

    return faster


def glu_back(op: Any) -> Any:
    """Its rule, which writes both halves at once."""
    dim_at = op.position("dim")

    def found(environment: list[Any]) -> Any:
        input, g, dim = environment[FIRST], environment[GRADIENT], environment[dim_at]
        halves = halved(input, dim) if large(input) and kernels.alike((input, g)) else None
        kernel = None if halves is None else gates("glu backward", gate_slopes, 3, input.dtype)
        if kernel is None or halves is None:
            return None
        out = numpy.empty(input.shape, input.dtype)
        kernel(g, *halves, out=halved(out, dim))
        return out

    return found


# ---------------------------------------------------------------- layer norm


def layer_norm_back(op: Any) -> Any:
    """The rule of its input; what it finds for weight and bias is kept for their rules."""
    weight_at, shape_at = op.position("weight"), op.position("normalized_shape")

    def found(environment: list[Any]) -> Any:
        input, weight, given = environment[FIRST], environment[weight_at], environment[GRADIENT]
        shape = environment[shape_at]
        n = row_size(input, shape) if large(input) else 0
        if not n or not suits(weight, shape, input) or not same(given[0], input):
            return None
        kernel = ready("layer_norm_back", input)
        if kernel is None:
            return None
        out = environment[RESULT]
        dx, slopes, shifts = kernel(given[0], input, out[1], out[2], weight, given[1], given[2], n)
        kernels.SUMS.put(given[0], input, slopes.reshape(shape), shifts)
        return dx

    return found


# ---------------------------------------------------------------- root mean square


def fitting(input: Any, shape: Any, weight: Any) -> int:
    """Elements of a row, or 0 where no kernel is for them."""
    shape = tuple(shape)
    n = prod(shape)
    fits = n >= NARROW and input.shape[input.ndim - len(shape) :] == shape and large(input)
    return n if fits and kernels.alike((input, weight)) else 0


def rms_norm(body: Any, least: Any) -> Any:
    """The body of root-mean-square norm; least: the eps that stands for None."""

    def faster(np: Any, input: Any, normalized_shape: Any, weight: Any, eps: Any) -> Any:
        n = fitting(input, normalized_shape, weight) if input.size >= SOME else 0
        kernel = ready("rms_norm", input) if n else None
        if kernel is None:
            return body(np, input, normalized_shape, weight, eps)
        out, inverse = kernel(input, weight, n, least(input, eps))
        count = len(tuple(normalized_shape))
        return out, inverse.reshape(input.shape[: input.ndim - count] + (1,) * count)

    return faster


def rms_norm_back(op: Any) -> Any:
    """The rule of its input; what it finds for the weight is kept for its rule."""
    weight_at, shape_at = op.position("weight"), op.position("normalized_shape")

    def found(environment: list[Any]) -> Any:
        input, weight, g = environment[FIRST], environment[weight_at], environment[GRADIENT]
        n = fitting(input, environment[shape_at], weight)
        if not n or not same(g[0], input) or not kernels.alike((input, g[1])):
            return None
        kernel = ready("rms_norm_back", input)
        if kernel is None:
            return None
        dx, slopes = kernel(g[0], g[1], input, environment[RESULT][1], weight, n)
        kernels.SUMS.put(g[0], input, slopes.reshape(tuple(environment[shape_at])), None)
        return dx

    return found


# ---------------------------------------------------------------- logsumexp


def the_last(dim: Any, x: Any) -> bool:
    """Whether dim, or the only one of several, is x's last one."""
    return last(dim[0] if dim.__class__ is tuple and len(dim) == 1 else dim, x)


def logsumexp(body: Any) -> Any:
    """The body of logsumexp."""

    def faster(np: Any, input: Any, dim: Any, keepdim: bool = False) -> Any:
        if input.size >= SOME and large(input) and the_last(dim, input):
            kernel = ready("logsumexp", input)
            if kernel is not None:
                found = kernel(input)
                return found[..., None] if keepdim else found
        return body(np, input, dim, keepdim)

    return faster


def logsumexp_back(op: Any) -> Any:
    """Its rule."""
    dim_at = op.position("dim")

    def found(environment: list[Any]) -> Any:
        input, g, level = environment[FIRST], environment[GRADIENT], environment[RESULT]
        if not large(input) or not the_last(environment[dim_at], input) or not kernels.alike((input, g, level)):
            return None
        kernel = ready("logsumexp_back", input)
        return None if kernel is None else kernel(g, input, level)

    return found


def install(least: Any) -> None:
    """Put kernels behind these records."""
    group, square, level = REGISTRY["group_norm_kernel"], REGISTRY["rms_norm_kernel"], REGISTRY["logsumexp"]
    batch, gated = REGISTRY["batch_norm_kernel"], REGISTRY["glu"]
    for op, wrapped in (
        (batch, batch_norm(batch.body)),
        (gated, glu(gated.body)),
        (group, group_norm(group.body)),
        (square, rms_norm(square.body, least)),
        (level, logsumexp(level.body)),
    ):
        op.body = update_wrapper(wrapped, op.body)
    layer = REGISTRY["layer_norm_kernel"]
    rule_on_arrays(layer, 0, layer_norm_back(layer), SOME)
    rule_on_arrays(layer, 1, kept_slopes, SOME)
    rule_on_arrays(batch, 0, batch_norm_back(batch))
    rule_on_arrays(gated, 0, glu_back(gated))
    rule_on_arrays(group, 0, group_norm_back(group))
    rule_on_arrays(group, 1, kept_slopes)
    bias_rule(group)
    rule_on_arrays(square, 0, rms_norm_back(square), SOME)
    rule_on_arrays(square, 1, kept_slopes, SOME)
    rule_on_arrays(level, 0, logsumexp_back(level), SOME)
