"""make_dot: the lines it writes, the pictures, and how far it reaches."""

import importlib.util
import os
import re
import stat
import subprocess
import sys
import textwrap
from pathlib import Path
from xml.etree import ElementTree

import pytest

import wengert
from wengert.core.base.errors import MissingError
from wengert.tools import drawing
from wengert.tools.dot import Digraph
from wengert.tools.layout import GAP, place
from wengert.torchviz import make_dot, make_dot_from_trace, resize_graph

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bare(monkeypatch):
    """A machine without Graphviz."""
    monkeypatch.setattr(drawing.shutil, "which", lambda name: None)
    monkeypatch.setattr(drawing, "find_spec", lambda name: None if name == "pygraphviz" else drawing_spec(name))


drawing_spec = importlib.util.find_spec


def quadratic():
    x, w, b = (wengert.tensor(value, requires_grad=True) for value in (2.0, 3.0, 1.0))
    return (w * x + b) ** 2, {"x": x, "w": w, "b": b}


def numbered(source: str) -> str:
    """`source` with each box called by its turn."""
    turns: dict[str, str] = {}
    return re.sub(r"\b\d{9,}\b", lambda found: turns.setdefault(found.group(), f"n{len(turns)}"), source)


def labels(dot: Digraph, colour: str | None) -> list[str]:
    return [box["label"] for box in dot.boxes.values() if box.get("fillcolor") == colour]


class Product(wengert.autograd.Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a * b

    @staticmethod
    def backward(ctx, gradient):
        a, b = ctx.saved_tensors
        return gradient * b, gradient * a


PLAIN = """\
digraph {
	graph [size="12,12"]
	node [align=left fontname=monospace fontsize=10 height=0.2 ranksep=0.1 shape=box style=filled]
	n0 [label="
 ()" fillcolor=darkolivegreen1]
	n1 [label=PowBackward0]
	n2 -> n1
	n2 [label=AddBackward0]
	n3 -> n2
	n3 [label=MulBackward0]
	n4 -> n3
	n5 [label="w
 ()" fillcolor=lightblue]
	n5 -> n4
	n4 [label=AccumulateGrad]
	n6 -> n3
	n7 [label="x
 ()" fillcolor=lightblue]
	n7 -> n6
	n6 [label=AccumulateGrad]
	n8 -> n2
	n9 [label="b
 ()" fillcolor=lightblue]
	n9 -> n8
	n8 [label=AccumulateGrad]
	n1 -> n0
}
"""


def test_the_lines_are_torchvizs():
    z, params = quadratic()
    assert numbered(make_dot(z, params=params).source) == PLAIN


def test_saved_values_are_shown_on_request():
    z, _ = quadratic()
    dot = make_dot(z, show_attrs=True, show_saved=True)
    power = "PowBackward0\n------------------------\nexponent:              2\nself    : [saved tensor]"
    assert power in labels(dot, None)
    assert labels(dot, "orange") == ["self\n ()"]
    assert "exponent:          2\nself    : [saved ..." in make_dot(z, show_attrs=True, max_attr_chars=10).source


def test_saved_tensors_of_a_custom_function_are_always_shown():
    a = wengert.ones(2, 3)
    b = wengert.ones(2, 3, requires_grad=True)
    dot = make_dot(Product.apply(a, b))
    assert labels(dot, "orange").count("\n (2, 3)") == 2
    assert [given for _, _, given in dot.arrows if given] == [{"dir": "none"}] * 2


def test_several_outputs_and_a_view_with_its_base():
    x = wengert.ones(2, 3, requires_grad=True)
    y = x * 2
    dot = make_dot((y.sum(), y.view(-1)), params={"y": y})
    assert labels(dot, "darkolivegreen1") == ["\n ()", "\n (6)"]
    assert labels(dot, "darkolivegreen3") == ["y\n (2, 3)"]
    assert dot.arrows[-1][2] == {"style": "dotted"}


def test_what_is_no_tensor_is_refused():
    with pytest.raises(TypeError, match="must be tensors, got int"):
        make_dot(3)
    with pytest.raises(NotImplementedError, match="has been moved"):
        make_dot_from_trace(None)


def test_depth_is_no_limit():
    y = wengert.ones((), requires_grad=True)
    for _ in range(20_000):
        y = y.sin()
    dot = make_dot(y)
    assert len(dot.boxes) == 20_003
    assert place({name: (10.0, 10.0) for name in dot.boxes}, [(t, h, True) for t, h, _ in dot.arrows]).height > 20_000


def test_size_grows_with_the_lines():
    dot = Digraph(body=["\ta\n"] * 100)
    resize_graph(dot)
    assert dot.graph_attr["size"] == "15.0,15.0"


def test_text_that_dot_would_read_otherwise_is_quoted():
    dot = Digraph("G", comment="one", strict=True)
    dot.node("node", 'say "hi"\\n', color="#fff")
    dot.edge("a b", "c:n", "1.5")
    dot.attr(rankdir="LR")
    dot.attr("edge", style="dashed")
    assert dot.source.splitlines() == [
        "// one",
        "strict digraph G {",
        '\t"node" [label="say \\"hi\\"\\n" color="#fff"]',
        '\t"a b" -> c:n [label=1.5]',
        "\trankdir=LR",
        "\tedge [style=dashed]",
        "}",
    ]
    with pytest.raises(TypeError, match="attr statement must target"):
        dot.attr("leaf", color="red")


@pytest.mark.parametrize("backslashes", range(4))
def test_a_quoted_text_ends_where_it_should(backslashes):
    for text in ("a b" + "\\" * backslashes, "\\" * backslashes + '"b'):
        dot = Digraph()
        dot.node("a", text)
        inner = dot.source.split('label="')[1].rsplit('"]', 1)[0]
        assert re.fullmatch(r'(?:[^"\\]|\\.)*', inner), inner


def test_files_are_written_as_graphviz_does(bare, tmp_path):
    z, params = quadratic()
    dot = make_dot(z, params=params)
    assert dot.render("graph", tmp_path / "new", format="svg") == str(tmp_path / "new" / "graph.svg")
    assert (tmp_path / "new" / "graph").read_text() == dot.source
    dot.format = "svg"
    assert dot.render(tmp_path / "other", "", cleanup=True) == str(tmp_path / "other.svg")
    assert not (tmp_path / "other").exists()
    assert dot.render(outfile=tmp_path / "third.svg") == str(tmp_path / "third.svg")
    assert dot.view(tmp_path / "fourth", "") == str(tmp_path / "fourth.svg")
    assert dot.save(tmp_path / "text.gv", "") == str(tmp_path / "text.gv")
    assert dot.pipe("dot", encoding="utf-8") == dot.source
    with pytest.raises(FileExistsError):
        dot.render(outfile=tmp_path / "third.svg", raise_if_result_exists=True)


def test_svg_without_graphviz_shows_every_box(bare):
    z, params = quadratic()
    dot = make_dot(z, params=params, show_attrs=True, show_saved=True)
    picture = ElementTree.fromstring(dot._repr_svg_())
    space = "{http://www.w3.org/2000/svg}"
    boxes = [box for box in picture.iter(f"{space}rect") if box.get("x")]
    assert len(boxes) == len(dot.boxes)
    assert {"#add8e6", "#caff70", "#ffa500", "#d3d3d3"} == {box.get("fill") for box in boxes}
    assert {"w", "PowBackward0", "exponent:              2"} <= {text.text for text in picture.iter(f"{space}text")}


@pytest.mark.parametrize(("format", "begin"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_other_formats_come_from_matplotlib(bare, format, begin):
    pytest.importorskip("matplotlib")
    z, params = quadratic()
    assert make_dot(z, params=params).pipe(format).startswith(begin)


def test_what_cannot_be_drawn_is_said(bare, monkeypatch):
    z, _ = quadratic()
    monkeypatch.setattr(drawing, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match=re.escape("pip install 'wengert[viz]'")):
        make_dot(z).pipe("png")


def test_an_unknown_format_is_refused(bare):
    pytest.importorskip("matplotlib")
    z, _ = quadratic()
    for format in ("xyz", "a b"):
        with pytest.raises(ValueError, match="unknown format"):
            make_dot(z).pipe(format)


@pytest.mark.skipif(importlib.util.find_spec("pygraphviz") is None, reason="needs pygraphviz")
def test_the_package_pygraphviz_is_used():
    z, _ = quadratic()
    assert b"PowBackward0" in make_dot(z).pipe("svg")
    with pytest.raises(ValueError, match="unknown format"):
        make_dot(z).pipe("xyz")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
def test_a_program_on_the_path_is_used(monkeypatch, tmp_path):
    program = tmp_path / "dot"
    program.write_text('#!/bin/sh\n[ "$1" = -Tbad ] && { echo "no such format" >&2; exit 1; }\necho "$1"; cat\n')
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setattr(drawing, "find_spec", lambda name: None)
    monkeypatch.setattr(drawing.shutil, "which", {"dot": str(program)}.get)
    dot = make_dot(quadratic()[0])
    assert dot.pipe("svg", encoding="utf-8") == f"-Tsvg\n{dot.source}"
    with pytest.raises(ValueError, match="no such format"):
        dot.pipe("bad")


def test_boxes_of_the_fallback_do_not_overlap():
    sizes = {f"b{index}": (20.0 + index % 7 * 10, 10.0 + index % 3 * 10) for index in range(60)}
    edges = [(f"b{index * 7 % index}", f"b{index}", True) for index in range(1, 60)]
    edges += [(f"b{index}", f"b{index + 9}", False) for index in range(50)]
    layout = place(sizes, edges)
    corners = [(x, y, *sizes[name]) for name, (x, y) in layout.centres.items()]
    for turn, (x, y, width, height) in enumerate(corners):
        assert 0 < x - width / 2 < x + width / 2 < layout.width and 0 < y - height / 2 < y + height / 2 < layout.height
        for other_x, other_y, other_width, other_height in corners[:turn]:
            beside = abs(x - other_x) >= (width + other_width) / 2 + GAP - 1e-6
            assert beside or abs(y - other_y) >= (height + other_height) / 2
    for (tail, head, directed), path in zip(edges, layout.paths):
        assert path[0][0] == layout.centres[tail][0] and path[-1][0] == layout.centres[head][0]
        assert not directed or path[0][1] < path[-1][1]


def test_circles_and_empty_graphs_are_drawn_too(bare):
    dot = Digraph()
    assert dot.pipe("svg").startswith(b"<?xml")
    dot.edges(["ab", "bc", "ca", "dd"])
    assert dot.pipe("svg").count(b"<polygon") == 3


def run(code: str, *command: str) -> str:
    """What the program `code` prints, run by `python *command`."""
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(
        [sys.executable, *command], input=textwrap.dedent(code), capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


PROGRAM = """
import torch
from torchviz import make_dot
x, w, b = (torch.tensor(value, requires_grad=True) for value in (2.0, 3.0, 1.0))
z = (w * x + b) ** 2
for shown in ({}, {"show_attrs": True, "show_saved": True}):
    print(make_dot(z, params={"x": x, "w": w, "b": b}, **shown).source)
"""


def test_a_program_finds_it_under_torchvizs_name(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    assert numbered(run("", "-m", "wengert", "run", str(tmp_path / "program.py"))).startswith(PLAIN)


def test_the_real_torchviz_reads_our_graph(tmp_path):
    for needed in ("torchviz", "graphviz", "distutils"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"needs {needed}")
    (tmp_path / "program.py").write_text(PROGRAM)
    alias = "from wengert.tools.importing import install\ninstall({'torch': 'wengert'})\n"
    assert numbered(run(alias + PROGRAM, "-")) == numbered(
        run("", "-m", "wengert", "run", str(tmp_path / "program.py"))
    )
