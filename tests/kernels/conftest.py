"""One factory for all tests of kernels, keeping nothing between runs."""

import pytest

pytest.importorskip("llvmlite")

from wengert.core.base.settings import settings  # noqa: E402
from wengert.core.kernels.factory import Factory  # noqa: E402


@pytest.fixture(scope="session")
def factory(tmp_path_factory):
    """A factory with a cache folder of its own."""
    with settings.changed(cache=str(tmp_path_factory.mktemp("kernels"))):
        yield Factory()
