"""Graph files that are cut short, damaged, or written to do harm: a clear error, nothing run, nothing half loaded."""

import copy
import io
import json
import struct
import sys
import zipfile

import numpy as np
import pytest

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from tests.backend import torch, wengert_only  # noqa: E402

pytestmark = wengert_only
graph = torch.autograd.graph
from wengert.core.base.errors import WengertError  # noqa: E402


class Tripled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, n):
        ctx.n, ctx.note = n, {"a": [1, (2.5, None)]}
        ctx.save_for_backward(x)
        return x * n

    @staticmethod
    def backward(ctx, g):
        ran.append("backward")
        return g * ctx.n, None


ran: list[str] = []


def program(x, w):
    h = torch.tanh(x @ w) + x
    h[0].mul_(2)
    parts = torch.stack([h[1], h[0]]).unbind()
    kept = torch.nn.functional.layer_norm(h, (3,))
    return (Tripled.apply(parts[0], 3).exp() * kept[torch.tensor([1, 0])]).sum() + torch.linalg.qr(w)[1].sum()


torch.manual_seed(0)
X, W = torch.rand(3, 3, requires_grad=True), torch.rand(3, 3, requires_grad=True)
BIG = torch.rand(64, 64, requires_grad=True)


def file_of(y):
    file = io.BytesIO()
    torch.save(y, file)
    return file.getvalue()


GOOD = file_of((program(X, W), (BIG * BIG).sum()))
RECORDS = {
    info.filename: zipfile.ZipFile(io.BytesIO(GOOD)).read(info) for info in zipfile.ZipFile(io.BytesIO(GOOD)).infolist()
}
STRUCTURE = json.loads(RECORDS["graph/graph.json"])
COUNT = len(STRUCTURE["values"])


def archive(records, **options):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as made:
        for name, data in records.items():
            made.writestr(name, data)
    return file.getvalue()


def with_structure(structure):
    text = structure if isinstance(structure, (str, bytes)) else json.dumps(structure)
    return archive({**RECORDS, "graph/graph.json": text})


def load(data):
    return torch.load(io.BytesIO(data))


seen: list[str] = []
watching: list[bool] = []
WATCHED = ("exec", "import", "pickle.", "os.", "subprocess.", "socket.", "shutil.", "ctypes.", "open", "marshal.")


def audit(event, arguments):
    if watching and event.startswith(WATCHED):
        seen.append(f"{event} {arguments!r:.200}")


sys.addaudithook(audit)


def attempt(data):
    """What loading gives, or the error; checks that nothing ran and that no living leaf was touched."""
    seen.clear()
    ran.clear()
    before = (X._array.tobytes(), X._flags, X._node._extra, X.grad)
    watching.append(True)
    try:
        return load(data)
    except (WengertError, EOFError) as error:
        return error
    finally:
        watching.clear()
        assert seen == [] and ran == []
        assert before == (X._array.tobytes(), X._flags, X._node._extra, X.grad)


def values(loaded):
    return [(tuple(x.shape), x.detach()._array.tobytes()) for x in loaded]


def test_the_good_file_is_good():
    assert values(load(GOOD)) == values(load(archive(RECORDS))) == values((program(X, W), (BIG * BIG).sum()))
    loaded = graph.load(io.BytesIO(GOOD)).restore()
    mine = torch.autograd.grad(program(X, W), [X, W])
    theirs = torch.autograd.grad(loaded[0], list(graph.leaves(*loaded).values())[:2])
    assert values(mine) == values(theirs)
    assert values(attempt(GOOD)) == values(loaded)


@given(st.integers(0, len(GOOD) - 1))
@settings(max_examples=150, deadline=None)
def test_a_file_that_is_cut_short(length):
    assert isinstance(attempt(GOOD[:length]), (WengertError, EOFError))


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 7)), min_size=1, max_size=4))
@settings(max_examples=400, deadline=None)
def test_flipped_bits(flips):
    data = bytearray(GOOD)
    for place, bit in flips:
        data[place] ^= 1 << bit
    found = attempt(bytes(data))
    if not isinstance(found, Exception):
        assert values(found) == values(load(GOOD))


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 30), st.sampled_from([-1, 2**31, 2**63, 2**70, 10**30, -(2**65)]),
    st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8), st.just("os.system"), st.just([]),
    st.just({}), st.lists(st.integers(-2, 2**40), max_size=4), st.just({"tensor": 3}), st.just({"dtype": "float32"}),
    st.just([[[]]]),
)  # fmt: skip


def places(x, path=()):
    """Every place of a JSON tree."""
    yield path
    for key, inner in x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, list) else ():
        yield from places(inner, (*path, key))


PLACES = [path for path in places(STRUCTURE) if path]


@given(st.lists(st.tuples(st.sampled_from(PLACES), JUNK, st.booleans()), min_size=1, max_size=3))
@settings(max_examples=1500, deadline=None)
def test_any_part_of_the_structure_replaced_or_taken_away(changes):
    structure = copy.deepcopy(STRUCTURE)
    for path, value, drop in changes:
        at = structure
        try:
            for key in path[:-1]:
                at = at[key]
            if drop:
                del at[path[-1]]
            else:
                at[path[-1]] = copy.deepcopy(value)
        except (KeyError, IndexError, TypeError):
            continue
    attempt(with_structure(structure))


@given(st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_anything_in_place_of_the_structure(data):
    assert isinstance(attempt(archive({**RECORDS, "graph/graph.json": data})), WengertError)


def changed(**changes):
    return with_structure({**STRUCTURE, **changes})


def with_node(kind, **changes):
    nodes = copy.deepcopy(STRUCTURE["nodes"])
    next(node for node in nodes if node["kind"] == kind).update(changes)
    return changed(nodes=nodes)


CYCLE = copy.deepcopy(STRUCTURE["nodes"])
for number, node in enumerate(CYCLE):
    if node["kind"] == "operator":
        node["inputs"] = [[number + 1, 0] if edge else edge for edge in node["inputs"]]


def header(text, data=b"\0" * 64):
    raw = text.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(raw)) + raw + data


def with_numbers(data):
    name = next(name for name in RECORDS if name.startswith("graph/large"))
    return archive({**RECORDS, name: data})


HOSTILE = {
    "wrong version": (changed(version=2), "version '2' of the format"),
    "another format": (changed(format="else"), "does not begin as a graph"),
    "a circle of edges": (changed(nodes=CYCLE), "an edge to an earlier node"),
    "unknown operator": (with_node("operator", operator="system"), "operator 'system', which this library has not"),
    "composite operator": (with_node("operator", operator="einsum"), "operator 'einsum', which"),
    "unknown function": (with_node("function", operator="os.system"), "no autograd.Function"),
    "evil function": (with_node("function", operator="builtins.eval"), "no autograd.Function"),
    "function to import": (with_node("function", operator="antigravity.Fly"), "which is not there"),
    "method of the context": (
        with_node("function", state={"context": {"vjp": 1}, "needs": [], "places": None, "fits": []}),
        "attribute 'vjp'",
    ),
    "absurd shape": (changed(values=[[0, 0, [2**40, 2**40], None, "float32"]] * COUNT), "is absurd"),
    "absurd size": (changed(pieces=[["float32", 2**40, 0]] * len(STRUCTURE["pieces"])), "reaches past the end"),
    "memory out of reach": (changed(values=[[0, 2**20, [2], None, "float32"]] * COUNT), "outside of its"),
    "strides out of reach": (changed(values=[[0, 0, [9], [-4], "float32"]] * COUNT), "outside of its"),
    "objects": (with_numbers(header("{'descr': '|O', 'fortran_order': False, 'shape': (4096,), }\n")), "holds object"),
    "absurd header": (
        with_numbers(header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }\n")),
        "its header names",
    ),
    "code in a header": (with_numbers(header("__import__('os').system('true')\n")), "the graph file is damaged"),
    "deep nesting": (with_structure("[" * 100_000 + "]" * 100_000), "the graph file is damaged"),
    "infinities": (with_structure(json.dumps(STRUCTURE).replace('"version": 1', '"version": Infinity')), "Infinity"),
    "compressed": (archive(RECORDS, compression=zipfile.ZIP_DEFLATED), "compressed"),
    "a zip bomb": (archive({"graph/graph.json": b" " * 10**7}, compression=zipfile.ZIP_DEFLATED), "compressed"),
    "outside of the folder": (archive({**RECORDS, "../../etc/passwd": b"x"}), "outside of the folder"),
    "an absolute path": (archive({**RECORDS, "/etc/passwd": b"x"}), "outside of the folder"),
    "a record that is missing": (archive({"graph/graph.json": RECORDS["graph/graph.json"]}), "file not found"),
}  # fmt: skip


@pytest.mark.parametrize("fault", HOSTILE)
def test_a_hostile_file_is_refused_with_words(fault):
    data, words = HOSTILE[fault]
    found = attempt(data)
    assert isinstance(found, WengertError) and words in str(found), repr(found)


def test_a_name_that_is_none_cannot_be_a_node():
    found = attempt(with_node("operator", name="A\n  File 'x'"))
    assert isinstance(found, WengertError) and "cannot be named" in str(found)


def test_numbers_that_numpy_does_not_know_are_exact():
    x = torch.tensor([1.0, 3.0, 2.5], dtype=torch.bfloat16, requires_grad=True)
    data = file_of((x * x).sum())
    name = next(n for n in zipfile.ZipFile(io.BytesIO(data)).namelist() if "bfloat16" in n)
    assert np.load(io.BytesIO(zipfile.ZipFile(io.BytesIO(data)).read(name))).dtype == np.uint16
    load(data).backward()
    assert x.grad.tolist() == [2.0, 6.0, 5.0]


def test_a_file_from_a_machine_of_the_other_byte_order():
    other = "big" if sys.byteorder == "little" else "little"
    records = {}
    for name, data in RECORDS.items():
        if name.endswith(".npy"):
            array = np.load(io.BytesIO(data))
            file = io.BytesIO()
            np.save(file, array.byteswap().view(array.dtype.newbyteorder()))
            data = file.getvalue()
        records[name] = data
    records["graph/graph.json"] = json.dumps({**STRUCTURE, "byteorder": other})
    assert values(load(archive(records))) == values(load(GOOD))
