"""What layers say of input that does not fit: torch's words, then the layer and what it was given."""

import re

import numpy as np
import pytest

from tests.backend import torch, wengert_only

nn = torch.nn

WRONG = {
    "linear": (
        lambda: nn.Linear(3, 4)(torch.ones(2, 5)), RuntimeError, "mat1 and mat2 shapes cannot be multiplied",
        "In Linear(in_features=3, out_features=4, bias=True), called with torch.float32 [2, 5]",
    ),
    "convolution": (
        lambda: nn.Conv2d(3, 4, 3)(torch.ones(1, 2, 8, 8)), RuntimeError,
        r"Given groups=1, weight of size \[4, 3, 3, 3\], expected input\[1, 2, 8, 8\] to have 3 channels",
        "In Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1)), called with torch.float32 [1, 2, 8, 8]",
    ),
    "normalisation": (
        lambda: nn.BatchNorm2d(3)(torch.ones(2, 3)), ValueError, r"expected 4D input \(got 2D input\)",
        "In BatchNorm2d(3, eps=1e-05, momentum=0.1",
    ),
    "recurrent": (
        lambda: nn.LSTM(3, 4)(torch.ones(5, 2, 6)), RuntimeError,
        "input.size\\(-1\\) must be equal to input_size. Expected 3, got 6",
        "In LSTM(3, 4), called with torch.float32 [5, 2, 6]",
    ),
    "states": (
        lambda: nn.GRU(3, 4)(torch.ones(5, 2, 3), torch.ones(2, 2, 4)), RuntimeError,
        r"Expected hidden size \(1, 2, 4\), got \[2, 2, 4\]",
        "In GRU(3, 4), called with torch.float32 [5, 2, 3], torch.float32 [2, 2, 4]",
    ),
    "table": (
        lambda: nn.Embedding(3, 4)(torch.tensor([5])), IndexError, "index out of range in self",
        "In Embedding(3, 4), called with torch.int64 [1]",
    ),
    "classes": (
        lambda: nn.CrossEntropyLoss()(torch.ones(2, 3), torch.tensor([1, 3])), IndexError, "Target 3 is out of bounds",
        "In CrossEntropyLoss(), called with torch.float32 [2, 3], torch.int64 [2]",
    ),
    "dtype": (
        lambda: nn.Linear(3, 4)(torch.ones(2, 3).double()), RuntimeError, "mat1 and mat2 must have the same dtype",
        "In Linear(in_features=3, out_features=4, bias=True), called with torch.float64 [2, 3]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_layer_is_named(name):
    run, kind, words, layer = WRONG[name]
    with pytest.raises(kind, match=words) as error:
        run()
    if not hasattr(torch, "_C"):
        assert layer in str(error.value)


@wengert_only
def test_only_the_innermost_is_named():
    with pytest.raises(RuntimeError) as error:
        nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Linear(4, 1)))(torch.ones(1, 2))
    assert str(error.value).count("\nIn ") == 1 and "In Linear(in_features=4" in str(error.value)


@wengert_only
def test_layers_with_hooks_are_named_too():
    layer = nn.Linear(2, 3)
    layer.register_forward_hook(lambda *given: None)
    with pytest.raises(RuntimeError, match=re.escape("In Linear(in_features=2, out_features=3, bias=True)")):
        layer(torch.ones(1, 3))


@pytest.mark.parametrize("bad", [np.ones((2, 3), "f4"), [[1.0, 2, 3]], 3, None])
@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (nn.Linear(3, 4), "linear(): argument 'input' (position 1)"),
        (nn.ReLU(), "relu(): argument 'input' (position 1)"),
        (nn.LayerNorm(3), "layer_norm(): argument 'input' (position 1)"),
        (nn.Embedding(3, 4), "embedding(): argument 'indices' (position 2)"),
        (nn.Dropout(), "dropout(): argument 'input' (position 1)"),
    ],
)
def test_what_is_no_tensor(layer, words, bad):
    kind = "numpy.ndarray" if isinstance(bad, np.ndarray) else type(bad).__name__
    with pytest.raises(TypeError, match=re.escape(f"{words} must be Tensor, not {kind}")):
        layer(bad)


@wengert_only
def test_errors_of_a_users_layer_keep_their_class():
    class Own(nn.Module):
        def forward(self, x):
            return x.nothing

    with pytest.raises(AttributeError, match="nothing"):
        Own()([1])
