"""What the transforms refuse, and names that `functional_call` gives to a module, against torch."""

import pytest

from tests.backend import torch

PROBES = {
    "argnums of another type": lambda t, x: t.func.grad(lambda x: x.sum(), argnums="a")(x),
    "argnums with another type inside": lambda t, x: t.func.grad(lambda x: x.sum(), argnums=(0, "a"))(x),
    "no tensor": lambda t, x: t.func.grad(lambda x: x)(3.0),
    "no tensor in a list": lambda t, x: t.func.grad(lambda x: x[0])([3.0]),
    "no tensor for vjp": lambda t, x: t.func.vjp(lambda x: x, 3.0),
    "unknown randomness": lambda t, x: t.func.jacfwd(lambda x: x.sum(), randomness="x")(x),
    "unknown randomness of vmap": lambda t, x: t.func.vmap(lambda x: x, randomness="x")(x),
    "both kinds of names": lambda t, x: called(t, {"foo": x}, strict=True),
    "missing names": lambda t, x: called(t, {}, strict=True),
    "a module that is not there": lambda t, x: called(t, {"foo.bar": x}),
    "an attribute that is no tensor": lambda t, x: called(t, {"in_features": x}),
    "a method": lambda t, x: called(t, {"forward": x}),
    "a number for a parameter": lambda t, x: called(t, {"weight": 3}),
}


def called(library, named, **options):
    module = library.nn.Linear(3, 1)
    before = set(vars(module))
    try:
        return library.func.functional_call(module, named, (library.ones(3),), **options)
    finally:
        assert set(vars(module)) == before


@pytest.mark.parametrize("name", PROBES)
def test_words_of_refusals(name):
    real = pytest.importorskip("torch")
    said = []
    for library in (torch, real):
        with pytest.raises(Exception) as caught:
            PROBES[name](library, library.ones(3))
        said.append(caught.value)
    assert isinstance(said[0], type(said[1]))
    assert str(said[0])[:29] == str(said[1])[:29]


def test_a_further_name_is_an_attribute_during_the_call():
    class Shifted(torch.nn.Module):
        def forward(self, x):
            return x + self.shift

    module = Shifted()
    assert torch.func.functional_call(module, {"shift": torch.ones(2)}, (torch.ones(2),)).tolist() == [2.0, 2.0]
    assert not hasattr(module, "shift")
    module.shift = torch.zeros(2)
    torch.func.functional_call(module, {"shift": torch.ones(2)}, (torch.ones(2),))
    assert module.shift.tolist() == [0.0, 0.0]
