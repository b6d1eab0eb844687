"""The ratios as a picture: a bar for each workload on a logarithmic axis, a line at 1.

The drawing is a list of plain shapes.  SVG is written from it as text; for other formats matplotlib paints the same.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Iterator
from html import escape
from typing import Any

Shape = tuple[str, tuple[float, ...], str, str]
"""rect (x, y, width, height), line (x1, y1, x2, y2), dot (x, y, radius) or text (x, y, size, anchor); colour; text."""

COLOURS = {"torch": "#3b6fb6", "jax": "#d1495b", "tensorflow": "#e0a030", "wengert": "#5a9367"}
INK, FAINT, SLOWER = "#222222", "#d8d8d8", "#9db4d3"
LEFT, PLOT, RIGHT, TOP, ROW = 340, 520, 160, 92, 20
ANCHORS = {0.0: "start", 0.5: "middle", 1.0: "end"}


class Axis:
    """Where a value lies; logarithmic."""

    def __init__(self, values: list[float]) -> None:
        self.low = math.log10(min([*values, 0.5])) - 0.08
        self.high = math.log10(max([*values, 2.0])) + 0.08

    def at(self, value: float) -> float:
        """The place of a value."""
        part = (math.log10(max(value, 1e-12)) - self.low) / (self.high - self.low)
        return LEFT + PLOT * min(max(part, 0.0), 1.0)

    def ticks(self) -> list[float]:
        """1, 2 and 5 of each decade, or the decades alone where there are many."""
        wide = self.high - self.low > 3
        decades = range(math.floor(self.low), math.ceil(self.high) + 1)
        marks = [digit * 10.0**power for power in decades for digit in ((1,) if wide else (1, 2, 5))]
        return [mark for mark in marks if self.low <= math.log10(mark) <= self.high]


def bars(results: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
    """Rows with the figures to show for each library, and what these are: ratios, or times where Wengert ran alone."""
    compared = [row for row in results if row["ratios"] and row["kind"] != "quotient"]  # those are ratios of our own
    if compared:
        return [{**row, "shown": row["ratios"]} for row in compared], "time or memory of the other / ours"
    own = [row for row in results if row["libraries"]]
    return [{**row, "shown": row["libraries"]} for row in own], "our figures, each in its own unit"


def scene(results: list[dict[str, Any]], around: dict[str, Any]) -> tuple[list[Shape], float, float]:
    """All shapes, width and height."""
    rows, meaning = bars(results)
    names = [name for name in COLOURS if any(name in row["shown"] for row in rows)]
    values = [figure[key] for row in rows for figure in row["shown"].values() for key in ("low", "high")]
    axis = Axis([value for value in values if value > 0])
    bottom = TOP + ROW * len(rows)
    shapes: list[Shape] = [*title(around, meaning), *legend(names, rows), *grid(axis, bottom)]
    for place, row in enumerate(rows):
        shapes += drawn(row, names, axis, TOP + ROW * (place + 0.5))
    if rows and rows[0]["ratios"]:
        shapes.append(("text", (LEFT + PLOT + 8, TOP - 8, 11, 0.0), INK, f"{names[0]} / ours"))
        shapes.append(("line", (axis.at(1), TOP - 4, axis.at(1), bottom), INK, ""))
    return shapes, LEFT + PLOT + RIGHT, bottom + 40


def title(around: dict[str, Any], meaning: str) -> list[Shape]:
    """Two lines above."""
    versions = ", ".join(f"{name} {found['version']}" for name, found in around["libraries"].items())
    core = around["libraries"]["wengert"]["core"].split(" (")[0]
    under = f"{versions}; {core} core; {around['threads']} thread(s) each; {around['processor']}"
    heading = f"Wengert beside others: {meaning} (medians and quartiles)"
    return [("text", (12, 24, 15, 0.0), INK, heading), ("text", (12, 44, 11, 0.0), INK, under)]


def legend(names: list[str], rows: list[dict[str, Any]]) -> list[Shape]:
    """Which colour is which library."""
    shapes: list[Shape] = []
    for place, name in enumerate(names):
        x = 12.0 + 110 * place
        mark: Shape = ("dot", (x + 6, 63, 4), COLOURS[name], "")
        if place == 0:
            mark = ("rect", (x, 58, 12, 10), COLOURS[name], "")
        shapes += [mark, ("text", (x + 18, 67, 11, 0.0), INK, name)]
    if any("bound" in row for row in rows):
        x = 12.0 + 110 * len(names)
        shapes += [("line", (x + 6, 56, x + 6, 70), INK, ""), ("text", (x + 14, 67, 11, 0.0), INK, "goal beside torch")]
    return shapes


def grid(axis: Axis, bottom: float) -> Iterator[Shape]:
    """Faint lines with their values below and above."""
    for mark in axis.ticks():
        x = axis.at(mark)
        yield "line", (x, TOP, x, bottom), FAINT, ""
        for y in (bottom + 16, TOP - 8):
            yield "text", (x, y, 10, 0.5), INK, f"{mark:g}"


def drawn(row: dict[str, Any], names: list[str], axis: Axis, middle: float) -> Iterator[Shape]:
    """One row: a bar for the first library, dots for the others, quartiles, the goal, the number."""
    yield "text", (LEFT - 8, middle + 4, 11, 1.0), INK, row["title"]
    first, *others = names
    start = axis.at(1) if row["ratios"] else LEFT
    bar = row["shown"].get(first)
    if bar is not None:
        end = axis.at(bar["median"])
        faster = bar["median"] >= 1 or not row["ratios"]
        colour = COLOURS[first] if faster else SLOWER
        yield "rect", (min(start, end), middle - 6, abs(end - start), 12), colour, ""
        yield "line", (axis.at(bar["low"]), middle, axis.at(bar["high"]), middle), INK, ""
        missed = "" if row.get("met", True) else "  below the goal"
        unit = "" if row["ratios"] else f" {row['unit']}"
        yield "text", (LEFT + PLOT + 8, middle + 4, 11, 0.0), INK, f"{bar['median']:.3g}{unit}{missed}"
    for name in others:
        if name in row["shown"]:
            yield "dot", (axis.at(row["shown"][name]["median"]), middle, 4), COLOURS[name], ""
    if "bound" in row:
        yield "line", (axis.at(row["bound"]), middle - 8, axis.at(row["bound"]), middle + 8), INK, ""


# ---------------------------------------------------------------- writing


def draw(path: str, results: list[dict[str, Any]], around: dict[str, Any]) -> None:
    """Write the picture; the ending of the name tells the format.

    Raises: SystemExit for a format that needs matplotlib where that is not installed, or if there is nothing to show.
    """
    if not any(row["libraries"] for row in results):
        raise SystemExit("there is nothing to draw")
    shapes, width, height = scene(results, around)
    if path.endswith(".svg"):
        with open(path, "w", encoding="utf-8") as file:
            file.write(svg(shapes, width, height))
    elif importlib.util.find_spec("matplotlib") is None:
        raise SystemExit(f"{path}: this format needs matplotlib; a name that ends in .svg needs nothing")
    else:
        painted(path, shapes, width, height)


def svg(shapes: list[Shape], width: float, height: float) -> str:
    """The shapes as SVG."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" font-family="Helvetica, Arial, sans-serif">',
        f'<rect width="{width:g}" height="{height:g}" fill="white"/>',
    ]
    for kind, place, colour, text in shapes:
        a = [f"{value:.2f}" for value in place]
        if kind == "rect":
            lines.append(f'<rect x="{a[0]}" y="{a[1]}" width="{a[2]}" height="{a[3]}" fill="{colour}"/>')
        elif kind == "line":
            lines.append(f'<line x1="{a[0]}" y1="{a[1]}" x2="{a[2]}" y2="{a[3]}" stroke="{colour}"/>')
        elif kind == "dot":
            lines.append(f'<circle cx="{a[0]}" cy="{a[1]}" r="{a[2]}" fill="{colour}" stroke="white"/>')
        else:
            anchor = ANCHORS[place[3]]
            lines.append(
                f'<text x="{a[0]}" y="{a[1]}" font-size="{a[2]}" text-anchor="{anchor}" fill="{colour}">'
                f"{escape(text)}</text>"
            )
    return "\n".join([*lines, "</svg>", ""])


def painted(path: str, shapes: list[Shape], width: float, height: float) -> None:
    """The shapes by matplotlib."""
    matplotlib = importlib.import_module("matplotlib")
    matplotlib.use("Agg")
    patches = importlib.import_module("matplotlib.patches")
    figure = importlib.import_module("matplotlib.figure").Figure((width / 100, height / 100), dpi=150)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    for order, (kind, place, colour, text) in enumerate(shapes):
        if kind == "rect":
            axes.add_patch(patches.Rectangle(place[:2], place[2], place[3], color=colour, linewidth=0, zorder=order))
        elif kind == "line":
            axes.plot(place[::2], place[1::2], color=colour, linewidth=0.8, zorder=order)
        elif kind == "dot":
            axes.add_patch(patches.Circle(place[:2], place[2], facecolor=colour, edgecolor="white", zorder=order))
        else:
            aligned = {0.0: "left", 0.5: "center", 1.0: "right"}[place[3]]
            axes.text(*place[:2], text, size=place[2] * 0.72, ha=aligned, color=colour, zorder=order)
    figure.savefig(path)
