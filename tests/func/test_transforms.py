"""grad, vjp, jvp, linearize, Jacobians, Hessians: against torch.func."""

import pytest

from tests.func.oracle import both, refused
from wengert import func as own


def wave(torch, x):
    return (x.sin() * x).sum()


def test_grad():
    both(lambda torch, x: torch.func.grad(lambda x: wave(torch, x))(x), (3,))


def test_grad_and_value_with_aux():
    both(lambda torch, x: torch.func.grad_and_value(lambda x: (wave(torch, x), {"y": x * 2}), has_aux=True)(x), (3,))


def test_argnums_and_trees():
    def program(torch, x, y):
        def f(p, k, scale):
            return (p["a"] * p["b"][0]).sum() * scale + k.sum()

        tree = {"a": x, "b": [y]}
        return torch.func.grad(f, argnums=(0, 1))(tree, x, 3.0), torch.func.grad(f, argnums=-2)(tree, x, 2.0)

    both(program, (3,), (3,))


def test_what_is_not_used_has_a_zero_gradient():
    both(lambda torch, x, y: torch.func.grad(lambda x, y: y.sum(), argnums=(0, 1))(x, y), (2,), (2,))


@pytest.mark.parametrize("order", [2, 3, 4])
def test_nested_gradients(order):
    def program(torch, x):
        f = lambda x: (x**4).sum() + x.sin().prod()  # noqa: E731
        for _ in range(order - 1):
            f = (lambda g: lambda x: torch.func.grad(g)(x).pow(2).sum())(f)
        return torch.func.grad(f)(x)

    both(program, (2,))


def test_perturbations_are_told_apart():
    """d/dx of x * (d/dy of x y) at y = 1 is 2 x."""

    def program(torch, x):
        grad, jvp = torch.func.grad, torch.func.jvp
        one = torch.ones((), dtype=x.dtype)
        a = grad(lambda x: x * grad(lambda y: x * y)(one))(x)
        b = jvp(lambda x: x * jvp(lambda y: x * y, (one,), (one,))[1], (x,), (one,))[1]
        c = grad(lambda x: x * jvp(lambda y: x * y, (one,), (one,))[1])(x)
        d = jvp(lambda x: x * grad(lambda y: x * y)(one), (x,), (one,))[1]
        return a, b, c, d

    both(program, ())


def test_vjp_many_times():
    def program(torch, x, y):
        out, pull = torch.func.vjp(lambda x, y: {"p": x @ y, "s": x.sum()}, x, y)
        first = pull({"p": out["p"] * 2, "s": out["s"]})
        return out, first, pull({"p": out["p"], "s": out["s"] * 0})

    both(program, (2, 3), (3, 2))


def test_jvp_with_aux_and_trees():
    def program(torch, x, y):
        return torch.func.jvp(lambda t: ((t["a"] * t["b"]).sin(), t["a"] + 1), ({"a": x, "b": y},), ({"a": y, "b": x},),
                              has_aux=True)  # fmt: skip

    both(program, (3,), (3,))


def test_linearize():
    def program(torch, x, v):
        out, push = torch.func.linearize(lambda x: (x.sin(), x.prod()), x)
        return out, push(v), push(v * 2)

    both(program, (3,), (3,))


@pytest.mark.parametrize("name", ["jacrev", "jacfwd"])
def test_jacobians(name):
    def program(torch, x, y):
        jacobian = getattr(torch.func, name)
        f = lambda x, y: {"a": x @ y, "b": (x.sum(), y * 2)}  # noqa: E731
        return jacobian(f)(x, y), jacobian(f, argnums=(0, 1))(x, y), jacobian(lambda x: (x.sin(), x), has_aux=True)(x)

    both(program, (2, 3), (3,))


def test_jacrev_in_chunks():
    both(lambda torch, x: torch.func.jacrev(lambda x: x.outer(x), chunk_size=2)(x), (3,))


def test_hessian():
    both(lambda torch, x, y: torch.func.hessian(lambda x, y: (x.sin() * y**3).sum(), argnums=(0, 1))(x, y), (3,), (3,))


@pytest.mark.parametrize("outer", ["jacrev", "jacfwd"])
@pytest.mark.parametrize("inner", ["jacrev", "jacfwd"])
def test_jacobians_of_jacobians(outer, inner):
    def program(torch, x):
        return getattr(torch.func, outer)(getattr(torch.func, inner)(lambda x: (x**3).sum() * x))(x)

    both(program, (3,))


def test_the_tape_outside_is_left_alone_and_seen():
    def program(torch, x, y):
        w = y.clone().requires_grad_()
        a = x.clone().requires_grad_()
        slopes = torch.func.grad(lambda x: (x**2 * w).sum())(a)
        assert w.grad is None and a.grad is None and slopes.requires_grad
        slopes.sum().backward()
        plain = torch.func.grad(lambda x: (x**2).sum())(x)
        assert not plain.requires_grad
        return slopes, w.grad, a.grad

    both(program, (3,), (3,))


def test_no_grad():
    def program(torch, x):
        a = x.clone().requires_grad_()
        with torch.no_grad():
            outside = torch.func.grad(lambda x: (x**3).sum())(a)
        assert not outside.requires_grad

        def partly(x):
            with torch.no_grad():
                c = x**2
            return (x - c).sum()

        return outside, torch.func.grad(partly)(x)

    both(program, (3,))


def test_in_place_inside():
    def program(torch, x):
        def f(x):
            y = x.clone()
            y[0] = y[1] * 3
            y.mul_(x)
            z = torch.zeros_like(y)
            z.copy_(y)
            return z.sum()

        return torch.func.grad(f)(x), torch.func.jvp(f, (x,), (x,)), torch.func.hessian(f)(x)

    both(program, (3,))


def test_functional_call_and_stacked_models():
    def program(torch, x):
        torch.manual_seed(0)
        models = [torch.nn.Linear(3, 2).double() for _ in range(3)]
        call = torch.func.functional_call
        params, buffers = torch.func.stack_module_state(models)
        ensemble = torch.func.vmap(lambda p, b, x: call(models[0], (p, b), (x,)), in_dims=(0, 0, None))(
            params, buffers, x
        )
        plain = {name: p.detach() for name, p in models[0].named_parameters()}
        loss = lambda p, x: call(models[0], p, (x,)).pow(2).sum()  # noqa: E731
        each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(plain, x)
        return ensemble, {name: g for name, g in each.items()}, torch.func.grad(loss)(plain, x)

    both(program, (4, 3))


@pytest.mark.parametrize(
    "program",
    [
        lambda torch, x: torch.func.grad(lambda x: x)(x),
        lambda torch, x: torch.func.grad(lambda x: 3)(x),
        lambda torch, x: torch.func.grad(lambda x: (x.sum(), x))(x),
        lambda torch, x: torch.func.grad(lambda x: x.sum(), has_aux=True)(x),
        lambda torch, x: torch.func.grad(lambda x: x.sum(), argnums=2)(x),
        lambda torch, x: torch.func.grad(lambda x: x.sum(), argnums=())(x),
        lambda torch, x: torch.func.grad(lambda x: x.sum(), argnums=(0, 0))(x),
        lambda torch, x: torch.func.grad(lambda x: x.sum())(x.long()),
        lambda torch, x: torch.func.grad(lambda x: x.mul_(2).sum())(x),
        lambda torch, x: torch.func.vjp(lambda x: 3, x),
        lambda torch, x: torch.func.vjp(lambda x: x, x)[1](x[:2]),
        lambda torch, x: torch.func.vjp(lambda x: (x, x), x)[1](x),
        lambda torch, x: torch.func.jvp(lambda x: x, x, x),
        lambda torch, x: torch.func.jvp(lambda x: x, (x,), (x[:2],)),
        lambda torch, x: torch.func.jvp(lambda x: x, (x,), (x, x)),
        lambda torch, x: torch.func.jvp(lambda x: 3, (x,), (x,)),
        lambda torch, x: torch.func.jvp(lambda x: x, (), ()),
        lambda torch, x: torch.func.jacrev(lambda x: x, argnums=1)(x),
        lambda torch, x: torch.func.jacrev(lambda x: x, chunk_size=0)(x),
    ],
)
def test_errors(program):
    refused(program, (3,))


def test_debug_unwrap():
    import wengert

    seen = []
    x = wengert.arange(6.0).reshape(3, 2)
    own.vmap(lambda row: seen.append(own.debug_unwrap(row)) or row)(x)
    assert seen[0].shape == (3, 2)
