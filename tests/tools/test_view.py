"""The graph as a page: what `tools.view` finds on a tape, how it folds it, what it tells of two."""

from __future__ import annotations

import base64
import json
import re
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wengert as torch
from tests.docs.test_examples_run import blocks, printed
from wengert import nn
from wengert.__main__ import main
from wengert.autograd import graph
from wengert.tools import view
from wengert.tools.view_difference import ADDED, CHANGED, REMOVED, SAME, aligned, shortest_edit
from wengert.tools.view_folds import folds_of, paths_from_parameters
from wengert.tools.view_tape import tape_of_graph, tape_of_tensors


def content(path):
    """What a page knows."""
    with open(path, encoding="utf-8") as file:
        packed = re.search(r'id="tape">([^<]*)<', file.read()).group(1)
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def column(page, name):
    """A column of words."""
    return [page["words"][k] for k in page[name]]


def recurrent(steps):
    w = torch.ones(3, 3, requires_grad=True)
    h = torch.zeros(2, 3)
    for _ in range(steps):
        h = torch.tanh(h @ w)
        h = h * 0.5
    return h.sum()


def test_page_names_forms_lines_and_bytes(tmp_path):
    x = torch.ones(4, 3, requires_grad=True)
    y = (torch.tanh(x) * 2).sum()
    page = content(view(y, tmp_path / "graph.html"))
    assert column(page, "name") == ["x", "TanhBackward0", "MulBackward0", "SumBackward0"]
    assert column(page, "form") == ["float32[4, 3]"] * 3 + ["float32[]"]
    assert page["leaf"] == [0]
    assert page["inputs"] == [1, 1, 1] and page["degree"] == [0, 1, 1, 1]
    assert page["size"][1] == 4 * 3 * 4  # tanh keeps its result
    file, number, function = page["lines"][page["line"][1]]
    assert page["words"][file] == __file__ and page["words"][function] == "test_page_names_forms_lines_and_bytes"
    assert "torch.tanh(x) * 2" in page["words"][page["sources"][__file__][str(number)]]


def test_memory_kept_by_two_nodes_and_by_leaves_counts_once():
    x = torch.ones(10, requires_grad=True)
    a = torch.exp(x)
    tape = tape_of_tensors([(a * a + x * x).sum()])
    assert sum(node.size for node in tape.nodes) == 40  # the result of exp, saved by exp and by mul
    shared = [part for node in tape.nodes for part in node.saved if part[3]]
    assert len(shared) >= 3


def test_a_live_tape_and_its_file_look_the_same(tmp_path):
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    y = (model(torch.ones(4, 3)) ** 2).mean()
    torch.save(y, tmp_path / "y.pt")
    live, stored = tape_of_tensors([y]), tape_of_graph(graph.load(tmp_path / "y.pt"))
    for a, b in zip(live.nodes, stored.nodes, strict=True):
        assert (a.name, a.inputs, a.form, a.size, a.marks) == (b.name, b.inputs, b.form, b.size, b.marks)
        assert (a.line < 0) == (b.line < 0) and (a.line < 0 or live.lines[a.line] == stored.lines[b.line])


def test_forms_are_those_of_the_outputs():
    x = torch.ones(4, 3, requires_grad=True)
    w = torch.ones(3, 2, requires_grad=True)
    steps = [x @ w]
    steps.append(steps[-1] + torch.ones(4, 2))
    steps.append(torch.relu(steps[-1]))
    steps.append(steps[-1].reshape(8))
    steps.append(steps[-1].to(torch.float64))
    steps.append(steps[-1].mean())
    tape = tape_of_tensors([steps[-1]])
    forms = [node.form for node in tape.nodes if not node.leaf]
    for form, step in zip(forms, steps, strict=True):
        assert form in ("", f"{str(step.dtype).removeprefix('torch.')}{list(step.shape)}")
    assert forms.count("") == 0


def test_gradient_norms_are_those_that_arrive_and_grad_is_untouched(tmp_path):
    x = torch.tensor([3.0, 4.0], requires_grad=True)
    y = x * 2
    z = (y * y).sum()
    page = content(view(z, tmp_path / "graph.html", gradients=True))
    assert x.grad is None
    names = dict(zip(column(page, "name"), page["norms"]))
    assert names["SumBackward0"] == 1.0
    assert page["norms"][1] == pytest.approx(float((2 * y).norm().item()), rel=1e-3)
    assert names["x"] == pytest.approx(float((4 * y).norm().item()), rel=1e-3)
    z.backward()  # the tape is kept
    assert x.grad.tolist() == [24.0, 32.0]


def test_norms_are_absent_unless_asked_for(tmp_path):
    assert content(view(recurrent(1), tmp_path / "graph.html"))["norms"] is None


def test_nan_and_inf_are_marked_where_they_arise(tmp_path):
    x = torch.tensor([0.0, 1.0], requires_grad=True)
    bad = torch.exp(torch.log(x) * 0)  # log(0) = -inf, -inf * 0 = nan
    page = content(view(bad.sum(), tmp_path / "graph.html", gradients=True))
    names = column(page, "name")
    assert page["marks"][str(names.index("ExpBackward0"))] & 1
    assert page["marks"][str(names.index("x"))] & 4  # its gradient is NaN too
    fine = content(view(torch.exp(x).sum(), tmp_path / "fine.html"))
    assert not any(mark & 15 for mark in fine["marks"].values())


def test_freed_tape_can_still_be_seen(tmp_path):
    y = recurrent(2)
    y.backward()
    page = content(view(y, tmp_path / "graph.html"))
    assert sum(mark & 16 > 0 for mark in page["marks"].values()) >= 2


def test_views_writes_and_custom_functions_are_shown(tmp_path):
    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            ctx.handler = lambda: None  # what no file could hold
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = torch.ones(4, requires_grad=True)
    y = Twice.apply(x)
    y[1:3] = y[0:2].detach() * 3
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        z = (y.view(2, 2) ** 2).sum()
    names = column(content(view(z, tmp_path / "graph.html")), "name")
    assert {"TwiceBackward", "CopySlices", "PowBackward0"} <= set(names)


# ---------------------------------------------------------------- folding


def members(fold):
    """Labels of groups -> how many nodes are directly inside."""
    return {label: sum(of == group for of in fold.of) for group, label in enumerate(fold.labels)}


def test_loops_are_found_as_passes():
    folds = {fold.name: fold for fold in folds_of(tape_of_tensors([recurrent(20)]))}
    found = members(folds["loop"])
    assert "loop of 20 passes" in found
    assert sum(label.startswith("pass ") for label in found) == 20


def test_loops_inside_of_loops():
    x = torch.ones(3, requires_grad=True)
    for _ in range(4):
        for _ in range(7):
            x = torch.tanh(x) * 2
        x = torch.exp(x)
        x = torch.sin(x)
    fold = folds_of(tape_of_tensors([x.sum()]))[0]
    outer = fold.labels.index("loop of 4 passes")
    inner = [group for group, label in enumerate(fold.labels) if label == "loop of 7 passes"]
    assert len(inner) == 4
    for group in inner:
        while group not in (outer, 0):
            group = fold.parents[group]
        assert group == outer


def test_every_fold_is_a_tree_that_holds_every_node_once():
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)
    for tensor in (recurrent(300), (model(torch.ones(2, 3, 8)) ** 2).sum()):
        tape = tape_of_tensors([tensor])
        folds = folds_of(tape, paths_from_parameters(tape))
        for fold in folds:
            assert fold.parents[0] == -1 and all(
                0 <= parent < group for group, parent in enumerate(fold.parents) if group
            )
            assert len(fold.of) == len(tape) and all(0 <= group < len(fold.parents) for group in fold.of)
            inside = [0] * len(fold.parents)
            for group in (*fold.of, *fold.parents[1:]):
                inside[group] += 1
            assert all(inside) and max(inside) <= 120


def test_modules_from_names_of_parameters():
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    tape = tape_of_tensors([model(torch.ones(4, 3)).sum()], {f"net.{k}": v for k, v in model.named_parameters()})
    paths = dict(zip([node.name for node in tape.nodes], paths_from_parameters(tape)))
    assert paths["ReluBackward0"] == "net" and paths["AddmmBackward0"] == "net.2" and paths["SumBackward0"] == ""


def test_what_prepares_for_a_module_belongs_to_it():
    blocks = nn.ModuleList([nn.TransformerEncoderLayer(8, 2, 16, batch_first=True) for _ in range(3)])
    x = torch.ones(2, 3, 8)
    for block in blocks:
        x = block(x)
    tape = tape_of_tensors([x.sum()], {f"blocks.{k}": v for k, v in blocks.named_parameters()})
    outside = [
        node.name
        for node, path in zip(tape.nodes, paths_from_parameters(tape))
        if not node.leaf and not path.startswith("blocks.")
    ]
    # What stands before the first block and after the last is nobody's.
    assert outside.count("SumBackward0") == 1 and len(outside) == 1, outside


def test_modules_as_they_ran(tmp_path):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.act = nn.Linear(3, 3), nn.Tanh()

        def forward(self, x):
            return self.act(self.first(x)) + x

    model = nn.Sequential(Block(), Block())
    x = torch.ones(2, 3)
    page = content(view(model=model, inputs=x, path=tmp_path / "graph.html"))
    fold = page["folds"][0]
    assert fold["name"] == "module"
    names, labels = column(page, "name"), [page["words"][k] for k in fold["labels"]]
    where = [labels[group] for group in fold["of"]]
    assert [w for n, w in zip(names, where) if n == "TanhBackward0"] == ["Sequential.0.act", "Sequential.1.act"]
    assert [w for n, w in zip(names, where) if n == "AddBackward0"] == ["Sequential.0", "Sequential.1"]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


# ---------------------------------------------------------------- two tapes


def test_difference_of_two_tapes(tmp_path):
    def model(x, extra):
        y = torch.tanh(x)
        if extra:
            y = torch.sin(y)
        return (y * 2).sum()

    x = torch.ones(3, requires_grad=True)
    page = content(view(model(x, False), model(x, True), tmp_path / "graph.html"))
    states = dict(zip(column(page, "name"), page["states"]))
    assert states["SinBackward0"] == ADDED and states["TanhBackward0"] == SAME and states["x"] == SAME
    assert states["MulBackward0"] == CHANGED  # it reads another node
    place = column(page, "name").index("MulBackward0")
    assert page["rewired"] == {str(place): [ADDED, REMOVED]}
    back = content(view(model(x, True), model(x, False), tmp_path / "back.html"))
    assert dict(zip(column(back, "name"), back["states"]))["SinBackward0"] == REMOVED


def test_difference_tells_shapes_attributes_and_values(tmp_path):
    x = torch.ones(3, requires_grad=True)
    page = content(view(torch.exp(x).sum(), torch.exp(x + 1).sum(), tmp_path / "graph.html"))
    remarks = "\n".join(page["remarks"].values())
    assert "value: 3 of 3 elements differ" in remarks
    wide = torch.ones(4, 3, requires_grad=True)
    page = content(view(wide.sum(0), wide.sum(1), tmp_path / "shape.html"))
    remarks = "\n".join(page["remarks"].values())
    assert "dim = (0,)" in remarks.replace("dim = 0", "dim = (0,)") and "float32[3]  →  float32[4]" in remarks
    same = content(view(torch.exp(x).sum(), torch.exp(x).sum(), tmp_path / "same.html"))
    assert not same["remarks"] and not any(same["states"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(0, 3), max_size=12))
def test_alignment_is_a_shortest_edit(a, b):
    pairs = aligned(a, b)
    assert [i for i, _ in pairs if i is not None] == list(range(len(a)))
    assert [j for _, j in pairs if j is not None] == list(range(len(b)))
    assert all(a[i] == b[j] for i, j in pairs if i is not None and j is not None)
    common = np.zeros((len(a) + 1, len(b) + 1), int)
    for i in range(len(a)):
        for j in range(len(b)):
            common[i + 1, j + 1] = common[i, j] + 1 if a[i] == b[j] else max(common[i, j + 1], common[i + 1, j])
    assert sum(i is not None and j is not None for i, j in pairs) == common[-1, -1]


def test_long_sequences_are_compared_in_stretches():
    a, b = list(range(4000)), list(range(4000, 8000))
    pairs = shortest_edit(a, b)
    assert len(pairs) == 8000 and all(i is None or j is None for i, j in pairs)
    body = ["mm", "add", "tanh", "mul", "sum", "add"]
    pairs = shortest_edit(body * 2000, [*body[:3], "sin", *body[3:]] * 2000)
    assert [i for i, _ in pairs if i is not None] == list(range(12000))
    assert [j for _, j in pairs if j is not None] == list(range(14000))
    assert sum(i is None for i, _ in pairs) == 2000  # one more in each pass


# ---------------------------------------------------------------- use and misuse


def test_page_needs_no_network_and_escapes_what_it_shows(tmp_path):
    x = torch.ones(2, requires_grad=True)
    path = view((x * 2).sum(), tmp_path / "graph.html", names={"</script><b>": x}, title="<i>a & b</i>")
    text = (tmp_path / "graph.html").read_text(encoding="utf-8")
    assert path == str(tmp_path / "graph.html")
    assert "<title>&lt;i&gt;a &amp; b&lt;/i&gt;</title>" in text
    assert "</script><b>" not in text and "default-src 'none'" in text
    assert not re.search(r'(src|href)="', text.replace('href=\\"', ""))
    assert len(text) < 3_000_000


def test_sources_of_other_files_are_not_read(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("password", encoding="utf-8")
    x = torch.ones(2, requires_grad=True)
    recorded = graph.record((x * 2).sum())
    recorded.lines = [(str(secret), 1, "f") for _ in recorded.lines]
    assert "password" not in content(view(recorded, tmp_path / "graph.html"))["words"]


def test_graph_of_a_file_and_gradients_of_it(tmp_path):
    x = torch.tensor([3.0, 4.0], requires_grad=True)
    torch.save((x * x).sum(), tmp_path / "y.pt")
    page = content(view(tmp_path / "y.pt", tmp_path / "graph.html", gradients=True))
    assert column(page, "name") == ["x", "MulBackward0", "SumBackward0"]
    assert page["norms"][0] == 10.0
    assert x.grad is None


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: view(), "one or two graphs"),
        (lambda: view(1), "a tensor with history"),
        (lambda: view(torch.ones(2)), "has no history"),
        (lambda: view(torch.ones(2), inputs=1), "model that is a module"),
        (lambda: view(*[recurrent(1)] * 3), "one or two graphs"),
        (lambda: view(recurrent(1), "a.html", path="b.html"), "given twice"),
    ],
)
def test_misuse(call, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TypeError, match=words):
        call()
    assert not list(tmp_path.iterdir())


def test_command(tmp_path, capsys):
    for name, steps in (("a.pt", 2), ("b.pt", 3)):
        torch.save(recurrent(steps), tmp_path / name)
    assert main(["view", str(tmp_path / "a.pt")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "a.html")
    assert "states" not in content(tmp_path / "a.html")
    both = [str(tmp_path / name) for name in ("a.pt", "b.pt")]
    assert main(["view", *both, "-o", str(tmp_path / "both.html"), "--gradients"]) == 0
    page = content(tmp_path / "both.html")
    assert ADDED in page["states"] and page["norms"] is not None


def test_command_misuse(tmp_path, capsys):
    (tmp_path / "broken.pt").write_bytes(b"PK\x03\x04 no graph")
    assert main(["view", str(tmp_path / "broken.pt")]) == 1
    assert main(["view", str(tmp_path / "absent.pt")]) == 1
    assert "absent.pt" in capsys.readouterr().err
    assert main(["view"]) == 2 and main(["view", "--wrong", "x"]) == 2


def test_the_documents_program_runs(tmp_path, monkeypatch):
    text = (Path(__file__).resolve().parents[2] / "docs/viewer.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "example"}
    for code, wanted in blocks(text):
        assert printed(code, names) == wanted
        assert (tmp_path / wanted.strip()).stat().st_size > 1000


def test_hooks_of_the_program_give_no_warning(tmp_path):
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        view(y.sum(), tmp_path / "graph.html")
