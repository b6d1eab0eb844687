"""Learning rate schedules: the sequences of torch, closed forms, state dictionaries, warnings, errors."""

import importlib
import importlib.util
import math
import warnings

import pytest

from tests.backend import torch, wengert_only

needs_oracle = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch, the oracle, is not installed"
)


class Half:
    """A callable object with state."""

    def __init__(self):
        self.base = 0.5

    def __call__(self, epoch):
        return self.base**epoch


SCHEDULES = {
    "lambda": lambda s, o: s.LambdaLR(o, lambda epoch: 0.9**epoch),
    "lambda object": lambda s, o: s.LambdaLR(o, [Half(), lambda epoch: 1 / (1 + epoch)]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 0.95),
    "step": lambda s, o: s.StepLR(o, 3, 0.5),
    "milestones": lambda s, o: s.MultiStepLR(o, [2, 5, 5, 9], 0.5),
    "constant": lambda s, o: s.ConstantLR(o, 0.25, 4),
    "linear": lambda s, o: s.LinearLR(o, 0.2, 0.8, 6),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.8),
    "polynomial": lambda s, o: s.PolynomialLR(o, 7, 2.0),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 4, 0.01),
    "sequential": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1, 2), s.ExponentialLR(o, 0.9), s.StepLR(o, 2)], [2, 6]
    ),
    "chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 2), s.ExponentialLR(o, 0.9)]),
    "triangular": lambda s, o: s.CyclicLR(o, 0.1, 1.0, 3),
    "triangular2": lambda s, o: s.CyclicLR(o, [0.1, 0.2], 1.0, 3, 2, "triangular2"),
    "exp_range": lambda s, o: s.CyclicLR(o, 0.1, 1.0, 3, 5, "exp_range", 0.9, cycle_momentum=False),
    "own scale": lambda s, o: s.CyclicLR(o, 0.1, 1.0, 3, scale_fn=lambda x: 0.9**x, scale_mode="iterations"),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2, 0.01),
    "restarts alike": lambda s, o: s.CosineAnnealingWarmRestarts(o, 4),
    "one cycle": lambda s, o: s.OneCycleLR(o, 1.0, 15),
    "one cycle, three phases": lambda s, o: s.OneCycleLR(o, [1.0, 0.5], epochs=3, steps_per_epoch=6, three_phase=True),
    "one cycle, linear": lambda s, o: s.OneCycleLR(o, 1.0, 15, anneal_strategy="linear", cycle_momentum=False),
}
CLOSED = ("step", "milestones", "constant", "linear", "exponential", "polynomial", "cosine")
METRICS = [3.0, 2.0, 2.0, 2.0, 2.1, 2.0, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5]
PLATEAUS = [
    {"patience": 1, "factor": 0.5},
    {"patience": 0, "cooldown": 2, "factor": 0.5, "min_lr": 0.02},
    {"mode": "max", "patience": 2, "threshold": 0.1, "threshold_mode": "abs", "min_lr": [0.001, 0.01]},
    {"patience": 1, "threshold": 0.3, "eps": 0.02},
]
# Rates of the first group after every second step, from torch 2.13.
STORED = {
    "cosine": [0.1, 0.055, 0.01, 0.055, 0.1, 0.055, 0.01],
    "linear": [0.02, 0.04, 0.06, 0.08, 0.08, 0.08, 0.08],
    "milestones": [0.1, 0.05, 0.05, 0.0125, 0.0125, 0.00625, 0.00625],
}


def optimizer_of(library, kind="SGD", **options):
    params = [library.zeros(2, requires_grad=True), library.zeros(3, requires_grad=True)]
    given = {"momentum": 0.9} if kind == "SGD" else {}
    return getattr(library.optim, kind)([{"params": params[:1]}, {"params": params[1:], "lr": 0.3}], lr=0.1, **given)


def schedules(library):
    return importlib.import_module(library.__name__ + ".optim.lr_scheduler")


def rates(optimizer):
    keys = ("lr", "momentum", "betas", "initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum")
    return [{key: group[key] for key in keys if key in group} for group in optimizer.param_groups]


def states(scheduler):
    """Everything a schedule knows, without functions and what refers to the optimizer."""
    known = {}
    for key, value in scheduler.state_dict().items():
        known[key] = [part for part in value] if key == "_schedulers" else value
    return known


def sequence(library, make, kind="SGD", steps=14):
    optimizer = optimizer_of(library, kind)
    scheduler = make(schedules(library), optimizer)
    found = [(rates(optimizer), scheduler.get_last_lr(), states(scheduler))]
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
        found.append((rates(optimizer), scheduler.get_last_lr(), states(scheduler)))
    return found


def same(a, b):
    """Equal in form; numbers but for the last digit."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, float):
        return a == b or math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-16)
    return a == b


@needs_oracle
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_sequences_and_state_are_those_of_torch(name, kind):
    oracle = importlib.import_module("torch")
    ours, theirs = sequence(torch, SCHEDULES[name], kind), sequence(oracle, SCHEDULES[name], kind)
    for step, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert same(a, b), f"after {step} steps"


@pytest.mark.parametrize("name", STORED)
def test_sequences_stored_from_torch(name):
    found = [last[0] for _, last, _ in sequence(torch, SCHEDULES[name])[::2]][:7]
    assert found == pytest.approx(STORED[name])


@needs_oracle
@pytest.mark.parametrize("options", PLATEAUS)
def test_plateaus_are_those_of_torch(options):
    found = []
    for library in (torch, importlib.import_module("torch")):
        optimizer = optimizer_of(library)
        scheduler = schedules(library).ReduceLROnPlateau(optimizer, **options)
        seen = []
        for metric in METRICS:
            scheduler.step(library.tensor(metric))
            seen.append((rates(optimizer), scheduler.get_last_lr(), states(scheduler)))
        found.append(seen)
    assert same(*found)


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms_agree_with_steps(name):
    expected = [last for _, last, _ in sequence(torch, SCHEDULES[name], steps=9)]
    optimizer = optimizer_of(torch)
    scheduler = SCHEDULES[name](schedules(torch), optimizer)
    optimizer.step()
    for epoch in (4, 2, 9, 0, 7):
        with pytest.warns(UserWarning, match="epoch parameter"):
            scheduler.step(epoch)
        assert scheduler.get_last_lr() == pytest.approx(expected[epoch], rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("name", SCHEDULES)
def test_training_resumes_from_state_dictionaries(name):
    optimizer = optimizer_of(torch)
    scheduler = SCHEDULES[name](schedules(torch), optimizer)
    for _ in range(5):
        optimizer.step()
        scheduler.step()
    saved = (optimizer.state_dict(), scheduler.state_dict())
    resumed = optimizer_of(torch)
    continued = SCHEDULES[name](schedules(torch), resumed)
    resumed.load_state_dict(saved[0])
    continued.load_state_dict(saved[1])
    for _ in range(6):
        for o, s in ((optimizer, scheduler), (resumed, continued)):
            o.step()
            s.step()
        assert same(rates(optimizer), rates(resumed))


@needs_oracle
def test_restarts_take_fractions_of_epochs():
    found = []
    for library in (torch, importlib.import_module("torch")):
        optimizer = optimizer_of(library)
        scheduler = schedules(library).CosineAnnealingWarmRestarts(optimizer, 3, 2)
        seen = []
        for epoch in (0.5, 2.9, 3, 8.5, 9, 20.25, 1):
            scheduler.step(epoch)
            seen.append((scheduler.get_last_lr(), scheduler.T_cur, scheduler.T_i, scheduler.last_epoch))
        found.append(seen)
    assert same(*found)


def test_a_tensor_rate_is_written_in_place():
    rate = torch.tensor(0.5)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
    scheduler = schedules(torch).StepLR(optimizer, 1, 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate and rate.item() == 0.25
    assert optimizer.param_groups[0]["initial_lr"].item() == 0.5 == scheduler.base_lrs[0].item()
    assert scheduler.get_last_lr()[0] is not rate


@wengert_only
def test_a_chain_may_follow_a_milestone():
    def make(s, o):
        chain = s.ChainedScheduler([s.StepLR(o, 2), s.ExponentialLR(o, 0.9)])
        return s.SequentialLR(o, [s.LinearLR(o, 0.1, 1.0, 3), chain], [3])

    found = [last[0] for _, last, _ in sequence(torch, make, steps=6)]
    assert found == pytest.approx([0.01, 0.04, 0.07, 0.1, 0.09, 0.0081, 0.00729])


# ---------------------------------------------------------------- warnings


def test_the_wrong_order_is_noticed_once():
    optimizer = optimizer_of(torch)
    scheduler = schedules(torch).StepLR(optimizer, 1)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()


def test_an_overridden_step_is_noticed():
    optimizer = optimizer_of(torch)
    scheduler = schedules(torch).StepLR(optimizer, 1)
    optimizer.step = lambda: None
    with pytest.warns(UserWarning, match="has been overridden"):
        scheduler.step()


def test_get_lr_is_not_the_last_rate():
    with pytest.warns(UserWarning, match="please use `get_last_lr"):
        schedules(torch).StepLR(optimizer_of(torch), 1).get_lr()


# ---------------------------------------------------------------- errors

WRONG = [
    (TypeError, "int is not an Optimizer", lambda s, o: s.StepLR(5, 1)),
    (KeyError, "param 'initial_lr' is not specified in param_groups\\[0\\]", lambda s, o: s.StepLR(o, 1, last_epoch=3)),
    (ValueError, "Expected 2 lr_lambdas, but got 1", lambda s, o: s.LambdaLR(o, [abs])),
    (ValueError, "Expected 2 lr_lambdas, but got 3", lambda s, o: s.MultiplicativeLR(o, [abs] * 3)),
    (ValueError, "Constant multiplicative factor expected to be between 0 and 1", lambda s, o: s.ConstantLR(o, 2)),
    (ValueError, "Starting multiplicative factor expected to be greater than 0", lambda s, o: s.LinearLR(o, 0)),
    (ValueError, "Ending multiplicative factor expected", lambda s, o: s.LinearLR(o, 1, 2)),
    (ValueError, "SequentialLR expects at least one scheduler", lambda s, o: s.SequentialLR(o, [], [])),
    (ValueError, "Sequential Schedulers expects number", lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1)], [1])),
    (TypeError, "SequentialLR at index 0 should have `optimizer`", lambda s, o: s.SequentialLR(o, [5], [])),
    (
        ValueError,
        "SequentialLR expects all schedulers to belong to the same optimizer",
        lambda s, o: s.SequentialLR(o, [s.StepLR(optimizer_of(torch), 1)], []),
    ),
    (ValueError, "ChainedScheduler expects at least one scheduler", lambda s, o: s.ChainedScheduler([])),
    (
        ValueError,
        "ChainedScheduler does not support `ReduceLROnPlateau`",
        lambda s, o: s.ChainedScheduler([s.ReduceLROnPlateau(o)]),
    ),
    (ValueError, "Factor should be < 1.0", lambda s, o: s.ReduceLROnPlateau(o, factor=1.0)),
    (ValueError, "mode x is unknown", lambda s, o: s.ReduceLROnPlateau(o, "x")),
    (ValueError, "threshold mode x is unknown", lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="x")),
    (ValueError, "expected 2 min_lrs, got 1", lambda s, o: s.ReduceLROnPlateau(o, min_lr=[0.1])),
    (ValueError, "mode is invalid and scale_fn is None", lambda s, o: s.CyclicLR(o, 0.1, 1, mode="x")),
    (ValueError, "base_lr must have the same length as optimizer.param_groups", lambda s, o: s.CyclicLR(o, [0.1], 1)),
    (
        ValueError,
        "optimizer must support momentum or beta1",
        lambda s, o: s.CyclicLR(torch.optim.Rprop([torch.zeros(1)]), 0.1, 1),
    ),
    (ValueError, "Expected positive integer T_0, but got 0", lambda s, o: s.CosineAnnealingWarmRestarts(o, 0)),
    (ValueError, "Expected integer T_mult >= 1", lambda s, o: s.CosineAnnealingWarmRestarts(o, 2, 1.5)),
    (ValueError, "Expected non-negative epoch", lambda s, o: s.CosineAnnealingWarmRestarts(o, 2).step(-1)),
    (ValueError, "You must define either total_steps OR", lambda s, o: s.OneCycleLR(o, 1.0)),
    (ValueError, "Expected positive integer total_steps, but got 0", lambda s, o: s.OneCycleLR(o, 1.0, 0)),
    (ValueError, "Expected positive integer epochs", lambda s, o: s.OneCycleLR(o, 1.0, None, -1, 1)),
    (ValueError, "Expected positive integer steps_per_epoch", lambda s, o: s.OneCycleLR(o, 1.0, None, 1, 0)),
    (ValueError, "Expected float between 0 and 1 pct_start", lambda s, o: s.OneCycleLR(o, 1.0, 9, pct_start=2)),
    (ValueError, "anneal_strategy must be one of", lambda s, o: s.OneCycleLR(o, 1.0, 9, anneal_strategy="x")),
]


@pytest.mark.parametrize(("error", "words", "wrong"), WRONG, ids=[words for _, words, _ in WRONG])
def test_mistakes_are_named(error, words, wrong):
    with pytest.raises(error, match=words):
        wrong(schedules(torch), optimizer_of(torch))


def test_one_cycle_ends():
    optimizer = optimizer_of(torch)
    scheduler = schedules(torch).OneCycleLR(optimizer, 1.0, 2)
    with pytest.raises(ValueError, match="Tried to step 3 times"):
        for _ in range(4):
            optimizer.step()
            scheduler.step()
