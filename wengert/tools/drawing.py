"""Pictures of a graph: by Graphviz where it is there, otherwise by a small drawing of our own."""

import io
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from html import escape
from importlib.util import find_spec
from typing import Any

from wengert.core.base.errors import MissingError, ValueRangeError
from wengert.tools.layout import MARGIN, Layout, Point, place

Attributes = Mapping[str, str]
Arrow = tuple[str, str, Attributes]

LETTER, LINE = 0.602, 1.2
"""Width of a letter and height of a line of a monospaced font, in font sizes."""

COLOURS = {
    "darkolivegreen1": "#caff70",
    "darkolivegreen3": "#a2cd5a",
    "lightblue": "#add8e6",
    "lightgrey": "#d3d3d3",
    "orange": "#ffa500",
}
"""Colours that browsers and matplotlib call otherwise than Graphviz does, or not at all."""

ARROW_LENGTH, ARROW_WIDTH = 6.0, 5.0
INK = "#404040"
BY_PACKAGE = """
import sys
import pygraphviz
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode("utf-8"))
picture = graph.draw(format=sys.argv[1], prog=sys.argv[2])
sys.stdout.buffer.write(picture)
"""
"""Program that draws with pygraphviz. In a process of its own: beside other libraries in one process it may crash."""

DPI, PIXELS = 144, 30_000
"""Resolution of a picture of our own, and the most pixels a side may have."""


def draw(source: str, boxes: Mapping[str, Attributes], arrows: Sequence[Arrow], format: str, engine: str) -> bytes:
    """Picture of a graph in `format`, such as "svg", "png" or "pdf".

    Drawn from the DOT text `source` by the package pygraphviz or, failing that, by a Graphviz program on the path.
    Where both are absent it is drawn from `boxes` and `arrows`: SVG with the standard library, other formats with
    matplotlib. That drawing is a fallback for graphs of some hundred boxes: plain rows, top to bottom, no ports, no
    markup in labels, no labels on arrows, every box a rectangle, whatever shape and size the attributes ask for.

    Raises MissingError if nothing here can draw `format`, ValueRangeError for one that the chosen tool does not know.
    """
    if not re.fullmatch(r"[a-z0-9_.:-]+", format):
        raise ValueRangeError(f"unknown format: {format!r} (must be a name like 'svg', 'png' or 'pdf')")
    if find_spec("pygraphviz") is not None:
        return by_program([sys.executable, "-P", "-c", BY_PACKAGE, format, engine], source, format)
    program = shutil.which(engine)
    if program is not None:
        return by_program([program, f"-T{format}"], source, format)
    if format == "svg":
        return svg(Scene(boxes, arrows)).encode("utf-8")
    if find_spec("matplotlib") is None:
        raise MissingError(
            f"cannot draw {format!r} here: it needs Graphviz (pip install 'wengert[viz]', or a {engine!r} program on "
            "the path) or matplotlib; 'svg' and 'dot' need nothing"
        )
    return by_matplotlib(Scene(boxes, arrows), format)


def by_program(command: Sequence[str], source: str, format: str) -> bytes:
    """Picture by a program that reads DOT text and writes the picture."""
    done = subprocess.run(command, input=source.encode("utf-8"), capture_output=True)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise ValueRangeError(
            f"unknown format: {format!r}, or text that Graphviz cannot draw; {command[0]} said: {said}"
        )
    return done.stdout


class Scene:
    """What is to be drawn, in points from the top left: boxes with lines of text, and the paths of the arrows."""

    def __init__(self, boxes: Mapping[str, Attributes], arrows: Sequence[Arrow]):
        self.boxes = boxes
        self.arrows = arrows
        self.lines = {name: lines_of(name, given) for name, given in boxes.items()}
        self.fonts = {name: float(given.get("fontsize", 10)) for name, given in boxes.items()}
        self.sizes = {name: box_size(self.lines[name], self.fonts[name]) for name in boxes}
        directed = [(tail, head, given.get("dir") != "none") for tail, head, given in arrows]
        self.layout: Layout = place(self.sizes, directed)

    def corner(self, name: str) -> Point:
        """Top left corner of a box."""
        (x, y), (width, height) = self.layout.centres[name], self.sizes[name]
        return x - width / 2, y - height / 2

    def baselines(self, name: str) -> list[tuple[float, float, str]]:
        """Lines of a box: the middle of the line from left to right, its baseline, and its text."""
        (x, y), font, lines = self.layout.centres[name], self.fonts[name], self.lines[name]
        first = y - (len(lines) - 1) / 2 * font * LINE + font * 0.35
        return [(x, first + index * font * LINE, line) for index, line in enumerate(lines) if line.strip()]


def lines_of(name: str, given: Attributes) -> list[str]:
    """Lines of the text in a box, trimmed; an empty first line, of a tensor without a name, is left out."""
    text = given.get("label", name)
    lines = re.split(r"\n|\\n|\\l|\\r", text)
    return [line.strip() for line in (lines if lines[0].strip() or len(lines) == 1 else lines[1:])]


def box_size(lines: Sequence[str], font: float) -> Point:
    """Width and height of a box around `lines`."""
    return max(map(len, lines)) * font * LETTER + 1.2 * font, len(lines) * font * LINE + 0.8 * font


def fill(given: Attributes) -> str:
    """Colour inside a box."""
    if "filled" not in given.get("style", ""):
        return "white"
    name = given.get("fillcolor") or given.get("color") or "lightgrey"
    return COLOURS.get(name, name)


def arrow_head(path: Sequence[Point]) -> list[Point]:
    """Triangle at the end of `path`, which arrives there from above or from below."""
    (x, y), way = path[-1], 1 if path[0][1] < path[-1][1] else -1
    back = y - way * ARROW_LENGTH
    return [(x, y), (x - ARROW_WIDTH / 2, back), (x + ARROW_WIDTH / 2, back)]


def dashes(given: Attributes) -> str:
    """Pattern of a line: lengths of ink and gap; nothing for a solid one."""
    style = given.get("style", "")
    return "2 3" if "dotted" in style or given.get("dir") == "none" else "6 3" if "dashed" in style else ""


def svg(scene: Scene) -> str:
    """The scene as an SVG document."""
    width, height = scene.layout.width, scene.layout.height
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}pt" height="{height:.0f}pt" '
        f'viewBox="0 0 {width:.1f} {height:.1f}" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" '
        'text-anchor="middle">\n<rect width="100%" height="100%" fill="white"/>\n'
    ]
    for (_, _, given), path in zip(scene.arrows, scene.layout.paths):
        if path:
            dash = f' stroke-dasharray="{dashes(given)}"' if dashes(given) else ""
            parts.append(f'<path d="{svg_path(path)}" fill="none" stroke="{INK}"{dash}/>\n')
            if given.get("dir") != "none":
                corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in arrow_head(path))
                parts.append(f'<polygon points="{corners}" fill="{INK}"/>\n')
    for name, given in scene.boxes.items():
        (x, y), (wide, high) = scene.corner(name), scene.sizes[name]
        colour = escape(fill(given))
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" fill="{colour}" stroke="black"/>\n'
        )
        for middle, base, line in scene.baselines(name):
            parts.append(
                f'<text x="{middle:.1f}" y="{base:.1f}" font-size="{scene.fonts[name]:g}" '
                f'xml:space="preserve">{escape(line)}</text>\n'
            )
    return "".join((*parts, "</svg>\n"))


def svg_path(path: Sequence[Point]) -> str:
    """Curve through `path` in SVG's words."""
    words = ["M{:.1f} {:.1f}".format(*path[0])]
    for index, (start, end) in enumerate(zip(path, path[1:])):
        if index % 2:
            (first, second) = bend(start, end)
            words.append("C" + " ".join(f"{x:.1f} {y:.1f}" for x, y in (first, second, end)))
        elif start != end:
            words.append("L{:.1f} {:.1f}".format(*end))
    return " ".join(words)


def bend(start: Point, end: Point) -> tuple[Point, Point]:
    """The two points that pull a curve so that it leaves `start` and reaches `end` upright."""
    middle = (start[1] + end[1]) / 2
    return (start[0], middle), (end[0], middle)


def by_matplotlib(scene: Scene, format: str) -> bytes:
    """The scene in a format that matplotlib writes, on a canvas of its own: the program's figures are not touched."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width, height = max(scene.layout.width, 2 * MARGIN), max(scene.layout.height, 2 * MARGIN)
    figure = Figure(figsize=(width / 72, height / 72), facecolor="white")
    known = FigureCanvasAgg(figure).get_supported_filetypes()
    if format not in known:
        raise ValueRangeError(f"unknown format: {format!r} (must be one of {', '.join(sorted(known))}, or dot)")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    paint_arrows(axes, scene)
    paint_boxes(axes, scene)
    written = io.BytesIO()
    figure.savefig(written, format=format, dpi=min(DPI, PIXELS * 72 / max(width, height)))
    return written.getvalue()


def paint_arrows(axes: Any, scene: Scene) -> None:
    """Draw the paths, all of one pattern together, and the arrows' heads."""
    from matplotlib.collections import PolyCollection
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    strokes: dict[str, list[Any]] = {}
    heads = []
    for (_, _, given), points in zip(scene.arrows, scene.layout.paths):
        if not points:
            continue
        vertices, codes = [points[0]], [Path.MOVETO]
        for index, (start, end) in enumerate(zip(points, points[1:])):
            vertices += [*bend(start, end), end] if index % 2 else [end]
            codes += [Path.CURVE4] * 3 if index % 2 else [Path.LINETO]
        strokes.setdefault(dashes(given), []).append(Path(vertices, codes))
        if given.get("dir") != "none":
            heads.append(arrow_head(points))
    for pattern, paths in strokes.items():
        line = (0, tuple(map(float, pattern.split()))) if pattern else "solid"
        path = Path.make_compound_path(*paths)
        axes.add_patch(PathPatch(path, facecolor="none", edgecolor=INK, linewidth=1, linestyle=line))
    axes.add_collection(PolyCollection(heads, facecolors=INK, edgecolors="none"), autolim=False)


def paint_boxes(axes: Any, scene: Scene) -> None:
    """Draw the boxes and their text."""
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import is_color_like

    corners, colours = [], []
    for name, given in scene.boxes.items():
        (x, y), (wide, high) = scene.corner(name), scene.sizes[name]
        corners.append([(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)])
        colours.append(fill(given) if is_color_like(fill(given)) else "white")
        for middle, base, line in scene.baselines(name):
            axes.text(
                middle, base, line, fontsize=scene.fonts[name], ha="center", family="DejaVu Sans Mono", parse_math=False
            )
    boxes = PolyCollection(corners, facecolors=colours, edgecolors="black", linewidths=1)
    axes.add_collection(boxes, autolim=False)
