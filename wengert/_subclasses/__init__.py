"""Tensors that torch's compiler makes of others (`torch._subclasses`): there are none here."""

from __future__ import annotations

from wengert._subclasses import fake_tensor
from wengert._subclasses.fake_tensor import FakeTensor, FakeTensorMode

__all__ = ["FakeTensor", "FakeTensorMode", "fake_tensor"]
