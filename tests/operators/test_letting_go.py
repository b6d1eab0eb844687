"""Graphs, levels and what operators save go with their last reference: nothing waits for the garbage collector."""

import gc
import types
from collections import Counter
from contextlib import contextmanager

import numpy as np
import pytest

import wengert as torch
from tests.operators.cases import Run, generator, is_without_gradient, random_like, samples
from wengert import func, nn
from wengert.core.operators.record import REGISTRY
from wengert.core.tape.core import wrap
from wengert.utils.checkpoint import checkpoint

STATED = dict(REGISTRY)
"""Operators of sparse tensors come in later, without samples."""

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning", "ignore::FutureWarning")


def is_ours(x):
    """Whether an object keeps memory or is of the library; other threads leave types of ctypes behind."""
    kinds = np.ndarray, types.FunctionType, types.MethodType, types.FrameType, types.GeneratorType
    return isinstance(x, kinds) or type(x).__module__.startswith("wengert")


@pytest.fixture(autouse=True)
def frozen():
    """Objects of earlier tests are not looked at, which would take long."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@contextmanager
def counted(found):
    """Adds what only a garbage collection frees, by type, to `found`."""
    gc.collect()
    gc.disable()
    try:
        yield
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        gc.set_debug(0)
        found.update(type(x).__name__ for x in gc.garbage if is_ours(x))
        gc.garbage.clear()
    finally:
        gc.set_debug(0)
        gc.enable()


def differentiate(op, sample):
    """First and second gradients; an operator may have none."""
    try:
        run = Run(op, sample, wants=True)
        rng = generator(op)
        gs = [wrap(random_like(y._array, rng)) for y in run.moving]
        run.gradients(gs, retain=True)
        run.gradients(gs, create=True)
    except Exception as error:
        if not is_without_gradient(error):
            raise
        error.__traceback__ = None


@pytest.mark.parametrize("letters", ["_abcd", "efghijkl", "mn", "opqrs", "tuvwxyz"])
def test_operators(letters):
    ops = [op for name, op in STATED.items() if name[0].lower() in letters]
    assert len(ops) > 50
    cyclic = {}
    for op in ops:
        given = samples(op)[:3]
        for sample in given:
            differentiate(op, sample)
        found = Counter()
        with counted(found):
            for sample in given:
                differentiate(op, sample)
        if found:
            cyclic[op.name] = dict(found)
    assert not cyclic


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * x * g


def leaf(*shape):
    return torch.randn(*shape, requires_grad=True)


def network():
    return nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2))


def scalar(w):
    return (w @ torch.ones(3)).tanh().sum()


def with_hooks():
    x = leaf(3)
    x.register_hook(lambda g: g * 2)
    x.register_post_accumulate_grad_hook(lambda p: None)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: None)
    y.sum().backward()


def with_module_hooks():
    layer = nn.Linear(3, 2)
    layer.register_forward_hook(lambda m, i, o: None)
    layer.register_full_backward_hook(lambda m, i, o: None)
    layer(leaf(2, 3)).sum().backward()


def in_place():
    x = leaf(3, 4).clone()
    x[0].mul_(2)
    x.t()[1].sub_(3)
    x.view(12).add_(1)
    x.sum().backward()


def step(make):
    layer = network()
    optimizer = make(layer.parameters(), lr=0.01)

    def closure():
        optimizer.zero_grad()
        loss = layer(torch.ones(2, 3)).square().sum()
        loss.backward()
        return loss

    return lambda: optimizer.step(closure)


WORK = {
    "graph without a sweep": lambda: (leaf(3) * 2).exp().sum(),
    "custom function": lambda: Square.apply(leaf(3)).sum().backward(),
    "double backward": lambda: torch.autograd.grad(
        torch.autograd.grad(Square.apply(x := leaf(3)).exp().sum(), x, create_graph=True)[0].sum(), x
    ),
    "hooks": with_hooks,
    "module hooks": with_module_hooks,
    "in place": in_place,
    "checkpoint": lambda: checkpoint(torch.tanh, leaf(3), use_reentrant=False).sum().backward(),
    "reentrant checkpoint": lambda: checkpoint(torch.tanh, leaf(3), use_reentrant=True).sum().backward(),
    "grad": lambda: func.grad(scalar)(torch.ones(3, 3)),
    "hessian": lambda: func.hessian(scalar)(torch.ones(3, 3)),
    "jacrev": lambda: func.jacrev(torch.tanh)(torch.ones(3)),
    "jacfwd": lambda: func.jacfwd(torch.tanh)(torch.ones(3)),
    "vjp": lambda: func.vjp(torch.tanh, torch.ones(3))[1](torch.ones(3)),
    "jvp": lambda: func.jvp(torch.tanh, (torch.ones(3),), (torch.ones(3),)),
    "linearize": lambda: func.linearize(torch.tanh, torch.ones(3))[1](torch.ones(3)),
    "vmap of grad": lambda: func.vmap(func.grad(scalar))(torch.ones(2, 3, 3)),
    "modules": lambda: nn.Transformer(8, 2, 1, 1, 8, batch_first=True),
    "LSTM": lambda: nn.LSTM(3, 4, 2, bidirectional=True)(leaf(5, 2, 3))[0].sum().backward(),
    "transformer": lambda: nn.TransformerEncoderLayer(8, 2, 16)(leaf(3, 2, 8)).sum().backward(),
    "SGD": step(torch.optim.SGD),
    "Adam": step(torch.optim.Adam),
    "LBFGS": step(torch.optim.LBFGS),
    "new optimizer": lambda: torch.optim.AdamW(network().parameters()),
    "loader": lambda: list(torch.utils.data.DataLoader(torch.arange(10), batch_size=3, shuffle=True)),
    "gradcheck": lambda: torch.autograd.gradcheck(torch.sin, (leaf(3).double(),)),
    "autocast": lambda: with_autocast(),
    "distribution": lambda: torch.distributions.Normal(leaf(3), 1.0).rsample().sum().backward(),
}


def with_autocast():
    with torch.autocast("cpu"):
        network()(leaf(2, 3)).sum().backward()


@pytest.mark.parametrize("name", WORK)
def test_programs(name):
    for _ in range(2):
        WORK[name]()
    found = Counter()
    with counted(found):
        WORK[name]()
    assert not found
