"""Layers without spatial dims: same seed, same weights, outputs, gradients, state dicts and texts as torch."""

import numpy as np
import pytest

from tests.backend import torch
from tests.nn.against_torch import builtin, compare, needs_torch, real

nn = pytest.importorskip(torch.__name__ + ".nn")
pytestmark = needs_torch

LAYERS = {
    "nn.Linear(4, 3)": "P(2, 4)",
    "nn.Linear(4, 3, bias=False)": "P(2, 5, 4)",
    "nn.Bilinear(4, 3, 2)": "P(2, 4), P(2, 3)",
    "nn.Identity(3)": "P(2, 4)",
    "nn.Flatten()": "P(2, 3, 4)",
    "nn.Unflatten(1, (2, 3))": "P(2, 6)",
    "nn.Threshold(0.1, 20)": "P(2, 4)",
    "nn.Softmax2d()": "P(2, 3, 2, 2)",
    "nn.PReLU(3)": "P(2, 3, 2)",
    "nn.GLU(1)": "P(2, 4)",
    "nn.CosineSimilarity()": "P(2, 4), P(2, 4)",
    "nn.PairwiseDistance(keepdim=True)": "P(2, 4), P(2, 4)",
    "nn.PixelShuffle(2)": "P(1, 8, 2, 3)",
    "nn.PixelUnshuffle(2)": "P(1, 2, 4, 6)",
    "nn.ChannelShuffle(2)": "P(1, 4, 2, 2)",
    "nn.Embedding(5, 3, padding_idx=1)": "torch.tensor([[0, 1, 4]])",
    "nn.Embedding(5, 3, max_norm=1.0)": "torch.tensor([[0, 1, 4]])",
    "nn.EmbeddingBag(5, 3)": "torch.tensor([[0, 1, 4]])",
    "nn.EmbeddingBag(5, 3, mode='sum', padding_idx=0)": "torch.tensor([0, 1, 4]), torch.tensor([0, 1])",
    "nn.EmbeddingBag(5, 3, mode='max')": "torch.tensor([0, 1, 4]), torch.tensor([0, 1])",
    "nn.AdaptiveLogSoftmaxWithLoss(8, 10, [3, 6], div_value=2.0)": "P(4, 8), torch.tensor([0, 4, 9, 2])",
    **{
        f"nn.{name}()": "P(2, 4)"
        for name in (
            "ReLU", "ReLU6", "Sigmoid", "Tanh", "SiLU", "Mish", "Hardswish", "Hardsigmoid", "Hardtanh", "ELU", "CELU",
            "SELU", "GELU", "Hardshrink", "LeakyReLU", "LogSigmoid", "Softplus", "Softshrink", "Softsign", "Tanhshrink",
            "RReLU", "Dropout", "AlphaDropout", "FeatureAlphaDropout",
        )
    },
    **{f"nn.{name}(1)": "P(2, 4)" for name in ("Softmax", "Softmin", "LogSoftmax")},
    "nn.Dropout1d()": "P(2, 3, 4)",
    "nn.Dropout2d(0.3)": "P(2, 3, 4, 2)",
    "nn.Dropout3d()": "P(2, 3, 4, 2, 1)",
    **{f"nn.{kind}Pad1d((1, 2))": "P(2, 3, 4)" for kind in ("Circular", "Reflection", "Replication", "Zero")},
    **{f"nn.{kind}Pad2d((1, 2, 0, 1))": "P(2, 3, 4, 3)" for kind in ("Circular", "Reflection", "Replication", "Zero")},
    **{f"nn.{kind}Pad3d(1)": "P(1, 2, 3, 3, 2)" for kind in ("Circular", "Reflection", "Replication", "Zero")},
    "nn.ConstantPad2d(1, 2.5)": "P(2, 3, 4)",
}  # fmt: skip


def initialised(library, text):
    library.manual_seed(5)
    return eval(text, {"nn": library.nn, "torch": library})


@pytest.mark.parametrize("layer", LAYERS)
def test_initial_weights_texts_and_state(layer):
    ours, theirs = initialised(torch, layer), initialised(real, layer)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for (name, a), (other, b) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert name == other and np.array_equal(a.detach().numpy(), b.detach().numpy()), name


@pytest.mark.parametrize("layer", LAYERS)
def test_outputs_and_gradients(layer):
    result = ".output" if "Adaptive" in layer else ""
    names = not any(word in layer for word in ("PairwiseDistance", "Adaptive"))
    compare(f"{layer}({LAYERS[layer]}){result}", names=names)


@pytest.mark.parametrize("layer", ["nn.Linear(4, 3)", "nn.Bilinear(4, 3, 2)", "nn.PReLU()", "nn.Embedding(5, 3)"])
def test_gradients_of_parameters(layer):
    grads = []
    for library in (torch, real):
        made = initialised(library, layer)
        given = {"nn.Bilinear(4, 3, 2)": ((2, 4), (2, 3))}.get(layer, ((2, 4),))
        inputs = [library.linspace(-1, 1, 2 * n[1]).reshape(n) for n in given]
        if "Embedding" in layer:
            inputs = [library.tensor([0, 2, 2])]
        (made(*inputs) ** 2).sum().backward()
        grads.append([p.grad.numpy() for p in made.parameters()])
    for a, b in zip(*grads, strict=True):
        assert np.allclose(a, b, rtol=1e-5, atol=1e-6)


ERRORS = (
    "nn.Dropout(2.0)", "nn.Unflatten(1, 2)", "nn.Unflatten(1, (2.0, 3))", "nn.Hardtanh(2, 1)", "nn.Bilinear(0, 1, 1)",
    "nn.Embedding(3, 4, padding_idx=7)", "nn.Embedding(3, 4, _weight=torch.ones(2, 2))",
    "nn.Embedding.from_pretrained(torch.ones(3))", "nn.AdaptiveLogSoftmaxWithLoss(4, 10, [6, 3])",
    "nn.Softmax2d()(torch.ones(2))", "nn.CircularPad1d(1)(torch.ones(2))", "nn.ReflectionPad1d(1)(torch.ones(2))",
    "nn.MultiMarginLoss(p=3)", "nn.TripletMarginLoss(margin=-1)", "nn.Dropout1d()(torch.ones(2, 2, 2, 2))",
)  # fmt: skip


@pytest.mark.parametrize("text", ERRORS)
def test_refusals(text):
    caught = []
    for library in (torch, real):
        with pytest.raises(Exception) as info:
            eval(text, {"nn": library.nn, "torch": library})
        caught.append(info.value)
    assert isinstance(caught[0], builtin(caught[1]))
    lead = " ".join(str(caught[1]).split()[:4])
    assert " ".join(str(caught[0]).split()).startswith(lead)


def test_a_lazy_layer_takes_its_size_from_its_first_input():
    layer = nn.LazyLinear(3)
    assert repr(layer.weight) == "<UninitializedParameter>"
    with pytest.raises(RuntimeError, match="Can't access the shape"):
        _ = layer.weight.shape
    assert layer(torch.ones(2, 4)).shape == (2, 3)
    assert type(layer) is nn.Linear and repr(layer) == "Linear(in_features=4, out_features=3, bias=True)"
    loaded = nn.LazyLinear(3)
    loaded.load_state_dict(layer.state_dict())
    assert loaded.weight.shape == (3, 4)


def test_in_place_layers_write_their_input():
    x = torch.tensor([-1.0, 2.0])
    nn.ReLU(inplace=True)(x)
    assert x.tolist() == [0.0, 2.0]
