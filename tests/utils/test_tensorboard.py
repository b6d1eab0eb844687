"""The writer of curves: files of its own where tensorboardX is missing."""

import csv
import json
import sys

import pytest

from tests.backend import torch, wengert_only

pytestmark = wengert_only


def test_lines_without_tensorboardx(tmp_path, monkeypatch):
    from wengert.utils.tensorboard import SummaryWriter, writer

    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    monkeypatch.setattr(writer, "_told", set())
    with pytest.warns(UserWarning, match="tensorboardX is not installed"):
        made = SummaryWriter(tmp_path / "run")
    with made:
        made.add_scalar("loss, train", torch.tensor(0.5), 1)
        made.add_scalars("both", {"a": 1, "b": 2.0}, 2)
        made.add_histogram("weights", torch.arange(4.0), 3)
        made.add_text("note", "hi")
        made.add_hparams({"lr": 0.1}, {"accuracy": torch.tensor(1.0)})
        with pytest.warns(UserWarning, match="add_image.. is left out"):
            made.add_image("picture", torch.zeros(3, 2, 2))
        with pytest.raises(AttributeError):
            made.add_nonsense()
    rows = list(csv.DictReader((tmp_path / "run" / "scalars.csv").read_text().splitlines()))
    assert [(row["tag"], row["step"], row["value"]) for row in rows] == [
        ("loss, train", "1", "0.5"), ("both/a", "2", "1.0"), ("both/b", "2", "2.0"),
    ]  # fmt: skip
    lines = [json.loads(line) for line in (tmp_path / "run" / "scalars.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["scalar"] * 3 + ["histogram", "text", "hparams"]
    assert lines[3]["count"] == 4 and lines[3]["mean"] == 1.5
    # A second writer finds nothing new to say, and appends.
    SummaryWriter(tmp_path / "run").close()


def test_event_files_with_tensorboardx(tmp_path):
    pytest.importorskip("tensorboardX")
    from wengert.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path) as made:
        made.add_scalar("loss", torch.tensor(0.5), 1)
        made.add_histogram("weights", torch.arange(4.0), 1)
    assert any("tfevents" in path.name for path in tmp_path.iterdir())


def test_utils_give_their_parts():
    from wengert import utils
    from wengert.core.tape.handles import RemovableHandle

    assert utils.hooks.RemovableHandle is RemovableHandle and utils.data.DataLoader and utils.dlpack.to_dlpack
    with pytest.raises(AttributeError):
        utils.nothing  # noqa: B018
    a, b = torch.ones(2), torch.zeros(3, requires_grad=True)
    utils.swap_tensors(a, b)
    assert a.requires_grad and a.tolist() == [0, 0, 0] and b.tolist() == [1, 1] and not b.requires_grad
