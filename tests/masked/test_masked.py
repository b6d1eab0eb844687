"""`torch.masked`: hidden elements have no influence on values and none on gradients."""

from __future__ import annotations

import importlib
import math

import pytest

from tests.backend import torch

masked = importlib.import_module(f"{torch.__name__}.masked")
VALUES = [[1.0, -2.0, 4.0], [3.0, 0.5, -1.0]]
MASK = [[True, False, True], [True, True, False]]
KEPT = [[1.0, 4.0], [3.0, 0.5]]


def given():
    return torch.tensor(VALUES, dtype=torch.float64), torch.tensor(MASK)


PLAIN = {
    "sum": lambda row: row.sum(), "prod": lambda row: row.prod(), "amax": lambda row: row.max(),
    "amin": lambda row: row.min(), "mean": lambda row: row.mean(), "norm": lambda row: row.norm(),
    "var": lambda row: row.var(), "std": lambda row: row.std(), "logsumexp": lambda row: row.logsumexp(0),
    "median": lambda row: row.median(),
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_reductions_are_those_of_what_is_left(name):
    x, mask = given()
    x.requires_grad_()
    function = getattr(masked, name)
    found = function(x, dim=1, mask=mask)
    wanted = [PLAIN[name](torch.tensor(row, dtype=torch.float64)).item() for row in KEPT]
    assert found.tolist() == pytest.approx(wanted)
    found.sum().backward()
    assert torch.all(x.grad[~mask] == 0)
    assert torch.any(x.grad[mask] != 0)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("sum", 0.0),
        ("prod", 1.0),
        ("amax", -math.inf),
        ("amin", math.inf),
        ("mean", math.nan),
        ("logsumexp", -math.inf),
    ],
)
def test_reductions_of_nothing(name, wanted):
    found = getattr(masked, name)(torch.ones(3), dim=0, mask=torch.zeros(3, dtype=torch.bool)).item()
    assert found == wanted or (math.isnan(found) and math.isnan(wanted))


def test_places_are_those_in_the_whole():
    x, mask = given()
    assert masked.argmax(x, dim=1, mask=mask).tolist() == [2, 0]
    assert masked.argmin(x, dim=1, mask=mask).tolist() == [0, 1]


@pytest.mark.parametrize("name", ["softmax", "softmin", "log_softmax"])
def test_softmax_shares_among_what_is_left(name):
    x, mask = given()
    found = getattr(masked, name)(x, 1, mask=mask)
    hidden = found[~mask]
    assert torch.all(hidden == (-math.inf if name == "log_softmax" else 0))
    share = found.exp() if name == "log_softmax" else found
    assert share.sum(1).tolist() == pytest.approx([1, 1])


def test_running_totals_and_rows_of_norm_one():
    x, mask = given()
    assert masked.cumsum(x, 1, mask=mask).tolist() == [[1, 1, 5], [3, 3.5, 3.5]]
    assert masked.cumprod(x, 1, mask=mask).tolist() == [[1, 1, 4], [3, 1.5, 1.5]]
    rows = masked.normalize(x, 2.0, 1, mask=mask)
    assert rows.square().sum(1).tolist() == pytest.approx([1, 1])
    assert torch.all(rows[~mask] == 0)


def test_logaddexp_of_one_side():
    x, mask = given()
    found = masked.logaddexp(x, x, input_mask=mask, other_mask=~mask)
    assert torch.allclose(found, x)


def test_a_mask_of_another_dtype_is_refused():
    with pytest.raises((RuntimeError, TypeError, ValueError)):
        masked.sum(torch.ones(3), mask=torch.ones(2, 3, dtype=torch.bool))
