"""Anomaly detection: NaN in a backward is an error that tells where the forward was."""

import warnings

import pytest

from tests.backend import torch
from tests.semantics.expectations import close, raises, warns

ENABLED = "Anomaly Detection has been enabled."


@pytest.fixture(autouse=True)
def quiet_and_off():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    torch.autograd.set_detect_anomaly(False)


def nan_gradient():
    """A zero slope times an infinite one."""
    x = torch.zeros((), requires_grad=True)
    return x, x.sqrt() * 0


class Broken(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return g * float("nan")


def test_nan_is_silent_without_it():
    x, y = nan_gradient()
    y.backward()
    assert x.grad.isnan().item()


def test_nan_is_an_error_with_it():
    with torch.autograd.detect_anomaly():
        x, y = nan_gradient()
        with raises(RuntimeError, "Function 'SqrtBackward0' returned nan values in its 0th output."):
            y.backward()
    assert x.grad is None


def test_it_names_a_custom_function():
    x = torch.ones(2, requires_grad=True)
    with (
        torch.autograd.detect_anomaly(),
        raises(RuntimeError, "Function 'BrokenBackward' returned nan values in its 0th output."),
    ):
        Broken.apply(x).sum().backward()


def test_it_counts_the_outputs():
    x = torch.ones((), requires_grad=True)
    y = torch.zeros((), requires_grad=True)
    with (
        torch.autograd.detect_anomaly(),
        raises(RuntimeError, "Function 'DivBackward0' returned nan values in its 1th output."),
    ):
        ((x * 0) / y * 1).backward()


def test_check_nan_can_be_switched_off():
    with torch.autograd.detect_anomaly(check_nan=False):
        assert not torch.is_anomaly_check_nan_enabled()
        x, y = nan_gradient()
        y.backward()
    assert x.grad.isnan().item()


def test_infinity_is_no_anomaly():
    with torch.autograd.detect_anomaly():
        x = torch.zeros((), requires_grad=True)
        x.sqrt().backward()
    assert x.grad.isinf().item()


def test_it_also_watches_autograd_grad():
    with torch.autograd.detect_anomaly():
        x, y = nan_gradient()
        with raises(RuntimeError, "Function 'SqrtBackward0' returned nan values"):
            torch.autograd.grad(y, x)


def test_a_block_warns_when_it_is_made():
    with warns(UserWarning, ENABLED):
        torch.autograd.detect_anomaly()


def test_the_failure_warns_with_the_lines_of_the_forward():
    with pytest.warns(UserWarning) as caught, torch.autograd.detect_anomaly():
        _, y = nan_gradient()
        with pytest.raises(RuntimeError):
            y.backward()
    texts = [str(warning.message) for warning in caught]
    (text,) = [text for text in texts if text.startswith("Error detected in SqrtBackward0.")]
    assert "Traceback of forward call that caused the error:" in text
    assert "test_anomaly.py" in text and "nan_gradient" in text


def test_without_a_watched_forward_the_warning_says_so():
    _, y = nan_gradient()
    with pytest.warns(UserWarning) as caught, torch.autograd.detect_anomaly(), pytest.raises(RuntimeError):
        y.backward()
    texts = [str(warning.message) for warning in caught]
    assert any(
        text.startswith("Error detected in SqrtBackward0. No forward pass information available.") for text in texts
    )


def test_any_error_of_a_backward_is_traced():
    y = torch.ones(2, requires_grad=True) * 1
    with pytest.warns(UserWarning) as caught, torch.autograd.detect_anomaly():
        z = (y * y).sum()
        y.add_(1)
        with raises(RuntimeError, "one of the variables needed for gradient computation has been modified by an"):
            z.backward()
    assert any(str(warning.message).startswith("Error detected in MulBackward0.") for warning in caught)


def test_set_detect_anomaly_as_a_statement():
    torch.autograd.set_detect_anomaly(True)
    assert torch.is_anomaly_enabled() and torch.is_anomaly_check_nan_enabled()
    torch.autograd.set_detect_anomaly(True, check_nan=False)
    assert torch.is_anomaly_enabled() and not torch.is_anomaly_check_nan_enabled()
    torch.autograd.set_detect_anomaly(False)
    assert not torch.is_anomaly_enabled()


def test_set_detect_anomaly_as_a_block_restores():
    with torch.autograd.set_detect_anomaly(True):
        assert torch.is_anomaly_enabled()
        with torch.autograd.set_detect_anomaly(False):
            assert not torch.is_anomaly_enabled()
        assert torch.is_anomaly_enabled()
    assert not torch.is_anomaly_enabled()


def test_an_exception_restores():
    with raises(ValueError, "stop"), torch.autograd.detect_anomaly():
        raise ValueError("stop")
    assert not torch.is_anomaly_enabled()


def test_correct_gradients_are_unchanged():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with torch.autograd.detect_anomaly():
        (x * x).sum().backward()
    assert close(x.grad, [2.0, 4.0])
