"""Layers of images and sequences: construction, first values, texts, results and gradients as torch has them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import wengert
from tests.backend import needs, torch
from tests.nn.against_torch import builtin, close, needs_torch, real, values

nn = needs(torch, "nn")

LAYERS = [
    ("Conv1d(4, 6, 3, padding=1)", (2, 4, 7)),
    ("Conv2d(4, 6, 3)", (2, 4, 6, 6)),
    ("Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0), dilation=(2, 1), groups=2, bias=False)", (2, 4, 9, 7)),
    ("Conv2d(4, 4, 3, padding='same', groups=4)", (4, 6, 6)),
    ("Conv2d(4, 6, 2, padding='same', padding_mode='reflect')", (2, 4, 6, 6)),
    ("Conv1d(4, 6, 3, padding=2, padding_mode='circular')", (2, 4, 7)),
    ("Conv3d(2, 3, 2, padding='valid')", (1, 2, 3, 4, 4)),
    ("ConvTranspose1d(4, 6, 3, stride=2)", (2, 4, 5)),
    ("ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2)", (2, 4, 5, 4)),
    ("ConvTranspose3d(2, 3, 2, bias=False)", (1, 2, 3, 3, 3)),
    ("MaxPool1d(2)", (2, 3, 7)),
    ("MaxPool2d(3, stride=2, padding=1, ceil_mode=True)", (2, 3, 8, 7)),
    ("MaxPool2d(2, dilation=2, return_indices=True)", (2, 3, 8, 7)),
    ("MaxPool3d((1, 2, 2))", (1, 2, 3, 4, 4)),
    ("AvgPool1d(3, 2, 1, ceil_mode=True)", (2, 3, 8)),
    ("AvgPool2d(2, count_include_pad=False, padding=1)", (2, 3, 7, 6)),
    ("AvgPool3d((2, 2, 2), divisor_override=3)", (1, 2, 4, 4, 5)),
    ("LPPool1d(2, 3, stride=2)", (2, 3, 8)),
    ("LPPool2d(3.0, 2)", (2, 3, 6, 6)),
    ("LPPool3d(2, 2, ceil_mode=True)", (1, 2, 4, 4, 5)),
    ("FractionalMaxPool2d(2, output_size=(3, 4))", (2, 3, 7, 7)),
    ("FractionalMaxPool2d(3, output_ratio=0.5)", (2, 3, 9, 8)),
    ("FractionalMaxPool3d(2, output_size=(2, 3, 3))", (2, 3, 5, 6, 7)),
    ("AdaptiveMaxPool1d(3)", (2, 3, 7)),
    ("AdaptiveMaxPool2d((3, None), return_indices=True)", (2, 3, 7, 5)),
    ("AdaptiveMaxPool3d(2)", (1, 2, 4, 5, 3)),
    ("AdaptiveAvgPool1d(3)", (2, 3, 7)),
    ("AdaptiveAvgPool2d((3, None))", (2, 3, 7, 5)),
    ("AdaptiveAvgPool2d(1)", (2, 3, 7, 5)),
    ("AdaptiveAvgPool3d(2)", (1, 2, 4, 5, 3)),
    ("BatchNorm1d(4)", (5, 4)),
    ("BatchNorm1d(4, momentum=None)", (5, 4, 3)),
    ("BatchNorm2d(4, eps=1e-3, momentum=0.3)", (3, 4, 5, 5)),
    ("BatchNorm2d(4, affine=False, track_running_stats=False)", (3, 4, 5, 5)),
    ("BatchNorm3d(4, bias=False)", (2, 4, 2, 3, 3)),
    ("InstanceNorm1d(4)", (2, 4, 6)),
    ("InstanceNorm2d(4, affine=True, track_running_stats=True)", (2, 4, 5, 5)),
    ("InstanceNorm2d(4, affine=True)", (4, 5, 5)),
    ("InstanceNorm3d(4)", (2, 4, 2, 3, 3)),
    ("LayerNorm(6)", (3, 4, 6)),
    ("LayerNorm((4, 6), eps=1e-3, bias=False)", (3, 4, 6)),
    ("LayerNorm([4, 6], elementwise_affine=False)", (3, 4, 6)),
    ("GroupNorm(2, 4)", (2, 4, 5)),
    ("GroupNorm(4, 4, affine=False)", (2, 4, 3, 3)),
    ("RMSNorm(6)", (3, 6)),
    ("RMSNorm((4, 6), eps=1e-3)", (3, 4, 6)),
    ("LocalResponseNorm(3, alpha=0.5)", (2, 5, 4, 4)),
    ("LocalResponseNorm(2)", (2, 5, 4)),
    ("Unfold((2, 3), padding=1, stride=2)", (2, 3, 6, 6)),
    ("Fold((4, 5), (2, 2))", (2, 8, 12)),
    ("Upsample(scale_factor=2)", (2, 3, 4, 4)),
    ("Upsample(size=(3, 7), mode='bilinear', align_corners=True)", (2, 3, 4, 4)),
    ("Upsample(scale_factor=(1.5, 2.0), mode='bicubic')", (2, 3, 4, 4)),
    ("UpsamplingNearest2d(scale_factor=2)", (2, 3, 4, 4)),
    ("UpsamplingBilinear2d(size=5)", (2, 3, 4, 4)),
    ("SyncBatchNorm(4)", (3, 4, 5)),
]


def made(library, text):
    library.manual_seed(5)
    return eval("nn." + text, {"nn": library.nn})


@needs_torch
@pytest.mark.parametrize(("text", "shape"), LAYERS, ids=[text for text, _ in LAYERS])
def test_layer_is_that_of_torch(text, shape):
    a, b = made(wengert, text), made(real, text)
    assert repr(a) == repr(b)
    compare_states(a, b)
    assert a.__dict__.keys() == b.__dict__.keys()
    for training in (True, True, False):
        a.train(training)
        b.train(training)
        x, y = wengert.tensor(values(*shape)).requires_grad_(), real.tensor(values(*shape)).requires_grad_()
        wengert.manual_seed(9)
        real.manual_seed(9)
        found, wanted = a(x), b(y)
        if isinstance(wanted, tuple):
            assert np.array_equal(found[1].numpy(), wanted[1].numpy())
            found, wanted = found[0], wanted[0]
        close(found, wanted, "result")
        g = values(*wanted.shape)
        found.backward(wengert.tensor(g))
        wanted.backward(real.tensor(g))
        close(x.grad, y.grad, "gradient of the input")
    compare_states(a, b)
    for (name, p), (_, q) in zip(a.named_parameters(), b.named_parameters(), strict=True):
        close(p.grad, q.grad, f"gradient of {name}", 1e-3)


def compare_states(a, b):
    found, wanted = a.state_dict(), b.state_dict()
    assert list(found) == list(wanted)
    for key, value in wanted.items():
        close(found[key], value, key)


ERRORS = [
    "Conv2d(3, 4, 3, padding='foo')",
    "Conv2d(3, 4, 3, padding='same', stride=2)",
    "Conv2d(3, 4, 3, groups=2)",
    "Conv2d(4, 3, 3, groups=2)",
    "Conv2d(4, 4, 3, groups=0)",
    "ConvTranspose1d(3, 4, 3, padding_mode='reflect')",
    "ConvTranspose2d(3, 4, 3, stride=2)(torch.ones(1, 3, 4, 4), output_size=(20, 20))",
    "ConvTranspose2d(3, 4, 3, stride=2)(torch.ones(1, 3, 4, 4), output_size=(1, 2, 3, 4, 5))",
    "FractionalMaxPool2d(3)",
    "FractionalMaxPool2d(3, 4, 0.5)",
    "FractionalMaxPool2d(3, output_ratio=(0.5, 2))",
    "GroupNorm(3, 4)",
    "BatchNorm1d(4)(torch.ones(2, 4, 2, 2))",
    "BatchNorm2d(4)(torch.ones(2, 4))",
    "BatchNorm3d(4)(torch.ones(2, 4, 2, 2))",
    "BatchNorm2d(4)(torch.ones(2, 5, 2, 2))",
    "InstanceNorm1d(4)(torch.ones(2, 4, 2, 2))",
    "InstanceNorm2d(4)(torch.ones(2, 4))",
    "InstanceNorm2d(4, affine=True)(torch.ones(2, 5, 2, 2))",
    "CrossMapLRN2d(2)(torch.ones(2, 2))",
]


@needs_torch
@pytest.mark.parametrize("text", ERRORS)
def test_errors_are_those_of_torch(text):
    def attempt(library):
        with pytest.raises(Exception) as caught:  # noqa: B017, PT011
            eval("nn." + text, {"nn": library.nn, "torch": library})
        return caught.value

    ours, theirs = attempt(wengert), attempt(real)
    assert isinstance(ours, builtin(theirs))
    assert " ".join(str(ours).split()).startswith(" ".join(str(theirs).split()[:4])), f"{ours}; torch: {theirs}"


LAZY = [
    ("LazyConv1d(4, 3)", (2, 3, 5), "Conv1d"),
    ("LazyConv2d(4, 3, padding=1)", (3, 5, 5), "Conv2d"),
    ("LazyConv3d(4, 2, bias=False)", (1, 3, 3, 3, 3), "Conv3d"),
    ("LazyConvTranspose1d(4, 3)", (2, 3, 5), "ConvTranspose1d"),
    ("LazyConvTranspose2d(4, 3, stride=2)", (2, 3, 5, 5), "ConvTranspose2d"),
    ("LazyConvTranspose3d(4, 2)", (1, 3, 3, 3, 3), "ConvTranspose3d"),
    ("LazyBatchNorm1d()", (4, 3), "BatchNorm1d"),
    ("LazyBatchNorm2d()", (2, 3, 4, 4), "BatchNorm2d"),
    ("LazyBatchNorm3d(affine=False)", (2, 3, 2, 2, 2), "BatchNorm3d"),
    ("LazyInstanceNorm1d()", (2, 3, 4), "InstanceNorm1d"),
    ("LazyInstanceNorm2d()", (2, 3, 4, 4), "InstanceNorm2d"),
    ("LazyInstanceNorm3d()", (2, 3, 2, 2, 2), "InstanceNorm3d"),
]


@pytest.mark.parametrize(("text", "shape", "name"), LAZY, ids=[text for text, _, _ in LAZY])
def test_lazy_layers_learn_their_sizes(text, shape, name):
    with warnings.catch_warnings(action="ignore"):
        layer = made(torch, text)
    out = layer(torch.ones(*shape))
    assert type(layer).__name__ == name
    assert out.ndim == len(shape)
    if real is not None:
        with warnings.catch_warnings(action="ignore"):
            same = made(real, text)
        same(real.ones(*shape))
        assert repr(layer) == repr(same)
        for key, value in same.state_dict().items():
            assert np.allclose(layer.state_dict()[key].numpy(), value.numpy(), atol=1e-5), key


def test_output_size_of_a_transpose():
    layer = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1)
    assert layer(torch.ones(1, 2, 4, 4), output_size=(8, 7)).shape == (1, 3, 8, 7)


def test_unpooling_is_the_inverse():
    x = torch.tensor(values(1, 2, 6, 6)).abs() + 0.1
    pooled, indices = nn.MaxPool2d(2, return_indices=True)(x)
    back = nn.MaxUnpool2d(2)(pooled, indices)
    assert torch.equal(nn.MaxPool2d(2)(back), pooled)
    assert (back != 0).sum() == pooled.numel()


def test_converted_to_sync_batch_norm():
    net = nn.Sequential(nn.Conv1d(2, 3, 1), nn.BatchNorm1d(3))
    same = nn.SyncBatchNorm.convert_sync_batchnorm(net)
    assert type(same[1]).__name__ == "SyncBatchNorm"
    assert same[1].weight is net[1].weight or torch.equal(same[1].weight, net[1].weight)


def test_batch_norm_with_given_statistics_does_not_move_them():
    layer = nn.BatchNorm1d(3).eval()
    before = layer.running_mean.clone()
    layer(torch.tensor(values(5, 3)))
    assert torch.equal(layer.running_mean, before)
    assert int(layer.num_batches_tracked) == 0


@needs_torch
def test_cross_map_norm():
    """torch's sum over neighbours keeps the first channel's square once it has left the window; so does ours.

    Our gradient is that of this result; torch's is not.
    """
    x = values(2, 6, 3, 3)
    a, b = wengert.nn.CrossMapLRN2d(3, 0.5), real.nn.CrossMapLRN2d(3, 0.5)
    assert repr(a) == repr(b)
    close(a(wengert.tensor(x)), b(real.tensor(x)), "result")
    assert wengert.autograd.gradcheck(a, (wengert.tensor(x.astype("float64"), requires_grad=True),))
