"""Moving between devices, and samples whose gradient is zero."""

from __future__ import annotations

from wengert.core.arrays.backend import backend_for, backend_of
from wengert.core.operators.kinds import elementwise, linear
from wengert.core.operators.library.overloads import is_number
from wengert.core.operators.record import Array
from wengert.core.operators.samples import call


@linear(
    transpose=lambda m, g, device, source: m.to_device(g, source, device),
    space=None,
    method=False,
    backward_name="ToCopyBackward0",
    samples=lambda s: [call(s.array(2, 3), "cpu", "cpu")],
)
def to_device(np, input: Array, device, source):
    """input copied to `device`; `source` is where it comes from."""
    if isinstance(device, str):
        return input.copy()
    return backend_for(device).from_numpy(backend_of(input).to_numpy(input).copy(), device.index)


@elementwise(
    d=lambda g: g * 0,
    promote="none",
    inplace=False,
    space=None,
    method=False,
    backward_name="BernoulliBackward0",
    samples=lambda s: [],
)
def sampled(np, input: Array, values):
    """`values`, drawn from a distribution that `input` parametrises; its gradient is zero."""
    return values


@elementwise(
    d=(lambda g: g * 0, lambda g: g * 0),
    promote="none",
    inplace=False,
    space=None,
    method=False,
    backward_name=lambda args: f"NormalBackward{2 if is_number(args[0]) else 1 if is_number(args[1]) else 3}",
    samples=lambda s: [],
)
def normal_sampled(np, mean: Array, std: Array, values):
    """`values`, drawn from normal distributions; the gradients of their parameters are zero."""
    return values
