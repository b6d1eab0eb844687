"""Operators over lists of tensors, beside torch's."""

import pytest

from tests.backend import torch

oracle = pytest.importorskip("torch")


def lists(lib):
    return [lib.tensor([1.0, float("nan"), -4.0]), lib.tensor([5.0, 2.0, 0.5])]


@pytest.mark.parametrize("name", ["_foreach_maximum", "_foreach_minimum"])
@pytest.mark.parametrize("in_place", [False, True])
def test_bounds_are_numbers_or_tensors(name, in_place):
    answers = []
    for lib in (torch, oracle):
        function = getattr(lib, name + "_" * in_place)
        found = [*function(lists(lib), 1.5), *function(lists(lib), [3.0, 1.0]), *function(lists(lib), lists(lib)[::-1])]
        answers.append(str([x.tolist() for x in found]))
    assert answers[0] == answers[1]


def test_norms():
    answers = []
    for lib in (torch, oracle):
        given = [lib.tensor([3.0, -4.0]), lib.ones(2, 2)]
        found = [
            *lib._foreach_norm(given), *lib._foreach_norm(given, 1), *lib._foreach_norm(given, ord=float("inf")),
            *lib._foreach_norm(given, dtype=lib.float64),
        ]  # fmt: skip
        answers.append([(x.item(), str(x.dtype)) for x in found])
    assert answers[0] == answers[1] and answers[0][0] == (5.0, "torch.float32")
