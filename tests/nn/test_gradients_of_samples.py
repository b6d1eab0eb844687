"""Gradients of single samples, and tensors of modules by their paths, beside torch's."""

import importlib

import pytest

from tests.backend import torch, wengert_only

oracle = pytest.importorskip("torch")
LIBRARIES = [torch, oracle]


def per_sample(lib):
    return importlib.import_module(lib.__name__ + ".nn.utils._per_sample_grad").call_for_per_sample_grads


def model(lib):
    lib.manual_seed(0)
    return lib.nn.Sequential(lib.nn.Conv2d(1, 2, 3), lib.nn.Flatten(), lib.nn.LayerNorm(8), lib.nn.Linear(8, 2))


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_gradients_of_samples(reduction):
    found = []
    for lib in LIBRARIES:
        made = model(lib)
        out = per_sample(lib)(made, loss_reduction=reduction)(lib.arange(48.0).reshape(3, 1, 4, 4).sin())
        getattr(out.pow(2).sum(1), reduction)().backward()
        assert out.shape == (3, 2) and all(p.grad is None for p in made.parameters())
        found.append([p.grad_sample.numpy() for p in made.parameters()])
    for ours, theirs in zip(*found, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-5)


def test_what_gradients_of_samples_refuse():
    for lib in LIBRARIES:
        call, layer = per_sample(lib), lib.nn.Linear(2, 2)
        for given, words in (
            ({"loss_reduction": "none"}, "Expected loss_reduction argument to be sum or mean, got none"),
            ({"batch_size": "a"}, "Batch size passed must be None or an integer, got str"),
            ({"batch_size": 0}, "Batch size must be positive, got 0"),
        ):
            with pytest.raises(RuntimeError, match=words):
                call(layer, **given)(lib.ones(3, 2))
        with pytest.raises(RuntimeError, match="Expected ExpandedWeights to have batch size matching input"):
            call(layer, batch_size=4)(lib.ones(3, 2))
        call(layer)(lib.ones(3, 2)).sum().backward()
        with pytest.raises(RuntimeError, match="Please clear out the grad_sample parameter of Parameter"):
            call(layer)(lib.ones(3, 2))


def test_tensors_by_their_paths():
    for lib in LIBRARIES:
        kept = importlib.import_module(lib.__name__ + ".nn.utils._named_member_accessor")
        made, value = lib.nn.Sequential(lib.nn.Linear(2, 2)), lib.ones(2)
        access = kept.NamedMemberAccessor(made)
        before = made[0].bias
        assert kept.swap_tensor(made[0], "bias", value) is before and made[0].bias is value
        assert access.check_keys(["0.weight", "0.z"]) == (["0.bias"], ["0.z"])
        old, missing = access.swap_tensors_dict({"0.extra": value}, allow_missing=True)
        assert missing == ["0.extra"] and made[0].extra is value
        access.swap_tensors_dict(old, allow_missing=True)
        assert not hasattr(made[0], "extra")
        access.del_tensor("0.weight")
        assert not hasattr(made[0], "weight")
        with pytest.raises(AttributeError, match="Linear has no attribute `0.q`"):
            access.get_tensor("0.q")
        with pytest.raises(RuntimeError, match="Missing key"):
            access.swap_tensors_dict({"0.k": value})
        with pytest.raises(TypeError, match="is not an instance of torch.Tensor"):
            kept.swap_tensor(made[0], "in_features", value)
        assert isinstance(access.swap_submodule("0", lib.nn.ReLU()), lib.nn.Linear)


@wengert_only
def test_device_modules():
    tools = importlib.import_module("wengert._utils")
    assert tools._get_device_module("cpu") is importlib.import_module("wengert.cpu")
    with pytest.raises(RuntimeError, match="Device 'xyz' does not have a corresponding module"):
        tools._get_device_module("xyz")
