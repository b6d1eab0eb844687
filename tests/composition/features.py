"""The features that are composed: each makes one function of a vector out of another, beside the same in numbers."""

from __future__ import annotations

import wengert as torch
from tests.composition import reference
from wengert.utils.checkpoint import checkpoint

SEEN: dict[str, int] = {}
"""How often the visible effect of a feature happened."""

DIRECTION = [0.3, -0.7, 1.1]
EPSILON = 1e-5


def seen(name):
    SEEN[name] = SEEN.get(name, 0) + 1


def base(x):
    return (x * x).sin() + x.sum() * x * 0.1


def plain_base(xs):
    total = 0.0
    for x in xs:
        total = x + total
    return [reference.sin(x * x) + total * x * 0.1 for x in xs]


# ---------------------------------------------------------------- transforms


def reverse(f):
    return torch.func.grad(lambda x: f(x).sum())


def plain_reverse(f):
    return lambda xs: reference.gradient(f, xs)


def forward(f):
    return lambda x: torch.func.jvp(f, (x,), (torch.tensor(DIRECTION, dtype=x.dtype),))[1]


def plain_forward(f):
    return lambda xs: reference.tangent(f, xs, DIRECTION, "f")


def vmap(f):
    return lambda x: torch.func.vmap(f)(torch.stack([x, x * 0.5])).sum(0)


def plain_vmap(f):
    return lambda xs: [a + b for a, b in zip(f(xs), f([x * 0.5 for x in xs]), strict=True)]


# ---------------------------------------------------------------- what computes or keeps otherwise


def recomputed(reentrant):
    def feature(f):
        def counted(x):
            seen("checkpoint")
            return f(x)

        return lambda x: checkpoint(counted, x, use_reentrant=reentrant)

    return feature


def same(f):
    return f


def tensor_hook(f):
    def hooked(x):
        y = f(x) * 1.0
        if y.requires_grad:
            y.register_hook(lambda g: seen("hook"))
        return y

    return hooked


def saved_hooks(f):
    def pack(x):
        seen("pack")
        return (x * 2,)

    def unpack(packed):
        seen("unpack")
        return packed[0] / 2

    def kept(x):
        with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
            return f(x)

    return kept


class OldCube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        seen("Function")
        (x,) = ctx.saved_tensors
        return g * 3 * x**2

    @staticmethod
    def jvp(ctx, t):
        (x,) = ctx.saved_tensors
        return t * 3 * x**2


class NewCube(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    backward = staticmethod(OldCube.backward)
    jvp = staticmethod(OldCube.jvp)


def old_function(f):
    return lambda x: OldCube.apply(f(x))


def new_function(f):
    return lambda x: NewCube.apply(f(x))


def plain_cube(f):
    return lambda xs: [y * y * y for y in f(xs)]


def inplace_view(f):
    def written(x):
        y = f(x) * 1.0
        y[1:].mul_(x[:-1])
        y[:1].add_(x[1:2])
        return y

    return written


def plain_inplace_view(f):
    def written(xs):
        y = f(xs)
        return [y[0] + xs[1], *[b * a for a, b in zip(xs, y[1:], strict=False)]]

    return written


def no_grad(f):
    def partly(x):
        with torch.no_grad():
            c = f(x)
        return x * c

    return partly


def plain_no_grad(f):
    return lambda xs: [x * reference.stopped(c) for x, c in zip(xs, f(xs), strict=True)]


def batch_norm(f):
    norm = torch.nn.BatchNorm1d(1, eps=EPSILON).double()

    def normed(x):
        y = f(norm(x.reshape(-1, 1)).reshape(-1))
        assert norm.num_batches_tracked > 0
        return y

    return normed


def plain_batch_norm(f):
    def normed(xs):
        n = len(xs)
        mean = 0.0
        for x in xs:
            mean = x * (1 / n) + mean
        apart = [x - mean for x in xs]
        variance = EPSILON
        for d in apart:
            variance = d * d * (1 / n) + variance
        return f([d * reference.power(variance, -0.5) for d in apart])

    return normed


FEATURES = {
    "reverse": (reverse, plain_reverse),
    "forward": (forward, plain_forward),
    "vmap": (vmap, plain_vmap),
    "checkpoint": (recomputed(False), same),
    "reentrant checkpoint": (recomputed(True), same),
    "tensor hook": (tensor_hook, same),
    "saved-tensor hooks": (saved_hooks, same),
    "Function, old style": (old_function, plain_cube),
    "Function, setup_context": (new_function, plain_cube),
    "in-place on views": (inplace_view, plain_inplace_view),
    "no_grad": (no_grad, plain_no_grad),
    "training BatchNorm": (batch_norm, plain_batch_norm),
}
