"""Every differentiable operator of the registry: its graph stored, loaded, differentiated twice and computed again."""

import io
import warnings

import numpy as np
import pytest

from tests.backend import torch, wengert_only

pytestmark = wengert_only

from wengert.core.operators.record import REGISTRY  # noqa: E402
from wengert.core.operators.samples import samples_of  # noqa: E402
from wengert.core.tape.core import TensorBase, wrap  # noqa: E402

OPERATORS = [op for op in REGISTRY.values() if type(op.kind).__name__ != "Composite" and op.kind.differentiable]


def tensor(value, leaves):
    """A sample's arrays as leaves."""
    if isinstance(value, np.ndarray):
        made = wrap(value.copy())
        if value.dtype.kind in "fc":
            leaves.append(made.requires_grad_())
        return made
    if isinstance(value, (tuple, list)) and any(isinstance(x, np.ndarray) for x in value):
        return type(value)(tensor(x, leaves) for x in value)
    return value


def called(op, sample):
    """The leaves of a sample call and those results that have a history."""
    leaves = []
    args, kwargs = sample
    out = op.call(*[tensor(x, leaves) for x in args], **{name: tensor(x, leaves) for name, x in kwargs.items()})
    outs = out if isinstance(out, (tuple, list)) else (out,)
    return leaves, tuple(x for x in outs if isinstance(x, TensorBase) and x.requires_grad and not x.is_leaf)


def gradients(outs, leaves, seed=0):
    """First and, where there are any, second derivatives for fixed cotangents."""
    rng = np.random.default_rng(seed)
    given = [wrap(np.asarray(rng.uniform(-1, 1, x.shape), x._array.dtype)) for x in outs]
    first = torch.autograd.grad(outs, leaves, given, create_graph=True, allow_unused=True)
    firsts = [g for g in first if g is not None and g.requires_grad]
    if not firsts:
        return first, ()
    total = sum((g * g.conj()).real.sum() if g.is_complex() else (g * g).sum() for g in firsts)
    if not total.requires_grad:
        return first, ()
    return first, torch.autograd.grad(total, leaves, allow_unused=True)


def same(mine, theirs):
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert a.dtype == b.dtype and a.shape == b.shape
            assert a._array.tobytes() == b._array.tobytes()


def elsewhere(outs):
    """The graph as another process loads it: leaves of its own."""
    file = io.BytesIO()
    torch.save(outs, file)
    assert file.getvalue()[:2] == b"PK"
    file.seek(0)
    return torch.autograd.graph.load(file)


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_an_operator_survives_its_file(op):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for sample in samples_of(op):
            leaves, outs = called(op, sample)
            if not outs:
                continue
            graph = elsewhere(outs)
            loaded = graph.restore()
            assert [x.grad_fn.name() for x in loaded] == [x.grad_fn.name() for x in outs]
            same(loaded, outs)
            found = torch.autograd.graph.leaves(*loaded)
            reached = torch.autograd.graph.leaves(*outs).values()
            used = [x for x in leaves if any(x is y for y in reached)]
            assert len(found) == len(used)
            order = sorted(used, key=lambda x: x.grad_fn is None and x._node._seq)
            try:
                mine = gradients(outs, order)
            except (RuntimeError, NotImplementedError) as error:
                with pytest.raises(type(error)):
                    gradients(loaded, list(found.values()))
            else:
                theirs = gradients(loaded, list(found.values()))
                same(theirs[0], mine[0])
                same(theirs[1], mine[1])
            try:
                same(torch.autograd.graph.replay(graph), outs)
            except RuntimeError as error:
                assert "cannot be computed again: its operand" in str(error)
            with torch.autograd.graph.keep_operands():
                _, outs = called(op, sample)
            same(torch.autograd.graph.replay(elsewhere(outs)), outs)
