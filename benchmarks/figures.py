"""Medians, ratios and goals of the samples of a row; `python -m benchmarks.figures FILE` prints a file as a table."""

from __future__ import annotations

import json
import math
import statistics
import sys
from typing import Any

from benchmarks.rows import Row
from benchmarks.turns import Samples

Numbers = list[float]


def spread(values: Numbers) -> dict[str, float]:
    """Median and quartiles."""
    if len(values) < 2:
        return {"median": values[0], "low": values[0], "high": values[0]}
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": middle, "low": low, "high": high}


def merged(row: Row, samples: Samples, clock: str) -> Numbers:
    """The figures of the rounds: of a quotient the quotients, of a mix the geometric means."""
    parts = [sample[clock] for sample in samples.values()]
    if row.kind == "quotient":
        return [upper / max(lower, 1e-9) for upper, lower in zip(*parts, strict=True)]
    if row.kind == "mix":
        return [mean(list(part)) for part in zip(*parts, strict=True)]
    return parts[0]


def mean(values: Numbers) -> float:
    """Geometric mean."""
    return math.exp(sum(math.log(max(value, 1e-9)) for value in values) / len(values))


def over(others: Numbers, ours: Numbers) -> dict[str, float]:
    """Ratios of the rounds: above 1 where ours is the smaller."""
    return spread([other / max(own, 1e-9) for other, own in zip(others, ours, strict=True)])


def result(row: Row, found: dict[str, Samples], compiled: bool) -> dict[str, Any]:
    """All figures of a row."""
    wall = {name: merged(row, samples, "wall") for name, samples in found.items()}
    told: dict[str, Any] = {"title": row.title, "kind": row.kind, "unit": row.unit, "libraries": {}, "ratios": {}}
    for name, values in wall.items():
        cpu = statistics.median(merged(row, found[name], "cpu"))
        told["libraries"][name] = {**spread(values), "cpu": cpu, "rounds": values}
    for name in wall.keys() - {"wengert"} if "wengert" in wall else ():
        told["ratios"][name] = over(wall[name], wall["wengert"])
        if row.kind == "mix":
            told.setdefault("operators", {})[name] = by_operator(found[name], found["wengert"])
    judge(row, told, compiled)
    return told


def by_operator(theirs: Samples, ours: Samples) -> dict[str, Any]:
    """Median of the ratios of each part, the worst first."""
    ratios = {part: over(theirs[part]["wall"], ours[part]["wall"])["median"] for part in ours}
    return dict(sorted(ratios.items(), key=lambda pair: pair[1]))


def judge(row: Row, told: dict[str, Any], compiled: bool) -> None:
    """Goal, and whether it was met; nothing where it could not be measured."""
    own = told["libraries"].get("wengert")
    if row.most is not None and own is not None:
        told.update(goal=f"at most {row.most:g}", met=own["median"] <= row.most)
    goal = row.bound(compiled)
    if goal is None or "torch" not in told["ratios"]:
        return
    if row.kind == "mix":
        worst = next(iter(told["operators"]["torch"].values()))
        told.update(goal=f"worst at least {goal:g}", met=worst >= goal)
    else:
        told.update(goal=f"at least {goal:.3g}", bound=goal, met=told["ratios"]["torch"]["median"] >= goal)


# ---------------------------------------------------------------- text


def number(value: float) -> str:
    """Three digits."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def line(told: dict[str, Any], names: list[str]) -> str:
    """A row as text: title, unit, our time and processor's time, for each library its time and ratio, the goal."""
    cells = [f"{told['title']:52} {told['unit']:>3}"]
    for name in names:
        figure = told["libraries"].get(name)
        if figure is None:
            cells.append(" " * (17 if name == "wengert" else 34))
            continue
        cells.append(f"{number(figure['median']):>8} {'(' + number(figure['cpu']) + ')':>8}")
        if name != "wengert":
            ratio = told["ratios"].get(name)
            cells.append(f"{ratio['median']:6.2f} {ratio['low']:.2f}-{ratio['high']:.2f}".ljust(16) if ratio else "")
    if "goal" in told:
        cells.append(f"{told['goal']}: {'met' if told['met'] else 'MISSED'}")
    return " ".join(cells).rstrip()


def heading(names: list[str]) -> str:
    """The line above."""
    cells = [f"{'':52} {'':3}"]
    for name in names:
        cells.append(f"{name:>8} {'(cpu)':>8}" + ("" if name == "wengert" else f" {' ratio quartiles':16}"))
    return " ".join(cells)


# ---------------------------------------------------------------- Markdown


def markdown(told: dict[str, Any]) -> str:
    """The figures of a run as a table: our figure, and for each other library the ratio with its quartiles."""
    names = [name for name in told["libraries"] if name != "wengert"]
    lines = [
        "| workload | Wengert | " + "".join(f"{name} / ours | " for name in names) + "goal beside torch |",
        "|---" * (len(names) + 3) + "|",
    ]
    for row in told["rows"]:
        own = row["libraries"].get("wengert")
        cells = [row["title"], f"{number(own['median'])} {row['unit']}" if own else "failed"]
        for name in names:
            ratio = row["ratios"].get(name)
            cells.append(f"{ratio['median']:.2f} ({ratio['low']:.2f}-{ratio['high']:.2f})" if ratio else "")
        cells.append(f"{row['goal']}: {'met' if row['met'] else 'missed'}" if "goal" in row else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    with open(sys.argv[1]) as given:
        print(markdown(json.load(given)))
