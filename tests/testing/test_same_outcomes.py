"""A test file written for torch has the same tests with the same outcomes here, and its failures the same words."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.backend import ROOT, wengert_only

STORIES = Path(__file__).with_name("stories.py")
OUTCOME = re.compile(
    r"^(test_\w+) \(__main__\.([\w.]+)\) \.\.\. .*?(ok|FAIL|ERROR|skipped .*|expected failure)$", re.M | re.S
)
FACTS = re.compile(
    r"^(?:AssertionError: .*|Mismatched .*|Greatest .*|Expected .*|Absolute .*|Relative .*|The failure .*|extra)$", re.M
)


def run(*command: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "CI"}  # there torch writes XML reports
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment, timeout=300)
    return done.stderr


def outcomes(text: str) -> dict[str, str]:
    found = {}
    for line in re.findall(r"^test_\w+ \(__main__\.[^\n]*", text, re.M):
        match = OUTCOME.match(line)
        if match:
            found[match[2]] = match[3]
    return found


def words(text: str) -> dict[str, list[str]]:
    parts = re.split(r"^(?:FAIL|ERROR): (\w+) ", text, flags=re.M)
    return {name: FACTS.findall(body) for name, body in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.fixture(scope="module")
def ours() -> str:
    return run("-m", "wengert", "run", str(STORIES), "-v")


@wengert_only
def test_outcomes_are_known(ours):
    assert re.search(r"^Ran 116 tests", ours, re.M), ours[-2000:]
    assert ours.rstrip().endswith("FAILED (failures=40, errors=2, skipped=5, expected failures=3)")


@wengert_only
def test_same_tests_and_outcomes_as_torch(ours):
    pytest.importorskip("torch")
    pytest.importorskip("expecttest")
    theirs = run(str(STORIES), "-v")
    assert len(outcomes(theirs)) > 110, theirs[-2000:]
    assert outcomes(ours) == outcomes(theirs)
    assert words(ours) == words(theirs)
