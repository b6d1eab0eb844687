"""Every ordered pair of features: equal to a plain reference, or an error that is listed with its reason."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest

import wengert as torch
from tests.composition import reference
from tests.composition.features import FEATURES, SEEN, base, plain_base
from tests.composition.table import PAGE, REFUSED, page

POINT = [0.4, -0.9, 1.3]
WEIGHTS = [1.0, -2.0, 0.5]
EFFECTS = {
    "tensor hook": {"hook": 1},
    "saved-tensor hooks": {"pack": 1, "unpack": 1},
    "Function, old style": {"Function": 1},
    "Function, setup_context": {"Function": 1},
    "checkpoint": {"checkpoint": 2},
    "reentrant checkpoint": {"checkpoint": 2},
}


def composed(names):
    """The composition of features, outermost first, and the same in plain numbers."""
    function, plain = base, plain_base
    for name in reversed(names):
        feature, same = FEATURES[name]
        function, plain = feature(function), same(plain)
    return function, plain


def check(names):
    """Values, and gradients by the tape, against the reference; then the visible effects."""
    function, plain = composed(names)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "None of the inputs have requires_grad")
        found = function(torch.tensor(POINT, dtype=torch.float64))
    np.testing.assert_allclose(found.detach().numpy(), plain(POINT), rtol=1e-9, atol=1e-12)
    SEEN.clear()
    function, _ = composed(names)
    x = torch.tensor(POINT, dtype=torch.float64, requires_grad=True)
    y = function(x)
    np.testing.assert_allclose(y.detach().numpy(), plain(POINT), rtol=1e-9, atol=1e-12)
    wanted = reference.gradient(lambda xs: [v * w for v, w in zip(plain(xs), WEIGHTS, strict=True)], POINT)
    if not y.requires_grad:
        assert not any(wanted)
        return
    (y * torch.tensor(WEIGHTS, dtype=y.dtype)).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), wanted, rtol=1e-9, atol=1e-12)
    for i, name in enumerate(names):
        check_effects(name, names[:i], names[i + 1 :])


def check_effects(name, outside, inside):
    """A feature that is on the way of the gradient did something.

    Not so inside `no_grad`; inside `forward`, whose tangents have a history of their own; inside `vmap`, where an entry
    does not know who differentiates the batch.  Hooks inside a checkpoint take the place of its own.
    """
    if {"no_grad", "forward", "vmap"} & set(outside) or "checkpoint" in name and "saved-tensor hooks" in inside:
        return
    for effect, times in EFFECTS.get(name, {}).items():
        assert SEEN.get(effect, 0) >= times, (name, SEEN)


@pytest.mark.parametrize("inner", FEATURES)
@pytest.mark.parametrize("outer", FEATURES)
def test_pair(outer, inner):
    if (outer, inner) in REFUSED:
        words, _ = REFUSED[outer, inner]
        with pytest.raises(RuntimeError) as caught:
            check((outer, inner))
        assert str(caught.value).startswith(words)
        return
    check((outer, inner))


TRIPLES = [
    t for t in itertools.product(("reverse", "forward", "vmap"), FEATURES, ("reverse", "forward", "vmap", "no_grad"))
]


@pytest.mark.parametrize("names", TRIPLES, ids=lambda names: " of ".join(names))
def test_transform_of_feature_of_transform(names):
    """No wrong number hides one level deeper: equal to the reference, or a listed error."""
    words = [REFUSED[pair][0] for pair in itertools.combinations(names, 2) if pair in REFUSED]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check(names)
    except RuntimeError as error:
        if not any(str(error).startswith(w) for w in words):
            raise


def test_the_reference_is_a_derivative():
    """Nested duals against central differences, and the difference between the two kinds of level."""
    h = 1e-5
    for i in range(3):
        up, down = list(POINT), list(POINT)
        up[i] += h
        down[i] -= h
        wanted = (sum(plain_base(up)) - sum(plain_base(down))) / (2 * h)
        assert abs(reference.gradient(plain_base, POINT)[i] - wanted) < 1e-8
    halted = FEATURES["no_grad"][1](plain_base)
    values = plain_base(POINT)
    np.testing.assert_allclose(reference.gradient(halted, POINT), values)
    moved = reference.tangent(halted, POINT, [1.0, 0.0, 0.0], "f")
    assert abs(moved[0] - values[0]) > 1e-3


def test_the_published_table_is_this_one():
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.composition.table"
