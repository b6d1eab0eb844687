"""torch.testing: what assert_close accepts, and what it says of what it does not."""

import pytest

from tests.backend import torch
from tests.semantics.expectations import raises


def x():
    return torch.tensor([1.0, 2.0, 3.0])


def close(actual, expected, **options):
    torch.testing.assert_close(actual, expected, **options)


def test_what_is_close():
    close(x(), x() + 1e-6)
    close(x(), x().double(), check_dtype=False)
    close([x(), {"a": 1.0}], [x(), {"a": 1.0}])
    close(torch.tensor(float("nan")), torch.tensor(float("nan")), equal_nan=True)
    close(None, None)
    close((1, 2), [1, 2])


NOT_CLOSE = {
    "tensors": (
        lambda: (x(), x() + 1),
        "Tensor-likes are not close!\n\nMismatched elements: 3 / 3 (100.0%)\n"
        "Greatest absolute difference: 1.0 at index (0,) (up to 1e-05 allowed)\n"
        "Greatest relative difference: 0.5 at index (0,) (up to 1.3e-06 allowed)",
    ),
    "integers": (
        lambda: (torch.tensor([1, 2]), torch.tensor([1, 3])),
        "Tensor-likes are not equal!\n\nMismatched elements: 1 / 2 (50.0%)\n"
        "Greatest absolute difference: 1 at index (1,)\nGreatest relative difference: 0.3333333432674408 at index (1,)",
    ),
    "scalars": (
        lambda: (1.0, 2.0),
        "Scalars are not close!\n\nExpected 2.0 but got 1.0.\n"
        "Absolute difference: 1.0 (up to 1e-07 allowed)\nRelative difference: 0.5 (up to 1e-07 allowed)",
    ),
    "shapes": (
        lambda: (x(), x()[:2]),
        "The values for attribute 'shape' do not match: torch.Size([3]) != torch.Size([2]).",
    ),
    "dtypes": (
        lambda: (x(), x().double()),
        "The values for attribute 'dtype' do not match: torch.float32 != torch.float64.",
    ),
    "lengths": (lambda: ([1], [1, 2]), "The length of the sequences mismatch: 1 != 2"),
    "keys": (
        lambda: ({"a": 1}, {"b": 1}),
        "The keys of the mappings do not match:\nMissing keys in the actual mapping: ['b']",
    ),
    "items": (
        lambda: ({"k": [1, 2]}, {"k": [1, 3]}),
        "Scalars are not equal!\n\nExpected 3 but got 2.\nAbsolute difference: 1\n"
        "Relative difference: 0.3333333333333333\n\nThe failure occurred for item ['k'][1]",
    ),
    "booleans": (lambda: (True, False), "Booleans mismatch: True is not False"),
    "none": (lambda: (None, 1), "None mismatch: None is not 1"),
    "infinity": (
        lambda: (torch.tensor([1.0, float("inf")]), torch.ones(2)),
        "Tensor-likes are not close!\n\nMismatched elements: 1 / 2 (50.0%)\nGreatest absolute difference: inf at",
    ),
}


@pytest.mark.parametrize("case", NOT_CLOSE)
def test_what_is_said(case):
    make, words = NOT_CLOSE[case]
    with raises(AssertionError, words):
        close(*make())


def test_options():
    with raises(ValueError, "Both 'rtol' and 'atol' must be either specified or omitted, but got no atol."):
        close(x(), x(), rtol=0.0)
    with raises(TypeError, "No comparison pair was able to handle inputs of type"):
        close(x(), [1.0])
    with raises(AssertionError, "before Tensor-likes are not close!"):
        close(x(), x() + 1, msg=lambda text: "before " + text)
    close(x(), x() + 1, rtol=0.0, atol=1.5)


def test_make_tensor():
    make = torch.testing.make_tensor
    floats = make((100,), dtype=torch.float32, device="cpu", low=2, high=3)
    assert floats.min() >= 2 and floats.max() <= 3 and not floats.requires_grad
    assert make(3, 4, dtype=torch.int64, device="cpu").shape == (3, 4)
    assert make((4, 4), dtype=torch.float32, device="cpu", noncontiguous=True).stride() == (8, 2)
    assert make((2,), dtype=torch.complex64, device="cpu", requires_grad=True).requires_grad
    torch.manual_seed(0)
    first = make((3,), dtype=torch.float32, device="cpu")
    assert [round(v, 4) for v in first.tolist()] == [-0.0674, 4.828, -7.4074]
    with raises(ValueError, "`low` must be less than `high`, but got 5 >= 1"):
        make((3,), dtype=torch.float32, device="cpu", low=5, high=1)
