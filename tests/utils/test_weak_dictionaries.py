"""Dictionaries with tensors as keys, told apart by identity and not kept alive."""

import gc
import importlib

import pytest

from tests.backend import torch

weak = importlib.import_module(f"{torch.__name__}.utils.weak")


def test_entries_go_with_their_keys():
    first, second = torch.ones(2), torch.ones(2)
    names = weak.WeakIdKeyDictionary()
    names[first], names[second] = "first", "second"
    assert names[first] == "first" and names[second] == "second" and len(names) == 2
    del first
    gc.collect()
    assert len(names) == 1 and list(names.values()) == ["second"]
    with pytest.raises(KeyError):
        names[torch.ones(2)]
