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
    browser.open(view(recurrent(20), tmp_path / "graph.html"))
    assert "▸ loop of 20 passes" in boxes(browser)
    browser.click(*middle(browser, "loop of 20"), times=2)
    wait(browser, "wengertView.scene.boxes.length >= 20")
    assert "▸ pass 1" in boxes(browser)
    frames = browser.run("wengertView.scene.clusters.length")
    assert frames >= 1
    browser.run("[...document.querySelectorAll('#panel button')][0].click()")
    wait(browser, "wengertView.scene.boxes.length < 20")
    assert "▸ loop of 20 passes" in boxes(browser)


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
    assert (
        "NAN OR INF, THE EARLIEST FIRST" in told.upper() and "LogBackward0" not in told.split("NaN in")[0].split("%")[0]
    )
    assert "ExpBackward0" in told and "NaN in its value" in told
    assert "NaN or Inf" in browser.run("document.getElementById('legend').innerText")


def test_modules_fold(browser, tmp_path):
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(layer, 6)
    browser.open(view(model=model, inputs=torch.ones(2, 3, 8), path=tmp_path / "graph.html"))
    assert browser.run("document.getElementById('fold').selectedOptions[0].textContent") == "modules"
    assert 5 < len(boxes(browser)) <= 60
    browser.run("const s = document.getElementById('fold'); s.value = '1'; s.dispatchEvent(new Event('change'))")
    wait(browser, "wengertView.fold.name === 'loop' && wengertView.scene.standing.length === wengertView.tape.count")
    assert len(boxes(browser)) <= 100


def test_difference_is_painted(browser, tmp_path):
    browser.open(view(recurrent(3), recurrent(4), tmp_path / "graph.html"))
    assert "only after" in panel(browser)
    assert browser.run("wengertView.tape.states.filter(s => s === 2).length") == 5  # mm, add, tanh, mul, sum
    legend = browser.run("document.getElementById('legend').innerText")
    assert "only before" in legend and "changed" in legend


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
                for (let k = 1; k < row.length; k++) if (row[k].x - row[k].w / 2 < row[k - 1].x + row[k - 1].w / 2 - 0.01) found++;
            }
            return found;
        })()"""
    )
    assert overlapping == 0
