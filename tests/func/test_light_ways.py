"""The short ways of transforms (rules on raw pairs, on whole batches) are taken, and give what the general ways do."""

import numpy as np
import pytest

from tests.backend import REAL, torch
from wengert.core.base.errors import WengertError
from wengert.core.operators.record import REGISTRY
from wengert.core.tape import lightcalls, lightspaces, lightsweep
from wengert.core.tape.core import wrap

pytestmark = pytest.mark.skipif(REAL, reason="about Wengert's own ways")
if not REAL:
    from tests.func.test_every_operator_mapped import READS, WITHOUT, weighted
    from tests.operators.cases import arrays_of, generator, samples
    from tests.operators.checks import varied


@pytest.fixture
def ways(monkeypatch):
    """How often each short way was taken, and a switch that closes them all."""
    taken = {"sweep": 0, "call": 0, "tangent": 0}
    sweep, call, tangent = lightsweep.captured, lightcalls.dual_call, lightspaces.tangent

    def counted(name, function, none):
        def run(*args):
            found = function(*args)
            taken[name] += found is not none
            return found

        return run

    monkeypatch.setattr(lightsweep, "captured", counted("sweep", sweep, False))
    monkeypatch.setattr(lightcalls, "dual_call", counted("call", call, NotImplemented))
    monkeypatch.setattr(lightspaces, "tangent", counted("tangent", tangent, NotImplemented))

    def closed():
        monkeypatch.setattr(lightsweep, "captured", lambda *args: False)
        monkeypatch.setattr(lightcalls, "dual_call", lambda *args: NotImplemented)
        monkeypatch.setattr(lightspaces, "tangent", lambda *args: NotImplemented)

    return taken, closed


def transforms(function, count):
    """Transforms that use the short ways, as functions of (entry, directions)."""
    numbers = tuple(range(count))
    slopes = torch.func.grad(function, numbers)
    return {
        "jvp of grad": lambda xs, vs: torch.func.jvp(slopes, xs, vs)[1],
        "jvp": lambda xs, vs: (torch.func.jvp(function, xs, vs)[1],),
        "vmap of grad": lambda xs, vs: torch.vmap(slopes)(*[torch.stack([x, x * 0.9]) for x in xs]),
        "vmap of jvp": lambda xs, vs: (torch.vmap(lambda *ws: torch.func.jvp(function, xs, ws)[1])(
            *[torch.stack([v, v * 0.9]) for v in vs]),),
        "grad of jvp": lambda xs, vs: torch.func.grad(lambda *ys: torch.func.jvp(function, ys, vs)[1], numbers)(*xs),
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_same_as_the_general_way(name, ways):
    op = REGISTRY[name]
    if name in WITHOUT:
        pytest.skip(WITHOUT[name])
    sample = next((s for s in samples(op) if arrays_of(s)), None)
    if sample is None:
        pytest.skip("no arrays")
    arrays, rng = arrays_of(sample), generator(op)
    kinds = [a.dtype == np.float64 for a in arrays]
    if not any(kinds):
        pytest.skip("nothing moves")
    xs = tuple(wrap(varied(a, rng)) for a, moves in zip(arrays, kinds, strict=True) if moves)
    vs = tuple(wrap(np.asarray(rng.standard_normal(x._array.shape))) for x in xs)
    forms = transforms(weighted(op, sample, arrays, kinds), len(xs))
    short = {}
    for form, transform in forms.items():
        try:
            short[form] = [y._array for y in transform(xs, vs)]
        except (WengertError, RuntimeError) as error:
            short[form] = error
    ways[1]()
    for form, transform in forms.items():
        if isinstance(short[form], Exception):
            with pytest.raises(type(short[form])):
                transform(xs, vs)
            continue
        for found, wanted in zip(short[form], transform(xs, vs), strict=True):
            np.testing.assert_allclose(found, wanted._array, rtol=1e-9, atol=1e-9, err_msg=f"{form}, {READS[0]}")


def network(w, v, x):
    return ((v @ (w @ x).tanh()) ** 2).mean()


def test_taken_where_they_should_be(ways):
    taken, _ = ways
    w, v, x = torch.rand(4, 3), torch.rand(2, 4), torch.rand(3)
    torch.func.jvp(torch.func.grad(network, argnums=(0, 1)), (w, v, x), (w, v, x))
    assert taken["sweep"] == 1
    assert taken["call"] >= 4
    torch.vmap(torch.func.grad(network), (None, None, 0))(w, v, torch.rand(5, 3))
    assert taken["sweep"] == 2
    torch.func.jacrev(lambda x: (w @ x).tanh())(x)
    assert taken["sweep"] == 3


def test_not_taken_with_hooks_and_custom_functions(ways):
    taken, _ = ways
    seen = []

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

        @staticmethod
        def jvp(ctx, t):
            return 2 * t * ctx.saved_tensors[0]

    def hooked(x):
        y = x.sin()
        y.register_hook(lambda g: seen.append(1) or g * 3)
        return (y * y).sum()

    x = torch.tensor([0.5, 1.0])
    _, second = torch.func.jvp(torch.func.grad(hooked), (x,), (torch.ones(2),))
    assert seen
    np.testing.assert_allclose(second.numpy(), 6 * np.cos(2 * x.numpy()), rtol=1e-6)
    _, second = torch.func.jvp(torch.func.grad(lambda x: (Square.apply(x) * x).sum()), (x,), (torch.ones(2),))
    np.testing.assert_allclose(second.numpy(), 6 * x.numpy(), rtol=1e-6)
    assert taken["sweep"] == 0


def test_parameters_outside_keep_their_history():
    """The tangent of a gradient is itself differentiable with respect to what a closure holds."""
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    x = torch.tensor([0.3, 0.4])
    _, product = torch.func.jvp(torch.func.grad(lambda x: (w * x**3).sum()), (x,), (torch.ones(2),))
    product.sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), 6 * x.numpy(), rtol=1e-6)


def test_tangent_of_an_inner_gradient_is_differentiable_outside():
    def inner(x):
        return torch.func.jvp(torch.func.grad(lambda y: (y**4).sum()), (x,), (torch.ones(2),))[1].sum()

    x = torch.tensor([0.5, 2.0])
    np.testing.assert_allclose(torch.func.grad(inner)(x).numpy(), 24 * x.numpy(), rtol=1e-5)


def test_saved_values_written_afterwards_are_noticed():
    def function(x):
        y = x.sin()
        z = y * y
        y.add_(1)
        return z.sum()

    x = torch.tensor([0.5, 1.0])
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.func.jvp(torch.func.grad(function), (x,), (torch.ones(2),))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.vmap(torch.func.grad(function))(torch.rand(3, 2))
