"""What every test may ask for."""

import pytest

from tests import backend


def pytest_report_header() -> str:
    return f"library under test: {backend.torch.__name__} from {backend.torch.__file__}"


@pytest.fixture(scope="session")
def torch():
    """The library under test, for tests that prefer an argument to an import."""
    return backend.torch
