"""The check that a test file leaves nothing behind sees what would be left."""

import builtins
import os

import numpy as np
import pytest

from tests import process_state
from tests.backend import torch


def default_dtype(patch):
    torch.set_default_dtype(torch.float64)
    return lambda: torch.set_default_dtype(torch.float32)


def grad_mode(patch):
    before = torch.is_grad_enabled()
    torch.set_grad_enabled(not before)
    return lambda: torch.set_grad_enabled(before)


def class_replaced(patch):
    patch.setattr(torch, "FloatTensor", lambda *args: torch.tensor(args))


def class_of_layers_replaced(patch):
    patch.setattr(torch.nn, "Linear", object())


def builtin_replaced(patch):
    patch.setattr(builtins, "sorted", lambda values: values)


def folder(patch):
    patch.chdir(os.path.dirname(__file__))


def numpy_errors(patch):
    before = np.seterr(divide="raise")
    return lambda: np.seterr(**before)


LEFT = {
    default_dtype: "torch.get_default_dtype()", grad_mode: "torch.is_grad_enabled()",
    class_replaced: "torch.FloatTensor", class_of_layers_replaced: "torch.nn.Linear",
    builtin_replaced: "builtins.sorted", folder: "the current folder", numpy_errors: "NumPy's errors",
}  # fmt: skip


@pytest.mark.parametrize("left", LEFT, ids=lambda left: left.__name__)
def test_what_is_left_is_named(left, monkeypatch):
    before = process_state.state()
    with monkeypatch.context() as patch:
        undo = left(patch)
        try:
            found = process_state.changes(before, process_state.state())
        finally:
            if undo is not None:
                undo()
    assert LEFT[left] in found
    assert process_state.changes(before, process_state.state()) == []


def test_functions_that_ask_are_no_change():
    before = process_state.state()
    with torch.overrides.BaseTorchFunctionMode():
        assert process_state.changes(before, process_state.state()) == []
