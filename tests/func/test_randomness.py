"""Random operators inside `vmap`: one draw for all entries or one each, level by level, with torch's own numbers."""

import pytest

from tests.func.oracle import both, refused
from wengert.core.base.errors import GraphError


def nested(make, *modes):
    """A program: `make(library, x)` under vmaps of these modes, the outermost first."""

    def program(library, x):
        library.manual_seed(0)
        mapped = lambda x: make(library, x)  # noqa: E731
        for mode in reversed(modes):
            mapped = library.vmap(mapped, randomness=mode)
        return mapped(x)

    return program


MADE = {
    "rand": lambda t, x: x + t.rand(4),
    "randn of one number": lambda t, x: x + t.randn(()),
    "randint": lambda t, x: x + t.randint(0, 100, (4,)),
    "randperm": lambda t, x: x + t.randperm(4),
    "rand_like": lambda t, x: x + t.rand_like(x),
    "dropout": lambda t, x: t.nn.functional.dropout(x, 0.5),
}


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("outer", ["same", "different"])
@pytest.mark.parametrize("inner", ["same", "different"])
def test_each_level_says_for_itself(name, outer, inner):
    if name in ("rand_like", "dropout") and (outer, inner) != ("different", "different"):
        outer = inner
    found = both(nested(MADE[name], outer, inner), (2, 3, 4))
    noise = found - both(lambda t, x: x, (2, 3, 4))
    if name == "rand":
        assert (abs(noise[0] - noise[1]).max() > 1e-9) == (outer == "different")
        assert (abs(noise[:, 0] - noise[:, 1]).max() > 1e-9) == (inner == "different")


@pytest.mark.parametrize("modes", [("error", "same"), ("same", "error"), ("error", "different")])
def test_error_at_any_level_refuses(modes):
    error = refused(nested(lambda t, x: x + t.rand(4), *modes), (2, 3, 4))
    assert isinstance(error, GraphError)


DRAWN = {
    "bernoulli": lambda t, x: t.bernoulli(x.sigmoid()),
    "poisson": lambda t, x: t.poisson(x.exp()),
    "multinomial of a row": lambda t, x: t.multinomial(x[0].exp(), 3),
    "multinomial of rows": lambda t, x: t.multinomial(x.exp(), 3),
    "normal around": lambda t, x: t.normal(x, 0.5),
}


@pytest.mark.parametrize("name", DRAWN)
def test_what_depends_on_the_entry_is_drawn_for_the_whole_batch(name):
    both(nested(DRAWN[name], "different"), (5, 3, 4))


@pytest.mark.parametrize("name", DRAWN)
def test_what_depends_on_the_entry_cannot_be_the_same(name):
    refused(nested(DRAWN[name], "same"), (5, 3, 4))


def test_multinomial_of_one_row_for_all():
    def program(t, p, x):
        t.manual_seed(0)
        return t.vmap(lambda x: t.multinomial(p.exp(), 2) + 0 * x, randomness="same")(x)

    found = both(program, (4,), (3, 2))
    assert (found == found[0]).all()


IN_PLACE = {
    "uniform_": lambda t, x: x.clone().uniform_(),
    "normal_": lambda t, x: x.clone().normal_(),
    "exponential_": lambda t, x: t.empty_like(x).exponential_(),
}


@pytest.mark.parametrize("name", IN_PLACE)
@pytest.mark.parametrize("modes", [("different", "different"), ("same", "same"), ("same", "different")])
def test_in_place(name, modes):
    both(nested(IN_PLACE[name], *modes), (2, 3, 4))


def test_what_is_one_for_all_cannot_be_filled_apart():
    refused(nested(lambda t, x: x + t.empty(4).uniform_(), "different"), (3, 4))


def test_gumbel_softmax_has_noise_of_each_entry():
    def program(t, x):
        t.manual_seed(0)
        return t.vmap(lambda x: t.nn.functional.gumbel_softmax(x * 0), randomness="different")(x)

    found = both(program, (3, 4))
    assert abs(found[0] - found[1]).max() > 1e-6
