"""Transforms in pairs and in threes, with hooks, custom Functions, in-place writes on views and no_grad."""

import itertools

import pytest

import wengert
from tests.func.oracle import both


def functions(torch):
    class Cube(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x**3

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(inputs[0])
            ctx.save_for_forward(inputs[0])

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x**2

        @staticmethod
        def jvp(ctx, t):
            (x,) = ctx.saved_tensors
            return t * 3 * x**2

    def plain(x):
        return (x.sin() * x).cumsum(0) + x.sum() * x

    def custom(x):
        return Cube.apply(x) * x.cos()

    def cube(x):
        return x**3 * x.cos()

    def writes(x):
        y = x * 2
        y[1:].mul_(x[:-1])
        y[0] = x.sum()
        return y.exp() * 0.1

    def hooked(x):
        y = x * x
        if y.requires_grad:
            y.register_hook(lambda g: g * 2)
        return y.sin()

    def partly(x):
        with torch.no_grad():
            c = x * 3
        return x * c

    return {"plain": plain, "custom": custom, "cube": cube, "writes": writes, "hooked": hooked, "partly": partly}


def transforms(torch):
    func = torch.func

    def reverse(f):
        return lambda x: func.vjp(f, x)[1](x.cos())[0]

    def forward(f):
        return lambda x: func.jvp(f, (x,), (x.cos(),))[1]

    def tape(f):
        def product(x):
            y = x.detach().clone().requires_grad_()
            return torch.autograd.grad(f(y).sum(), y)[0]

        return product

    def mapped(f):
        return lambda x: func.vmap(f, randomness="different")(torch.stack([x, x * 2, x - 1])).sum(0)

    return {"reverse": reverse, "forward": forward, "mapped": mapped, "tape": tape}


INNER = ("reverse", "forward", "mapped")
NAMES = ("plain", "writes", "partly")


def composed(torch, names, function, x):
    f = functions(torch)[function]
    for name in reversed(names):
        f = transforms(torch)[name](f)
    return f(x)


@pytest.mark.parametrize("function", NAMES)
@pytest.mark.parametrize("pair", list(itertools.product((*INNER, "tape"), INNER)), ids="-".join)
def test_pairs(pair, function):
    both(lambda torch, x: composed(torch, pair, function, x), (3,))


@pytest.mark.parametrize("function", ["plain"])
@pytest.mark.parametrize("three", list(itertools.product(INNER, repeat=3)), ids="-".join)
def test_threes(three, function):
    both(lambda torch, x: composed(torch, three, function, x), (3,))


COMBINATIONS = [*itertools.product(INNER), *itertools.product(INNER, repeat=2), *itertools.product(INNER, repeat=3)]


@pytest.mark.parametrize("names", COMBINATIONS, ids="-".join)
def test_a_custom_function_is_what_it_computes(names):
    """Against its formula: torch's own result is wrong where a jvp is pushed forward again."""
    x = wengert.tensor([0.5, -1.0, 2.0], dtype=wengert.float64)
    found, wanted = composed(wengert, names, "custom", x), composed(wengert, names, "cube", x)
    assert wengert.allclose(found, wanted)


@pytest.mark.parametrize("outer", INNER)
def test_tensor_hooks_inside(outer):
    def program(torch, x):
        inner = transforms(torch)["reverse"](functions(torch)["hooked"])
        return transforms(torch)[outer](inner)(x)

    found = both(program, (3,)) if outer == "mapped" else program(wengert, wengert.ones(3)).numpy()
    assert found.shape == (3,)


@pytest.mark.parametrize("outer", [*INNER, "tape"])
def test_saved_tensor_hooks_inside(outer):
    """torch refuses these; here a pack hook sees the batched or dual tensor itself."""
    packed = []

    def f(x):
        with wengert.autograd.graph.saved_tensors_hooks(lambda t: packed.append(t.shape) or t * 2, lambda t: t / 2):
            y = x.exp() * x
        return y

    x = wengert.tensor([0.5, -1.0, 2.0], dtype=wengert.float64)
    inner = transforms(wengert)["reverse"]
    found = transforms(wengert)[outer](inner(f))(x)
    wanted = transforms(wengert)[outer](inner(lambda x: x.exp() * x))(x)
    assert packed and all(shape == (3,) for shape in packed)
    assert wengert.allclose(found, wanted)


def test_a_custom_function_with_a_vmap_rule():
    def program(torch, x):
        class Scale(torch.autograd.Function):
            @staticmethod
            def forward(x, k):
                return x * k

            @staticmethod
            def setup_context(ctx, inputs, output):
                ctx.k = inputs[1]

            @staticmethod
            def backward(ctx, g):
                return Scale.apply(g, ctx.k), None

            @staticmethod
            def jvp(ctx, t, _):
                return t * ctx.k

            @staticmethod
            def vmap(info, in_dims, x, k):
                return Scale.apply(x, k), in_dims[0]

        f = lambda x: Scale.apply(x, 3).sin()  # noqa: E731
        each = torch.func.vmap(torch.func.grad(lambda x: f(x).sum()))
        outside = torch.func.grad(lambda x: torch.func.vmap(f)(x).sum())
        return (
            torch.func.vmap(f, in_dims=1)(x),
            each(x),
            outside(x),
            torch.func.vmap(torch.func.hessian(lambda x: f(x).sum()))(x),
        )

    both(program, (4, 2))


def test_duals_and_the_tape():
    def program(torch, x, v):
        fw = torch.autograd.forward_ad
        w = x.clone().requires_grad_()
        with fw.dual_level():
            dual = fw.make_dual(w, v)
            y = (dual.sin() * dual).sum()
            (slope,) = torch.autograd.grad(y, w, create_graph=True)
            slope, product = fw.unpack_dual(slope)
            (third,) = torch.autograd.grad(product.sum(), w)
            out = slope.detach(), product.detach(), third
            base = torch.zeros_like(x)
            view = base[1:]
            base.copy_(fw.make_dual(x, v))
            base[0].mul_(3)
            return (*out, fw.unpack_dual(base).tangent, fw.unpack_dual(base[1:] * 2).tangent, view.detach())

    both(program, (3,), (3,))


def test_batched_gradients_of_the_tape():
    def program(torch, x):
        w = x.clone().requires_grad_()
        y = w.exp() * w.sum()
        return torch.autograd.grad(y, w, torch.eye(3, dtype=x.dtype), is_grads_batched=True)

    both(program, (3,))


def test_vmap_over_the_tape():
    def program(torch, x, y):
        w = y.clone().requires_grad_()
        out = torch.func.vmap(lambda x: (x * w).sin().sum())(x)
        each = torch.func.vmap(torch.func.grad(lambda x: (x * w).sin().sum()))(x)
        (each.sum() + out.pow(2).sum()).backward()
        return out, each, w.grad

    both(program, (4, 3), (3,))
