"""Functions that many stories need."""

from tests.backend import torch

Function = torch.autograd.Function


def function(forward, backward=None, setup_context=None, **more):
    """A Function class made of plain functions."""
    parts = {"forward": staticmethod(forward), **more}
    if backward is not None:
        parts["backward"] = staticmethod(backward)
    if setup_context is not None:
        parts["setup_context"] = staticmethod(setup_context)
    return type("Made", (Function,), parts)


def double(ctx, x):
    return x * 2


def leaf():
    return torch.tensor([1.0, 2.0], requires_grad=True)


class Square(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * g * x


class Scale(Function):
    """The form with a separate `setup_context`."""

    @staticmethod
    def forward(x, factor):
        return x * factor

    @staticmethod
    def setup_context(ctx, inputs, output):
        _, ctx.factor = inputs

    @staticmethod
    def backward(ctx, g):
        return g * ctx.factor, None
