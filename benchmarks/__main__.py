"""Run every workload beside torch, jax and tensorflow, where installed, and print ratios: their figure / ours."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from typing import Any

from benchmarks import figures, picture, rows, serving, turns
from benchmarks.rows import Row
from benchmarks.turns import Machine, Player


def options() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=11, help="turns of each library (medians are taken)")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORDS", help="titles that have one of these")
    parser.add_argument("--threads", type=int, default=1, help="threads of each library")
    parser.add_argument("--libraries", nargs="+", default=turns.PEERS, metavar="NAME", help="beside wengert")
    parser.add_argument(
        "--python", action="append", default=[], metavar="LIBRARY=PATH", help="interpreter that has a library"
    )
    parser.add_argument("--quick", action="store_true", help="one short round: shows that it runs, not how fast")
    parser.add_argument("--list", action="store_true", help="print the titles and stop")
    parser.add_argument("--json", metavar="FILE", help="write all figures")
    parser.add_argument("--picture", metavar="FILE", help="draw the ratios: .svg, or what matplotlib writes")
    given = parser.parse_args()
    if any("=" not in pair for pair in given.python):
        parser.error("--python needs LIBRARY=PATH, as in --python tensorflow=~/venv/bin/python")
    return given


def processor() -> str:
    """The name of the processor."""
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def surroundings(players: dict[str, Player], given: argparse.Namespace) -> dict[str, Any]:
    """What ran where."""
    return {
        "libraries": {name: player.versions for name, player in players.items()},
        "processor": processor(),
        "processors": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "threads": given.threads,
        "rounds": 1 if given.quick else given.rounds,
        "quick": given.quick,
    }


def told(around: dict[str, Any]) -> str:
    """The same as text."""
    lines = []
    for name, versions in around["libraries"].items():
        lines.append(f"{name} {versions['version']}, Python {versions['python']}, NumPy {versions['numpy']}")
        if "core" in versions:
            lines[-1] += f"; core: {versions['core']}, from {versions['path']}"
    lines.append(f"{around['processor']}, {around['processors']} processors, {around['threads']} threads each")
    return "\n".join(lines)


def stated(name: str, title: str) -> bool:
    """Whether a workload is stated for a library; looking imports no library."""
    return title in serving.workloads(name)


def measured(machine: Machine, players: dict[str, Player], row: Row, rounds: int, compiled: bool) -> dict[str, Any]:
    """The figures of a row."""
    names = turns.able(list(players), row, stated)
    if row.kind in ("time", "quotient", "mix"):
        found, trouble = turns.stay({name: players[name] for name in names}, row, rounds)
    else:
        found, trouble = turns.fresh(machine, names, row, min(rounds, 3 if row.kind == "memory" else 5))
    return {**figures.result(row, found, compiled), "trouble": trouble}


def show(row: dict[str, Any], names: list[str]) -> None:
    """Print a row, and what went wrong."""
    print(figures.line(row, names), flush=True)
    for name, ratios in row.get("operators", {}).items():
        worst = ", ".join(f"{operator} {ratio:.2f}" for operator, ratio in list(ratios.items())[:6])
        print(f"    beside {name}: geometric mean {row['ratios'][name]['median']:.2f}; worst: {worst}")
    for name, text in row["trouble"].items():
        print(f"    {name} FAILED: {text.strip().splitlines()[-1]}", file=sys.stderr, flush=True)


def summary(results: list[dict[str, Any]]) -> None:
    """How many goals were met, and which were not."""
    judged = [row for row in results if "met" in row]
    missed = [row["title"] for row in judged if not row["met"]]
    print(f"{len(judged) - len(missed)} of {len(judged)} goals met" + "".join(f"\n    missed: {t}" for t in missed))


def main() -> int:
    """Measure, print, and write what was asked for; 1 if a result of ours was wrong."""
    given = options()
    chosen = rows.table(given.only)
    if given.list or not chosen:
        print("\n".join(row.title for row in chosen) or "no title has one of these words")
        return 0 if chosen else 2
    machine = Machine(given.threads, 0.002 if given.quick else 0.03, dict(p.split("=", 1) for p in given.python))
    names = ["wengert", *(name for name in given.libraries if name != "wengert" and machine.installed(name))]
    players = {name: Player(machine, name) for name in names}
    around = surroundings(players, given)
    compiled = around["libraries"]["wengert"]["core"] == "compiled"
    print(told(around) + "\n" + figures.heading(names), flush=True)
    results = []
    for row in chosen:
        results.append(measured(machine, players, row, around["rounds"], compiled))
        show(results[-1], names)
    for player in players.values():
        player.close()
    summary(results)
    if given.json:
        with open(given.json, "w") as file:
            json.dump({**around, "rows": results}, file, indent=1)
    if given.picture:
        picture.draw(given.picture, results, around)
    return int(any("wengert" in row["trouble"] for row in results))


if __name__ == "__main__":
    sys.exit(main())
