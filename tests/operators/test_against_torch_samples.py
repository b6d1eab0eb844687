"""Every row of torch's own operator table that we have, on torch's own sample inputs, against torch.

What is known to differ is listed in the ratchet file with its reason; an entry that fails without being listed, and
one that is listed and passes, both fail here.  `python -m tests.operators.torch_samples --update` rewrites the file.
WENGERT_SAMPLES=3 compares only so many samples per entry, WENGERT_SAMPLES_SEED=1 draws other values; the list of known
failures then only forgives, it is not checked for entries that pass.
"""

import json
import os

import pytest

from tests import backend

pytest.importorskip("torch", reason="the oracle is not installed")
pytest.importorskip("expecttest", reason="torch's own tests need it")
if backend.REAL:
    pytest.skip("torch cannot be compared with itself", allow_module_level=True)

# Importing torch's test machinery sets off warnings that are not ours.
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from tests.operators import torch_samples as table

COUNT = int(os.environ.get("WENGERT_SAMPLES", 0))
PRESENT, MISSING = table.entries()
RATCHET = json.loads(table.RATCHET.read_text())
UPDATE = "; after a fix run `python -m tests.operators.torch_samples --update`"


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Many small calls are faster so, and sums come out the same everywhere."""
    before = table.torch.get_num_threads()
    table.torch.set_num_threads(1)
    yield
    table.torch.set_num_threads(before)


@pytest.mark.parametrize("entry", PRESENT, ids=repr)
def test_entry(entry):
    found = table.judge(entry, COUNT or table.COUNT)
    listed = {kind for kind in found if entry.name in RATCHET["failing"][kind]}
    new = {kind: reason for kind, reason in found.items() if reason and kind not in listed}
    assert not new, f"{entry.name} differs from torch: {new}"
    if not COUNT and not table.SEED:
        mended = {kind for kind in listed if not found[kind]}
        assert not mended, f"{entry.name}: {sorted(mended)} listed as failing, but right{UPDATE}"


def test_names():
    """What we had stays; what is new is entered."""
    lost = sorted(set(MISSING) - set(RATCHET["missing"]))
    assert not lost, f"rows that we had once: {lost}"
    gained = sorted(set(RATCHET["missing"]) - set(MISSING))
    assert not gained, f"listed as missing, but there: {gained}{UPDATE}"


def test_ratchet(capsys):
    """The file agrees with itself, and its counts are told."""
    counts = RATCHET["counts"]
    for kind in table.KINDS:
        assert counts[kind]["asked"] - counts[kind]["right"] == len(RATCHET["failing"][kind])
    with capsys.disabled():
        print(f"\n{table.counted(counts)}")
