"""How long `tools.view` takes, and how long its page takes in a real browser: `python -m benchmarks.viewing`.

Needs Chromium. Seconds to write the page, MiB of it, seconds until it is ready as the page's own clock tells (from the
start of loading, so with parsing and the layout), folded as it opens and with everything unfolded; medians of rounds.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import wengert
from tests.tools.browser import Browser, installed
from wengert.tools import view

ROUNDS = 5
GRAPHS = {"2 000": 333, "10 000": 1_667, "100 000": 16_667}
"""Nodes -> passes of a loop of six nodes."""


def recurrent(passes: int) -> Any:
    """A loop over time."""
    w, u = wengert.ones(3, 3, requires_grad=True), wengert.ones(3, requires_grad=True)
    h, total = wengert.zeros(2, 3), wengert.zeros(())
    for _ in range(passes):
        h = wengert.tanh(h @ w + u)
        total = total + (h * h).sum()
    return total


def stack(layers: int) -> tuple[Any, Any]:
    """Output and model of transformer layers, 44 nodes each."""
    nn = wengert.nn
    model = nn.Sequential(*[nn.TransformerEncoderLayer(16, 4, 32, batch_first=True) for _ in range(layers)])
    return model(wengert.randn(2, 5, 16)).sum(), model


def figures(browser: Browser, folder: Path, graph: Any, model: Any = None) -> dict[str, float]:
    """One graph."""
    path, writing = folder / "graph.html", []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        view(graph, path, model=model)
        writing.append(time.perf_counter() - start)
    table = {"write s": statistics.median(writing), "MiB": path.stat().st_size / 2**20}
    for title, part in (("ready s", ""), ("unfolded s", "#open=all")):
        table[title] = statistics.median(browser.open(path, part, limit=300) for _ in range(ROUNDS))
    table["nodes"] = browser.run("wengertView.tape.count")
    return table


def main() -> None:
    """Print the figures."""
    if installed() is None:
        raise SystemExit("benchmarks.viewing needs Chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with Browser(folder / "profile") as browser:
            table = {f"loop, {title} nodes": figures(browser, folder, recurrent(n)) for title, n in GRAPHS.items()}
            table["transformer, 2 000 nodes"] = figures(browser, folder, *stack(44))
    print(json.dumps(table, indent=1, default=float))


if __name__ == "__main__":
    main()
