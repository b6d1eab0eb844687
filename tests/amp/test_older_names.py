"""`torch.cuda.amp`, the older home of mixed precision: it warns in torch's words and is torch.amp for CUDA."""

import warnings

import pytest

from tests.backend import torch

FORMS = {
    "autocast": lambda: torch.cuda.amp.autocast(),
    "GradScaler": lambda: torch.cuda.amp.GradScaler(),
    "custom_fwd": lambda: torch.cuda.amp.custom_fwd(lambda ctx, x: x),
    "custom_bwd": lambda: torch.cuda.amp.custom_bwd(lambda ctx, g: g),
}


@pytest.mark.parametrize("name", FORMS)
def test_it_warns(name):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        FORMS[name]()
    assert told[0].category is FutureWarning
    words = f"`torch.cuda.amp.{name}(args...)` is deprecated. Please use `torch.amp.{name}("
    assert str(told[0].message).startswith(words)


def test_it_is_that_of_cuda():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scaler = torch.cuda.amp.GradScaler()
        assert isinstance(torch.cuda.amp.autocast(), torch.amp.autocast) and isinstance(scaler, torch.amp.GradScaler)
        assert scaler.is_enabled() == torch.cuda.is_available()
        with torch.cuda.amp.autocast():
            assert torch.is_autocast_enabled("cuda") == torch.cuda.is_available()
