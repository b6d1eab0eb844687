"""The programs in `examples/` run on Wengert as they stand, and their losses follow those of torch."""

import contextlib
import importlib
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))
STEPS = 100

IMPORTED = ("torch", "torch.nn", "torch.nn.functional", "torch.nn.utils.rnn", "torch.utils.data")
TOLERANCE = 1e-4
IN_DOUBLE = ("digits_cnn",)
"""Programs whose rounding errors grow tenfold every few steps: in single precision torch with another convolution
algorithm is percents from torch itself after 60 steps, in double precision all agree to 1e-14."""

for needed in ("matplotlib", "sklearn", "tqdm"):
    pytest.importorskip(needed, reason="the examples need the extra `demo`")


@contextlib.contextmanager
def standing_for_torch(library: str):
    """While open, `import torch` and the programs' other imports of it answer with those of `library`."""
    before = {name: sys.modules[name] for name in sys.modules if name.partition(".")[0] == "torch"}
    found = {name: importlib.import_module(library + name.removeprefix("torch")) for name in IMPORTED}
    if library != "torch":
        for name in before:
            del sys.modules[name]
        sys.modules.update(found)
    try:
        yield found["torch"]
    finally:
        if library != "torch":
            for name in [name for name in sys.modules if name.partition(".")[0] == "torch"]:
                del sys.modules[name]
            sys.modules.update(before)


def program(name: str):
    """The module in `examples/name.py`, read anew."""
    spec = spec_from_file_location(f"example_{name}", ROOT / "examples" / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def losses(name: str, library: str, steps: int) -> list[float]:
    with standing_for_torch(library) as torch:
        before, threads = torch.get_default_dtype(), torch.get_num_threads()
        torch.set_num_threads(1)  # threads that wait for each other on a busy machine take minutes
        torch.set_default_dtype(torch.float64 if name in IN_DOUBLE else before)
        try:
            return program(name).run(torch, steps, seed=0)
        finally:
            torch.set_default_dtype(before)
            torch.set_num_threads(threads)


def test_there_are_programs():
    assert len(PROGRAMS) >= 10


@pytest.mark.parametrize("name", PROGRAMS)
def test_losses_follow_torch(name):
    ours = losses(name, "wengert", STEPS)
    assert len(ours) == STEPS
    assert all(loss == loss and abs(loss) < 1e6 for loss in ours), f"{name} diverges: {ours}"
    if find_spec("torch") is None:
        return
    theirs = losses(name, "torch", STEPS)
    apart = [abs(a - b) / max(abs(b), 1e-8) for a, b in zip(ours, theirs, strict=True)]
    worst = max(range(len(apart)), key=apart.__getitem__)
    assert apart[worst] <= TOLERANCE, (
        f"{name}, step {worst}: Wengert's loss {ours[worst]!r}, torch's {theirs[worst]!r}, "
        f"{apart[worst]:.1e} apart; first step over the tolerance: "
        f"{next(step for step, difference in enumerate(apart) if difference > TOLERANCE)}"
    )
