"""Every operator under every check.

What is known to fail stands in known_gaps.txt, `check operator  reason`; a line whose check
passes must go, so the list can only shrink.
"""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from tests.operators import (
    forms,  # noqa: F401  (enters its checks)
    oracle,
)
from tests.operators.cases import is_without_gradient, samples, text_of
from tests.operators.checks import CHECKS
from wengert.core.operators.record import REGISTRY, Op

# Edges and half types overflow on purpose; operators warn as torch does, and the oracle warns of itself.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")

LIST = Path(__file__).with_name("known_gaps.txt")
GAPS = {
    tuple(line.split()[:2]): " ".join(line.split()[2:])
    for line in LIST.read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
}


UNDETERMINED = {"blank_like": "its values are what the memory held before"}
"""Operators whose result no check of values can judge."""


def judge(check: str, op: Op) -> list[str]:
    """What one check finds wrong with one operator, a line per sample."""
    wrong = []
    for sample in samples(op):
        try:
            CHECKS[check](op, sample)
        except Exception as error:
            if is_without_gradient(error):
                continue
            place = "" if isinstance(error, AssertionError) else where(error)
            wrong.append(f"{op.name}({text_of(sample)}): {type(error).__name__} {place}{str(error)[:300]}")
    return wrong


def where(error: Exception) -> str:
    """The innermost line of an unexpected error."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"[{Path(last.filename).name}:{last.lineno}] "


@pytest.mark.parametrize("name", sorted(REGISTRY.keys() - UNDETERMINED.keys()))
@pytest.mark.parametrize("check", CHECKS)
def test_operator(check: str, name: str) -> None:
    op = REGISTRY[name]
    wrong = judge(check, op)
    reason = GAPS.get((check, name))
    if reason is None:
        assert not wrong, "\n".join(wrong[:4])
    elif wrong:
        pytest.xfail(reason)
    elif oracle.real is None:
        pytest.skip("whether the gap is closed only torch can tell")
    else:
        pytest.fail(f"passes now: remove `{check} {name}` from {LIST.name}")


def test_gaps_name_checks_and_operators() -> None:
    assert not [gap for gap in GAPS if gap[0] not in CHECKS or gap[1] not in REGISTRY]
