"""Entries about operators for tests that go through all of them (`torch.testing._internal.opinfo`)."""

from wengert.testing._internal.opinfo import core
