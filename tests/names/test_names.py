"""Names that published packages written for torch use: each of them is there."""

from importlib import import_module
from pathlib import Path

import pytest

from tests.backend import torch

NAMES = Path(__file__).with_name("names.txt").read_text(encoding="utf-8").split()


def found(name: str):
    """What a dotted name below torch stands for: attributes, and modules where there is no attribute."""
    value, path = torch, torch.__name__
    for part in name.split("."):
        path += "." + part
        try:
            value = getattr(value, part)
        except AttributeError:
            value = import_module(path)
    return value


def test_every_name_is_there():
    missing = []
    for name in NAMES:
        try:
            found(name)
        except (AttributeError, ImportError):
            missing.append(name)
    assert missing == []


def test_a_name_that_is_not_there_is_noticed():
    with pytest.raises((AttributeError, ImportError)):
        found("nn.NoSuchLayer")
