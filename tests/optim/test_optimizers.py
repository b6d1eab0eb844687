"""Every optimizer against torch's: parameters, state, state dictionaries; the two arithmetics against each other."""

import copy
import importlib.util
import json
import pickle

import numpy as np
import pytest

from tests.backend import torch, wengert_only
from tests.optim import cases

needs_oracle = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch, the oracle, is not installed"
)
grid = pytest.mark.parametrize(("name", "options"), cases.CASES, ids=[cases.title(*case) for case in cases.CASES])
TOLERANCE = {"float32": 1e-6, "float64": 1e-14, "complex64": 1e-6, "complex128": 1e-14, "bfloat16": 2e-2}


@pytest.fixture(scope="module")
def oracle():
    return importlib.import_module("torch")


def agree(a, b, tolerance):
    """Nested state equal in form, dtypes and, but for rounding, in values."""
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            agree(a[key], b[key], tolerance)
    elif isinstance(a, (list, tuple)):
        assert type(a) is type(b) and len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            agree(x, y, tolerance)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype and a.shape == b.shape
        scale = max(1e-3, np.abs(b).max(initial=0))
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)
    else:
        assert a == b


def both(oracle, name, options, dtype, steps=cases.STEPS):
    """Parameters and optimizer, after some steps, of either library."""
    out = []
    for library in (torch, oracle):
        given = dict(options, foreach=False) if library is oracle and name != "Muon" else options
        params, optimizer, draw = cases.made(library, name, given, dtype)
        cases.advance(library, params, optimizer, draw, steps)
        for group in optimizer.param_groups:
            group.pop("foreach", None)
        out.append((params, optimizer, draw))
    return out


@grid
def test_values_stored_from_torch(name, options):
    golden = json.loads(cases.GOLDEN.read_text())[cases.title(name, options)]
    found = cases.final(torch, name, options, "float64")
    for a, b in zip(found, golden, strict=True):
        np.testing.assert_allclose(np.array(a), np.array(b), rtol=0, atol=1e-13)


@needs_oracle
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "bfloat16"])
@grid
def test_parameters_and_state_are_those_of_torch(oracle, name, options, dtype):
    if dtype == "complex64" and name in ("Adafactor", "Muon"):
        pytest.skip("torch has no complex form of it either")
    (ours, optimizer, _), (theirs, reference, _) = both(oracle, name, options, dtype)
    agree(cases.plain(ours), cases.plain(theirs), TOLERANCE[dtype])
    if dtype != "bfloat16":
        agree(cases.plain(optimizer.state_dict()), cases.plain(reference.state_dict()), TOLERANCE[dtype])


@needs_oracle
def test_a_hundred_steps_in_float32_keep_to_the_last_digits(oracle):
    (ours, _, _), (theirs, _, _) = both(oracle, "AdamW", {}, "float32", 100)
    agree(cases.plain(ours), cases.plain(theirs), 2e-7)


@needs_oracle
@grid
def test_state_dictionaries_go_both_ways(oracle, name, options):
    pairs = both(oracle, name, options, "float32", 5)
    for library, source, other in ((torch, pairs[0], oracle), (oracle, pairs[1], torch)):
        params, optimizer, draw = cases.made(other, name, options)
        state = cases.carried(other, cases.plain(source[1].state_dict()))
        optimizer.load_state_dict(state)
        with other.no_grad():
            for p, q in zip(params, source[0], strict=True):
                p.copy_(other.tensor(q.detach().numpy()))
        cases.advance(other, params, optimizer, draw, 1)
        twin = copy.deepcopy(source[1])
        twins = [p for group in twin.param_groups for p in group["params"]]
        _, again = cases.values(name, "float32")
        cases.advance(library, twins, twin, again, 1)
        agree(cases.plain(params), cases.plain(twins), 1e-6)


# ---------------------------------------------------------------- the two arithmetics


ELEMENTWISE = [case for case in cases.CASES if case[0] not in ("Adafactor", "Muon")]


@wengert_only
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize(("name", "options"), ELEMENTWISE, ids=[cases.title(*case) for case in ELEMENTWISE])
def test_arrays_and_tensors_agree(name, options, dtype, monkeypatch):
    blocks = importlib.import_module("wengert.optim.blocks")
    fast = cases.final(torch, name, options, dtype)
    monkeypatch.setattr(blocks, "BLOCK", 32)
    monkeypatch.setattr(blocks, "_thread", type("Fresh", (), {})())
    in_blocks = cases.final(torch, name, options, dtype)
    monkeypatch.setattr(blocks, "flat_arrays", lambda *_: None)
    plain = cases.final(torch, name, options, dtype)
    assert fast == in_blocks
    for a, b in zip(fast, plain, strict=True):
        np.testing.assert_allclose(np.array(a), np.array(b), rtol=0, atol=TOLERANCE[dtype] * np.abs(b).max())


@wengert_only
def test_blocks_cover_large_parameters():
    params = [torch.ones(300, 257), torch.ones(7)]
    small = [p[:1, :1].clone() if p.dim() > 1 else p[:1].clone() for p in params]
    for group in (params, small):
        optimizer = torch.optim.Adam(group, weight_decay=0.1)
        for _ in range(3):
            for p in group:
                p.grad = torch.full_like(p, 0.5)
            optimizer.step()
    assert all((p == s.reshape(-1)[0]).all() for p, s in zip(params, small, strict=True))


@pytest.mark.parametrize("name", [name for name in cases.GRID if name != "Muon"])
def test_other_layouts_take_the_same_steps(name):
    start = np.random.RandomState(0).randn(4, 6)
    found = []
    for turned in (False, True):
        p = torch.tensor(start.T.copy()).t() if turned else torch.tensor(start)
        optimizer = getattr(torch.optim, name)([p])
        for k in range(3):
            p.grad = torch.tensor(start * (k - 1.5))
            optimizer.step()
        found.append(p.numpy())
    np.testing.assert_allclose(*found, rtol=1e-13)


@wengert_only
def test_a_step_counts_as_a_write():
    p = torch.ones(3, requires_grad=True)
    y = (p * p).sum()
    p.grad = torch.ones(3)
    torch.optim.Adam([p]).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
    assert p._version == 1


def test_views_of_a_parameter_see_the_step():
    p = torch.ones(4, requires_grad=True)
    view = p[1:]
    p.grad = torch.ones(4)
    torch.optim.SGD([p], lr=0.5).step()
    assert view.tolist() == [0.5] * 3


# ---------------------------------------------------------------- recorded steps


RECORDED = ["SGD", "Adam", "AdamW", "NAdam", "RAdam", "Adadelta", "RMSprop", "ASGD", "Adagrad"]


def through_steps(library, name, q, steps=3):
    """A function of q whose value went through recorded steps."""
    x = q.clone()
    optimizer = getattr(library.optim, name)([x], lr=0.1, differentiable=True)
    for _ in range(steps):
        x.grad = (x * 2 + q).clone()
        optimizer.step()
    return x.sum()


@needs_oracle
@pytest.mark.parametrize("name", RECORDED)
def test_gradients_through_steps_are_those_of_torch(oracle, name):
    found = []
    for library in (torch, oracle):
        q = library.tensor([0.3, -0.7, 0.2], dtype=library.float64, requires_grad=True)
        found.append(library.autograd.grad(through_steps(library, name, q), q)[0].numpy())
    np.testing.assert_allclose(*found, rtol=1e-4)  # torch keeps step counts in float32 there


@pytest.mark.parametrize("name", RECORDED)
def test_gradients_through_steps_are_right(name):
    q = torch.tensor([0.3, -0.7, 0.2], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda q: through_steps(torch, name, q, 2), (q,), atol=1e-4, rtol=1e-3)


def test_gradients_reach_the_learning_rate():
    lr = torch.tensor(0.1, requires_grad=True)
    x = torch.ones(3, requires_grad=True).clone()
    x.grad = torch.full((3,), 2.0)
    torch.optim.SGD([x], lr=lr, differentiable=True).step()
    x.sum().backward()
    assert lr.grad.item() == -6.0


# ---------------------------------------------------------------- single optimizers


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_finds_the_minimum(search):
    x = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([x], lr=1 if search else 0.5, max_iter=100, line_search_fn=search)

    def closure():
        optimizer.zero_grad()
        loss = (1 - x[0]) ** 2 + 5 * (x[1] - x[0] ** 2) ** 2
        loss.backward()
        return loss

    first = optimizer.step(closure)
    assert first.item() == pytest.approx(2.2**2 + 5 * 0.44**2)
    np.testing.assert_allclose(x.detach().numpy(), [1, 1], atol=1e-4)


@needs_oracle
@pytest.mark.parametrize("options", [{"lr": 0.5}, {"line_search_fn": "strong_wolfe"}, {"history_size": 2, "lr": 0.3}])
def test_lbfgs_goes_torchs_way(oracle, options):
    found = []
    for library in (torch, oracle):
        x = library.tensor([-1.2, 1.0, 0.5], dtype=library.float64, requires_grad=True)
        y = library.tensor([[0.3]], dtype=library.float64, requires_grad=True)
        optimizer = library.optim.LBFGS([x, y], max_iter=7, **options)

        def closure(library=library, x=x, y=y, optimizer=optimizer):
            optimizer.zero_grad()
            loss = ((1 - x[:-1]) ** 2 + 5 * (x[1:] - x[:-1] ** 2) ** 2).sum() + (y * y).sum() * x[0] ** 2
            loss.backward()
            return loss

        losses = [optimizer.step(closure).item() for _ in range(3)]
        state = optimizer.state_dict()["state"][0]
        found.append((losses, state["func_evals"], state["n_iter"], sorted(state), x.tolist()))
    (a, *counts, x), (b, *expected, y) = found
    assert counts == expected
    np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(x, y, rtol=1e-6)


@wengert_only
def test_lbfgs_goes_on_after_pickling():
    optimizer = pickle.loads(pickle.dumps(torch.optim.LBFGS([torch.tensor([1.0], requires_grad=True)])))
    (x,) = optimizer.param_groups[0]["params"]

    def closure():
        x.grad = None
        loss = (x * x).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert x.item() == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("name", ["SGD", "Adam", "Adagrad"])
def test_fused_takes_scaled_gradients(name):
    p = torch.ones(2, requires_grad=True)
    q = torch.ones(2, requires_grad=True)
    scaled, reference = getattr(torch.optim, name)([p], lr=0.1, fused=True), getattr(torch.optim, name)([q], lr=0.1)
    assert scaled._step_supports_amp_scaling
    p.grad, q.grad = torch.full((2,), 8.0), torch.full((2,), 2.0)
    scaled.grad_scale, scaled.found_inf = torch.tensor(4.0), torch.tensor(0.0)
    scaled.step()
    reference.step()
    np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-6)
    scaled.found_inf = torch.tensor(1.0)
    before = p.tolist()
    scaled.step()
    assert p.tolist() == before
