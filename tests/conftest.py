"""What every test may ask for."""

import pytest

from tests import backend, process_state

try:
    from hypothesis import HealthCheck, settings
except ImportError:
    pass
else:
    # A busy machine is no reason to fail: what takes long is seen in the times that pytest tells.
    settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("patient")


def pytest_report_header() -> str:
    return f"library under test: {backend.torch.__name__} from {backend.torch.__file__}"


@pytest.fixture(scope="session")
def torch():
    """The library under test, for tests that prefer an argument to an import."""
    return backend.torch


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left_behind():
    """A test file leaves the process as it found it, so that the order of files is of no consequence."""
    before = process_state.state()
    yield
    changed = process_state.changes(before, process_state.state())
    assert not changed, f"tests of this file changed for those that follow: {', '.join(changed)}"
