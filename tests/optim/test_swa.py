"""Averaged models, their functions, statistics of batch normalisation, the schedule to a constant rate."""

import importlib.util

import numpy as np
import pytest

from tests.backend import needs, torch

needs_oracle = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch, the oracle, is not installed"
)


@pytest.fixture(scope="module")
def swa():
    return needs(torch, "optim.swa_utils")


@pytest.fixture
def linear():
    return needs(torch, "nn.Linear")


def moved(model, value):
    with torch.no_grad():
        for p in model.parameters():
            p.fill_(value)
    return model


def weights(model):
    return [p.detach().numpy().copy() for p in model.parameters()]


def averages(library, values, **options):
    utils = importlib.import_module(library.__name__ + ".optim.swa_utils")
    model = library.nn.Linear(3, 2)
    averaged = utils.AveragedModel(model, **{key: make(utils) for key, make in options.items()})
    for value in values:
        with library.no_grad():
            for p in model.parameters():
                p.fill_(value)
        averaged.update_parameters(model)
    return averaged


FUNCTIONS = {
    "mean": {},
    "swa": {"avg_fn": lambda u: u.get_swa_avg_fn()},
    "swa lists": {"multi_avg_fn": lambda u: u.get_swa_multi_avg_fn()},
    "ema": {"avg_fn": lambda u: u.get_ema_avg_fn(0.9)},
    "ema lists": {"multi_avg_fn": lambda u: u.get_ema_multi_avg_fn(0.9)},
}
STORED = {"mean": 3.5, "swa": 3.5, "swa lists": 3.5, "ema": 1.561, "ema lists": 1.561}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_averages(name, linear, swa):
    averaged = averages(torch, [1.0, 2.0, 3.0, 8.0][: 4 if STORED[name] == 3.5 else 3], **FUNCTIONS[name])
    expected = 3.5 if STORED[name] == 3.5 else 1.0 * 0.81 + 2.0 * 0.09 + 3.0 * 0.1
    for w in weights(averaged):
        np.testing.assert_allclose(w, expected, rtol=1e-6)


@needs_oracle
@pytest.mark.parametrize("name", FUNCTIONS)
def test_averages_are_those_of_torch(name, linear, swa):
    values = [0.3, -1.7, 2.9, 0.1, 4.4]
    ours = averages(torch, values, **FUNCTIONS[name])
    theirs = averages(importlib.import_module("torch"), values, **FUNCTIONS[name])
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert ours.n_averaged.item() == 5
    for a, b in zip(weights(ours), weights(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_an_averaged_model_is_a_model(linear, swa):
    model = moved(linear(2, 1), 1.0)
    averaged = swa.AveragedModel(model)
    moved(model, 5.0)
    assert averaged(torch.ones(1, 2)).tolist() == [[3.0]]
    with pytest.raises(AssertionError, match="Only one of avg_fn and multi_avg_fn"):
        swa.AveragedModel(model, avg_fn=abs, multi_avg_fn=abs)


def test_decays_are_checked(swa):
    for make in (swa.get_ema_avg_fn, swa.get_ema_multi_avg_fn):
        with pytest.raises(ValueError, match="Invalid decay value 2.0 provided"):
            make(2.0)


def test_statistics_are_computed_anew(swa):
    layer = needs(torch, "nn.BatchNorm1d")(3)
    batches = [torch.randn(8, 3) + k for k in range(4)]
    layer(batches[3] * 100)
    layer.eval()
    swa.update_bn([(x, None) for x in batches], layer)
    np.testing.assert_allclose(
        layer.running_mean.numpy(), np.mean([x.mean(0).numpy() for x in batches], axis=0), rtol=1e-5, atol=1e-6
    )
    assert layer.momentum == 0.1 and not layer.training


@needs_oracle
@pytest.mark.parametrize("options", [{}, {"anneal_epochs": 3, "anneal_strategy": "linear"}, {"anneal_epochs": 0}])
def test_the_schedule_is_torchs(options, swa):
    found = []
    for library in (torch, importlib.import_module("torch")):
        utils = importlib.import_module(library.__name__ + ".optim.swa_utils")
        groups = [{"params": [library.zeros(1)]}, {"params": [library.zeros(1)], "lr": 0.3}]
        optimizer = library.optim.SGD(groups, lr=0.1)
        scheduler = utils.SWALR(optimizer, [0.05, 0.5], **options)
        rates = []
        for _ in range(14):
            rates.append(scheduler.get_last_lr())
            optimizer.step()
            scheduler.step()
        found.append(rates)
        state = scheduler.state_dict()
        found.append(sorted(state))
    np.testing.assert_allclose(found[0], found[2], rtol=1e-12)
    assert found[1] == found[3]


def test_wrong_schedules(swa):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    for options, words in (
        ({"anneal_strategy": "x"}, "anneal_strategy must be one of 'cos' or 'linear', instead got x"),
        ({"anneal_epochs": -1}, "anneal_epochs must be equal or greater than 0, got -1"),
        ({"swa_lr": [1, 2]}, "swa_lr must have the same length as optimizer.param_groups"),
    ):
        with pytest.raises(ValueError, match=words):
            swa.SWALR(optimizer, **{"swa_lr": 0.05, **options})
