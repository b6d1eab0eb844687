"""Every public name of torch is here, or on a list that says why not and that can only grow shorter.

`python -m tests.tensor.test_surface` takes the names that have come off that list.

`torch_names.json` holds the names as torch 2.13 has them; `torch_names_missing.json` those that are lacking, by reason.
"""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.backend import torch, wengert_only

FOLDER = Path(__file__).parent
NAMES = json.loads((FOLDER / "torch_names.json").read_text(encoding="utf-8"))
MISSING = json.loads((FOLDER / "torch_names_missing.json").read_text(encoding="utf-8"))


def owner(space: str):
    """What holds the names of a space: the class, the package or a submodule."""
    if space == "Tensor":
        return torch.Tensor
    return torch if space == "torch" else importlib.import_module(torch.__name__ + space.removeprefix("torch"))


def excused(space: str) -> set[str]:
    return {name for names in MISSING.get(space, {}).values() for name in names}


@pytest.mark.parametrize("space", NAMES)
def test_every_public_name_is_here_or_excused(space):
    holder = owner(space)
    missing = [name for name in NAMES[space] if not hasattr(holder, name) and name not in excused(space)]
    # A compiled class keeps the field for weak references to itself.
    assert [name for name in missing if name != "__weakref__"] == []


@wengert_only
@pytest.mark.parametrize("space", MISSING)
def test_what_is_here_has_left_the_list_of_the_missing(space):
    holder = owner(space)
    assert [name for name in sorted(excused(space)) if hasattr(holder, name)] == []


@pytest.mark.parametrize("space", MISSING)
def test_the_missing_are_names_of_torch(space):
    assert excused(space) <= set(NAMES[space])


@wengert_only
def test_the_stored_names_are_those_of_the_torch_installed():
    real = pytest.importorskip("torch")
    if not real.__version__.startswith("2.13"):
        pytest.skip(f"the names are those of 2.13, not of {real.__version__}")
    assert [name for name in NAMES["Tensor"] if not hasattr(real.Tensor, name)] == []
    assert [name for name in NAMES["torch"] if not hasattr(real, name)] == []


@wengert_only
def test_methods_are_documented():
    public = (name for name in NAMES["Tensor"] if not name.startswith("_") and hasattr(torch.Tensor, name))
    assert [name for name in public if not getattr(torch.Tensor, name).__doc__] == []


@wengert_only
def test_submodules_are_loaded_when_they_are_named():
    program = (
        "import sys, wengert\n"
        "lazy = ('wengert.testing', 'wengert.cuda', 'wengert.backends', 'wengert.overrides')\n"
        "assert not [name for name in lazy if name in sys.modules], sys.modules.keys()\n"
        "wengert.testing.assert_close\n"
        "assert 'wengert.testing' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=FOLDER.parents[1])


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'torch' has no attribute 'no_such_name'"):
        _ = torch.no_such_name
    assert not hasattr(torch, "no_such_name")
    assert {"Tensor", "nn", "zeros"} <= set(dir(torch))


@pytest.mark.parametrize("name", ["lstsq", "symeig", "eig", "solve", "matrix_rank"])
def test_removed_functions_say_so(name):
    with pytest.raises(RuntimeError, match=r"^This function was deprecated since version 1\.9 and is now removed"):
        getattr(torch, name)(*[torch.ones(2, 2)] * (2 if name in ("lstsq", "solve") else 1))


def test_return_types():
    found = torch.max(torch.tensor([[1.0, 2.0]]), 1)
    assert type(found) is torch.return_types.max
    assert found.values.item() == 2.0 and found.indices.item() == 1


def shorten() -> None:
    """Write the list of the missing without the names that are here now."""
    left = {}
    for space, reasons in MISSING.items():
        holder = owner(space)
        kept = {reason: [n for n in names if not hasattr(holder, n)] for reason, names in reasons.items()}
        left[space] = {reason: names for reason, names in kept.items() if names}
    text = json.dumps({space: reasons for space, reasons in left.items() if reasons}, indent=1)
    (FOLDER / "torch_names_missing.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    shorten()
