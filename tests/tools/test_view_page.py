"""The page of `tools.view` in a real browser: what is drawn, what a click tells, folding, finding, large graphs."""

from __future__ import annotations

import pytest

import wengert as torch
from tests.tools.browser import Browser, installed
from wengert import nn
from wengert.tools import view

pytestmark = pytest.mark.skipif(installed() is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(autouse=True)
def calm(request):
    """No test of a page may ask for the network or leave a complaint on the console."""
    browser = request.getfixturevalue("browser")
    browser.events.clear()
    yield
    assert browser.requests() == []
    assert browser.complaints() == []


def recurrent(steps):
    w = torch.ones(3, 3, requires_grad=True)
    h = torch.zeros(2, 3)
    losses = []
    for _ in range(steps):
        h = torch.tanh(h @ w + 1)
        losses.append((h * h).sum())
    return torch.stack(losses).mean()


def small():
    x = torch.ones(4, 3, requires_grad=True)
    return (torch.tanh(x) * 2).sum()


def middle(browser, name):
    """Where in the window the middle of the first box of this name is."""
    return browser.run(
        f"""(() => {{
            const canvas = document.getElementById("canvas").getBoundingClientRect();
            const box = wengertView.scene.boxes.find(b => b.lines[0].includes({name!r}));
            const m = wengertView.sight;
            return [canvas.left + box.x * m.scale + m.x, canvas.top + box.y * m.scale + m.y];
        }})()"""
    )


def panel(browser):
    return browser.run("document.getElementById('panel').innerText")


def boxes(browser):
    return browser.run("wengertView.scene.boxes.map(b => b.lines[0])")


def test_boxes_are_drawn_by_graphviz_without_overlap(browser, tmp_path):
    path = view(small(), tmp_path / "graph.html")
    assert browser.open(path) < 20
    assert boxes(browser) == ["leaf_0", "Tanh", "Mul", "Sum"]
    ys = browser.run("wengertView.scene.boxes.map(b => b.y)")
    assert ys == sorted(ys) and len(set(ys)) == 4
    assert browser.run("wengertView.scene.placer") == "Graphviz"
    # Something is painted where the box is.
    assert browser.run(
        "[...document.getElementById('canvas').getContext('2d').getImageData(0, 0, 1000, 700).data]"
        ".filter((x, i) => i % 4 < 3 && x < 120).length > 100"
    )


def test_click_tells_of_a_node(browser, tmp_path):
    browser.open(view(small(), tmp_path / "graph.html", gradients=True))
    browser.click(*middle(browser, "Tanh"))
    told = panel(browser)
    for words in (
        "TanhBackward0",
        "float32[4, 3]",
        "48 B",
        "gradient norm",
        "6.928",
        "return (torch.tanh(x) * 2).sum()",
    ):
        assert words in told
    browser.click(*middle(browser, "Mul"))
    assert panel(browser).startswith("MulBackward0")
    browser.run("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
    assert "leaves" in panel(browser)


def test_double_click_unfolds_a_loop_and_its_title_folds_it(browser, tmp_path):
    browser.open(view(recurrent(30), tmp_path / "graph.html"))
    assert "▸ loop of 30 passes" in boxes(browser)
    browser.click(*middle(browser, "loop of 30"), times=2)
    wait(browser, "wengertView.scene.boxes.length >= 30")
    assert "▸ pass 1" in boxes(browser)
    frames = browser.run("wengertView.scene.clusters.length")
    assert frames >= 1
    browser.run("document.querySelector('#panel button.toggle').click()")
    wait(browser, "wengertView.scene.boxes.length < 30")
    assert "▸ loop of 30 passes" in boxes(browser)


def wait(browser, condition):
    """Wait until a condition holds in the page."""
    assert browser.run(
        f"new Promise(done => {{ let n = 0; const t = setInterval(() => "
        f"{{ if ({condition} || ++n > 400) {{ clearInterval(t); done(Boolean({condition})); }} }}, 20); }})"
    )


def test_finding_opens_what_is_folded(browser, tmp_path):
    browser.open(view(recurrent(30), tmp_path / "graph.html"))
    browser.run("const f = document.getElementById('find'); f.value = 'tanhb'; f.dispatchEvent(new Event('input'))")
    assert browser.run("document.getElementById('found').textContent") == "30 found"
    browser.run("document.getElementById('find').dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter'}))")
    wait(browser, "document.body.dataset.selected === 'TanhBackward0'")
    assert "Tanh" in boxes(browser)
    x, y = middle(browser, "Tanh")
    assert 300 < x < 750 and 300 < y < 600


def test_wheel_zooms_about_the_pointer_and_drag_moves(browser, tmp_path):
    browser.open(view(small(), tmp_path / "graph.html"))
    before = middle(browser, "Mul")
    browser.send("Input.dispatchMouseEvent", type="mouseWheel", x=before[0], y=before[1], deltaX=0, deltaY=-300)
    wait(browser, "wengertView.sight.scale > 1.45")
    after = middle(browser, "Mul")
    assert abs(after[0] - before[0]) < 1 and abs(after[1] - before[1]) < 1
    for kind, x, y in (("mousePressed", 60, 400), ("mouseMoved", 100, 430), ("mouseReleased", 100, 430)):
        browser.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)
    moved = middle(browser, "Mul")
    assert abs(moved[0] - after[0] - 40) < 1 and abs(moved[1] - after[1] - 30) < 1


def test_nan_is_painted_and_listed(browser, tmp_path):
    x = torch.tensor([0.0, 1.0], requires_grad=True)
    browser.open(view((torch.log(x) * 0).exp().sum(), tmp_path / "graph.html"))
    told = panel(browser)
    listed = told[told.upper().index("NAN OR INF IN VALUES, THE EARLIEST FIRST") :]
    assert "ExpBackward0" in listed and "LogBackward0" not in listed.split("%")[0]
    assert "GRADIENTS" not in listed.upper()  # nobody asked for them
    assert "NaN or Inf" in browser.run("document.getElementById('legend').innerText")
    browser.click(*middle(browser, "Exp"))
    assert "NaN in its value" in panel(browser)


def test_gradients_with_nan_are_listed_as_backward_met_them(browser, tmp_path):
    x = torch.tensor([0.0, 1.0], requires_grad=True)
    browser.open(view((torch.sqrt(x) * 0).sum(), tmp_path / "graph.html", gradients=True))
    listed = panel(browser).split("\n")
    heading = next(k for k, line in enumerate(listed) if line.upper().startswith("NAN OR INF IN GRADIENTS"))
    assert [line for line in listed[heading + 1 :] if line][0].startswith("x %0")
    assert not any(line.upper().startswith("NAN OR INF IN VALUES") for line in listed)


def test_modules_fold(browser, tmp_path):
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(layer, 6)
    browser.open(view(model=model, inputs=torch.ones(2, 3, 8), path=tmp_path / "graph.html"))
    assert browser.run("document.getElementById('fold').selectedOptions[0].textContent") == "modules"
    assert 5 < len(boxes(browser)) <= 120
    browser.run("const s = document.getElementById('fold'); s.value = '1'; s.dispatchEvent(new Event('change'))")
    wait(browser, "wengertView.fold.name === 'loop' && wengertView.scene.standing.length === wengertView.tape.count")
    assert len(boxes(browser)) <= 100


def test_difference_is_painted(browser, tmp_path):
    browser.open(view(recurrent(3), recurrent(4), tmp_path / "graph.html"))
    assert "only after" in panel(browser)
    assert browser.run("wengertView.tape.states.filter(s => s === 2).length") == 5  # mm, add, tanh, mul, sum
    legend = browser.run("document.getElementById('legend').innerText")
    assert "only before" in legend and "changed" in legend
    assert {"+ Mm", "≠ Mean"} <= set(boxes(browser))  # told by signs too, not by colours alone
    edges = browser.run("wengertView.scene.edges.map(e => [wengertView.scene.boxes[e.to].lines[0], e.change])")
    assert ["+ Mm", 2] in edges and ["Tanh", 0] in edges


def test_dark_and_light(browser, tmp_path):
    browser.open(view(small(), tmp_path / "graph.html"), "#theme=dark")
    dark = browser.run("getComputedStyle(document.body).backgroundColor")
    browser.run("document.getElementById('theme').click()")
    assert browser.run("getComputedStyle(document.body).backgroundColor") != dark


def test_large_graphs_open_folded_and_can_be_unfolded(browser, tmp_path):
    path = view(recurrent(2000), tmp_path / "graph.html")
    assert browser.open(path) < 20
    assert len(boxes(browser)) < 60
    browser.run("document.getElementById('open-all').click()")
    wait(browser, "wengertView.scene.boxes.length > 9000")
    assert browser.run("wengertView.scene.placer") == "rows"
    overlapping = browser.run(
        """(() => {
            const rows = new Map();
            for (const b of wengertView.scene.boxes) { if (!rows.has(b.y)) rows.set(b.y, []); rows.get(b.y).push(b); }
            let found = 0;
            for (const row of rows.values()) {
                row.sort((a, b) => a.x - b.x);
                const left = b => b.x - b.w / 2, right = b => b.x + b.w / 2;
                for (let k = 1; k < row.length; k++) if (left(row[k]) < right(row[k - 1]) - 0.01) found++;
            }
            return found;
        })()"""
    )
    assert overlapping == 0


def press(browser, *keys):
    """Press keys, one after the other."""
    for key in keys:
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            browser.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, **(text if kind == "keyDown" else {}))


def test_the_keyboard_reaches_every_box_and_folds(browser, tmp_path):
    def said():
        return browser.run("document.getElementById('said').textContent")

    browser.open(view(recurrent(3), tmp_path / "graph.html"))
    browser.run("document.getElementById('canvas').focus()")
    press(browser, "ArrowDown")
    assert said().startswith("MmBackward0, float32[2, 3]")
    press(browser, "ArrowDown", "ArrowDown")
    assert said().startswith("TanhBackward0")
    press(browser, "ArrowUp")
    assert said().startswith("AddBackward0")
    press(browser, "Backspace")
    assert said() == "test_view_page.py:36, 3 nodes, unfolded"
    count = len(boxes(browser))
    press(browser, "Enter")
    wait(browser, f"wengertView.scene.boxes.length < {count}")
    assert said() == "test_view_page.py:36, 3 nodes, folded"
    press(browser, "Enter")
    wait(browser, f"wengertView.scene.boxes.length === {count}")
    seen, before = set(), None
    press(browser, "Escape")
    while before != said():
        before = said()
        seen.add(before)
        press(browser, "ArrowDown")
    assert any(name.startswith("MeanBackward0") for name in seen)
    x, y = middle(browser, "Mean")
    assert 0 < x < 1040 and 44 < y < 900  # the window followed


def test_text_can_be_read_in_both_themes(browser, tmp_path):
    """Contrasts as WCAG 2.2 asks for: 4.5 for text, 3 for what is drawn."""
    browser.open(view(small(), tmp_path / "graph.html"))
    fills = ("ground", "surface", "node", "leaf", "group", "output", "added", "removed", "changed", "mark")
    for theme in ("light", "dark"):
        if browser.run("document.documentElement.dataset.theme") != theme:
            browser.run("document.getElementById('theme').click()")
        colours = {
            name: browser.run(f"getComputedStyle(document.documentElement).getPropertyValue('--{name}').trim()")
            for name in ("ink", "faint", "bad", "accent", "edge", "edge-added", "edge-removed", *fills)
        }
        for fill in fills:
            assert contrast(colours["ink"], colours[fill]) >= 7, (theme, fill)
            if fill not in ("added", "removed", "changed", "mark"):
                assert contrast(colours["faint"], colours[fill]) >= 4.5, (theme, fill)
        for text in ("bad", "accent"):
            assert contrast(colours[text], colours["surface"]) >= 4.5, (theme, text)
        for line in ("edge", "edge-added", "edge-removed"):
            assert contrast(colours[line], colours["ground"]) >= 3, (theme, line)


def contrast(a, b):
    """Ratio of the luminances of two colours."""
    lights = []
    for colour in (a, b):
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
        lights.append(0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
    return max(lights) / min(lights)


def test_groups_that_look_alike_are_open_together(browser, tmp_path):
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(layer, 2)
    browser.open(view(model=model, inputs=torch.ones(2, 3, 8), path=tmp_path / "graph.html"))
    opened = browser.run(
        """wengertView.fold.labels.map((l, g) => [wengertView.tape.words[l], wengertView.fold.open[g]])"""
    )
    layers = [{name.split(f".{k}.")[1]: o for name, o in opened if f".layers.{k}." in name} for k in (0, 1)]
    assert layers[0] == layers[1] and layers[0]


def test_boxes_and_frames_of_graphviz_do_not_overlap(browser, tmp_path):
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(layer, 2)
    browser.open(view(model=model, inputs=torch.ones(2, 3, 8), path=tmp_path / "graph.html"), "#open=all")
    assert browser.run("wengertView.scene.placer") == "Graphviz"
    rows = browser.run("wengertView.scene.boxes.map(b => [b.x - b.w / 2, b.y - b.h / 2, b.x + b.w / 2, b.y + b.h / 2])")
    assert len(rows) == 84
    for turn, (x0, y0, x1, y1) in enumerate(rows):
        assert all(x1 < a0 or a1 < x0 or y1 < b0 or b1 < y0 for a0, b0, a1, b1 in rows[:turn])
    frames = browser.run("wengertView.scene.clusters.map(c => [c.x0, c.y0, c.x1, c.y1])")
    for x0, y0, x1, y1 in rows:  # a frame holds a box with its title above it, or leaves it outside
        for a0, b0, a1, b1 in frames:
            inside = a0 < x0 and x1 < a1 and b0 + 20 < y0 and y1 < b1
            assert inside or x1 < a0 or a1 < x0 or y1 < b0 or b1 < y0


def test_everything_fits_or_the_beginning_is_shown(browser, tmp_path):
    browser.open(view(recurrent(2000), tmp_path / "graph.html"), "#open=all&fit")
    painted = browser.run(
        """(() => {
            const pen = document.getElementById("canvas").getContext("2d"), found = new Set();
            const { data } = pen.getImageData(0, 0, 1000, 700);
            for (let k = 0; k < data.length; k += 4) found.add(data[k] * 65536 + data[k + 1] * 256 + data[k + 2]);
            return found.size;
        })()"""
    )
    assert painted > 3
