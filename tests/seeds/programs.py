"""What the seeds share: Functions that several of them write, and data without chance."""

from tests.backend import torch


class MyReLU(torch.autograd.Function):
    """max(x, 0), gradient 1 at zero: only what is below zero is cut."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        grad_input = grad_output.clone()
        grad_input[x < 0] = 0
        return grad_input


class MyLinear(torch.autograd.Function):
    """x Wᵀ + b with the weight's gradient the right way round."""

    @staticmethod
    def forward(ctx, x, weight, bias=None):
        ctx.save_for_backward(x, weight, bias)
        output = x.mm(weight.t())
        if bias is not None:
            output += bias.unsqueeze(0).expand_as(output)
        return output

    @staticmethod
    def backward(ctx, grad_output):
        x, weight, bias = ctx.saved_tensors
        grad_x = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            grad_x = grad_output.mm(weight)
        if ctx.needs_input_grad[1]:
            grad_weight = grad_output.t().mm(x)
        if bias is not None and ctx.needs_input_grad[2]:
            grad_bias = grad_output.sum(0)
        return grad_x, grad_weight, grad_bias


class TransposedLinear(MyLinear):
    """The first seed's mistake: the weight's gradient is the transpose of what it should be."""

    @staticmethod
    def backward(ctx, grad_output):
        x, weight, bias = ctx.saved_tensors
        return grad_output.mm(weight), x.t().mm(grad_output), grad_output.sum(dim=0)


class Quadratic(torch.autograd.Function):
    """a x² + b x + c."""

    @staticmethod
    def forward(ctx, x, a, b, c):
        ctx.save_for_backward(x, a, b, c)
        return a * x**2 + b * x + c

    @staticmethod
    def backward(ctx, grad_output):
        x, a, b, _ = ctx.saved_tensors
        return grad_output * (2 * a * x + b), grad_output * x**2, grad_output * x, grad_output * 1


def waves(*shape: int, pace: float = 1.0):
    """sin(pace * i) for i = 0, 1, … in the given shape: looks random, is the same everywhere."""
    count = 1
    for size in shape:
        count *= size
    return (torch.arange(count, dtype=torch.float32) * pace).sin().reshape(*shape)


def scalars(*values: float, dtype=None):
    """One tracked scalar a value."""
    return tuple(torch.tensor(value, dtype=dtype or torch.float32, requires_grad=True) for value in values)
