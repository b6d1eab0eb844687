"""Values recomputed in backward: gradients, calls, memory, nests, errors, policies; each beside torch."""

import functools
import gc
import importlib
import weakref

import pytest

from tests.backend import REAL, torch, wengert_only

oracle = pytest.importorskip("torch")
module = importlib.import_module(torch.__name__ + ".utils.checkpoint")
judge = importlib.import_module("torch.utils.checkpoint")
checkpoint = module.checkpoint
FORMS = [True, False]
SIDES = [(torch, module), (oracle, judge)]


def leaf(library=torch):
    return library.tensor([0.5, 1.0, 2.0], requires_grad=True)


def recorded(library, again, calls, **options):
    """Gradient of a chain of two checkpoints, and the order of calls."""
    x = leaf(library)

    def first(x):
        calls.append("first")
        return (x * 2).sin().exp()

    def second(x):
        calls.append("second")
        return x**2 * x

    y = again.checkpoint(second, again.checkpoint(first, x, **options), **options)
    y.sum().backward()
    return x.grad.tolist()


@pytest.mark.parametrize("reentrant", FORMS)
def test_gradients_and_calls(reentrant):
    outcomes = []
    for library, again in SIDES:
        calls = []
        outcomes.append((recorded(library, again, calls, use_reentrant=reentrant), calls))
    assert outcomes[0][1] == outcomes[1][1] == ["first", "second", "second", "first"]
    assert outcomes[0][0] == pytest.approx(outcomes[1][0], rel=1e-6)


def test_early_stop_and_second_backward():
    def calls_of(library, again, early, twice):
        calls = []

        def f(x):
            calls.append(1)
            y = x.exp()
            calls.append(2)
            z = y.sin()
            calls.append(3)
            return z + 1

        x = leaf(library)
        with again.set_checkpoint_early_stop(early):
            y = again.checkpoint(f, x, use_reentrant=False).sum()
        y.backward(retain_graph=twice)
        if twice:
            y.backward()
        return calls, [round(v, 5) for v in x.grad.tolist()]

    for early in (True, False):
        for twice in (True, False):
            mine, theirs = (calls_of(*side, early, twice) for side in SIDES)
            assert mine == theirs


def test_values_are_not_kept():
    kept = []

    def f(x):
        y = x.exp()
        kept.append(weakref.ref(y._array if not REAL else y))
        return y.sin()

    x = leaf()
    z = checkpoint(f, x, use_reentrant=False)
    gc.collect()
    assert kept[0]() is None
    z.sum().backward()
    gc.collect()
    assert len(kept) == 2 and kept[1]() is None


@pytest.mark.parametrize("reentrant", FORMS)
def test_random_numbers_are_drawn_again(reentrant):
    def noisy(x):
        mask = (torch.rand(3) > 0.5).float()
        seen.append(mask.tolist())
        return x.sin() * mask

    for preserve in (True, False):
        seen = []
        torch.manual_seed(2)
        x = leaf()
        y = checkpoint(noisy, x, use_reentrant=reentrant, preserve_rng_state=preserve)
        torch.rand(4)
        before = torch.get_rng_state()
        y.sum().backward()
        assert (seen[0] == seen[1]) is preserve
        assert bool((torch.get_rng_state() == before).all()) is preserve
        if preserve:
            mask = torch.tensor(seen[0])
            assert torch.allclose(x.grad, x.detach().cos() * mask)


def test_grad_keywords_and_higher_orders():
    def f(x, *, power, extra):
        return (x**power + extra["a"]).exp()

    x = leaf()
    y = checkpoint(f, x, use_reentrant=False, power=2, extra={"a": 1.0})
    (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    z = x.detach()
    e = (z**2 + 1).exp()
    assert torch.allclose(first, 2 * z * e) and torch.allclose(second, (2 + 4 * z * z) * e)


def test_nests():
    def run(library, again, calls):
        def inner(x):
            calls.append("inner")
            return x.sin().exp()

        def outer(x):
            calls.append("outer")
            return again.checkpoint(inner, x * 2, use_reentrant=False).cos()

        x = leaf(library)
        again.checkpoint(outer, x, use_reentrant=False).sum().backward()
        return x.grad.tolist()

    mine, theirs = [], []
    assert run(torch, module, mine) == pytest.approx(run(oracle, judge, theirs), rel=1e-6)
    assert set(mine) == {"inner", "outer"} and len(mine) <= len(theirs) + 1


@pytest.mark.parametrize("reentrant", FORMS)
def test_sequential(reentrant):
    steps = [torch.sin, torch.exp, torch.cos, torch.tanh, lambda x: x * x]
    x, plain = leaf(), leaf()
    module.checkpoint_sequential(steps, 2, x, use_reentrant=reentrant).sum().backward()
    y = plain
    for step in steps:
        y = step(y)
    y.sum().backward()
    assert torch.equal(x.grad, plain.grad)
    with pytest.raises(ValueError, match="Unexpected keyword arguments: foo"):
        module.checkpoint_sequential(steps, 2, x, use_reentrant=reentrant, foo=1)


def test_the_form_should_be_named():
    text = "the use_reentrant parameter should be passed explicitly"
    with pytest.warns(UserWarning, match="torch.utils.checkpoint: " + text):
        y = checkpoint(torch.sin, leaf())
    assert y.grad_fn.name() == "CheckpointFunctionBackward"
    with pytest.warns(UserWarning, match="torch.utils.checkpoint.checkpoint_sequential: " + text):
        module.checkpoint_sequential([torch.sin], 1, leaf())
    assert checkpoint(torch.sin, leaf(), use_reentrant=False).grad_fn.name() == "SinBackward0"


def test_reentrant_errors():
    x = leaf()
    with pytest.warns(UserWarning, match="None of the inputs have requires_grad=True. Gradients will be None"):
        assert not checkpoint(torch.sin, x.detach(), use_reentrant=True).requires_grad
    with pytest.raises(RuntimeError, match="torch.utils.checkpoint is incompatible with .grad"):
        torch.autograd.grad(checkpoint(torch.sin, x, use_reentrant=True).sum(), x)
    with pytest.raises(RuntimeError, match="torch.utils.checkpoint is incompatible with .grad"):
        checkpoint(torch.sin, x, use_reentrant=True).sum().backward(inputs=[x])
    with pytest.raises(RuntimeError, match="none of output has requires_grad=True, this checkpoint"):
        checkpoint(lambda x: x.detach(), x, use_reentrant=True).sum().backward()
    with pytest.raises(ValueError, match="Unexpected keyword arguments: foo"):
        checkpoint(torch.sin, x, use_reentrant=True, foo=1)
    for options in ({"debug": True}, {"context_fn": lambda: None}):
        with pytest.raises(ValueError, match="Passing `context_fn` or `debug` is only supported when use_reentrant=F"):
            checkpoint(torch.sin, x, use_reentrant=True, **options)
    with pytest.raises(ValueError, match="determinism_check should be one of"):
        checkpoint(torch.sin, x, use_reentrant=False, determinism_check="bad")


def changing(first, later):
    runs = []

    def f(x):
        runs.append(1)
        return first(x) if len(runs) == 1 else later(x)

    return f


CHANGES = {
    "shape": (lambda x: (x * x).sin(), lambda x: (x[:2] * x[:2]).sin(), "Recomputed values for the following tensors"),
    "fewer": (lambda x: (x * x).sin(), lambda x: x * 2, "A different number of tensors was saved during"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_is_an_error(name):
    first, later, message = CHANGES[name]
    texts = []
    for library, again in SIDES:
        with pytest.raises(again.CheckpointError, match="^torch.utils.checkpoint: " + message) as error:
            again.checkpoint(changing(first, later), leaf(library), use_reentrant=False).sum().backward()
        texts.append(str(error.value))
    if name == "shape":
        start = "tensor at position 0:\nsaved metadata: {'shape': torch.Size([3]), 'dtype': torch.float32"
        assert all(start in text for text in texts)
    with module.set_checkpoint_early_stop(False), pytest.raises(module.CheckpointError, match="more tensors during"):
        f = changing(lambda x: x * x, lambda x: (x * x).sin().exp())
        checkpoint(f, leaf(), use_reentrant=False).sum().backward()


@wengert_only
def test_debugging_names_lines():
    f = changing(*CHANGES["shape"][:2])
    with pytest.raises(module.CheckpointError, match="saved at:(.|\n)*test_checkpoint.py"):
        checkpoint(f, leaf(), use_reentrant=False, debug=True).sum().backward()


def test_without_recording():
    with torch.no_grad():
        assert not checkpoint(torch.sin, leaf(), use_reentrant=False).requires_grad
    assert module.noop_context_fn()[0].__enter__() is None
    with pytest.raises(RuntimeError, match="Only tuple of tensors is supported"):
        module.detach_variable([leaf()])


def test_contexts():
    class Told:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            order.append(self.name)

        def __exit__(self, *error):
            order.append("end of " + self.name)

    order = []
    y = checkpoint(torch.sin, leaf(), use_reentrant=False, context_fn=lambda: (Told("first"), Told("second")))
    y.sum().backward()
    assert order == ["first", "end of first", "second", "end of second"]


@wengert_only
def test_policies():
    ran = []

    def policy(context, operator, *args, **kwargs):
        ran.append((operator.__name__, context.is_recompute))
        kept = operator.__name__ == "exp"
        return module.CheckpointPolicy.MUST_SAVE if kept else module.CheckpointPolicy.PREFER_RECOMPUTE

    def f(x):
        return (x.exp() * x).sin()

    for given in (policy, [torch.exp], ["exp"]):
        x, plain = leaf(), leaf()
        contexts = functools.partial(module.create_selective_checkpoint_contexts, given)
        y = checkpoint(f, x, use_reentrant=False, context_fn=contexts)
        y.sum().backward(retain_graph=True)
        y.sum().backward()
        f(plain).sum().backward()
        assert torch.allclose(x.grad, 2 * plain.grad)
    assert ("exp", False) in ran and ("exp", True) in ran
    with pytest.raises(TypeError, match="policy_fn_or_list must be either a function or a list of ops"):
        module.create_selective_checkpoint_contexts(3)


@wengert_only
def test_a_kept_result_is_not_computed_again(monkeypatch):
    import numpy as np

    from wengert.core.operators.record import REGISTRY

    runs = []
    op = REGISTRY["sinh"]
    monkeypatch.setattr(op, "body", lambda np_, x, body=op.body: (runs.append(1), np.sinh(x))[1])
    contexts = functools.partial(module.create_selective_checkpoint_contexts, [torch.sinh])
    monkeypatch.setattr(op, "quick", None)
    x = leaf().detach().half().requires_grad_()  # the general path reads the record's body
    checkpoint(lambda x: torch.sinh(x).exp(), x, use_reentrant=False, context_fn=contexts).sum().backward()
    assert len(runs) == 1


@wengert_only
def test_a_kept_result_may_not_change():
    def f(x):
        y = x.exp()
        z = y.sin()
        y.detach().add_(1)
        return z

    contexts = functools.partial(module.create_selective_checkpoint_contexts, ["exp"])
    with pytest.raises(RuntimeError, match="cached during selective activation checkpoint has been mutated"):
        checkpoint(f, leaf(), use_reentrant=False, context_fn=contexts).sum().backward()
