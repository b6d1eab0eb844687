"""The benchmark suite runs: alone, beside another library, with pictures and figures, and it notices wrong results.

Nothing here looks at how long anything takes.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as tree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import benchmarks.__main__ as front
import wengert
from benchmarks import figures, in_jax, in_tensorflow, in_torch, mix, picture, references, rows, turns
from benchmarks.kernels import compare
from benchmarks.rows import Row

ROOT = Path(__file__).resolve().parents[2]


def suite(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the suite in a process of its own."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", "")}
    command = [sys.executable, "-m", "benchmarks", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def test_alone(tmp_path: Path) -> None:
    figures_file, drawing = tmp_path / "figures.json", tmp_path / "figures.svg"
    words = ("--only", "x * y", "MLP (8, 2", "HVP / gradient, double backward, (8")
    done = suite("--quick", "--libraries", "wengert", *words, "--json", str(figures_file), "--picture", str(drawing))
    assert done.returncode == 0, done.stderr
    told = json.loads(figures_file.read_text())
    assert told["libraries"]["wengert"]["core"].split()[0] in ("compiled", "plain")
    assert told["threads"] == 1 and told["quick"] is True
    assert [row["title"] for row in told["rows"]] == [
        "recorded x * y, 4 elements", "SGD step, MLP (8, 2, 16, 1)", "HVP / gradient, double backward, (8, 16)",
    ]  # fmt: skip
    for row in told["rows"]:
        own = row["libraries"]["wengert"]
        assert own["median"] > 0 and own["cpu"] >= 0 and len(own["rounds"]) == 1 and row["trouble"] == {}
        assert row["title"] in done.stdout
    assert "recorded x * y" in "".join(tree.parse(drawing).getroot().itertext())


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_beside_torch(tmp_path: Path) -> None:
    told_to = tmp_path / "figures.json"
    words = ("--only", "x * y", "import, NumPy", "memory: cross")
    done = suite("--quick", "--libraries", "torch", *words, "--json", str(told_to))
    assert done.returncode == 0, done.stderr
    for row in json.loads(told_to.read_text())["rows"]:
        ratio, found = row["ratios"]["torch"], row["libraries"]
        assert ratio["median"] == pytest.approx(found["torch"]["median"] / found["wengert"]["median"])
        assert row["met"] == (ratio["median"] >= row["bound"])


def test_list_and_unknown_words() -> None:
    done = suite("--list")
    assert done.returncode == 0 and "Hessian 32 x 32, three layers" in done.stdout.splitlines()
    assert suite("--only", "no such thing").returncode == 2
    assert suite("--python", "tensorflow").returncode == 2


def test_every_workload_has_a_row_and_every_row_a_workload() -> None:
    titles = {row.title for row in rows.timed()}
    assert titles == set(in_torch.WORKLOADS) | {mix.TITLE}
    assert set(in_jax.WORKLOADS) <= titles and set(in_tensorflow.WORKLOADS) <= titles
    assert set(rows.HEAVY) <= titles
    assert mix.TITLE.split()[2] == str(len(mix.OPERATORS))
    every = [row.title for row in rows.table([])]
    assert len(every) == len(set(every))


# ---------------------------------------------------------------- wrong results


SMALL = [
    "recorded",
    "100 mult",
    "20 custom",
    "double backward of",
    "MLP (8, 2",
    "MLP (64, 64, 64",
    "Hessian",
    "per-sample",
]


@pytest.mark.parametrize("title", [t for t in in_torch.WORKLOADS if any(word in t for word in SMALL)])
def test_results_agree_with_references(title: str) -> None:
    compare(title, in_torch.WORKLOADS[title](wengert)[-1]())


def test_small_operators_agree_with_references() -> None:
    for operator, pairs in mix.check(wengert).items():
        compare(operator, pairs)


def slopes(problem: references.Problem) -> list[Any]:
    """Central differences of each parameter: right gradients, slowly."""
    data, points = problem.data, [p.astype(np.float64) for p in problem.parameters]
    found = []
    for p in points:
        g = np.zeros_like(p)
        for at in np.ndindex(p.shape):
            kept = p[at]
            ends = []
            for moved in (kept + 1e-6, kept - 1e-6):
                p[at] = moved
                ends.append(problem.loss64(points, data))
            p[at], g[at] = kept, (ends[0] - ends[1]) / 2e-6
        found.append(g)
    return found


def test_a_wrong_gradient_or_loss_is_noticed() -> None:
    problem = references.perceptron(8, 2, 16, 1)
    right = slopes(problem)
    loss = problem.loss64([p.astype(np.float64) for p in problem.parameters], problem.data)
    compare("right", references.agreement(problem, loss, right))
    for wrong in (
        [g * 1.01 for g in right],
        [right[0], right[1][::-1], *right[2:]],
        [right[0] * [[1], [0]], *right[1:]],
    ):
        with pytest.raises(AssertionError, match="times the tolerance"):
            compare("wrong", references.agreement(problem, loss, wrong))
    with pytest.raises(AssertionError, match="times the tolerance"):
        compare("wrong", references.agreement(problem, loss * 1.001, right))
    with pytest.raises(AssertionError, match="shapes"):
        references.agreement(problem, loss, [right[0].T, *right[1:]])


def test_a_wrong_result_is_told_by_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Wrong:
        versions = {"version": "1", "python": "3", "numpy": "2", "core": "compiled", "path": ""}

        def ask(self, title: str) -> dict[str, Any]:
            return {"wrong": f"{title}: error of 7 times the tolerance"}

        def close(self) -> None:
            pass

    monkeypatch.setattr(front, "Player", lambda machine, name: Wrong())
    monkeypatch.setattr(turns.Machine, "installed", lambda self, name: False)
    told_to = tmp_path / "figures.json"
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--quick", "--only", "exp 1M", "--json", str(told_to)])
    assert front.main() == 1
    assert "7 times" in json.loads(told_to.read_text())["rows"][0]["trouble"]["wengert"]


def test_a_process_that_dies_is_told_and_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = turns.Machine(1, 0.001)
    program = "print('{}', flush=True); input(); raise SystemExit('no more')"
    monkeypatch.setattr(turns.Machine, "command", lambda self, *words: [sys.executable, "-c", program])
    player = turns.Player(machine, "torch")
    first = player.process
    found, trouble = turns.stay({"torch": player}, Row("a", "time"), 2)
    assert found == {} and "status 1" in trouble["torch"] and "no more" in trouble["torch"]
    assert player.process is not first and player.process.poll() is None
    player.close()


# ---------------------------------------------------------------- figures


def sampled(*wall: float) -> dict[str, dict[str, list[float]]]:
    """Samples with the processor's time the same."""
    return {"0": {"wall": list(wall), "cpu": list(wall)}}


def test_ratios_are_medians_of_the_rounds() -> None:
    row = Row("a", "time", goal=2)
    told = figures.result(row, {"wengert": sampled(1, 2, 1, 1, 1), "torch": sampled(3, 2, 3, 4, 2)}, True)
    assert told["ratios"]["torch"] == {"median": 3, "low": 2, "high": 3}
    assert told["met"] and told["bound"] == 2
    slower = figures.result(row, {"wengert": sampled(2), "torch": sampled(3)}, True)
    assert not slower["met"] and slower["ratios"]["torch"]["median"] == 1.5


def test_table() -> None:
    found = {"wengert": sampled(1500.0), "torch": sampled(4500.0)}
    told = {"libraries": {"wengert": {}, "torch": {}}, "rows": [figures.result(Row("a", "time", goal=4), found, True)]}
    heading, rule, line = figures.markdown(told).splitlines()
    assert line == "| a | 1500 us | 3.00 (3.00-3.00) | at least 4: missed |"
    assert heading.count("|") == rule.count("|") == line.count("|")


def test_goals() -> None:
    pair = {"wengert": sampled(1), "torch": sampled(1)}
    split = Row("a", "time", goal=6, plain_goal=0.8)
    assert figures.result(split, pair, False)["met"] and not figures.result(split, pair, True)["met"]
    quotient = {"0": {"wall": [6.0], "cpu": [6.0]}, "1": {"wall": [2.0], "cpu": [2.0]}}
    told = figures.result(Row("b", "quotient", "x", most=2.5), {"wengert": quotient}, True)
    assert told["libraries"]["wengert"]["median"] == 3 and told["met"] is False
    parts = lambda a, b: {"p": sampled(a)["0"], "q": sampled(b)["0"]}  # noqa: E731
    mixed = figures.result(Row("c", "mix", goal=1), {"wengert": parts(1, 1), "torch": parts(0.5, 8)}, True)
    assert mixed["ratios"]["torch"]["median"] == pytest.approx(2)
    assert list(mixed["operators"]["torch"]) == ["p", "q"] and mixed["met"] is False


def test_picture_of_ratios(tmp_path: Path) -> None:
    found = {"wengert": sampled(1.0), "torch": sampled(4.0), "jax": sampled(0.5)}
    results = [figures.result(Row("a < b & c", "time", goal=2), found, True)]
    around = {"libraries": {"wengert": {"version": "1", "core": "compiled"}}, "threads": 1, "processor": "some"}
    picture.draw(str(tmp_path / "p.svg"), results, around)
    root = tree.parse(tmp_path / "p.svg").getroot()
    assert "a < b & c" in list(root.itertext())
    name = "{http://www.w3.org/2000/svg}"
    (bar,) = [r for r in root.iter(name + "rect") if r.get("height") == "12.00"]
    (dot,) = [c for c in root.iter(name + "circle") if float(c.get("cy", 0)) > picture.TOP]
    one = float(bar.get("x", 0))
    assert float(bar.get("width", 0)) == pytest.approx(2 * (one - float(dot.get("cx", 0))), abs=0.1)  # log 4 = 2 log 2
    with pytest.raises(SystemExit, match="nothing to draw"):
        picture.draw(str(tmp_path / "q.svg"), [], around)


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed")
def test_picture_by_matplotlib(tmp_path: Path) -> None:
    results = [figures.result(Row("a", "time"), {"wengert": sampled(1.0), "torch": sampled(4.0)}, True)]
    around = {"libraries": {"wengert": {"version": "1", "core": "compiled"}}, "threads": 1, "processor": "some"}
    picture.draw(str(tmp_path / "p.png"), results, around)
    assert (tmp_path / "p.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
