"""nn.utils: clipping, vectors, normalised and parametrized weights, functional calls, pruning."""

import copy
import importlib
import pickle

import pytest

from tests.backend import torch

nn = pytest.importorskip(torch.__name__ + ".nn")
utils = nn.utils
prune = importlib.import_module(torch.__name__ + ".nn.utils.prune")


def trained():
    m = nn.Linear(3, 4)
    m(torch.ones(2, 3)).pow(2).sum().backward()
    return m


def test_clipping():
    m = trained()
    before = utils.get_total_norm([p.grad for p in m.parameters()])
    assert torch.equal(utils.clip_grad_norm_(m.parameters(), 0.1), before)
    assert utils.get_total_norm([p.grad for p in m.parameters()]).item() == pytest.approx(0.1, rel=1e-4)
    utils.clip_grad_value_(m.parameters(), 0.01)
    assert max(p.grad.abs().max().item() for p in m.parameters()) <= 0.01 + 1e-9
    assert utils.clip_grad_norm_([], 1.0).item() == 0.0
    m.weight.grad[0, 0] = float("nan")
    with pytest.raises(RuntimeError, match="The total norm of order 2.0 for gradients from `parameters` is non-finite"):
        utils.clip_grad_norm_(m.parameters(), 1.0, error_if_nonfinite=True)


def test_vectors():
    m = nn.Linear(3, 4)
    v = utils.parameters_to_vector(m.parameters())
    assert v.shape == (16,) and v.requires_grad
    utils.vector_to_parameters(torch.zeros(16), m.parameters())
    assert m.weight.abs().sum() == 0


def test_old_weight_norm():
    m = nn.Linear(3, 4)
    x, wanted = torch.ones(1, 3), m(torch.ones(1, 3))
    with pytest.warns(FutureWarning, match="weight_norm"):
        utils.weight_norm(m)
    assert sorted(m.state_dict()) == ["bias", "weight_g", "weight_v"] and torch.allclose(m(x), wanted)
    utils.remove_weight_norm(m)
    assert sorted(m.state_dict()) == ["bias", "weight"] and torch.allclose(m(x), wanted)


@pytest.mark.parametrize("norm", [utils.spectral_norm, utils.parametrizations.spectral_norm])
def test_spectral_norm(norm):
    m = norm(nn.Linear(3, 4), n_power_iterations=30)
    m(torch.ones(1, 3))
    assert torch.linalg.matrix_norm(m.weight.detach(), 2).item() == pytest.approx(1.0, abs=1e-3)


def test_parametrized_weight_norm():
    m = nn.Linear(3, 4)
    weight = m.weight.detach().clone()
    utils.parametrizations.weight_norm(m)
    assert sorted(m.state_dict()) == ["bias", "parametrizations.weight.original0", "parametrizations.weight.original1"]
    assert torch.allclose(m.weight, weight)
    m(torch.ones(1, 3)).sum().backward()
    assert m.parametrizations.weight.original0.grad is not None
    utils.parametrize.remove_parametrizations(m, "weight")
    assert type(m) is nn.Linear and torch.allclose(m.weight, weight)


@pytest.mark.parametrize("kind", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (3, 4)])
def test_orthogonal(kind, shape):
    m = utils.parametrizations.orthogonal(nn.Linear(shape[1], shape[0]), orthogonal_map=kind)
    w = m.weight if shape[0] >= shape[1] else m.weight.T
    assert torch.allclose(w.T @ w, torch.eye(min(shape)), atol=1e-5)
    m(torch.ones(1, shape[1])).sum().backward()
    assert m.parametrizations.weight.original.grad.shape == shape


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).T

    def right_inverse(self, x):
        return x.triu()


def test_own_parametrizations():
    m = nn.Linear(3, 3)
    utils.parametrize.register_parametrization(m, "weight", Symmetric())
    assert type(m).__name__ == "ParametrizedLinear" and torch.equal(m.weight, m.weight.T)
    m.weight = torch.ones(3, 3)
    assert m.weight.sum() == 9 and torch.equal(copy.deepcopy(m).weight, m.weight)
    with pytest.raises(RuntimeError, match="Serialization of parametrized modules"):
        pickle.dumps(m)
    with utils.parametrize.cached():
        assert m.weight is m.weight
    assert m.weight is not m.weight
    with pytest.raises(ValueError, match="does not have a parameter, a buffer, or a parametrized element"):
        utils.parametrize.register_parametrization(m, "foo", Symmetric())


@pytest.mark.filterwarnings("ignore:.*functional_call. is deprecated")
def test_functional_call():
    m = nn.Sequential(nn.Linear(2, 2))
    ones = {name: torch.ones_like(p) for name, p in m.named_parameters()}
    call = utils.stateless.functional_call
    assert call(m, ones, torch.ones(1, 2)).tolist() == [[3.0, 3.0]] and not m[0].weight.eq(1).all()
    with pytest.raises(RuntimeError, match="Missing key\\(s\\): '0.bias'"):
        call(m, {"0.weight": torch.ones(2, 2)}, torch.ones(1, 2), strict=True)


def test_skip_init():
    assert utils.skip_init(nn.Linear, 3, 4).weight.shape == (4, 3)
    with pytest.raises(RuntimeError, match="Module must support a 'device' arg"):
        utils.skip_init(nn.ReLU)


def test_pruning():
    m = nn.Linear(4, 3)
    prune.l1_unstructured(m, "weight", 0.5)
    assert m.weight_mask.sum() == 6 and prune.is_pruned(m)
    prune.ln_structured(m, "weight", 1, 2, 0)
    assert (m.weight_mask.sum(1) == 0).any()
    prune.remove(m, "weight")
    assert sorted(m.state_dict()) == ["bias", "weight"] and not prune.is_pruned(m)
    with pytest.raises(ValueError, match="should be smaller than the number of parameters to prune"):
        prune.random_unstructured(m, "bias", 9)


def statistics(bn):
    """A normalisation that has seen data, for inference."""
    for _ in range(3):
        bn(torch.randn(8, bn.num_features, *[2] * (isinstance(bn, nn.BatchNorm2d) * 2)) * 2 + 1)
    with torch.no_grad():
        if bn.affine:
            bn.weight.uniform_(0.5, 2.0)
            bn.bias.uniform_(-1.0, 1.0)
    return bn.eval()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("transpose", [True, False])
def test_normalisation_folded_into_convolutions(bias, affine, transpose):
    layer = (nn.ConvTranspose2d if transpose else nn.Conv2d)(3, 4, 3, bias=bias).eval()
    bn = statistics(nn.BatchNorm2d(4, affine=affine))
    fused = utils.fuse_conv_bn_eval(layer, bn, transpose)
    x = torch.randn(2, 3, 6, 6)
    assert torch.allclose(fused(x), bn(layer(x)), atol=1e-5) and type(fused) is type(layer) and fused is not layer
    assert fused.weight.requires_grad and isinstance(fused.bias, nn.Parameter) and fused.bias.requires_grad == bias


def test_normalisation_folded_into_linear_layers():
    layer, bn = nn.Linear(3, 4).eval(), statistics(nn.BatchNorm1d(4))
    x = torch.randn(5, 3)
    assert torch.allclose(utils.fusion.fuse_linear_bn_eval(layer, bn)(x), bn(layer(x)), atol=1e-5)
    with pytest.raises(AssertionError, match="To fuse, linear.out_features == bn.num_features"):
        utils.fuse_linear_bn_eval(layer, nn.BatchNorm1d(3).eval())
    with pytest.raises(AssertionError, match="Fusion only for eval!"):
        utils.fuse_linear_bn_eval(layer.train(), bn)
    with pytest.raises(AssertionError, match="bn.running_mean and bn.running_var must not be None"):
        utils.fuse_linear_bn_eval(layer.eval(), nn.BatchNorm1d(4, track_running_stats=False).eval())
